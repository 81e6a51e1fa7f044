#include "supervise/keep.h"

#include <signal.h>

#include "faults/strike.h"
#include "supervise/descriptors.h"
#include "supervise/intercept.h"
#include "supervise/lifecycle.h"
#include "supervise/step.h"
#include "supervise/traced.h"

struct held {
    pid_t tid;
    const char *address;
    struct pf_grip grip;
    size_t fault;
    const struct pf_trigger *until; /* NULL: for a time */
    uint64_t due_ns;                /* when that is over */
};

struct stopped {
    struct pf_process *process;
    size_t fault;
    uint64_t due_ns;
};

struct pf_keep {
    struct held *held;
    size_t held_count;
    struct stopped *stopped;
    size_t stopped_count;
};

void pf_keep_init(struct pf_run *run)
{
    run->keep = pf_arena_alloc(run->trace->arena, sizeof(*run->keep));
}

void pf_grip_release(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip)
{
    switch (grip->kind) {
    case PF_GRIP_NOTIFICATION:
        pf_intercept_answer(run, task, grip->notification, &grip->answer);
        return;
    case PF_GRIP_CALL_STOP:
        pf_traced_go(run, task, &grip->answer);
        return;
    case PF_GRIP_FIRST_STOP:
    case PF_GRIP_STEP_STOP:
        pf_lifecycle_resume(run, task, 0);
        return;
    case PF_GRIP_RETURN_STOP:
        pf_step_call_ended(run, task);
        return;
    case PF_GRIP_NONE:
        return;
    }
}

static void keep(struct pf_run *run, struct pf_task *task, struct held held)
{
    held.tid = task->tid;
    held.address = task->address;
    *(struct held *)pf_arena_grow(run->trace->arena, &run->keep->held, &run->keep->held_count, sizeof(held)) =
        held;
    task->held = true;
}

void pf_keep_until(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip, size_t fault,
                   const struct pf_trigger *until)
{
    keep(run, task, (struct held){.grip = *grip, .fault = fault, .until = until});
    pf_descriptors_held(run, task, false);
}

void pf_keep_for(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip, size_t fault,
                 uint64_t ns)
{
    keep(run, task, (struct held){.grip = *grip, .fault = fault, .due_ns = pf_run_now(run) + ns});
}

/* Stopped again before it went on: it goes on when the longer time is over. */
void pf_keep_stopped(struct pf_run *run, struct pf_process *process, size_t fault, uint64_t ns)
{
    struct pf_keep *all = run->keep;
    uint64_t due = pf_run_now(run) + ns;
    process->paused = true;
    for (size_t i = 0; i < all->stopped_count; i++)
        if (all->stopped[i].process == process) {
            if (all->stopped[i].due_ns < due)
                all->stopped[i].due_ns = due;
            return;
        }
    *(struct stopped *)pf_arena_grow(run->trace->arena, &all->stopped, &all->stopped_count,
                                     sizeof(struct stopped)) =
        (struct stopped){.process = process, .fault = fault, .due_ns = due};
}

static void let_go(struct pf_run *run, size_t index, const char *why, bool met)
{
    struct held held = run->keep->held[index];
    run->keep->held[index] = run->keep->held[--run->keep->held_count];
    struct pf_task *task = pf_tasks_find(&run->tasks, held.tid);
    if (!task || !task->held)
        return;
    task->held = false;
    if (held.until && !run->decided)
        pf_descriptors_held(run, task, true);
    pf_run_emit(run, (struct pf_event){
                         .kind = PF_EVENT_RELEASE,
                         .release = {.fault = held.fault, .thread = held.address, .why = why, .met = met}});
    pf_grip_release(run, task, &held.grip);
}

static void let_run(struct pf_run *run, size_t index, const char *why, bool met)
{
    struct stopped stopped = run->keep->stopped[index];
    struct pf_process *process = stopped.process;
    run->keep->stopped[index] = run->keep->stopped[--run->keep->stopped_count];
    process->paused = false;
    if (!process->alive)
        return;
    pf_run_emit(run,
                (struct pf_event){
                    .kind = PF_EVENT_RELEASE,
                    .release = {.fault = stopped.fault, .thread = process->address, .why = why, .met = met}});
    process->injected |= 1ULL << (SIGCONT - 1);
    pf_strike_signal(process->pid, SIGCONT);
}

void pf_keep_met(struct pf_run *run, const struct pf_trigger *until)
{
    for (size_t i = run->keep->held_count; i-- > 0;)
        if (run->keep->held[i].until == until)
            let_go(run, i, "trigger", true);
}

void pf_keep_tick(struct pf_run *run)
{
    struct pf_keep *all = run->keep;
    if (all->held_count + all->stopped_count == 0)
        return;
    uint64_t now = pf_run_now(run);
    for (size_t i = all->held_count; i-- > 0;)
        if (!all->held[i].until && all->held[i].due_ns <= now)
            let_go(run, i, "trigger", true);
    for (size_t i = all->stopped_count; i-- > 0;)
        if (all->stopped[i].due_ns <= now)
            let_run(run, i, "trigger", true);
}

uint64_t pf_keep_due(const struct pf_run *run)
{
    const struct pf_keep *all = run->keep;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < all->held_count; i++)
        if (!all->held[i].until && all->held[i].due_ns < due)
            due = all->held[i].due_ns;
    for (size_t i = 0; i < all->stopped_count; i++)
        if (all->stopped[i].due_ns < due)
            due = all->stopped[i].due_ns;
    return due;
}

bool pf_keep_holds(const struct pf_run *run)
{
    for (size_t i = 0; i < run->keep->held_count; i++)
        if (run->keep->held[i].until)
            return true;
    return false;
}

bool pf_keep_times(const struct pf_run *run)
{
    for (size_t i = 0; i < run->keep->held_count; i++)
        if (!run->keep->held[i].until)
            return true;
    return run->keep->stopped_count > 0;
}

void pf_keep_release_all(struct pf_run *run, const char *why)
{
    while (run->keep->held_count > 0)
        let_go(run, run->keep->held_count - 1, why, !run->keep->held[run->keep->held_count - 1].until);
    while (run->keep->stopped_count > 0)
        let_run(run, run->keep->stopped_count - 1, why, true);
}

void pf_keep_forget(struct pf_run *run, const struct pf_task *task)
{
    struct pf_keep *all = run->keep;
    for (size_t i = all->held_count; i-- > 0;)
        if (all->held[i].tid == task->tid)
            all->held[i] = all->held[--all->held_count];
}
