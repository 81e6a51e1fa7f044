#include "supervise/inject.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "faults/strike.h"
#include "model/resource.h"
#include "supervise/keep.h"
#include "supervise/select.h"
#include "supervise/strikes.h"
#include "supervise/traced.h"

/* One trigger of the plan: a rule's own, or what a hold waits for. */
struct watch {
    const struct pf_trigger *trigger;
    size_t fault;
    bool until;   /* ends holds instead of striking */
    bool threads; /* counted for each thread */
    bool met;
    uint64_t most; /* occurrences counted for one address */
};

struct pf_inject {
    struct watch *watches;
    size_t watch_count;
    bool *timed_out; /* per watch: an after= trigger that has been met */
};

static void add_watch(struct pf_run *run, const struct pf_trigger *trigger, size_t fault, bool until)
{
    struct pf_inject *inject = run->inject;
    struct watch *watch =
        pf_arena_grow(run->trace->arena, &inject->watches, &inject->watch_count, sizeof(*inject->watches));
    *watch = (struct watch){
        .trigger = trigger, .fault = fault, .until = until, .threads = pf_select_by_thread(trigger)};
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

/* One moment at which one rule strikes. */
struct strike {
    struct pf_run *run;
    const struct pf_occurrence *occurrence;
    struct pf_grip *grip;
    size_t fault;
    uint64_t count;               /* the occurrence, as the rule counts it */
    bool deadly;                  /* the caller is to be killed, once its stack is read */
    struct pf_strikes strikes;    /* whose stack is wanted */
    bool gone;                    /* the caller was killed */
    const struct pf_action *hold; /* the last hold or delay that applies */
    size_t hold_fault;
};

static void report(struct strike *strike, const struct pf_action *action, const char *target)
{
    struct pf_run *run = strike->run;
    const struct pf_occurrence *occurrence = strike->occurrence;
    struct pf_ev_inject inject = {.fault = strike->fault,
                                  .thread = occurrence->task ? occurrence->task->address : NULL,
                                  .at = pf_arena_strdup(run->trace->arena, occurrence->at),
                                  .occurrence = strike->count,
                                  .action = pf_arena_strdup(run->trace->arena, action->text),
                                  .target = target};
    uint64_t seq = pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_INJECT, .inject = inject})->seq;
    pf_strikes_add(run, &strike->strikes, strike->fault, seq);
}

static bool is_target(const struct pf_fault *fault, const struct pf_process *process,
                      const struct pf_process *caller, pid_t group, pid_t root)
{
    if (!process->alive)
        return false;
    switch (fault->to) {
    case PF_TO_CALLER:
        return process == caller;
    case PF_TO_GROUP:
        return getpgid(process->pid) == group;
    case PF_TO_TERMINAL:
        return getpgid(process->pid) == root;
    case PF_TO_TREE:
        return true;
    case PF_TO_SENDER:
        return process == caller->sender;
    case PF_TO_GLOB:
        return fnmatch(fault->to_glob, process->address, 0) == 0;
    }
    return false;
}

static int number_of(const struct pf_action *action)
{
    switch (action->kind) {
    case PF_ACTION_KILL:
        return SIGKILL;
    case PF_ACTION_STOP:
        return SIGSTOP;
    default:
        return (int)action->value;
    }
}

/* What strikes the caller strikes the thread that met the trigger, as strace(1) does it. */
static int send_to(const struct strike *strike, const struct pf_fault *fault,
                   const struct pf_process *process, int number)
{
    const struct pf_task *task = strike->occurrence->task;
    if (fault->to == PF_TO_CALLER && task && number != SIGKILL && number != SIGSTOP)
        return pf_strike_thread(process->pid, task->tid, number);
    return pf_strike_signal(process->pid, number);
}

/* The event comes first in the trace, so that every effect follows its cause. */
static void send_signal(struct strike *strike, const struct pf_action *action)
{
    struct pf_run *run = strike->run;
    const struct pf_fault *fault = &run->trial->faults[strike->fault];
    struct pf_process *caller = strike->occurrence->process;
    int number = number_of(action);
    pid_t group = caller->alive ? getpgid(caller->pid) : -1;
    for (size_t i = 0; i < run->tasks.process_count; i++) {
        struct pf_process *process = run->tasks.processes[i];
        if (!is_target(fault, process, caller, group, run->tasks.processes[0]->pid))
            continue;
        report(strike, action, process->address);
        process->injected |= 1ULL << (number - 1);
        /* Of a time there is no thread whose stack could be read first. */
        if (process == caller && number == SIGKILL && strike->strikes.count && strike->occurrence->task) {
            strike->deadly = true;
            continue;
        }
        if (send_to(strike, fault, process, number) < 0)
            continue;
        if (action->kind == PF_ACTION_STOP)
            pf_keep_stopped(run, process, strike->fault, (uint64_t)action->value);
        strike->gone |= process == caller && number == SIGKILL;
    }
}

int pf_inject_poke(const struct pf_task *task, const struct pf_call *call, const struct pf_action *action)
{
    for (size_t i = 0; i < action->poke_count; i++) {
        const struct pf_poke *poke = &action->pokes[i];
        int r = pf_strike_poke(task->tid, call->arguments[poke->argument - 1], poke->bytes, poke->size);
        if (r < 0)
            return r;
    }
    return 0;
}

static void poke_at_exit(const struct strike *strike, const struct pf_action *action)
{
    struct pf_arena *arena = strike->run->trace->arena;
    struct pf_exit_poke *poke = pf_arena_alloc(arena, sizeof(*poke));
    *poke = (struct pf_exit_poke){.fault = strike->fault,
                                  .action = action,
                                  .at = pf_arena_strdup(arena, strike->occurrence->at),
                                  .occurrence = strike->count};
    struct pf_exit_poke **last = &strike->grip->answer.pokes;
    while (*last)
        last = &(*last)->next;
    *last = poke;
}

/* Whether there is something to shorten: a call that wants no more bytes than it may have is not struck. */
static bool make_short(const struct strike *strike, const struct pf_action *action)
{
    struct pf_request request;
    struct pf_answer *answer = &strike->grip->answer;
    uint64_t most = (uint64_t)action->value;
    pf_traced_request(strike->occurrence->call, &request);
    if (pf_strike_requested(strike->occurrence->task->tid, &request) <= most ||
        (answer->at_most && answer->at_most <= most))
        return false;
    answer->at_most = most;
    return true;
}

/* What happens to the call itself. Returns whether it struck. */
static bool change_call(struct strike *strike, const struct pf_action *action)
{
    struct pf_answer *answer = &strike->grip->answer;
    switch (action->kind) {
    case PF_ACTION_ERROR:
        answer->skip = true;
        answer->error = (int)action->value;
        return true;
    case PF_ACTION_RETVAL:
        answer->skip = true;
        answer->error = 0;
        answer->value = action->value;
        return true;
    case PF_ACTION_SYSCALL:
        answer->replaced = true;
        answer->instead = (int)action->value;
        return true;
    case PF_ACTION_SHORT:
        return make_short(strike, action);
    case PF_ACTION_POKE_ENTER:
        return pf_inject_poke(strike->occurrence->task, strike->occurrence->call, action) == 0;
    case PF_ACTION_POKE_EXIT:
        poke_at_exit(strike, action);
        return false; /* that is on record when it happens */
    case PF_ACTION_DELAY_EXIT:
        answer->delay_exit_ns += (uint64_t)action->value;
        answer->delay_exit_fault = strike->fault;
        return true;
    default:
        strike->hold = action;
        strike->hold_fault = strike->fault;
        return true;
    }
}

static void act(struct strike *strike, const struct pf_action *action)
{
    struct pf_process *process = strike->occurrence->process;
    switch (action->kind) {
    case PF_ACTION_SIGNAL:
    case PF_ACTION_KILL:
    case PF_ACTION_STOP:
        send_signal(strike, action);
        return;
    case PF_ACTION_LIMIT:
        if (pf_strike_limit(process->pid, pf_resource_number(action->resource), (uint64_t)action->value) == 0)
            report(strike, action, process->address);
        return;
    default:
        if (change_call(strike, action))
            report(strike, action, NULL);
        return;
    }
}

static void meet_watch(struct watch *watch, struct strike *strike)
{
    struct pf_run *run = strike->run;
    if (watch->until) {
        watch->met = true;
        pf_keep_met(run, watch->trigger);
        return;
    }
    const struct pf_fault *fault = &run->trial->faults[watch->fault];
    strike->fault = watch->fault;
    for (size_t k = 0; k < fault->action_count; k++)
        act(strike, &fault->actions[k]);
}

static bool is_met(const struct pf_run *run, const struct pf_trigger *until)
{
    for (size_t i = 0; i < run->inject->watch_count; i++)
        if (run->inject->watches[i].trigger == until)
            return run->inject->watches[i].met;
    return false;
}

static uint64_t *counter_of(struct pf_run *run, const struct watch *watch,
                            const struct pf_occurrence *occurrence)
{
    size_t index = (size_t)(watch - run->inject->watches);
    struct pf_task *task = occurrence->task;
    if (!watch->threads || !task)
        return &occurrence->process->counts[index];
    if (!task->counts)
        task->counts = pf_arena_alloc(run->trace->arena, run->inject->watch_count * sizeof(*task->counts));
    return &task->counts[index];
}

bool pf_inject_meet(struct pf_run *run, const struct pf_occurrence *occurrence, struct pf_grip *grip)
{
    struct strike strike = {.run = run, .occurrence = occurrence, .grip = grip};
    if (run->decided)
        return true;
    for (size_t i = 0; i < run->inject->watch_count; i++) {
        struct watch *watch = &run->inject->watches[i];
        if (!pf_select_matches(watch->trigger, occurrence))
            continue;
        /* Calls of functions are counted where they begin. */
        strike.count = occurrence->count ? occurrence->count : ++*counter_of(run, watch, occurrence);
        const char *address =
            watch->threads && occurrence->task ? occurrence->task->address : occurrence->process->address;
        if (strike.count > watch->most)
            watch->most = strike.count;
        if (pf_select_is_due(watch->trigger, strike.count) &&
            pf_select_by_chance(watch->trigger, run->trial->seed, watch->fault, address, strike.count))
            meet_watch(watch, &strike);
    }
    bool taken = pf_strikes_want(run, occurrence->task, grip, &strike.strikes, strike.deadly);
    if (strike.deadly && !taken)
        pf_strike_signal(occurrence->process->pid, SIGKILL);
    if (strike.deadly && taken && grip->kind == PF_GRIP_NOTIFICATION)
        return true;
    if (strike.gone || strike.deadly)
        return false;
    if (!strike.hold || grip->kind == PF_GRIP_NONE)
        return true;
    if (!strike.hold->until)
        pf_keep_for(run, occurrence->task, grip, strike.hold_fault, (uint64_t)strike.hold->value);
    else
        pf_keep_until(run, occurrence->task, grip, strike.hold_fault, strike.hold->until);
    /* What it is to wait for may have happened before: then it does not wait. */
    if (strike.hold->until && is_met(run, strike.hold->until))
        pf_keep_met(run, strike.hold->until);
    return false;
}

void pf_inject_end(const struct pf_run *run, struct pf_ev_end *end)
{
    const struct pf_inject *inject = run->inject;
    end->met_count = inject ? run->trial->fault_count : 0;
    end->met = pf_arena_alloc(run->trace->arena, (end->met_count + 1) * sizeof(*end->met));
    for (size_t i = 0; inject && i < inject->watch_count; i++)
        if (!inject->watches[i].until)
            end->met[inject->watches[i].fault] = inject->watches[i].most;
}

void pf_inject_tick(struct pf_run *run)
{
    struct pf_inject *inject = run->inject;
    if (!run->started_ns || run->decided || inject->watch_count == 0)
        return;
    uint64_t now = pf_run_now(run);
    for (size_t i = 0; i < inject->watch_count; i++) {
        struct watch *watch = &inject->watches[i];
        if (watch->trigger->kind != PF_TRIGGER_AFTER || inject->timed_out[i] ||
            run->started_ns + watch->trigger->after_ns > now)
            continue;
        inject->timed_out[i] = true;
        struct pf_occurrence occurrence = {
            .kind = PF_TRIGGER_AFTER, .process = run->root, .at = watch->trigger->text};
        struct strike strike = {
            .run = run, .occurrence = &occurrence, .grip = &(struct pf_grip){0}, .count = 1};
        meet_watch(watch, &strike);
    }
}

uint64_t pf_inject_due(const struct pf_run *run)
{
    const struct pf_inject *inject = run->inject;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; run->started_ns && i < inject->watch_count; i++) {
        const struct pf_trigger *trigger = inject->watches[i].trigger;
        if (trigger->kind == PF_TRIGGER_AFTER && !inject->timed_out[i] &&
            run->started_ns + trigger->after_ns < due)
            due = run->started_ns + trigger->after_ns;
    }
    return due;
}
