#include "supervise/birth.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/inject.h"
#include "supervise/lifecycle.h"
#include "supervise/nesting.h"
#include "supervise/newborn.h"
#include "supervise/pidfd.h"
#include "supervise/quiet.h"
#include "supervise/step.h"
#include "supervise/usage.h"

void pf_birth_begin(struct pf_run *run, struct pf_task *task, bool of_thread)
{
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_START,
                                       .process = task->process,
                                       .task = task,
                                       .of_thread = of_thread,
                                       .at = "start"};
    if (pf_inject_meet(run, &occurrence, &(struct pf_grip){.kind = PF_GRIP_FIRST_STOP}) || !task->held)
        pf_lifecycle_resume(run, task, 0);
}

void pf_birth_start(struct pf_run *run, struct pf_task *task)
{
    task->started = true;
    pf_step_born(run, task);
    bool of_thread = task->tid != task->process->pid;
    if (of_thread || task->process->maker)
        pf_birth_begin(run, task, of_thread);
    else
        pf_lifecycle_resume(run, task, 0);
}

/* maker: the thread that is in the call; NULL: it cannot be asked. */
static struct pf_task *bear_process(struct pf_run *run, struct pf_process *parent,
                                    const struct pf_task *maker, pid_t tid, const char *how)
{
    pid_t tree = pf_tree_tid(run->kept->standing.pid_namespace_fd, tid);
    pf_usage_bear(parent);
    struct pf_task *task = pf_tasks_add_process(&run->tasks, parent, tid, tree, pf_inject_counters(run));
    struct pf_ev_fork fork = {.process = task->address,
                              .parent = parent ? parent->address : NULL,
                              .pid = (uint64_t)tree,
                              .how = how};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_FORK, .fork = fork});
    pf_nesting_born(run, parent, maker, task->process);
    if (run->trial->max_processes && run->tasks.living > run->trial->max_processes)
        pf_run_decide(run, PF_VERDICT_OVERGROWN, 0);
    return task;
}

static struct pf_task *bear_thread(struct pf_run *run, const struct pf_task *maker, pid_t tid)
{
    pid_t tree = pf_tree_tid(run->kept->standing.pid_namespace_fd, tid);
    struct pf_task *task = pf_tasks_add_thread(&run->tasks, maker->process, tid, tree);
    struct pf_ev_thread thread = {.thread = task->address, .by = maker->address, .tid = (uint64_t)tree};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_THREAD, .thread = thread});
    return task;
}

static struct pf_task *bear(struct pf_run *run, struct pf_task *maker, pid_t tid, int event)
{
    if (event == PTRACE_EVENT_FORK)
        return bear_process(run, maker->process, maker, tid, "fork");
    if (event == PTRACE_EVENT_VFORK)
        return bear_process(run, maker->process, maker, tid, "vfork");
    if (syscall(SYS_tgkill, maker->process->pid, tid, 0) == 0)
        return bear_thread(run, maker, tid);
    return bear_process(run, maker->process, maker, tid, "clone");
}

void pf_birth_tell(struct pf_run *run, struct pf_task *maker, pid_t tid, int event)
{
    /* The news comes late: the newborn was adopted and has ended since, or was killed before it could begin.
     */
    if (kill(tid, 0) < 0 && errno == ESRCH)
        return;
    struct pf_task *adopted = pf_tasks_find(&run->tasks, tid);
    struct pf_task *task = adopted ? adopted : bear(run, maker, tid, event);
    if (event == PTRACE_EVENT_VFORK)
        maker->vfork_child = task->address;
    if (adopted)
        return;
    pf_quiet_add(run, task);
    if (pf_newborn_forget(run, tid))
        pf_birth_start(run, task);
}

void pf_birth_root(struct pf_run *run)
{
    struct pf_task *task = bear_process(run, NULL, NULL, run->launched.root, "launch");
    task->started = true;
    run->root = task->process;
    pf_quiet_add(run, task);
    pf_lifecycle_resume(run, task, 0);
}

void pf_birth_adopt(struct pf_run *run, struct pf_process *parent, pid_t pid)
{
    struct pf_task *task = bear_process(run, parent, NULL, pid, "fork");
    pf_quiet_add(run, task);
    pf_birth_start(run, task);
}

static void end_vfork(void *context, struct pf_task *task)
{
    const struct pf_process *child = context;
    if (task->vfork_child && strcmp(task->vfork_child, child->address) == 0)
        task->vfork_child = NULL;
}

void pf_birth_end_vfork(struct pf_run *run, const struct pf_process *child)
{
    pf_tasks_each(&run->tasks, end_vfork, (void *)child);
}
