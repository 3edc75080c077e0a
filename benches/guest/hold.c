/* hold N: touches N pages, says so, and holds them until its standard input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

int main(int argc, char **argv) {
    long pages = argc > 1 ? atol(argv[1]) : 0;
    if (pages <= 0) return 2;
    unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 3;
    memset(memory, 0x5a, pages * PAGE);
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    for (long i = 0; i < pages; i++)
        if (memory[i * PAGE] != 0x5a) return 1;
    return 0;
}
