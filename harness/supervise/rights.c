/* rights.c - may a process be looked at, and if not, what to do about it. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/procfs.h"
#include "supervise/attach.h"

/* The number on that line of the process's status; -1: it has none. */
static long status_number(pid_t pid, const char *key)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    const char *line = pf_proc_read(path, text, sizeof(text)) > 0 ? strstr(text, key) : NULL;
    return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

static int yama_scope(void)
{
    char text[16];
    return pf_proc_read("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) > 0 ? atoi(text) : 0;
}

static int refused(pid_t pid, struct pf_error *error)
{
    uid_t owner = (uid_t)status_number(pid, "\nUid:");
    if (owner != geteuid()) {
        const struct passwd *user = getpwuid(owner);
        return pf_error_set(
            error, -EPERM,
            "process %d may not be read: it belongs to %s (uid %u), and this is uid %u; run pitfall "
            "as root or as that user",
            pid, user ? user->pw_name : "another user", owner, geteuid());
    }
    int scope = yama_scope();
    if (scope > 0)
        return pf_error_set(
            error, -EPERM,
            "process %d may not be read: kernel.yama.ptrace_scope is %d, which allows it %s; run "
            "pitfall as root, or `sysctl kernel.yama.ptrace_scope=0`",
            pid, scope,
            scope == 1   ? "to its parents only"
            : scope == 2 ? "to root only"
                         : "to nobody");
    return pf_error_set(
        error, -EPERM,
        "process %d may not be read though it is yours: it runs with other privileges (set-user-ID, "
        "capabilities) or has asked not to be read (prctl PR_SET_DUMPABLE); run pitfall as root",
        pid);
}

int pf_attach_check(pid_t pid, pid_t *ret_pid, struct pf_error *error)
{
    struct pf_task_stat stat;
    struct pf_task_call call;
    long process = status_number(pid, "\nTgid:");
    /* It may be the number of a thread. */
    int r = pf_proc_stat_of(process > 0 ? (pid_t)process : pid, pid, &stat);
    if (r < 0)
        return pf_error_set(error, -ESRCH, "there is no process %d", pid);
    if (stat.kernel)
        return pf_error_set(error, -EINVAL, "process %d (%s) is a thread of the kernel, not a program", pid,
                            stat.name);
    if (process == getpid())
        return pf_error_set(error, -EINVAL, "process %d is this pitfall itself", pid);
    pid = process > 0 ? (pid_t)process : pid;
    if (!strchr("ZX", stat.state))
        r = pf_proc_call(pid, pid, &call);
    if (r == -EPERM || r == -EACCES)
        return refused(pid, error);
    *ret_pid = pid;
    return 0;
}
