/* map_touch N: maps a page, writes to it and unmaps it, N times; prints the nanoseconds that one page took.
   Exits with 1 when a page was not zero before. */
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
    double start = now();
    for (long i = 0; i < pages; i++) {
        volatile unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return 3;
        if (*page != 0) return 1;
        *page = 1;
        if (munmap((void *)page, PAGE) != 0) return 3;
    }
    printf("%ld pages %.1f ns\n", pages, (now() - start) / pages);
    return 0;
}
