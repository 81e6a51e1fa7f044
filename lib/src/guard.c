#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "channel.h"
#include "guard.h"
#include "log_internal.h"
#include "system.h"
#include "worker.h"

uint64_t mproc_drain_ms = 50;
/* How long beyond that a keeper lets the guard clean up before it takes a guard that does not for stopped. */
static const uint64_t patience_ms = 25;
/* What the kernel cannot kill in this time, beyond that too, is given up. */
static const uint64_t clear_ms = 950;

static _Noreturn void keeper_loop(struct mproc_guard *guard);

enum { ORDER_BYTES = sizeof(struct mproc_order) + MPROC_CHANNEL_BYTES };

/* A child may have ended since the guard has looked. */
static volatile sig_atomic_t is_child_due = 1;

static void note_child(int signo)
{
    (void)signo;
    is_child_due = 1;
}

static int send_answer(const struct mproc_guard *guard, enum mproc_answer_kind kind, uint64_t id, int err)
{
    const struct mproc_answer answer = {.kind = kind,
                                        .generation = guard->generation,
                                        .id = id,
                                        .pid = guard->guard_pid,
                                        .keeper = guard->keeper_pid,
                                        .stage = MPROC_STAGE_FORK,
                                        .err = err};

    return mproc_answer_send(guard->channel, &answer, kind == MPROC_ANSWER_HELLO ? guard->keeper_pidfd : -1);
}

/* In the guard. The owner waits for this: when it cannot be told it shall see us die instead, which the
 * keeper tells it or, if that cannot either, the end of the channel. */
static void tell(const struct mproc_guard *guard, enum mproc_answer_kind kind, uint64_t id, int err)
{
    if (send_answer(guard, kind, id, err))
        kill(getpid(), SIGKILL);
}

static void reap_children(struct mproc_guard *guard)
{
    siginfo_t info;

    is_child_due = 0;
    while (mproc_peek_end(P_ALL, 0, &info) > 0) {
        /* Recorded before it is reaped: should we die in between, the owner finds both the record and the
         * zombie. */
        struct mproc_slot *slot = mproc_slots_find(guard->slots, info.si_pid);
        uint64_t id = slot ? slot->id : 0;
        bool answered = slot && __atomic_load_n(&slot->answered, __ATOMIC_ACQUIRE);
        if (slot)
            mproc_slot_end(guard->slots, slot, &info);
        mproc_reap(P_PID, (id_t)info.si_pid, true, &info);
        if (slot && !answered)
            tell(guard, MPROC_ANSWER_DEAD, id, 0);
    }
}

/* What descriptors came along becomes what the worker expects. False: the message contradicts itself. */
static bool lay_out(struct mproc_worker *worker, const int *fds, size_t nfds)
{
    uint32_t flags = worker->order->flags;
    size_t at = 0;

    for (int i = 0; i < 3; i++) {
        bool comes = flags & (uint32_t)(MPROC_ORDER_STDIO << i);
        if (comes && at == nfds)
            return false;
        worker->stdio[i] = comes ? fds[at++] : i; /* which is /dev/null */
    }
    if (flags & MPROC_ORDER_BODY_FD) {
        if (at == nfds)
            return false;
        worker->body_fd = fds[at++];
        worker->body = NULL;
    }
    worker->fds = fds + at;
    worker->nfds = (unsigned)(nfds - at);
    return true;
}

static const struct mproc_entry *find_entry(const struct mproc_guard *guard, uint32_t index)
{
    if (index < guard->nentries)
        return &guard->entries[index];
    index -= guard->nentries;
    return index < MPROC_OWN__COUNT ? mproc_own_entries[index] : NULL;
}

/* Only while it is our child and unreaped is the number still its own; and a /proc of another PID namespace
 * lies. */
static void kill_child(pid_t pid)
{
    siginfo_t info;

    if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        kill(pid, SIGKILL);
}

static void end_worker(struct mproc_guard *guard, uint64_t id)
{
    for (uint32_t i = 0; i < MPROC_PROCESSES_MAX; i++) {
        const struct mproc_slot *slot = &guard->slots->slots[i];
        if (slot->id == id && !slot->forked)
            kill_child(slot->pid);
    }
}

static void start_worker(struct mproc_guard *guard, const struct mproc_order *order,
                         const unsigned char *body, const int *fds, size_t nfds)
{
    struct mproc_worker worker = {.order = order,
                                  .body = body,
                                  .body_fd = -1,
                                  .entries = guard->entries,
                                  .nentries = guard->nentries,
                                  .entry = find_entry(guard, order->entry),
                                  .slot = &guard->slots->slots[order->slot],
                                  .answer_fd = guard->channel,
                                  .slots_fd = guard->slots_fd,
                                  .parent = getpid(),
                                  .owner = {guard->owner_pid, guard->owner_pidfd, mproc_process_own_name()}};

    if (order->generation != guard->generation)
        return;
    if (order->flags & MPROC_ORDER_REVOKE) {
        end_worker(guard, order->id);
        return;
    }
    if (mproc_slot_state(worker.slot) != MPROC_SLOT_STARTING) {
        mproc_slot_end(guard->slots, worker.slot, NULL);
        return;
    }
    pid_t pid = worker.entry && lay_out(&worker, fds, nfds) ? fork() : (errno = EBADMSG, -1);
    if (pid == 0) {
        close(guard->keeper_pidfd);
        signal(SIGCHLD, SIG_DFL);
        mproc_worker_run(&worker);
    }
    if (pid > 0) {
        worker.slot->drains = worker.entry == &mproc_log_entry;
        __atomic_store_n(&worker.slot->pid, pid, __ATOMIC_RELEASE);
        return;
    }
    int err = -errno;
    mproc_slot_end(guard->slots, worker.slot, NULL);
    tell(guard, MPROC_ANSWER_FAILED, order->id, err);
}

/* Returns false at the end of the channel, or when it cannot be read any more. */
static bool serve(struct mproc_guard *guard)
{
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;
    ssize_t len = mproc_channel_receive(guard->channel, guard->buffer, ORDER_BYTES, fds, &nfds);
    const struct mproc_order *order = (const struct mproc_order *)guard->buffer;

    if (len == 0 || (len < 0 && len != -EAGAIN && len != -EMFILE))
        return false;
    if (len == -EMFILE) {
        /* The order is whole in the buffer, only its descriptors did not fit under our limit. */
        mproc_slot_end(guard->slots, &guard->slots->slots[order->slot], NULL);
        tell(guard, MPROC_ANSWER_FAILED, order->id, -EMFILE);
    }
    if (len >= (ssize_t)sizeof(*order))
        start_worker(guard, order, guard->buffer + sizeof(*order), fds, nfds);
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    return true;
}

/* All, or all but the listeners of logs. */
static void kill_children(struct mproc_guard *guard, bool spares_listeners)
{
    uint32_t used = __atomic_load_n(&guard->slots->used, __ATOMIC_ACQUIRE);
    FILE *list = fopen("/proc/thread-self/children", "re");
    int pid;

    while (list && fscanf(list, "%d", &pid) == 1) {
        const struct mproc_slot *slot = spares_listeners ? mproc_slots_find(guard->slots, pid) : NULL;
        if (!slot || !slot->drains)
            kill_child(pid);
    }
    if (list)
        fclose(list);
    for (uint32_t i = 0; i < used && i < MPROC_PROCESSES_MAX; i++) {
        const struct mproc_slot *slot = &guard->slots->slots[i];
        if (!slot->forked && !(spares_listeners && slot->drains))
            kill_child(slot->pid);
    }
    kill_child(guard->guard_pid);
}

static bool has_listener(const struct mproc_guard *guard)
{
    uint32_t used = __atomic_load_n(&guard->slots->used, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < used && i < MPROC_PROCESSES_MAX; i++) {
        const struct mproc_slot *slot = &guard->slots->slots[i];
        if (slot->drains && mproc_slot_state(slot) == MPROC_SLOT_RUNNING)
            return true;
    }
    return false;
}

/* While guard and keeper wait they hear of their children only. Who asks all processes of a service to end
 * means the owner, which needs them for that; they end with it. */
static sigset_t held_signals(void)
{
    sigset_t held;

    pthread_sigmask(SIG_BLOCK, NULL, &held);
    sigdelset(&held, SIGCHLD);
    return held;
}

/* Kills everybody below. As a child dies, its own children become ours: round by round until nobody is left.
 * Where the owner has gone, the listeners of logs come last. Returns false when the kernel could not. */
static bool clear(struct mproc_guard *guard, bool guard_died)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    uint64_t until_ns = mproc_deadline_ms(mproc_drain_ms + clear_ms);
    uint64_t drained_ns = mproc_deadline_ms(mproc_drain_ms);
    const sigset_t held = held_signals();
    siginfo_t info;
    int r;

    for (;;) {
        kill_children(guard, !guard_died && mproc_clock_ns() < drained_ns && has_listener(guard));
        while ((r = mproc_reap(P_ALL, 0, false, &info)) > 0) {
            struct mproc_slot *slot = mproc_slots_find(guard->slots, info.si_pid);
            if (!slot)
                continue;
            slot->guard_died = guard_died;
            mproc_slot_end(guard->slots, slot, &info);
        }
        if (r < 0 || mproc_clock_ns() >= until_ns)
            return r < 0;
        ppoll(NULL, 0, &pause, &held);
    }
}

/* Everybody below is gone: starts that were under way will never happen. */
static void next_generation(struct mproc_guard *guard)
{
    bool cleared = clear(guard, true);

    mproc_slots_lose(guard->slots, guard->generation, cleared);
    guard->generation++;
}

static _Noreturn void end_with_owner(struct mproc_guard *guard)
{
    clear(guard, false);
    pidfd_send_signal(guard->keeper_pidfd, SIGKILL, NULL, 0);
    /* Last, those of our group who are not our children: the owner forked them itself. */
    if (getpgrp() == getpid())
        kill(0, SIGKILL);
    _exit(0);
}

static _Noreturn void guard_loop(struct mproc_guard *guard)
{
    struct pollfd items[] = {{.fd = guard->channel, .events = POLLIN},
                             {.fd = guard->owner_pidfd, .events = POLLIN},
                             {.fd = guard->keeper_pidfd, .events = POLLIN}};
    const sigset_t held = held_signals();

    for (;;) {
        if (is_child_due)
            reap_children(guard);
        items[0].revents = items[1].revents = items[2].revents = 0;
        if (ppoll(items, 3, NULL, &held) <= 0)
            continue;
        if (items[1].revents)
            end_with_owner(guard);
        if (items[2].revents) {
            /* Whoever is below us was below the keeper: we take its place, and another takes ours. */
            close(guard->keeper_pidfd);
            next_generation(guard);
            keeper_loop(guard);
        }
        if (items[0].revents && !serve(guard)) {
            clear(guard, false);
            _exit(0);
        }
    }
}

/* Returns whether there is a guard. */
static bool fork_guard(struct mproc_guard *guard)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    struct pollfd items[] = {{.fd = guard->owner_pidfd, .events = POLLIN}, {.fd = guard->channel}};
    pid_t pid;

    /* Short of processes or memory for the moment. Who opens a context is told; who has one is served again
     * as soon as that is possible, unless it goes away or hangs up. */
    while ((pid = fork()) < 0) {
        if (!guard->was_there || ppoll(items, 2, &pause, NULL) > 0)
            return false;
    }
    guard->was_there = true;
    guard->guard_pid = pid > 0 ? pid : getpid();
    setpgid(guard->guard_pid, guard->guard_pid);
    if (pid == 0) {
        prctl(PR_SET_NAME, "mproc-guard");
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        guard_loop(guard);
    }
    return true;
}

/* Until the guard ends. Returns true when it has to be replaced. */
static bool watch_guard(struct mproc_guard *guard)
{
    const uint64_t patient_ms = mproc_drain_ms + patience_ms;
    const struct timespec slice = {.tv_sec = (time_t)(patient_ms / 1000),
                                   .tv_nsec = (long)(patient_ms % 1000) * 1000000};
    struct pollfd item = {.fd = guard->owner_pidfd, .events = POLLIN};
    uint64_t patient_until_ns = 0;
    const sigset_t held = held_signals();
    siginfo_t info;

    for (;;) {
        if (mproc_peek_end(P_PID, (id_t)guard->guard_pid, &info))
            break;
        if (patient_until_ns && mproc_clock_ns() >= patient_until_ns)
            kill(guard->guard_pid, SIGKILL); /* stopped, as it seems: our child, unreaped */
        item.fd = patient_until_ns ? -1 : guard->owner_pidfd;
        if (ppoll(&item, 1, patient_until_ns ? &slice : NULL, &held) > 0)
            patient_until_ns = mproc_deadline_ms(patient_ms);
    }
    /* Before it is reaped the number is its own; this reaches those of its group who are not below us. */
    if (info.si_code != CLD_EXITED)
        kill(-guard->guard_pid, SIGKILL);
    return info.si_code != CLD_EXITED && !patient_until_ns &&
           !mproc_poll_one(guard->owner_pidfd, POLLIN, MPROC_NOW);
}

/* Above the guard: what a dying guard leaves comes to us. We kill and reap it, and fork another guard. */
static _Noreturn void keeper_loop(struct mproc_guard *guard)
{
    guard->guard_pid = 0;
    guard->keeper_pid = getpid();
    guard->keeper_pidfd = pidfd_open(getpid(), 0);
    if (guard->keeper_pidfd < 0)
        _exit(1);
    prctl(PR_SET_NAME, "mproc-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    while (fork_guard(guard) && send_answer(guard, MPROC_ANSWER_HELLO, 0, 0) == 0 && watch_guard(guard))
        next_generation(guard);
    clear(guard, false);
    _exit(0);
}

_Noreturn void mproc_guard_run(struct mproc_guard *guard)
{
    int keep[] = {guard->channel, guard->owner_pidfd, guard->slots_fd};

    setpgid(0, 0);
    mproc_reset_signals();
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = note_child, .sa_flags = SA_NOCLDSTOP}, NULL);
    for (int fd = 0; fd < 3; fd++)
        mproc_open_null(fd);
    mproc_close_all_but(keep, guard->slots_fd < 0 ? 2 : 3);
    mproc_worker_forget_owner();
    /* In pages of its own: what each worker writes to of the library's variables is close together. */
    guard->buffer = mmap(NULL, ORDER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard->buffer == MAP_FAILED)
        _exit(1);
    keeper_loop(guard);
}
