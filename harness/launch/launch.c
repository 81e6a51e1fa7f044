#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/limits.h"
#include "launch/locate.h"

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#endif

enum level { LEVEL_NAMESPACES, LEVEL_USER_NAMESPACES, LEVEL_SUBREAPER, LEVEL__COUNT };

static const char *const level_names[] = {"namespaces", "user-namespaces", "subreaper"};

unsigned long pf_launch_ptrace_options(bool execs)
{
    unsigned long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESECCOMP;
    return execs ? options | PTRACE_O_TRACEEXEC : options;
}

static bool is_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1U << CAP_SYS_ADMIN);
}

/* A user id that no two trials have at the same time: the one before may still be on its way out. */
static unsigned own_user(const struct pf_trial *trial)
{
    static unsigned trials;
    bool bound = pf_filter_plans_limit(trial, "nproc") && is_admin();
    return bound ? 1U << 30 | ((unsigned)getpid() << 8 | (trials++ & 0xff)) % (1U << 30) : 0;
}

/* What the child needs apart from the level. */
static int prepare(const struct pf_trial *trial, const struct pf_filter *filter, struct pf_arena *arena,
                   struct pf_child_plan *plan, struct pf_error *error)
{
    int r = pf_launch_locate(trial->command[0], trial->directory, arena, &plan->path, error);
    if (r < 0)
        return r;
    r = pf_launch_limits(trial, arena, plan, error);
    if (r < 0)
        return r;
    char **argv = pf_arena_alloc(arena, (trial->command_count + 1) * sizeof(*argv));
    for (size_t i = 0; i < trial->command_count; i++)
        argv[i] = pf_arena_strdup(arena, trial->command[i]);
    plan->argv = argv;
    plan->environment = environ;
    plan->directory = trial->directory;
    plan->filter = filter->program;
    plan->own_user = own_user(trial);
    plan->uid_map = pf_arena_printf(arena, "%u %u 1\n", geteuid(), geteuid());
    plan->gid_map = pf_arena_printf(arena, "%u %u 1\n", getegid(), getegid());
    plan->report =
        mmap(NULL, sizeof(*plan->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan->report == MAP_FAILED)
        return pf_error_set(error, -errno, "no memory for the start of a program: %s", strerror(errno));
    return 0;
}

static int open_stdio(const struct pf_trial *trial, struct pf_child_plan *plan, struct pf_launched *launched,
                      struct pf_error *error)
{
    plan->stdio[0] = plan->stdio[1] = plan->stdio[2] = -1;
    if (trial->stdout_to_stderr)
        plan->stdio[1] = STDERR_FILENO;
    if (!trial->capture)
        return 0;
    plan->stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return pf_error_set(error, -errno, "no pipe for the program's output: %s", strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        launched->output[i] = ends[0];
        plan->stdio[1 + i] = ends[1];
    }
    return 0;
}

static void close_child_ends(const struct pf_trial *trial, struct pf_child_plan *plan)
{
    for (int i = 0; trial->capture && i < 3; i++)
        if (plan->stdio[i] > STDERR_FILENO)
            close(plan->stdio[i]);
}

static pid_t clone_init(const struct pf_child_plan *plan, enum level level, unsigned share)
{
    unsigned long flags = SIGCHLD;
    if (level != LEVEL_SUBREAPER) {
        flags |= CLONE_NEWPID | CLONE_NEWNS;
        if (!(share & PF_SHARE_IPC))
            flags |= CLONE_NEWIPC;
        if (level == LEVEL_USER_NAMESPACES)
            flags |= CLONE_NEWUSER;
    }
    /* Not clone3: containers refuse it, because their filters cannot look into its arguments. */
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0)
        pf_child_init(plan);
    return pid;
}

/* The root says a byte; the kernel adds its pid as this process sees it. Returns 0 when nobody is left to say
 * it. */
static pid_t receive_pid(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_CREDENTIALS)
        return 0;
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    return credentials.pid;
}

/* Runs the stopped root up to the end of its seccomp call and takes the listener it returned. */
static int take_listener(pid_t root, int socket, int *ret_notify_fd)
{
    int call = -1;
    bool go = false;
    for (;;) {
        int status;
        if (waitpid(root, &status, __WALL) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (!WIFSTOPPED(status))
            return -ECHILD;
        struct __ptrace_syscall_info info = {0};
        if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
            ptrace(PTRACE_GET_SYSCALL_INFO, root, (void *)sizeof(info), &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
                call = (int)info.entry.nr;
            else if (info.op == PTRACE_SYSCALL_INFO_EXIT && call == SYS_seccomp && !info.exit.is_error) {
                *ret_notify_fd = (int)info.exit.rval;
                return 0;
            }
        }
        if (ptrace(PTRACE_SYSCALL, root, NULL, NULL) < 0)
            return -errno;
        if (!go && send(socket, "g", 1, MSG_NOSIGNAL) != 1)
            return -errno;
        go = true;
    }
}

static int fetch_listener(pid_t root, int number)
{
    int pidfd = (int)syscall(SYS_pidfd_open, root, 0);
    if (pidfd < 0)
        return -errno;
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    int r = fd < 0 ? -errno : fd;
    close(pidfd);
    if (fd >= 0) /* Linux 6.6: wakes the other side on this CPU, which halves the cost of a call; optional */
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    return r;
}

static int seize_root(struct pf_launched *launched, int socket)
{
    if (ptrace(PTRACE_SEIZE, launched->root, NULL, pf_launch_ptrace_options(true)) < 0)
        return -errno;
    if (ptrace(PTRACE_INTERRUPT, launched->root, NULL, NULL) < 0)
        return -errno;
    int number = -1;
    int r = take_listener(launched->root, socket, &number);
    if (r < 0)
        return r;
    launched->notify_fd = fetch_listener(launched->root, number);
    return launched->notify_fd < 0 ? launched->notify_fd : 0;
}

/* Kills init, and with it the namespace, and reaps whatever is left. */
static void reap_all(const struct pf_launched *launched)
{
    if (launched->init > 0)
        kill(launched->init, SIGKILL);
    if (launched->root > 0 && !launched->pid_namespace)
        kill(launched->root, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
}

/* One attempt at one level. -EAGAIN: this level is not to be had here, launched->report says why. */
static int start_at(enum level level, const struct pf_trial *trial, struct pf_child_plan *plan,
                    struct pf_launched *launched)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int));
    plan->report->stage = PF_STAGE_NONE;
    plan->report->error = 0;
    plan->harness_socket = ends[0];
    plan->socket = ends[1];
    plan->pid_namespace = launched->pid_namespace = level != LEVEL_SUBREAPER;
    plan->user_namespace = level == LEVEL_USER_NAMESPACES;
    plan->own_shm = !(trial->share & PF_SHARE_SHM);
    plan->own_ipc = !(trial->share & PF_SHARE_IPC);
    plan->no_new_privs = level == LEVEL_SUBREAPER && !is_admin();
    launched->init = clone_init(plan, level, trial->share);
    int clone_error = errno;
    close(ends[1]);
    if (launched->init < 0) {
        close(ends[0]);
        launched->init = 0;
        plan->report->error = clone_error;
        return level == LEVEL_SUBREAPER ? -clone_error : -EAGAIN;
    }
    launched->root = receive_pid(ends[0]);
    int r = launched->root ? seize_root(launched, ends[0]) : -ECHILD;
    if (r == 0 && plan->layer_count)
        r = pf_isolate_take(plan, launched->init, &launched->layers);
    close(ends[0]);
    if (r < 0) {
        reap_all(launched);
        launched->init = launched->root = 0;
    }
    enum pf_stage stage = plan->report->stage;
    if (r < 0 && stage == PF_STAGE_ISOLATE)
        return -EAGAIN;
    if (r < 0 && level != LEVEL_SUBREAPER && (stage == PF_STAGE_IDENTITY || stage == PF_STAGE_MOUNT))
        return -EAGAIN;
    return r;
}

/* What stood in the way of a level, in words that lead to the remedy. */
static const char *explain_level(enum level level, const struct pf_child_report *report,
                                 struct pf_arena *arena)
{
    const char *what = level == LEVEL_USER_NAMESPACES ? "user namespaces" : "namespaces";
    const char *why = strerror(report->error);
    if (report->stage == PF_STAGE_MOUNT)
        return pf_arena_printf(arena, "%s are of no use here: mounting an own /proc in them fails: %s", what,
                               why);
    if (report->error == ENOSPC || report->error == EUSERS)
        why = "user.max_user_namespaces allows no more of them";
    return pf_arena_printf(arena, "%s cannot be had here: %s", what, why);
}

/* Why the files cannot be covered; the remedy is a kernel or a file system that can. */
static const char *explain_layers(const struct pf_child_plan *plan, struct pf_arena *arena)
{
    int code = plan->report->error;
    if (code == EOPNOTSUPP && plan->user_namespace)
        return "without root it takes Linux 6.6, whose tmpfs has user.* attributes";
    return pf_arena_printf(arena, "an overlay over %s or its like cannot be mounted: %s",
                           plan->layers[0].path, strerror(code));
}

static void give_up_layers(struct pf_child_plan *plan, struct pf_launched *launched, const char *why)
{
    plan->layer_count = 0;
    launched->isolation_note = why;
}

static int choose_level(const struct pf_trial *trial, struct pf_child_plan *plan, struct pf_arena *arena,
                        struct pf_launched *launched)
{
    enum level level = LEVEL_NAMESPACES;
    const char *note = NULL;
    if (trial->share & PF_SHARE_PID) {
        level = LEVEL_SUBREAPER;
        note = "a PID namespace was declined by --share pid";
    } else if (!is_admin()) {
        level = LEVEL_USER_NAMESPACES;
    }
    for (;;) {
        if (level == LEVEL_SUBREAPER && plan->layer_count)
            give_up_layers(plan, launched, "that takes a mount namespace");
        int r = start_at(level, trial, plan, launched);
        launched->containment = level_names[level];
        launched->containment_note = note;
        if (r != -EAGAIN || level == LEVEL_SUBREAPER)
            return r;
        if (plan->report->stage == PF_STAGE_ISOLATE) {
            give_up_layers(plan, launched, explain_layers(plan, arena));
            continue;
        }
        note = explain_level(level, plan->report, arena);
        level++;
    }
}

static int explain_trace(int r, struct pf_error *error)
{
    if (r == -EPERM || r == -ENOSYS || r == -EACCES)
        return pf_error_set(
            error, r,
            "this process may not trace or filter its own children (%s); a container needs "
            "`--cap-add SYS_PTRACE` or a seccomp profile that allows ptrace, seccomp and pidfd_getfd; "
            "another tracer (gdb, strace, pitfall) around this one forbids it too",
            strerror(-r));
    if (r == -EBUSY)
        return pf_error_set(error, r,
                            "a seccomp listener is installed around this process already: pitfall cannot run "
                            "inside pitfall or under another seccomp supervisor");
    return pf_error_set(error, r, "the program's first process could not be started: %s", strerror(-r));
}

int pf_launch_explain(const struct pf_launched *launched, const struct pf_trial *trial,
                      struct pf_error *error)
{
    int code = launched->report->error;
    const char *reason = strerror(code);
    switch (launched->report->stage) {
    case PF_STAGE_EXEC:
        if (code == ENOEXEC)
            return pf_error_set(error, -code,
                                "%s: not a program for this machine (a script needs a \"#!\" line)",
                                trial->command[0]);
        if (code == ENOENT)
            return pf_error_set(error, -code, "%s: the interpreter or loader that it names does not exist",
                                trial->command[0]);
        return pf_error_set(error, -code, "%s: %s", trial->command[0], reason);
    case PF_STAGE_LIMIT:
        return pf_error_set(
            error, -code, "a limit of the plan cannot be set: %s (raising a hard limit takes root)", reason);
    case PF_STAGE_DIRECTORY:
        return pf_error_set(error, -code, "%s: cannot be made the working directory: %s", trial->directory,
                            reason);
    case PF_STAGE_FILTER:
        return explain_trace(-code, error);
    default:
        return pf_error_set(error, code ? -code : -ECHILD,
                            "the program's first process could not be set up: %s", reason);
    }
}

int pf_launch(const struct pf_trial *trial, const struct pf_filter *filter, struct pf_arena *arena,
              struct pf_launched *ret_launched, struct pf_error *error)
{
    struct pf_launched launched = {.notify_fd = -1, .output = {-1, -1}, .layers.fd = -1};
    struct pf_child_plan plan = {.layers_fd = -1};
    int r = prepare(trial, filter, arena, &plan, error);
    if (r == 0 && trial->isolate)
        r = pf_isolate_prepare(trial, !is_admin(), arena, &plan, &launched.isolation_note, error);
    if (r < 0)
        return r;
    launched.report = plan.report;
    r = open_stdio(trial, &plan, &launched, error);
    if (r == 0) {
        r = choose_level(trial, &plan, arena, &launched);
        if (r < 0)
            r = plan.report->stage != PF_STAGE_NONE ? pf_launch_explain(&launched, trial, error)
                                                    : explain_trace(r, error);
    }
    close_child_ends(trial, &plan);
    if (plan.layers_fd >= 0)
        close(plan.layers_fd);
    if (r < 0) {
        pf_launch_end(&launched);
        return r;
    }
    *ret_launched = launched;
    return 0;
}

void pf_launch_end(struct pf_launched *launched)
{
    if (launched->init > 0)
        reap_all(launched);
    if (launched->notify_fd >= 0)
        close(launched->notify_fd);
    if (launched->layers.fd >= 0)
        close(launched->layers.fd);
    for (int i = 0; i < 2; i++)
        if (launched->output[i] >= 0)
            close(launched->output[i]);
    if (launched->report)
        munmap(launched->report, sizeof(*launched->report));
    *launched = (struct pf_launched){.notify_fd = -1, .output = {-1, -1}, .layers.fd = -1};
}
