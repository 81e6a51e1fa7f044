#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "log_internal.h"

static void plan_rotation(struct log_sink *sink, time_t from)
{
    sink->rotate_at_s = sink->every_s ? ((uint64_t)from / sink->every_s + 1) * sink->every_s : 0;
}

static int open_path(struct log_sink *sink)
{
    struct stat status;
    int fd = mproc_fd_above(open(sink->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));

    if (fd < 0)
        return mproc_fail(-errno, "'%s' cannot be opened: %s", sink->path, strerrordesc_np(errno));
    if (fstat(fd, &status) != 0) {
        close(fd);
        return mproc_fail(-EIO, "'%s' cannot be looked at", sink->path);
    }
    /* Two who rotate one file would lose records of each other. The lock ends with its owner. */
    if (S_ISREG(status.st_mode) && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        return mproc_fail(-EBUSY, "'%s' is written by another listener", sink->path);
    }
    sink->fd = fd;
    sink->is_regular = S_ISREG(status.st_mode);
    sink->size = (uint64_t)status.st_size;
    sink->device = status.st_dev;
    sink->inode = status.st_ino;
    plan_rotation(sink, status.st_size > 0 ? status.st_mtime : time(NULL));
    return 0;
}

/* The file is to have its name again: somebody has moved it, or it could not be opened before. */
static int reopen_where_moved(struct log_sink *sink)
{
    struct stat status;

    if (sink->fd >= 0 && stat(sink->path, &status) == 0 && status.st_ino == sink->inode &&
        status.st_dev == sink->device)
        return 0;
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
    return open_path(sink);
}

static int name_of(const struct log_sink *sink, unsigned number, char **ret_name)
{
    int len = number ? asprintf(ret_name, "%s.%u", sink->path, number) : asprintf(ret_name, "%s", sink->path);

    return len < 0 ? -ENOMEM : 0;
}

/* Which of the files the records went into at first: 0 is the one that is open; `keep` + 1: it is gone. */
static unsigned find_begin(const struct log_sink *sink)
{
    const struct log_intent *intent = sink->intent;

    for (unsigned number = 0; number <= sink->keep; number++) {
        struct stat status;
        char *name = NULL;
        bool is_it = name_of(sink, number, &name) == 0 && stat(name, &status) == 0 &&
                     status.st_ino == intent->inode && status.st_dev == intent->device &&
                     (uint64_t)status.st_size >= intent->size;
        free(name);
        if (is_it)
            return number;
    }
    return sink->keep + 1;
}

/* A listener that was killed has written some of the records that come again now: up to where they began is
 * kept of that file, and nothing of those that it began after. */
static int take_back(struct log_sink *sink, uint64_t done)
{
    if (sink->intent->done != done)
        return 0;
    unsigned begin = find_begin(sink);
    for (unsigned number = 0; number <= begin && begin <= sink->keep; number++) {
        off_t size = number == begin ? (off_t)sink->intent->size : 0;
        char *name = NULL;
        int err = name_of(sink, number, &name);
        if (!err && truncate(name, size) != 0 && errno != ENOENT)
            err = -errno;
        free(name);
        if (err)
            return mproc_fail(err, "'%s' cannot be cut to where it ended: %s", sink->path,
                              strerrordesc_np(-err));
        if (number == 0)
            sink->size = (uint64_t)size;
    }
    return 0;
}

int mproc_log_file_open(struct log_sink *sink, uint64_t done)
{
    int err = open_path(sink);

    return err || !sink->is_regular ? err : take_back(sink, done);
}

static int rename_one(const struct log_sink *sink, unsigned number)
{
    char *from = NULL;
    char *to = NULL;
    int err = name_of(sink, number, &from);

    if (!err)
        err = name_of(sink, number + 1, &to);
    if (!err && rename(from, to) != 0 && errno != ENOENT)
        err = -errno;
    free(from);
    free(to);
    return err;
}

/* The oldest one is renamed over, the newest becomes number 1. Whoever dies in between leaves every file
 * under some name. */
static int rotate(struct log_sink *sink)
{
    int err = 0;

    for (unsigned number = sink->keep; number-- > 0 && !err;)
        err = rename_one(sink, number);
    /* What cannot be rotated goes on growing until it can: better than to lose what comes. */
    if (err)
        return err;
    close(sink->fd);
    sink->fd = -1;
    return open_path(sink);
}

static bool is_due(const struct log_sink *sink, size_t len)
{
    if (!sink->is_regular || sink->size == 0)
        return false;
    if (sink->max_bytes != 0 && sink->size + len > sink->max_bytes)
        return true;
    return sink->rotate_at_s != 0 && (uint64_t)time(NULL) >= sink->rotate_at_s;
}

/* How much of the buffer goes into the file as it is: whole records, one at least. */
static size_t fitting(const struct log_sink *sink)
{
    const char *first = memchr(sink->buffer, '\n', sink->used);
    const char *last = NULL;

    if (!sink->is_regular || sink->max_bytes == 0 || sink->size + sink->used <= sink->max_bytes)
        return sink->used;
    if (sink->size < sink->max_bytes)
        last = memrchr(sink->buffer, '\n', (size_t)(sink->max_bytes - sink->size));
    if (!last)
        last = first;
    return last ? (size_t)(last - sink->buffer) + 1 : sink->used;
}

/* Writes whole records; where that fails, the file ends with one. What was written leaves the buffer. */
static int write_records(struct log_sink *sink, size_t len)
{
    size_t done = 0;
    int err = 0;

    while (done < len && !err) {
        ssize_t written = write(sink->fd, sink->buffer + done, len - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            err = written == 0 ? -ENOSPC : -errno;
    }
    if (err) {
        const char *last = done > 0 ? memrchr(sink->buffer, '\n', done) : NULL;
        done = last ? (size_t)(last - sink->buffer) + 1 : 0;
        if (sink->is_regular && ftruncate(sink->fd, (off_t)(sink->size + done)) != 0)
            err = -errno;
    }
    sink->size += done;
    sink->used -= done;
    memmove(sink->buffer, sink->buffer + done, sink->used);
    if (!err && sink->sync && sink->is_regular && fdatasync(sink->fd) != 0)
        err = -errno;
    return err;
}

/* Noted so that a death in the middle leaves nothing that is half true. */
static void note_intent(struct log_sink *sink, uint64_t done)
{
    struct log_intent *intent = sink->intent;

    __atomic_store_n(&intent->done, UINT64_MAX, __ATOMIC_SEQ_CST);
    intent->device = sink->device;
    intent->inode = sink->inode;
    intent->size = sink->size;
    __atomic_store_n(&intent->done, done, __ATOMIC_SEQ_CST);
}

int mproc_log_file_write(struct log_sink *sink, uint64_t done)
{
    int err = reopen_where_moved(sink);

    sink->rotation_err = !err && is_due(sink, 0) ? rotate(sink) : 0;
    if (!err && sink->fd >= 0)
        note_intent(sink, done);
    while (!err && sink->used > 0) {
        const char *first = memchr(sink->buffer, '\n', sink->used);
        size_t one = first ? (size_t)(first - sink->buffer) + 1 : sink->used;
        if (!sink->rotation_err && is_due(sink, one))
            sink->rotation_err = rotate(sink);
        if (sink->fd < 0)
            return sink->rotation_err;
        err = write_records(sink, sink->rotation_err ? sink->used : fitting(sink));
    }
    return err;
}
