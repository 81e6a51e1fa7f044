/*
 * strace_calls.c - makes system calls and prints what it sees of each: name, result, errno, how many signals
 * it has had, and what it found in its buffer. Run under two injectors, it tells whether they do the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLOW_MS = 250 };

static volatile sig_atomic_t signals;
static const char *who = "parent";
static char buffer[32];
static struct timespec before;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* By a call that no test names. */
static void print(const char *text)
{
    struct iovec piece = {(void *)text, strlen(text)};
    pwritev2(STDOUT_FILENO, &piece, 1, -1, 0);
}

static void start(void)
{
    memcpy(buffer, "................", 17);
    errno = 0;
    clock_gettime(CLOCK_MONOTONIC, &before);
}

static long tell(const char *call, long result)
{
    struct timespec after;
    char line[256];
    int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &after);
    long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    for (size_t i = 0; i < 16; i++)
        buffer[i] = buffer[i] ? buffer[i] : '0';
    snprintf(line, sizeof(line), "%s %s = %ld %s, %d signals, buffer %.16s%s\n", who, call, result,
             result == -1 ? strerrorname_np(error) : "-", signals, buffer, ms >= SLOW_MS ? ", slow" : "");
    print(line);
    start();
    return result;
}

static void files(void)
{
    int zero = (int)tell("openat", syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0));
    int file = memfd_create("calls", 0);
    for (int i = 0; i < 5; i++)
        tell("read", syscall(SYS_read, zero, buffer, 8));
    for (int i = 0; i < 5; i++)
        tell("write", syscall(SYS_write, file, "abcdefgh", 8));
    for (int i = 0; i < 3; i++)
        tell("lseek", syscall(SYS_lseek, file, i, SEEK_SET));
    tell("pread64", syscall(SYS_pread64, file, buffer, 16, 0L));
    for (int i = 0; i < 3; i++)
        tell("fsync", syscall(SYS_fsync, file));
    tell("mkdir", syscall(SYS_mkdir, "/nonexistent/folder", 0700));
    tell("unlink", syscall(SYS_unlink, "/nonexistent/file"));
    tell("openat", syscall(SYS_openat, AT_FDCWD, "/nonexistent/file", O_RDONLY, 0));
    tell("close", syscall(SYS_close, zero));
    tell("close", syscall(SYS_close, -1));
}

static void others(void)
{
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    int client = (int)tell("socket", syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0));
    tell("connect", syscall(SYS_connect, client, &nobody, sizeof(nobody)));
    tell("clock_getres", syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
    tell("umask", syscall(SYS_umask, 022));
    tell("umask", syscall(SYS_umask, 022));
    tell("mremap", syscall(SYS_mremap, NULL, 0L, 0L, 0, NULL) == -1 ? -1 : 0);
    tell("getuid", syscall(SYS_getuid));
}

static void waiting(void)
{
    int ends[2];
    if (pipe(ends) < 0)
        return;
    struct __kernel_timespec none = {0};
    struct iovec piece = {buffer, 8};
    struct iovec byte = {"!", 1};
    pwritev2(ends[1], &byte, 1, -1, 0);
    start();
    tell("readv", syscall(SYS_readv, ends[0], &piece, 1));
    tell("nanosleep", syscall(SYS_nanosleep, &none, NULL));
}

int main(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &action, NULL);
    start();
    for (int i = 0; i < 4; i++)
        tell("chdir", syscall(SYS_chdir, "/"));
    files();
    others();
    waiting();
    pid_t child = fork();
    tell("fork", child < 0 ? -1 : 0);
    if (child == 0) {
        who = "child";
        for (int i = 0; i < 4; i++)
            tell("chdir", syscall(SYS_chdir, "/"));
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    print("end\n");
    return 0;
}
