#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/process.h>

#include "error_internal.h"
#include "process_internal.h"
#include "stop_internal.h"
#include "system.h"
#include "wait.h"

/* A lost or forked process wakes nobody's word when it ends: then the pidfd is polled, and the stop looked at
 * this often. */
static const uint64_t poll_slice_ms = 10;
/* How often who waits makes sure that there is a guard that could wake it. */
static const uint64_t guard_slice_ms = 250;
/* Between a process' end, which its pidfd shows, and the guard's record of it. */
static const uint64_t record_ms = 500;

static _Atomic unsigned forwarders;

static size_t index_of(const struct mproc_process *process)
{
    return (size_t)(process->slot - process->context->slots->slots);
}

int mproc_process_new(struct mproc_context *context, struct mproc_slot *slot, int pidfd, const char *name,
                      bool background, struct mproc_process **ret_process)
{
    struct mproc_process *process = calloc(1, sizeof(*process));

    if (!process)
        return mproc_fail(-ENOMEM, "no memory for the handle of '%s'", name);
    process->context = context;
    process->slot = slot;
    process->pid = slot->pid;
    process->pidfd = pidfd;
    process->background = background;
    snprintf(process->name, sizeof(process->name), "%s", name);
    atomic_init(&process->grip.refs, 2);
    atomic_fetch_add(&context->refs, 1);
    context->handles[index_of(process)] = process;
    atomic_store(&context->pidfds[index_of(process)], pidfd + 1);
    *ret_process = process;
    return 0;
}

struct mproc_process *mproc_process_ref(struct mproc_process *process)
{
    mproc_handle_ref(process);
    return process;
}

/* The last reference is the context's own. */
static int check_held(const struct mproc_process *process)
{
    return process && atomic_load(&process->grip.refs) > 1 ? 0 : mproc_handle_refuse(process, "process");
}

static int check(const struct mproc_process *process)
{
    int r = check_held(process);

    return r ? r : mproc_context_check_owner(process->context);
}

static bool has_ended(const struct mproc_process *process)
{
    return mproc_slot_state(process->slot) == MPROC_SLOT_ENDED;
}

void mproc_context_quiesce(void)
{
    /* A handler on this very thread has run to its end; one on another is short and never blocks. */
    while (atomic_load(&forwarders) > 0)
        sched_yield();
}

/* Under the lock. Drops the context's own reference, the last. */
static void release(struct mproc_process *process)
{
    struct mproc_context *context = process->context;
    size_t index = index_of(process);

    context->handles[index] = NULL;
    atomic_store(&context->pidfds[index], 0);
    mproc_context_quiesce();
    close(process->pidfd);
    mproc_slot_step(process->slot, MPROC_SLOT_ENDED, MPROC_SLOT_IDLE);
    atomic_store(&process->grip.refs, 0);
    mproc_handle_bury(process);
}

void mproc_process_free(struct mproc_process *process)
{
    if (!process || check_held(process))
        return;
    struct mproc_context *context = process->context;
    bool released = false;
    sigset_t mask;
    /* In a fork of the owner the lock may be held by a thread that does not exist here. */
    if (context->owner != getpid())
        return;
    mproc_context_lock(context, &mask);
    if (atomic_fetch_sub(&process->grip.refs, 1) == 2) {
        released = has_ended(process);
        if (released)
            release(process);
        else
            context->nabandoned++;
    }
    mproc_context_unlock(context, &mask);
    if (released)
        mproc_context_unref(context);
}

/* The caller holds a reference of the context, the open one or a handle's, so that it cannot end here. */
void mproc_process_sweep(struct mproc_context *context)
{
    unsigned left = 0;

    if (context->nabandoned == 0)
        return;
    for (uint32_t i = 0; i < context->slots->used; i++) {
        struct mproc_slot *slot = &context->slots->slots[i];
        struct mproc_process *process = context->handles[i];
        enum mproc_slot_state state = mproc_slot_state(slot);
        if (state == MPROC_SLOT_IDLE || (process && atomic_load(&process->grip.refs) > 1))
            continue;
        if (state == MPROC_SLOT_RUNNING && slot->forked)
            mproc_context_settle(context, slot);
        if (mproc_slot_state(slot) != MPROC_SLOT_ENDED) {
            left++;
        } else if (process) {
            release(process);
            atomic_fetch_sub(&context->refs, 1);
        } else {
            mproc_slot_step(slot, MPROC_SLOT_ENDED, MPROC_SLOT_IDLE);
        }
    }
    context->nabandoned = left;
}

static void fill_status(const struct mproc_process *process, struct mproc_status *ret_status)
{
    const struct mproc_slot *slot = process->slot;
    struct mproc_status status = {.step = (enum mproc_step)__atomic_load_n(&slot->step, __ATOMIC_ACQUIRE),
                                  .guard_died = slot->guard_died};

    switch (slot->end_code) {
    case CLD_EXITED:
        status.end = MPROC_END_EXIT;
        status.code = slot->end_status;
        status.returned = __atomic_load_n(&slot->returned, __ATOMIC_ACQUIRE);
        status.result = status.returned ? slot->result : 0;
        break;
    case CLD_KILLED:
    case CLD_DUMPED:
        status.end = MPROC_END_SIGNAL;
        status.signal = slot->end_status;
        status.core_dumped = slot->end_code == CLD_DUMPED;
        break;
    default:
        status.end = MPROC_END_UNKNOWN;
    }
    memcpy(status.detail, slot->detail, sizeof(status.detail));
    status.detail[sizeof(status.detail) - 1] = '\0';
    *ret_status = status;
}

static uint64_t earlier(uint64_t deadline_ns, uint64_t slice_ms)
{
    uint64_t slice_ns = mproc_deadline_ms(slice_ms);

    return slice_ns < deadline_ns ? slice_ns : deadline_ns;
}

/* Somebody else may be in a long conversation with the guard; then it is he who notices. */
static void look_after(struct mproc_process *process)
{
    struct mproc_context *context = process->context;
    sigset_t mask;

    mproc_hold_signals(&mask);
    if (pthread_mutex_trylock(&context->lock) == 0) {
        if (!process->slot->forked)
            mproc_context_refresh(context);
        mproc_context_settle(context, process->slot);
        pthread_mutex_unlock(&context->lock);
    }
    mproc_release_signals(&mask);
}

static bool owner_reaps(const struct mproc_process *process)
{
    return process->slot->forked || mproc_slot_state(process->slot) == MPROC_SLOT_LOST;
}

/* Waits for a while, at most until the deadline. Returns 0 to look again, -ETIMEDOUT or -ECANCELED. */
static int wait_a_while(struct mproc_process *process, enum mproc_slot_state state, uint64_t deadline_ns)
{
    const uint32_t *stop = mproc_stop_word();
    uint64_t until_ns;
    int r;

    if (owner_reaps(process)) {
        until_ns = earlier(deadline_ns, poll_slice_ms);
        r = mproc_poll_one(process->pidfd, POLLIN, until_ns) ? 0 : -ETIMEDOUT;
        if (r && stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE))
            return -ECANCELED;
        look_after(process);
        /* Who has the lock for long will see to it. */
        if (r == 0 && mproc_slot_state(process->slot) == state)
            r = mproc_wait_one(&process->slot->state, state, until_ns);
    } else {
        until_ns = earlier(deadline_ns, guard_slice_ms);
        r = mproc_wait_one(&process->slot->state, state, until_ns);
        if (r == -ETIMEDOUT)
            look_after(process);
    }
    return r == -ETIMEDOUT && until_ns < deadline_ns ? 0 : r;
}

bool mproc_process_is_dead(const struct mproc_process *process)
{
    return mproc_poll_one(process->pidfd, POLLIN, MPROC_NOW);
}

/* Who is to record the end of a dead process is its parent, until it has reaped it. */
static bool has_stopped_guard(const struct mproc_process *process)
{
    bool is_stopped;
    pid_t guard, parent;

    return mproc_look_at(process->pid, &is_stopped, &guard) == 0 &&
           mproc_look_at(guard, &is_stopped, &parent) == 0 && is_stopped;
}

/* Its pidfd has shown the end: the record is a matter of moments, unless its guard is stopped. */
static int await_record(struct mproc_process *process)
{
    uint64_t until_ns = mproc_deadline_ms(record_ms);
    enum mproc_slot_state state;
    int r = 0;

    while ((state = mproc_slot_state(process->slot)) != MPROC_SLOT_ENDED && r != -ECANCELED &&
           mproc_clock_ns() < until_ns && !has_stopped_guard(process))
        r = wait_a_while(process, state, earlier(until_ns, poll_slice_ms));
    return state == MPROC_SLOT_ENDED ? 0 : r == -ECANCELED ? r : -ETIMEDOUT;
}

static int fail_join(const struct mproc_process *process, int r)
{
    if (r == -ECANCELED)
        return mproc_fail(r, "stopped while waiting for process '%s' (%d)", process->name, (int)process->pid);
    if (mproc_process_is_dead(process))
        return mproc_fail(r, "process '%s' (%d) has ended, but its guard does not tell how: is it stopped?",
                          process->name, (int)process->pid);
    return mproc_fail(r, "process '%s' (%d) has not ended", process->name, (int)process->pid);
}

int mproc_process_join(struct mproc_process *process, uint64_t deadline_ns, struct mproc_status *ret_status)
{
    enum mproc_slot_state state;
    int r = check(process);

    if (r)
        return r;
    while ((state = mproc_slot_state(process->slot)) != MPROC_SLOT_ENDED && r == 0)
        r = wait_a_while(process, state, deadline_ns);
    if (state == MPROC_SLOT_ENDED)
        r = 0;
    else if (r != -ECANCELED && mproc_process_is_dead(process))
        r = await_record(process);
    if (r)
        return fail_join(process, r == -ECANCELED ? r : deadline_ns == MPROC_NOW ? -EAGAIN : -ETIMEDOUT);
    if (ret_status)
        fill_status(process, ret_status);
    return 0;
}

bool mproc_process_alive(struct mproc_process *process)
{
    return check_held(process) == 0 && mproc_process_join(process, MPROC_NOW, NULL) != 0;
}

const char *mproc_process_name(const struct mproc_process *process)
{
    return check_held(process) ? "" : process->name;
}

pid_t mproc_process_pid(const struct mproc_process *process)
{
    return check_held(process) ? 0 : process->pid;
}

int mproc_process_sentinel(const struct mproc_process *process)
{
    int r = check_held(process);

    /* In a fork of the owner that has opened a context of its own it is closed. */
    if (r == 0 && process->pidfd < 0)
        r = mproc_context_check_owner(process->context);
    return r ? r : process->pidfd;
}

static void raise_word(uint32_t *word, uint32_t to)
{
    uint32_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);

    while (now < to) {
        if (__atomic_compare_exchange_n(word, &now, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            break;
    }
}

/* Async-signal safe. */
static int take_step(struct mproc_slot *slot, int pidfd, enum mproc_step step, uint32_t level, int signo)
{
    if (mproc_slot_state(slot) != MPROC_SLOT_ENDED)
        raise_word(&slot->step, step);
    if (level) {
        raise_word(&slot->stop, level);
        mproc_wake(&slot->stop);
    }
    if (pidfd_send_signal(pidfd, signo, NULL, 0) == 0 || errno == ESRCH)
        return 0;
    return -errno;
}

static void forward_once(struct mproc_slot *slot, int pidfd, uint32_t level)
{
    uint32_t before = __atomic_load_n(&slot->forwarded, __ATOMIC_ACQUIRE);

    while (before < level) {
        if (!__atomic_compare_exchange_n(&slot->forwarded, &before, level, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            continue;
        if (level == MPROC_STOP_WARM)
            take_step(slot, pidfd, MPROC_STEP_ASK, level, MPROC_SIGNAL_ASK);
        else
            take_step(slot, pidfd, MPROC_STEP_TERMINATE, level, SIGTERM);
        return;
    }
}

void mproc_context_forward(int level)
{
    int saved = errno;

    atomic_fetch_add(&forwarders, 1);
    struct mproc_context *context = mproc_context_current();
    /* A fork of the owner has the handler too, and the processes are not its own. */
    bool owns = context && context->owner == getpid();
    uint32_t used = owns ? __atomic_load_n(&context->slots->used, __ATOMIC_ACQUIRE) : 0;
    for (uint32_t i = 0; i < used; i++) {
        int pidfd = atomic_load(&context->pidfds[i]) - 1;
        if (pidfd >= 0)
            forward_once(&context->slots->slots[i], pidfd, (uint32_t)level);
    }
    atomic_fetch_sub(&forwarders, 1);
    errno = saved;
}

void mproc_process_forward(struct mproc_process *process, int level)
{
    forward_once(process->slot, process->pidfd, (uint32_t)level);
}

int mproc_process_step(struct mproc_process *process, enum mproc_step step, int signo)
{
    int r = check(process);

    if (r)
        return r;
    r = take_step(process->slot, process->pidfd, step, step == MPROC_STEP_ASK ? MPROC_STOP_WARM : 0, signo);
    return r ? mproc_fail(r, "signal %d could not be sent to process '%s' (%d): %s", signo, process->name,
                          (int)process->pid, strerrordesc_np(-r))
             : 0;
}
