// Reads a gibibyte that nobody may write, page by page and in one system call, then writes to one page of it.
#include "guest.h"
#include <sys/mman.h>

#define SIZE (1UL << 30)

int main(int argc, char **argv)
{
    volatile char *at = (char *)CALL6(mmap, 0, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char sum = 0;
    for (word page = 0; page < SIZE / 4; page += PAGE)
        sum |= at[page];
    say("stored: %s\n", sum == 0 ? "zeros" : "something");
    say("locked: %s\n", worked(CALL2(mlock, (word)at + SIZE / 4, SIZE / 4)));
    say("populated: %s\n", worked(CALL3(madvise, (word)at + SIZE / 2, SIZE / 2, MADV_POPULATE_READ)));
    say("all writable: %s\n", worked(CALL3(mprotect, (word)at, SIZE, PROT_READ | PROT_WRITE)));
    say("one writable: %s\n", worked(CALL3(mprotect, (word)at + 7 * PAGE, PAGE, PROT_READ | PROT_WRITE)));
    at[7 * PAGE] = 'x';
    say("reads: %c, beside it %d and %d\n", at[7 * PAGE], at[6 * PAGE], at[8 * PAGE]);
    finish(0);
}
