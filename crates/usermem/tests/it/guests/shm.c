// System V shared memory: keys, sizes and permissions; attaching, and every way to lose an attachment or a part of
// it; what is told of a segment, and what a bad argument of each call comes to.
#include "pointers.h"
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define AT(page) (ARENA + 0x100000UL + (page) * PAGE)
#define HUGE_SHIFT 26

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static key_t key;
static int ours[64];
static int count;

static void result(const char *what, long value)
{
    say("%s: %s\n", what, value >= (long)ARENA && value < (long)AT(0x10000) ? "done" : shown(value));
}

// Where an attachment landed, as a page of the area.
static void placed(const char *what, long value)
{
    if (value >= (long)AT(0) && value < (long)AT(0x1000))
        say("%s: page %ld\n", what, (value - (long)AT(0)) / (long)PAGE);
    else
        say("%s: %s\n", what, worked(value));
}

static int get(key_t which, word size, int flags)
{
    long id = CALL3(shmget, which, size, flags);
    if (id >= 0)
        ours[count++ % 64] = id;
    return id;
}

static struct shmid_ds stat_of(int id)
{
    struct shmid_ds ds;
    memset(&ds, 0, sizeof ds);
    CALL3(shmctl, id, IPC_STAT, &ds);
    return ds;
}

static void attached(const char *what, int id)
{
    struct shmid_ds ds;
    long r = CALL3(shmctl, id, IPC_STAT, &ds);
    if (r < 0)
        say("%s: %s\n", what, error_name(r));
    else
        say("%s: %lu attached, mode %o, dtime %s\n", what, (unsigned long)ds.shm_nattch, ds.shm_perm.mode,
            ds.shm_dtime ? "set" : "unset");
}

static void forget(void)
{
    for (int i = 0; i < count && i < 64; i++)
        CALL3(shmctl, ours[i], IPC_RMID, 0);
    count = 0;
}

// The lines of /proc/self/maps in the area, without what differs from run to run.
static void maps(const char *what, int id)
{
    static char text[1 << 20];
    long fd = CALL3(open, "/proc/self/maps", O_RDONLY, 0), len = 0, n;
    while ((n = CALL3(read, fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    text[len] = 0;
    say("maps: %s\n", what);
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        *end = 0;
        unsigned long from, to, offset, inode;
        unsigned major, minor;
        char flags[8], name[256] = "";
        if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %255[^\n]", &from, &to, flags, &offset, &major, &minor, &inode, name) >= 7
            && from >= AT(0) && from < AT(0x1000)) {
            char expected[64];
            snprintf(expected, sizeof expected, "/SYSV%08x (deleted)", key);
            say("  %lu-%lu %s %lx %x:%x inode %s name %s\n", (from - AT(0)) / PAGE, (to - AT(0)) / PAGE, flags, offset, major,
                minor, (int)inode == id ? "id" : "other", strcmp(name, expected) ? name : "key");
        }
        line = end + 1;
    }
}

static void keys(void)
{
    say("-- keys\n");
    result("no such key", get(key, PAGE, 0));
    result("no such key, exclusive", get(key, PAGE, IPC_EXCL));
    result("size 0", get(key, 0, IPC_CREAT | 0600));
    result("size 0, private", get(IPC_PRIVATE, 0, 0600));
    result("size -1", get(key, -1, IPC_CREAT | 0600));
    result("size beyond SHMMAX", get(key, -(1UL << 24) + 1, IPC_CREAT | 0600));
    result("size 2^63", get(key, 1UL << 63, IPC_CREAT | 0600));
    int id = get(key, PAGE + 1, IPC_CREAT | 0640);
    say("create: %s\n", worked(id));
    say("again: %s\n", get(key, PAGE, IPC_CREAT | 0640) == id ? "the same" : "another");
    say("to read: %s\n", get(key, 0, 0444) == id ? "the same" : "another");
    result("exclusive", get(key, PAGE, IPC_CREAT | IPC_EXCL));
    say("exclusive without create: %s\n", get(key, PAGE, IPC_EXCL) == id ? "the same" : "another");
    result("larger", get(key, PAGE + 2, 0));
    say("larger, within the page, exactly: %s\n", get(key, PAGE + 1, 0) == id ? "the same" : "another");
    result("larger and exclusive", get(key, 1UL << 40, IPC_CREAT | IPC_EXCL));
    int other = get(IPC_PRIVATE, PAGE, 0600), third = get(IPC_PRIVATE, PAGE, IPC_CREAT | IPC_EXCL | 0600);
    say("private: %s, %s\n", worked(other), other == third ? "the same" : "another");
    struct shmid_ds ds = stat_of(id);
    say("stat: key %s, mode %o, size %lu, nattch %lu, cpid %s, lpid %d, atime %s, dtime %s, ctime %s\n",
        ds.shm_perm.__key == key ? "ours" : "another", ds.shm_perm.mode, (unsigned long)ds.shm_segsz, (unsigned long)ds.shm_nattch,
        ds.shm_cpid == getpid() ? "ours" : "another", ds.shm_lpid, ds.shm_atime ? "set" : "unset", ds.shm_dtime ? "set" : "unset",
        ds.shm_ctime ? "set" : "unset");
    say("ids: %d %d %d %d\n", ds.shm_perm.uid == geteuid(), ds.shm_perm.gid == getegid(), ds.shm_perm.cuid == geteuid(),
        ds.shm_perm.cgid == getegid());
    result("huge pages", get(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600));
    result("huge pages of 2 MiB", get(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 21 << HUGE_SHIFT | 0600));
    result("huge pages of 8 KiB", get(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 13 << HUGE_SHIFT | 0600));
    say("no reserve: %s\n", worked(get(IPC_PRIVATE, PAGE, SHM_NORESERVE | 0600)));
    say("unknown flags: %s\n", worked(get(IPC_PRIVATE, PAGE, 0x40000000 | 0600)));
    say("mode beyond 0777: %o\n", stat_of(get(IPC_PRIVATE, PAGE, SHM_R | SHM_W | 0170000 | 0640)).shm_perm.mode);
    forget();
    result("removed key", get(key, PAGE, 0));
}

static void places(void)
{
    say("-- places\n");
    int id = get(key, 2 * PAGE - 1, IPC_CREAT | 0600);
    long anywhere = CALL3(shmat, id, 0, 0);
    placed("anywhere", anywhere);
    attached("attached once", id);
    strcpy((char *)anywhere + PAGE, "shared");
    placed("at a page", CALL3(shmat, id, AT(0), 0));
    say("contents: %s\n", (char *)AT(1));
    placed("on another", CALL3(shmat, id, AT(1), 0));
    placed("off the page", CALL3(shmat, id, AT(4) + 1, 0));
    placed("off the page, rounded", CALL3(shmat, id, AT(4) + 1, SHM_RND));
    placed("replacing", CALL3(shmat, id, AT(1), SHM_REMAP));
    say("contents: %s\n", (char *)AT(2));
    placed("replacing, off the page", CALL3(shmat, id, AT(5) + 1, SHM_REMAP));
    placed("replacing anywhere", CALL3(shmat, id, 0, SHM_REMAP));
    placed("replacing what rounds to nothing", CALL3(shmat, id, 0xfff, SHM_REMAP | SHM_RND));
    placed("at the end", CALL3(shmat, id, 0x7fffffffe000, SHM_REMAP));
    placed("beyond the end", CALL3(shmat, id, 0x7ffffffff000, 0));
    placed("in the kernel's half", CALL3(shmat, id, 0xffff800000000000, 0));
    placed("wrapping", CALL3(shmat, id, -PAGE, 0));
    placed("bad id", CALL3(shmat, -1, AT(8), 0));
    placed("bad id and address", CALL3(shmat, -1, AT(8) + 1, 0));
    placed("unknown id", CALL3(shmat, 0x7fffffff, AT(8), 0));
    placed("unknown id, bad address", CALL3(shmat, 0x7fffffff, AT(8) + 1, 0));
    placed("unknown flags", CALL3(shmat, id, AT(8), 0x7fff0000 | 7));
    maps("five attachments", id);
    attached("at this point", id);
    placed("to read", CALL3(shmat, id, AT(12), SHM_RDONLY));
    placed("to run", CALL3(shmat, id, AT(16), SHM_EXEC));
    placed("to read and run", CALL3(shmat, id, AT(20), SHM_RDONLY | SHM_EXEC));
    maps("permissions", id);
    result("protect what is to read", CALL3(mprotect, AT(12), PAGE, PROT_READ | PROT_WRITE));
    result("protect to run", CALL3(mprotect, AT(12), PAGE, PROT_READ | PROT_EXEC));
    result("read into what is to read", CALL3(pread64, CALL3(open, "data", O_RDONLY, 0), AT(12) + PAGE, 8));
    result("beyond the size, in the page", CALL3(pread64, CALL3(open, "data", O_RDONLY, 0), AT(0) + 2 * PAGE - 1, 1));
    attached("in all", id);
    CALL1(shmdt, anywhere);
    forget();
    attached("removed", id);
    CALL2(munmap, AT(0), 32 * PAGE);
    attached("gone", id);
}

static void lose(void)
{
    say("-- losing attachments\n");
    int id = get(key, 4 * PAGE, IPC_CREAT | 0600);
    result("nothing", CALL1(shmdt, AT(0)));
    placed("attach", CALL3(shmat, id, AT(0), 0));
    result("off the page", CALL1(shmdt, AT(0) + 1));
    result("in the middle", CALL1(shmdt, AT(1)));
    result("beyond", CALL1(shmdt, -PAGE));
    result("at null", CALL1(shmdt, 0));
    result("detach", CALL1(shmdt, AT(0)));
    result("twice", CALL1(shmdt, AT(0)));
    attached("detached", id);

    placed("attach", CALL3(shmat, id, AT(0), 0));
    result("unmap the first page", CALL2(munmap, AT(0), PAGE));
    attached("without the first page", id);
    result("detach what begins later", CALL1(shmdt, AT(1)));
    result("detach where it began", CALL1(shmdt, AT(0)));
    attached("detached", id);

    placed("attach", CALL3(shmat, id, AT(0), 0));
    result("unmap in the middle", CALL2(munmap, AT(1), PAGE));
    attached("two pieces", id);
    placed("another in the hole", CALL6(mmap, AT(1), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    result("detach both", CALL1(shmdt, AT(0)));
    attached("detached", id);
    maps("what lay between stays", id);
    CALL2(munmap, AT(1), PAGE);

    placed("attach", CALL3(shmat, id, AT(0), 0));
    result("protect in the middle", CALL3(mprotect, AT(1), PAGE, PROT_READ));
    attached("three pieces", id);
    result("protect back", CALL3(mprotect, AT(1), PAGE, PROT_READ | PROT_WRITE));
    attached("alike again", id);
    maps("alike again", id);
    result("detach all", CALL1(shmdt, AT(0)));
    attached("detached", id);

    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("attach behind", CALL3(shmat, id, AT(4), 0));
    attached("two neighbours", id);
    result("detach the first", CALL1(shmdt, AT(0)));
    attached("the second is left", id);
    result("detach the first again", CALL1(shmdt, AT(0)));
    result("detach the second", CALL1(shmdt, AT(4)));

    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("attach over its end", CALL3(shmat, id, AT(2), SHM_REMAP));
    attached("one over the other", id);
    result("detach the first", CALL1(shmdt, AT(0)));
    attached("the second is left", id);
    result("detach the second", CALL1(shmdt, AT(2)));

    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("move", CALL5(mremap, AT(0), 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(16)));
    attached("moved", id);
    result("detach where it was", CALL1(shmdt, AT(0)));
    attached("that finds the next that fits", id);
    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("move the second half", CALL5(mremap, AT(2), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(16)));
    attached("half moved", id);
    result("detach the half that stayed", CALL1(shmdt, AT(0)));
    attached("the other half is left", id);
    result("detach the moved half", CALL1(shmdt, AT(16)));
    result("detach it by where it would begin", CALL1(shmdt, AT(14)));
    attached("none", id);
    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("shrink", CALL5(mremap, AT(0), 4 * PAGE, 2 * PAGE, 0, 0));
    attached("shrunk", id);
    placed("grow", CALL5(mremap, AT(0), 2 * PAGE, 6 * PAGE, 0, 0));
    attached("grown beyond its size", id);
    maps("grown", id);
    result("read into what is beyond", CALL3(pread64, CALL3(open, "data", O_RDONLY, 0), AT(4), 1));
    result("detach", CALL1(shmdt, AT(0)));
    attached("what reaches too far goes if it is first", id);
    placed("attach", CALL3(shmat, id, AT(0), 0));
    placed("a second mapping", CALL5(mremap, AT(0), 0, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT(16)));
    attached("doubled", id);
    *(char *)AT(17) = 'd';
    say("the same: %c\n", *(char *)AT(1));
    placed("keep the first", CALL5(mremap, AT(0), 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, AT(32)));
    attached("three", id);
    placed("replace by other memory", CALL6(mmap, AT(0), 64 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    attached("replaced", id);
    CALL2(munmap, AT(0), 64 * PAGE);

    placed("attach", CALL3(shmat, id, AT(0), 0));
    result("discard", CALL3(madvise, AT(0), 4 * PAGE, MADV_DONTNEED));
    result("punch", CALL3(madvise, AT(1), PAGE, MADV_REMOVE));
    result("sync", CALL3(msync, AT(0), 4 * PAGE, MS_SYNC));
    say("punched: %d\n", *(char *)AT(1));
    result("detach", CALL1(shmdt, AT(0)));
    forget();
    attached("gone", id);
}

static void removal(void)
{
    say("-- removal\n");
    int id = get(key, 2 * PAGE, IPC_CREAT | 0600);
    placed("attach", CALL3(shmat, id, AT(0), 0));
    *(char *)AT(0) = 'x';
    result("remove", CALL3(shmctl, id, IPC_RMID, 0));
    attached("removed while attached", id);
    say("key: %d\n", stat_of(id).shm_perm.__key);
    result("by key", get(key, PAGE, 0));
    int other = get(key, PAGE, IPC_CREAT | 0600);
    say("the key is free: %s\n", other != id ? worked(other) : "the same");
    placed("by id", CALL3(shmat, id, AT(4), 0));
    say("contents: %c\n", *(char *)AT(4));
    result("remove again", CALL3(shmctl, id, IPC_RMID, 0));
    maps("removed", id);
    result("detach", CALL1(shmdt, AT(0)));
    attached("one left", id);
    result("detach the last", CALL1(shmdt, AT(4)));
    attached("gone", id);
    placed("attach what is gone", CALL3(shmat, id, AT(0), 0));
    result("remove what is gone", CALL3(shmctl, id, IPC_RMID, 0));
    forget();
    int again = get(key, PAGE, IPC_CREAT | 0600);
    say("a new one is: %s\n", again == id || again == other ? "an old one" : worked(again));
    forget();
}

static void control(void)
{
    say("-- control\n");
    make_pointers();
    int id = get(key, 3 * PAGE, IPC_CREAT | 0600);
    struct shmid_ds ds = stat_of(id);
    static const int commands[] = {IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, 4, 10, SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO,
                                   SHM_STAT_ANY, 16, -1, IPC_STAT | 0x100, 0x7fffffff};
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        say("command %d: bad id %s", commands[i], worked(CALL3(shmctl, -1, commands[i], RW)));
        say(", unknown id %s\n", worked(CALL3(shmctl, 0x7ffffff0, commands[i], RW)));
    }
    for (unsigned i = 0; i < POINTERS; i++) {
        const struct pointer *p = &pointers[i];
        say("%s:", p->name);
        fill(0);
        say(" stat %s", worked(CALL3(shmctl, id, IPC_STAT, p->at)));
        say(" any %s", worked(CALL3(shmctl, id & 0x7fff, SHM_STAT_ANY, p->at)));
        say(" set %s", worked(CALL3(shmctl, id, IPC_SET, p->at)));
        say(" info %s", worked(CALL3(shmctl, 0, IPC_INFO, p->at)));
        say(" shm_info %s\n", worked(CALL3(shmctl, 0, SHM_INFO, p->at)));
    }
    say("stat by index: %s\n", CALL3(shmctl, id & 0x7fff, SHM_STAT, &ds) == id ? "the id" : "another");
    say("any by index: %s, size %lu\n", CALL3(shmctl, id & 0x7fff, SHM_STAT_ANY, &ds) == id ? "the id" : "another",
        (unsigned long)ds.shm_segsz);
    say("any by id: %s\n", CALL3(shmctl, id, SHM_STAT_ANY, &ds) == id ? "the id" : "another");
    struct shminfo info;
    memset(&info, 0xff, sizeof info);
    say("limits: %s\n", worked(CALL3(shmctl, 0, IPC_INFO, &info)));
    say("max %lx min %lu mni %lu seg %lu all %lx\n", info.shmmax, info.shmmin, info.shmmni, info.shmseg, info.shmall);
    ds = stat_of(id);
    ds.shm_perm.mode = 0177444;
    ds.shm_perm.uid = 12;
    ds.shm_perm.gid = 13;
    ds.shm_perm.cuid = 14;
    ds.shm_segsz = 1;
    result("set", CALL3(shmctl, id, IPC_SET, &ds));
    ds = stat_of(id);
    say("mode %o uid %d gid %d cuid %s size %lu\n", ds.shm_perm.mode, ds.shm_perm.uid, ds.shm_perm.gid,
        ds.shm_perm.cuid == geteuid() ? "ours" : "another", (unsigned long)ds.shm_segsz);
    ds.shm_perm.uid = -1;
    result("set to nobody", CALL3(shmctl, id, IPC_SET, &ds));
    ds.shm_perm.uid = geteuid();
    ds.shm_perm.gid = -1;
    result("set to no group", CALL3(shmctl, id, IPC_SET, &ds));
    ds.shm_perm.gid = getegid();
    result("set back", CALL3(shmctl, id, IPC_SET, &ds));
    result("lock", CALL3(shmctl, id, SHM_LOCK, 0));
    say("mode %o\n", stat_of(id).shm_perm.mode);
    result("lock twice", CALL3(shmctl, id, SHM_LOCK, 0));
    result("unlock", CALL3(shmctl, id, SHM_UNLOCK, 0));
    result("unlock twice", CALL3(shmctl, id, SHM_UNLOCK, 0));
    say("mode %o\n", stat_of(id).shm_perm.mode);

    int hidden = get(IPC_PRIVATE, PAGE, 0);
    say("without permissions: %s", worked(CALL3(shmctl, hidden, IPC_STAT, &ds)));
    say(", attach %s\n", worked(CALL3(shmat, hidden, AT(0), 0)));
    CALL1(shmdt, AT(0));
    forget();
}

// The line of a segment in /proc/sysvipc/shm.
static void listed(const char *what, int id)
{
    static char text[1 << 20];
    long fd = CALL3(open, "/proc/sysvipc/shm", O_RDONLY, 0), len = 0, n;
    if (fd < 0) {
        say("list: %s\n", error_name(fd));
        return;
    }
    while ((n = CALL3(read, fd, text + len, sizeof text - 1 - len)) > 0)
        len += n;
    CALL1(close, fd);
    text[len] = 0;
    char *line = strchr(text, '\n');
    *line++ = 0;
    say("%s\n%s|\n", what, text);
    for (char *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = 0;
        int its_key, its_id, cpid, lpid;
        unsigned mode, uid, gid, cuid, cgid;
        unsigned long size, nattch, rss, swap;
        unsigned long long atime, dtime, ctime;
        if (sscanf(line, "%d %d %o %lu %d %d %lu %u %u %u %u %llu %llu %llu %lu %lu", &its_key, &its_id, &mode, &size, &cpid,
                   &lpid, &nattch, &uid, &gid, &cuid, &cgid, &atime, &dtime, &ctime, &rss, &swap) != 16
            || its_id != id)
            continue;
        say("key %s mode %o size %lu cpid %s lpid %s nattch %lu ids %d %d %d %d times %d %d %d rss %lu swap %lu\n",
            its_key == key ? "ours" : its_key ? "another" : "none", mode, size, cpid == getpid() ? "ours" : "another",
            lpid == getpid() ? "ours" : lpid ? "another" : "none", nattch, uid == geteuid(), gid == getegid(), cuid == geteuid(),
            cgid == getegid(), !!atime, !!dtime, !!ctime, rss, swap);
        return;
    }
    say("not listed\n");
}

static void list(void)
{
    say("-- list\n");
    int id = get(key, 5 * PAGE + 1, IPC_CREAT | 0604);
    listed("new", id);
    placed("attach", CALL3(shmat, id, AT(0), 0));
    *(char *)AT(1) = 'a';
    *(char *)AT(4) = 'b';
    *(char *)AT(5) = 'c';
    listed("attached", id);
    CALL3(shmctl, id, IPC_RMID, 0);
    listed("removed", id);
    result("detach", CALL1(shmdt, AT(0)));
    listed("gone", id);
    count = 0;
}

int main(void)
{
    key = 0x55000000 | (getpid() & 0xffffff);
    keys();
    places();
    lose();
    removal();
    control();
    list();
    finish(0);
}
