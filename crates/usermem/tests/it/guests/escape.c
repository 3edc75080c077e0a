// Tries to reach what is not its own. Prints one line for each attempt; "REACHED" anywhere is a failure.
//
// Arguments: the process id of `usermem` itself, and the path of a file that lies outside what may be seen or written.
#include "guest.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void refused(const char *what, long result)
{
    if (result < 0 && result >= -4095)
        say("%s: refused\n", what);
    else
        say("%s: REACHED %ld\n", what, result);
}

static void others(long pid)
{
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    refused("ptrace attach", CALL4(ptrace, PTRACE_ATTACH, pid, 0, 0));
    refused("ptrace seize", CALL4(ptrace, PTRACE_SEIZE, pid, 0, 0));
    refused("ptrace traceme", CALL4(ptrace, PTRACE_TRACEME, 0, 0, 0));
    refused("process_vm_readv", CALL6(process_vm_readv, pid, &here, 1, &there, 1, 0));
    refused("process_vm_writev", CALL6(process_vm_writev, pid, &here, 1, &there, 1, 0));
    refused("kill parent", CALL2(kill, pid, 0));
    refused("tkill parent", CALL2(tkill, pid, 0));
    refused("tgkill parent", CALL3(tgkill, pid, pid, 0));
    refused("rt_sigqueueinfo", CALL3(rt_sigqueueinfo, pid, SIGTERM, &byte));
    refused("pidfd_open", CALL2(pidfd_open, pid, 0));
    refused("setpriority", CALL3(setpriority, 0, pid, 5));
    refused("prlimit64", CALL4(prlimit64, pid, 7, 0, &here));
}

static void calls(void)
{
    refused("socket", CALL3(socket, AF_INET, SOCK_STREAM, 0));
    refused("unix socket", CALL3(socket, AF_UNIX, SOCK_STREAM, 0));
    refused("netlink socket", CALL3(socket, AF_NETLINK, SOCK_RAW, 0));
    refused("unshare", CALL1(unshare, 0x10000000));
    refused("mount", CALL5(mount, "none", "/tmp", "tmpfs", 0, 0));
    refused("chroot", CALL1(chroot, "/"));
    refused("bpf", CALL3(bpf, 0, 0, 0));
    refused("userfaultfd", CALL1(userfaultfd, 0));
    refused("io_uring", CALL2(io_uring_setup, 1, output));
    refused("perf", CALL5(perf_event_open, output, 0, -1, -1, 0));
    refused("memfd_secret", CALL1(memfd_secret, 0));
    refused("seccomp", CALL3(seccomp, 1, 0, 0));
    refused("fork", CALL0(fork));
    refused("reboot", CALL4(reboot, 0xfee1dead, 672274793, 0, 0));
    refused("x32 getpid", raw(0x40000000 | SYS_getpid, 0, 0, 0, 0, 0, 0));
    refused("no such call", raw(100000, 0, 0, 0, 0, 0, 0));
    refused("call -1", raw(-1, 0, 0, 0, 0, 0, 0));
}

static void try_open(const char *path, int flags)
{
    say("%s ", path[0] == '/' && strlen(path) < 40 ? path : "outside");
    long fd = CALL3(open, path, flags, 0666);
    refused(flags == O_RDONLY ? "read" : "write", fd);
    if (fd >= 0)
        CALL1(close, fd);
}

static void paths(const char *outside, long pid)
{
    char path[256];
    try_open("/proc/self/mem", O_RDWR);
    try_open("/proc/1/mem", O_RDONLY);
    try_open("/proc/kcore", O_RDONLY);
    try_open("/dev/mem", O_RDWR);
    try_open("/proc/1/root/etc/passwd", O_RDONLY);
    try_open("/proc/1/environ", O_RDONLY);
    try_open("/proc/sysrq-trigger", O_WRONLY);
    snprintf(path, sizeof path, "/proc/%ld/mem", pid);
    try_open(path, O_RDWR);
    snprintf(path, sizeof path, "/proc/%ld/root/", pid);
    try_open(path, O_RDONLY);
    for (int fd = 3; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        long got = CALL3(open, path, O_RDWR, 0);
        if (got >= 0)
            say("%s: REACHED\n", path);
        if (CALL3(fcntl, fd, F_GETFD, 0) >= 0)
            say("descriptor %d is open: REACHED\n", fd);
    }
    try_open(outside, O_WRONLY);
    try_open(outside, O_WRONLY | O_TRUNC);
    try_open(outside, O_WRONLY | O_CREAT);
    snprintf(path, sizeof path, "%s.new", outside);
    try_open(path, O_WRONLY | O_CREAT);
    snprintf(path, sizeof path, "link-out");
    try_open(path, O_WRONLY);
    snprintf(path, sizeof path, "../%s", strrchr(outside, '/') + 1);
    try_open(path, O_WRONLY);
    refused("rename out", CALL2(rename, "inside", path));
    refused("rename in", CALL2(rename, path, "inside"));
    refused("link in", CALL2(link, outside, "inside-link"));
    refused("unlink out", CALL1(unlink, path));
    refused("truncate out", CALL2(truncate, outside, 0));
    refused("chmod out", CALL2(chmod, outside, 0777));
    refused("utimensat out", CALL4(utimensat, AT_FDCWD, outside, 0, 0));
    refused("mkdir out", CALL2(mkdir, "../made", 0777));
    refused("mknod", CALL3(mknod, "node", 020666, 0x103));
    refused("symlink then write", (CALL2(symlink, outside, "new-link"), CALL3(open, "new-link", O_WRONLY, 0)));
    long outside_fd = CALL3(open, outside, O_RDONLY, 0);
    if (outside_fd >= 0) {
        refused("ftruncate out", CALL2(ftruncate, outside_fd, 0));
        refused("fchmod out", CALL2(fchmod, outside_fd, 0777));
        refused("futimens out", CALL4(utimensat, outside_fd, 0, 0, 0));
        snprintf(path, sizeof path, "/proc/self/fd/%ld", outside_fd);
        refused("reopen for writing", CALL3(open, path, O_RDWR, 0));
        refused("map shared, writable", CALL6(mmap, 0, 4096, PROT_WRITE, MAP_SHARED, outside_fd, 0));
    }
}

// Memory that is not mapped by the program, wherever it may be: a write to a pipe tells whether it is there.

static void addresses(void)
{
    static char maps[1 << 16];
    int ends[2];
    long fd = CALL3(open, "/proc/self/maps", O_RDONLY, 0), len = 0, n, found = 0;
    while ((n = CALL3(read, fd, maps + len, sizeof maps - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    maps[len] = 0;
    CALL2(pipe2, ends, O_NONBLOCK);
    // From the end of the last mapping to the top of the address space, where a stub would be, and at the bottom.
    word last = 0;
    for (char *line = maps, *end; (end = strchr(line, '\n')); line = end + 1) {
        word from = strtoul(line, &line, 16), to = strtoul(line + 1, &line, 16);
        if (from < 0x7fffffffffff && to > last)
            last = to;
    }
    for (word at = last; at < 0x7ffffffff000; at += PAGE)
        found += CALL3(write, ends[1], at, 1) == 1;
    for (word at = 0; at < 0x400000; at += PAGE)
        found += CALL3(write, ends[1], at, 1) == 1;
    say("pages found: %ld%s\n", found, found ? " REACHED" : "");
}

int main(int argc, char **argv)
{
    long pid = argc > 1 ? atol(argv[1]) : 1;
    others(pid);
    calls();
    paths(argc > 2 ? argv[2] : "/etc/passwd", pid);
    addresses();
    finish(0);
}
