#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "channel.h"
#include "guard.h"
#include "system.h"
#include "worker.h"

/* How long a spare lets a guard clean up before it takes a guard that does not for stopped. */
static const uint64_t patience_ms = 50;

static int own_pidfd = -1;

static void spare_run(struct mproc_guard *guard, pid_t guard_pid, int guard_pidfd);

static void note_child(int signo)
{
    (void)signo; /* only ends ppoll() */
}

static void keep_spare(struct mproc_guard *guard)
{
    pid_t self = getpid();

    if (guard->slots->spare_pid > 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        spare_run(guard, self, own_pidfd);
    /* Without a spare the work goes on; the next turn tries again. */
    __atomic_store_n(&guard->slots->spare_pid, pid > 0 ? pid : 0, __ATOMIC_RELEASE);
}

static void tell(const struct mproc_guard *guard, enum mproc_answer_kind kind, uint64_t id, int err)
{
    const struct mproc_answer answer = {.kind = kind,
                                        .generation = guard->generation,
                                        .id = id,
                                        .pid = getpid(),
                                        .stage = MPROC_STAGE_FORK,
                                        .err = err};

    mproc_answer_send(guard->channel, &answer, kind == MPROC_ANSWER_HELLO ? own_pidfd : -1);
}

static void reap_children(struct mproc_guard *guard)
{
    siginfo_t info;

    for (;;) {
        memset(&info, 0, sizeof(info));
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
            return;
        /* Recorded before it is reaped: should we die in between, the owner finds both the record and the
         * zombie. */
        struct mproc_slot *slot = mproc_slots_find(guard->slots, info.si_pid);
        uint64_t id = slot ? slot->id : 0;
        bool answered = slot && __atomic_load_n(&slot->answered, __ATOMIC_ACQUIRE);
        if (slot)
            mproc_slot_end(slot, &info);
        if (info.si_pid == guard->slots->spare_pid)
            __atomic_store_n(&guard->slots->spare_pid, 0, __ATOMIC_RELEASE);
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
        worker->stdio[i] = comes ? fds[at++] : -1;
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

static void start_worker(struct mproc_guard *guard, const struct mproc_order *order,
                         const unsigned char *body, const int *fds, size_t nfds)
{
    struct mproc_worker worker = {.order = order,
                                  .body = body,
                                  .body_fd = -1,
                                  .entry = &guard->entries[order->entry],
                                  .slot = &guard->slots->slots[order->slot],
                                  .answer_fd = guard->channel,
                                  .parent = getpid()};

    if (order->generation != guard->generation)
        return;
    if (mproc_slot_state(worker.slot) != MPROC_SLOT_STARTING) {
        mproc_slot_end(worker.slot, NULL);
        return;
    }
    pid_t pid = lay_out(&worker, fds, nfds) ? fork() : (errno = EBADMSG, -1);
    if (pid == 0) {
        close(guard->owner_pidfd);
        close(own_pidfd);
        mproc_worker_run(&worker);
    }
    if (pid > 0) {
        __atomic_store_n(&worker.slot->pid, pid, __ATOMIC_RELEASE);
        return;
    }
    int err = -errno;
    mproc_slot_end(worker.slot, NULL);
    tell(guard, MPROC_ANSWER_FAILED, order->id, err);
}

/* Returns false at the end of the channel. */
static bool serve(struct mproc_guard *guard)
{
    static _Alignas(
        struct mproc_order) unsigned char buffer[sizeof(struct mproc_order) + MPROC_CHANNEL_BYTES];
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;
    ssize_t len = mproc_channel_receive(guard->channel, buffer, sizeof(buffer), fds, &nfds);
    const struct mproc_order *order = (const struct mproc_order *)buffer;

    if (len == 0)
        return false;
    if (len == -EMFILE) {
        /* The order is whole in the buffer, only its descriptors did not fit under our limit. */
        mproc_slot_end(&guard->slots->slots[order->slot], NULL);
        tell(guard, MPROC_ANSWER_FAILED, order->id, -EMFILE);
    }
    if (len >= (ssize_t)sizeof(*order))
        start_worker(guard, order, buffer + sizeof(*order), fds, nfds);
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    return true;
}

/* Only while it is our child and unreaped is the number still its own; and a /proc of another PID namespace
 * lies. */
static void kill_child(pid_t pid)
{
    siginfo_t info;

    if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        kill(pid, SIGKILL);
}

static void kill_children(struct mproc_guard *guard)
{
    uint32_t used = __atomic_load_n(&guard->slots->used, __ATOMIC_ACQUIRE);
    FILE *list = fopen("/proc/thread-self/children", "re");
    int pid;

    while (list && fscanf(list, "%d", &pid) == 1)
        kill_child(pid);
    if (list)
        fclose(list);
    for (uint32_t i = 0; i < used && i < MPROC_PROCESSES_MAX; i++) {
        if (!guard->slots->slots[i].forked)
            kill_child(guard->slots->slots[i].pid);
    }
    kill_child(guard->slots->spare_pid);
}

/* As a child dies, its own children become ours: round by round until nobody is left. */
static _Noreturn void end_all(struct mproc_guard *guard, bool orderly)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    uint64_t until_ns = mproc_deadline_ms(1000);
    siginfo_t info;
    sigset_t none;
    int r;

    sigemptyset(&none);
    for (;;) {
        kill_children(guard);
        while ((r = mproc_reap(P_ALL, 0, false, &info)) > 0) {
            struct mproc_slot *slot = mproc_slots_find(guard->slots, info.si_pid);
            if (slot)
                mproc_slot_end(slot, &info);
        }
        if (r < 0 || mproc_clock_ns() >= until_ns)
            break;
        ppoll(NULL, 0, &pause, &none);
    }
    /* Last, those of our group who are not our children: the owner forked them itself, or /proc hid them. */
    if ((!orderly || r == 0) && getpgrp() == getpid())
        kill(0, SIGKILL);
    _exit(0);
}

static _Noreturn void guard_loop(struct mproc_guard *guard)
{
    struct pollfd items[] = {{.fd = guard->channel, .events = POLLIN},
                             {.fd = guard->owner_pidfd, .events = POLLIN}};
    const struct timespec retry = {.tv_nsec = 100000000};
    sigset_t none;

    sigemptyset(&none);
    for (;;) {
        reap_children(guard);
        keep_spare(guard);
        items[0].revents = items[1].revents = 0;
        if (ppoll(items, 2, guard->slots->spare_pid > 0 ? NULL : &retry, &none) <= 0)
            continue;
        if (items[1].revents)
            end_all(guard, false);
        if (items[0].revents && !serve(guard))
            end_all(guard, true);
    }
}

static void become_guard(struct mproc_guard *guard)
{
    setpgid(0, 0);
    prctl(PR_SET_NAME, "mproc-guard");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    __atomic_store_n(&guard->slots->guard_pid, getpid(), __ATOMIC_RELEASE);
    own_pidfd = pidfd_open(getpid(), 0);
    if (own_pidfd < 0)
        _exit(1);
}

/* Takes over when the guard dies. Sees to it that a guard that cannot end (it is stopped) does not outlive
 * the owner. */
static void spare_run(struct mproc_guard *guard, pid_t guard_pid, int guard_pidfd)
{
    struct pollfd items[] = {{.fd = guard_pidfd, .events = POLLIN},
                             {.fd = guard->owner_pidfd, .events = POLLIN}};

    setpgid(0, 0);
    prctl(PR_SET_NAME, "mproc-spare");
    while (poll(items, 2, -1) <= 0)
        ;
    if (items[1].revents) {
        if (!mproc_poll_one(guard_pidfd, mproc_deadline_ms(patience_ms)))
            pidfd_send_signal(guard_pidfd, SIGKILL, NULL, 0);
        kill(-guard_pid, SIGKILL);
        _exit(0);
    }
    /* The workers have their SIGKILL from the kernel; this reaches what they forked. */
    kill(-guard_pid, SIGKILL);
    close(guard_pidfd);
    guard->slots->spare_pid = 0;
    mproc_slots_lose(guard->slots, guard->generation);
    guard->generation++;
    become_guard(guard);
    keep_spare(guard);
    tell(guard, MPROC_ANSWER_HELLO, 0, 0);
    guard_loop(guard);
}

_Noreturn void mproc_guard_run(struct mproc_guard *guard)
{
    int keep[] = {guard->channel, guard->owner_pidfd};

    mproc_reset_signals();
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = note_child, .sa_flags = SA_NOCLDSTOP}, NULL);
    for (int fd = 0; fd < 3; fd++)
        mproc_open_null(fd);
    mproc_close_all_but(keep, 2);
    become_guard(guard);
    guard_loop(guard);
}
