// Wrong pointers as path names, and as the buffers of the calls that take a path.
#include "pointers.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

// What the pointer points to: the name of nothing, of a file, an empty name, or bytes without an end.
static const char *const contents[] = {"nothing", "data", "", NULL};

static void put(const struct pointer *p, const char *text)
{
    fill(text ? 0 : 'a');
    if (text && p->valid > (int)strlen(text))
        strcpy((void *)p->at, text);
}

static void show(const char *call, const struct pointer *p, const char *text, long result)
{
    say("%s %s '%s' -> %s\n", call, p->name, text ? text : "aaa…", shown(result));
}

static void close_if_open(long fd)
{
    if (fd >= 0)
        CALL1(close, fd);
}

static void as_path(const struct pointer *p, const char *text)
{
    static char buffer[4096];
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    long fd;
#define SHOW(what, call) do { put(p, text); show(what, p, text, call); } while (0)
    put(p, text);
    fd = CALL3(open, p->at, O_RDONLY, 0);
    show("open", p, text, fd);
    close_if_open(fd);
    put(p, text);
    fd = CALL4(openat, AT_FDCWD, p->at, O_RDONLY, 0);
    show("openat", p, text, fd);
    close_if_open(fd);
    SHOW("openat bad fd", CALL4(openat, 77, p->at, O_RDONLY, 0));
    SHOW("stat", CALL2(stat, p->at, buffer));
    SHOW("lstat", CALL2(lstat, p->at, buffer));
    SHOW("newfstatat", CALL4(newfstatat, AT_FDCWD, p->at, buffer, 0));
    SHOW("newfstatat empty", CALL4(newfstatat, 0, p->at, buffer, AT_EMPTY_PATH));
    SHOW("statx", CALL5(statx, AT_FDCWD, p->at, 0, STATX_BASIC_STATS, buffer));
    SHOW("access", CALL2(access, p->at, F_OK));
    SHOW("faccessat", CALL3(faccessat, AT_FDCWD, p->at, R_OK));
    SHOW("faccessat2", CALL4(faccessat2, AT_FDCWD, p->at, R_OK, 0));
    SHOW("readlink", CALL3(readlink, p->at, buffer, sizeof buffer));
    SHOW("readlinkat", CALL4(readlinkat, AT_FDCWD, p->at, buffer, sizeof buffer));
    SHOW("chdir", CALL1(chdir, p->at));
    SHOW("rename from", CALL2(rename, p->at, "none/there"));
    SHOW("rename to", CALL2(rename, "nothing-at-all", p->at));
    SHOW("renameat2", CALL5(renameat2, AT_FDCWD, "nothing-at-all", AT_FDCWD, p->at, 0));
    SHOW("rmdir", CALL1(rmdir, p->at));
    SHOW("unlinkat dir", CALL3(unlinkat, AT_FDCWD, p->at, AT_REMOVEDIR));
    SHOW("utimensat path", CALL4(utimensat, AT_FDCWD, p->at, times, 0));
    SHOW("statfs", CALL2(statfs, p->at, buffer));
    SHOW("truncate", CALL2(truncate, p->at, 8192));
    if (text && strcmp(text, "data") != 0) {
        SHOW("unlink", CALL1(unlink, p->at));
        SHOW("unlinkat", CALL3(unlinkat, AT_FDCWD, p->at, 0));
    }
    if (!text || *text == 0) {
        SHOW("mkdir", CALL2(mkdir, p->at, 0755));
        SHOW("mkdirat", CALL3(mkdirat, AT_FDCWD, p->at, 0755));
        SHOW("open create", CALL3(open, p->at, O_CREAT | O_WRONLY, 0644));
    }
}

// The length of a name that has no end within PATH_MAX, and of the longest that has.
static void long_names(void)
{
    char *name = (char *)RW;
    fill('a');
    say("name without end: %s\n", shown(CALL3(open, RW, O_RDONLY, 0)));
    name[4096] = 0;
    say("name of 4096: %s\n", shown(CALL3(open, RW, O_RDONLY, 0)));
    name[4095] = 0;
    say("name of 4095: %s\n", shown(CALL3(open, RW, O_RDONLY, 0)));
    for (int i = 0; i < 4095; i++)
        name[i] = i % 2 ? '/' : '.';
    say("dots of 4095: %s\n", worked(CALL2(access, RW, F_OK)));
    name[255] = 0;
    memset(name, 'a', 255);
    say("component of 255: %s\n", shown(CALL3(open, RW, O_RDONLY, 0)));
    name[255] = 'a';
    name[256] = 0;
    say("component of 256: %s\n", shown(CALL3(open, RW, O_RDONLY, 0)));
    // A name that ends with the last byte before the hole.
    char *last = (char *)HOLE - 5;
    memcpy(last, "data", 5);
    long fd = CALL3(open, last, O_RDONLY, 0);
    say("name up to the hole: %s\n", shown(fd));
    close_if_open(fd);
}

static void as_buffer(const struct pointer *p)
{
    long fd = CALL3(open, "data", O_RDONLY, 0);
#define BUFFER(what, call) do { fill(0xa5); say("%s %s -> %s\n", what, p->name, worked(call)); } while (0)
    BUFFER("stat buffer", CALL2(stat, "data", p->at));
    BUFFER("lstat buffer", CALL2(lstat, "link", p->at));
    BUFFER("fstat buffer", CALL2(fstat, fd, p->at));
    BUFFER("fstat bad fd", CALL2(fstat, 77, p->at));
    BUFFER("newfstatat buffer", CALL4(newfstatat, AT_FDCWD, "data", p->at, 0));
    BUFFER("statx buffer", CALL5(statx, AT_FDCWD, "data", 0, STATX_BASIC_STATS, p->at));
    BUFFER("statfs buffer", CALL2(statfs, "/", p->at));
    BUFFER("fstatfs buffer", CALL2(fstatfs, fd, p->at));
    CALL1(close, fd);
    fill(0xa5);
    long n = CALL3(readlink, "link", p->at, 100);
    say("readlink buffer %s -> %s", p->name, shown(n));
    say(" of 4 -> %s", shown(CALL3(readlink, "link", p->at, 4)));
    say(" of 0 -> %s", shown(CALL3(readlink, "link", p->at, 0)));
    say(" of -1 -> %s", shown(CALL3(readlink, "link", p->at, -1)));
    if (n > 0)
        say(" arrived %08x", digest((void *)p->at, n < p->valid ? n : p->valid));
    say("\n");
    BUFFER("getcwd of 1", CALL2(getcwd, p->at, 1));
    BUFFER("getcwd of 4096", CALL2(getcwd, p->at, 4096));
    BUFFER("utimensat times", CALL4(utimensat, AT_FDCWD, "nothing", p->at, 0));
    BUFFER("utimensat fd", CALL4(utimensat, 77, p->at, 0, 0));
}

// Directory entries: how much of the listing arrives, and that what did not is not lost.
static void as_entries(const struct pointer *p)
{
    long dir = CALL3(open, "folder", O_RDONLY | O_DIRECTORY, 0);
    static char rest[8192];
    fill(0xa5);
    long n = CALL3(getdents64, dir, p->at, 4096);
    long left = CALL3(getdents64, dir, rest, sizeof rest);
    say("getdents64 %s -> %s then %s\n", p->name, shown(n), left < 0 ? error_name(left) : left ? "more" : "end");
    CALL3(lseek, dir, 0, SEEK_SET);
    say("getdents64 of 10 %s -> %s\n", p->name, shown(CALL3(getdents64, dir, p->at, 10)));
    say("getdents64 of 0 %s -> %s\n", p->name, shown(CALL3(getdents64, dir, p->at, 0)));
    CALL1(close, dir);
    long file = CALL3(open, "data", O_RDONLY, 0);
    say("getdents64 file %s -> %s\n", p->name, shown(CALL3(getdents64, file, p->at, 4096)));
    say("getdents64 bad fd %s -> %s\n", p->name, shown(CALL3(getdents64, 77, p->at, 4096)));
    CALL1(close, file);
}

int main(void)
{
    make_pointers();
    for (unsigned i = 0; i < POINTERS; i++) {
        for (unsigned text = 0; text < sizeof contents / sizeof *contents; text++)
            as_path(&pointers[i], contents[text]);
        as_buffer(&pointers[i]);
        as_entries(&pointers[i]);
    }
    long_names();
    finish(0);
}
