// Calls on the memory of a process, made on one's own: process_vm_readv, process_vm_writev, process_madvise.
#include "guest.h"
#include <sys/mman.h>
#include <sys/uio.h>

#define AT(page) (ARENA + (page) * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define SELF_THREAD (-10000)
#define SELF (-10001)

static void result(const char *what, long value)
{
    say("%s: %s\n", what, shown(value));
}

static void map(word page, word pages, int prot)
{
    CALL6(mmap, AT(page), pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static long pid;
static char local[3 * PAGE];

static int filled(void)
{
    int count = 0;
    for (unsigned i = 0; i < sizeof local; i++)
        count += local[i] != '.';
    return count;
}

// Reads or writes with these vectors, and tells how many bytes changed.
static void copies(const char *what, struct iovec *l, word ln, struct iovec *r, word rn)
{
    memset(local, '.', sizeof local);
    long n = CALL6(process_vm_readv, pid, l, ln, r, rn, 0);
    say("%s: read %s, %d", what, shown(n), filled());
    n = CALL6(process_vm_writev, pid, l, ln, r, rn, 0);
    say(", write %s\n", shown(n));
}

static void vm(void)
{
    map(0, 8, RW);
    for (word i = 0; i < 8 * PAGE; i++)
        ((char *)AT(0))[i] = 'a' + i % 23;
    struct iovec l[3] = {{local, 100}, {local + 200, 0}, {local + 300, 5000}};
    struct iovec r[3] = {{(void *)AT(0) + 4000, 200}, {(void *)AT(3), 0}, {(void *)AT(4) + 1, 9000}};
    copies("plain", l, 3, r, 3);
    say("first %.20s then %.20s\n", local, local + 300);
    copies("one", l, 1, r, 1);
    copies("no local", l, 0, r, 3);
    copies("empty local", l + 1, 1, r, 3);
    copies("no local, bad remote", l, 0, (void *)8, 3);
    copies("no remote", l, 3, r, 0);
    copies("empty remote", l, 3, r + 1, 1);
    copies("bad local vector", (void *)8, 1, r, 1);
    copies("bad remote vector", l, 1, (void *)8, 1);
    copies("many local", l, 1025, r, 1);
    copies("many remote", l, 1, r, 1025);
    copies("minus one", l, -1, r, 1);
    struct iovec odd = {local, -1};
    copies("negative local", &odd, 1, r, 1);
    copies("negative remote", l, 1, &odd, 1);
    struct iovec far[2] = {{local, 10}, {(void *)(1ul << 63), 10}};
    copies("far local", far, 2, r, 1);
    copies("far remote", l, 3, far, 2);
    struct iovec wraps[2] = {{(void *)AT(0), 10}, {(void *)-10ul, 100}};
    copies("wrapping remote", l, 3, wraps, 2);
    CALL3(mprotect, AT(5), PAGE, PROT_READ);
    struct iovec over = {(void *)AT(4) + 1000, 2 * PAGE};
    copies("remote without write", l, 3, &over, 1);
    CALL3(mprotect, AT(5), PAGE, PROT_NONE);
    copies("remote without access", l, 3, &over, 1);
    CALL3(mprotect, AT(5), PAGE, PROT_WRITE);
    copies("remote without read", l, 3, &over, 1);
    CALL3(mprotect, AT(5), PAGE, PROT_EXEC);
    copies("remote with execution only", l, 3, &over, 1);
    CALL2(munmap, AT(5), PAGE);
    copies("remote with a hole", l, 3, &over, 1);
    struct iovec hole = {(void *)AT(5) + 5, 10};
    copies("remote is a hole", l, 3, &hole, 1);
    struct iovec mixed[2] = {{local, 10}, {(void *)AT(5), 10}};
    copies("local with a hole", mixed, 2, r, 3);
    struct iovec edge = {(void *)AT(5) - 10, 100};
    copies("local over an edge", &edge, 1, r, 3);
    CALL3(mprotect, AT(4), PAGE, PROT_READ);
    copies("local without write", &edge, 1, r, 1);
    result("flags", CALL6(process_vm_readv, pid, l, 3, r, 3, 1));
    result("wide flags", CALL6(process_vm_readv, pid, l, 3, r, 3, 1ul << 32));
    result("nobody", CALL6(process_vm_readv, 0x3fffffff, l, 3, r, 3, 0));
    result("zero", CALL6(process_vm_readv, 0, l, 3, r, 3, 0));
    result("minus one", CALL6(process_vm_readv, -1, l, 3, r, 3, 0));
    result("nobody, nothing", CALL6(process_vm_readv, 0x3fffffff, l, 3, r, 0, 0));
    result("nobody, bad vector", CALL6(process_vm_writev, 0x3fffffff, l, 3, 8, 1, 0));
    // What a copy brings is there when it is read again one page later.
    for (word i = 0; i < 3 * PAGE; i++)
        ((char *)AT(0))[i] = 'a' + i / PAGE;
    struct iovec to = {(void *)AT(1), 2 * PAGE}, from = {(void *)AT(0), 2 * PAGE};
    result("onto itself", CALL6(process_vm_readv, pid, &to, 1, &from, 1, 0));
    say("%c %c %c\n", *(char *)AT(0), *(char *)AT(1), *(char *)AT(2));
    CALL2(munmap, AT(0), 8 * PAGE);
}

static void advice(const char *what, struct iovec *v, word n, word behavior)
{
    for (word i = 0; i < 8 * PAGE; i += PAGE)
        *(char *)(AT(0) + i) = 'x';
    say("%s: %s, left", what, shown(CALL5(process_madvise, SELF, v, n, behavior, 0)));
    for (word i = 0; i < 8 * PAGE; i += PAGE)
        say(" %c", *(char *)(AT(0) + i) ? 'x' : '-');
    say("\n");
}

static void madvise_self(void)
{
    map(0, 8, RW);
    struct iovec v[4] = {{(void *)AT(1), PAGE}, {(void *)AT(2) + 1, 0}, {(void *)AT(3), 2 * PAGE}, {(void *)AT(7), 1}};
    for (word behavior = 0; behavior < 27; behavior++) {
        char what[32];
        // MADV_FREE may keep contents for a while.
        if (behavior == 8)
            continue;
        snprintf(what, sizeof what, "advice %lu", behavior);
        advice(what, v, 4, behavior);
    }
    advice("unknown", v, 4, 99);
    advice("unknown for nothing", v, 0, 99);
    advice("unknown for empty", v + 1, 1, 99);
    advice("empty first", v + 1, 2, MADV_DONTNEED);
    struct iovec odd[2] = {{(void *)AT(1), PAGE}, {(void *)AT(2) + 1, PAGE}};
    advice("odd second", odd, 2, MADV_DONTNEED);
    advice("odd first", odd + 1, 1, MADV_DONTNEED);
    struct iovec hole[2] = {{(void *)AT(6), PAGE}, {(void *)AT(7), 4 * PAGE}};
    advice("hole second", hole, 2, MADV_DONTNEED);
    advice("hole first", hole + 1, 1, MADV_DONTNEED);
    struct iovec far[2] = {{(void *)AT(1), PAGE}, {(void *)(1ul << 63), PAGE}};
    advice("far second", far, 2, MADV_DONTNEED);
    advice("bad vector", (void *)8, 1, MADV_DONTNEED);
    advice("many", v, 1025, MADV_DONTNEED);
    advice("bad vector, no advice", (void *)8, 1, 99);
    struct iovec whole = {(void *)AT(0), PAGE};
    result("flags", CALL5(process_madvise, SELF, &whole, 1, MADV_DONTNEED, 1));
    result("thread", CALL5(process_madvise, SELF_THREAD, &whole, 1, MADV_DONTNEED, 0));
    result("no descriptor", CALL5(process_madvise, -1, &whole, 1, MADV_DONTNEED, 0));
    result("not a process", CALL5(process_madvise, 1, &whole, 1, MADV_DONTNEED, 0));
    result("beside", CALL5(process_madvise, -10002, &whole, 1, MADV_DONTNEED, 0));
    result("no descriptor, bad vector", CALL5(process_madvise, -1, 8, 1, MADV_DONTNEED, 0));
    result("no descriptor, no advice", CALL5(process_madvise, -1, &whole, 1, 99, 0));
    result("release", CALL2(process_mrelease, SELF, 0));
    result("release with flags", CALL2(process_mrelease, -1, 1));
    result("release nothing", CALL2(process_mrelease, -1, 0));
    result("release a file", CALL2(process_mrelease, 1, 0));
}

int main(void)
{
    pid = CALL0(getpid);
    vm();
    madvise_self();
    finish(0);
}
