#include "supervise/nesting.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

/* The identity of the PID namespace that a thread lives in; 0: it is gone. */
static uint64_t namespace_of(pid_t tid)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)tid);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

void pf_nesting_note(struct pf_task *task, const struct pf_call *call)
{
    if (call->number == SYS_setns || (call->arguments[0] & CLONE_NEWPID))
        task->process->parts = true;
}

/* What the flags of the call say in which the maker stands. What cannot be read may be anything. */
static bool asks_for_namespace(pid_t maker)
{
    struct user_regs_struct registers;
    uint64_t flags;
    if (ptrace(PTRACE_GETREGS, maker, NULL, &registers) < 0)
        return true;
    switch (registers.orig_rax) {
    case SYS_fork:
    case SYS_vfork:
        return false;
    case SYS_clone:
        return registers.rdi & CLONE_NEWPID;
    case SYS_clone3: {
        struct iovec local = {&flags, sizeof(flags)};
        struct iovec remote = {(void *)registers.rdi, sizeof(flags)}; // NOLINT(performance-no-int-to-ptr)
        return process_vm_readv(maker, &local, 1, &remote, 1, 0) != sizeof(flags) || (flags & CLONE_NEWPID);
    }
    default:
        return true;
    }
}

/* To look at a newborn's namespace costs more than all else that its birth does: only if it may be another.
 */
static bool is_nested(const struct pf_run *run, const struct pf_process *parent, const struct pf_task *maker,
                      pid_t pid)
{
    if (!parent || (maker && !parent->parts && !asks_for_namespace(maker->tid)))
        return false;
    uint64_t own = namespace_of(pid);
    return own && own != run->kept->standing.pid_namespace;
}

void pf_nesting_born(struct pf_run *run, const struct pf_process *parent, const struct pf_task *maker,
                     struct pf_process *process)
{
    bool inherited = parent && parent->nested;
    process->nested = inherited || is_nested(run, parent, maker, process->pid);
    /* The end of a PID namespace's init is the end of all who live in it, by SIGKILL. */
    struct pf_ev_bond bond = {.process = process->address, .number = SIGKILL};
    if (process->nested)
        pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_BOND, .bond = bond});
}
