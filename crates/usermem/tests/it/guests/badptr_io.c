// Wrong pointers in the read and write family: on files, pipes and devices, results and what arrived.
#include "pointers.h"
#include <fcntl.h>
#include <sys/uio.h>

static int file, out, zero, null, ends[2];

static void drain(void)
{
    char bytes[4096];
    int waiting = 0;
    while (CALL3(ioctl, ends[0], 0x541b /* FIONREAD */, &waiting) == 0 && waiting > 0)
        CALL3(read, ends[0], bytes, sizeof bytes);
}

static int waiting(void)
{
    int bytes = -1;
    CALL3(ioctl, ends[0], 0x541b, &bytes);
    return bytes;
}

static void pipe_with(int count)
{
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = 'A' + i % 26;
    drain();
    CALL3(write, ends[1], bytes, count);
}

// What a reading call left in memory: only the bytes it claims, which must be the source's.
static void arrived(const char *call, const struct pointer *p, long result)
{
    say("%s %s -> %s", call, p->name, shown(result));
    if (result > 0)
        say(" arrived %08x", digest((void *)p->at, result < p->valid ? result : p->valid));
    say("\n");
}

// What a writing call left in the file: its size and its bytes.
static void written(const char *call, const struct pointer *p, long result)
{
    char back[8192];
    memset(back, 0, sizeof back);
    long n = CALL4(pread64, out, back, sizeof back, 0);
    say("%s %s -> %s file %ld %08x at %ld\n", call, p->name, shown(result), n, digest(back, n),
        CALL3(lseek, out, 0, SEEK_CUR));
    CALL2(ftruncate, out, 0);
    CALL3(lseek, out, 0, SEEK_SET);
}

static void reads(const struct pointer *p)
{
    fill(0xa5);
    CALL3(lseek, file, 0, SEEK_SET);
    arrived("read file 100", p, CALL3(read, file, p->at, 100));
    say("  at %ld\n", CALL3(lseek, file, 0, SEEK_CUR));
    fill(0xa5);
    CALL3(lseek, file, 8100, SEEK_SET);
    arrived("read file near end", p, CALL3(read, file, p->at, 1000));
    arrived("read file at end", p, CALL3(read, file, p->at, 10));
    arrived("read file 0", p, CALL3(read, file, p->at, 0));
    fill(0xa5);
    arrived("pread64 file", p, CALL4(pread64, file, p->at, 8192, 3));
    arrived("pread64 minus", p, CALL4(pread64, file, p->at, 8, -1));
    arrived("pread64 beyond", p, CALL4(pread64, file, p->at, 8, 1 << 20));
    arrived("pread64 bad fd", p, CALL4(pread64, 77, p->at, 8, 0));
    fill(0xa5);
    arrived("read zero", p, CALL3(read, zero, p->at, 200));
    arrived("read null", p, CALL3(read, null, p->at, 200));
    pipe_with(20);
    fill(0xa5);
    arrived("read pipe", p, CALL3(read, ends[0], p->at, 20));
    say("  holds %d\n", waiting());
    drain();
    arrived("read huge", p, CALL4(pread64, file, p->at, 0x7fffffffffffffff, 8190));
    arrived("read minus", p, CALL4(pread64, file, p->at, -1, 8190));
}

static void writes(const struct pointer *p)
{
    fill('w');
    written("write file 100", p, CALL3(write, out, p->at, 100));
    written("write file 0", p, CALL3(write, out, p->at, 0));
    written("pwrite64", p, CALL4(pwrite64, out, p->at, 5000, 0));
    written("write null", p, CALL3(write, null, p->at, 300));
    written("write zero", p, CALL3(write, zero, p->at, 300));
    written("write bad fd", p, CALL3(write, 77, p->at, 300));
    drain();
    long n = CALL3(write, ends[1], p->at, 300);
    say("write pipe %s -> %s holds %d\n", p->name, shown(n), waiting());
    drain();
}

// The pointer as an array of vectors.
static void vectors(const struct pointer *p)
{
    static char good[32];
    fill(0);
    if (p->valid >= 16) {
        struct iovec one = {good, 5};
        memcpy((void *)p->at, &one, sizeof one);
    }
    memset(good, 'v', sizeof good);
    written("writev array 1", p, CALL3(writev, out, p->at, 1));
    written("writev array 2", p, CALL3(writev, out, p->at, 2));
    written("writev array 0", p, CALL3(writev, out, p->at, 0));
    written("pwritev array", p, CALL5(pwritev, out, p->at, 1, 3, 0));
    written("pwritev2 array", p, CALL6(pwritev2, out, p->at, 1, -1, -1, 0));
    CALL3(lseek, file, 0, SEEK_SET);
    say("readv array %s -> %s", p->name, shown(CALL3(readv, file, p->at, 1)));
    say(" preadv -> %s", shown(CALL5(preadv, file, p->at, 1, 9, 0)));
    say(" preadv2 -> %s good %08x\n", shown(CALL6(preadv2, file, p->at, 1, 9, 0, 0)), digest(good, sizeof good));
}

// The pointer as the base of the first, second or third of three vectors.
static void bases(const struct pointer *p)
{
    static char first[64], third[64];
    for (int place = 0; place < 3; place++) {
        struct iovec three[3] = {{first, 10}, {first + 20, 10}, {third, 10}};
        three[place].iov_base = (void *)p->at;
        three[place].iov_len = 40;
        char name[64];

        fill('b');
        memset(first, 'f', sizeof first);
        memset(third, 't', sizeof third);
        snprintf(name, sizeof name, "writev base %d", place);
        written(name, p, CALL3(writev, out, three, 3));

        fill(0xa5);
        memset(first, 0, sizeof first);
        memset(third, 0, sizeof third);
        CALL3(lseek, file, 0, SEEK_SET);
        long n = CALL3(readv, file, three, 3);
        say("readv base %d %s -> %s first %08x third %08x at %ld\n", place, p->name, shown(n),
            digest(first, sizeof first), digest(third, sizeof third), CALL3(lseek, file, 0, SEEK_CUR));

        // No bytes there: is the address looked at?
        three[place].iov_len = 0;
        snprintf(name, sizeof name, "writev empty base %d", place);
        written(name, p, CALL3(writev, out, three, 3));
    }
}

int main(void)
{
    make_pointers();
    file = CALL3(open, "data", O_RDONLY, 0);
    out = CALL3(open, "out", O_RDWR | O_CREAT | O_TRUNC, 0644);
    zero = CALL3(open, "/dev/zero", O_RDWR, 0);
    null = CALL3(open, "/dev/null", O_RDWR, 0);
    need("open data", file);
    need("open out", out);
    need("open zero", zero);
    need("open null", null);
    need("make a pipe", CALL2(pipe2, ends, 0));
    for (unsigned i = 0; i < POINTERS; i++) {
        reads(&pointers[i]);
        writes(&pointers[i]);
        vectors(&pointers[i]);
        bases(&pointers[i]);
    }
    finish(0);
}
