// mseal and guards: what a program asked never to change, and what it asked to fault.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103
#define AT(page) (ARENA + (page) * PAGE)

static void result(const char *what, long value)
{
    say("%s: %s\n", what, value >= (long)ARENA && value < (long)AT(0x100) ? "done" : shown(value));
}

static void map(void)
{
    result("map", CALL6(mmap, ARENA, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

// What a read of one byte says: through write(2) to a pipe, so that a bad page is an error and not a signal.
static int ends[2];
static void peek(word page)
{
    char byte = 0;
    long n = CALL3(write, ends[1], AT(page), 1);
    if (n == 1)
        CALL3(read, ends[0], &byte, 1);
    say("page %lx: %s %02x\n", page, shown(n), (unsigned char)byte);
}

static void guards(void)
{
    map();
    *(char *)AT(2) = 'a';
    *(char *)AT(3) = 'b';
    result("guard", CALL3(madvise, AT(2), PAGE, GUARD_INSTALL));
    peek(2);
    peek(3);
    result("read into a guard", CALL3(pread64, CALL3(open, "data", O_RDONLY, 0), AT(2), 8));
    result("no guard", CALL3(madvise, AT(1), 3 * PAGE, GUARD_REMOVE));
    peek(2);
    peek(3);
    result("guard nothing", CALL3(madvise, AT(1), 0, GUARD_INSTALL));
    result("guard a hole", CALL3(madvise, AT(7), 2 * PAGE, GUARD_INSTALL));
    result("guard off the page", CALL3(madvise, AT(1) + 1, PAGE, GUARD_INSTALL));
}

static void seals(void)
{
    map();
    result("flags", CALL3(mseal, AT(2), PAGE, 1));
    result("off the page", CALL3(mseal, AT(2) + 1, PAGE, 0));
    result("a hole", CALL3(mseal, AT(7), 2 * PAGE, 0));
    result("nothing", CALL3(mseal, AT(2), 0, 0));
    result("seal", CALL3(mseal, AT(2), 2 * PAGE, 0));
    result("protect", CALL3(mprotect, AT(0), 8 * PAGE, PROT_READ));
    result("unmap", CALL2(munmap, AT(0), 8 * PAGE));
    result("unmap beside", CALL2(munmap, AT(0), 2 * PAGE));
    result("move", CALL5(mremap, AT(2), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(0x20)));
    result("replace", CALL6(mmap, AT(3), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    *(char *)AT(2) = 'c';
    peek(2);
}

int main(void)
{
    CALL2(pipe2, ends, 0);
    guards();
    seals();
    finish(0);
}
