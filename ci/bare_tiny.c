/*
 * bare_tiny.c - a tiny program for ci/bench to be started again and again: reads a file byte by byte, a
 * number of times, and gives up at the first error. `bare_tiny FILE TIMES`
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte;
    int file = argc > 2 ? open(argv[1], O_RDONLY) : -1;
    if (file < 0)
        return 1;
    for (int left = atoi(argv[2]); left > 0; left--)
        if (read(file, &byte, 1) < 0)
            return 1;
    return 0;
}
