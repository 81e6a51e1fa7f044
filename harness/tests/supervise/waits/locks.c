/* Locks on files. */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "kinds.h"

static int file;

static void open_file(void)
{
    NEED((file = open("/dev/shm/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600)) >= 0);
}

static void lock_file(void)
{
    open_file();
    NEED(flock(file, LOCK_EX) == 0);
}

static void share_file(void)
{
    open_file();
    NEED(flock(file, LOCK_SH) == 0);
}

static void unlock_file(void)
{
    NEED(flock(file, LOCK_UN) == 0);
}

/* The child is left with the lock, which goes with the open file. */
static void lock_anew(void)
{
    close(file);
    lock_file();
}

static void lock_range(int command)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    open_file();
    NEED(fcntl(file, command, &range) == 0);
}

static void lock_own_range(void)
{
    lock_range(F_SETLKW);
}

static void lock_open_range(void)
{
    lock_range(F_OFD_SETLKW);
}

/* A record lock is gone with any descriptor of the file. */
static void close_file(void)
{
    close(file);
}

static const struct kind kinds[] = {
    KIND("flock", "flock", NULL, lock_file, lock_file, unlock_file),
    KIND("flock-shared", "flock", NULL, share_file, lock_file, close_file),
    KIND("flock-inherited", "flock", lock_file, NULL, lock_anew, close_file),
    KIND("record-lock", "fcntl", NULL, lock_own_range, lock_own_range, close_file),
    KIND("record-lock-of-file", "fcntl", NULL, lock_open_range, lock_open_range, close_file),
};
const struct kinds lock_kinds = KINDS(kinds);
