// Files below a folder that may be written: open, position, duplicate, rename, remove, wait.
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/stat.h>

static char buffer[4096];

static void show(const char *what, long result)
{
    say("%s: %s\n", what, shown(result));
}

static void stat_of(const char *path)
{
    struct stat s;
    long n = CALL4(newfstatat, AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW);
    if (n < 0)
        say("stat %s: %s\n", path, error_name(n));
    else
        say("stat %s: mode %o size %ld links %ld blocks of %ld\n", path, s.st_mode,
            S_ISDIR(s.st_mode) ? 0 : (long)s.st_size, S_ISDIR(s.st_mode) ? 0 : (long)s.st_nlink, (long)s.st_blksize);
}

static void open_flags(void)
{
    show("create", CALL3(open, "a", O_RDWR | O_CREAT, 0666));
    show("create again, exclusive", CALL3(open, "a", O_RDWR | O_CREAT | O_EXCL, 0666));
    show("write", CALL3(write, 3, "hello, file", 11));
    show("read at end", CALL3(read, 3, buffer, 10));
    show("read only", CALL3(open, "a", O_RDONLY, 0));
    show("write to read-only", CALL3(write, 4, "x", 1));
    show("write only", CALL3(open, "a", O_WRONLY, 0));
    show("read from write-only", CALL3(read, 5, buffer, 1));
    show("append", CALL3(open, "a", O_WRONLY | O_APPEND, 0));
    show("append writes", CALL3(write, 6, "+", 1));
    show("append position", CALL3(lseek, 6, 0, SEEK_CUR));
    show("append pwrite", CALL4(pwrite64, 6, "-", 1, 0));
    show("truncating", CALL3(open, "a", O_RDWR | O_TRUNC, 0));
    stat_of("a");
    show("folder wanted", CALL3(open, "a", O_RDONLY | O_DIRECTORY, 0));
    show("folder for writing", CALL3(open, "sub", O_RDWR, 0));
    show("missing", CALL3(open, "none", O_RDONLY, 0));
    show("below a file", CALL3(open, "a/b", O_RDONLY, 0));
    show("trailing slash", CALL3(open, "a/", O_RDONLY, 0));
    show("link followed", CALL3(open, "to-sub/inner", O_RDONLY, 0));
    show("link not followed", CALL3(open, "to-sub", O_RDONLY | O_NOFOLLOW, 0));
    show("link to itself", CALL3(open, "loop", O_RDONLY, 0));
    show("path only", CALL3(open, "a", O_PATH, 0));
    show("read of path only", CALL3(read, 9, buffer, 1));
    show("access mode 3", CALL3(open, "a", 3, 0));
    for (int fd = 3; fd < 20; fd++)
        CALL1(close, fd);
    show("close closed", CALL1(close, 3));
}

static void positions(void)
{
    long fd = CALL3(open, "a", O_RDWR | O_CREAT | O_TRUNC, 0600);
    show("write", CALL3(write, fd, "0123456789", 10));
    show("set", CALL3(lseek, fd, 3, SEEK_SET));
    show("current", CALL3(lseek, fd, 2, SEEK_CUR));
    show("end", CALL3(lseek, fd, -1, SEEK_END));
    show("before start", CALL3(lseek, fd, -11, SEEK_END));
    show("unknown", CALL3(lseek, fd, 0, 99));
    show("far", CALL3(lseek, fd, 1L << 40, SEEK_SET));
    show("read far", CALL3(read, fd, buffer, 10));
    show("data", CALL3(lseek, fd, 0, SEEK_DATA));
    show("hole", CALL3(lseek, fd, 0, SEEK_HOLE));
    show("ftruncate up", CALL2(ftruncate, fd, 5000));
    show("ftruncate minus", CALL2(ftruncate, fd, -1));
    show("pread over the end", CALL4(pread64, fd, buffer, 4096, 4990));
    show("ftruncate down", CALL2(ftruncate, fd, 4));
    show("pread beyond", CALL4(pread64, fd, buffer, 10, 4));
    show("pwrite makes a gap", CALL4(pwrite64, fd, "end", 3, 100));
    show("pread all", CALL4(pread64, fd, buffer, 4096, 0));
    say("%.4s %d %.3s\n", buffer, buffer[50], buffer + 100);
    show("fallocate", CALL4(fallocate, fd, 0, 0, 1000));
    stat_of("a");
    show("fsync", CALL1(fsync, fd));
    show("fdatasync", CALL1(fdatasync, fd));
    show("truncate by name", CALL2(truncate, "a", 7));
    show("fchmod", CALL2(fchmod, fd, 0640));
    stat_of("a");
    CALL1(close, fd);
}

static void duplicates(void)
{
    long fd = CALL3(open, "a", O_RDWR, 0);
    show("dup", CALL1(dup, fd));
    show("dup2", CALL2(dup2, fd, 20));
    show("dup2 itself", CALL2(dup2, fd, fd));
    show("dup3 itself", CALL3(dup3, fd, fd, 0));
    show("dup3", CALL3(dup3, fd, 21, O_CLOEXEC));
    show("dup2 bad", CALL2(dup2, 99, 22));
    show("dup2 too high", CALL2(dup2, fd, 1 << 30));
    show("write through one", CALL3(write, 20, "abc", 3));
    show("seen by the other", CALL3(lseek, fd, 0, SEEK_CUR));
    show("getfd", CALL3(fcntl, 21, F_GETFD, 0));
    show("getfd dup", CALL3(fcntl, 20, F_GETFD, 0));
    show("dupfd", CALL3(fcntl, fd, F_DUPFD, 30));
    show("dupfd cloexec", CALL3(fcntl, fd, F_DUPFD_CLOEXEC, 30));
    show("dupfd minus", CALL3(fcntl, fd, F_DUPFD, -1));
    show("getfl", CALL3(fcntl, fd, F_GETFL, 0) & ~0100000);
    show("setfl", CALL3(fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK));
    show("getfl shared", CALL3(fcntl, 20, F_GETFL, 0) & ~0100000);
    show("unknown", CALL3(fcntl, fd, 9999, 0));
    show("bad fd", CALL3(fcntl, 99, F_GETFD, 0));
    for (int i = 3; i < 40; i++)
        CALL1(close, i);
}

static void names(void)
{
    show("mkdir", CALL2(mkdir, "dir", 0755));
    show("mkdir again", CALL2(mkdir, "dir", 0755));
    show("mkdir below nothing", CALL2(mkdir, "none/dir", 0755));
    show("rename", CALL2(rename, "a", "dir/b"));
    show("rename missing", CALL2(rename, "a", "dir/b"));
    show("rename over a folder", CALL2(rename, "dir/b", "sub"));
    show("rename below itself", CALL2(rename, "dir", "dir/in"));
    show("noreplace", CALL5(renameat2, AT_FDCWD, "dir/b", AT_FDCWD, "sub/inner", 1));
    show("rmdir full", CALL1(rmdir, "dir"));
    show("rmdir file", CALL1(rmdir, "dir/b"));
    show("unlink folder", CALL1(unlink, "dir"));
    show("chdir", CALL1(chdir, "dir"));
    stat_of("b");
    show("unlink", CALL1(unlink, "b"));
    stat_of("b");
    show("chdir back", CALL1(chdir, ".."));
    long dir = CALL3(open, "sub", O_RDONLY | O_DIRECTORY, 0);
    show("openat", CALL4(openat, dir, "inner", O_RDONLY, 0));
    show("openat file as folder", CALL4(openat, dir + 1, "inner", O_RDONLY, 0));
    show("unlinkat", CALL3(unlinkat, dir, "inner", 0));
    show("fchdir", CALL1(fchdir, dir));
    show("chdir back", CALL1(chdir, ".."));
    show("rmdir", CALL1(rmdir, "dir"));
    show("symlink", CALL2(symlink, "target", "made"));
    show("link", CALL2(link, "made", "twice"));
    stat_of("made");
    CALL1(close, dir);
    CALL1(close, dir + 1);
}

static void unlinked(void)
{
    long fd = CALL3(open, "gone", O_RDWR | O_CREAT, 0600);
    show("unlink open file", CALL1(unlink, "gone"));
    show("write", CALL3(write, fd, "still", 5));
    show("pread", CALL4(pread64, fd, buffer, 10, 0));
    struct stat s;
    show("fstat", CALL2(fstat, fd, &s));
    say("links %ld size %ld\n", (long)s.st_nlink, (long)s.st_size);
    CALL1(close, fd);
}

static void listing(void)
{
    char name[32];
    long dir = CALL3(open, "many", O_RDONLY | O_DIRECTORY, 0), n;
    int entries = 0, calls = 0;
    unsigned sum = 0;
    if (dir < 0)
        CALL2(mkdir, "many", 0755), dir = CALL3(open, "many", O_RDONLY | O_DIRECTORY, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/entry-%d", i);
        CALL1(close, CALL3(open, name, O_WRONLY | O_CREAT, 0600));
    }
    while ((n = CALL3(getdents64, dir, buffer, 500)) > 0) {
        calls++;
        for (long at = 0; at < n; at += *(unsigned short *)(buffer + at + 16)) {
            entries++;
            for (char *c = buffer + at + 19; *c; c++)
                sum += *c;
        }
    }
    say("entries %d sum %u calls %d end %ld\n", entries, sum, calls > 20, n);
    show("rewind", CALL3(lseek, dir, 0, SEEK_SET));
    show("again", CALL3(getdents64, dir, buffer, 500) > 0);
    show("read a folder", CALL3(read, dir, buffer, 10));
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/entry-%d", i);
        CALL1(unlink, name);
    }
    show("rmdir", CALL1(rmdir, "many"));
    CALL1(close, dir);
}

static void pipes(void)
{
    int ends[2], wake[2];
    struct timespec now = {0, 0};
    CALL2(pipe2, ends, O_NONBLOCK);
    CALL2(pipe2, wake, O_CLOEXEC);
    show("read empty", CALL3(read, ends[0], buffer, 1));
    show("write", CALL3(write, ends[1], "12345", 5));
    show("read some", CALL3(read, ends[0], buffer, 2));
    show("lseek", CALL3(lseek, ends[0], 0, SEEK_SET));
    show("pread", CALL4(pread64, ends[0], buffer, 1, 0));
    show("wrong end", CALL3(write, ends[0], "x", 1));
    long total = 0, n;
    while ((n = CALL3(write, ends[1], output + sizeof output - 4096, 4096)) > 0)
        total += n;
    say("full after %ld: %s\n", total, shown(n));
    struct pollfd fds[4] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {99, POLLIN, 0}, {-1, POLLIN, 0}};
    say("poll %s", shown(CALL3(poll, fds, 4, 0)));
    say(" %x %x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents, fds[3].revents);
    CALL1(close, ends[1]);
    say("ppoll %s", shown(CALL5(ppoll, fds, 1, &now, 0, 8)));
    say(" %x\n", fds[0].revents);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    FD_SET(wake[0], &in);
    FD_SET(wake[1], &out);
    struct timeval soon = {0, 1000};
    say("select %s", shown(CALL5(select, wake[1] + 1, &in, &out, 0, &soon)));
    say(" %d %d %d\n", FD_ISSET(ends[0], &in) != 0, FD_ISSET(wake[0], &in) != 0, FD_ISSET(wake[1], &out) != 0);
    FD_ZERO(&in);
    FD_SET(wake[0], &in);
    say("select times out %s", shown(CALL5(select, wake[0] + 1, &in, 0, 0, &soon)));
    say(" left %ld\n", soon.tv_sec * 1000000 + soon.tv_usec);
    while ((n = CALL3(read, ends[0], buffer, 4096)) > 0)
        total -= n;
    say("drained %ld: %s\n", total, shown(n));
    struct pollfd hup = {ends[0], POLLIN, 0};
    say("poll after the writer left %s", shown(CALL3(poll, &hup, 1, -1)));
    say(" %x\n", hup.revents);
    CALL1(close, ends[0]);
    CALL1(close, wake[0]);
    CALL1(close, wake[1]);
}

static void sizes_of_pipes(void)
{
    static const word sizes[] = {8192, 4096, 4097, 100, 0, 12288, 65536, 16384, 1, (1ul << 31) + 1, -1, 1ul << 32 | 8192};
    int ends[2];
    CALL2(pipe2, ends, O_NONBLOCK);
    show("size", CALL2(fcntl, ends[0], F_GETPIPE_SZ));
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        show("resize", CALL3(fcntl, ends[i % 2], F_SETPIPE_SZ, sizes[i]));
        show(" is", CALL2(fcntl, ends[1], F_GETPIPE_SZ));
    }
    show("write", CALL3(write, ends[1], buffer, 8192));
    show("resize", CALL3(fcntl, ends[0], F_SETPIPE_SZ, 4096));
    long null = CALL3(open, "/dev/null", O_RDWR, 0);
    show("size of a device", CALL2(fcntl, null, F_GETPIPE_SZ));
    show("resize a device", CALL3(fcntl, null, F_SETPIPE_SZ, 4096));
    static const int froms[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 5};
    for (unsigned i = 0; i < sizeof froms / sizeof *froms; i++)
        show("seek before a pipe", CALL3(lseek, ends[0], -1, froms[i]));
    CALL1(close, ends[0]);
    CALL1(close, ends[1]);
    CALL1(close, null);
}

static void places_of_devices(void)
{
    static const char *const names[] = {"/dev/null", "/dev/zero", "/dev/full", "data", "."};
    static const int froms[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 5};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        long fd = CALL3(open, names[i], O_RDONLY, 0);
        say("%s\n", names[i]);
        for (unsigned j = 0; j < sizeof froms / sizeof *froms; j++) {
            show("far before", CALL3(lseek, fd, -1ul << 60, froms[j]));
            show("just before", CALL3(lseek, fd, -1, froms[j]));
        }
        CALL1(close, fd);
    }
}

static void devices(void)
{
    long null = CALL3(open, "/dev/null", O_RDWR, 0), zero = CALL3(open, "/dev/zero", O_RDWR, 0);
    long full = CALL3(open, "/dev/full", O_RDWR, 0), random = CALL3(open, "/dev/urandom", O_RDONLY, 0);
    show("read null", CALL3(read, null, buffer, 10));
    show("write null", CALL3(write, null, buffer, 10));
    show("seek null", CALL3(lseek, null, 10, SEEK_SET));
    show("read zero", CALL3(read, zero, buffer, 4096));
    say("zeros %d\n", buffer[0] | buffer[4095]);
    show("read full", CALL3(read, full, buffer, 10));
    show("write full", CALL3(write, full, buffer, 10));
    show("write nothing full", CALL3(write, full, buffer, 0));
    show("read random", CALL3(read, random, buffer, 100));
    stat_of("/dev/null");
    say("map zero %s\n", worked(CALL6(mmap, ARENA, 4096, 3, 0x12, zero, 0)));
    say("mapped %d\n", *(char *)ARENA);
}

int main(void)
{
    // What a caller leaves open would change the numbers that follow.
    CALL3(close_range, 3, ~0u, 0);
    open_flags();
    positions();
    duplicates();
    names();
    unlinked();
    listing();
    pipes();
    sizes_of_pipes();
    places_of_devices();
    devices();
    finish(0);
}
