// Takes memory until there is no more, says why there is no more, gives it back and takes some again.
#include "guest.h"
#include <sys/mman.h>

#define STEP (1UL << 20)

static word taken[4096];

// Returns how many mebibytes could be mapped and touched.
static int by_mmap(long *why)
{
    int count = 0;
    for (; count < 4096; count++) {
        long at = CALL6(mmap, 0, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at < 0 && at >= -4095) {
            *why = at;
            break;
        }
        // Through a system call, which reports what a store could only die of.
        for (word page = 0; page < STEP && *why == 0; page += PAGE) {
            long n = CALL3(getrandom, at + page, 1, 0);
            if (n != 1)
                *why = n;
        }
        taken[count] = at;
        if (*why)
            return count + 1;
    }
    return count;
}

static void give_back(int count)
{
    for (int i = 0; i < count; i++)
        CALL2(munmap, taken[i], STEP);
}

static void by_brk(void)
{
    word start = CALL1(brk, 0), end = start;
    int count = 0;
    for (; count < 4096; count++) {
        word wanted = end + STEP;
        if ((word)CALL1(brk, wanted) != wanted)
            break;
        if (CALL3(getrandom, end, 1, 0) != 1)
            break;
        end = wanted;
    }
    say("brk stopped: %s\n", count < 4096 ? "yes" : "no");
    CALL1(brk, start);
}

int main(int argc, char **argv)
{
    long why = 0;
    int count = by_mmap(&why);
    say("mmap: %s\n", why ? error_name(why) : "never stopped");
    say("mebibytes between 32 and 64: %s\n", count >= 32 && count <= 64 ? "yes" : "no");
    give_back(count);
    why = 0;
    int again = by_mmap(&why);
    say("again: %s, as many: %s\n", why ? error_name(why) : "never stopped", again == count ? "yes" : "no");
    give_back(again);
    by_brk();
    long huge = CALL6(mmap, 0, 1UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("a gibibyte at once: %s\n", worked(huge));
    flush();
    // Still able to work: 16 MiB written and read.
    char *at = (char *)CALL6(mmap, 0, 16 * STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 'x', 16 * STEP);
    say("works: %c\n", at[16 * STEP - 1]);
    finish(0);
}
