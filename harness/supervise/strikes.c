#include "supervise/strikes.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>

#include "faults/strike.h"
#include "probe/probe.h"

enum {
    STACKS_EACH = 8,     /* of one rule */
    RESTART_FIRST = 512, /* ERESTARTSYS and its kin: results that an interrupted thread */
    RESTART_LAST = 516,  /* never sees, because the kernel makes the call again */
};

/* What is to be done when the thread stops. */
struct pf_wanted {
    struct pf_strikes strikes;
    bool deadly;
    bool waits;
};

void pf_strikes_add(struct pf_run *run, struct pf_strikes *strikes, size_t fault, uint64_t inject)
{
    if (!run->trial->stacks || strikes->count == PF_STRIKES_AT_ONCE)
        return;
    for (size_t i = 0; i < strikes->count; i++)
        if (strikes->each[i].fault == fault)
            return;
    if (!run->stacks_taken)
        run->stacks_taken = pf_arena_alloc(run->trace->arena, run->trial->fault_count);
    if (run->stacks_taken[fault] >= STACKS_EACH)
        return;
    run->stacks_taken[fault]++;
    strikes->each[strikes->count].fault = fault;
    strikes->each[strikes->count++].inject = inject;
}

static void read_stack(struct pf_run *run, const struct pf_task *task, const struct pf_strikes *strikes)
{
    struct pf_stacks *stacks = pf_stacks_open(task->tid);
    struct pf_ev_stack stack = {.thread = task->address};
    if (pf_stacks_read(stacks, task->tid, run->trace->arena, &stack.frames, &stack.frame_count) == 0)
        for (size_t i = 0; i < strikes->count; i++) {
            stack.inject = strikes->each[i].inject;
            pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_STACK, .stack = stack});
        }
    pf_stacks_close(stacks);
}

/* The interrupt must not change what becomes of the call. */
static bool may_interrupt(const struct pf_run *run, const struct pf_answer *answer, bool deadly)
{
    bool restarts = answer->error >= RESTART_FIRST && answer->error <= RESTART_LAST;
    return run->launched.containment->sheet->report.killable && (deadly || (answer->skip && !restarts));
}

bool pf_strikes_want(struct pf_run *run, struct pf_task *task, struct pf_grip *grip,
                     const struct pf_strikes *strikes, bool deadly)
{
    if (!task || strikes->count == 0 || grip->kind == PF_GRIP_NONE)
        return false;
    if (grip->kind != PF_GRIP_NOTIFICATION) {
        read_stack(run, task, strikes);
        if (deadly)
            pf_strike_signal(task->process->pid, SIGKILL);
        return true;
    }
    if (!may_interrupt(run, &grip->answer, deadly) || ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL) < 0)
        return false;
    if (!task->wanted)
        task->wanted = pf_arena_alloc(run->trace->arena, sizeof(*task->wanted));
    *task->wanted = (struct pf_wanted){.strikes = *strikes, .deadly = deadly, .waits = true};
    if (deadly) /* nobody will see the result */
        grip->answer = (struct pf_answer){.skip = true, .error = EINTR};
    return true;
}

bool pf_strikes_take(struct pf_run *run, struct pf_task *task)
{
    struct pf_wanted *wanted = task->wanted;
    if (!wanted || !wanted->waits)
        return false;
    wanted->waits = false;
    read_stack(run, task, &wanted->strikes);
    if (wanted->deadly)
        pf_strike_signal(task->process->pid, SIGKILL);
    return wanted->deadly;
}
