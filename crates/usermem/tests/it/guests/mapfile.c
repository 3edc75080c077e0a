// mmap of every kind of descriptor, with every combination of what can be wrong: which error comes first.
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>

#define AT(page) (ARENA + (page) * PAGE)
#define RW (PROT_READ | PROT_WRITE)

struct named {
    const char *name;
    word value;
};

static const struct named prots[] = {
    {"none", PROT_NONE}, {"r", PROT_READ}, {"w", PROT_WRITE}, {"rw", RW}, {"x", PROT_EXEC}, {"rwx", RW | PROT_EXEC}, {"0xf0", 0xf0},
};
// Without MAP_SYNC: whether a file system knows it differs from one to the next.
static const struct named kinds[] = {
    {"shared", MAP_SHARED},
    {"private", MAP_PRIVATE},
    {"validate", MAP_SHARED_VALIDATE},
    {"neither", 0},
    {"four", 4},
    {"validate+unknown", MAP_SHARED_VALIDATE | 0x200000},
    {"shared+unknown", MAP_SHARED | 0x200000},
    {"private+growsdown", MAP_PRIVATE | MAP_GROWSDOWN},
    {"shared+growsdown", MAP_SHARED | MAP_GROWSDOWN},
    {"private+huge", MAP_PRIVATE | MAP_HUGETLB},
    {"shared+locked", MAP_SHARED | MAP_LOCKED},
};
static const struct {
    const char *name;
    word addr, len, offset, flags;
} bads[] = {
    {"good", AT(0), PAGE, 0, MAP_FIXED},
    {"length 0", AT(0), 0, 0, MAP_FIXED},
    {"length -1", AT(0), -1, 0, MAP_FIXED},
    {"length 2^62", AT(0), 1UL << 62, 0, MAP_FIXED},
    {"length 2^62, anywhere", 0, 1UL << 62, 0, 0},
    {"offset 1", AT(0), PAGE, 1, MAP_FIXED},
    {"offset -page", AT(0), PAGE, -PAGE, MAP_FIXED},
    {"offset 2^63", AT(0), PAGE, 1UL << 63, MAP_FIXED},
    {"offset 2^63-page", AT(0), PAGE, (1UL << 63) - PAGE, MAP_FIXED},
    {"offset 2^63-2page", AT(0), PAGE, (1UL << 63) - 2 * PAGE, MAP_FIXED},
    {"address off the page", AT(0) + 1, PAGE, 0, MAP_FIXED},
    {"address in the kernel", 0xffff800000000000, PAGE, 0, MAP_FIXED},
    {"address at the end", 0x7ffffffff000, PAGE, 0, MAP_FIXED},
    {"in the way", AT(64), PAGE, 0, MAP_FIXED_NOREPLACE},
    {"length 0, offset 1", AT(0), 0, 1, MAP_FIXED},
    {"length 0, address", AT(0) + 1, 0, 0, MAP_FIXED},
    {"address, offset", AT(0) + 1, PAGE, -PAGE, MAP_FIXED},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static void probe(const char *name, long fd)
{
    for (unsigned k = 0; k < COUNT(kinds); k++)
        for (unsigned p = 0; p < COUNT(prots); p++) {
            say("%s %s %s:", name, kinds[k].name, prots[p].name);
            for (unsigned b = 0; b < COUNT(bads); b++) {
                long r = CALL6(mmap, bads[b].addr, bads[b].len, prots[p].value, kinds[k].value | bads[b].flags, fd, bads[b].offset);
                say(" %s", worked(r));
                if (b == 0 && (r >= 0 || r < -4095)) {
                    // What may be asked for later.
                    for (unsigned q = 0; q < COUNT(prots) - 1; q++)
                        say("%c%s", q ? ',' : '=', worked(CALL3(mprotect, AT(0), PAGE, prots[q].value)));
                    CALL2(munmap, AT(0), PAGE);
                }
            }
            say("\n");
        }
}

static long sealed(int seals, int flags)
{
    long fd = CALL2(memfd_create, "sealed", MFD_ALLOW_SEALING);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
    CALL2(ftruncate, fd, PAGE);
    CALL3(fcntl, fd, F_ADD_SEALS, seals);
    return CALL3(open, path, flags, 0);
}

int main(void)
{
    int ends[2];
    CALL2(pipe2, ends, 0);
    CALL6(mmap, AT(64), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (unsigned b = 0; b < COUNT(bads); b++)
        say("%s; ", bads[b].name);
    say("\n");
    probe("O_RDONLY", CALL3(open, "data", O_RDONLY, 0));
    probe("O_WRONLY", CALL3(open, "data", O_WRONLY, 0));
    probe("O_RDWR", CALL3(open, "data", O_RDWR, 0));
    probe("O_PATH", CALL3(open, "data", O_PATH, 0));
    probe("folder", CALL3(open, ".", O_RDONLY, 0));
    probe("pipe to read", ends[0]);
    probe("pipe to write", ends[1]);
    probe("zero to read", CALL3(open, "/dev/zero", O_RDONLY, 0));
    probe("zero to write", CALL3(open, "/dev/zero", O_WRONLY, 0));
    probe("zero", CALL3(open, "/dev/zero", O_RDWR, 0));
    probe("null to read", CALL3(open, "/dev/null", O_RDONLY, 0));
    probe("null", CALL3(open, "/dev/null", O_RDWR, 0));
    probe("maps", CALL3(open, "/proc/self/maps", O_RDONLY, 0));
    probe("eventfd", CALL2(eventfd2, 0, 0));
    probe("memory", sealed(0, O_RDWR));
    probe("sealed", sealed(F_SEAL_WRITE, O_RDWR));
    probe("sealed to read", sealed(F_SEAL_WRITE, O_RDONLY));
    probe("sealed to write", sealed(F_SEAL_WRITE, O_WRONLY));
    probe("sealed for later", sealed(0x10, O_RDWR));
    probe("not open", 99);
    finish(0);
}
