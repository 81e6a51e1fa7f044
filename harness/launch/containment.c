#include "launch/containment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Arguments may take up to 2 MiB, and limits and the filter little; only what is used takes memory. */
static const size_t SHEET_BYTES = 4 << 20;

static bool is_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1U << CAP_SYS_ADMIN);
}

static int by_number(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* What the caller has open for programs; what is the harness's own is closed on exec. */
static int find_inherited(struct pf_containment *containment)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -errno;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        int fd = atoi(entry->d_name), flags = *entry->d_name == '.' ? -1 : fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            *(int *)pf_arena_grow(containment->arena, &containment->inherited, &containment->inherited_count,
                                  sizeof(fd)) = fd;
    }
    closedir(directory);
    if (containment->inherited_count)
        qsort((void *)containment->inherited, containment->inherited_count, sizeof(int), by_number);
    return 0;
}

static pid_t clone_init(const struct pf_child_place *place)
{
    unsigned long flags = SIGCHLD;
    if (place->pid_namespace)
        flags |= CLONE_NEWPID | CLONE_NEWNS;
    if (place->pid_namespace && place->own_ipc)
        flags |= CLONE_NEWIPC;
    if (place->user_namespace)
        flags |= CLONE_NEWUSER;
    /* Not clone3: containers refuse it, because their filters cannot look into its arguments. */
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0)
        pf_child_init(place);
    return pid;
}

void *pf_containment_write(struct pf_containment *containment, const void *bytes, size_t size)
{
    struct pf_child_sheet *sheet = containment->sheet;
    size_t room = SHEET_BYTES - sizeof(*sheet) - sheet->used, aligned = (size + 15) & ~(size_t)15;
    if (size > room || aligned > room)
        return NULL;
    char *at = sheet->text + sheet->used;
    sheet->used += aligned;
    return size ? memcpy(at, bytes, size) : at;
}

enum pf_word pf_containment_hear(const struct pf_containment *containment, int timeout_ms, pid_t *ret_pid)
{
    char byte, control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct pollfd polled = {.fd = containment->socket, .events = POLLIN};
    if (timeout_ms >= 0 && poll(&polled, 1, timeout_ms) != 1)
        return 0;
    ssize_t n;
    do
        n = recvmsg(containment->socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_CREDENTIALS)
        return 0;
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    if (ret_pid)
        *ret_pid = credentials.pid;
    return (enum pf_word)byte;
}

int pf_containment_say(const struct pf_containment *containment, enum pf_word word)
{
    char byte = (char)word;
    return send(containment->socket, &byte, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Are all that have been left to the init dead? The root alone may be, until the init starts another. */
static bool is_empty(const struct pf_containment *containment, pid_t root)
{
    char list[32] = "", expected[32];
    snprintf(expected, sizeof(expected), "%d ", (int)root);
    return containment->children >= 0 && pread(containment->children, list, sizeof(list) - 1, 0) >= 0 &&
           (*list == '\0' || strcmp(list, expected) == 0);
}

bool pf_containment_is_untouched(const struct pf_containment *containment, pid_t root, bool *ret_spent)
{
    struct pollfd polled[] = {{.fd = containment->changes, .events = POLLIN},
                              {.fd = containment->mounts, .events = POLLPRI}};
    if (containment->sheet->report.blind || !is_empty(containment, root))
        return false;
    int moved = poll(polled, 2, 0);
    /* The kernel tells of mounts once only. */
    *ret_spent |= polled[1].revents;
    return moved == 0;
}

/* Takes over the init's descriptors of what is behind the layers, and of what changes. */
static int take_descriptors(struct pf_containment *containment, bool layers)
{
    const struct pf_child_report *report = &containment->sheet->report;
    if (!layers && !report->watched)
        return 0;
    int pidfd = (int)syscall(SYS_pidfd_open, containment->init, 0);
    if (pidfd < 0)
        return -errno;
    if (layers)
        containment->layers.fd = (int)syscall(SYS_pidfd_getfd, pidfd, report->layers_fd, 0);
    int r = layers && containment->layers.fd < 0 ? -errno : 0;
    if (r == 0 && report->watched) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)containment->init,
                 (int)containment->init);
        containment->changes = (int)syscall(SYS_pidfd_getfd, pidfd, report->changes_fd, 0);
        containment->mounts = (int)syscall(SYS_pidfd_getfd, pidfd, report->mounts_fd, 0);
        if (containment->changes >= 0 && containment->mounts >= 0)
            containment->children = open(path, O_RDONLY | O_CLOEXEC);
    }
    close(pidfd);
    return r;
}

static void kill_init(struct pf_containment *containment)
{
    if (containment->init <= 0)
        return;
    kill(containment->init, SIGKILL);
    /* The init ends after everybody in it. Who is traced, and was about to end by itself, stops once more for
     * it. */
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;)
        if (pid > 0 && WIFSTOPPED(status))
            ptrace(PTRACE_CONT, pid, NULL, NULL);
    containment->init = 0;
}

/* Nobody lives in it yet. */
static void give_up_init(struct pf_containment *containment)
{
    if (containment->init <= 0)
        return;
    kill(containment->init, SIGKILL);
    while (waitpid(containment->init, NULL, __WALL) < 0 && errno == EINTR)
        continue;
    containment->init = 0;
}

/* One attempt at one level. -EAGAIN: this level is not to be had here, the report on the sheet says why. */
static int attempt(struct pf_containment *containment, struct pf_child_place *place)
{
    int ends[2];
    struct pf_child_report *report = &containment->sheet->report;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int));
    *report = (struct pf_child_report){.layers_fd = -1};
    place->harness_socket = ends[0];
    place->socket = ends[1];
    place->pid_namespace = containment->level != PF_LEVEL_SUBREAPER;
    place->user_namespace = containment->level == PF_LEVEL_USER_NAMESPACES;
    containment->init = clone_init(place);
    int r = containment->init < 0 ? -errno : 0;
    containment->socket = ends[0];
    close(ends[1]);
    if (r < 0) {
        containment->init = 0;
        report->error = -r;
        r = containment->level == PF_LEVEL_SUBREAPER ? r : -EAGAIN;
    } else if (pf_containment_hear(containment, -1, NULL) != PF_WORD_READY) {
        r = report->stage == PF_STAGE_ISOLATE || report->stage == PF_STAGE_IDENTITY ||
                    report->stage == PF_STAGE_MOUNT
                ? -EAGAIN
                : -ECHILD;
    } else {
        r = take_descriptors(containment, place->layer_count);
    }
    if (r < 0) {
        give_up_init(containment);
        close(containment->socket);
        containment->socket = -1;
    }
    return r;
}

/* What stood in the way of a level, in words that lead to the remedy. */
static const char *explain_level(const struct pf_containment *containment)
{
    const struct pf_child_report *report = &containment->sheet->report;
    const char *what = containment->level == PF_LEVEL_USER_NAMESPACES ? "user namespaces" : "namespaces";
    const char *why = strerror(report->error);
    if (report->stage == PF_STAGE_MOUNT)
        return pf_arena_printf(containment->arena,
                               "%s are of no use here: mounting an own /proc in them fails: %s", what, why);
    if (report->error == ENOSPC || report->error == EUSERS)
        why = "user.max_user_namespaces allows no more of them";
    return pf_arena_printf(containment->arena, "%s cannot be had here: %s", what, why);
}

/* Why the files cannot be covered; the remedy is a kernel or a file system that can. */
static const char *explain_layers(const struct pf_containment *containment,
                                  const struct pf_child_place *place)
{
    int code = containment->sheet->report.error;
    if (code == EOPNOTSUPP && place->user_namespace)
        return "without root it takes Linux 6.6, whose tmpfs has user.* attributes";
    return pf_arena_printf(containment->arena, "an overlay over %s or its like cannot be mounted: %s",
                           place->layers[0].path, strerror(code));
}

static void give_up_layers(struct pf_containment *containment, struct pf_child_place *place, const char *why)
{
    place->layer_count = 0;
    containment->isolation_note = why;
}

static int choose_level(struct pf_containment *containment, struct pf_child_place *place)
{
    containment->level = PF_LEVEL_NAMESPACES;
    if (containment->share & PF_SHARE_PID) {
        containment->level = PF_LEVEL_SUBREAPER;
        containment->note = "a PID namespace was declined by --share pid";
    } else if (!containment->admin) {
        containment->level = PF_LEVEL_USER_NAMESPACES;
    }
    for (;;) {
        if (containment->level == PF_LEVEL_SUBREAPER && place->layer_count)
            give_up_layers(containment, place, "that takes a mount namespace");
        int r = attempt(containment, place);
        if (r != -EAGAIN || containment->level == PF_LEVEL_SUBREAPER)
            return r;
        if (containment->sheet->report.stage == PF_STAGE_ISOLATE) {
            give_up_layers(containment, place, explain_layers(containment, place));
            continue;
        }
        containment->note = explain_level(containment);
        containment->level++;
    }
}

/* What the init needs, apart from the level. */
static int prepare(const struct pf_trial *trial, struct pf_containment *containment,
                   struct pf_child_place *place, struct pf_error *error)
{
    struct pf_arena *arena = containment->arena;
    containment->sheet =
        mmap(NULL, SHEET_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (containment->sheet == MAP_FAILED) {
        containment->sheet = NULL;
        return pf_error_set(error, -errno, "no memory for the start of a program: %s", strerror(errno));
    }
    containment->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (containment->null < 0)
        return pf_error_set(error, -errno, "/dev/null: %s", strerror(errno));
    int r = find_inherited(containment);
    if (r < 0)
        return pf_error_set(error, r, "/proc/self/fd: %s", strerror(-r));
    size_t inherited = containment->inherited_count;
    int last = inherited ? containment->inherited[inherited - 1] : 0;
    *place = (struct pf_child_place){
        .sheet = containment->sheet,
        .own_from = (last > STDERR_FILENO ? last : STDERR_FILENO) + 1,
        .own_shm = !(trial->share & PF_SHARE_SHM),
        .own_ipc = !(trial->share & PF_SHARE_IPC),
        .uid_map = pf_arena_printf(arena, "%u %u 1\n", geteuid(), geteuid()),
        .gid_map = pf_arena_printf(arena, "%u %u 1\n", getegid(), getegid()),
    };
    if (!trial->isolate)
        return 0;
    return pf_isolate_prepare(trial, !containment->admin, arena, place, &containment->isolation_note, error);
}

int pf_containment_new(const struct pf_trial *trial, bool keep, struct pf_containment **ret_containment,
                       enum pf_stage *ret_failed, struct pf_error *error)
{
    struct pf_child_place place;
    struct pf_arena *arena = pf_arena_new();
    struct pf_containment *containment = pf_arena_alloc(arena, sizeof(*containment));
    *containment = (struct pf_containment){
        .arena = arena,
        .socket = -1,
        .null = -1,
        .share = trial->share,
        .isolates = trial->isolate,
        .directory = pf_arena_strdup(arena, trial->directory),
        .admin = is_admin(),
        .layers.fd = -1,
        .changes = -1,
        .mounts = -1,
        .children = -1,
    };
    *ret_failed = PF_STAGE_NONE;
    int r = prepare(trial, containment, &place, error);
    if (r == 0) {
        place.watched = keep;
        r = choose_level(containment, &place);
        if (r < 0) {
            *ret_failed = containment->sheet->report.stage;
            int code = *ret_failed ? containment->sheet->report.error : -r;
            r = pf_error_set(error, -code, "the program's first process could not be set up: %s",
                             strerror(code));
        }
    }
    if (r < 0) {
        pf_containment_end(containment, false);
        return r;
    }
    containment->layers.layers = place.layers;
    containment->layers.count = place.layer_count;
    containment->layers.directory = place.layers_directory;
    *ret_containment = containment;
    return 0;
}

bool pf_containment_fits(const struct pf_containment *containment, const struct pf_trial *trial)
{
    bool same_directory = trial->directory && containment->directory
                              ? strcmp(trial->directory, containment->directory) == 0
                              : trial->directory == containment->directory;
    return containment->init > 0 && containment->share == trial->share &&
           containment->isolates == trial->isolate && (!trial->isolate || same_directory);
}

void pf_containment_end(struct pf_containment *containment, bool leaves)
{
    if (!containment)
        return;
    /* The init ends when it hears nothing any more. */
    if (containment->socket >= 0)
        close(containment->socket);
    if (!leaves)
        kill_init(containment);
    const int own[] = {containment->layers.fd, containment->null, containment->changes, containment->mounts,
                       containment->children};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i] >= 0)
            close(own[i]);
    if (containment->sheet)
        munmap(containment->sheet, SHEET_BYTES);
    pf_arena_free(containment->arena);
}
