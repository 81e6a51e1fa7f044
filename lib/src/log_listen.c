#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mproc/stop.h>
#include <mproc/thread.h>

#include "error_internal.h"
#include "log_internal.h"
#include "queue_internal.h"
#include "robust.h"
#include "stop_internal.h"
#include "wait_fd.h"

struct log_listening {
    struct mproc_log *log;
    struct log_sinks sinks;
    unsigned char *buffer;
    struct iovec messages[LOG_BATCH];
};

/* Says what was dropped, as a record of its own. Returns of how many the log tells, once that is written. */
static uint64_t tell_dropped(struct log_listening *listening)
{
    static const char name[] = "mproc-log";
    struct log_shared *shared = listening->log->shared;
    unsigned char bytes[200];
    struct log_record record;
    struct timespec now;
    uint64_t sum = 0;

    for (int level = 0; level < MPROC_LOG_LEVEL__COUNT; level++)
        sum += __atomic_load_n(&shared->dropped[level], __ATOMIC_RELAXED);
    if (sum <= shared->told)
        return shared->told;
    clock_gettime(CLOCK_REALTIME, &now);
    struct log_head head = {.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
                            .level = MPROC_LOG_WARNING,
                            .name_len = sizeof(name) - 1};
    mproc_robust_who(&head.pid, &head.tid);
    head.tid = head.pid;
    char *text = (char *)bytes + sizeof(head) + head.name_len;
    head.text_len = (uint32_t)snprintf(text, 100, "%llu records were dropped: there was no room for them",
                                       (unsigned long long)(sum - shared->told));
    memcpy(mempcpy(bytes, &head, sizeof(head)), name, head.name_len);
    if (mproc_log_scan(bytes, sizeof(head) + head.name_len + head.text_len, &record) == 0)
        mproc_log_sinks_add(&listening->sinks, LOG_OWN_RECORD, &record, 0);
    return sum;
}

static void write_batch(struct log_listening *listening, size_t count)
{
    struct mproc_log *log = listening->log;
    struct log_record record;

    for (size_t i = 0; i < count; i++) {
        int err = mproc_log_scan(listening->messages[i].iov_base, listening->messages[i].iov_len, &record);
        mproc_log_sinks_add(&listening->sinks, i, err ? NULL : &record, err);
    }
    uint64_t told = tell_dropped(listening);
    mproc_log_sinks_write(&listening->sinks, count, mproc_queue_count_done(log->queue));
    log->shared->told = told;
}

/* Each get says that what was got before is done. */
int mproc_log_take(struct log_listening *listening)
{
    size_t count;
    int err;

    while ((err = mproc_queue_get_many(listening->log->queue, MPROC_FOREVER, LOG_LARGE_BYTES, LOG_BATCH,
                                       listening->buffer, listening->messages, &count)) == 0)
        write_batch(listening, count);
    return err == -EPIPE || err == -ECANCELED ? 0 : err;
}

/* Closes the log when nobody can write to it any more. */
static int watch_life_line(void *arg)
{
    struct mproc_log *log = arg;
    int err = mproc_poll_for(log->watch_fd, POLLIN, MPROC_FOREVER);

    return err ? err : mproc_queue_close(log->queue, MPROC_FOREVER);
}

int mproc_log_run(struct log_listening *listening)
{
    const struct mproc_thread_options options = {.parent = mproc_stop_shield()};
    struct mproc_thread *watcher;
    int err = mproc_thread_start("mproc-log-life", watch_life_line, listening->log, &options, &watcher);

    if (err)
        return err;
    err = mproc_log_take(listening);
    mproc_thread_ask(watcher);
    mproc_thread_join(watcher, MPROC_FOREVER, NULL);
    mproc_thread_free(watcher);
    return err;
}

void mproc_log_end(struct log_listening *listening)
{
    mproc_log_sinks_close(&listening->sinks);
    mproc_log_resign(listening->log);
    mproc_log_unref(listening->log);
    free(listening->buffer);
    free(listening);
}

int mproc_log_begin(struct mproc_log *log, const struct mproc_log_handler *handlers, size_t count,
                    struct log_listening **ret_listening)
{
    int err = mproc_log_claim(log);

    if (err)
        return err;
    struct log_listening *listening = malloc(sizeof(*listening));
    unsigned char *buffer = malloc(LOG_LARGE_BYTES);
    err = listening && buffer ? 0 : mproc_fail(-ENOMEM, "no memory for a log listener");
    if (!err)
        err = mproc_log_sinks_open(&listening->sinks, log, handlers, count);
    if (err) {
        mproc_log_resign(log);
        free(listening);
        free(buffer);
        return err;
    }
    listening->log = log;
    listening->buffer = buffer;
    *ret_listening = listening;
    return 0;
}
