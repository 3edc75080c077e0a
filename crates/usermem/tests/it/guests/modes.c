// What a program sets for all of its memory, and calls that few programs make.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define AT(page) (ARENA + (page) * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define RWX (RW | PROT_EXEC)
#define RX (PROT_READ | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

#define BARRIERS_OF_RSEQ (128 | 256)

static void result(const char *what, long value)
{
    say("%s: %s\n", what, value >= (long)ARENA && value < (long)AT(0x1000) ? "done" : shown(value));
}

static long map(word page, word pages, int prot, int flags)
{
    return CALL6(mmap, AT(page), pages * PAGE, prot, flags, -1, 0);
}

static void barriers(void)
{
    result("query", CALL3(membarrier, 0, 0, 0) & ~BARRIERS_OF_RSEQ);
    result("registered", CALL3(membarrier, 512, 0, 0));
    static const int commands[] = {1, 2, 8, 32, 4, 512, 64, 512, 8, 32, 16, 512, 8, 3, 1024, -1};
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        char what[32];
        snprintf(what, sizeof what, "barrier %d", commands[i]);
        result(what, CALL3(membarrier, commands[i], 0, 0));
        result(" with flags", CALL3(membarrier, commands[i], 1, 0));
        result(" on a processor", CALL3(membarrier, commands[i], 0, -1));
    }
    result("query with flags", CALL3(membarrier, 0, 1, 0));
    result("wide command", CALL3(membarrier, 1ul << 32, 0, 0) & ~BARRIERS_OF_RSEQ);
}

#define PRCTL(option, a, b, c, d) CALL5(prctl, option, a, b, c, d)

static void options(void)
{
    result("thp", PRCTL(42, 0, 0, 0, 0));
    static const struct { word value, flags, third, fourth; } thp[] = {
        {1, 2, 0, 0}, {1, 0, 0, 0}, {5, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 0, 0}, {1, 1, 0, 0}, {1, 4, 0, 0}, {1, 0, 1, 0}, {1, 0, 0, 1},
    };
    for (unsigned i = 0; i < sizeof thp / sizeof *thp; i++) {
        result("no huge pages", PRCTL(41, thp[i].value, thp[i].flags, thp[i].third, thp[i].fourth));
        result(" are", PRCTL(42, 0, 0, 0, 0));
    }
    result("thp with more", PRCTL(42, 1, 0, 0, 0));
    result("thp with more", PRCTL(42, 0, 0, 0, 1));
    for (word value = 0; value < 4; value++) {
        result("dumpable", PRCTL(4, value, 0, 0, 0));
        result(" is", PRCTL(3, 0, 0, 0, 0));
    }
    PRCTL(4, 1, 0, 0, 0);
    result("mm, fifth", PRCTL(35, 1, AT(0), 0, 1));
    result("mm, fourth", PRCTL(35, 1, AT(0), 1, 0));
    result("mm map, fifth", PRCTL(35, 15, AT(0), 0, 1));
    result("vma", PRCTL(0x53564d41, 1, AT(0), PAGE, 0));
}

// The flags of the mapping at an address, as smaps tells them.
static int has_flag(word at, const char *flag)
{
    static char text[1 << 18];
    long fd = CALL3(open, "/proc/self/smaps", O_RDONLY, 0), len = 0, n;
    while ((n = CALL3(read, fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    text[len] = 0;
    char head[64];
    snprintf(head, sizeof head, "%lx-", at);
    char *line = strstr(text, head);
    char *flags = line ? strstr(line, "VmFlags:") : 0;
    if (!flags)
        return -1;
    *strchr(flags, '\n') = 0;
    return strstr(flags, flag) != 0;
}

static void merging(void)
{
    map(0, 2, RW, ANON);
    CALL6(mmap, AT(4), PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    result("merge", PRCTL(68, 0, 0, 0, 0));
    result("merge, third", PRCTL(67, 1, 1, 0, 0));
    result("merge, more", PRCTL(68, 1, 0, 0, 0));
    result("merge", PRCTL(67, 1, 0, 0, 0));
    result(" is", PRCTL(68, 0, 0, 0, 0));
    map(6, 1, RW, ANON);
    say("marked %d %d %d\n", has_flag(AT(0), " mg"), has_flag(AT(4), " mg"), has_flag(AT(6), " mg"));
    result("no merge", PRCTL(67, 0, 0, 0, 0));
    result(" is", PRCTL(68, 0, 0, 0, 0));
    say("marked %d %d %d\n", has_flag(AT(0), " mg"), has_flag(AT(4), " mg"), has_flag(AT(6), " mg"));
    CALL2(munmap, AT(0), 8 * PAGE);
}

static void locks(void)
{
    struct rlimit old, none = {0, 0}, small = {2 * PAGE, 0};
    CALL2(getrlimit, RLIMIT_MEMLOCK, &old);
    // Who may raise a limit is another privilege.
    struct rlimit more = {0, old.rlim_max + (old.rlim_max != RLIM_INFINITY)};
    result("raise", CALL2(setrlimit, RLIMIT_MEMLOCK, &more));
    none.rlim_max = small.rlim_max = old.rlim_max;
    map(0, 8, RW, ANON);
    for (int step = 0; step < 3; step++) {
        struct rlimit *limit = step == 0 ? &none : step == 1 ? &small : &old;
        CALL2(setrlimit, RLIMIT_MEMLOCK, limit);
        result("mlock", CALL2(mlock, AT(0), 4 * PAGE));
        result("mlock nothing", CALL2(mlock, AT(0), 0));
        result("mlock a little", CALL2(mlock, AT(0), 2 * PAGE));
        result("mlock2, flags", CALL3(mlock2, AT(0), PAGE, 2));
        result("mlock2, on fault", CALL3(mlock2, AT(1), PAGE, 1));
        result("mlock a hole", CALL2(mlock, AT(7), 2 * PAGE));
        result("map locked", map(9, 4, RW, ANON | MAP_LOCKED));
        result("mlockall nothing", CALL1(mlockall, 0));
        result("mlockall on fault", CALL1(mlockall, 4));
        result("mlockall future", CALL1(mlockall, 2));
        result("map in future", map(0x10, 4, RW, ANON));
        result("mlockall future on fault", CALL1(mlockall, 6));
        result("mlockall now", CALL1(mlockall, 1));
        result("dontneed", CALL3(madvise, AT(0), PAGE, MADV_DONTNEED));
        result("dontneed, locked too", CALL3(madvise, AT(0), PAGE, 24));
        result("free", CALL3(madvise, AT(0), PAGE, MADV_FREE));
        result("cold", CALL3(madvise, AT(0), PAGE, 20));
        result("pageout", CALL3(madvise, AT(0), PAGE, 21));
        result("munlockall", CALL0(munlockall));
        CALL2(munmap, AT(8), 0x20 * PAGE);
    }
}

static void advice(void)
{
    long file = CALL3(open, "data", O_RDWR, 0);
    map(0, 4, RW, ANON);
    map(4, 1, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
    CALL6(mmap, AT(5), PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0);
    CALL6(mmap, AT(6), PAGE, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
    CALL6(mmap, AT(7), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
    for (word page = 0; page < 7; page++)
        *(char *)AT(page) = 'x';
    static const int advices[] = {MADV_FREE, 20, 21, 24, 25, 100, 101, 26, 104, -1, MADV_WIPEONFORK, MADV_REMOVE};
    for (unsigned i = 0; i < sizeof advices / sizeof *advices; i++)
        for (word page = 3; page < 9; page++) {
            char what[32];
            snprintf(what, sizeof what, "advice %d on %lu", advices[i], page);
            result(what, CALL3(madvise, AT(page), PAGE, advices[i]));
            if (page < 5)
                *(char *)AT(page) = 'x';
        }
    result("wide advice", CALL3(madvise, AT(0), PAGE, (1ul << 32) | 4));
    CALL2(munmap, AT(0), 0x10 * PAGE);
    CALL1(close, file);
}

// remap_file_pages, which is a mapping anew since Linux 4.0.
static void rearranged(void)
{
    long file = CALL2(memfd_create, "pages", 0);
    CALL2(ftruncate, file, 8 * PAGE);
    CALL6(mmap, AT(0), 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0);
    for (word page = 0; page < 4; page++)
        *(char *)AT(page) = 'a' + page;
    result("rearrange", CALL5(remap_file_pages, AT(1), PAGE, 0, 3, 0));
    say("%c %c %c %c\n", *(char *)AT(0), *(char *)AT(1), *(char *)AT(2), *(char *)AT(3));
    result("over all", CALL5(remap_file_pages, AT(0), 4 * PAGE, 0, 0, 0));
    say("%c %c %c %c\n", *(char *)AT(0), *(char *)AT(1), *(char *)AT(2), *(char *)AT(3));
    result("odd", CALL5(remap_file_pages, AT(2) + 5, PAGE + 5, 0, 1, 0));
    say("%c\n", *(char *)AT(2));
    result("protections", CALL5(remap_file_pages, AT(0), PAGE, PROT_READ, 1, 0));
    result("nothing", CALL5(remap_file_pages, AT(0), 0, 0, 1, 0));
    result("less than a page", CALL5(remap_file_pages, AT(0), PAGE - 1, 0, 1, 0));
    result("wraps", CALL5(remap_file_pages, AT(0), -PAGE, 0, 1, 0));
    result("page wraps", CALL5(remap_file_pages, AT(0), PAGE, 0, -1ul, 0));
    result("page far out", CALL5(remap_file_pages, AT(0), PAGE, 0, 1ul << 52, 0));
    result("page out", CALL5(remap_file_pages, AT(0), PAGE, 0, 1ul << 50, 0));
    result("into a hole", CALL5(remap_file_pages, AT(3), 2 * PAGE, 0, 0, 0));
    result("a hole", CALL5(remap_file_pages, AT(0x50), PAGE, 0, 0, 0));
    map(0x20, 2, RW, ANON);
    result("private", CALL5(remap_file_pages, AT(0x20), PAGE, 0, 0, 0));
    CALL3(mprotect, AT(1), PAGE, PROT_READ);
    result("different protections", CALL5(remap_file_pages, AT(0), 2 * PAGE, 0, 0, 0));
    result("read-only", CALL5(remap_file_pages, AT(1), PAGE, 0, 2, 0));
    say("%c\n", *(char *)AT(1));
    result("flags", CALL5(remap_file_pages, AT(1), PAGE, 0, 3, -1ul));
    CALL2(munmap, AT(0), 0x60 * PAGE);
}

static void futexes(void)
{
    long file = CALL2(memfd_create, "words", 0);
    CALL2(ftruncate, file, PAGE);
    CALL6(mmap, AT(0), 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0);
    map(2, 1, PROT_READ, ANON);
    map(3, 1, RW, ANON);
    CALL6(mmap, AT(4), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0);
    CALL6(mmap, AT(5), PAGE, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
    *(char *)AT(5) = 1;
    CALL3(mprotect, AT(5), PAGE, PROT_READ);
    map(6, 1, PROT_NONE, ANON);
    static const word words[] = {0, 2 * PAGE - 4, 2 * PAGE, 3 * PAGE, 4 * PAGE, 5 * PAGE, 6 * PAGE, 7 * PAGE, 2};
    struct { long sec, nsec; } soon = {0, 1000};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        word at = ARENA + words[i];
        for (int private = 0; private <= 128; private += 128) {
            say("futex %lx %d:", words[i], private);
            say(" wake %s", shown(CALL6(futex, at, 1 | private, 1, 0, 0, 0)));
            say(" wait %s", shown(CALL6(futex, at, 0 | private, 0, &soon, 0, 0)));
            say(" wait for another %s", shown(CALL6(futex, at, 0 | private, 77, &soon, 0, 0)));
            say(" requeue %s", shown(CALL6(futex, at, 3 | private, 1, 1, AT(3) + 8, 0)));
            say(" requeue to %s\n", shown(CALL6(futex, AT(3), 3 | private, 1, 1, at, 0)));
        }
    }
    CALL2(munmap, AT(0), 0x10 * PAGE);
}

// The last: nothing takes this back.
static void no_execution(void)
{
    map(0, 4, RX, ANON);
    map(4, 4, RW, ANON);
    result("mdwe", PRCTL(66, 0, 0, 0, 0));
    result("mdwe, third", PRCTL(65, 1, 1, 0, 0));
    result("mdwe, more", PRCTL(66, 1, 0, 0, 0));
    result("mdwe, unknown", PRCTL(65, 4, 0, 0, 0));
    result("mdwe, no inherit alone", PRCTL(65, 2, 0, 0, 0));
    result("mdwe, nothing", PRCTL(65, 0, 0, 0, 0));
    result("mdwe", PRCTL(65, 3, 0, 0, 0));
    result("mdwe again", PRCTL(65, 3, 0, 0, 0));
    result("mdwe less", PRCTL(65, 1, 0, 0, 0));
    result("mdwe off", PRCTL(65, 0, 0, 0, 0));
    result(" is", PRCTL(66, 0, 0, 0, 0));
    result("map rwx", map(8, 1, RWX, ANON));
    result("map wx", map(8, 1, PROT_WRITE | PROT_EXEC, ANON));
    result("map rx", map(9, 1, RX, ANON));
    result("map rwx over", map(9, 1, RWX, ANON));
    result("rx to rwx", CALL3(mprotect, AT(0), PAGE, RWX));
    result("rx to x", CALL3(mprotect, AT(0), PAGE, PROT_EXEC));
    result("rx to r", CALL3(mprotect, AT(1), PAGE, PROT_READ));
    result("r to rx", CALL3(mprotect, AT(1), PAGE, RX));
    result("rw to rx", CALL3(mprotect, AT(4), PAGE, RX));
    result("rw to rwx", CALL3(mprotect, AT(4), PAGE, RWX));
    result("rw to none to rx", CALL3(mprotect, AT(5), PAGE, 0));
    result("rw to none to rx", CALL3(mprotect, AT(5), PAGE, RX));
    result("rx beside rw to rx", CALL3(mprotect, AT(2), 4 * PAGE, RX));
    result("rx beside rw to r", CALL3(mprotect, AT(2), 3 * PAGE, PROT_READ));
    result("map wrong and rwx", CALL6(mmap, AT(8) + 1, PAGE, RWX, ANON, -1, 0));
    result("map no kind and rwx", map(8, 1, RWX, MAP_ANONYMOUS | MAP_FIXED));
    result("map over nothing and rwx", map(0x20, 1, RWX, (ANON & ~MAP_FIXED) | MAP_FIXED_NOREPLACE));
    result("map taken and rwx", map(0, 1, RWX, (ANON & ~MAP_FIXED) | MAP_FIXED_NOREPLACE));
    result("pkey rw to rx", CALL4(pkey_mprotect, AT(6), PAGE, RX, -1));
}

// Ours starts without randomisation, which only the first answer tells.
static void personalities(void)
{
    static const unsigned values[] = {0x40000, -1, 0x240000, 0x100000, -1, 0x80000, 0, -1};
    result("personality", CALL1(personality, 0xffffffff) & ~0x40000);
    result(" none", CALL1(personality, 0) & ~0x40000);
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        result(" was", CALL1(personality, values[i]));
}

// There are no children.
static void waiting(void)
{
    static const struct { word kind, id, options; } waits[] = {
        {0, 0, 4}, {0, 0, 0}, {0, 0, 4 | 1}, {0, 0, 2}, {0, 0, 8 | 0x1000000}, {0, 0, 4 | 16}, {1, 0, 4}, {1, -1, 4}, {1, 1, 4}, {1, 1, 1},
        {2, 0, 4}, {2, -1, 4}, {2, 12345, 4}, {3, -1, 4}, {3, 99, 4}, {4, 0, 4}, {-1, 0, 4}, {0, 0, 0x80000004}, {0, 0, 0x60000004},
    };
    int info[32];
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++) {
        memset(info, 1, sizeof info);
        result("wait", CALL5(waitid, waits[i].kind, waits[i].id, info, waits[i].options, 0));
        say(" %x %x %x %x %x %x %x %x\n", info[0], info[1], info[2], info[3], info[4], info[5], info[6], info[7]);
        result("wait nowhere", CALL5(waitid, waits[i].kind, waits[i].id, 8, waits[i].options, 0));
        result("wait silently", CALL5(waitid, waits[i].kind, waits[i].id, 0, waits[i].options, 8));
    }
}

static void reading_ahead(void)
{
    long data = CALL3(open, "data", O_RDONLY, 0), out = CALL3(open, "data", O_WRONLY, 0), folder = CALL3(open, ".", O_RDONLY, 0);
    long place = CALL3(open, "data", O_PATH, 0), null = CALL3(open, "/dev/null", O_RDWR, 0);
    int ends[2];
    CALL2(pipe2, ends, 0);
    long fds[] = {data, out, folder, place, null, ends[0], 99, -1};
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
        result("read ahead", CALL3(readahead, fds[i], 0, 4096));
    result("far", CALL3(readahead, data, 1ul << 40, 4096));
    result("nothing", CALL3(readahead, data, 0, 0));
    result("before", CALL3(readahead, data, -1, 4096));
}

int main(void)
{
    barriers();
    options();
    personalities();
    merging();
    locks();
    advice();
    rearranged();
    futexes();
    waiting();
    reading_ahead();
    no_execution();
    finish(0);
}
