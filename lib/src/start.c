#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/process.h>
#include <mproc/stop.h>

#include "args_internal.h"
#include "cpus.h"
#include "descriptor.h"
#include "error_internal.h"
#include "process_internal.h"
#include "system.h"
#include "worker.h"

static const uint64_t default_start_ms = 10000;

/* A start that is being made: the order, what goes with it, and what came back. */
struct start {
    struct mproc_context *context;
    const struct mproc_entry *entry;
    const struct mproc_process_options *options;
    uint64_t deadline_ns;
    struct mproc_order order;
    unsigned char *body;
    size_t body_len;
    int body_fd;
    int stdio[3];
    struct mproc_cpus cpus;
    struct mproc_args_wire wire;
    struct mproc_slot *slot;
};

static int choose_stdio(struct start *start)
{
    for (int i = 0; i < 3; i++) {
        int wanted = start->options->stdio[i];
        int fd = wanted > 0 ? wanted : -1;
        if (wanted < MPROC_STDIO_INHERIT)
            return mproc_fail(-EINVAL, "stdio[%d] is %d, neither a descriptor nor one of MPROC_STDIO_…", i,
                              wanted);
        if (wanted > 0 && fcntl(wanted, F_GETFD) < 0)
            return mproc_fail(-EBADF, "stdio[%d] is descriptor %d, which is not open", i, wanted);
        if (wanted == MPROC_STDIO_INHERIT || (wanted == MPROC_STDIO_DEFAULT && i != STDIN_FILENO))
            fd = fcntl(i, F_GETFD) < 0 ? -1 : i;
        start->stdio[i] = fd;
        if (fd >= 0)
            start->order.flags |= (uint32_t)(MPROC_ORDER_STDIO << i);
    }
    return 0;
}

static int check_env(const char *const *env)
{
    for (; env && *env; env++) {
        if (**env == '=' || **env == '\0')
            return mproc_fail(-EINVAL, "'%s' in the environment has no name before the value", *env);
    }
    return 0;
}

static size_t strings_len(const struct mproc_process_options *options, uint32_t *ret_nenv)
{
    size_t len = options->cwd ? strlen(options->cwd) + 1 : 0;
    uint32_t nenv = 0;

    for (; options->env && options->env[nenv]; nenv++)
        len += strlen(options->env[nenv]) + 1;
    *ret_nenv = nenv;
    return len;
}

static int write_body(struct start *start)
{
    const struct mproc_process_options *options = start->options;
    size_t limits_len = options->nlimits * sizeof(*options->limits);

    start->order.nlimits = (uint32_t)options->nlimits;
    start->order.cpus_len = start->cpus.len;
    start->order.strings_len = strings_len(options, &start->order.nenv);
    start->order.has_cwd = options->cwd != NULL;
    start->order.args_len = start->wire.len;
    start->body_len = mproc_order_body_len(&start->order);
    start->body = malloc(start->body_len);
    if (!start->body)
        return mproc_fail(-ENOMEM, "no memory for a start of %zu bytes", start->body_len);
    unsigned char *end = start->body;
    if (limits_len > 0)
        end = mempcpy(end, options->limits, limits_len);
    end = mempcpy(end, start->cpus.sets, start->cpus.len);
    if (options->cwd)
        end = mempcpy(end, options->cwd, strlen(options->cwd) + 1);
    for (uint32_t i = 0; i < start->order.nenv; i++)
        end = mempcpy(end, options->env[i], strlen(options->env[i]) + 1);
    memcpy(end, start->wire.bytes, start->wire.len);
    return 0;
}

/* A body beyond a message travels as a memfd. */
static int write_body_fd(struct start *start)
{
    size_t done = 0;

    if (start->options->method == MPROC_START_FORK || start->body_len <= MPROC_CHANNEL_BYTES)
        return 0;
    start->body_fd = mproc_fd_above(memfd_create("mproc-args", MFD_CLOEXEC));
    if (start->body_fd < 0)
        return mproc_fail(-errno, "no memory file for %zu bytes of arguments: %s", start->body_len,
                          strerrordesc_np(errno));
    while (done < start->body_len) {
        ssize_t n = write(start->body_fd, start->body + done, start->body_len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return mproc_fail(n < 0 ? -errno : -ENOSPC,
                              "%zu bytes of arguments could not be written to memory", start->body_len);
        done += (size_t)n;
    }
    start->order.flags |= MPROC_ORDER_BODY_FD;
    return 0;
}

int mproc_context_find_entry(const struct mproc_context *context, const char *name, uint32_t *ret_index)
{
    for (uint32_t i = 0; name && i < context->nentries; i++) {
        if (strcmp(context->entries[i].name, name) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    return mproc_fail(-EINVAL, "the context has no entry '%s'; add it to the entries it is opened with",
                      name ? name : "(NULL)");
}

static int prepare(struct start *start, const struct mproc_args *args)
{
    const struct mproc_process_options *options = start->options;
    const char *name = options->name ? options->name : start->entry->name;

    if ((unsigned)options->method >= MPROC_START__COUNT)
        return mproc_fail(-EINVAL, "there is no start method %d", (int)options->method);
    if (options->nlimits > 64 || (options->nlimits > 0 && !options->limits))
        return mproc_fail(-EINVAL, "%zu limits for one process", options->nlimits);
    snprintf(start->order.name, sizeof(start->order.name), "%s", name);
    start->order.nice = options->nice;
    if (options->clear_env)
        start->order.flags |= MPROC_ORDER_CLEAR_ENV;
    if (options->method == MPROC_START_SPAWN)
        start->order.flags |= MPROC_ORDER_SPAWN;
    int r = check_env(options->env);
    if (r == 0)
        r = choose_stdio(start);
    if (r == 0)
        r = mproc_cpus_choose(options->cpus, options->ncpus, &start->cpus);
    if (r == 0)
        r = mproc_args_encode(args, &start->wire);
    if (r == 0)
        r = write_body(start);
    return r ? r : write_body_fd(start);
}

static void clean(struct start *start)
{
    free(start->wire.bytes);
    free(start->body);
    if (start->body_fd >= 0)
        close(start->body_fd);
}

static int take_slot(struct start *start)
{
    struct mproc_context *context = start->context;

    start->slot = mproc_slots_take(context->slots);
    if (!start->slot)
        return mproc_fail(-EAGAIN, "%d processes have a handle or run already; join and free some",
                          MPROC_PROCESSES_MAX);
    start->slot->id = start->order.id = ++context->last_id;
    start->slot->generation = start->order.generation = context->generation;
    start->order.slot = (uint32_t)(start->slot - context->slots->slots);
    return 0;
}

/* The slot has no handle and may still have a dying worker: it is swept once that has been reaped. */
static void abandon_slot(struct start *start)
{
    start->context->nabandoned++;
    start->slot = NULL;
}

static int send_order(struct start *start)
{
    const struct iovec parts[] = {{&start->order, sizeof(start->order)}, {start->body, start->body_len}};
    int channel = start->context->channel;
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;

    for (int i = 0; i < 3; i++) {
        if (start->stdio[i] >= 0)
            fds[nfds++] = start->stdio[i];
    }
    if (start->body_fd >= 0)
        fds[nfds++] = start->body_fd;
    for (unsigned i = 0; i < start->wire.nfds; i++)
        fds[nfds++] = start->wire.fds[i];
    for (;;) {
        int r = mproc_channel_send(channel, parts, start->body_fd >= 0 ? 1 : 2, fds, nfds);
        if (r != -EAGAIN)
            return r;
        if (!mproc_poll_one(channel, POLLOUT, start->deadline_ns))
            return -ETIMEDOUT;
    }
}

static int say_timed_out(const struct start *start, pid_t guard_pid)
{
    return mproc_fail(-ETIMEDOUT,
                      "the guard (process %d) has not started '%s' until the deadline; is it stopped?",
                      (int)guard_pid, start->order.name);
}

/* Waits for the answer to this start. Errors: -ETIMEDOUT; -ESTALE: the guard died before the worker could
 * answer, so its entry has not run and never will, and there is a new guard; -EOWNERDEAD: the same, and there
 * is none; -EIO: answers cannot be read any more, and its entry may run. */
static int await_answer(struct start *start, int channel, uint64_t deadline_ns,
                        struct mproc_answer *ret_answer, int *ret_pidfd)
{
    struct mproc_answer answer;
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;

    for (;;) {
        if (!mproc_poll_one(channel, POLLIN, deadline_ns))
            return -ETIMEDOUT;
        ssize_t len = mproc_channel_receive(channel, &answer, sizeof(answer), fds, &nfds);
        if (len == -EAGAIN)
            continue;
        if (len == -EMFILE && answer.kind == MPROC_ANSWER_STARTED) {
            mproc_context_revoke(start->context, answer.id);
            if (answer.id == start->order.id)
                return -EMFILE;
            continue;
        }
        if (len != (ssize_t)sizeof(answer))
            return len == 0 ? -EOWNERDEAD : -EIO;
        int pidfd = nfds > 0 ? fds[0] : -1;
        if (answer.kind != MPROC_ANSWER_HELLO && answer.id == start->order.id) {
            *ret_answer = answer;
            *ret_pidfd = pidfd;
            return 0;
        }
        mproc_context_hear(start->context, &answer, pidfd);
        if (answer.kind == MPROC_ANSWER_HELLO)
            return -ESTALE;
    }
}

static int give_up_waiting(struct start *start, struct mproc_answer *ret_answer, int *ret_pidfd)
{
    pid_t guard_pid = start->context->guard_pid;

    if (mproc_slot_step(start->slot, MPROC_SLOT_STARTING, MPROC_SLOT_CANCELLED)) {
        abandon_slot(start);
        return say_timed_out(start, guard_pid);
    }
    /* It began in this very moment: the answer is on its way. */
    return await_answer(start, start->context->channel, mproc_deadline_ms(1000), ret_answer, ret_pidfd);
}

/* One try with the guard there is. */
static int order_from_guard(struct start *start, struct mproc_answer *ret_answer, int *ret_pidfd)
{
    struct mproc_context *context = start->context;
    int r = mproc_context_refresh(context);

    /* Asked before anything runs: the answer brings the descriptor that the process is held by. */
    if (r == 0 && !mproc_has_room(context->channel))
        r = -EMFILE;
    if (r == 0)
        r = take_slot(start);
    if (r)
        return r;
    r = send_order(start);
    if (r) {
        mproc_slot_end(context->slots, start->slot, NULL);
        abandon_slot(start);
        return r == -EPIPE || r == -ECONNRESET ? -EOWNERDEAD
               : r == -ETIMEDOUT               ? say_timed_out(start, context->guard_pid)
                                               : r;
    }
    r = await_answer(start, context->channel, start->deadline_ns, ret_answer, ret_pidfd);
    if (r == -ETIMEDOUT)
        r = give_up_waiting(start, ret_answer, ret_pidfd);
    if (r == -EIO)
        mproc_context_lose_guard(context);
    if (r == -ESTALE)
        mproc_slot_end(start->context->slots, start->slot, NULL);
    if (r && start->slot) {
        mproc_slot_step(start->slot, MPROC_SLOT_STARTING,
                        r == -EOWNERDEAD ? MPROC_SLOT_LOST : MPROC_SLOT_CANCELLED);
        abandon_slot(start);
    }
    return r;
}

static int start_by_guard(struct start *start, struct mproc_answer *ret_answer, int *ret_pidfd)
{
    enum { TRIES = 10 };
    int r = -ESTALE;

    for (int i = 0; i < TRIES && (r == -ESTALE || r == -EOWNERDEAD); i++) {
        r = order_from_guard(start, ret_answer, ret_pidfd);
        if (r == -EOWNERDEAD && start->context->channel < 0)
            return r; /* refresh has said why there is no guard */
    }
    if (r == -ESTALE || r == -EOWNERDEAD)
        return mproc_fail(-EOWNERDEAD,
                          "no guard took the order to start '%s' in %d tries; is somebody killing them?",
                          start->order.name, TRIES);
    if (r == -EMFILE)
        return mproc_fail(r, "no descriptor is left to hold '%s' by; close some, or raise RLIMIT_NOFILE",
                          start->order.name);
    if (r && r != -ETIMEDOUT && r != -EAGAIN)
        mproc_fail(r, "'%s' could not be ordered from the guard: %s", start->order.name, strerrordesc_np(-r));
    return r;
}

static _Noreturn void run_fork(struct start *start, int answer_fd, pid_t parent)
{
    int keep[MPROC_CHANNEL_FDS];
    size_t nkeep = 0;
    struct mproc_worker worker = {.order = &start->order,
                                  .body = start->body,
                                  .body_fd = -1,
                                  .fds = start->wire.fds,
                                  .nfds = start->wire.nfds,
                                  .entries = start->context->entries,
                                  .nentries = start->context->nentries,
                                  .entry = start->entry,
                                  .slot = start->slot,
                                  .answer_fd = answer_fd,
                                  .slots_fd = -1,
                                  .parent = parent,
                                  .group = start->context->guard_pid};

    keep[nkeep++] = answer_fd;
    for (int i = 0; i < 3; i++) {
        worker.stdio[i] = start->stdio[i];
        if (start->stdio[i] >= 0)
            keep[nkeep++] = start->stdio[i];
    }
    for (unsigned i = 0; i < start->wire.nfds; i++)
        keep[nkeep++] = start->wire.fds[i];
    mproc_close_all_but(keep, nkeep);
    /* If it has ended by now, this may be another's; then mproc_worker_run() ends. */
    int pidfd = mproc_fd_above(pidfd_open(parent, 0));
    worker.owner = (struct mproc_owner){parent, pidfd < 0 ? -errno : pidfd, mproc_process_own_name()};
    mproc_reset_signals();
    mproc_worker_forget_owner();
    mproc_worker_run(&worker);
}

static void kill_fork(pid_t pid)
{
    siginfo_t info;

    kill(pid, SIGKILL); /* our child, unreaped: the pid is its own */
    mproc_reap(P_PID, (id_t)pid, true, &info);
}

static int start_by_fork(struct start *start, struct mproc_answer *ret_answer, int *ret_pidfd)
{
    pid_t self = getpid();
    int ends[2];
    int r;

    if (mproc_has_threads())
        return mproc_fail(
            -EDEADLK,
            "'%s' cannot be forked: this process has threads, and a lock one of them holds now would stay "
            "locked in the child for ever; use MPROC_START_FORKSERVER",
            start->order.name);
    r = take_slot(start);
    if (r)
        return r;
    start->slot->forked = 1;
    if (mproc_socketpair(0, ends)) {
        mproc_slot_end(start->context->slots, start->slot, NULL);
        abandon_slot(start);
        return mproc_fail(-errno, "no socket to hear from '%s': %s", start->order.name,
                          strerrordesc_np(errno));
    }
    fflush(NULL); /* or the child would write it a second time */
    pid_t pid = fork();
    if (pid == 0)
        run_fork(start, ends[1], self);
    r = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (r == 0)
        r = await_answer(start, ends[0], start->deadline_ns, ret_answer, ret_pidfd);
    close(ends[0]);
    if (r == 0 && ret_answer->kind == MPROC_ANSWER_STARTED)
        return 0;
    if (pid > 0)
        kill_fork(pid);
    mproc_slot_end(start->context->slots, start->slot, NULL);
    if (r == 0)
        return 0;
    abandon_slot(start);
    return mproc_fail(r == -EOWNERDEAD ? -ECHILD : r,
                      "'%s' could not be forked, or died before it was set up: %s", start->order.name,
                      strerrordesc_np(r == -EOWNERDEAD ? ECHILD : -r));
}

/* What the answer says becomes a handle or an error. */
static int conclude(struct start *start, const struct mproc_answer *answer, int pidfd,
                    struct mproc_process **ret_process)
{
    const char *name = start->order.name;
    int r;

    if (answer->kind == MPROC_ANSWER_STARTED && pidfd >= 0) {
        r = mproc_process_new(start->context, start->slot, pidfd, name, start->options->background,
                              ret_process);
        if (r == 0)
            return 0;
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    } else if (answer->kind == MPROC_ANSWER_FAILED) {
        r = mproc_fail(answer->err, "'%s' could not be started: %s: %.*s", name,
                       mproc_stage_name((enum mproc_stage)answer->stage), (int)sizeof(answer->detail),
                       answer->detail[0] ? answer->detail : strerrordesc_np(-answer->err));
    } else {
        r = mproc_fail(-ECHILD, "'%s' died before it was set up", name);
    }
    if (pidfd >= 0)
        close(pidfd);
    abandon_slot(start);
    return r;
}

/* One start after the other, each with a deadline of its own. */
static int lock_context(struct start *start)
{
    const struct timespec until = {.tv_sec = (time_t)(start->deadline_ns / 1000000000),
                                   .tv_nsec = (long)(start->deadline_ns % 1000000000)};
    int err = pthread_mutex_clocklock(&start->context->lock, CLOCK_MONOTONIC, &until);

    return err ? mproc_fail(-err, "the start of another process has held up that of '%s' until the deadline",
                            start->order.name)
               : 0;
}

static int start_locked(struct start *start, struct mproc_process **ret_process)
{
    struct mproc_answer answer;
    int pidfd = -1;
    int r = lock_context(start);

    if (r)
        return r;
    r = start->options->method == MPROC_START_FORK ? start_by_fork(start, &answer, &pidfd)
                                                   : start_by_guard(start, &answer, &pidfd);
    if (r == 0)
        r = conclude(start, &answer, pidfd, ret_process);
    pthread_mutex_unlock(&start->context->lock);
    return r;
}

static int begin(struct start *start, const struct mproc_args *args, struct mproc_process **ret_process)
{
    int r = 0;

    if (mproc_stop_level(NULL) != MPROC_RUNNING)
        r = mproc_fail(-ECANCELED, "this thread is stopped: '%s' is not started any more",
                       start->entry->name);
    if (r)
        return r;
    start->deadline_ns =
        start->options->deadline_ns ? start->options->deadline_ns : mproc_deadline_ms(default_start_ms);
    r = prepare(start, args);
    if (r == 0) {
        mproc_hold_signals(&start->order.mask);
        r = start_locked(start, ret_process);
        /* A signal that another thread handled before the handle could be found is passed on here. */
        if (r == 0 && mproc_stop_level(mproc_stop_process()) != MPROC_RUNNING)
            mproc_process_forward(*ret_process, (int)mproc_stop_level(mproc_stop_process()));
        mproc_release_signals(&start->order.mask);
    }
    clean(start);
    return r;
}

int mproc_process_start(struct mproc_context *context, const char *entry, const struct mproc_args *args,
                        const struct mproc_process_options *options, struct mproc_process **ret_process)
{
    static const struct mproc_process_options defaults;
    struct start start = {.context = context, .options = options ? options : &defaults, .body_fd = -1};
    int r = mproc_context_check(context);

    if (r == 0)
        r = mproc_context_find_entry(context, entry, &start.order.entry);
    if (r)
        return r;
    start.entry = &context->entries[start.order.entry];
    return begin(&start, args, ret_process);
}

int mproc_process_start_own(struct mproc_context *context, enum mproc_own_entry entry,
                            const struct mproc_args *args, const struct mproc_process_options *options,
                            struct mproc_process **ret_process)
{
    struct start start = {.context = context, .options = options, .body_fd = -1};
    int r = mproc_context_check(context);

    if (r)
        return r;
    start.entry = mproc_own_entries[entry];
    start.order.entry = context->nentries + (uint32_t)entry;
    return begin(&start, args, ret_process);
}
