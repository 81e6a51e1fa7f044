#include "supervise/traced.h"

#include <sys/ptrace.h>

#include "faults/strike.h"
#include "model/signature.h"
#include "supervise/inject.h"
#include "supervise/intercept.h"
#include "supervise/keep.h"
#include "supervise/lifecycle.h"
#include "supervise/limit.h"
#include "supervise/names.h"
#include "supervise/record.h"
#include "supervise/step.h"

/* What is known of a call between its entry and its exit. */
struct pf_traced {
    struct pf_call call;
    struct pf_answer answer;
    struct pf_shortened shortened;
};

void pf_traced_request(const struct pf_call *call, struct pf_request *ret_request)
{
    struct pf_signature signature = pf_signature_of(call->number);
    *ret_request = (struct pf_request){
        .bytes = signature.bytes, .vector = signature.vector, .message = signature.message};
    for (size_t i = 0; i < PF_CALL_ARGUMENTS; i++)
        ret_request->arguments[i] = call->arguments[i];
}

static int64_t result_of(const struct pf_answer *answer)
{
    return answer->error ? -(int64_t)answer->error : answer->value;
}

void pf_traced_enter(struct pf_run *run, struct pf_task *task)
{
    struct __ptrace_syscall_info info = {0};
    struct pf_grip grip = {.kind = PF_GRIP_CALL_STOP};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) <= 0) {
        pf_lifecycle_resume(run, task, 0);
        return;
    }
    if (!task->traced)
        task->traced = pf_arena_alloc(run->trace->arena, sizeof(*task->traced));
    *task->traced = (struct pf_traced){.call = {.number = (int)info.seccomp.nr}};
    for (size_t i = 0; i < PF_CALL_ARGUMENTS; i++)
        task->traced->call.arguments[i] = info.seccomp.args[i];
    pf_record_enter(run, task, &task->traced->call);
    if (pf_intercept_call(run, task, &task->traced->call, &grip))
        pf_traced_go(run, task, &grip.answer);
}

void pf_traced_go(struct pf_run *run, struct pf_task *task, const struct pf_answer *answer)
{
    struct pf_traced *traced = task->traced;
    traced->answer = *answer;
    if (answer->replaced) {
        pf_strike_replace(task->tid, answer->instead);
    } else if (answer->skip) {
        pf_strike_replace(task->tid, -1);
        pf_strike_result(task->tid, result_of(answer));
    } else if (answer->at_most) {
        struct pf_request request;
        pf_traced_request(&traced->call, &request);
        pf_strike_shorten(task->tid, &request, answer->at_most, &traced->shortened);
    }
    bool watched = pf_filter_watches(run->kept->filter, traced->call.number);
    task->in_call = watched || task->recording || answer->replaced || answer->at_most || answer->pokes ||
                    answer->delay_exit_ns;
    pf_lifecycle_resume(run, task, 0);
}

/* A call that may fail for want of a limited resource is on its way out. */
static void check_limit(struct pf_run *run, struct pf_task *task)
{
    struct __ptrace_syscall_info info = {0};
    int call = task->traced->call.number;
    const struct pf_answer *answer = &task->traced->answer;
    if (answer->skip || answer->replaced || !pf_filter_watches(run->kept->filter, call) ||
        ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_EXIT || !info.exit.is_error)
        return;
    pf_limit_check_call(run, task, call, (int)-info.exit.rval);
}

static void poke_at_exit(struct pf_run *run, struct pf_task *task)
{
    const struct pf_traced *traced = task->traced;
    for (const struct pf_exit_poke *poke = traced->answer.pokes; poke; poke = poke->next) {
        struct pf_ev_inject inject = {.fault = poke->fault,
                                      .thread = task->address,
                                      .at = poke->at,
                                      .occurrence = poke->occurrence,
                                      .action = pf_arena_strdup(run->trace->arena, poke->action->text)};
        if (pf_inject_poke(task, &traced->call, poke->action) == 0)
            pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_INJECT, .inject = inject});
    }
}

void pf_traced_return(struct pf_run *run, struct pf_task *task)
{
    if (!task->in_call) {
        pf_lifecycle_resume(run, task, 0);
        return;
    }
    task->in_call = false;
    const struct pf_traced *traced = task->traced;
    const struct pf_answer *answer = &traced->answer;
    pf_record_leave(run, task);
    check_limit(run, task);
    pf_strike_restore(task->tid, &traced->shortened);
    poke_at_exit(run, task);
    if (answer->replaced && answer->skip)
        pf_strike_result(task->tid, result_of(answer));
    struct pf_grip grip = {.kind = PF_GRIP_RETURN_STOP};
    if (answer->delay_exit_ns)
        pf_keep_for(run, task, &grip, answer->delay_exit_fault, answer->delay_exit_ns);
    else
        pf_step_call_ended(run, task);
}
