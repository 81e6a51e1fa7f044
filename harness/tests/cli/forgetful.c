/*
 * Opens things and forgets to close them, or does not.
 *
 *   forgetful read FILE FORGETS   reads the beginning of FILE three times; a read that fails is told
 *   forgetful use KIND            makes KIND until no descriptor is left, and ends
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool read_beginning(const char *path, bool forgets)
{
    char text[16];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof(text));
    if (size < 0 && forgets)
        return false;
    close(fd);
    return size >= 0;
}

/* Each of these takes one descriptor or two, and returns -1 at the limit. */
static int make_half_pipe(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    return close(ends[1]);
}

static int make_full_half_pipe(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -1;
    if (write(ends[1], "x", 1) != 1)
        abort();
    return close(ends[1]);
}

static int make_pipe(void)
{
    int ends[2];
    return pipe(ends);
}

static int make_half_pair(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return -1;
    return close(ends[1]);
}

static int make_unconnected(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int open_one_file(void)
{
    return open("/etc/passwd", O_RDONLY);
}

static const struct {
    const char *name;
    int (*make)(void);
    bool shared; /* with a child that lives as long */
} kinds[] = {
    {"half-pipes", make_half_pipe, false}, {"full-half-pipes", make_full_half_pipe, false},
    {"own-pipes", make_pipe, false},       {"shared-pipes", make_pipe, true},
    {"half-pairs", make_half_pair, false}, {"unconnected-sockets", make_unconnected, false},
    {"one-file", open_one_file, false},
};

/* A child that has all of them, too, until its parent is done. */
static pid_t share(int ret_leash[2])
{
    if (pipe(ret_leash) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ret_leash[1]);
        _exit(read(ret_leash[0], &byte, 1) != 0);
    }
    return child;
}

static int use_up(size_t kind)
{
    int leash[2];
    pid_t child = 0;
    for (int i = 0; kinds[kind].make() >= 0; i++)
        if (kinds[kind].shared && i == 9) {
            child = share(leash);
            if (child < 0)
                return EXIT_FAILURE;
        }
    if (errno != EMFILE)
        return EXIT_FAILURE;
    if (child > 0) {
        close(leash[1]);
        waitpid(child, NULL, 0);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "read") == 0) {
        for (int i = 0; i < 3; i++)
            puts(read_beginning(argv[2], strcmp(argv[3], "forgets") == 0) ? "read" : "not read");
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc == 3 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(argv[2], kinds[i].name) == 0)
            return use_up(i);
    return 99;
}
