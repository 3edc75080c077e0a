// Executes one instruction that goes around the system-call door, named by its first argument.
#include "guest.h"
#include <fcntl.h>

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    static char path[] = "outside";
    long result = -ENOSYS;
#define HOW(name) if (strcmp(how, name) == 0)
    // 32-bit call 8 is creat; the path lies below 4 GiB in a static program.
    HOW("int80") asm volatile("int $0x80" : "=a"(result) : "a"(8), "b"(path), "c"(0666) : "memory", "r8", "r9", "r10", "r11");
    // 32-bit call 1 is exit.
    HOW("int80-exit") asm volatile("int $0x80" : "=a"(result) : "a"(1), "b"(55) : "memory", "r8", "r9", "r10", "r11");
    HOW("sysenter") asm volatile("mov $8, %%eax; sysenter" ::"b"(path), "c"(0666) : "rax", "rdx", "memory");
    HOW("vsyscall-time") result = ((long (*)(long *))0xffffffffff600400)(0) > 1000000000 ? 1 : 0;
    HOW("vsyscall-gettimeofday") result = ((long (*)(long *, long *))0xffffffffff600000)(0, 0);
    HOW("vsyscall-middle") result = ((long (*)(void))0xffffffffff600123)();
    HOW("vsyscall-read") result = *(volatile char *)0xffffffffff600000;
    // The last page of user space, where a stub would be.
    HOW("top-write") *(volatile char *)0x7fffffffe000 = 1;
    HOW("top-call") result = ((long (*)(void))0x7fffffffe000)();
    say("%s: %s\n", how, shown(result));
    finish(0);
}
