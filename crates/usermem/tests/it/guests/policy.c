// Memory policies: what a program may say about the nodes of a machine that has one.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>

#define AT(page) (ARENA + (page) * PAGE)
#define DEFAULT 0
#define PREFERRED 1
#define BIND 2
#define INTERLEAVE 3
#define LOCAL 4
#define MANY 5
#define WEIGHTED 6
#define BALANCING (1 << 13)
#define RELATIVE (1 << 14)
#define STATIC (1 << 15)
#define F_NODE 1
#define F_ADDR 2
#define F_ALLOWED 4
#define STRICT 1
#define MOVE 2
#define MOVE_ALL 4

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static word none[600], first[600] = {1}, second[600] = {2}, both[600] = {3}, far[600] = {[15] = 1}, beyond[600] = {1, [16] = 1};

static void result(const char *what, long value)
{
    say("%s: %s\n", what, shown(value));
}

static void map(word page, word pages)
{
    CALL6(mmap, AT(page), pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

// The lines of /proc/self/maps that lie in the arena: where mappings begin and end.
static void shape(const char *title)
{
    static char text[1 << 16];
    long fd = CALL3(open, "/proc/self/maps", O_RDONLY, 0), len = 0, n;
    while ((n = CALL3(read, fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    text[len] = 0;
    say("-- %s\n", title);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        word from, to;
        sscanf(line, "%lx-%lx", &from, &to);
        if (from >= ARENA && from < AT(0x10000))
            say("   %lx-%lx\n", (from - ARENA) / PAGE, (to - ARENA) / PAGE);
    }
}

static void get(const char *what, word addr, word flags)
{
    int mode = -1;
    word nodes[4] = {-1, -1, -1, -1};
    long r = CALL5(get_mempolicy, &mode, nodes, 130, addr, flags);
    say("%s: %s mode %x nodes %lx %lx %lx %lx\n", what, shown(r), mode, nodes[0], nodes[1], nodes[2], nodes[3]);
}

static const struct { const char *name; word *mask; } masks[] = {
    {"null", 0}, {"none", none}, {"first", first}, {"second", second}, {"both", both}, {"far", far}, {"beyond", beyond}, {"bad", (word *)8},
};

static void modes(void)
{
    static const word flags[] = {0, STATIC, RELATIVE, STATIC | RELATIVE, BALANCING, BALANCING | STATIC, 1 << 12, 1u << 31, 1 << 16};
    for (word mode = 0; mode < 9; mode++)
        for (unsigned f = 0; f < sizeof flags / sizeof *flags; f++)
            for (unsigned m = 0; m < sizeof masks / sizeof *masks; m++) {
                char what[64];
                word with = mode | flags[f];
                snprintf(what, sizeof what, "%lx %s", with, masks[m].name);
                result(what, CALL3(set_mempolicy, with, masks[m].mask, 64 * 20));
                get(" task", 0, 0);
                get(" turn", 0, F_NODE);
                result(" range", CALL6(mbind, AT(0), PAGE, with, masks[m].mask, 64 * 20, 0));
                get(" range", AT(0), F_ADDR);
                CALL3(set_mempolicy, 0, 0, 0);
                CALL6(mbind, AT(0), PAGE, 0, 0, 0, 0);
            }
}

static void lengths(void)
{
    static const word lengths[] = {0, 1, 2, 3, 64, 65, 66, 1023, 1024, 1025, 1026, 1087, 1088, 1089, 1090, 32768, 32769, 32770, 1ul << 31, -1ul};
    for (unsigned l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        say("max %lx: set", lengths[l]);
        for (unsigned m = 0; m < sizeof masks / sizeof *masks; m++)
            say(" %s", shown(CALL3(set_mempolicy, BIND, masks[m].mask, lengths[l])));
        static word out[1024];
        memset(out, 0xff, sizeof out);
        long r = CALL5(get_mempolicy, 0, out, lengths[l], 0, 0);
        int zero = 0;
        for (int i = 0; i < 1024; i++)
            zero += out[i] == 0;
        say(", get %s %lx %lx %d\n", shown(r), out[0], out[1], zero);
    }
    // The end of the mask is the end of what can be read.
    map(0x40, 1);
    word *edge = (word *)(AT(0x41) - 8);
    *edge = 1;
    result("mask at the edge", CALL3(set_mempolicy, BIND, edge, 65));
    result("mask over the edge", CALL3(set_mempolicy, BIND, edge, 66));
    result("get at the edge", CALL5(get_mempolicy, 0, edge, 65, 0, 0));
    result("get over the edge", CALL5(get_mempolicy, 0, edge, 66, 0, 0));
    result("get mode over the edge", CALL5(get_mempolicy, AT(0x41) - 2, 0, 0, 0, 0));
    result("get nothing", CALL5(get_mempolicy, 0, 0, 0, 0, 0));
    result("get with a bad mask", CALL5(get_mempolicy, 0, 8, 64, 0, 0));
    CALL3(set_mempolicy, 0, 0, 0);
}

static void queries(void)
{
    CALL3(set_mempolicy, INTERLEAVE, first, 64);
    for (word flags = 0; flags < 9; flags++) {
        char what[32];
        snprintf(what, sizeof what, "query %lx", flags);
        get(what, 0, flags);
        get(" mapped", AT(0), flags);
        get(" unmapped", AT(0x80), flags);
    }
    get("wide flags", 0, 1ul << 32);
    CALL3(mprotect, AT(1), PAGE, PROT_NONE);
    get("node of no access", AT(1), F_ADDR | F_NODE);
    get("policy of no access", AT(1), F_ADDR);
    CALL3(mprotect, AT(1), PAGE, PROT_READ | PROT_WRITE);
    CALL3(set_mempolicy, 0, 0, 0);
}

static void ranges(void)
{
    map(0, 8);
    result("middle", CALL6(mbind, AT(2), 2 * PAGE, BIND, first, 64, 0));
    shape("split");
    get("before", AT(1), F_ADDR);
    get("inside", AT(3) + 5, F_ADDR);
    result("same again", CALL6(mbind, AT(3), 2 * PAGE, BIND, first, 64, 0));
    shape("grown");
    result("another", CALL6(mbind, AT(3), PAGE, PREFERRED, first, 64, 0));
    shape("three");
    result("new beside", CALL6(mmap, AT(8), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)AT(8));
    shape("new beside");
    result("default", CALL6(mbind, AT(0), 9 * PAGE, DEFAULT, 0, 0, 0));
    shape("merged");
    result("off the page", CALL6(mbind, AT(0) + 1, PAGE, BIND, first, 64, 0));
    result("off the page, bad flags", CALL6(mbind, AT(0) + 1, PAGE, BIND, first, 64, 8));
    result("bad flags, bad mode", CALL6(mbind, AT(0), PAGE, 99, first, 64, 8));
    result("bad flags, bad mask", CALL6(mbind, AT(0), PAGE, BIND, 8, 64, 8));
    result("nothing", CALL6(mbind, AT(0), 0, BIND, first, 64, 0));
    result("nothing, no nodes", CALL6(mbind, AT(0), 0, BIND, 0, 0, 0));
    result("odd length", CALL6(mbind, AT(0), 1, BIND, first, 64, 0));
    result("wraps", CALL6(mbind, AT(0), -PAGE, BIND, first, 64, 0));
    result("rounds to nothing", CALL6(mbind, AT(0), -1, BIND, first, 64, 0));
    result("all of it", CALL6(mbind, 0, 1ul << 46, BIND, first, 64, 0));
    result("beyond", CALL6(mbind, 1ul << 63, PAGE, BIND, first, 64, 0));
    result("into a hole", CALL6(mbind, AT(7), 4 * PAGE, BIND, first, 64, 0));
    result("from a hole", CALL6(mbind, AT(0x100), PAGE, BIND, first, 64, 0));
    CALL2(munmap, AT(4), PAGE);
    result("over a hole", CALL6(mbind, AT(2), 4 * PAGE, BIND, first, 64, 0));
    shape("over a hole");
    memset((void *)AT(0), 1, PAGE);
    result("move", CALL6(mbind, AT(0), PAGE, BIND, first, 64, MOVE));
    result("move all", CALL6(mbind, AT(0), PAGE, BIND, first, 64, MOVE_ALL | STRICT));
    result("strict", CALL6(mbind, AT(0), PAGE, BIND, first, 64, STRICT));
    result("strict local", CALL6(mbind, AT(0), PAGE, LOCAL, 0, 0, STRICT));
    get("strict local", AT(0), F_ADDR);
    result("strict default", CALL6(mbind, AT(0), PAGE, DEFAULT, 0, 0, STRICT));
    CALL6(mbind, AT(0), PAGE, BIND, first, 64, 0);
    result("default and no more", CALL6(mbind, AT(0x60), 8 * PAGE, DEFAULT, 0, 0, 0));
    result("strict, then a hole", CALL6(mbind, AT(0), 8 * PAGE, LOCAL, 0, 0, STRICT));
    result("default, then a hole", CALL6(mbind, AT(0), 8 * PAGE, DEFAULT, 0, 0, STRICT));
    CALL6(mbind, AT(0), 4 * PAGE, DEFAULT, 0, 0, 0);
    result("strict and a hole", CALL6(mbind, AT(0), 8 * PAGE, LOCAL, 0, 0, STRICT));
    result("strict relative", CALL6(mbind, AT(0), PAGE, BIND | RELATIVE, second, 64, STRICT));
    get("strict relative", AT(0), F_ADDR);
    CALL2(munmap, AT(0), 0x20 * PAGE);
    // A move takes the policy along.
    map(0, 4);
    CALL6(mbind, AT(1), PAGE, MANY, first, 64, 0);
    result("mremap", CALL5(mremap, AT(1), PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(0x10)) == (long)AT(0x10));
    get("moved", AT(0x11), F_ADDR);
    result("back", CALL6(mmap, AT(1), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)AT(1));
    get("new", AT(1), F_ADDR);
    CALL2(munmap, AT(0), 0x20 * PAGE);
}

static void home(void)
{
    map(0, 8);
    result("no policy", CALL4(set_mempolicy_home_node, AT(0), PAGE, 0, 0));
    CALL6(mbind, AT(1), PAGE, BIND, first, 64, 0);
    CALL6(mbind, AT(2), PAGE, INTERLEAVE, first, 64, 0);
    CALL6(mbind, AT(3), PAGE, MANY, first, 64, 0);
    result("bind", CALL4(set_mempolicy_home_node, AT(0), 2 * PAGE, 0, 0));
    result("interleave", CALL4(set_mempolicy_home_node, AT(1), 2 * PAGE, 0, 0));
    result("many", CALL4(set_mempolicy_home_node, AT(3), 8 * PAGE, 0, 0));
    CALL6(mbind, AT(2), PAGE, BIND, first, 64, 0);
    shape("apart from one without");
    result("off the page", CALL4(set_mempolicy_home_node, AT(1) + 1, PAGE, 0, 0));
    result("flags", CALL4(set_mempolicy_home_node, AT(1), PAGE, 0, 1));
    result("no such node", CALL4(set_mempolicy_home_node, AT(1), PAGE, 1, 0));
    result("far node", CALL4(set_mempolicy_home_node, AT(1), PAGE, 1ul << 32, 0));
    result("nothing", CALL4(set_mempolicy_home_node, AT(1), 0, 0, 0));
    result("wraps", CALL4(set_mempolicy_home_node, AT(1), -PAGE, 0, 0));
    result("a hole", CALL4(set_mempolicy_home_node, AT(0x50), PAGE, 0, 0));
    CALL2(munmap, AT(0), 0x20 * PAGE);
}

static void migration(void)
{
    long pid = CALL0(getpid);
    for (unsigned from = 0; from < sizeof masks / sizeof *masks; from++)
        for (unsigned to = 0; to < sizeof masks / sizeof *masks; to++)
            say("migrate %s to %s: %s\n", masks[from].name, masks[to].name,
                shown(CALL4(migrate_pages, 0, 1090, masks[from].mask, masks[to].mask)));
    result("migrate by number", CALL4(migrate_pages, pid, 64, first, first));
    result("migrate nobody", CALL4(migrate_pages, 0x3fffffff, 64, first, first));
    result("migrate nobody to nowhere", CALL4(migrate_pages, 0x3fffffff, 64, first, none));
    result("migrate minus one", CALL4(migrate_pages, -1, 64, first, first));
    map(0, 4);
    memset((void *)AT(0), 1, 2 * PAGE);
    word pages[40];
    int nodes[40], status[40];
    for (int i = 0; i < 40; i++)
        pages[i] = i % 2 ? AT(0x80) : AT(i / 2 % 2) + i, nodes[i] = 0;
    for (int with = 0; with < 2; with++) {
        memset(status, 0x55, sizeof status);
        result("move", CALL6(move_pages, 0, 40, pages, with ? nodes : 0, status, MOVE));
        for (int i = 0; i < 40; i++)
            say(" %d", status[i]);
        say("\n");
        for (word flags = 0; flags < 9; flags++)
            result("flags", CALL6(move_pages, pid, 1, pages, with ? nodes : 0, status, flags));
        result("no pages", CALL6(move_pages, 0, 0, 0, with ? nodes : 0, 0, 0));
        result("bad pages", CALL6(move_pages, 0, 1, 8, with ? nodes : 0, status, 0));
        result("bad status", CALL6(move_pages, 0, 1, pages, with ? nodes : 0, 8, 0));
        result("nobody", CALL6(move_pages, 0x3fffffff, 1, pages, with ? nodes : 0, status, 0));
        // The arrays end where they can be read no more.
        map(0x40, 1);
        word *edge = (word *)(AT(0x41) - 8 * 20);
        memcpy(edge, pages, 8 * 20);
        memset(status, 0x55, sizeof status);
        result("over the edge", CALL6(move_pages, 0, 40, edge, with ? nodes : 0, status, MOVE));
        for (int i = 0; i < 40; i++)
            say(" %d", status[i]);
        say("\n");
    }
    nodes[2] = 1;
    result("no such node", CALL6(move_pages, 0, 4, pages, nodes, status, MOVE));
    nodes[2] = -1;
    result("negative node", CALL6(move_pages, 0, 4, pages, nodes, status, MOVE));
    result("bad nodes", CALL6(move_pages, 0, 4, pages, 8, status, MOVE));
    CALL2(munmap, AT(0), 0x100 * PAGE);
}

int main(void)
{
    map(0, 8);
    modes();
    lengths();
    queries();
    CALL2(munmap, AT(0), 0x100 * PAGE);
    ranges();
    home();
    migration();
    finish(0);
}
