// Ends in the way its first argument names.
#include "guest.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

static char data[64] = {0xc3};

static int recurse(volatile char *from)
{
    volatile char frame[512];
    frame[0] = *from;
    // Never true; the compiler refuses a recursion that has no end.
    if (frame[0] == 1)
        return 0;
    return recurse(frame) + frame[0];
}

static void beyond_end(int write)
{
    long fd = CALL3(open, "data", O_RDONLY, 0);
    volatile char *at = (char *)CALL6(mmap, 0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    at[0] = 1;
    if (write)
        at[10 * PAGE] = 1;
    else
        say("%d", at[10 * PAGE]);
}

static void misaligned(void)
{
    asm volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax" ::"r"(data) : "rax", "memory");
}

// Below a mapping that grows down: the page next to it is fine, a far one is not.
static void grows_down(int far)
{
    word at = ARENA + 1024 * PAGE;
    CALL6(mmap, at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    for (int i = 1; i < 20; i++)
        *(volatile char *)(at - i * PAGE) = i;
    say("grew\n");
    flush();
    if (far)
        *(volatile char *)(at + PAGE) = 1;
}

static void with_new_stack(void)
{
    // A jump to where there is nothing, from a stack pointer that is nowhere.
    asm volatile("xor %%esp, %%esp; push %%rax" ::: "memory");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    struct rlimit no_core = {0, 0};
    CALL2(setrlimit, RLIMIT_CORE, &no_core);
    say("about to %s\n", how);
    flush();
#define HOW(name) if (strcmp(how, name) == 0)
    HOW("alarm-in-futex") {
        struct itimerval soon = {.it_value = {.tv_usec = 50000}};
        setitimer(ITIMER_REAL, &soon, 0);
        static int futex_word;
        CALL6(futex, &futex_word, 0, 0, 0, 0, 0);
    }
    HOW("fault-in-32-bit-code") {
        // mov [0], eax
        static const unsigned char code[] = {0xa3, 0, 0, 0, 0};
        void *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memcpy(low, code, sizeof code);
        static const struct { unsigned at; unsigned short segment; } __attribute__((packed)) far = {0x10000000, 0x23};
        __asm__ volatile("ljmp *%0" : : "m"(far));
    }
    HOW("exit-0") CALL1(exit_group, 0);
    HOW("exit-7") CALL1(exit_group, 7);
    HOW("exit-256") CALL1(exit_group, 256);
    HOW("exit-minus") CALL1(exit_group, -1);
    HOW("exit-thread") CALL1(exit, 9);
    HOW("read-null") say("%d", *(volatile char *)0);
    HOW("write-null") *(volatile char *)0 = 1;
    HOW("call-null") ((void (*)(void))0)();
    HOW("write-text") *(volatile char *)main = 1;
    HOW("jump-data") ((void (*)(void))data)();
    HOW("jump-stack") { char code[4] = {0xc3}; ((void (*)(void))code)(); }
    HOW("kernel-half") say("%d", *(volatile char *)0xffff800000000000);
    HOW("non-canonical") say("%d", *(volatile char *)0x8000000000000000);
    HOW("jump-non-canonical") ((void (*)(void))0x8000000000000000)();
    HOW("ud2") asm volatile("ud2");
    HOW("int3") asm volatile("int3");
    HOW("hlt") asm volatile("hlt");
    HOW("in") asm volatile("inb $0x80, %%al" ::: "rax");
    HOW("int-0x13") asm volatile("int $0x13");
    HOW("into-1") asm volatile(".byte 0xf1");
    HOW("divide") asm volatile("xor %%ecx, %%ecx; mov $1, %%eax; cdq; idiv %%ecx" ::: "rax", "rcx", "rdx");
    HOW("divide-overflow") { volatile int minus = -1, least = 1 << 31; say("%d", least / minus); }
    HOW("float-trap") { unsigned mask = 0x1d00; asm volatile("ldmxcsr %0" ::"m"(mask)); volatile double zero = 0; volatile double x = 1 / zero; (void)x; }
    HOW("misaligned") misaligned();
    HOW("misaligned-sse") asm volatile("movaps (%0), %%xmm0" ::"r"(data + 1) : "xmm0");
    HOW("abort") abort();
    HOW("raise-term") raise(SIGTERM);
    HOW("raise-kill") raise(SIGKILL);
    HOW("raise-usr1") raise(SIGUSR1);
    HOW("raise-chld") raise(SIGCHLD);
    HOW("raise-realtime") raise(40);
    HOW("kill-self") CALL2(kill, CALL0(getpid), SIGHUP);
    HOW("tgkill-self") CALL3(tgkill, CALL0(getpid), CALL0(gettid), SIGINT);
    HOW("ignored") { signal(SIGTERM, SIG_IGN); raise(SIGTERM); }
    HOW("blocked") { sigset_t all; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, 0); raise(SIGTERM); }
    HOW("unblocked") { sigset_t all, none; sigfillset(&all); sigemptyset(&none); sigprocmask(SIG_SETMASK, &all, 0); raise(SIGTERM); say("still here\n"); flush(); sigprocmask(SIG_SETMASK, &none, 0); }
    HOW("blocked-fault") { sigset_t all; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, 0); *(volatile char *)0 = 1; }
    HOW("ignored-fault") { signal(SIGSEGV, SIG_IGN); *(volatile char *)0 = 1; }
    HOW("pipe") { int ends[2]; CALL2(pipe2, ends, 0); CALL1(close, ends[0]); CALL3(write, ends[1], "x", 1); }
    HOW("pipe-ignored") { int ends[2]; signal(SIGPIPE, SIG_IGN); CALL2(pipe2, ends, 0); CALL1(close, ends[0]); say("%s\n", shown(CALL3(write, ends[1], "x", 1))); }
    HOW("beyond-end") beyond_end(0);
    HOW("beyond-end-write") beyond_end(1);
    HOW("stack-overflow") say("%d", recurse(data));
    HOW("grows-down") grows_down(0);
    HOW("grows-down-far") grows_down(1);
    HOW("no-stack") with_new_stack();
    HOW("unmap-all") CALL2(munmap, 0x1000, 0x7fffffffe000 - 0x1000);
    HOW("protect-all") CALL3(mprotect, 0x400000, 0x1000, PROT_NONE);
    HOW("unmap-self") { word page = (word)main & ~(PAGE - 1); CALL2(munmap, page, PAGE); }
    say("survived\n");
    finish(0);
}
