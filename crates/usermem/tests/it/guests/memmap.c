// mmap and its relatives: placement, protection, sharing, growth, and the shape of /proc/self/maps.
#include "guest.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define AT(page) (ARENA + (page) * PAGE)

static int file;

static long map(long page, long pages, int prot, int flags, int fd, long offset)
{
    return CALL6(mmap, AT(page), pages * PAGE, prot, flags, fd, offset);
}

static void result(const char *what, long value)
{
    if (value >= (long)ARENA && value < (long)AT(0x10000))
        say("%s: arena+%lx\n", what, value - ARENA);
    else
        say("%s: %s\n", what, value > 0xffff ? "elsewhere" : shown(value));
}

// What a read of one byte says: through write(2) to a pipe, so that a bad page is an error and not a signal.
static int ends[2];
static void peek(const char *what, word at)
{
    char byte = 0;
    long n = CALL3(write, ends[1], at, 1);
    if (n == 1)
        CALL3(read, ends[0], &byte, 1);
    say("%s: %s %02x\n", what, shown(n), (unsigned char)byte);
}

// The lines of /proc/self/maps that lie in the arena, without device and inode.
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
        word from, to, offset;
        char access[8], name[512] = "";
        *end = 0;
        sscanf(line, "%lx-%lx %7s %lx %*s %*s %511[^\n]", &from, &to, access, &offset, name);
        char *base = strrchr(name, '/');
        if (from >= ARENA && from < AT(0x10000))
            say("   %lx-%lx %s %lx %s\n", (from - ARENA) / PAGE, (to - ARENA) / PAGE, access, offset, base ? base + 1 : name);
    }
}

static void clear(void)
{
    result("clear", CALL2(munmap, ARENA, 0x1000 * PAGE));
}

static void placement(void)
{
    result("fixed", map(0, 4, RW, ANON | MAP_FIXED, -1, 0));
    result("noreplace over", map(2, 4, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    result("noreplace beside", map(4, 4, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    result("hint free", map(16, 2, RW, ANON, -1, 0));
    result("hint taken", map(2, 2, RW, ANON, -1, 0));
    result("hint odd", CALL6(mmap, AT(24) + 5, PAGE, RW, ANON, -1, 0));
    result("fixed odd", CALL6(mmap, AT(24) + 5, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    result("length odd", CALL6(mmap, AT(32), PAGE + 1, RW, ANON | MAP_FIXED, -1, 0));
    result("no kind", map(40, 1, RW, MAP_ANONYMOUS, -1, 0));
    result("both kinds", map(40, 1, RW, MAP_ANONYMOUS | 3 | MAP_FIXED, -1, 0));
    result("32 bit", CALL6(mmap, 0, PAGE, RW, ANON | MAP_32BIT, -1, 0) < 0x80000000L ? 1 : 0);
    result("bad fd", map(40, 1, RW, MAP_PRIVATE, 99, 0));
    result("pipe", map(40, 1, RW, MAP_PRIVATE, ends[0], 0));
    result("odd offset", CALL6(mmap, AT(40), PAGE, PROT_READ, MAP_PRIVATE, file, 5));
    result("offset overflow", CALL6(mmap, AT(40), PAGE * 2, PROT_READ, MAP_PRIVATE, file, 0x7ffffffffffff000));
    shape("placement");
    result("hole in the middle", CALL2(munmap, AT(1), 2 * PAGE));
    result("unmap nothing", CALL2(munmap, AT(100), PAGE));
    result("unmap odd", CALL2(munmap, AT(1) + 1, PAGE));
    shape("after munmap");
    clear();
}

static void protection(void)
{
    map(0, 8, RW, ANON | MAP_FIXED, -1, 0);
    memset((void *)AT(0), 'p', 8 * PAGE);
    result("mprotect middle", CALL3(mprotect, AT(3), 2 * PAGE, PROT_READ));
    result("mprotect none", CALL3(mprotect, AT(6), PAGE, PROT_NONE));
    shape("split");
    peek("none", AT(6));
    result("read into read-only", CALL3(read, file, AT(3), 10));
    result("mprotect back", CALL3(mprotect, AT(3), 2 * PAGE, RW));
    result("mprotect back", CALL3(mprotect, AT(6), PAGE, RW));
    shape("merged again");
    peek("kept", AT(6));
    CALL2(munmap, AT(5), PAGE);
    result("pitfall 29, mprotect over a hole", CALL3(mprotect, AT(4), 3 * PAGE, PROT_READ));
    shape("the part before the hole");
    result("bad bits", CALL3(mprotect, AT(0), PAGE, 0x100));
    result("odd", CALL3(mprotect, AT(0) + 1, PAGE, PROT_READ));
    result("growsdown", CALL3(mprotect, AT(0), PAGE, PROT_READ | PROT_GROWSDOWN));
    clear();
}

// Which pages are present.
static void present(const char *what, long page, long pages)
{
    unsigned char seen[64] = {0};
    char text[65] = {0};
    long n = CALL3(mincore, AT(page), pages * PAGE, seen);
    for (long i = 0; i < pages; i++)
        text[i] = '0' + (seen[i] & 1);
    say("%s: %s %s\n", what, shown(n), text);
}

static void presence(void)
{
    map(0, 16, RW, ANON | MAP_FIXED, -1, 0);
    // Pages larger than one are not what is asked about.
    CALL3(madvise, AT(0), 16 * PAGE, MADV_NOHUGEPAGE);
    present("untouched", 0, 16);
    *(volatile char *)AT(2) = 1;
    (void)*(volatile char *)AT(4);
    peek("by the kernel", AT(6));
    present("touched", 0, 16);
    CALL3(madvise, AT(2), 3 * PAGE, MADV_DONTNEED);
    CALL3(madvise, AT(10), 2 * PAGE, 23 /* MADV_POPULATE_WRITE */);
    CALL3(mprotect, AT(6), PAGE, PROT_NONE);
    present("dropped, populated and hidden", 0, 16);
    CALL5(mremap, AT(4), 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(20));
    present("moved", 20, 8);
    map(32, 8, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *(volatile char *)AT(35) = 1;
    CALL3(madvise, AT(32), 8 * PAGE, MADV_DONTNEED);
    present("shared", 32, 8);
    map(40, 4, PROT_READ, ANON | MAP_FIXED | MAP_POPULATE, -1, 0);
    present("populated", 40, 4);
    result("collapse of less than a huge page", CALL3(madvise, AT(0), PAGE, 25 /* MADV_COLLAPSE */));
    clear();
}

static void advice(void)
{
    map(0, 4, RW, ANON | MAP_FIXED, -1, 0);
    memset((void *)AT(0), 'a', 4 * PAGE);
    result("dontneed", CALL3(madvise, AT(1), PAGE, MADV_DONTNEED));
    peek("dropped", AT(1));
    peek("kept", AT(2));
    result("odd", CALL3(madvise, AT(1) + 1, PAGE, MADV_DONTNEED));
    result("unknown", CALL3(madvise, AT(1), PAGE, 9999));
    result("nothing", CALL3(madvise, AT(1), 0, MADV_DONTNEED));
    CALL2(munmap, AT(1), PAGE);
    result("pitfall 29, over a hole", CALL3(madvise, AT(0), 4 * PAGE, MADV_DONTNEED));
    peek("before the hole", AT(0));
    peek("after the hole", AT(3));
    unsigned char seen[4] = {9, 9, 9, 9};
    result("mincore hole", CALL3(mincore, AT(0), 4 * PAGE, seen));
    result("mincore", CALL3(mincore, AT(2), 2 * PAGE, seen));
    result("mincore odd", CALL3(mincore, AT(2) + 1, PAGE, seen));
    clear();
}

static void moving(void)
{
    map(0, 4, RW, ANON | MAP_FIXED, -1, 0);
    for (int i = 0; i < 4; i++)
        *(char *)AT(i) = 'A' + i;
    result("shrink", CALL5(mremap, AT(0), 4 * PAGE, 3 * PAGE, 0, 0));
    result("grow in place", CALL5(mremap, AT(0), 3 * PAGE, 6 * PAGE, 0, 0));
    map(6, 1, PROT_READ, ANON | MAP_FIXED, -1, 0);
    result("cannot grow", CALL5(mremap, AT(0), 6 * PAGE, 7 * PAGE, 0, 0));
    result("move fixed", CALL5(mremap, AT(0), 6 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(100)));
    peek("moved 0", AT(100));
    peek("moved 2", AT(102));
    peek("moved 3, fresh", AT(103));
    peek("old place", AT(0));
    result("fixed alone", CALL5(mremap, AT(100), PAGE, PAGE, MREMAP_FIXED, AT(200)));
    result("overlap", CALL5(mremap, AT(100), 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(102)));
    result("odd", CALL5(mremap, AT(100) + 1, PAGE, PAGE, MREMAP_MAYMOVE, 0));
    result("to nothing", CALL5(mremap, AT(100), PAGE, 0, MREMAP_MAYMOVE, 0));
    result("of nothing", CALL5(mremap, AT(300), PAGE, PAGE, MREMAP_MAYMOVE, 0));
    result("more than is there", CALL5(mremap, AT(100), 20 * PAGE, 21 * PAGE, MREMAP_MAYMOVE, 0));
    result("private copy", CALL5(mremap, AT(100), 0, PAGE, MREMAP_MAYMOVE, 0));
    result("dontunmap", CALL5(mremap, AT(100), 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, AT(400)));
    peek("left behind", AT(100));
    peek("taken along", AT(400));
    shape("moved");
    map(500, 2, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *(char *)AT(500) = 's';
    result("shared copy", CALL5(mremap, AT(500), 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(600)));
    peek("shared copy", AT(600));
    *(char *)AT(600) = 't';
    peek("through the first", AT(500));
    result("pitfall 9, of nothing onto itself", CALL5(mremap, AT(500), 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(500)));
    clear();
}

static void files(void)
{
    long rw = CALL3(open, "mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
    char byte = 0;
    CALL2(ftruncate, rw, 2 * PAGE + 100);
    result("shared", map(0, 4, RW, MAP_SHARED | MAP_FIXED, rw, 0));
    result("private", map(8, 4, RW, MAP_PRIVATE | MAP_FIXED, rw, 0));
    result("second page", map(16, 1, PROT_READ, MAP_PRIVATE | MAP_FIXED, rw, PAGE));
    result("read-only file, shared, writable", map(24, 1, RW, MAP_SHARED | MAP_FIXED, file, 0));
    result("read-only file, shared", map(24, 1, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0));
    result("then writable", CALL3(mprotect, AT(24), PAGE, RW));
    result("read-only file, private", map(26, 1, RW, MAP_PRIVATE | MAP_FIXED, file, 0));
    shape("files");
    *(char *)AT(0) = 'S';
    CALL4(pread64, rw, &byte, 1, 0);
    say("file sees shared: %c\n", byte);
    peek("private sees shared", AT(8));
    *(char *)AT(8) = 'P';
    CALL4(pwrite64, rw, "W", 1, 0);
    peek("shared sees write", AT(0));
    peek("private does not", AT(8));
    CALL4(pwrite64, rw, "X", 1, PAGE);
    peek("untouched private sees write", AT(9));
    peek("second page sees write", AT(16));
    peek("last page, beyond end", AT(2) + 200);
    peek("pitfall 27, page beyond end", AT(3));
    CALL2(ftruncate, rw, 100);
    peek("truncated away, shared", AT(1));
    peek("truncated away, private", AT(9));
    peek("truncated, own copy", AT(8));
    result("write into truncated", CALL4(pread64, file, AT(1), 10, 0));
    result("read up to the end", CALL4(pread64, file, AT(0) + PAGE - 50, 100, 0));
    CALL2(ftruncate, rw, 4 * PAGE);
    peek("grown back, zero", AT(1));
    result("msync", CALL3(msync, AT(0), 4 * PAGE, MS_SYNC));
    result("msync bad flags", CALL3(msync, AT(0), PAGE, MS_SYNC | MS_ASYNC));
    result("msync hole", CALL3(msync, AT(0), 8 * PAGE, MS_ASYNC));
    CALL1(close, rw);
    *(char *)(AT(3) + 5) = 'C';
    rw = CALL3(open, "mapped", O_RDWR, 0);
    CALL4(pread64, rw, &byte, 1, 3 * PAGE + 5);
    say("after close: %c\n", byte);
    long wo = CALL3(open, "mapped", O_WRONLY, 0);
    result("write-only file", map(32, 1, PROT_WRITE, MAP_SHARED, wo, 0));
    result("folder", map(32, 1, PROT_READ, MAP_PRIVATE, CALL3(open, ".", O_RDONLY, 0), 0));
    // The kernel reads from one mapping of a file into another of the same file.
    result("file into itself", CALL4(pread64, rw, AT(0), PAGE, 0));
    CALL1(close, wo);
    CALL1(close, rw);
    clear();
}

static void heap(void)
{
    char *start = (char *)CALL1(brk, 0);
    say("brk grows %d\n", (char *)CALL1(brk, start + 100000) == start + 100000);
    start[0] = start[99999] = 'h';
    say("brk shrinks %d\n", (char *)CALL1(brk, start + 10) == start + 10);
    say("brk to null stays %d\n", (char *)CALL1(brk, 0) == start + 10);
    say("brk too far stays %d\n", (char *)CALL1(brk, 0x7fffffff0000) == start + 10);
    say("brk grows again %d\n", (char *)CALL1(brk, start + 100000) == start + 100000);
    say("kept %c fresh %d\n", start[0], start[99999]);
}

static void deep(int frames)
{
    volatile char frame[4096];
    frame[0] = frames;
    if (frames > 0)
        deep(frames - 1);
    frame[4095] = frame[0];
}

int main(void)
{
    file = CALL3(open, "data", O_RDONLY, 0);
    CALL2(pipe2, ends, 0);
    clear();
    placement();
    protection();
    presence();
    advice();
    moving();
    files();
    heap();
    deep(1000);
    say("four mebibytes of stack\n");
    finish(0);
}
