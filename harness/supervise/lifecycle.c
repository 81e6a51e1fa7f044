#include "supervise/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/descriptors.h"
#include "supervise/inject.h"
#include "supervise/keep.h"
#include "supervise/limit.h"
#include "supervise/memory.h"
#include "supervise/names.h"
#include "supervise/nesting.h"
#include "supervise/pidfd.h"
#include "supervise/quiet.h"
#include "supervise/record.h"
#include "supervise/step.h"
#include "supervise/strikes.h"
#include "supervise/terminal.h"
#include "supervise/traced.h"

enum { ARGV_BYTES = 4096, ARGV_MAX = 64, ARGUMENT_MAX = 256 };

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

/* The place for start triggers. */
static void begin(struct pf_run *run, struct pf_task *task, bool of_thread)
{
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_START,
                                       .process = task->process,
                                       .task = task,
                                       .of_thread = of_thread,
                                       .at = "start"};
    if (pf_inject_meet(run, &occurrence, &(struct pf_grip){.kind = PF_GRIP_FIRST_STOP}) || !task->held)
        pf_lifecycle_resume(run, task, 0);
}

/* The newborn's first stop. */
static void start(struct pf_run *run, struct pf_task *task)
{
    task->started = true;
    pf_step_born(run, task);
    bool of_thread = task->tid != task->process->pid;
    if (of_thread || task->process->maker)
        begin(run, task, of_thread);
    else
        pf_lifecycle_resume(run, task, 0);
}

static bool take_newborn(struct pf_run *run, pid_t tid)
{
    for (size_t i = 0; i < run->newborn_count; i++)
        if (run->newborns[i] == tid) {
            run->newborns[i] = run->newborns[--run->newborn_count];
            return true;
        }
    return false;
}

static struct pf_task *bear_process(struct pf_run *run, struct pf_task *maker, pid_t tid, const char *how)
{
    pid_t tree = pf_tree_tid(run->kept->standing.pid_namespace_fd, tid);
    struct pf_process *parent = maker ? maker->process : NULL;
    struct pf_task *task = pf_tasks_add_process(&run->tasks, parent, tid, tree, pf_inject_counters(run));
    struct pf_ev_fork fork = {.process = task->address,
                              .parent = parent ? parent->address : NULL,
                              .pid = (uint64_t)tree,
                              .how = how};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_FORK, .fork = fork});
    pf_nesting_born(run, maker, task->process);
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

static void bear(struct pf_run *run, struct pf_task *maker, int event)
{
    pid_t tid = (pid_t)event_message(maker->tid);
    struct pf_task *task;
    if (event == PTRACE_EVENT_FORK)
        task = bear_process(run, maker, tid, "fork");
    else if (event == PTRACE_EVENT_VFORK)
        task = bear_process(run, maker, tid, "vfork");
    else if (syscall(SYS_tgkill, maker->process->pid, tid, 0) == 0)
        task = bear_thread(run, maker, tid);
    else
        task = bear_process(run, maker, tid, "clone");
    if (event == PTRACE_EVENT_VFORK)
        maker->vfork_child = task->address;
    pf_quiet_add(run, task);
    if (take_newborn(run, tid))
        start(run, task);
}

/* A vfork child that execs or ends lets its parent go on. */
static void end_vfork(void *context, struct pf_task *task)
{
    const struct pf_process *child = context;
    if (task->vfork_child && strcmp(task->vfork_child, child->address) == 0)
        task->vfork_child = NULL;
}

static void read_command(struct pf_run *run, pid_t pid, struct pf_ev_exec *exec)
{
    struct pf_arena *arena = run->trace->arena;
    char path[64], text[ARGV_BYTES];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    ssize_t length = readlink(path, text, sizeof(text));
    if (length > 0)
        exec->path = pf_arena_strndup(arena, text, (size_t)length);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    for (ssize_t at = 0; at < length && exec->argv_count < ARGV_MAX;) {
        size_t size = strnlen(text + at, (size_t)(length - at));
        *(const char **)pf_arena_grow(arena, &exec->argv, &exec->argv_count, sizeof(*exec->argv)) =
            pf_arena_strndup(arena, text + at, size > ARGUMENT_MAX ? ARGUMENT_MAX : size);
        at += (ssize_t)size + 1;
    }
}

static void emit_thread_exit(struct pf_run *run, struct pf_task *task)
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
        emit_thread_exit(rest->run, task);
}

/* execve ends all other threads; the one that called it becomes the main thread, whichever it was. */
static struct pf_task *become_main(struct pf_run *run, pid_t pid)
{
    struct pf_task *caller = pf_tasks_find(&run->tasks, (pid_t)event_message(pid));
    if (!caller)
        caller = pf_tasks_find(&run->tasks, pid);
    if (!caller)
        return NULL;
    struct pf_process *process = caller->process;
    pf_tasks_each(&run->tasks, drop_rest, &(struct rest){run, process, caller});
    if (caller->tid != pid) {
        pf_quiet_remove(run, caller);
        pf_tasks_rename(&run->tasks, caller, pid, process->tree_pid, process->address);
        pf_quiet_add(run, caller);
    }
    return caller;
}

static void take_exec(struct pf_run *run, pid_t pid)
{
    struct pf_task *task = become_main(run, pid);
    if (!task) {
        ptrace(PTRACE_CONT, pid, NULL, NULL);
        return;
    }
    struct pf_process *process = task->process;
    pf_record_exec(run, task);
    struct pf_ev_exec exec = {.process = process->address};
    read_command(run, pid, &exec);
    process->posix_timer = false;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_EXEC, .exec = exec});
    pf_tasks_each(&run->tasks, end_vfork, process);
    bool first = process == run->root && !process->execed;
    process->execed = true;
    pf_step_exec(run, task);
    if (first) {
        ptrace(PTRACE_SETOPTIONS, pid, NULL,
               pf_launch_ptrace_options(run->follows_execs) | pf_descriptors_options(run));
        run->started_ns = pf_run_now(run);
        begin(run, task, false);
    } else {
        pf_lifecycle_resume(run, task, 0);
    }
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
        start(run, task);
    else
        pf_lifecycle_resume(run, task, 0);
}

static void take_stop(struct pf_run *run, pid_t tid, int status)
{
    int event = status >> 16, number = WSTOPSIG(status);
    if (event == PTRACE_EVENT_EXEC) {
        take_exec(run, tid);
        return;
    }
    struct pf_task *task = pf_tasks_find(&run->tasks, tid);
    if (!task) {
        *(pid_t *)pf_arena_grow(run->trace->arena, &run->newborns, &run->newborn_count, sizeof(tid)) = tid;
        return;
    }
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        bear(run, task, event);
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
    pf_tasks_each(&run->tasks, end_vfork, process);
    if (process == run->root)
        run->root_ended_ns = pf_run_now(run);
    struct pf_occurrence occurrence = {.kind = PF_TRIGGER_EXIT, .process = process, .at = "exit"};
    pf_inject_meet(run, &occurrence, &(struct pf_grip){0});
}

static void take_death(struct pf_run *run, pid_t tid, int status, const char *name)
{
    struct pf_task *task = pf_tasks_find(&run->tasks, tid);
    if (!task) {
        take_newborn(run, tid);
        return;
    }
    struct pf_process *process = task->process;
    if (tid != process->pid) {
        emit_thread_exit(run, task);
        return;
    }
    /* The main thread is reported last, when the whole process is gone. */
    pf_tasks_each(&run->tasks, drop_rest, &(struct rest){run, process, task});
    pf_record_drop(run, task);
    pf_keep_forget(run, task);
    pf_step_forget(run, task);
    pf_quiet_remove(run, task);
    pf_tasks_remove(&run->tasks, task);
    pf_quiet_ended(run, process);
    take_process_exit(run, process, status, name);
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
        take_death(run, tid, status, name);
}

void pf_lifecycle_take(struct pf_run *run, pid_t tid, int status)
{
    take(run, tid, status, NULL);
}

/* The name of a process that has failed, while it is still there to be asked. */
static const char *name_of_failed(struct pf_run *run, const siginfo_t *info)
{
    bool failed = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED ||
                  (info->si_code == CLD_EXITED && info->si_status != 0);
    if (run->follows_execs || !failed)
        return NULL;
    char path[64], name[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)info->si_pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, name, sizeof(name));
    if (fd >= 0)
        close(fd);
    return length > 1 ? pf_arena_strndup(run->trace->arena, name, (size_t)length - 1) : NULL;
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
        const char *name = name_of_failed(run, &info);
        if (waitpid(info.si_pid, &status, __WALL | WNOHANG) == info.si_pid)
            take(run, info.si_pid, status, name);
    }
    return served;
}

void pf_lifecycle_begin(struct pf_run *run)
{
    struct pf_task *task = bear_process(run, NULL, run->launched.root, "launch");
    task->started = true;
    run->root = task->process;
    pf_quiet_add(run, task);
    pf_lifecycle_resume(run, task, 0);
}
