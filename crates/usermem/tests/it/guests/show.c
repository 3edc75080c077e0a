// Prints a file; ends with status 1 when that cannot be opened.
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char bytes[4096];
    ssize_t count;
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0)
        return 1;
    while ((count = read(fd, bytes, sizeof bytes)) > 0)
        if (write(1, bytes, count) != count)
            return 2;
    return count < 0;
}
