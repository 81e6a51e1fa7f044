#include <mproc/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/process.h>

#include "descriptor.h"
#include "error_internal.h"
#include "log_internal.h"
#include "queue_internal.h"
#include "robust.h"

static const size_t default_bytes = (size_t)1 << 20;
static const uint64_t default_wait_ms = 1000;

static uint64_t block_bytes(void)
{
    uint64_t page = mproc_segment_page();

    return (sizeof(struct log_shared) + page - 1) / page * page;
}

/* How many records are done, and how many of these have failed: not those of the batch that is being written.
 */
static uint64_t count_done(const struct mproc_log *log, uint64_t *ret_failed)
{
    const struct log_shared *shared = log->shared;
    uint64_t done, counted_at, failed;

    do {
        done = mproc_queue_count_done(log->queue);
        counted_at = __atomic_load_n(&shared->counted_at, __ATOMIC_ACQUIRE);
        failed =
            __atomic_load_n(counted_at == done ? &shared->failed_before : &shared->failed, __ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&shared->counted_at, __ATOMIC_ACQUIRE) != counted_at ||
             mproc_queue_count_done(log->queue) != done);
    *ret_failed = failed < done ? failed : done;
    return done;
}

/* Takes the queue and the descriptors on success. */
static int wrap(struct mproc_queue *queue, int life_fd, int watch_fd, struct mproc_log **ret_log)
{
    struct mproc_log *log;
    int err = mproc_handle_new(sizeof(*log), &log);

    if (err)
        return err;
    log->queue = queue;
    log->shared = mproc_queue_block(queue);
    log->owner = getpid();
    log->life_fd = life_fd;
    log->watch_fd = watch_fd;
    count_done(log, &log->failed_told);
    mproc_log_set_name(log, mproc_process_own_name()[0] ? mproc_process_own_name() : "main");
    *ret_log = log;
    return 0;
}

int mproc_log_create(const struct mproc_log_options *options, struct mproc_log **ret_log)
{
    struct mproc_log_options wanted = options ? *options : (struct mproc_log_options){0};
    struct mproc_queue *queue;
    int ends[2];

    if ((unsigned)wanted.level >= MPROC_LOG_LEVEL__COUNT)
        return mproc_fail(-EINVAL, "there is no level %d", (int)wanted.level);
    if ((unsigned)wanted.full >= MPROC_LOG_FULL__COUNT)
        return mproc_fail(-EINVAL, "no such policy for a full log: %d", (int)wanted.full);
    const struct mproc_queue_options queue_options = {.bytes = wanted.queue_bytes ? wanted.queue_bytes
                                                                                  : default_bytes,
                                                      .large_bytes = LOG_LARGE_BYTES,
                                                      .reader_death = MPROC_READER_DEATH_REDELIVERS};
    int err = mproc_queue_create_with_block("mproc-log", &queue_options, block_bytes(), &queue);
    if (err)
        return err;
    if (pipe2(ends, O_CLOEXEC) != 0 || !mproc_fds_above(ends, 2)) {
        err = mproc_fail(-errno, "no pipe for the life line of a log: %s", strerrordesc_np(errno));
        mproc_queue_unref(queue);
        return err;
    }
    err = wrap(queue, ends[1], ends[0], ret_log);
    if (err) {
        close(ends[0]);
        close(ends[1]);
        mproc_queue_unref(queue);
        return err;
    }
    struct log_shared *shared = (*ret_log)->shared;
    shared->level = (uint32_t)wanted.level;
    shared->full = (uint32_t)wanted.full;
    shared->wait_ms = wanted.wait_ms ? wanted.wait_ms : default_wait_ms;
    for (int i = 0; i < MPROC_LOG_HANDLERS_MAX; i++)
        shared->intents[i].done = UINT64_MAX;
    return 0;
}

struct mproc_log *mproc_log_ref(struct mproc_log *log)
{
    mproc_handle_ref(log);
    return log;
}

void mproc_log_unref(struct mproc_log *log)
{
    if (!mproc_handle_unref(log))
        return;
    if (log->life_fd >= 0)
        close(log->life_fd);
    if (log->watch_fd >= 0)
        close(log->watch_fd);
    mproc_queue_unref(log->queue);
    mproc_handle_bury(log);
}

void mproc_log_set_name(struct mproc_log *log, const char *name)
{
    if (mproc_handle_check(log, "log"))
        return;
    snprintf(log->name, sizeof(log->name), "%s", name ? name : "");
    log->name_len = (uint8_t)strlen(log->name);
}

int mproc_log_set_level(struct mproc_log *log, enum mproc_log_level level)
{
    int err = mproc_handle_check(log, "log");

    if (err)
        return err;
    if ((unsigned)level >= MPROC_LOG_LEVEL__COUNT)
        return mproc_fail(-EINVAL, "there is no level %d", (int)level);
    __atomic_store_n(&log->shared->level, (uint32_t)level, __ATOMIC_RELAXED);
    return 0;
}

int mproc_log_level(const struct mproc_log *log)
{
    int err = mproc_handle_check(log, "log");

    return err ? err : (int)(__atomic_load_n(&log->shared->level, __ATOMIC_RELAXED) & 0xff);
}

/* Each failed record is told of once by each handle. */
static int tell_failed(struct mproc_log *log)
{
    uint64_t told = __atomic_load_n(&log->failed_told, __ATOMIC_RELAXED);
    uint64_t failed;

    count_done(log, &failed);
    while (told < failed && !__atomic_compare_exchange_n(&log->failed_told, &told, failed, false,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    if (told >= failed)
        return 0;
    int err = __atomic_load_n(&log->shared->last_error, __ATOMIC_RELAXED);
    return mproc_fail(-EIO, "%llu records were accepted and could not be written: %s",
                      (unsigned long long)(failed - told), mproc_strerror(err));
}

int mproc_log_flush(struct mproc_log *log, uint64_t deadline_ns)
{
    struct mproc_queue_stat queue;
    int err = mproc_handle_check(log, "log");

    if (err)
        return err;
    err = mproc_queue_join(log->queue, deadline_ns);
    if (!err)
        return tell_failed(log);
    if ((err == -ETIMEDOUT || err == -EAGAIN) && mproc_log_listening_thread(log) == 0) {
        mproc_queue_stat(log->queue, &queue);
        mproc_fail(err, "nobody listens to the log, in which %llu records wait",
                   (unsigned long long)queue.messages);
    }
    return err;
}

int mproc_log_get_stat(const struct mproc_log *log, struct mproc_log_stat *ret_stat)
{
    struct mproc_queue_stat queue;
    uint64_t failed;
    int err = mproc_handle_check(log, "log");

    if (err)
        return err;
    const struct log_shared *shared = log->shared;
    mproc_queue_stat(log->queue, &queue);
    uint64_t done = count_done(log, &failed);
    *ret_stat = (struct mproc_log_stat){
        .waiting = queue.messages,
        .written = done - failed,
        .failed = failed + __atomic_load_n(&shared->rejected, __ATOMIC_RELAXED),
        .failed_rotations = __atomic_load_n(&shared->failed_rotations, __ATOMIC_RELAXED),
        .last_error = __atomic_load_n(&shared->last_error, __ATOMIC_RELAXED),
    };
    for (int level = 0; level < MPROC_LOG_LEVEL__COUNT; level++)
        ret_stat->dropped[level] = __atomic_load_n(&shared->dropped[level], __ATOMIC_RELAXED);
    return 0;
}

void mproc_log_count_rejected(struct mproc_log *log, int err)
{
    __atomic_fetch_add(&log->shared->rejected, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&log->shared->last_error, err, __ATOMIC_RELAXED);
}

void mproc_log_count_failed_rotation(struct mproc_log *log, int err)
{
    __atomic_fetch_add(&log->shared->failed_rotations, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&log->shared->last_error, err, __ATOMIC_RELAXED);
}

uint32_t mproc_log_listening_thread(const struct mproc_log *log)
{
    return mproc_robust_owner(mproc_queue_block_lock(log->queue));
}

int mproc_log_check_free(const struct mproc_log *log)
{
    uint32_t thread = mproc_log_listening_thread(log);

    return thread == 0
               ? 0
               : mproc_fail(-EBUSY, "thread %u listens to this log already; there is one at a time", thread);
}

int mproc_log_claim(struct mproc_log *log)
{
    mproc_robust_word *lock = mproc_queue_block_lock(log->queue);
    int err;

    while ((err = mproc_robust_lock(lock, MPROC_NOW)) == -EAGAIN) {
        err = mproc_log_check_free(log);
        if (err)
            return err;
    }
    return err == -EOWNERDEAD ? mproc_robust_repaired(lock) : err;
}

void mproc_log_resign(struct mproc_log *log)
{
    mproc_queue_lease_leave(log->queue);
    mproc_robust_unlock(mproc_queue_block_lock(log->queue));
}

/* The queue first, then this end of the life line. */
static int pack(const struct mproc_log *log, int line_fd, struct mproc_parcel *ret_parcel)
{
    int err = mproc_handle_check(log, "log");

    if (!err)
        err = mproc_queue_class.pack(log->queue, ret_parcel);
    return err ? err : mproc_parcel_add(ret_parcel, line_fd);
}

/* Errors: -EBADMSG the descriptor is not this end of a pipe. */
static int check_line(int fd, int access)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) != access || fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode))
        return mproc_fail(-EBADMSG, "a log whose life line is no end of a pipe");
    return 0;
}

static int unpack(const struct mproc_parcel *parcel, bool is_writer, void **ret_object)
{
    struct mproc_parcel inner = {.fds = {parcel->fds[0]}, .nfds = 1};
    struct mproc_queue *queue;
    struct mproc_log *log;

    if (parcel->nfds != 2 || parcel->meta_len != 0)
        return mproc_fail(-EBADMSG, "a log of %u descriptors and %u bytes", parcel->nfds, parcel->meta_len);
    int err = check_line(parcel->fds[1], is_writer ? O_WRONLY : O_RDONLY);
    if (!err)
        err = mproc_queue_unpack_with_block(&inner, &queue);
    if (err)
        return err;
    if (mproc_queue_block_bytes(queue) != block_bytes())
        err = mproc_fail(-EBADMSG, "a queue that is no log");
    if (!err)
        err = wrap(queue, is_writer ? parcel->fds[1] : -1, is_writer ? -1 : parcel->fds[1], &log);
    if (err) {
        mproc_queue_abandon(queue);
        return err;
    }
    *ret_object = log;
    return 0;
}

static int pack_writer(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct mproc_log *log = object;

    return pack(log, log->life_fd, ret_parcel);
}

static int unpack_writer(const struct mproc_parcel *parcel, void **ret_object)
{
    return unpack(parcel, true, ret_object);
}

static int pack_listener(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct mproc_log *log = object;

    return pack(log, log->watch_fd, ret_parcel);
}

static int unpack_listener(const struct mproc_parcel *parcel, void **ret_object)
{
    return unpack(parcel, false, ret_object);
}

static void unref_log(void *object)
{
    mproc_log_unref(object);
}

static const struct mproc_class log_class = {"log", pack_writer, unpack_writer, unref_log};
const struct mproc_class mproc_log_listener_class = {"log-listener", pack_listener, unpack_listener,
                                                     unref_log};

int mproc_args_add_log(struct mproc_args *args, const struct mproc_log *log)
{
    return mproc_args_add_object(args, &log_class, log);
}

int mproc_args_get_log(const struct mproc_args *args, size_t index, struct mproc_log **ret_log)
{
    void *object;
    int err = mproc_args_get_object(args, index, &log_class, &object);

    if (!err)
        *ret_log = object;
    return err;
}
