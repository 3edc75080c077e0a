// Says that it runs, then loops for ever: without system calls, or with argument "calls" making them.
#include "guest.h"

int main(int argc, char **argv)
{
    say("spinning\n");
    flush();
    for (;;)
        if (argc > 1)
            CALL0(getppid);
}
