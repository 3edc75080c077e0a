/* null_call N: makes N system calls that do nothing, prints the nanoseconds that one took.
   Exits with 1 when a call answers otherwise than the first. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (count <= 0) return 2;
    long expected = syscall(SYS_getppid);
    double start = now();
    for (long i = 0; i < count; i++)
        if (syscall(SYS_getppid) != expected) return 1;
    printf("%ld calls %.1f ns\n", count, (now() - start) / count);
    return 0;
}
