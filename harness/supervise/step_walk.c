/* The calls that a thread is in and somebody wants to know about: where it enters them, what each of its
 * steps means for them, and how they end. */
#include <stdlib.h>

#include "supervise/inject.h"
#include "supervise/select.h"
#include "supervise/step_internal.h"

/* A repeated instruction with more turns is not worth single steps. */
enum { LEAP_TURNS = 3 };

static void end_call(struct pf_run *run, struct pf_task *task, struct pf_followed *call, enum pf_ended ended)
{
    if (call->recording)
        pf_recording_end(run, task, call, ended);
    run->step->sleepers -= call->asleep;
    free(call);
}

void pf_walk_end(struct pf_run *run, struct pf_task *task, enum pf_ended ended)
{
    struct pf_walk *walk = task->walk;
    task->walk = NULL;
    for (struct pf_followed *call = walk ? walk->calls : NULL, *next; call; call = next) {
        next = call->next;
        end_call(run, task, call, ended);
    }
    free(walk);
}

/* Carries out what the plan wants at this instruction. Returns false when the thread must not go on: it was
 * killed or is held. */
bool pf_walk_strike(struct pf_run *run, struct pf_task *task, const struct pf_followed *call)
{
    const struct pf_trigger *trigger = run->step->aims[call->aim].trigger;
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_STEP,
                                       .process = task->process,
                                       .task = task,
                                       .at = trigger->text,
                                       .trigger = trigger,
                                       .count = call->number};
    struct pf_grip grip = {.kind = call->asleep ? PF_GRIP_NONE : PF_GRIP_STEP_STOP};
    return pf_inject_meet(run, &occurrence, &grip);
}

/* The call stands before an instruction of its own. Returns whether it is to be followed further; *go:
 * whether the thread may go on. */
static bool reach(struct pf_run *run, struct pf_task *task, struct pf_followed *call, bool *go,
                  enum pf_ended *ret_ended)
{
    const struct pf_trigger *trigger = run->step->aims[call->aim].trigger;
    const struct pf_stand *stand = &task->walk->stand;
    if (call->recording) {
        *ret_ended = PF_ENDED_CUT;
        return pf_recording_add(call->recording, task->tid, stand);
    }
    if (call->done < trigger->instruction)
        return true;
    *ret_ended = PF_ENDED_LEFT;
    if (call->done > trigger->instruction)
        return false;
    if (!trigger->asleep) {
        *go &= pf_walk_strike(run, task, call);
        return false;
    }
    call->asleep = stand->call;
    run->step->sleepers += stand->call;
    return stand->call;
}

/* How the call ended, when it has. */
static bool has_ended(const struct pf_task *task, const struct pf_followed *call, enum pf_ended *ret_ended)
{
    const struct pf_stand *stand = &task->walk->stand;
    if (stand->sp <= call->sp)
        return false;
    bool returned = stand->ip == call->ret && stand->sp == call->sp + sizeof(uint64_t);
    /* Further up on its own stack, it was left by longjmp; on another one, it is a coroutine's turn. */
    if (!returned && !pf_thread_same_mapping(task->tid, call->sp, stand->sp))
        return false;
    *ret_ended = returned ? PF_ENDED_RETURNED : PF_ENDED_LEFT;
    return true;
}

/* The thread has come to another instruction. Returns whether the call is to be followed further. */
static bool advance(struct pf_run *run, struct pf_task *task, struct pf_followed *call, bool *go,
                    enum pf_ended *ret_ended)
{
    if (has_ended(task, call, ret_ended))
        return false;
    call->done++;
    run->step->sleepers -= call->asleep;
    call->asleep = false;
    return reach(run, task, call, go, ret_ended);
}

static bool advance_all(struct pf_run *run, struct pf_task *task)
{
    bool go = true;
    for (struct pf_followed **link = &task->walk->calls; *link;) {
        struct pf_followed *call = *link;
        enum pf_ended ended = PF_ENDED_RETURNED;
        if (advance(run, task, call, &go, &ended)) {
            link = &call->next;
            continue;
        }
        *link = call->next;
        end_call(run, task, call, ended);
    }
    return go;
}

/* A signal handler that the thread was to come back from has jumped out of the calls that are followed. */
static void forget_left_walk(struct pf_run *run, struct pf_task *task, const struct pf_stand *stand)
{
    const struct pf_walk *walk = task->walk;
    if (walk && walk->leap_to && stand->sp > walk->leap_sp &&
        pf_thread_same_mapping(task->tid, walk->leap_sp, stand->sp)) {
        pf_walk_end(run, task, PF_ENDED_LEFT);
        task->armed = 0;
    }
}

/* Counts it for the address that proc= is about; 0: the trigger is not about this thread. */
static uint64_t count_call(struct pf_run *run, struct pf_task *task, size_t index)
{
    const struct pf_trigger *trigger = run->step->aims[index].trigger;
    struct pf_occurrence occurrence = {
        .kind = PF_TRIGGER_STEP, .process = task->process, .task = task, .trigger = trigger};
    if (!pf_select_matches(trigger, &occurrence))
        return 0;
    if (!pf_select_by_thread(trigger))
        return ++task->process->code->calls[index];
    if (!task->calls)
        task->calls = pf_arena_alloc(run->trace->arena, run->step->aim_count * sizeof(*task->calls));
    return ++task->calls[index];
}

/*
 * Lets the thread run to the waypoint, if there is one. It stops there each time that it comes by; and where
 * the call returns to, should it take another way than it did.
 */
static bool set_out(struct pf_run *run, struct pf_task *task, struct pf_followed *call)
{
    const struct pf_waypoint *waypoint = &run->step->aims[call->aim].trigger->waypoint;
    struct pf_walk *walk = task->walk;
    if (!waypoint->occurrence || call->recording || walk->calls || !call->ret || run->step->aim_count > 1 ||
        task->process->code->place_count >= PF_STEP_PLACES)
        return false;
    walk->leap_to = walk->stand.ip + (uint64_t)waypoint->distance;
    walk->leap_sp = call->sp;
    walk->arrivals = waypoint->occurrence;
    return true;
}

/* Is this a stop on the way to a waypoint? */
bool pf_walk_take_way(struct pf_run *run, struct pf_task *task, const struct pf_stand *stand, bool *go)
{
    struct pf_walk *walk = task->walk;
    struct pf_followed *call = walk->calls;
    bool returned = stand->ip == call->ret && stand->sp == call->sp + sizeof(uint64_t);
    if (!returned && stand->ip != walk->leap_to)
        return false;
    if (returned || (stand->sp > call->sp && pf_thread_same_mapping(task->tid, call->sp, stand->sp))) {
        pf_walk_end(run, task, PF_ENDED_LEFT);
        task->armed = 0;
        return true;
    }
    if (--walk->arrivals > 0)
        return true;
    walk->leap_to = 0;
    walk->stand = *stand;
    task->armed = 0;
    call->done = run->step->aims[call->aim].trigger->waypoint.instruction;
    enum pf_ended ended;
    if (!reach(run, task, call, go, &ended)) {
        walk->calls = NULL;
        end_call(run, task, call, ended);
    }
    return true;
}

/* The thread stands before the first instruction of a function. */
bool pf_walk_enter(struct pf_run *run, struct pf_task *task, size_t index, const struct pf_stand *stand)
{
    const struct pf_aim *aim = &run->step->aims[index];
    struct pf_code *code = task->process->code;
    uint64_t number = count_call(run, task, index);
    code->version += pf_code_is_exhausted(aim->trigger, code->calls[index]);
    forget_left_walk(run, task, stand);
    /* In a handler that interrupted a call which is followed, nothing is followed. */
    bool leaps = task->walk && task->walk->leap_to;
    if (number == 0 || leaps || !pf_select_is_due(aim->trigger, number))
        return true;
    if (!task->walk)
        task->walk = calloc(1, sizeof(*task->walk));
    struct pf_followed *call = calloc(1, sizeof(*call));
    if (!task->walk || !call)
        abort(); /* as everywhere in the harness when memory is out: see arena.h */
    task->walk->stand = *stand;
    *call = (struct pf_followed){.aim = index, .number = number, .sp = stand->sp, .next = task->walk->calls};
    (void)pf_thread_word(task->tid, stand->sp, &call->ret);
    if (aim->record)
        call->recording = pf_recording_begin(task, call->ret);
    bool go = true;
    enum pf_ended ended;
    if (set_out(run, task, call) || reach(run, task, call, &go, &ended))
        task->walk->calls = call;
    else
        end_call(run, task, call, ended);
    return go;
}

/* A repeated instruction traps after each turn; those that count are the first, the middle and the last. */
static bool is_between_turns(struct pf_walk *walk, const struct pf_stand *stand)
{
    bool same =
        walk->turns && stand->ip == walk->stand.ip && stand->turns < walk->stand.turns && stand->turns > 0;
    if (!same)
        walk->turns = stand->turns;
    return same && walk->turns - stand->turns != walk->turns / 2 && stand->turns != 1;
}

bool pf_walk_arrive(struct pf_run *run, struct pf_task *task, const struct pf_stand *stand)
{
    struct pf_walk *walk = task->walk;
    bool between = is_between_turns(walk, stand);
    walk->stand = *stand;
    return between || advance_all(run, task);
}

/* Nobody wants to stop within the repeated instruction that comes next: run to its end. */
void pf_walk_leap(struct pf_walk *walk, pid_t tid, const struct pf_run *run)
{
    const struct pf_stand *stand = &walk->stand;
    if (stand->turns <= LEAP_TURNS || stand->turns != walk->turns)
        return;
    for (const struct pf_followed *call = walk->calls; call; call = call->next) {
        uint64_t target = run->step->aims[call->aim].trigger->instruction;
        if (!call->recording && (target == call->done + 1 || target == call->done + 2))
            return;
    }
    for (struct pf_followed *call = walk->calls; call; call = call->next)
        for (int inside = 0; inside < 2; inside++) {
            call->done++;
            if (call->recording)
                pf_recording_add(call->recording, tid, stand);
        }
    walk->leap_to = stand->behind;
    walk->leap_sp = stand->sp;
}
