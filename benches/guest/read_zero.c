/* read_zero N: reads 64 KiB of /dev/zero N times, prints the nanoseconds that one read took.
   Exits with 1 when a read is short, or a byte of the last one is not zero. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64 << 10 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
    static unsigned char buffer[SIZE];
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (count <= 0) return 2;
    int zero = open("/dev/zero", O_RDONLY);
    if (zero < 0) return 3;
    memset(buffer, 0x5a, SIZE);
    double start = now();
    for (long i = 0; i < count; i++)
        if (read(zero, buffer, SIZE) != SIZE) return 1;
    double end = now();
    for (long i = 0; i < SIZE; i++)
        if (buffer[i] != 0) return 1;
    printf("%ld reads %.1f ns\n", count, (end - start) / count);
    return 0;
}
