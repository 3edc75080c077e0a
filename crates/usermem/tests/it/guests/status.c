// What /proc/self/status tells of a program, next to what the calls tell that set it.
#include "guest.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define PIECE (64ul << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)

static char text[1 << 16];

// What stands behind a name; of the file as it is now.
static const char *field(const char *name)
{
    static char value[1024];
    long fd = CALL3(open, "/proc/self/status", O_RDONLY, 0), len = 0, n;
    while ((n = CALL3(read, fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    text[len] = 0;
    for (char *line = text; *line; line += strcspn(line, "\n") + 1)
        if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':') {
            line += strlen(name) + 1;
            line += strspn(line, "\t ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\n"), line);
            return value;
        }
    return "none";
}

static void tell(const char *name)
{
    say("%s: %s\n", name, field(name));
}

static void peak(const char *what)
{
    long most = atol(field("VmPeak"));
    say("%s: %ld kB more than now\n", what, most - atol(field("VmSize")));
}

static void peaks(void)
{
    word there = ARENA + 2 * PIECE;
    CALL6(mmap, ARENA, PIECE, RW, ANON, -1, 0);
    peak("mapped");
    CALL2(munmap, ARENA, PIECE);
    peak("unmapped");
    CALL6(mmap, ARENA, PIECE, RW, ANON, -1, 0);
    CALL5(mremap, ARENA, PIECE, PIECE, MREMAP_MAYMOVE | MREMAP_FIXED, there);
    peak("moved");
    CALL6(mmap, there, PIECE, PROT_NONE, ANON, -1, 0);
    peak("replaced");
    CALL5(mremap, there, PIECE, PIECE / 2, 0, 0);
    peak("shrunk");
}

static void signals(void)
{
    // By hand: the library leaves out two that a parent may have left ignored.
    static const word as_usual[4];
    for (int number = 1; number <= 64; number++)
        CALL4(rt_sigaction, number, as_usual, 0, 8);
    tell("SigIgn");
    tell("SigCgt");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGURG, SIG_IGN);
    signal(SIGSEGV, _exit);
    signal(SIGUSR1, _exit);
    tell("SigIgn");
    tell("SigCgt");
}

int main(void)
{
    static const char *const names[] = {
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "VmSwap", "HugetlbPages", "CoreDumping", "THP_enabled",
        "Threads", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed_list",
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        tell(names[i]);
    // How wide the mask is depends on the kernel, how often it switched on the weather.
    say("Mems_allowed: %d\n", strcmp(field("Mems_allowed"), "none") != 0);
    say("switches: %d\n", *field("voluntary_ctxt_switches") <= '9' && *field("nonvoluntary_ctxt_switches") <= '9');
    signals();
    peaks();
    CALL5(prctl, 41, 1, 0, 0, 0);
    tell("THP_enabled");
    CALL5(prctl, 38, 1, 0, 0, 0);
    tell("NoNewPrivs");
    finish(0);
}
