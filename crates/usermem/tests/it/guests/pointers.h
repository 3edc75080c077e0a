// The wrong pointers (and a few right ones) that every system call is given.
#ifndef POINTERS_H
#define POINTERS_H

#include "guest.h"
#include <sys/mman.h>

// The arena: two writable pages, a hole, a page without access, a read-only page, a hole, a full page, a hole.
#define RW (ARENA + 0 * PAGE)
#define HOLE (ARENA + 2 * PAGE)
#define NONE (ARENA + 4 * PAGE)
#define NONE_END (ARENA + 5 * PAGE)
#define READ_ONLY (ARENA + 8 * PAGE)
#define BEFORE_NONE (ARENA + 12 * PAGE)
#define BEFORE_READ_ONLY (ARENA + 16 * PAGE)

struct pointer {
    const char *name;
    word at;
    // How many bytes from `at` on can be written; 0 when none can.
    int valid;
};

#define STRADDLE(n) {"straddle-" #n, HOLE - n, n}

static const struct pointer pointers[] = {
    {"valid", RW, 8192},
    {"null", 0, 0},
    {"one", 1, 0},
    {"low", 0xfff, 0},
    {"hole", HOLE, 0},
    {"hole-odd", HOLE + 1, 0},
    {"none", NONE, 0},
    {"none-last", NONE + PAGE - 1, 0},
    {"read-only", READ_ONLY, 0},
    {"read-only-end", READ_ONLY + PAGE - 3, 0},
    STRADDLE(1),
    STRADDLE(2),
    STRADDLE(3),
    STRADDLE(4),
    STRADDLE(7),
    STRADDLE(8),
    STRADDLE(9),
    STRADDLE(12),
    STRADDLE(15),
    STRADDLE(16),
    STRADDLE(31),
    STRADDLE(32),
    STRADDLE(64),
    STRADDLE(127),
    STRADDLE(144),
    STRADDLE(390),
    {"straddle-none", NONE - 5, 0},
    {"before-none", BEFORE_NONE + PAGE - 5, 5},
    {"before-read-only", BEFORE_READ_ONLY + PAGE - 5, 5},
    {"last-page", 0x7fffffffe000, 0},
    {"last-byte", 0x7fffffffefff, 0},
    {"end", 0x7ffffffff000, 0},
    {"end-of-half", 0x7fffffffffff, 0},
    {"hole-in-canonical", 0x0000800000000000, 0},
    {"non-canonical", 0x8000000000000000, 0},
    {"kernel-half", 0xffff800000000000, 0},
    {"kernel-text", 0xffffffff81000000, 0},
    {"minus-page", (word)-4096, 0},
    {"minus-8", (word)-8, 0},
    {"minus-one", (word)-1, 0},
};
#define POINTERS (sizeof pointers / sizeof *pointers)

static inline void need(const char *what, long result)
{
    if (result < 0 && result >= -4095) {
        say("cannot %s: %s\n", what, error_name(result));
        finish(99);
    }
}

static inline void map_page(word at, word len, int prot)
{
    need("map the arena", CALL6(mmap, at, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static inline void make_pointers(void)
{
    map_page(RW, 2 * PAGE, PROT_READ | PROT_WRITE);
    map_page(NONE, PAGE, PROT_NONE);
    // Touched, because Linux treats a page that was never written (the zero page) differently in places.
    map_page(READ_ONLY, PAGE, PROT_READ | PROT_WRITE);
    *(volatile char *)READ_ONLY = 0;
    need("protect", CALL3(mprotect, READ_ONLY, PAGE, PROT_READ));
    map_page(BEFORE_NONE, PAGE, PROT_READ | PROT_WRITE);
    map_page(BEFORE_NONE + PAGE, PAGE, PROT_NONE);
    map_page(BEFORE_READ_ONLY, PAGE, PROT_READ | PROT_WRITE);
    map_page(BEFORE_READ_ONLY + PAGE, PAGE, PROT_READ);
}

// Fills what can be written of the arena with one byte, so that what a call wrote can be told.
static inline void fill(int byte)
{
    memset((void *)RW, byte, 2 * PAGE);
    memset((void *)BEFORE_NONE, byte, PAGE);
    memset((void *)BEFORE_READ_ONLY, byte, PAGE);
}

// A number that stands for the bytes from `at` on (FNV-1a).
static inline unsigned digest(const void *at, long len)
{
    const unsigned char *bytes = at;
    unsigned hash = 2166136261u;
    for (long i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

#endif
