#include "supervise/inject.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "faults/strike.h"
#include "model/resource.h"
#include "supervise/intercept.h"
#include "supervise/lifecycle.h"

/* One trigger of the plan: a rule's own, or what a hold waits for. */
struct watch {
    const struct pf_trigger *trigger;
    size_t fault;
    bool until; /* ends holds instead of striking */
    bool met;
};

struct held {
    pid_t tid;
    const char *address;
    struct pf_grip grip;
    size_t fault;
    const struct pf_trigger *until; /* NULL: a delay */
    uint64_t due_ns;                /* delays only */
};

struct pf_inject {
    struct watch *watches;
    size_t watch_count;
    struct held *held;
    size_t held_count;
    bool *timed_out; /* per watch: an after= trigger that has been met */
};

static void add_watch(struct pf_run *run, const struct pf_trigger *trigger, size_t fault, bool until)
{
    struct pf_inject *inject = run->inject;
    struct watch *watch =
        pf_arena_grow(run->trace->arena, &inject->watches, &inject->watch_count, sizeof(*inject->watches));
    *watch = (struct watch){.trigger = trigger, .fault = fault, .until = until};
}

void pf_inject_init(struct pf_run *run)
{
    run->inject = pf_arena_alloc(run->trace->arena, sizeof(*run->inject));
    for (size_t i = 0; i < run->trial->fault_count; i++) {
        const struct pf_fault *fault = &run->trial->faults[i];
        add_watch(run, &fault->trigger, i, false);
        for (size_t k = 0; k < fault->action_count; k++)
            if (fault->actions[k].until)
                add_watch(run, fault->actions[k].until, i, true);
    }
    run->inject->timed_out = pf_arena_alloc(run->trace->arena, run->inject->watch_count + 1);
}

size_t pf_inject_counters(const struct pf_run *run)
{
    return run->inject->watch_count;
}

static bool names_call(const struct pf_trigger *trigger, int call)
{
    for (size_t i = 0; i < trigger->call_count; i++)
        if (trigger->calls[i] == call)
            return true;
    return false;
}

static bool matches(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence)
{
    if (trigger->kind != occurrence->kind)
        return false;
    if (trigger->proc && fnmatch(trigger->proc, occurrence->process->address, 0) != 0)
        return false;
    if (trigger->kind == PF_TRIGGER_SYSCALL)
        return names_call(trigger, occurrence->call);
    return trigger->kind != PF_TRIGGER_POINT || strcmp(trigger->point, occurrence->point) == 0;
}

/* when=first..last+step */
static bool is_due(const struct pf_trigger *trigger, uint64_t count)
{
    uint64_t first = trigger->first ? trigger->first : 1;
    if (count < first || (trigger->last && count > trigger->last))
        return false;
    return count == first || (trigger->step && (count - first) % trigger->step == 0);
}

static void report(struct pf_run *run, size_t fault, const struct pf_action *action,
                   const struct pf_occurrence *occurrence, uint64_t count, const char *target)
{
    struct pf_arena *arena = run->trace->arena;
    pf_run_emit(run,
                (struct pf_event){.kind = PF_EVENT_INJECT,
                                  .inject = {.fault = fault,
                                             .thread = occurrence->task ? occurrence->task->address : NULL,
                                             .at = pf_arena_strdup(arena, occurrence->at),
                                             .occurrence = count,
                                             .action = pf_arena_strdup(arena, action->text),
                                             .target = target}});
}

static bool is_target(const struct pf_fault *fault, const struct pf_process *process,
                      const struct pf_process *caller, pid_t group)
{
    if (!process->alive)
        return false;
    switch (fault->to) {
    case PF_TO_CALLER:
        return process == caller;
    case PF_TO_GROUP:
        return getpgid(process->pid) == group;
    case PF_TO_TREE:
        return true;
    case PF_TO_GLOB:
        return fnmatch(fault->to_glob, process->address, 0) == 0;
    }
    return false;
}

/* The event comes first in the trace, so that every effect follows its cause. Returns whether the caller was
 * struck. */
static bool send_signal(struct pf_run *run, size_t index, const struct pf_action *action,
                        const struct pf_occurrence *occurrence, uint64_t count)
{
    const struct pf_fault *fault = &run->trial->faults[index];
    int number = action->kind == PF_ACTION_KILL ? SIGKILL : (int)action->value;
    struct pf_process *caller = occurrence->process;
    pid_t group = caller->alive ? getpgid(caller->pid) : -1;
    bool struck_caller = false;
    for (size_t i = 0; i < run->tasks.process_count; i++) {
        struct pf_process *process = run->tasks.processes[i];
        if (!is_target(fault, process, caller, group))
            continue;
        report(run, index, action, occurrence, count, process->address);
        process->injected |= 1ULL << (number - 1);
        if (pf_strike_signal(process->pid, number) == 0)
            struck_caller |= process == caller;
    }
    return struck_caller && number == SIGKILL;
}

static void hold(struct pf_run *run, size_t fault, const struct pf_action *action,
                 const struct pf_occurrence *occurrence, const struct pf_grip *grip)
{
    struct pf_inject *inject = run->inject;
    struct held *held =
        pf_arena_grow(run->trace->arena, &inject->held, &inject->held_count, sizeof(*inject->held));
    *held = (struct held){.tid = occurrence->task->tid,
                          .address = occurrence->task->address,
                          .grip = *grip,
                          .fault = fault,
                          .until = action->until,
                          .due_ns = action->until ? 0 : pf_run_now(run) + (uint64_t)action->value};
    occurrence->task->held = true;
}

static bool is_met(const struct pf_run *run, const struct pf_trigger *until)
{
    for (size_t i = 0; i < run->inject->watch_count; i++)
        if (run->inject->watches[i].trigger == until)
            return run->inject->watches[i].met;
    return false;
}

struct strike {
    bool gone;                    /* the caller was killed */
    const struct pf_action *hold; /* the last hold or delay that applies */
    size_t hold_fault;
};

static void act(struct pf_run *run, size_t index, const struct pf_action *action,
                const struct pf_occurrence *occurrence, uint64_t count, struct pf_grip *grip,
                struct strike *strike)
{
    switch (action->kind) {
    case PF_ACTION_SIGNAL:
    case PF_ACTION_KILL:
        strike->gone |= send_signal(run, index, action, occurrence, count);
        return;
    case PF_ACTION_LIMIT:
        if (pf_strike_limit(occurrence->process->pid, pf_resource_number(action->resource),
                            (uint64_t)action->value) == 0)
            report(run, index, action, occurrence, count, occurrence->process->address);
        return;
    case PF_ACTION_ERROR:
        grip->answer = (struct pf_answer){.skip = true, .error = (int)action->value};
        break;
    case PF_ACTION_RETVAL:
        grip->answer = (struct pf_answer){.skip = true, .value = action->value};
        break;
    default:
        strike->hold = action;
        strike->hold_fault = index;
        break;
    }
    report(run, index, action, occurrence, count, NULL);
}

static void release(struct pf_run *run, size_t index, const char *why, bool met)
{
    struct pf_inject *inject = run->inject;
    struct held held = inject->held[index];
    inject->held[index] = inject->held[--inject->held_count];
    struct pf_task *task = pf_tasks_find(&run->tasks, held.tid);
    if (!task || !task->held)
        return;
    task->held = false;
    pf_run_emit(run, (struct pf_event){
                         .kind = PF_EVENT_RELEASE,
                         .release = {.fault = held.fault, .thread = held.address, .why = why, .met = met}});
    if (held.grip.notification)
        pf_intercept_answer(run, held.grip.notification, &held.grip.answer);
    else
        pf_lifecycle_resume(run, task, 0);
}

static void release_until(struct pf_run *run, const struct pf_trigger *until)
{
    for (size_t i = run->inject->held_count; i-- > 0;)
        if (run->inject->held[i].until == until)
            release(run, i, "trigger", true);
}

static void meet_watch(struct pf_run *run, struct watch *watch, const struct pf_occurrence *occurrence,
                       uint64_t count, struct pf_grip *grip, struct strike *strike)
{
    if (watch->until) {
        watch->met = true;
        release_until(run, watch->trigger);
        return;
    }
    const struct pf_fault *fault = &run->trial->faults[watch->fault];
    for (size_t k = 0; k < fault->action_count; k++)
        act(run, watch->fault, &fault->actions[k], occurrence, count, grip, strike);
}

bool pf_inject_meet(struct pf_run *run, const struct pf_occurrence *occurrence, struct pf_grip *grip)
{
    struct strike strike = {0};
    if (run->decided)
        return true;
    for (size_t i = 0; i < run->inject->watch_count; i++) {
        struct watch *watch = &run->inject->watches[i];
        if (!matches(watch->trigger, occurrence))
            continue;
        uint64_t count = ++occurrence->process->counts[i];
        if (is_due(watch->trigger, count))
            meet_watch(run, watch, occurrence, count, grip, &strike);
    }
    if (strike.gone)
        return false;
    if (!strike.hold || !occurrence->task)
        return true;
    hold(run, strike.hold_fault, strike.hold, occurrence, grip);
    /* What it is to wait for may have happened before: then it does not wait. */
    if (strike.hold->until && is_met(run, strike.hold->until))
        release_until(run, strike.hold->until);
    return false;
}

void pf_inject_tick(struct pf_run *run)
{
    struct pf_inject *inject = run->inject;
    uint64_t now = pf_run_now(run);
    for (size_t i = inject->held_count; i-- > 0;)
        if (!inject->held[i].until && inject->held[i].due_ns <= now)
            release(run, i, "trigger", true);
    if (!run->started_ns || run->decided)
        return;
    for (size_t i = 0; i < inject->watch_count; i++) {
        struct watch *watch = &inject->watches[i];
        if (watch->trigger->kind != PF_TRIGGER_AFTER || inject->timed_out[i] ||
            run->started_ns + watch->trigger->after_ns > now)
            continue;
        inject->timed_out[i] = true;
        struct pf_occurrence occurrence = {
            .kind = PF_TRIGGER_AFTER, .process = run->root, .at = watch->trigger->text};
        meet_watch(run, watch, &occurrence, 1, &(struct pf_grip){0}, &(struct strike){0});
    }
}

uint64_t pf_inject_due(const struct pf_run *run)
{
    const struct pf_inject *inject = run->inject;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < inject->held_count; i++)
        if (!inject->held[i].until && inject->held[i].due_ns < due)
            due = inject->held[i].due_ns;
    for (size_t i = 0; run->started_ns && i < inject->watch_count; i++) {
        const struct pf_trigger *trigger = inject->watches[i].trigger;
        if (trigger->kind == PF_TRIGGER_AFTER && !inject->timed_out[i] &&
            run->started_ns + trigger->after_ns < due)
            due = run->started_ns + trigger->after_ns;
    }
    return due;
}

bool pf_inject_holds(const struct pf_run *run)
{
    for (size_t i = 0; i < run->inject->held_count; i++)
        if (run->inject->held[i].until)
            return true;
    return false;
}

void pf_inject_release_all(struct pf_run *run, const char *why)
{
    while (run->inject->held_count > 0)
        release(run, run->inject->held_count - 1, why, false);
}

void pf_inject_forget(struct pf_run *run, const struct pf_task *task)
{
    struct pf_inject *inject = run->inject;
    for (size_t i = inject->held_count; i-- > 0;)
        if (inject->held[i].tid == task->tid)
            inject->held[i] = inject->held[--inject->held_count];
}
