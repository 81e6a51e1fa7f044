#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/stop.h>

#include "descriptor.h"
#include "error_internal.h"
#include "guard.h"
#include "process_internal.h"
#include "spawn.h"
#include "stop_internal.h"
#include "system.h"

static const uint64_t hello_ms = 10000;
static const uint64_t dismiss_ms = 1500;

/* One per process: shutdown signals and the subreaper are the process' too. */
static struct mproc_context *_Atomic current_context;

struct mproc_context *mproc_context_current(void)
{
    return atomic_load(&current_context);
}

void mproc_context_forget(void)
{
    /* The memory stays: the owner's handles, inherited by fork, may point into it. */
    atomic_store(&current_context, NULL);
}

int mproc_context_check_owner(const struct mproc_context *context)
{
    if (context->owner == getpid())
        return 0;
    return mproc_fail(-EPERM,
                      "the context belongs to process %d, of which this is a fork; open one of its own",
                      (int)context->owner);
}

/* What this process has of the context of its parent are copies, and closing them tells nobody anything. The
 * memory stays, as above. */
static void leave_inherited(struct mproc_context *context)
{
    int *fds[] = {&context->channel, &context->keeper_pidfd, &context->slots_fd};

    /* Who has the lock is a thread of the parent, and in the middle of something: then they stay open. */
    if (pthread_mutex_trylock(&context->lock) == 0) {
        for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
            if (*fds[i] >= 0)
                close(*fds[i]);
            *fds[i] = -1;
        }
        for (uint32_t i = 0; i < context->slots->used; i++) {
            if (!context->handles[i])
                continue;
            close(context->handles[i]->pidfd);
            context->handles[i]->pidfd = -1;
        }
        pthread_mutex_unlock(&context->lock);
    }
    mproc_context_forget();
}

static void bury_keeper(struct mproc_context *context)
{
    siginfo_t info;

    if (context->keeper_pidfd < 0)
        return;
    mproc_reap(P_PIDFD, (id_t)context->keeper_pidfd, true, &info);
    close(context->keeper_pidfd);
    context->keeper_pid = 0;
    context->keeper_pidfd = -1;
}

/* There is a guard. Its keeper may be another than before: the guard of one that died takes its place. */
static void meet_guard(struct mproc_context *context, const struct mproc_answer *hello, int keeper_pidfd)
{
    if (hello->keeper != context->keeper_pid) {
        bury_keeper(context);
        context->keeper_pid = hello->keeper;
        context->keeper_pidfd = keeper_pidfd;
    } else {
        close(keeper_pidfd);
    }
    context->guard_pid = hello->pid;
    context->generation = hello->generation;
}

int mproc_context_check(const struct mproc_context *context)
{
    int r = mproc_handle_check(context, "context");

    return r ? r : mproc_context_check_owner(context);
}

/* The first words of a new keeper: then there is a guard. */
static int await_hello(struct mproc_context *context)
{
    struct mproc_answer answer;
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;

    if (mproc_poll_one(context->channel, POLLIN, mproc_deadline_ms(hello_ms)) &&
        mproc_channel_receive(context->channel, &answer, sizeof(answer), fds, &nfds) ==
            (ssize_t)sizeof(answer) &&
        nfds == 1) {
        meet_guard(context, &answer, fds[0]);
        return 0;
    }
    mproc_context_lose_guard(context);
    return mproc_fail(-EAGAIN, "the guard did not start; is a limit of processes or memory reached?");
}

static int launch_guard(struct mproc_context *context)
{
    struct mproc_guard guard = {.owner_pid = context->owner,
                                .generation = context->generation,
                                .slots = context->slots,
                                .slots_fd = context->slots_fd,
                                .entries = context->entries,
                                .nentries = context->nentries};
    sigset_t before;
    int ends[2];

    if (mproc_socketpair(0, ends))
        return mproc_fail(-errno, "no socket for the guard: %s", strerrordesc_np(errno));
    int self = mproc_fd_above(pidfd_open(getpid(), 0));
    /* What stdio holds now would else be written by the guard's workers once more. */
    fflush(NULL);
    mproc_hold_signals(&before);
    pid_t pid = self < 0 ? -1 : fork();
    if (pid == 0) {
        guard.channel = ends[1];
        guard.owner_pidfd = self;
        mproc_guard_run(&guard);
    }
    int err = -errno;
    mproc_release_signals(&before);
    int pidfd = pid > 0 ? mproc_fd_above(pidfd_open(pid, 0)) : -1;
    close(ends[1]);
    if (self >= 0)
        close(self);
    /* A guard that is stopped takes no orders: then a start has its deadline. */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (pidfd < 0) {
        siginfo_t info;
        err = pid > 0 ? -errno : err;
        close(ends[0]); /* which ends the guard, should there be one */
        if (pid > 0)
            mproc_reap(P_PID, (id_t)pid, true, &info);
        return mproc_fail(err, "the guard could not be started: %s", strerrordesc_np(-err));
    }
    context->channel = ends[0];
    context->keeper_pid = pid;
    context->keeper_pidfd = pidfd;
    return await_hello(context);
}

static int count_entries(const struct mproc_entry *entries, uint32_t *ret_count)
{
    uint32_t count = 0;

    for (; entries && entries[count].name; count++) {
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(entries[i].name, entries[count].name) == 0)
                return mproc_fail(-EINVAL, "two entries are named '%s'", entries[i].name);
        }
        if (!entries[count].run)
            return mproc_fail(-EINVAL, "entry '%s' has no function", entries[count].name);
    }
    if (count == 0)
        return mproc_fail(-EINVAL, "a context needs at least one entry that a process can run");
    *ret_count = count;
    return 0;
}

enum { TABLES_BYTES = MPROC_PROCESSES_MAX * (sizeof(struct mproc_process *) + sizeof(_Atomic int)) };

static int map_tables(struct mproc_context *context)
{
    void *map = mmap(NULL, TABLES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return mproc_fail(-ENOMEM, "no memory for a table of %d processes", MPROC_PROCESSES_MAX);
    context->handles = map;
    context->pidfds = (_Atomic int *)(context->handles + MPROC_PROCESSES_MAX);
    return 0;
}

static void unmap_tables(struct mproc_context *context)
{
    if (context->handles)
        munmap(context->handles, TABLES_BYTES);
}

static int make_context(const struct mproc_context_options *options, struct mproc_context **ret_context)
{
    struct mproc_context *context = calloc(1, sizeof(*context));
    int r;

    if (!context)
        return mproc_fail(-ENOMEM, "no memory for a context");
    *context = (struct mproc_context){
        .owner = getpid(), .entries = options->entries, .channel = -1, .keeper_pidfd = -1, .generation = 1};
    atomic_init(&context->grip.refs, 1);
    atomic_init(&context->refs, 1);
    pthread_mutex_init(&context->lock, NULL);
    r = map_tables(context);
    if (r == 0)
        r = mproc_slots_map(&context->slots, &context->slots_fd);
    if (r) {
        unmap_tables(context);
        free(context);
        return r;
    }
    *ret_context = context;
    return 0;
}

/* A process that was started by running the program anew goes no further than here. */
static void go_on_where_spawned(const struct mproc_entry *entries, uint32_t nentries)
{
    struct mproc_worker worker;
    int r = mproc_spawn_take_up(entries, nentries, &worker);

    if (r < 0)
        mproc_worker_refuse(&worker, r);
    if (r > 0)
        mproc_worker_go_on(&worker);
}

int mproc_context_open(const struct mproc_context_options *options, struct mproc_context **ret_context)
{
    struct mproc_context *context = NULL;
    uint32_t nentries = 0;

    struct mproc_context *inherited = mproc_context_current();
    if (inherited && inherited->owner == getpid())
        return mproc_fail(-EBUSY, "this process has an open context already; use that one");
    int r = count_entries(options ? options->entries : NULL, &nentries);
    if (r)
        return r;
    go_on_where_spawned(options->entries, nentries);
    if (mproc_has_threads())
        return mproc_fail(
            -EDEADLK, "the process has threads, whose locks a fork would inherit for ever locked; open the "
                      "context early in main(), before the first thread");
    if (inherited)
        leave_inherited(inherited);
    r = make_context(options, &context);
    if (r)
        return r;
    context->nentries = nentries;
    prctl(PR_GET_CHILD_SUBREAPER, &context->was_subreaper);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = launch_guard(context);
    if (r == 0)
        atomic_store(&current_context, context);
    else
        prctl(PR_SET_CHILD_SUBREAPER, context->was_subreaper);
    if (r) {
        mproc_context_unref(context);
        return r;
    }
    *ret_context = context;
    return 0;
}

void mproc_context_unref(struct mproc_context *context)
{
    if (atomic_fetch_sub(&context->refs, 1) > 1)
        return;
    mproc_slots_unmap(context->slots);
    unmap_tables(context);
    if (context->slots_fd >= 0)
        close(context->slots_fd);
    pthread_mutex_destroy(&context->lock);
    atomic_store(&context->grip.refs, 0);
    mproc_handle_bury(context);
}

void mproc_context_hear(struct mproc_context *context, const struct mproc_answer *answer, int pidfd)
{
    if (answer->kind == MPROC_ANSWER_HELLO && pidfd >= 0) {
        meet_guard(context, answer, pidfd);
        context->restarts++;
        return;
    }
    /* Its start was given up, so nobody will ever have a handle for it. */
    if (answer->kind == MPROC_ANSWER_STARTED && pidfd >= 0)
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (pidfd >= 0)
        close(pidfd);
}

void mproc_context_revoke(struct mproc_context *context, uint64_t id)
{
    struct mproc_order order = {.id = id, .generation = context->generation, .flags = MPROC_ORDER_REVOKE};
    const struct iovec part = {&order, sizeof(order)};

    mproc_channel_send(context->channel, &part, 1, NULL, 0);
}

void mproc_context_lose_guard(struct mproc_context *context)
{
    siginfo_t info;

    shutdown(context->channel, SHUT_RDWR);
    close(context->channel);
    context->channel = -1;
    /* One that does not end is stopped, or waits for a process that the kernel cannot end. */
    if (context->keeper_pidfd >= 0 &&
        !mproc_poll_one(context->keeper_pidfd, POLLIN, mproc_deadline_ms(dismiss_ms)))
        pidfd_send_signal(context->keeper_pidfd, SIGKILL, NULL, 0);
    bury_keeper(context);
    /* Its group may have members left; those among them who are our children by now are reaped by its number.
     */
    if (context->guard_pid > 0) {
        kill(-context->guard_pid, SIGKILL);
        mproc_reap(P_PID, (id_t)context->guard_pid, false, &info);
        if (context->ngroups < MPROC_GROUPS)
            context->groups[context->ngroups++] =
                (struct mproc_group){context->guard_pid, context->generation};
    }
    context->guard_pid = 0;
    mproc_slots_lose(context->slots, context->generation, false);
}

static void listen_to_guard(struct mproc_context *context)
{
    struct mproc_answer answer;
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;

    /* Without room for its descriptor the greeting of another guard would be lost: it is left for later. */
    while (context->channel >= 0 && mproc_poll_one(context->channel, POLLIN, MPROC_NOW) &&
           mproc_has_room(context->channel)) {
        ssize_t len = mproc_channel_receive(context->channel, &answer, sizeof(answer), fds, &nfds);
        if (len == -EAGAIN)
            return;
        if (len == -EMFILE && answer.kind == MPROC_ANSWER_STARTED)
            mproc_context_revoke(context, answer.id);
        else if (len == (ssize_t)sizeof(answer))
            mproc_context_hear(context, &answer, nfds > 0 ? fds[0] : -1);
        else
            mproc_context_lose_guard(context);
    }
}

void mproc_context_settle(struct mproc_context *context, struct mproc_slot *slot)
{
    struct mproc_process *process = context->handles[slot - context->slots->slots];
    siginfo_t info;

    enum mproc_slot_state state = mproc_slot_state(slot);

    if (!process || !(state == MPROC_SLOT_LOST || (slot->forked && state == MPROC_SLOT_RUNNING)))
        return;
    int r = mproc_reap(P_PIDFD, (id_t)process->pidfd, false, &info);
    /* Another part of the program may have reaped it. */
    if (r == -ECHILD && mproc_poll_one(process->pidfd, POLLIN, MPROC_NOW))
        mproc_slot_end(context->slots, slot, mproc_pidfd_end(process->pidfd, &info) ? &info : NULL);
    else if (r > 0)
        mproc_slot_end(context->slots, slot, &info);
}

/* Nobody of the group is left: what is still lost was never started, or has been reaped elsewhere. */
static void settle_generation(struct mproc_context *context, uint32_t generation)
{
    for (uint32_t i = 0; i < context->slots->used; i++) {
        struct mproc_slot *slot = &context->slots->slots[i];
        if (mproc_slot_state(slot) != MPROC_SLOT_LOST || slot->generation != generation)
            continue;
        mproc_context_settle(context, slot);
        if (!context->handles[i])
            mproc_slot_end(context->slots, slot, NULL);
    }
}

static void reap_groups(struct mproc_context *context)
{
    for (unsigned i = 0; i < context->ngroups;) {
        struct mproc_group *group = &context->groups[i];
        siginfo_t info;
        int r;
        while ((r = mproc_reap(P_PGID, (id_t)group->id, false, &info)) > 0) {
            struct mproc_slot *slot = mproc_slots_find(context->slots, info.si_pid);
            if (slot)
                mproc_slot_end(context->slots, slot, &info);
        }
        if (r == 0) {
            i++;
            continue;
        }
        settle_generation(context, group->generation);
        *group = context->groups[--context->ngroups];
    }
}

int mproc_context_refresh(struct mproc_context *context)
{
    listen_to_guard(context);
    reap_groups(context);
    mproc_process_sweep(context);
    if (context->channel >= 0)
        return 0;
    if (mproc_has_threads())
        return mproc_fail(
            -EOWNERDEAD,
            "the guard and its keeper were both killed, and a new one cannot be forked while this "
            "process has threads");
    context->generation++;
    context->restarts++;
    return launch_guard(context);
}

void mproc_context_lock(struct mproc_context *context, sigset_t *ret_mask)
{
    mproc_hold_signals(ret_mask);
    pthread_mutex_lock(&context->lock);
}

void mproc_context_unlock(struct mproc_context *context, const sigset_t *mask)
{
    pthread_mutex_unlock(&context->lock);
    mproc_release_signals(mask);
}

int mproc_context_get_info(struct mproc_context *context, struct mproc_context_info *ret_info)
{
    int r = mproc_context_check(context);
    sigset_t mask;

    if (r)
        return r;
    mproc_context_lock(context, &mask);
    mproc_context_refresh(context);
    *ret_info = (struct mproc_context_info){
        .guard_pid = context->guard_pid, .keeper_pid = context->keeper_pid, .restarts = context->restarts};
    mproc_context_unlock(context, &mask);
    ret_info->running = (uint32_t)mproc_process_active(context, NULL, 0);
    return 0;
}

size_t mproc_context_get_guards(pid_t ret_pids[MPROC_GUARDS])
{
    struct mproc_context *context = mproc_context_current();
    size_t count = 0;
    sigset_t mask;

    if (!context || context->owner != getpid())
        return 0;
    mproc_context_lock(context, &mask);
    listen_to_guard(context);
    if (context->keeper_pid > 0)
        ret_pids[count++] = context->keeper_pid;
    if (context->guard_pid > 0)
        ret_pids[count++] = context->guard_pid;
    mproc_context_unlock(context, &mask);
    return count;
}

/* Ends the guard and with it everything below; then the owner is as it was. */
static void dismiss_guard(struct mproc_context *context)
{
    sigset_t mask;

    mproc_context_lock(context, &mask);
    listen_to_guard(context);
    if (context->channel >= 0)
        mproc_context_lose_guard(context);
    reap_groups(context);
    mproc_process_conclude(context);
    prctl(PR_SET_CHILD_SUBREAPER, context->was_subreaper);
    mproc_context_unlock(context, &mask);
}

int mproc_context_close(struct mproc_context *context, uint64_t deadline_ns)
{
    if (!context)
        return 0;
    int r = mproc_context_check(context);
    if (r)
        return r;
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    r = mproc_process_end_all(context, deadline_ns);
    mproc_stop_enter(before);
    mproc_handle_unref(context);
    atomic_store(&current_context, NULL);
    mproc_context_quiesce();
    dismiss_guard(context);
    mproc_context_unref(context);
    return r;
}
