// Wrong pointers to the structures of the remaining calls: time, identity, limits, signals, waiting, memory.
#include "pointers.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004
#define TCGETS 0x5401
#define TIOCGWINSZ 0x5413
#define FIONREAD 0x541b
#define SIGSET 8

static int file, ends[2];

static void noise_everywhere(void)
{
    fill(0xa5);
    // Five bytes of noise and then zeros are a valid time: one of centuries.
    memset((void *)BEFORE_READ_ONLY, 0, PAGE);
}

// Each call is made with zeros in memory and with 0xa5 bytes, which are out of range for most structures.
#define SHOW(what, call) \
    do { \
        fill(0); \
        long zeros = (call); \
        noise_everywhere(); \
        long noise = (call); \
        say("%s %s -> %s", what, p->name, worked(zeros)); \
        say(" %s\n", worked(noise)); \
    } while (0)

static void times(const struct pointer *p)
{
    struct timespec none = {0, 0};
    SHOW("clock_gettime", CALL2(clock_gettime, CLOCK_MONOTONIC, p->at));
    SHOW("clock_gettime bad clock", CALL2(clock_gettime, 99, p->at));
    SHOW("clock_getres", CALL2(clock_getres, CLOCK_REALTIME, p->at));
    SHOW("gettimeofday", CALL2(gettimeofday, p->at, 0));
    SHOW("gettimeofday zone", CALL2(gettimeofday, 0, p->at));
    SHOW("time", CALL1(time, p->at));
    SHOW("nanosleep", CALL2(nanosleep, p->at, 0));
    SHOW("nanosleep rest", CALL2(nanosleep, &none, p->at));
    SHOW("clock_nanosleep", CALL4(clock_nanosleep, CLOCK_MONOTONIC, 0, p->at, 0));
    SHOW("clock_nanosleep bad clock", CALL4(clock_nanosleep, 99, 0, p->at, 0));
    SHOW("times", CALL1(times, p->at));
    SHOW("getrusage", CALL2(getrusage, RUSAGE_SELF, p->at));
    SHOW("getrusage bad who", CALL2(getrusage, 99, p->at));
}

static void identity(const struct pointer *p)
{
    unsigned id[3];
    SHOW("uname", CALL1(uname, p->at));
    SHOW("sysinfo", CALL1(sysinfo, p->at));
    SHOW("getrandom", CALL3(getrandom, p->at, 16, 0));
    SHOW("getrandom bad flags", CALL3(getrandom, p->at, 16, 99));
    SHOW("getresuid 1", CALL3(getresuid, p->at, &id[1], &id[2]));
    SHOW("getresuid 2", CALL3(getresuid, &id[0], p->at, &id[2]));
    SHOW("getresgid 3", CALL3(getresgid, &id[0], &id[1], p->at));
    SHOW("getgroups count", CALL2(getgroups, 0, p->at));
    SHOW("getgroups minus", CALL2(getgroups, -1, p->at));
    SHOW("prctl get name", CALL2(prctl, PR_GET_NAME, p->at));
    SHOW("prctl set name", CALL2(prctl, PR_SET_NAME, p->at));
    SHOW("arch_prctl fs", CALL2(arch_prctl, ARCH_GET_FS, p->at));
    SHOW("arch_prctl gs", CALL2(arch_prctl, ARCH_GET_GS, p->at));
    SHOW("getcpu", CALL3(getcpu, p->at, 0, 0));
    SHOW("getcpu node", CALL3(getcpu, 0, p->at, 0));
    // How many bytes a mask has depends on the host.
    if (p->valid == 0 || p->valid >= 128)
        SHOW("sched_getaffinity", CALL3(sched_getaffinity, 0, 128, p->at));
    SHOW("sched_getaffinity of 3", CALL3(sched_getaffinity, 0, 3, p->at));
}

static void limits(const struct pointer *p)
{
    SHOW("getrlimit", CALL2(getrlimit, RLIMIT_NOFILE, p->at));
    SHOW("getrlimit bad", CALL2(getrlimit, 99, p->at));
    SHOW("setrlimit bad", CALL2(setrlimit, 99, p->at));
    SHOW("prlimit64 old", CALL4(prlimit64, 0, RLIMIT_STACK, 0, p->at));
    SHOW("prlimit64 bad", CALL4(prlimit64, 0, 99, p->at, 0));
    if (p->valid == 0)
        SHOW("setrlimit core", CALL2(setrlimit, RLIMIT_CORE, p->at));
}

static void signals(const struct pointer *p)
{
    char old[256];
    SHOW("rt_sigaction new", CALL4(rt_sigaction, SIGUSR1, p->at, 0, SIGSET));
    SHOW("rt_sigaction old", CALL4(rt_sigaction, SIGUSR2, 0, p->at, SIGSET));
    SHOW("rt_sigaction kill", CALL4(rt_sigaction, SIGKILL, p->at, 0, SIGSET));
    SHOW("rt_sigaction kill old", CALL4(rt_sigaction, SIGKILL, 0, p->at, SIGSET));
    SHOW("rt_sigaction 65", CALL4(rt_sigaction, 65, 0, p->at, SIGSET));
    SHOW("rt_sigaction size", CALL4(rt_sigaction, SIGUSR1, 0, p->at, 4));
    SHOW("rt_sigprocmask new", CALL4(rt_sigprocmask, SIG_BLOCK, p->at, 0, SIGSET));
    SHOW("rt_sigprocmask old", CALL4(rt_sigprocmask, SIG_BLOCK, 0, p->at, SIGSET));
    SHOW("rt_sigprocmask how", CALL4(rt_sigprocmask, 99, p->at, 0, SIGSET));
    SHOW("rt_sigprocmask how, no set", CALL4(rt_sigprocmask, 99, 0, p->at, SIGSET));
    SHOW("rt_sigprocmask size", CALL4(rt_sigprocmask, SIG_BLOCK, p->at, 0, 4));
    SHOW("rt_sigpending", CALL2(rt_sigpending, p->at, SIGSET));
    SHOW("sigaltstack old", CALL2(sigaltstack, 0, p->at));
    SHOW("sigaltstack new", CALL2(sigaltstack, p->at, old));
    need("unblock", CALL4(rt_sigprocmask, SIG_SETMASK, "\0\0\0\0\0\0\0", 0, SIGSET));
}

// Where a null time-out would mean for ever, the writable end of a pipe is ready at once.
static void waiting(const struct pointer *p)
{
    struct timespec now = {0, 0};
    struct timeval now_too = {0, 0};
    struct pollfd ready = {ends[1], POLLOUT, 0};
    fd_set set;
    SHOW("poll 1", CALL3(poll, p->at, 1, 0));
    SHOW("poll 3", CALL3(poll, p->at, 3, 0));
    SHOW("poll 0", CALL3(poll, p->at, 0, 0));
    SHOW("poll too many", CALL3(poll, p->at, 1 << 24, 0));
    SHOW("ppoll fds", CALL5(ppoll, p->at, 2, &now, 0, SIGSET));
    SHOW("ppoll time", CALL5(ppoll, &ready, 1, p->at, 0, SIGSET));
    SHOW("ppoll mask", CALL5(ppoll, &ready, 1, &now, p->at, SIGSET));
    SHOW("select read", CALL5(select, 3, p->at, 0, 0, &now_too));
    SHOW("select write 64", CALL5(select, 64, 0, p->at, 0, &now_too));
    SHOW("select except", CALL5(select, 1, 0, 0, p->at, &now_too));
    SHOW("select 0", CALL5(select, 0, p->at, p->at, p->at, &now_too));
    SHOW("select minus", CALL5(select, -1, p->at, 0, 0, &now_too));
    FD_ZERO(&set);
    FD_SET(ends[1], &set);
    SHOW("select time", (FD_SET(ends[1], &set), CALL5(select, ends[1] + 1, 0, &set, 0, p->at)));
    SHOW("pselect6 time", (FD_SET(ends[1], &set), CALL6(pselect6, ends[1] + 1, 0, &set, 0, p->at, 0)));
    SHOW("pselect6 mask", CALL6(pselect6, 0, 0, 0, 0, &now, p->at));
}

static void descriptors(const struct pointer *p)
{
    SHOW("ioctl TCGETS file", CALL3(ioctl, file, TCGETS, p->at));
    SHOW("ioctl TCGETS pipe", CALL3(ioctl, ends[0], TCGETS, p->at));
    SHOW("ioctl TIOCGWINSZ", CALL3(ioctl, file, TIOCGWINSZ, p->at));
    SHOW("ioctl FIONREAD pipe", CALL3(ioctl, ends[0], FIONREAD, p->at));
    SHOW("ioctl FIONREAD file", CALL3(ioctl, file, FIONREAD, p->at));
    SHOW("ioctl bad fd", CALL3(ioctl, 77, TCGETS, p->at));
    SHOW("fcntl F_GETLK", CALL3(fcntl, file, F_GETLK, p->at));
    SHOW("fcntl F_GETFD", CALL3(fcntl, file, F_GETFD, p->at));
    int made[2] = {-1, -1};
    fill(0);
    long result = CALL1(pipe, p->at);
    say("pipe %s -> %s\n", p->name, shown(result));
    if (result == 0) {
        memcpy(made, (void *)p->at, sizeof made);
        CALL1(close, made[0]);
        CALL1(close, made[1]);
    }
    say("pipe2 flags %s -> %s\n", p->name, shown(CALL2(pipe2, p->at, 0x40000000)));
    // Nothing of a pipe that could not be told about stays open.
    long next = CALL1(dup, 0);
    say("next descriptor %ld\n", next);
    CALL1(close, next);
}

static void words_and_maps(const struct pointer *p)
{
    static uint32_t word_here = 5;
    struct timespec now = {0, 0};
    SHOW("futex wait", CALL4(futex, p->at, FUTEX_WAIT_PRIVATE, 12345, &now));
    // The address right behind user space is accepted by some kernels and not by others.
    if (p->at != 0x7ffffffff000)
        SHOW("futex wake", CALL3(futex, p->at, FUTEX_WAKE_PRIVATE, 1));
    SHOW("futex wait time", CALL4(futex, &word_here, FUTEX_WAIT_PRIVATE, 4, p->at));
    SHOW("futex compare", CALL6(futex, p->at, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, &word_here, 777));
    SHOW("futex compare second", CALL6(futex, &word_here, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, p->at, 777));
    SHOW("futex shared wake", CALL3(futex, p->at, FUTEX_WAKE, 1));
    SHOW("set_robust_list", CALL2(set_robust_list, p->at, 24));
    SHOW("set_robust_list size", CALL2(set_robust_list, p->at, 23));
    // At the very end, Linux confuses address and error.
    if (p->at < (word)-4095)
        SHOW("get_robust_list", CALL3(get_robust_list, 0, p->at, &word_here));
    need("drop the robust list", CALL2(set_robust_list, 0, 24));
    word_here = 5;
    SHOW("mincore vector", CALL3(mincore, RW, PAGE, p->at));
    SHOW("mincore of", CALL3(mincore, p->at, PAGE, RW));
    SHOW("madvise normal", CALL3(madvise, p->at, PAGE, 0));
    SHOW("msync", CALL3(msync, p->at, 0, 4));
    SHOW("mlock 0", CALL2(mlock, p->at, 0));
    SHOW("munmap 0", CALL2(munmap, p->at, 0));
    SHOW("munmap huge", CALL2(munmap, p->at, 0x800000000000));
    SHOW("mprotect 0", CALL3(mprotect, p->at, 0, PROT_READ));
    SHOW("mremap", CALL4(mremap, p->at, 0, PAGE, 0));
    SHOW("mremap bad flags", CALL4(mremap, p->at, PAGE, PAGE, 64));
    SHOW("mmap huge", CALL6(mmap, p->at, 0x800000000000, PROT_READ, 0x22, -1, 0));
    SHOW("mmap 0", CALL6(mmap, p->at, 0, PROT_READ, 0x22, -1, 0));
    if ((p->at % PAGE != 0 || p->at > 0x7fffffffe000) && p->at < (word)-4095)
        SHOW("mmap fixed", CALL6(mmap, p->at, PAGE, PROT_READ, 0x32, -1, 0));
    if (p->at > 0x7fffffffefff)
        SHOW("munmap", CALL2(munmap, p->at, PAGE));
}

int main(void)
{
    make_pointers();
    file = CALL3(open, "data", O_RDONLY, 0);
    need("open data", file);
    need("make a pipe", CALL2(pipe2, ends, 0));
    for (unsigned i = 0; i < POINTERS; i++) {
        const struct pointer *p = &pointers[i];
        times(p);
        identity(p);
        limits(p);
        signals(p);
        waiting(p);
        descriptors(p);
        words_and_maps(p);
    }
    finish(0);
}
