// Prints its arguments, environment and working folder.
#include "guest.h"

int main(int argc, char **argv, char **env)
{
    char folder[4096] = "";
    for (int i = 0; i < argc; i++)
        say("arg %d=%s\n", i, argv[i]);
    for (; *env; env++)
        say("env %s\n", *env);
    CALL2(getcwd, folder, sizeof folder);
    say("cwd %s\n", folder);
    finish(0);
}
