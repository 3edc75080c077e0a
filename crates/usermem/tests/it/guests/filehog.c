// Fills a file of memory until there is no more, says how that shows, gives it back and goes on.
#include "guest.h"
#include <sys/mman.h>

#define STEP (1UL << 20)

static char buffer[STEP];

// Returns how many mebibytes could be written.
static int fill(int fd, long *why)
{
    for (int count = 0; count < 1024; count++) {
        long n = CALL4(pwrite64, fd, buffer, STEP, count * STEP);
        if (n < 0) {
            *why = n;
            return count;
        }
    }
    return 1024;
}

int main(int argc, char **argv)
{
    memset(buffer, 'x', STEP);
    int fd = CALL2(memfd_create, "hog", 0);
    say("a gibibyte of nothing: %s\n", worked(CALL2(ftruncate, fd, 1UL << 30)));
    long why = 0;
    int count = fill(fd, &why);
    say("write: %s\n", why ? error_name(why) : "never stopped");
    say("mebibytes between 32 and 64: %s\n", count >= 32 && count <= 64 ? "yes" : "no");
    // Less than the last write left over, if anything.
    say("fallocate: %s\n", worked(CALL4(fallocate, fd, 0, 600 * STEP, STEP)));
    char *at = (char *)CALL6(mmap, 0, STEP, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 512 * STEP);
    long filled = 0;
    for (word page = 0; page < STEP && filled >= 0; page += PAGE)
        filled = CALL3(getrandom, at + page, 1, 0);
    say("into a mapping: %s\n", filled < 0 ? error_name(filled) : "never stopped");
    CALL2(munmap, at, STEP);
    CALL2(ftruncate, fd, 0);
    int again = fill(fd, &why);
    say("again: %s, as many: %s\n", error_name(why), again == count ? "yes" : "no");
    long anonymous = CALL6(mmap, 0, 16 * STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("memory beside it: %s\n", worked(anonymous));
    CALL1(close, fd);
    flush();
    at = (char *)CALL6(mmap, 0, 16 * STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 'x', 16 * STEP);
    say("works: %c\n", at[16 * STEP - 1]);
    finish(0);
}
