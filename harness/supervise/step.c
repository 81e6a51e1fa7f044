/* Calls of functions: counted where they begin, followed by single steps, struck at their n-th instruction.
 */
#include "supervise/step.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "probe/procfs.h"
#include "supervise/grip.h"
#include "supervise/lifecycle.h"
#include "supervise/step_internal.h"

enum {
    STEPS_A_TURN = 400, /* then the other events have their turn */
    SPINS = 2000,       /* looks for the end of a step before the thread is left to itself: it sleeps */
};

static const uint64_t LOOK_NS = 300 * 1000; /* between looks at calls that are to fall asleep */

/* Codes of a SIGTRAP that single-stepping and debug registers send; HANDLER comes by ptrace_notify. */
enum { CODE_CALL = 1, CODE_STEP = 2, CODE_REGISTER = 4, CODE_HANDLER = 5 };

static void add_aim(struct pf_run *run, const struct pf_trigger *trigger, bool record)
{
    if (!trigger || trigger->kind != PF_TRIGGER_STEP)
        return;
    if (!run->step) {
        run->step = pf_arena_alloc(run->trace->arena, sizeof(*run->step));
        if (!run->kept->functions)
            run->kept->functions = pf_functions_new();
        run->step->functions = run->kept->functions;
        pf_functions_next(run->step->functions);
    }
    struct pf_aim *aim =
        pf_arena_grow(run->trace->arena, &run->step->aims, &run->step->aim_count, sizeof(*aim));
    *aim = (struct pf_aim){.trigger = trigger, .record = record};
}

void pf_step_init(struct pf_run *run)
{
    for (size_t i = 0; i < run->trial->fault_count; i++) {
        const struct pf_fault *fault = &run->trial->faults[i];
        add_aim(run, &fault->trigger, false);
        for (size_t k = 0; k < fault->action_count; k++)
            add_aim(run, fault->actions[k].until, false);
    }
    add_aim(run, run->trial->steps, true);
}

void pf_step_free(struct pf_run *run)
{
    run->step = NULL;
}

static bool concerns(const struct pf_run *run, const struct pf_process *process)
{
    for (size_t i = 0; i < run->step->aim_count; i++)
        if (pf_code_concerns(&run->step->aims[i], process))
            return true;
    return false;
}

void pf_step_exec(struct pf_run *run, struct pf_task *task)
{
    if (!run->step)
        return;
    pf_walk_end(run, task, PF_ENDED_EXEC);
    /* The kernel has cleared the debug registers; what has been counted stays. */
    task->armed = 0;
    struct pf_code *code = task->process->code;
    if (code)
        *code = (struct pf_code){.calls = code->calls};
    if (!concerns(run, task->process))
        return;
    pf_code_read(run, task->process);
    pf_code_arm(run, task);
}

/* A new process has the memory of the one that made it, and counts its own calls. */
void pf_step_born(struct pf_run *run, struct pf_task *task)
{
    struct pf_process *process = task->process;
    if (!run->step || !process->execed || !concerns(run, process))
        return;
    if (!process->code)
        pf_code_read(run, process);
    pf_code_arm(run, task);
}

void pf_step_refresh(struct pf_run *run, struct pf_task *task)
{
    if (run->step && task->started)
        pf_code_arm(run, task);
}

void pf_step_forget(struct pf_run *run, struct pf_task *task)
{
    if (run->step)
        pf_walk_end(run, task, PF_ENDED_EXIT);
}

/* A handler may come by where the call is waited for: what it does there would be taken for the call's. */
void pf_step_signal(struct pf_run *run, struct pf_task *task)
{
    if (!task->walk || !task->walk->arrivals)
        return;
    pf_walk_end(run, task, PF_ENDED_LEFT);
    task->armed = 0;
    pf_code_arm(run, task);
}

/* The threads of the process have to know of places that came with a library. They stop before they execute
 * anything more, so that none of them gets there first. */
static void hand_out(void *context, struct pf_task *task)
{
    struct pf_run *run = context;
    const struct pf_code *code = task->process->code;
    if (!code || task->armed == code->version || !task->started)
        return;
    pf_code_arm(run, task);
    if (task->armed != code->version)
        ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL);
}

static void load(struct pf_run *run, struct pf_task *task)
{
    uint64_t before = task->process->code->version;
    pf_code_read(run, task->process);
    if (task->process->code->version != before)
        pf_tasks_each(&run->tasks, hand_out, run);
}

/* A signal handler's instructions do not count: it runs until it comes back. (Nor may it be stepped: a trap
 * while SIGTRAP is blocked, as in the program's own handler of it, would make the kernel forget that
 * handler.) */
static void leave_to_handler(struct pf_task *task, const struct pf_stand *stand)
{
    struct pf_walk *walk = task->walk;
    (void)pf_thread_handler_return(task->tid, stand->sp, &walk->leap_to, &walk->leap_sp);
}

static bool is_ours(const struct pf_task *task, int code)
{
    const struct pf_walk *walk = task->walk;
    switch (code) {
    case CODE_REGISTER:
        return task->armed > 0;
    case CODE_STEP:
    case CODE_HANDLER:
        return walk && !walk->leap_to;
    case CODE_CALL:
        return walk && !walk->leap_to && walk->stand.call;
    default:
        return false;
    }
}

/* A stop that is ours. Returns whether the thread may go on. */
static bool handle(struct pf_run *run, struct pf_task *task, int code)
{
    struct pf_stand stand;
    if (pf_thread_stand(task->tid, &stand) < 0)
        return false; /* killed meanwhile */
    struct pf_walk *walk = task->walk;
    if (code == CODE_HANDLER) {
        leave_to_handler(task, &stand);
        return true;
    }
    if (code == CODE_CALL && stand.restarts)
        return true; /* a signal has interrupted the call, which is then made again, or fails behind the
                        handler */
    if (code != CODE_REGISTER)
        return pf_walk_arrive(run, task, &stand);
    if (walk && !walk->arrivals && walk->leap_to == stand.ip && walk->leap_sp == stand.sp) {
        walk->leap_to = 0;
        task->armed = 0;
        /* The instruction that a signal came before is still to be executed. */
        bool same = stand.ip == walk->stand.ip && stand.turns == walk->stand.turns;
        return same || pf_walk_arrive(run, task, &stand);
    }
    bool go = true;
    if (walk && walk->arrivals && pf_walk_take_way(run, task, &stand, &go))
        return go;
    const struct pf_code *known = task->process->code;
    if (stand.ip == known->loader)
        load(run, task);
    for (size_t i = 0; i < known->place_count; i++)
        if (known->places[i].address == stand.ip)
            go &= pf_walk_enter(run, task, known->places[i].aim, &stand);
    return go;
}

static void go_on(struct pf_run *run, struct pf_task *task)
{
    struct pf_walk *walk = task->walk;
    if (walk && !walk->calls) {
        free(walk);
        task->walk = walk = NULL;
    }
    if (walk && !walk->leap_to)
        pf_walk_leap(walk, task->tid, run);
    if (walk && walk->leap_to)
        task->armed = 0;
    pf_code_arm(run, task);
    pf_lifecycle_resume(run, task, 0);
}

/* Waits a moment for the end of a step. Returns the wait status; 0: the thread sleeps, or runs for longer. */
static int await_step(const struct pf_task *task)
{
    for (int spins = 0; spins < SPINS; spins++) {
        int status;
        if (waitpid(task->tid, &status, __WALL | WNOHANG) == task->tid)
            return status;
        if (spins % 8 == 7)
            sched_yield();
    }
    return 0;
}

static bool step_code(pid_t tid, int status, int *ret_code)
{
    siginfo_t info;
    if (!WIFSTOPPED(status) || status >> 8 != SIGTRAP || ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) < 0)
        return false;
    *ret_code = info.si_code;
    return true;
}

/* Follows the thread from this stop on, for as long as it takes steps and others need not be heard. */
static void follow(struct pf_run *run, struct pf_task *task, int code)
{
    for (int steps = 0;; steps++) {
        if (!handle(run, task, code))
            return;
        go_on(run, task);
        if (!task->walk || task->walk->leap_to)
            return;
        if (steps == STEPS_A_TURN) {
            run->step->turn_over = true;
            return;
        }
        int status = await_step(task);
        if (status == 0)
            return;
        run->moved_ns = pf_run_now(run);
        if (!step_code(task->tid, status, &code) || !is_ours(task, code)) {
            pf_lifecycle_take(run, task->tid, status);
            return;
        }
    }
}

bool pf_step_take(struct pf_run *run, struct pf_task *task)
{
    int code;
    if (!run->step || !step_code(task->tid, SIGTRAP << 8 | 0x7f, &code) || !is_ours(task, code))
        return false;
    follow(run, task, code);
    return true;
}

void pf_step_call_ended(struct pf_run *run, struct pf_task *task)
{
    if (is_ours(task, CODE_CALL))
        follow(run, task, CODE_CALL);
    else
        pf_lifecycle_resume(run, task, 0);
}

bool pf_step_single(const struct pf_task *task)
{
    return task->walk && !task->walk->leap_to;
}

void pf_step_turn(struct pf_run *run)
{
    if (run->step)
        run->step->turn_over = false;
}

bool pf_step_turn_over(const struct pf_run *run)
{
    return run->step && run->step->turn_over;
}

/* A call that was made a moment ago may only be on its way to sleep or back: asleep is who was so twice. */
static bool sleeps(const struct pf_run *run, const struct pf_task *task, struct pf_followed *call)
{
    struct pf_task_call state;
    struct pollfd notified = {.fd = run->launched.notify_fd, .events = POLLIN};
    bool inside = !task->held && poll(&notified, 1, 0) == 0 &&
                  pf_proc_call(task->process->pid, task->tid, &state) == 0 && state.state == PF_CALL_INSIDE;
    bool again = inside && call->seen_asleep;
    call->seen_asleep = inside;
    return again;
}

static void look_at(void *context, struct pf_task *task)
{
    struct pf_run *run = context;
    if (!task->walk)
        return;
    for (struct pf_followed *call = task->walk->calls; call; call = call->next)
        if (call->asleep && sleeps(run, task, call)) {
            (void)pf_walk_strike(run, task, call);
            call->asleep = false;
            run->step->sleepers--;
        }
}

void pf_step_tick(struct pf_run *run)
{
    struct pf_step *step = run->step;
    uint64_t now = pf_run_now(run);
    if (!step || step->sleepers == 0 || now < step->look_ns || run->decided)
        return;
    step->look_ns = now + LOOK_NS;
    pf_tasks_each(&run->tasks, look_at, run);
}

uint64_t pf_step_due(const struct pf_run *run)
{
    if (!run->step)
        return UINT64_MAX;
    return run->step->turn_over ? 0 : run->step->sleepers ? run->step->look_ns : UINT64_MAX;
}
