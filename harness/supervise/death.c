#include "supervise/death.h"

#include <sys/wait.h>

#include "supervise/birth.h"
#include "supervise/descriptors.h"
#include "supervise/inject.h"
#include "supervise/keep.h"
#include "supervise/names.h"
#include "supervise/newborn.h"
#include "supervise/quiet.h"
#include "supervise/record.h"
#include "supervise/step.h"
#include "supervise/usage.h"

static void take_thread_exit(struct pf_run *run, struct pf_task *task)
{
    pf_descriptors_forget(task);
    pf_record_drop(run, task);
    pf_keep_forget(run, task);
    pf_step_forget(run, task);
    pf_quiet_remove(run, task);
    struct pf_ev_thread_exit gone = {.thread = task->address};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_THREAD_EXIT, .thread_exit = gone});
    struct pf_occurrence occurrence = {
        .kind = PF_TRIGGER_EXIT, .process = task->process, .task = task, .of_thread = true, .at = "exit"};
    pf_inject_meet(run, &occurrence, &(struct pf_grip){0});
    pf_tasks_remove(&run->tasks, task);
}

struct rest {
    struct pf_run *run;
    const struct pf_process *process;
    const struct pf_task *keep;
};

static void drop_rest(void *context, struct pf_task *task)
{
    const struct rest *rest = context;
    if (task->process == rest->process && task != rest->keep)
        take_thread_exit(rest->run, task);
}

void pf_death_rest(struct pf_run *run, const struct pf_process *process, const struct pf_task *keep)
{
    pf_tasks_each(&run->tasks, drop_rest, &(struct rest){run, process, keep});
}

static void take_process_exit(struct pf_run *run, struct pf_process *process, int status, const char *name)
{
    struct pf_ev_exit exit = {.process = process->address, .signaled = WIFSIGNALED(status), .name = name};
    exit.code = (uint64_t)(exit.signaled ? WTERMSIG(status) : WEXITSTATUS(status));
    exit.signal = exit.signaled ? pf_signal_name(WTERMSIG(status)) : NULL;
    exit.core = exit.signaled && WCOREDUMP(status);
    if (process == run->root && !process->execed) {
        run->failed = true; /* it never became the program: not an event of the program's */
        return;
    }
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_EXIT, .exit = exit});
    pf_birth_end_vfork(run, process);
    run->last_ended = process;
    if (process == run->root)
        run->root_ended_ns = pf_run_now(run);
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_EXIT, .process = process, .at = "exit"};
    pf_inject_meet(run, &occurrence, &(struct pf_grip){0});
}

void pf_death_take(struct pf_run *run, pid_t tid, int status, const char *name)
{
    struct pf_task *task = pf_tasks_find(&run->tasks, tid);
    if (!task) {
        pf_newborn_forget(run, tid);
        return;
    }
    struct pf_process *process = task->process;
    if (tid != process->pid) {
        take_thread_exit(run, task);
        return;
    }
    /* The main thread is reported last, when the whole process is gone. */
    pf_death_rest(run, process, task);
    pf_record_drop(run, task);
    pf_keep_forget(run, task);
    pf_step_forget(run, task);
    pf_quiet_remove(run, task);
    pf_tasks_remove(&run->tasks, task);
    pf_usage_forget(process);
    pf_quiet_ended(run, process);
    take_process_exit(run, process, status, name);
}
