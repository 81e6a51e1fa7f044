#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

static const char *const level_names[] = {"namespaces", "user-namespaces", "subreaper"};

/* The descriptors of a root: which of the harness's, and what numbers they are to have. */
struct descriptors {
    int *sent, *wanted;
    size_t count;
    int output[2]; /* of the captured program, to be closed when they have been sent; -1: none */
};

unsigned long pf_launch_ptrace_options(bool execs)
{
    unsigned long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESECCOMP;
    return execs ? options | PTRACE_O_TRACEEXEC : options;
}

static int open_stdio(const struct pf_trial *trial, struct descriptors *descriptors,
                      struct pf_launched *launched, struct pf_error *error)
{
    if (!trial->capture)
        return 0;
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return pf_error_set(error, -errno, "no pipe for the program's output: %s", strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        launched->output[i] = ends[0];
        descriptors->output[i] = ends[1];
    }
    return 0;
}

static void add_descriptor(struct descriptors *descriptors, int sent, int wanted)
{
    descriptors->sent[descriptors->count] = sent;
    descriptors->wanted[descriptors->count++] = wanted;
}

/* Those that the caller has for programs, but for what is captured. */
static void list_descriptors(const struct pf_trial *trial, const struct pf_containment *containment,
                             struct pf_arena *arena, struct descriptors *descriptors)
{
    size_t most = containment->inherited_count + 3;
    descriptors->sent = pf_arena_alloc(arena, most * sizeof(*descriptors->sent));
    descriptors->wanted = pf_arena_alloc(arena, most * sizeof(*descriptors->wanted));
    if (trial->capture) {
        add_descriptor(descriptors, containment->null, STDIN_FILENO);
        add_descriptor(descriptors, descriptors->output[0], STDOUT_FILENO);
        add_descriptor(descriptors, descriptors->output[1], STDERR_FILENO);
    }
    for (size_t i = 0; i < containment->inherited_count; i++) {
        int fd = containment->inherited[i];
        if (!trial->capture || fd > STDERR_FILENO)
            add_descriptor(descriptors, trial->stdout_to_stderr && fd == STDOUT_FILENO ? STDERR_FILENO : fd,
                           fd);
    }
}

/* The order to start, with the descriptors. */
static int send_order(int socket, const struct descriptors *descriptors)
{
    char byte = PF_WORD_START, control[CMSG_SPACE(PF_DESCRIPTORS_AT_ONCE * sizeof(int))]
        __attribute__((aligned(__alignof__(struct cmsghdr))));
    struct iovec data = {&byte, 1};
    size_t first = 0, count;
    do {
        count = descriptors->count - first;
        count = count > PF_DESCRIPTORS_AT_ONCE ? PF_DESCRIPTORS_AT_ONCE : count;
        size_t size = count * sizeof(*descriptors->sent);
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
        if (count) {
            message.msg_control = control;
            message.msg_controllen = CMSG_SPACE(size);
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            *header = (struct cmsghdr){
                .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
            memcpy(CMSG_DATA(header), descriptors->sent + first, size);
        }
        if (sendmsg(socket, &message, MSG_NOSIGNAL) != 1)
            return -errno;
        first += count;
    } while (first < descriptors->count);
    return 0;
}

/* Copies bytes onto the sheet and points there. Returns whether there was room. */
static bool write_bytes(struct pf_containment *containment, const void *bytes, size_t size, void *ret_at)
{
    void *at = pf_containment_write(containment, bytes, size);
    memcpy(ret_at, &at, sizeof(at));
    return at;
}

/* A user id that no two trials have at the same time: the one before may still be on its way out. */
static unsigned own_user(const struct pf_trial *trial, const struct pf_containment *containment)
{
    static unsigned trials;
    bool bound = containment->admin && pf_filter_plans_limit(trial, "nproc");
    return bound ? 1U << 30 | ((unsigned)getpid() << 8 | (trials++ & 0xff)) % (1U << 30) : 0;
}

/* Puts the order on the sheet. */
static int write_order(const struct pf_trial *trial, const struct pf_filter *filter, const char *path,
                       const struct descriptors *descriptors, struct pf_arena *arena,
                       struct pf_containment *containment, struct pf_error *error)
{
    size_t words = trial->command_count;
    const char **argv = pf_arena_alloc(arena, (words + 1) * sizeof(*argv));
    const struct pf_child_limit *limits;
    struct pf_child_order order = {.descriptor_count = descriptors->count,
                                   .null_input = trial->capture,
                                   .limit_count = trial->limit_count,
                                   .filter.len = filter->program.len,
                                   .own_user = own_user(trial, containment),
                                   .no_new_privs =
                                       containment->level == PF_LEVEL_SUBREAPER && !containment->admin,
                                   .environment = environ};
    int r = pf_launch_limits(trial, arena, &limits, error);
    if (r < 0)
        return r;
    containment->sheet->used = 0;
    bool fits = write_bytes(containment, path, strlen(path) + 1, &order.path);
    for (size_t i = 0; i < words && fits; i++)
        fits = write_bytes(containment, trial->command[i], strlen(trial->command[i]) + 1, &argv[i]);
    if (trial->directory)
        fits = fits &&
               write_bytes(containment, trial->directory, strlen(trial->directory) + 1, &order.directory);
    fits =
        fits && write_bytes(containment, argv, (words + 1) * sizeof(*argv), &order.argv) &&
        write_bytes(containment, limits, trial->limit_count * sizeof(*limits), &order.limits) &&
        write_bytes(containment, descriptors->wanted, descriptors->count * sizeof(int), &order.descriptors) &&
        write_bytes(containment, filter->program.filter, filter->program.len * sizeof(struct sock_filter),
                    &order.filter.filter);
    if (!fits)
        return pf_error_set(error, -E2BIG, "%s: %s", trial->command[0], strerror(E2BIG));
    containment->sheet->order = order;
    return 0;
}

static int fetch_listener(pid_t root, int number, int *ret_notify_fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, root, 0);
    if (pidfd < 0)
        return -errno;
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    int r = fd < 0 ? -errno : 0;
    close(pidfd);
    if (fd >= 0) /* Linux 6.6: wakes the other side on this CPU, which halves the cost of a call; optional */
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    *ret_notify_fd = fd;
    return r;
}

/* The root waits for a word; once it is seized and has got it, its next stop is the trap behind its filter.
 */
static int seize_root(struct pf_launched *launched)
{
    const struct pf_containment *containment = launched->containment;
    int status;
    if (ptrace(PTRACE_SEIZE, launched->root, NULL, pf_launch_ptrace_options(true)) < 0)
        return -errno;
    int r = pf_containment_say(containment, PF_WORD_GO);
    if (r < 0)
        return r;
    while (waitpid(launched->root, &status, __WALL) < 0)
        if (errno != EINTR)
            return -errno;
    if (!WIFSTOPPED(status) || status >> 8 != SIGTRAP)
        return -ECHILD;
    return fetch_listener(launched->root, containment->sheet->report.listener, &launched->notify_fd);
}

/* -EPIPE: the init is not there any more. */
static int start_root(const struct descriptors *descriptors, struct pf_launched *launched)
{
    const struct pf_containment *containment = launched->containment;
    struct pf_child_report *report = &containment->sheet->report;
    report->stage = PF_STAGE_NONE;
    report->error = 0;
    report->left_count = 0;
    report->untouched = false;
    int r = send_order(containment->socket, descriptors);
    if (r < 0)
        return r;
    if (pf_containment_hear(containment, -1, &launched->root) != PF_WORD_ROOT)
        return -ECHILD;
    return seize_root(launched);
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
    int code = launched->containment->sheet->report.error;
    const char *reason = strerror(code);
    switch (launched->containment->sheet->report.stage) {
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

/* Starts the root in the containment that was kept, if there is one for it and it still stands, or in a new
 * one. */
static int start(const struct pf_trial *trial, const struct pf_filter *filter, const char *path,
                 struct descriptors *descriptors, struct pf_arena *arena, struct pf_launched *launched,
                 struct pf_error *error)
{
    for (;;) {
        bool kept = launched->reused = launched->containment;
        enum pf_stage failed = PF_STAGE_NONE;
        int r = kept ? 0 : pf_containment_new(trial, launched->keeps, &launched->containment, &failed, error);
        if (r < 0)
            return failed ? r : explain_trace(r, error);
        list_descriptors(trial, launched->containment, arena, descriptors);
        r = write_order(trial, filter, path, descriptors, arena, launched->containment, error);
        if (r < 0)
            return r;
        r = start_root(descriptors, launched);
        if (r == 0)
            return 0;
        if (r != -EPIPE || !kept)
            return launched->containment->sheet->report.stage ? pf_launch_explain(launched, trial, error)
                                                              : explain_trace(r, error);
        pf_containment_end(launched->containment, true);
        launched->containment = NULL;
    }
}

/* Takes what was kept, if the trial can have it. */
static struct pf_containment *take_kept(const struct pf_trial *trial, struct pf_containment **kept)
{
    struct pf_containment *containment = kept ? *kept : NULL;
    if (kept)
        *kept = NULL;
    if (!containment || pf_containment_fits(containment, trial))
        return containment;
    pf_containment_end(containment, true);
    return NULL;
}

int pf_launch(const struct pf_trial *trial, const struct pf_filter *filter, struct pf_arena *arena,
              struct pf_containment **kept, struct pf_launched *ret_launched, struct pf_error *error)
{
    struct pf_launched launched = {.notify_fd = -1, .output = {-1, -1}, .keeps = kept};
    struct descriptors descriptors = {.output = {-1, -1}};
    const char *path;
    int r = pf_launch_locate(trial->command[0], trial->directory, arena, &path, error);
    if (r < 0)
        return r;
    launched.containment = take_kept(trial, kept);
    r = open_stdio(trial, &descriptors, &launched, error);
    if (r == 0)
        r = start(trial, filter, path, &descriptors, arena, &launched, error);
    for (int i = 0; i < 2; i++)
        if (descriptors.output[i] >= 0)
            close(descriptors.output[i]);
    if (r < 0) {
        pf_launch_end(&launched, NULL);
        return r;
    }
    launched.level = level_names[launched.containment->level];
    launched.note = pf_arena_strdup(arena, launched.containment->note);
    launched.isolation_note = pf_arena_strdup(arena, launched.containment->isolation_note);
    *ret_launched = launched;
    return 0;
}

int pf_launch_level(const struct pf_trial *trial, struct pf_arena *arena, enum pf_level *ret_level,
                    const char **ret_note, struct pf_error *error)
{
    struct pf_containment *containment;
    enum pf_stage failed;
    int r = pf_containment_new(trial, false, &containment, &failed, error);
    if (r < 0)
        return r;
    *ret_level = containment->level;
    *ret_note = pf_arena_strdup(arena, containment->note);
    /* Children of the caller's, which are none of ours, are left alone. */
    pid_t init = containment->init;
    pf_containment_end(containment, true);
    while (waitpid(init, NULL, __WALL) < 0 && errno == EINTR)
        continue;
    return 0;
}

void pf_launch_end(struct pf_launched *launched, struct pf_containment **kept)
{
    struct pf_containment *containment = launched->containment;
    bool again = kept && containment && containment->init > 0 && containment->level != PF_LEVEL_SUBREAPER &&
                 launched->ended && !launched->spent && containment->sheet->report.untouched;
    if (again)
        *kept = containment;
    else
        pf_containment_end(containment, kept && launched->ended);
    if (launched->notify_fd >= 0)
        close(launched->notify_fd);
    for (int i = 0; i < 2; i++)
        if (launched->output[i] >= 0)
            close(launched->output[i]);
    *launched = (struct pf_launched){.notify_fd = -1, .output = {-1, -1}};
}
