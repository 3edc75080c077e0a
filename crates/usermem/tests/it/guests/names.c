// Names of anonymous memory: PR_SET_VMA_ANON_NAME, and what /proc/self/maps shows.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>

#define AT(page) (ARENA + (page) * PAGE)
#define RW (PROT_READ | PROT_WRITE)
#define NAME(page, pages, name) CALL5(prctl, 0x53564d41, 0, AT(page), (pages) * PAGE, name)

static void result(const char *what, long value)
{
    say("%s: %s\n", what, value >= (long)ARENA && value < (long)AT(0x1000) ? "done" : shown(value));
}

static void map(word page, word pages, int flags)
{
    CALL6(mmap, AT(page), pages * PAGE, RW, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

// The lines of /proc/self/maps that have a name of ours, or lie in the arena.
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
        char name[256] = "";
        *end = 0;
        sscanf(line, "%lx-%lx %*s %*s %*s %*s %255[^\n]", &from, &to, name);
        if (from >= ARENA && from < AT(0x10000))
            say("   %lx-%lx %s\n", (from - ARENA) / PAGE, (to - ARENA) / PAGE, name);
    }
}

int main(void)
{
    map(0, 8, MAP_PRIVATE);
    result("name", NAME(2, 2, "a name"));
    result("another", NAME(5, 1, "another"));
    shape("split");
    result("same", NAME(4, 1, "a name"));
    shape("grown");
    result("none", NAME(3, 1, 0));
    shape("in two");
    result("empty", NAME(0, 1, ""));
    map(8, 1, MAP_PRIVATE);
    shape("beside");
    result("new in the middle", CALL3(mprotect, AT(4), PAGE, PROT_READ));
    result("back", CALL3(mprotect, AT(4), PAGE, RW));
    result("move", CALL5(mremap, AT(4), PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(0x20)));
    result("part", CALL2(munmap, AT(0x21), PAGE));
    result("grow", CALL4(mremap, AT(0x20), PAGE, 3 * PAGE, 0));
    shape("moved, cut and grown");

    static char longest[81];
    memset(longest, 'x', 80);
    result("80 characters", NAME(0, 1, longest));
    longest[79] = 0;
    result("79 characters", NAME(0, 1, longest));
    shape("longest");
    char one[4] = "a?b";
    char refused[260] = "";
    int count = 0;
    for (int c = 1; c < 256; c++) {
        one[1] = c;
        if (NAME(0, 1, one) != 0) {
            count++;
            if (c > ' ' && c < 127)
                refused[strlen(refused)] = c;
        }
    }
    say("%d refused, of those that can be seen %s\n", count, refused);
    result("bad name", NAME(0, 1, 8));
    map(0x30, 1, MAP_PRIVATE);
    strcpy((char *)AT(0x31) - 3, "ab");
    result("name at the edge", NAME(0, 1, AT(0x31) - 3));
    ((char *)AT(0x31))[-1] = 'c';
    result("name over the edge", NAME(0, 1, AT(0x31) - 3));
    shape("from the edge");

    result("off the page", CALL5(prctl, 0x53564d41, 0, AT(0) + 1, PAGE, "x"));
    result("odd length", CALL5(prctl, 0x53564d41, 0, AT(0), 1, "odd"));
    result("nothing", NAME(0, 0, "x"));
    result("rounds to nothing", CALL5(prctl, 0x53564d41, 0, AT(0), -1, "x"));
    result("wraps", CALL5(prctl, 0x53564d41, 0, AT(0), -PAGE, "x"));
    result("bad name, off the page", CALL5(prctl, 0x53564d41, 0, AT(0) + 1, PAGE, "["));
    result("another option", CALL5(prctl, 0x53564d41, 1, AT(0), PAGE, "x"));
    result("a hole", NAME(0x60, 1, "x"));
    CALL2(munmap, AT(0), 0x40 * PAGE);

    map(0, 2, MAP_PRIVATE);
    map(3, 1, MAP_PRIVATE);
    result("over a hole", NAME(0, 4, "holes"));
    map(6, 2, MAP_SHARED);
    result("shared", NAME(6, 1, "shared"));
    shape("over a hole, and shared");
    long file = CALL2(memfd_create, "file", 0);
    CALL2(ftruncate, file, PAGE);
    CALL6(mmap, AT(4), PAGE, RW, MAP_SHARED | MAP_FIXED, file, 0);
    result("file of memory", NAME(4, 1, "memory"));
    shape("a file of memory");
    file = CALL3(open, "/proc/self/exe", O_RDONLY, 0);
    CALL6(mmap, AT(9), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0);
    map(8, 1, MAP_PRIVATE);
    map(10, 1, MAP_PRIVATE);
    result("up to a file", NAME(8, 3, "upto"));
    CALL2(munmap, AT(4), PAGE);
    CALL2(munmap, AT(9), PAGE);
    shape("up to a file");
    finish(0);
}
