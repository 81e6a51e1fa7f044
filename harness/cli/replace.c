#include "cli/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exists, and is no file that could be replaced: a device, a pipe, a socket, a directory. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int cannot_write(const char *path, const char *what, int errnum, struct pf_error *error)
{
    return pf_error_set(error, -errnum, "%s: the %s cannot be written: %s", path, what, strerror(errnum));
}

int pf_replace_check(const char *path, const char *what, struct pf_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return cannot_write(path, what, EISDIR, error);
    if (is_special(path))
        return access(path, W_OK) < 0 ? cannot_write(path, what, errno, error) : 0;
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return cannot_write(path, what, ENAMETOOLONG, error);
    return access(dirname(copy), W_OK | X_OK) < 0 ? cannot_write(path, what, errno, error) : 0;
}

/* The descriptor is closed. */
static int write_to(int fd, int (*write)(void *context, FILE *file), void *context)
{
    FILE *file = fdopen(fd, "w");
    if (!file) {
        int r = -errno;
        close(fd);
        return r;
    }
    int r = write(context, file);
    if (fclose(file) == EOF && r == 0)
        r = -errno;
    return r;
}

int pf_replace_file(const char *path, int (*write)(void *context, FILE *file), void *context)
{
    if (is_special(path)) {
        int special = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return special < 0 ? -errno : write_to(special, write, context);
    }
    /* Of a symbolic link the file it points to is replaced, not the link. */
    char resolved[PATH_MAX], temporary[PATH_MAX];
    const char *target = realpath(path, resolved) ? resolved : path;
    if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", target, (int)getpid()) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    struct stat old;
    bool replaces = stat(target, &old) == 0;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    if (replaces)
        (void)fchmod(fd, old.st_mode & 07777);
    int r = write_to(fd, write, context);
    if (r == 0 && rename(temporary, target) < 0)
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}
