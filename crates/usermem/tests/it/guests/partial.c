// Vectors at their limits: counts, lengths that overflow, empty entries at bad addresses (pitfalls 26 and 28).
#include "pointers.h"
#include <fcntl.h>
#include <sys/uio.h>

static struct iovec many[1025];
// The last page before a hole, so that what follows a vector is known.
#define buffer ((char *)HOLE - PAGE)
static int file, out, ends[2];

static void both(const char *name, const struct iovec *array, long count)
{
    CALL3(lseek, file, 0, SEEK_SET);
    CALL3(lseek, out, 0, SEEK_SET);
    say("%s: readv %s", name, shown(CALL3(readv, file, array, count)));
    say(" writev %s", shown(CALL3(writev, out, array, count)));
    say(" preadv %s", shown(CALL5(preadv, file, array, count, 5, 0)));
    say(" pwritev %s", shown(CALL5(pwritev, out, array, count, 5, 0)));
    say(" bad fd %s\n", shown(CALL3(writev, 99, array, count)));
}

static void counts(void)
{
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){buffer + i % 64, 1};
    both("count 0", many, 0);
    both("count 0 null", 0, 0);
    both("count 0 kernel", (void *)0xffff800000000000, 0);
    both("count 1024", many, 1024);
    both("count 1025", many, 1025);
    both("count -1", many, -1);
    both("count int", many, 0x80000000);
    both("count long", many, 0x100000001);
}

static void lengths(void)
{
    struct iovec two[2] = {{buffer, -1}, {buffer, 0}};
    both("length -1", two, 1);
    two[0].iov_len = 0x8000000000000000;
    both("length min", two, 1);
    two[0].iov_len = 0x7fffffffffffffff;
    both("length max", two, 1);
    two[0].iov_len = 0x7ffff000;
    two[1].iov_len = 0x7ffff000;
    both("lengths beyond the cap", two, 2);
    two[0].iov_len = 10;
    two[1].iov_len = -1;
    both("second length -1", two, 2);
    two[1] = (struct iovec){(void *)0xffff800000000000, 10};
    both("second base kernel", two, 2);
    two[1] = (struct iovec){(void *)0xffff800000000000, 0};
    both("second base kernel, empty", two, 2);
    two[1] = (struct iovec){(void *)HOLE, 10};
    both("second base hole", two, 2);
    two[0].iov_len = 0;
    both("only the second, hole", two, 2);
    two[1].iov_len = 0;
    both("two empty ones", two, 2);
}

// One valid byte, then nothing mapped.
static void pitfall_26(void)
{
    fill('z');
    for (long valid = 0; valid < 10; valid++) {
        CALL2(ftruncate, out, 0);
        say("write file %ld+hole: %s", valid, shown(CALL4(pwrite64, out, HOLE - valid, 50, 0)));
        say(" size %s", shown(CALL3(lseek, out, 0, SEEK_END)));
        say(" pipe %s", shown(CALL3(write, ends[1], HOLE - valid, 50)));
        say(" read %s\n", shown(CALL4(pread64, file, HOLE - valid, 50, 0)));
    }
    long n = CALL4(pread64, file, HOLE - 4096, 8192, 0);
    say("read a page and a hole: %s\n", shown(n));
    say("read two pages and a hole: %s\n", shown(CALL4(pread64, file, RW, 8192 + 1, 0)));
    for (long i = 1; i < 6; i++) {
        struct iovec two[2] = {{(void *)(HOLE - i), i}, {(void *)HOLE, 10}};
        CALL3(lseek, file, 0, SEEK_SET);
        say("readv %ld then hole: %s", i, shown(CALL3(readv, file, two, 2)));
        say(" at %s", shown(CALL3(lseek, file, 0, SEEK_CUR)));
        say(" writev pipe %s", shown(CALL3(writev, ends[1], two, 2)));
        two[0].iov_len = i + 3;
        say(" writev file %s\n", shown(CALL3(writev, out, two, 2)));
    }
}

// Nothing to transfer, and yet the address counts.
static void pitfall_28(void)
{
    for (unsigned i = 0; i < POINTERS; i++) {
        say("nothing at %s: read %s", pointers[i].name, shown(CALL3(read, file, pointers[i].at, 0)));
        say(" write %s", shown(CALL3(write, out, pointers[i].at, 0)));
        say(" pipe %s", shown(CALL3(write, ends[1], pointers[i].at, 0)));
        say(" pread %s", shown(CALL4(pread64, file, pointers[i].at, 0, 1)));
        say(" getrandom %s\n", shown(CALL3(getrandom, pointers[i].at, 0, 0)));
    }
}

int main(void)
{
    make_pointers();
    file = CALL3(open, "data", O_RDONLY, 0);
    out = CALL3(open, "out", O_RDWR | O_CREAT | O_TRUNC, 0644);
    need("open data", file);
    need("open out", out);
    need("make a pipe", CALL2(pipe2, ends, O_NONBLOCK));
    counts();
    lengths();
    pitfall_26();
    pitfall_28();
    CALL2(ftruncate, out, 0);
    finish(0);
}
