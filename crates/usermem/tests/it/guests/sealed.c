// Seals of memory files: what each forbids, and which mappings stand in the way of which.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC 16U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#define AT(page) (ARENA + (page) * PAGE)
#define RW (PROT_READ | PROT_WRITE)

static void result(const char *what, long value)
{
    say("  %s: %s\n", what, value >= (long)ARENA && value < (long)AT(0x100) ? "done" : shown(value));
}

static long seal(long fd, word seals)
{
    return CALL3(fcntl, fd, F_ADD_SEALS, seals);
}

static long make(word flags)
{
    long fd = CALL2(memfd_create, "sealed", flags);
    if (fd >= 0)
        CALL2(ftruncate, fd, 4 * PAGE);
    return fd;
}

static void state(long fd)
{
    struct stat st;
    long got = CALL2(fstat, fd, &st), seals = CALL3(fcntl, fd, F_GET_SEALS, 0);
    if (got < 0 || seals < 0)
        say("  seals: %s\n", shown(seals));
    else
        say("  seals %lx mode %o size %ld\n", seals, st.st_mode & 07777, (long)st.st_size);
}

static long again(long fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
    return CALL3(open, path, flags, 0);
}

// Whatever a seal may forbid.
static void tries(long fd)
{
    char bytes[8] = "changed";
    state(fd);
    result("write", CALL3(write, fd, bytes, 8));
    result("write nothing", CALL3(write, fd, bytes, 0));
    result("write at", CALL4(pwrite64, fd, bytes, 8, PAGE));
    result("write at the end", CALL4(pwrite64, fd, bytes, 8, 4 * PAGE - 4));
    result("read", CALL4(pread64, fd, bytes, 8, 0));
    result("shrink", CALL2(ftruncate, fd, 3 * PAGE));
    result("grow", CALL2(ftruncate, fd, 4 * PAGE));
    result("allocate", CALL4(fallocate, fd, 0, 0, 5 * PAGE));
    result("punch", CALL4(fallocate, fd, 3, PAGE, PAGE));
    result("punch nothing", CALL4(fallocate, fd, 3, PAGE, 0));
    result("punch without keeping the size", CALL4(fallocate, fd, 2, PAGE, PAGE));
    result("shared, to write", CALL6(mmap, AT(16), PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0));
    result("shared and validated, to write", CALL6(mmap, AT(16), PAGE, RW, MAP_SHARED_VALIDATE | MAP_FIXED, fd, 0));
    result("shared, to read", CALL6(mmap, AT(16), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
    result("protect", CALL3(mprotect, AT(16), PAGE, RW));
    result("remove", CALL3(madvise, AT(16), PAGE, MADV_REMOVE));
    result("private", CALL6(mmap, AT(16), PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
    *(volatile char *)AT(16) = 'p';
    result("unmap", CALL2(munmap, AT(16), PAGE));
    result("mode of data", CALL2(fchmod, fd, 0600));
    result("mode of programs", CALL2(fchmod, fd, 0700));
    long other = again(fd, O_RDWR);
    say("  open again: %s\n", worked(other));
    result("write there", CALL4(pwrite64, other, bytes, 8, 0));
    state(other);
    CALL1(close, other);
    other = again(fd, O_RDONLY);
    result("seal what is to read", seal(other, F_SEAL_GROW));
    result("map what is to read", CALL6(mmap, AT(16), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, other, 0));
    result("protect", CALL3(mprotect, AT(16), PAGE, RW));
    result("unmap", CALL2(munmap, AT(16), PAGE));
    CALL1(close, other);
    result("seal for good", seal(fd, F_SEAL_SEAL));
    result("seal more", seal(fd, F_SEAL_SEAL));
    state(fd);
    CALL1(close, fd);
}

static void each(void)
{
    static const struct {
        const char *name;
        int seals;
    } seals[] = {
        {"none", 0},
        {"seal", F_SEAL_SEAL},
        {"shrink", F_SEAL_SHRINK},
        {"grow", F_SEAL_GROW},
        {"write", F_SEAL_WRITE},
        {"future write", F_SEAL_FUTURE_WRITE},
        {"write and future", F_SEAL_WRITE | F_SEAL_FUTURE_WRITE},
        {"exec", F_SEAL_EXEC},
        {"all but exec", 0x1f},
        {"unknown", 0x40},
        {"all", 0xffffffff},
    };
    static const struct {
        const char *name;
        unsigned flags;
    } kinds[] = {
        {"plain", 0},
        {"sealing", MFD_ALLOW_SEALING},
        {"executable", MFD_ALLOW_SEALING | MFD_EXEC},
        {"not executable", MFD_NOEXEC_SEAL},
    };
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (unsigned i = 0; i < sizeof seals / sizeof *seals; i++) {
            long fd = make(kinds[kind].flags);
            say("%s, sealed against %s\n", kinds[kind].name, seals[i].name);
            state(fd);
            result("seal", seal(fd, (word)seals[i].seals));
            tries(fd);
        }
    result("both kinds", make(MFD_EXEC | MFD_NOEXEC_SEAL));
    result("unknown flags", make(0x80));
}

// What a mapping that exists before has to say.
static void mapped(const char *what, int prot, int flags, int open_flags, word seals)
{
    long fd = make(MFD_ALLOW_SEALING), other = again(fd, open_flags);
    say("mapped before: %s, seals %lx\n", what, seals);
    result("map", CALL6(mmap, AT(0), 4 * PAGE, prot, flags | MAP_FIXED, other, 0));
    CALL4(pwrite64, fd, "before", 6, 2 * PAGE);
    if (prot & PROT_WRITE) {
        *(volatile char *)AT(0) = 'a';
        *(volatile char *)AT(2) = 'b';
    } else if (prot & PROT_READ) {
        (void)*(volatile char *)AT(0);
    }
    result("seal", seal(fd, seals));
    state(fd);
    result("protect to write", CALL3(mprotect, AT(1), PAGE, RW));
    if (prot & PROT_WRITE) {
        *(volatile char *)AT(3) = 'c';
        char byte = 0;
        CALL4(pread64, fd, &byte, 1, 3 * PAGE);
        say("  in the file: %02x\n", byte);
    }
    result("read into it", CALL4(pread64, CALL3(open, "data", O_RDONLY, 0), AT(2), 8, 0));
    result("a part of it unmapped", CALL2(munmap, AT(0), 3 * PAGE));
    result("seal against writing", seal(fd, F_SEAL_WRITE));
    result("all of it unmapped", CALL2(munmap, AT(0), 4 * PAGE));
    result("seal against writing", seal(fd, F_SEAL_WRITE));
    state(fd);
    result("write", CALL4(pwrite64, fd, "after", 5, 0));
    CALL1(close, fd);
    result("write by another", CALL4(pwrite64, other, "after", 5, 0));
    result("map another", CALL6(mmap, AT(0), PAGE, RW, MAP_SHARED | MAP_FIXED, other, 0));
    CALL1(close, other);
    CALL2(munmap, AT(0), 4 * PAGE);
}

static void others(void)
{
    int ends[2];
    say("others\n");
    long fd = CALL3(open, "data", O_RDWR, 0);
    state(fd);
    result("seal a file", seal(fd, F_SEAL_WRITE));
    result("seal nothing", seal(fd, 0));
    result("unknown", seal(fd, 0x40));
    fd = CALL3(open, "data", O_RDONLY, 0);
    result("seal a file to read", seal(fd, F_SEAL_WRITE));
    result("unknown", seal(fd, 0x40));
    CALL2(pipe2, ends, 0);
    state(ends[1]);
    result("seal a pipe", seal(ends[1], F_SEAL_WRITE));
    result("seal the end to read", seal(ends[0], F_SEAL_WRITE));
    fd = CALL3(open, ".", O_RDONLY, 0);
    result("seal a folder", seal(fd, F_SEAL_WRITE));
    state(fd);
    fd = CALL3(open, "data", O_PATH, 0);
    result("seal a place", seal(fd, F_SEAL_WRITE));
    state(fd);
    result("seal nothing at all", seal(99, F_SEAL_WRITE));
    fd = make(MFD_ALLOW_SEALING);
    result("seal, more than an int", seal(fd, 1UL << 32 | F_SEAL_WRITE));
    result("no seal", seal(fd, 0));
    state(fd);
}

int main(void)
{
    each();
    static const word seals[] = {F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_GROW | F_SEAL_SHRINK, F_SEAL_EXEC};
    for (unsigned i = 0; i < sizeof seals / sizeof *seals; i++) {
        mapped("shared, to write", RW, MAP_SHARED, O_RDWR, seals[i]);
        mapped("shared, to read", PROT_READ, MAP_SHARED, O_RDWR, seals[i]);
        mapped("shared, to read, and cannot be written", PROT_READ, MAP_SHARED, O_RDONLY, seals[i]);
        mapped("private, to write", RW, MAP_PRIVATE, O_RDWR, seals[i]);
        mapped("private, to read", PROT_READ, MAP_PRIVATE, O_RDONLY, seals[i]);
        mapped("shared, without access", PROT_NONE, MAP_SHARED, O_RDWR, seals[i]);
    }
    others();
    finish(0);
}
