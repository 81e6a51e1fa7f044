#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mproc/process.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "error_internal.h"
#include "log_internal.h"
#include "process_internal.h"
#include "queue_internal.h"
#include "robust.h"
#include "stop_internal.h"
#include "wait_fd.h"

enum { BATCH = 1024 };

struct mproc_log_listener {
    struct mproc_grip grip;
    struct mproc_thread *thread;
    struct mproc_process *process;
};

/* A listener at work. */
struct listening {
    struct mproc_log *log;
    struct log_sinks sinks;
    unsigned char *buffer;
    struct iovec messages[BATCH];
};

/* Says what was dropped, as a record of its own. Returns of how many the log tells, once that is written. */
static uint64_t tell_dropped(struct listening *listening)
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
        mproc_log_sinks_add(&listening->sinks, &record);
    return sum;
}

static void write_batch(struct listening *listening, size_t count)
{
    struct mproc_log *log = listening->log;
    struct log_record record;

    for (size_t i = 0; i < count; i++) {
        int err = mproc_log_scan(listening->messages[i].iov_base, listening->messages[i].iov_len, &record);
        if (err)
            mproc_log_count_failed(log, 1, err);
        else
            mproc_log_sinks_add(&listening->sinks, &record);
    }
    uint64_t told = tell_dropped(listening);
    mproc_log_sinks_write(&listening->sinks, mproc_queue_count_done(log->queue));
    log->shared->told = told;
    __atomic_fetch_add(&log->shared->written, count, __ATOMIC_RELAXED);
}

/* Each get says that what was got before is done. */
static int take_records(struct listening *listening)
{
    size_t count;
    int err;

    while ((err = mproc_queue_get_many(listening->log->queue, MPROC_FOREVER, LOG_LARGE_BYTES, BATCH,
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

static int run_watched(struct listening *listening)
{
    const struct mproc_thread_options options = {.parent = mproc_stop_shield()};
    struct mproc_thread *watcher;
    int err = mproc_thread_start("mproc-log-life", watch_life_line, listening->log, &options, &watcher);

    if (err)
        return err;
    err = take_records(listening);
    mproc_thread_ask(watcher);
    mproc_thread_join(watcher, MPROC_FOREVER, NULL);
    mproc_thread_free(watcher);
    return err;
}

/* Writing must end in an error that can be counted, and not the process. */
static void hold_write_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void end(struct listening *listening)
{
    mproc_log_sinks_close(&listening->sinks);
    mproc_log_unref(listening->log);
    free(listening->buffer);
    free(listening);
}

/* Takes the log on success. */
static int begin(struct mproc_log *log, const struct mproc_log_handler *handlers, size_t count,
                 struct listening **ret_listening)
{
    struct listening *listening = calloc(1, sizeof(*listening));
    unsigned char *buffer = malloc(LOG_LARGE_BYTES);
    int err = listening && buffer ? 0 : mproc_fail(-ENOMEM, "no memory for a log listener");

    if (!err)
        err = mproc_log_sinks_open(&listening->sinks, log, handlers, count);
    if (err) {
        free(listening);
        free(buffer);
        return err;
    }
    listening->log = log;
    listening->buffer = buffer;
    *ret_listening = listening;
    return 0;
}

static int run_in_thread(void *arg)
{
    struct listening *listening = arg;

    hold_write_signals();
    int err = run_watched(listening);
    end(listening);
    return err;
}

/* The log as a listener has it. */
static int listener_of(const struct mproc_log *log, struct mproc_log **ret_log)
{
    struct mproc_parcel parcel = {0};
    void *object;
    int err = mproc_log_listener_class.pack(log, &parcel);

    if (err)
        return err;
    err = mproc_log_listener_class.unpack(&parcel, &object);
    if (err) {
        for (unsigned i = 0; i < parcel.nfds; i++)
            close(parcel.fds[i]);
        return err;
    }
    *ret_log = object;
    return 0;
}

static int listen_in_thread(const struct mproc_log *log, const struct mproc_log_handler *handlers,
                            size_t count, struct mproc_thread **ret_thread)
{
    /* A stop of the process is not yet the end: there is more to be said. */
    const struct mproc_thread_options options = {.parent = mproc_stop_shield()};
    struct listening *listening;
    struct mproc_log *own;
    int err = listener_of(log, &own);

    if (err)
        return err;
    err = begin(own, handlers, count, &listening);
    if (err) {
        mproc_log_unref(own);
        return err;
    }
    err = mproc_thread_start("mproc-log", run_in_thread, listening, &options, ret_thread);
    if (err)
        end(listening);
    return err;
}

static void add_string(struct mproc_args *args, const char *string)
{
    if (string)
        mproc_args_add_string(args, string);
    else
        mproc_args_add_nil(args);
}

static int listen_in_process(const struct mproc_log *log, const struct mproc_log_handler *handlers,
                             size_t count, struct mproc_context *context, struct mproc_process **ret_process)
{
    /* Relative paths mean the same there. */
    char *folder = getcwd(NULL, 0);
    const struct mproc_process_options options = {.name = "mproc-log", .background = true, .cwd = folder};
    struct mproc_args *args = NULL;
    int err = mproc_args_new(&args);

    if (!err)
        mproc_args_add_object(args, &mproc_log_listener_class, log);
    for (size_t i = 0; i < count && !err; i++) {
        mproc_args_add_int(args, handlers[i].target);
        mproc_args_add_int(args, handlers[i].level);
        add_string(args, handlers[i].path);
        mproc_args_add_uint(args, handlers[i].max_bytes);
        mproc_args_add_uint(args, handlers[i].every_s);
        mproc_args_add_uint(args, handlers[i].keep);
        mproc_args_add_bool(args, handlers[i].sync);
        add_string(args, handlers[i].ident);
        mproc_args_add_int(args, handlers[i].facility);
    }
    if (!err)
        err = mproc_process_start_own(context, MPROC_OWN_LOG_LISTENER, args, &options, ret_process);
    mproc_args_free(args);
    free(folder);
    return err;
}

enum { HANDLER_ARGS = 9 };

static const char *get_string(const struct mproc_args *args, size_t index)
{
    const char *string;

    return mproc_args_get_string(args, index, &string) == 0 ? string : NULL;
}

static int get_handler(const struct mproc_args *args, size_t at, struct mproc_log_handler *ret_handler)
{
    uint64_t keep = 0;
    int64_t target = -1;
    int64_t level = -1;
    int64_t facility = 0;

    *ret_handler = (struct mproc_log_handler){0};
    if (mproc_args_get_int(args, at, &target) || mproc_args_get_int(args, at + 1, &level) ||
        mproc_args_get_uint(args, at + 3, &ret_handler->max_bytes) ||
        mproc_args_get_uint(args, at + 4, &ret_handler->every_s) ||
        mproc_args_get_uint(args, at + 5, &keep) || mproc_args_get_bool(args, at + 6, &ret_handler->sync) ||
        mproc_args_get_int(args, at + 8, &facility))
        return -EBADMSG;
    ret_handler->target = (enum mproc_log_target)target;
    ret_handler->level = (enum mproc_log_level)level;
    ret_handler->path = get_string(args, at + 2);
    ret_handler->keep = (unsigned)keep;
    ret_handler->ident = get_string(args, at + 7);
    ret_handler->facility = (int)facility;
    return 0;
}

static struct mproc_stop *own_token;

static void stop_taking(int signo)
{
    (void)signo;
    mproc_stop_request(own_token, MPROC_STOP_WARM);
}

/* Not the token of the process: who shuts down asks all processes, and has more to say. SIGTERM is meant. */
static int shield_process(void)
{
    int err = mproc_stop_new(mproc_stop_shield(), &own_token);

    if (err)
        return err;
    mproc_stop_enter(own_token);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop_taking, .sa_flags = SA_RESTART}, NULL);
    hold_write_signals();
    return 0;
}

static int run_in_process(struct mproc_args *args)
{
    struct mproc_log_handler handlers[MPROC_LOG_HANDLERS_MAX];
    struct listening *listening;
    size_t count = 0;
    void *log;
    int err = mproc_args_get_object(args, 0, &mproc_log_listener_class, &log);

    for (; !err && count < MPROC_LOG_HANDLERS_MAX && 1 + count * HANDLER_ARGS < mproc_args_count(args);
         count++)
        err = get_handler(args, 1 + count * HANDLER_ARGS, &handlers[count]);
    if (!err)
        err = shield_process();
    if (!err)
        err = begin(log, handlers, count, &listening);
    if (err)
        return err;
    err = run_watched(listening);
    end(listening);
    return err;
}

const struct mproc_entry mproc_log_entry = {"mproc-log", run_in_process};

int mproc_log_listen(struct mproc_log *log, const struct mproc_log_handler *handlers, size_t count,
                     struct mproc_context *context, struct mproc_log_listener **ret_listener)
{
    struct mproc_log_listener *listener;
    int err = mproc_handle_check(log, "log");

    if (!err && log->watch_fd < 0)
        err = mproc_fail(-EPERM, "this log came from another process: its maker starts the listener");
    if (!err)
        err = mproc_log_check_handlers(handlers, count);
    if (err)
        return err;
    err = mproc_handle_new(sizeof(*listener), &listener);
    if (err)
        return err;
    err = context ? listen_in_process(log, handlers, count, context, &listener->process)
                  : listen_in_thread(log, handlers, count, &listener->thread);
    if (err) {
        free(listener);
        return err;
    }
    *ret_listener = listener;
    return 0;
}

static int join_process(struct mproc_process *process, uint64_t deadline_ns)
{
    struct mproc_status status;
    char how[96];
    int err = mproc_process_join(process, deadline_ns, &status);

    if (err)
        return err;
    err = mproc_status_check(&status);
    if (!err || status.returned)
        return err;
    return mproc_fail(err, "the log listener ended: %s; another one can go on where it was",
                      mproc_status_describe(&status, how, sizeof(how)));
}

int mproc_log_listener_join(struct mproc_log_listener *listener, uint64_t deadline_ns)
{
    struct mproc_thread_result result;
    int err = mproc_handle_check(listener, "listener");

    if (err)
        return err;
    if (listener->process)
        return join_process(listener->process, deadline_ns);
    err = mproc_thread_join(listener->thread, deadline_ns, &result);
    if (err)
        return err;
    return result.result == 0 ? 0 : mproc_fail(result.result, "%s", result.detail);
}

void mproc_log_listener_free(struct mproc_log_listener *listener)
{
    if (!mproc_handle_unref(listener))
        return;
    mproc_process_free(listener->process);
    mproc_thread_free(listener->thread);
    mproc_handle_bury(listener);
}
