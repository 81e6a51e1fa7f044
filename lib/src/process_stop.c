#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/process.h>
#include <mproc/stop.h>

#include "error_internal.h"
#include "process_internal.h"
#include "stop_internal.h"
#include "system.h"

static const uint64_t default_step_ms = 1000;
/* For background processes when the context is closed. */
static const uint64_t background_ms = 100;

int mproc_process_ask(struct mproc_process *process)
{
    return mproc_process_step(process, MPROC_STEP_ASK, MPROC_SIGNAL_ASK);
}

int mproc_process_interrupt(struct mproc_process *process)
{
    return mproc_process_step(process, MPROC_STEP_INTERRUPT, SIGINT);
}

int mproc_process_terminate(struct mproc_process *process)
{
    return mproc_process_step(process, MPROC_STEP_TERMINATE, SIGTERM);
}

int mproc_process_kill(struct mproc_process *process)
{
    return mproc_process_step(process, MPROC_STEP_KILL, SIGKILL);
}

int mproc_process_signal(struct mproc_process *process, int signo)
{
    if (signo <= 0 || signo >= NSIG)
        return mproc_fail(-EINVAL, "there is no signal %d", signo);
    return mproc_process_step(process, MPROC_STEP_NONE, signo);
}

/* Returns 0 when it ended. */
static int step_and_wait(struct mproc_process *process, int (*step)(struct mproc_process *), uint64_t ms,
                         struct mproc_status *ret_status)
{
    /* The dead, of whom there is no record yet, are not asked: it would be recorded as well. */
    int r = mproc_process_is_dead(process) ? 0 : step(process);

    return r ? r : mproc_process_join(process, mproc_deadline_ms(ms), ret_status);
}

int mproc_process_stop(struct mproc_process *process, const struct mproc_stop_steps *steps,
                       struct mproc_status *ret_status)
{
    static const struct mproc_stop_steps defaults = {default_step_ms, default_step_ms, default_step_ms};
    int r = mproc_process_join(process, MPROC_NOW, ret_status);

    if (r == 0 || r == -EINVAL || r == -EBADF || r == -EPERM)
        return r;
    if (!steps)
        steps = &defaults;
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    if (steps->ask_ms > 0)
        r = step_and_wait(process, mproc_process_ask, steps->ask_ms, ret_status);
    if (r && steps->terminate_ms > 0)
        r = step_and_wait(process, mproc_process_terminate, steps->terminate_ms, ret_status);
    if (r)
        r = step_and_wait(process, mproc_process_kill, steps->kill_ms, ret_status);
    mproc_stop_enter(before);
    if ((r == -ETIMEDOUT || r == -EAGAIN) && !mproc_process_is_dead(process))
        return mproc_fail(-ETIMEDOUT,
                          "process '%s' (%d) has not ended %llu ms after SIGKILL: it hangs inside the kernel",
                          process->name, (int)process->pid, (unsigned long long)steps->kill_ms);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

size_t mproc_process_active(struct mproc_context *context, struct mproc_process **ret_processes, size_t max)
{
    size_t count = 0;
    sigset_t mask;

    if (mproc_context_check(context))
        return 0;
    mproc_context_lock(context, &mask);
    mproc_context_refresh(context);
    for (uint32_t i = 0; i < context->slots->used; i++) {
        struct mproc_process *process = context->handles[i];
        if (!process)
            continue;
        mproc_context_settle(context, process->slot);
        if (mproc_slot_state(process->slot) == MPROC_SLOT_ENDED)
            continue;
        if (count < max)
            ret_processes[count] = mproc_process_ref(process);
        count++;
    }
    mproc_context_unlock(context, &mask);
    return count;
}

/* A reference to the next process, from `*at` on, that is of this kind and runs; NULL at the end. */
static struct mproc_process *next_running(struct mproc_context *context, uint32_t *at, bool background)
{
    struct mproc_process *found = NULL;
    sigset_t mask;

    mproc_context_lock(context, &mask);
    for (; *at < context->slots->used && !found; (*at)++) {
        struct mproc_process *process = context->handles[*at];
        if (process && process->background == background &&
            mproc_slot_state(process->slot) != MPROC_SLOT_ENDED)
            found = mproc_process_ref(process);
    }
    mproc_context_unlock(context, &mask);
    return found;
}

struct killed {
    unsigned count;
    char names[200];
};

static void note_killed(struct killed *killed, const struct mproc_process *process)
{
    size_t len = strlen(killed->names);

    if (killed->count++ < 4)
        snprintf(killed->names + len, sizeof(killed->names) - len, "%s'%s' (%d)", len ? ", " : "",
                 process->name, (int)process->pid);
}

typedef void visit_fn(struct mproc_process *process, void *arg);

static void for_each_running(struct mproc_context *context, bool background, visit_fn *visit, void *arg)
{
    struct mproc_process *process;

    for (uint32_t at = 0; (process = next_running(context, &at, background));) {
        visit(process, arg);
        mproc_process_free(process);
    }
}

static void join_until(struct mproc_process *process, void *deadline_ns)
{
    mproc_process_join(process, *(const uint64_t *)deadline_ns, NULL);
}

static void kill_and_note(struct mproc_process *process, void *killed)
{
    note_killed(killed, process);
    mproc_process_kill(process);
}

static void ask_and_terminate(struct mproc_process *process, void *arg)
{
    (void)arg;
    mproc_process_ask(process);
    mproc_process_terminate(process);
}

static void kill_it(struct mproc_process *process, void *arg)
{
    (void)arg;
    mproc_process_kill(process);
}

int mproc_process_end_all(struct mproc_context *context, uint64_t deadline_ns)
{
    struct killed killed = {0};
    uint64_t grace_ns;

    for_each_running(context, false, join_until, &deadline_ns);
    for_each_running(context, false, kill_and_note, &killed);
    /* Only now: the others may have needed their services until their end. */
    for_each_running(context, true, ask_and_terminate, NULL);
    grace_ns = mproc_deadline_ms(background_ms);
    for_each_running(context, true, join_until, &grace_ns);
    for_each_running(context, true, kill_it, NULL);
    grace_ns = mproc_deadline_ms(default_step_ms);
    for_each_running(context, false, join_until, &grace_ns);
    for_each_running(context, true, join_until, &grace_ns);
    if (killed.count == 0)
        return 0;
    return mproc_fail(-ETIMEDOUT,
                      "%u of the processes had not ended until the deadline and were killed: %s%s",
                      killed.count, killed.names, killed.count > 4 ? ", …" : "");
}

void mproc_process_conclude(struct mproc_context *context)
{
    for (uint32_t i = 0; i < context->slots->used; i++) {
        struct mproc_slot *slot = &context->slots->slots[i];
        struct mproc_process *process = context->handles[i];
        siginfo_t info;
        if (mproc_slot_state(slot) == MPROC_SLOT_IDLE || mproc_slot_state(slot) == MPROC_SLOT_ENDED)
            continue;
        if (process && mproc_poll_one(process->pidfd, POLLIN, mproc_deadline_ms(default_step_ms)))
            mproc_context_settle(context, slot);
        bool known = process && mproc_pidfd_end(process->pidfd, &info);
        mproc_slot_end(context->slots, slot, known ? &info : NULL);
    }
    context->nabandoned = 1;
    mproc_process_sweep(context);
}
