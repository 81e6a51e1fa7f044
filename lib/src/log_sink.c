#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/pipe.h>

#include "error_internal.h"
#include "log_internal.h"
#include "queue_internal.h"
#include "wait_fd.h"

static const char *const target_names[MPROC_LOG_TARGET__COUNT] = {
    [MPROC_LOG_TO_STDERR] = "standard error",
    [MPROC_LOG_TO_FILE] = "a file",
    [MPROC_LOG_TO_SYSLOG] = "the system log",
    [MPROC_LOG_TO_SOCKET] = "another log",
};

static int check_handler(const struct mproc_log_handler *handler, size_t index)
{
    if ((unsigned)handler->target >= MPROC_LOG_TARGET__COUNT)
        return mproc_fail(-EINVAL, "handler %zu has no target (%d)", index, (int)handler->target);
    if ((unsigned)handler->level >= MPROC_LOG_LEVEL__COUNT)
        return mproc_fail(-EINVAL, "handler %zu: there is no level %d", index, (int)handler->level);
    if ((handler->target == MPROC_LOG_TO_FILE || handler->target == MPROC_LOG_TO_SOCKET) &&
        (!handler->path || !handler->path[0]))
        return mproc_fail(-EINVAL, "handler %zu goes to %s, and its path does not say which", index,
                          target_names[handler->target]);
    if (handler->target != MPROC_LOG_TO_FILE && (handler->max_bytes || handler->every_s || handler->keep))
        return mproc_fail(-EINVAL, "handler %zu goes to %s, which cannot be rotated", index,
                          target_names[handler->target]);
    if (handler->keep > 9999)
        return mproc_fail(-EINVAL, "handler %zu keeps %u files; 9999 are the most", index, handler->keep);
    return 0;
}

/* Whether a listener will be able to open it. */
static int try_open(const struct mproc_log_handler *handler)
{
    if (handler->target != MPROC_LOG_TO_FILE)
        return 0;
    int fd = open(handler->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (fd < 0)
        return mproc_fail(-errno, "'%s' cannot be opened: %s", handler->path, strerrordesc_np(errno));
    close(fd);
    return 0;
}

int mproc_log_check_handlers(const struct mproc_log_handler *handlers, size_t count)
{
    if (count == 0 || count > MPROC_LOG_HANDLERS_MAX || !handlers)
        return mproc_fail(-EINVAL, "%zu handlers; a listener has 1 to %d", count, MPROC_LOG_HANDLERS_MAX);
    for (size_t i = 0; i < count; i++) {
        int err = check_handler(&handlers[i], i);
        if (!err)
            err = try_open(&handlers[i]);
        if (err)
            return err;
    }
    return 0;
}

static int open_sink(struct log_sink *sink, struct mproc_log *log, const struct mproc_log_handler *handler,
                     size_t index)
{
    *sink = (struct log_sink){.target = handler->target,
                              .level = handler->level,
                              .path = handler->path ? strdup(handler->path) : NULL,
                              .ident = handler->ident ? strdup(handler->ident) : NULL,
                              .max_bytes = handler->max_bytes,
                              .every_s = handler->every_s,
                              .keep = handler->keep ? handler->keep : 1,
                              .sync = handler->sync,
                              .facility = handler->facility,
                              .intent = &log->shared->intents[index],
                              .fd = -1};
    if ((handler->path && !sink->path) || (handler->ident && !sink->ident))
        return mproc_fail(-ENOMEM, "no memory for a handler");
    if (sink->target == MPROC_LOG_TO_FILE)
        return mproc_log_file_open(sink, mproc_queue_count_done(log->queue));
    return 0;
}

int mproc_log_sinks_open(struct log_sinks *sinks, struct mproc_log *log,
                         const struct mproc_log_handler *handlers, size_t count)
{
    *sinks = (struct log_sinks){.log = log};
    for (size_t i = 0; i < count; i++) {
        int err = open_sink(&sinks->sinks[i], log, &handlers[i], i);
        sinks->count++;
        if (err) {
            mproc_log_sinks_close(sinks);
            return err;
        }
    }
    return 0;
}

void mproc_log_sinks_close(struct log_sinks *sinks)
{
    for (size_t i = 0; i < sinks->count; i++) {
        struct log_sink *sink = &sinks->sinks[i];
        if (sink->fd >= 0)
            close(sink->fd);
        mproc_pipe_unref(sink->server);
        free(sink->buffer);
        free(sink->path);
        free(sink->ident);
    }
    sinks->count = 0;
}

char *mproc_log_sink_reserve(struct log_sink *sink, size_t len)
{
    if (sink->room - sink->used < len) {
        size_t room = sink->room ? sink->room : (size_t)256 << 10;
        while (room - sink->used < len)
            room *= 2;
        char *buffer = realloc(sink->buffer, room);
        if (!buffer)
            return NULL;
        sink->buffer = buffer;
        sink->room = room;
    }
    return sink->buffer + sink->used;
}

static int add_line(struct log_sinks *sinks, struct log_sink *sink, const struct log_record *record)
{
    char *line = mproc_log_sink_reserve(sink, mproc_log_line_room(record->len));

    if (!line)
        return -ENOMEM;
    sink->used += mproc_log_format_line(&sinks->clock, record, line);
    sink->records++;
    return 0;
}

static void fail(struct log_sinks *sinks, size_t place, int err)
{
    sinks->has_failed[place] = true;
    __atomic_store_n(&sinks->log->shared->last_error, err, __ATOMIC_RELAXED);
}

void mproc_log_sinks_add(struct log_sinks *sinks, size_t place, const struct log_record *record, int err)
{
    sinks->sinks_of[place] = 0;
    sinks->has_failed[place] = false;
    sinks->has_own |= place == LOG_OWN_RECORD;
    if (!record) {
        fail(sinks, place, err);
        return;
    }
    for (size_t i = 0; i < sinks->count; i++) {
        struct log_sink *sink = &sinks->sinks[i];
        if (record->head.level < sink->level)
            continue;
        if (sink->target == MPROC_LOG_TO_SYSLOG)
            err = mproc_log_syslog_send(sink, record);
        else if (sink->target == MPROC_LOG_TO_SOCKET)
            err = mproc_log_socket_add(sink, record);
        else
            err = add_line(sinks, sink, record);
        if (err)
            fail(sinks, place, err);
        else
            sinks->sinks_of[place] |= (uint8_t)(1u << i);
    }
}

/* In pieces that a pipe takes whole, so that lines of others come between ours and not into them. */
static int write_stderr(struct log_sink *sink)
{
    enum { WHOLE = 4096 };
    static const uint64_t patience_ms = 1000;

    while (sink->used > 0) {
        size_t len = sink->used;
        if (len > WHOLE) {
            const char *last = memrchr(sink->buffer, '\n', WHOLE);
            const char *first = last ? last : memchr(sink->buffer, '\n', sink->used);
            len = first ? (size_t)(first - sink->buffer) + 1 : sink->used;
        }
        ssize_t written = write(STDERR_FILENO, sink->buffer, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN &&
            mproc_poll_for(STDERR_FILENO, POLLOUT, mproc_deadline_ms(patience_ms)) == 0)
            continue;
        if (written <= 0)
            return written == 0 ? -ENOSPC : -errno;
        sink->used -= (size_t)written;
        memmove(sink->buffer, sink->buffer + written, sink->used);
    }
    return 0;
}

static uint64_t count_lines(const struct log_sink *sink)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < sink->used; i++)
        lines += sink->buffer[i] == '\n';
    return lines;
}

/* The last so many of the records in a sink's buffer. */
static void fail_last(struct log_sinks *sinks, size_t index, size_t count, uint64_t records, int err)
{
    /* The listener's own is behind those of the batch. */
    if (records > 0 && sinks->has_own && (sinks->sinks_of[LOG_OWN_RECORD] >> index & 1))
        records--;
    for (size_t place = count; place-- > 0 && records > 0;) {
        if (sinks->sinks_of[place] >> index & 1) {
            fail(sinks, place, err);
            records--;
        }
    }
}

/* A batch at a time and once for each, also where it comes again. */
static void count_failed(struct log_shared *shared, const struct log_sinks *sinks, size_t count,
                         uint64_t done)
{
    uint64_t failed = 0;

    for (size_t place = 0; place < count; place++)
        failed += sinks->has_failed[place];
    if (shared->counted_at != done) {
        shared->failed_before = shared->failed;
        __atomic_store_n(&shared->counted_at, done, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&shared->failed, shared->failed_before + failed, __ATOMIC_RELEASE);
}

void mproc_log_sinks_write(struct log_sinks *sinks, size_t count, uint64_t done)
{
    for (size_t i = 0; i < sinks->count; i++) {
        struct log_sink *sink = &sinks->sinks[i];
        uint64_t left = sink->records;
        int err = 0;
        if (sink->used == 0)
            continue;
        if (sink->target == MPROC_LOG_TO_STDERR)
            err = write_stderr(sink);
        else if (sink->target == MPROC_LOG_TO_FILE)
            err = mproc_log_file_write(sink, done);
        else
            err = mproc_log_socket_send(sink);
        /* Of a socket all is left. So it is where `sync` is wanted: what was written may not be on the disk.
         */
        if (sink->target == MPROC_LOG_TO_STDERR || (sink->target == MPROC_LOG_TO_FILE && !sink->sync))
            left = count_lines(sink);
        if (err)
            fail_last(sinks, i, count, left, err);
        if (sink->rotation_err)
            mproc_log_count_failed_rotation(sinks->log, sink->rotation_err);
        sink->used = 0;
        sink->records = 0;
    }
    count_failed(sinks->log->shared, sinks, count, done);
    sinks->has_own = false;
}
