#include "launch/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(const struct pf_child_plan *plan, enum pf_stage stage)
{
    plan->report->error = errno;
    plan->report->stage = stage;
    _exit(127);
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    close(fd);
    return written < 0 ? -1 : 0;
}

static void take_identity(const struct pf_child_plan *plan)
{
    /* An unprivileged gid_map is only accepted once setgroups is given up; old kernels lack the file. */
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        give_up(plan, PF_STAGE_IDENTITY);
    if (write_file("/proc/self/uid_map", plan->uid_map) < 0 ||
        write_file("/proc/self/gid_map", plan->gid_map) < 0)
        give_up(plan, PF_STAGE_IDENTITY);
}

static void mount_own(const struct pf_child_plan *plan)
{
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        give_up(plan, PF_STAGE_MOUNT);
    if (plan->layer_count && (pf_child_mount_layers(plan) < 0 || pf_child_protect_devices(plan) < 0))
        give_up(plan, PF_STAGE_ISOLATE);
    if (mount("proc", "/proc", "proc", safe, NULL) < 0)
        give_up(plan, PF_STAGE_MOUNT);
    if (plan->own_shm && mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0 &&
        errno != ENOENT)
        give_up(plan, PF_STAGE_MOUNT);
    if (plan->own_ipc && mount("mqueue", "/dev/mqueue", "mqueue", safe, NULL) < 0 && errno != ENOENT)
        give_up(plan, PF_STAGE_MOUNT);
}

/* The dispositions and mask a login shell would hand down, whatever the harness or its caller ignore. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_stdio(const struct pf_child_plan *plan)
{
    for (int target = 0; target < 3; target++)
        if (plan->stdio[target] >= 0 && dup2(plan->stdio[target], target) < 0)
            give_up(plan, PF_STAGE_STDIO);
}

static void take_limits(const struct pf_child_plan *plan)
{
    for (size_t i = 0; i < plan->limit_count; i++)
        if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &plan->limits[i].value) < 0)
            give_up(plan, PF_STAGE_LIMIT);
}

static void install_filter(const struct pf_child_plan *plan)
{
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    plan->report->killable = true;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &plan->filter) >= 0)
        return;
    plan->report->killable = false;
    /* WAIT_KILLABLE_RECV is new in Linux 5.19; without it a signal may make a notified call restart. */
    if (errno != EINVAL ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &plan->filter) < 0)
        give_up(plan, PF_STAGE_FILTER);
}

/* The root, from fork to exec. The harness seizes it while it waits for the go byte. */
static _Noreturn void run_root(const struct pf_child_plan *plan)
{
    if (setpgid(0, 0) < 0)
        give_up(plan, PF_STAGE_GROUP);
    char byte = 'r';
    if (send(plan->socket, &byte, 1, MSG_NOSIGNAL) != 1)
        _exit(127);
    take_stdio(plan);
    if (plan->directory && chdir(plan->directory) < 0)
        give_up(plan, PF_STAGE_DIRECTORY);
    if (plan->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up(plan, PF_STAGE_FILTER);
    reset_signals();
    ssize_t n;
    do
        n = recv(plan->socket, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(127); /* the harness is gone */
    install_filter(plan);
    if (pf_child_take_user(plan) < 0)
        give_up(plan, PF_STAGE_IDENTITY);
    /* Only now: the listener itself needs a descriptor below the program's limit. */
    take_limits(plan);
    /* Not execve(): a build for coverage would write its counts first, with the program's files and limits.
     */
    syscall(SYS_execve, plan->path, plan->argv, plan->environment);
    give_up(plan, PF_STAGE_EXEC);
}

_Noreturn void pf_child_init(const struct pf_child_plan *plan)
{
    /* Armed first, so that the harness's death ends this process and with it the namespace; then a look
     * whether the harness died before: its end of the socket would be closed. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    close(plan->harness_socket);
    char byte;
    if (recv(plan->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        _exit(127);
    prctl(PR_SET_NAME, "pitfall-init", 0, 0, 0);
    if (plan->user_namespace)
        take_identity(plan);
    if (plan->pid_namespace)
        mount_own(plan);
    else
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);

    /* The init waits here until the root has exec'd or ended: its memory need not be copied for that. */
    pid_t root = vfork();
    if (root < 0)
        give_up(plan, PF_STAGE_FORK);
    if (root == 0)
        run_root(plan);
    /* Nothing of the caller's may be kept open from here: a pipe's reader would never see its end. */
    syscall(SYS_close_range, 0U, ~0U, 0U);
    for (;;) {
        if (waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD)
            break;
    }
    if (plan->pid_namespace)
        pf_child_look_at_left(plan);
    _exit(0);
}
