#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/pipe.h>
#include <mproc/process.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "error_internal.h"
#include "log_internal.h"
#include "process_internal.h"
#include "stop_internal.h"

/* As for any start. */
static const uint64_t start_ms = 10000;

struct mproc_log_listener {
    struct mproc_grip grip;
    struct mproc_thread *thread;
    struct mproc_process *process;
};

/* Writing must end in an error that can be counted, and not the process. */
static void hold_write_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/* A listener that is being started, and says by a byte whether it listens. */
struct start {
    struct mproc_log *log;
    const struct mproc_log_handler *handlers;
    size_t count;
    int ready[2];
};

static int open_ready(struct start *start)
{
    if (pipe2(start->ready, O_CLOEXEC) == 0)
        return 0;
    return mproc_fail(-errno, "no pipe to hear from a log listener: %s", strerrordesc_np(errno));
}

static void say_ready(int fd, bool is_listening)
{
    const char byte = is_listening;

    while (write(fd, &byte, 1) < 0 && errno == EINTR)
        ;
    close(fd);
}

static int run_in_thread(void *arg)
{
    const struct start *start = arg;
    int fd = start->ready[1];
    struct log_listening *listening;

    hold_write_signals();
    int err = mproc_log_begin(start->log, start->handlers, start->count, &listening);
    say_ready(fd, err == 0); /* what was passed is the caller's again */
    if (err)
        return err;
    err = mproc_log_run(listening);
    mproc_log_end(listening);
    return err;
}

static int join_thread(struct mproc_thread *thread, uint64_t deadline_ns)
{
    struct mproc_thread_result result;
    int err = mproc_thread_join(thread, deadline_ns, &result);

    if (err)
        return err;
    return result.result == 0 ? 0 : mproc_fail(result.result, "%s", result.detail);
}

/* A thread tells in any case, and is not waited for longer than what it does took when the caller did it. */
static int await_thread(const struct start *start, struct mproc_thread *thread)
{
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    char is_listening = 0;

    while (read(start->ready[0], &is_listening, 1) < 0 && errno == EINTR)
        ;
    int err = is_listening ? 0 : join_thread(thread, MPROC_FOREVER);
    mproc_stop_enter(before);
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
    struct start start = {.handlers = handlers, .count = count};
    struct mproc_thread *thread;
    int err = listener_of(log, &start.log);

    if (err)
        return err;
    err = open_ready(&start);
    if (!err) {
        err = mproc_thread_start("mproc-log", run_in_thread, &start, &options, &thread);
        if (err)
            close(start.ready[1]);
        else if ((err = await_thread(&start, thread)))
            mproc_thread_free(thread);
        close(start.ready[0]);
    }
    if (err) {
        mproc_log_unref(start.log);
        return err;
    }
    *ret_thread = thread;
    return 0;
}

static void add_string(struct mproc_args *args, const char *string)
{
    if (string)
        mproc_args_add_string(args, string);
    else
        mproc_args_add_nil(args);
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

/* What a listener gets: the log, where to say that it listens, and the handlers. */
enum { FIRST_HANDLER = 2, HANDLER_ARGS = 9 };

static int make_args(const struct mproc_log *log, const struct start *start, struct mproc_args **ret_args)
{
    struct mproc_args *args;
    int err = mproc_args_new(&args);

    if (err)
        return err;
    mproc_args_add_object(args, &mproc_log_listener_class, log);
    mproc_args_add_fd(args, start->ready[1]);
    for (size_t i = 0; i < start->count; i++) {
        const struct mproc_log_handler *handler = &start->handlers[i];
        mproc_args_add_int(args, handler->target);
        mproc_args_add_int(args, handler->level);
        add_string(args, handler->path);
        mproc_args_add_uint(args, handler->max_bytes);
        mproc_args_add_uint(args, handler->every_s);
        mproc_args_add_uint(args, handler->keep);
        mproc_args_add_bool(args, handler->sync);
        add_string(args, handler->ident);
        mproc_args_add_int(args, handler->facility);
    }
    *ret_args = args;
    return 0;
}

/* Of a process it cannot be the silence that tells: others may have the other end for a while, by a fork.
 * Errors: why it does not listen; then it has ended, or is killed here. */
static int await_process(const struct start *start, struct mproc_process *process, uint64_t deadline_ns)
{
    static const struct mproc_stop_steps at_once = {.kill_ms = 1000};
    struct mproc_waitable items[2] = {{.fd = start->ready[0]}, {.fd = -1, .process = process}};
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    char is_listening = 0;

    int err = mproc_pipe_wait(items, 2, deadline_ns, NULL);
    if (!err && !(items[0].ready && read(start->ready[0], &is_listening, 1) == 1))
        err = join_process(process, deadline_ns);
    if (err && mproc_process_alive(process)) {
        mproc_process_stop(process, &at_once, NULL);
        mproc_fail(err, "the log listener, process %d, was not ready (%s) and is ended; was it stopped?",
                   (int)mproc_process_pid(process), strerrordesc_np(-err));
    }
    mproc_stop_enter(before);
    return err || is_listening ? err : mproc_fail(-ECHILD, "the log listener ended without a word");
}

static int listen_in_process(const struct mproc_log *log, const struct mproc_log_handler *handlers,
                             size_t count, struct mproc_context *context, struct mproc_process **ret_process)
{
    /* Relative paths mean the same there. */
    char *folder = getcwd(NULL, 0);
    const struct mproc_process_options options = {
        .name = "mproc-log", .background = true, .cwd = folder, .deadline_ns = mproc_deadline_ms(start_ms)};
    struct start start = {.handlers = handlers, .count = count};
    struct mproc_process *process;
    struct mproc_args *args = NULL;
    int err = open_ready(&start);

    if (!err) {
        err = make_args(log, &start, &args);
        if (!err)
            err = mproc_process_start_own(context, MPROC_OWN_LOG_LISTENER, args, &options, &process);
        mproc_args_free(args);
        close(start.ready[1]);
        if (!err && (err = await_process(&start, process, options.deadline_ns)))
            mproc_process_free(process);
        close(start.ready[0]);
    }
    free(folder);
    if (!err)
        *ret_process = process;
    return err;
}

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
    struct log_listening *listening;
    size_t count = 0;
    int ready;
    void *log;
    int err = mproc_args_get_object(args, 0, &mproc_log_listener_class, &log);

    if (!err)
        err = mproc_args_get_fd(args, 1, &ready);
    for (; !err && count < MPROC_LOG_HANDLERS_MAX &&
           FIRST_HANDLER + count * HANDLER_ARGS < mproc_args_count(args);
         count++)
        err = get_handler(args, FIRST_HANDLER + count * HANDLER_ARGS, &handlers[count]);
    if (!err)
        err = shield_process();
    if (!err)
        err = mproc_log_begin(log, handlers, count, &listening);
    if (err)
        return err;
    say_ready(ready, true);
    err = mproc_log_run(listening);
    mproc_log_end(listening);
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
    if (!err && log->owner != getpid())
        err = mproc_fail(-EPERM, "the log was made by process %d, of which this is a fork and a mere writer",
                         (int)log->owner);
    /* Before files are made for it. */
    if (!err)
        err = mproc_log_check_free(log);
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

int mproc_log_listener_join(struct mproc_log_listener *listener, uint64_t deadline_ns)
{
    int err = mproc_handle_check(listener, "listener");

    if (err)
        return err;
    return listener->process ? join_process(listener->process, deadline_ns)
                             : join_thread(listener->thread, deadline_ns);
}

void mproc_log_listener_free(struct mproc_log_listener *listener)
{
    if (!mproc_handle_unref(listener))
        return;
    mproc_process_free(listener->process);
    mproc_thread_free(listener->thread);
    mproc_handle_bury(listener);
}
