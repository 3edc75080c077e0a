/* touch N: maps N fresh pages, writes to each, prints the nanoseconds that one took.
   Exits with 1 when a page was not zero before, or does not hold what was written. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
    long pages = argc > 1 ? atol(argv[1]) : 0;
    if (pages <= 0) return 2;
    unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 3;
    /* Pages of the base size natively too: this compares page by page. */
    madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
    double start = now();
    for (long i = 0; i < pages; i++) {
        volatile unsigned char *byte = memory + i * PAGE + i % PAGE;
        if (*byte != 0) return 1;
        *byte = 1 + i % 255;
    }
    double end = now();
    for (long i = 0; i < pages; i++)
        if (memory[i * PAGE + i % PAGE] != 1 + i % 255) return 1;
    printf("%ld pages %.1f ns\n", pages, (end - start) / pages);
    return 0;
}
