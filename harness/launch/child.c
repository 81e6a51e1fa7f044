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

static _Noreturn void give_up(const struct pf_child_place *place, enum pf_stage stage)
{
    place->sheet->report.error = errno;
    place->sheet->report.stage = stage;
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

static void take_identity(const struct pf_child_place *place)
{
    /* An unprivileged gid_map is only accepted once setgroups is given up; old kernels lack the file. */
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        give_up(place, PF_STAGE_IDENTITY);
    if (write_file("/proc/self/uid_map", place->uid_map) < 0 ||
        write_file("/proc/self/gid_map", place->gid_map) < 0)
        give_up(place, PF_STAGE_IDENTITY);
}

int pf_child_mount_shm(void)
{
    return mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
}

static void mount_own(const struct pf_child_place *place)
{
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        give_up(place, PF_STAGE_MOUNT);
    place->sheet->report.layers_fd = -1;
    if (place->layer_count && (place->sheet->report.layers_fd = pf_child_mount_layers(place)) < 0)
        give_up(place, PF_STAGE_ISOLATE);
    if (place->layer_count && pf_child_protect_devices(place) < 0)
        give_up(place, PF_STAGE_ISOLATE);
    if (mount("proc", "/proc", "proc", safe, NULL) < 0)
        give_up(place, PF_STAGE_MOUNT);
    if (place->own_ipc && mount("mqueue", "/dev/mqueue", "mqueue", safe, NULL) < 0 && errno != ENOENT)
        give_up(place, PF_STAGE_MOUNT);
    /* Last, as it is mounted anew between trials. */
    if (place->own_shm && pf_child_mount_shm() < 0 && errno != ENOENT)
        give_up(place, PF_STAGE_MOUNT);
}

/* The dispositions a login shell would hand down, whatever the harness or its caller ignore. Each root
 * inherits them from the init, whose signals are blocked. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
}

/* Takes one message of the harness, with so many descriptors. */
static void receive(const struct pf_child_place *place, int *got, size_t count)
{
    char byte, control[CMSG_SPACE(PF_DESCRIPTORS_AT_ONCE * sizeof(int))]
        __attribute__((aligned(__alignof__(struct cmsghdr))));
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(place->socket, &message, 0) != 1)
        _exit(127); /* the harness is gone */
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    errno = EMFILE;
    if (count &&
        (!header || message.msg_flags & MSG_CTRUNC || header->cmsg_len != CMSG_LEN(count * sizeof(*got))))
        give_up(place, PF_STAGE_STDIO);
    if (count)
        memcpy(got, CMSG_DATA(header), count * sizeof(*got));
}

/*
 * The descriptors come from the harness, in ascending order of the numbers that they are to have, and the
 * kernel gives them the lowest that are free: no higher ones, because what the init has open itself lies
 * elsewhere. So each can be put in its place from the last one on, and hides none that is still to be moved.
 */
static void take_descriptors(const struct pf_child_place *place)
{
    const struct pf_child_order *order = &place->sheet->order;
    int got[PF_DESCRIPTORS_AT_ONCE];
    size_t first = 0, count;
    do {
        count = order->descriptor_count - first;
        count = count > PF_DESCRIPTORS_AT_ONCE ? PF_DESCRIPTORS_AT_ONCE : count;
        receive(place, got, count);
        for (size_t i = count; i-- > 0;) {
            int wanted = order->descriptors[first + i];
            if (got[i] == wanted)
                continue;
            if (dup2(got[i], wanted) < 0)
                give_up(place, PF_STAGE_STDIO);
            close(got[i]);
        }
        first += count;
    } while (first < order->descriptor_count);
}

/* What the harness has opened is a node of the machine's /dev. */
static void reopen_null(const struct pf_child_place *place)
{
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        give_up(place, PF_STAGE_STDIO);
    close(null);
}

static void take_limits(const struct pf_child_place *place)
{
    const struct pf_child_order *order = &place->sheet->order;
    for (size_t i = 0; i < order->limit_count; i++)
        if (setrlimit((__rlimit_resource_t)order->limits[i].resource, &order->limits[i].value) < 0)
            give_up(place, PF_STAGE_LIMIT);
}

static void install_filter(const struct pf_child_place *place)
{
    struct pf_child_report *report = &place->sheet->report;
    const struct sock_fprog *filter = &place->sheet->order.filter;
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    report->killable = true;
    report->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
    if (report->listener >= 0)
        return;
    report->killable = false;
    /* WAIT_KILLABLE_RECV is new in Linux 5.19; without it a signal may make a notified call restart. */
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (errno == EINVAL)
        report->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
    if (report->listener < 0)
        give_up(place, PF_STAGE_FILTER);
}

static void say(const struct pf_child_place *place, enum pf_word word)
{
    char byte = (char)word;
    if (send(place->socket, &byte, 1, MSG_NOSIGNAL) != 1)
        _exit(127); /* the harness is gone */
}

/* Returns what the harness says; 0: it has hung up. MSG_PEEK leaves it there. */
static enum pf_word await_word(const struct pf_child_place *place, int flags)
{
    char byte;
    ssize_t n;
    do
        n = recv(place->socket, &byte, 1, flags);
    while (n < 0 && errno == EINTR);
    return n == 1 ? (enum pf_word)byte : 0;
}

/* The root, from fork to exec. The harness seizes it while it waits for its word. */
static _Noreturn void run_root(const struct pf_child_place *place)
{
    const struct pf_child_order *order = &place->sheet->order;
    take_descriptors(place);
    if (setpgid(0, 0) < 0)
        give_up(place, PF_STAGE_GROUP);
    if (place->layer_count && order->null_input)
        reopen_null(place);
    if (order->directory && chdir(order->directory) < 0)
        give_up(place, PF_STAGE_DIRECTORY);
    if (order->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up(place, PF_STAGE_FILTER);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    say(place, PF_WORD_ROOT);
    if (await_word(place, 0) != PF_WORD_GO)
        _exit(0);
    install_filter(place);
    /* A stop for the harness to take the listener over: a trap, because any system call may be in the plan.
     */
    __asm__ volatile("int3");
    if (pf_child_take_user(order) < 0)
        give_up(place, PF_STAGE_IDENTITY);
    /* Only now: the listener itself needs a descriptor below the program's limit. */
    take_limits(place);
    /* Not execve(): a build for coverage would write its counts first, with the program's files and limits.
     */
    syscall(SYS_execve, order->path, order->argv, order->environment);
    give_up(place, PF_STAGE_EXEC);
}

int pf_child_keep(const struct pf_child_place *place, int fd)
{
    int kept = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, place->own_from);
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return kept;
}

static void close_between(int below, int above)
{
    if (above - below > 1)
        syscall(SYS_close_range, (unsigned)below + 1, (unsigned)above - 1, 0U);
}

/* Nothing of the caller's may be kept open here: a pipe's reader would never see its end. */
static void keep_own(struct pf_child_place *place)
{
    int *layers = &place->sheet->report.layers_fd;
    place->socket = pf_child_keep(place, place->socket);
    if (place->layer_count)
        *layers = pf_child_keep(place, *layers);
    if (place->socket < 0 || (place->layer_count && *layers < 0))
        give_up(place, PF_STAGE_STDIO);
    int other = place->layer_count ? *layers : place->socket;
    int first = other < place->socket ? other : place->socket;
    int second = other < place->socket ? place->socket : other;
    close_between(-1, first);
    close_between(first, second);
    syscall(SYS_close_range, (unsigned)second + 1, ~0U, 0U);
}

/* Waits for nobody, and reaps who has ended. Their processor time is then that of their parent, too. */
static void reap(void)
{
    while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
        ;
}

/* The init waits in vfork until the root has exec'd or ended: its memory need not be copied. */
static void start_root(const struct pf_child_place *place, struct pf_child_watch *watch)
{
    reap();
    pf_child_watch_root(place, watch);
    pid_t root = vfork();
    if (root < 0)
        give_up(place, PF_STAGE_FORK);
    if (root == 0)
        run_root(place);
}

static void look(const struct pf_child_place *place, struct pf_child_watch *watch)
{
    while (waitpid(-1, NULL, __WALL) >= 0 || errno != ECHILD)
        ;
    if (!place->pid_namespace)
        _exit(0);
    pf_child_look_at_left(place);
    place->sheet->report.untouched = pf_child_watch_end(place, watch);
    say(place, PF_WORD_END);
}

/* One root after the other. */
_Noreturn static void serve(struct pf_child_place *place)
{
    struct pf_child_watch watch;
    place->queues = place->pid_namespace && place->own_ipc ? pf_child_open_queues(place) : -1;
    place->watched &= place->pid_namespace;
    pf_child_watch_begin(place, &watch);
    say(place, PF_WORD_READY);
    for (;;) {
        /* The order stays there for the root: its descriptors come with it. */
        enum pf_word word = await_word(place, MSG_PEEK);
        if (!word)
            break;
        if (word == PF_WORD_START)
            start_root(place, &watch);
        else
            await_word(place, 0);
        if (word == PF_WORD_LOOK || !place->watched)
            look(place, &watch);
    }
    reap();
    _exit(0);
}

_Noreturn void pf_child_init(const struct pf_child_place *prepared)
{
    struct pf_child_place place = *prepared;
    /* Armed first, so that the harness's death ends this process and with it the namespace; then a look
     * whether the harness died before: its end of the socket would be closed. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    close(place.harness_socket);
    char byte;
    if (recv(place.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        _exit(127);
    prctl(PR_SET_NAME, "pitfall-init", 0, 0, 0);
    if (place.user_namespace)
        take_identity(&place);
    if (place.pid_namespace)
        mount_own(&place);
    else
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    reset_signals();
    keep_own(&place);
    serve(&place);
}
