#include "supervise/lifecycle.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/birth.h"
#include "supervise/death.h"
#include "supervise/descriptors.h"
#include "supervise/exec.h"
#include "supervise/limit.h"
#include "supervise/memory.h"
#include "supervise/names.h"
#include "supervise/newborn.h"
#include "supervise/step.h"
#include "supervise/strikes.h"
#include "supervise/terminal.h"
#include "supervise/traced.h"
#include "supervise/usage.h"

void pf_lifecycle_resume(struct pf_run *run, const struct pf_task *task, int signal)
{
    (void)run;
    int request = task->in_call ? PTRACE_SYSCALL : pf_step_single(task) ? PTRACE_SINGLESTEP : PTRACE_CONT;
    ptrace(request, task->tid, NULL, (unsigned long)signal);
}

static unsigned long event_message(pid_t tid)
{
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message);
    return message;
}

static const char *name_sender(struct pf_run *run, struct pf_process *process, const siginfo_t *info)
{
    uint64_t bit = 1ULL << (info->si_signo - 1);
    bool by_user = info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE;
    bool by_harness = info->si_pid == 0 || info->si_pid == getpid();
    if (!by_user)
        return "kernel";
    if (by_harness && (process->injected & bit)) {
        process->injected &= ~bit;
        return "pitfall";
    }
    if (info->si_pid <= 0)
        return "outside";
    struct pf_process *sender = pf_tasks_process_by_tree_pid(&run->tasks, info->si_pid);
    if (sender) {
        process->sender = sender;
        return sender->address;
    }
    /* Inside a PID namespace of the program's own, the number may be anybody's. */
    return process->nested ? "unknown" : "outside";
}

static void deliver_signal(struct pf_run *run, struct pf_task *task, int number)
{
    siginfo_t info = {.si_signo = number};
    /* The end of a child is an event of its own. */
    if (number != SIGCHLD && ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info) == 0) {
        struct pf_ev_signal signal = {.thread = task->address,
                                      .number = (uint64_t)number,
                                      .name = pf_signal_name(number),
                                      .sender = name_sender(run, task->process, &info)};
        pf_memory_look(run, task->process, &info, &signal);
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_SIGNAL, .signal = signal});
        pf_limit_check_stack(run, task, &info);
        if (number == SIGINT && task->process == run->root && info.si_code == SI_KERNEL && run->own_tty >= 0)
            run->tty_interrupts++;
        if (number == SIGALRM && task->process->one_shot)
            task->process->interval_timer = false;
    }
    pf_step_signal(run, task);
    pf_lifecycle_resume(run, task, number);
}

static bool is_stop_signal(int number)
{
    return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* A seized thread's own stops: its first, job control, and SIGCONT after job control. */
static void take_plain_stop(struct pf_run *run, struct pf_task *task, int number)
{
    pf_step_refresh(run, task);
    if (pf_strikes_take(run, task))
        return;
    if (is_stop_signal(number)) {
        task->stopped = true;
        ptrace(PTRACE_LISTEN, task->tid, NULL, NULL);
        if (task->process == run->root && !task->process->paused)
            pf_terminal_stopped(run);
        return;
    }
    task->stopped = false;
    if (!task->started)
        pf_birth_start(run, task);
    else
        pf_lifecycle_resume(run, task, 0);
}

static void take_stop(struct pf_run *run, pid_t tid, int status)
{
    int event = status >> 16, number = WSTOPSIG(status);
    if (event == PTRACE_EVENT_EXEC) {
        pf_exec_take(run, tid, (pid_t)event_message(tid));
        return;
    }
    struct pf_task *task = pf_tasks_find(&run->tasks, tid);
    if (!task) {
        /* One that dies before its birth is told stops once more, on its way out. */
        if (event == PTRACE_EVENT_EXIT)
            ptrace(PTRACE_CONT, tid, NULL, NULL);
        else
            pf_newborn_wait(run, tid);
        return;
    }
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        pf_birth_tell(run, task, (pid_t)event_message(tid), event);
        pf_lifecycle_resume(run, task, 0);
        break;
    case PTRACE_EVENT_EXIT:
        pf_descriptors_leave(run, task);
        ptrace(PTRACE_CONT, tid, NULL, NULL);
        break;
    case PTRACE_EVENT_SECCOMP:
        pf_traced_enter(run, task);
        break;
    case PTRACE_EVENT_STOP:
        take_plain_stop(run, task, number);
        break;
    default:
        if (number == (SIGTRAP | 0x80))
            pf_traced_return(run, task);
        else if (number != SIGTRAP || !pf_step_take(run, task))
            deliver_signal(run, task, number);
        break;
    }
}

static void take(struct pf_run *run, pid_t tid, int status, const char *name)
{
    run->moved_ns = pf_run_now(run);
    struct pf_containment *containment = run->launched.containment;
    if (tid == containment->init)
        containment->init = 0;
    else if (WIFSTOPPED(status))
        take_stop(run, tid, status);
    else
        pf_death_take(run, tid, status, name);
}

void pf_lifecycle_take(struct pf_run *run, pid_t tid, int status)
{
    take(run, tid, status, NULL);
}

/* A process that ended can still be asked, as long as it is not reaped. Returns the name of one that failed.
 */
static const char *ask_ended(struct pf_run *run, const siginfo_t *info)
{
    bool killed = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
    bool failed = killed || (info->si_code == CLD_EXITED && info->si_status != 0);
    if (killed || info->si_code == CLD_EXITED)
        pf_usage_take(run, info->si_pid);
    return failed && !run->follows_execs ? pf_usage_name(run, info->si_pid) : NULL;
}

size_t pf_lifecycle_serve(struct pf_run *run)
{
    size_t served = 0;
    bool decided = run->decided;
    pf_step_turn(run);
    /* A tree that grows without end would keep this busy without end. */
    for (; run->decided == decided; served++) {
        siginfo_t info = {.si_pid = 0};
        int status;
        if (pf_step_turn_over(run))
            return served;
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) < 0 || info.si_pid == 0)
            return served;
        const char *name = ask_ended(run, &info);
        if (waitpid(info.si_pid, &status, __WALL | WNOHANG) == info.si_pid)
            take(run, info.si_pid, status, name);
    }
    return served;
}
