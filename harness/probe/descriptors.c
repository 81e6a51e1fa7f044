/*
 * What a process has open, counted; and of pipes and sockets, which have outlived their use.
 *
 * The kernel itself tells that an other end is closed, whoever in the machine might have held it: by what
 * poll says of a copy of the descriptor. Only for a pipe whose both ends are still open it has to be looked
 * who else has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/fds.h"
#include "probe/probe.h"

/* So many descriptors are looked at closely. */
enum { LOOKS_MAX = 4096 };

struct look {
    const struct pf_fd *fd;
    int mode; /* O_RDONLY … of a pipe */
    bool dangling;
    bool idle; /* nothing is in it */
};

struct close_look {
    pid_t pid;
    const struct pf_probe_request *request;
    struct pf_arena *arena;
    struct look *looks;
    size_t look_count;
};

static bool is_given(const struct pf_probe_request *request, const char *id)
{
    for (size_t i = 0; i < request->outside_count; i++)
        if (strcmp(request->outside[i], id) == 0)
            return true;
    return false;
}

static bool is_unix(int socket)
{
    int domain = 0;
    socklen_t length = sizeof(domain);
    return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* A socket that was never connected hangs up, too; but only a peer that is gone makes it POLLRDHUP. */
static bool is_cut_off(int copy, const struct look *look)
{
    struct pollfd ready = {.fd = copy, .events = POLLRDHUP};
    if (poll(&ready, 1, 0) < 0)
        return false;
    if (look->fd->kind == PF_OBJECT_PIPE)
        return look->mode == O_WRONLY ? ready.revents & POLLERR
                                      : look->mode == O_RDONLY && ready.revents & POLLHUP && look->idle;
    return ready.revents & POLLRDHUP && look->idle && (ready.revents & POLLHUP || !is_unix(copy));
}

static void look_at(struct close_look *close_look, const struct pf_fd *fd, int process)
{
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd->number, 0), queued = 0;
    if (copy < 0)
        return;
    struct look *look =
        pf_arena_grow(close_look->arena, &close_look->looks, &close_look->look_count, sizeof(*look));
    *look = (struct look){.fd = fd, .mode = fcntl(copy, F_GETFL) & O_ACCMODE};
    look->idle = ioctl(copy, FIONREAD, &queued) == 0 && queued == 0;
    look->dangling = is_cut_off(copy, look);
    close(copy);
}

static bool has_threads(const struct close_look *close_look)
{
    size_t threads = 0;
    for (size_t i = 0; i < close_look->request->thread_count; i++)
        threads += close_look->request->threads[i].pid == close_look->pid;
    return threads > 1;
}

static bool has_other_end(const struct close_look *close_look, const struct look *look)
{
    for (size_t i = 0; i < close_look->look_count; i++) {
        const struct look *other = &close_look->looks[i];
        if (other->fd->kind == PF_OBJECT_PIPE && other->fd->inode == look->fd->inode &&
            other->mode != look->mode)
            return true;
    }
    return false;
}

/* Whoever else has one of the pipes may use it. */
static void ask_others(struct close_look *close_look, pid_t pid)
{
    struct pf_fd *fds = NULL;
    size_t count = 0;
    bool known = pf_fds_list(pid, close_look->arena, &fds, &count) == 0;
    for (size_t i = 0; i < close_look->look_count; i++) {
        struct look *look = &close_look->looks[i];
        for (size_t k = 0; k < count && look->idle; k++)
            look->idle = fds[k].kind != PF_OBJECT_PIPE || fds[k].inode != look->fd->inode;
        look->idle = look->idle && known;
    }
}

/* A process with one thread that has both ends of an empty pipe for itself will not write to it and wait. */
static void look_for_own_pipes(struct close_look *close_look)
{
    const struct pf_probe_request *request = close_look->request;
    if (has_threads(close_look))
        return;
    for (size_t i = 0; i < request->process_count; i++)
        if (request->processes[i].pid != close_look->pid && !request->processes[i].zombie)
            ask_others(close_look, request->processes[i].pid);
    for (size_t i = 0; i < close_look->look_count; i++) {
        struct look *look = &close_look->looks[i];
        look->dangling = look->dangling ||
                         (look->fd->kind == PF_OBJECT_PIPE && look->idle && has_other_end(close_look, look));
    }
}

static struct pf_descriptors *entry_for(const struct pf_fd *fd, struct pf_arena *arena,
                                        struct pf_descriptors **open, size_t *count)
{
    const char *path = fd->link[0] == '/' ? fd->link : NULL;
    for (size_t i = 0; i < *count; i++) {
        struct pf_descriptors *known = &(*open)[i];
        if (known->kind == fd->kind && (path ? known->path && strcmp(known->path, path) == 0 : !known->path))
            return known;
    }
    struct pf_descriptors *entry = pf_arena_grow(arena, open, count, sizeof(*entry));
    *entry = (struct pf_descriptors){.kind = fd->kind, .path = path};
    return entry;
}

int pf_probe_open_number(pid_t tid, uint64_t *ret_number)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
    if (stat(path, &status) < 0)
        return -errno;
    if (status.st_size == 0) /* Linux 6.2 is the first to say it, and nobody asks of who has nothing */
        return -EOPNOTSUPP;
    *ret_number = (uint64_t)status.st_size;
    return 0;
}

int pf_probe_open(pid_t tid, struct pf_arena *arena, struct pf_descriptors **ret_open, size_t *ret_count)
{
    struct pf_fd *fds;
    size_t fd_count, count = 0;
    struct pf_descriptors *open = NULL;
    int r = pf_fds_list(tid, arena, &fds, &fd_count);
    if (r < 0)
        return r;
    for (size_t i = 0; i < fd_count; i++)
        entry_for(&fds[i], arena, &open, &count)->count++;
    *ret_open = open;
    *ret_count = count;
    return 0;
}

int pf_probe_open_closely(pid_t pid, const struct pf_probe_request *request, struct pf_arena *arena,
                          struct pf_descriptors **ret_open, size_t *ret_count)
{
    struct close_look close_look = {.pid = pid, .request = request, .arena = arena};
    struct pf_fd *fds;
    size_t fd_count, count = 0;
    struct pf_descriptors *open = NULL;
    int r = pf_fds_list(pid, arena, &fds, &fd_count);
    if (r < 0)
        return r;
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    for (size_t i = 0; i < fd_count; i++) {
        entry_for(&fds[i], arena, &open, &count)->count++;
        if (process >= 0 && close_look.look_count < LOOKS_MAX &&
            (fds[i].kind == PF_OBJECT_PIPE || fds[i].kind == PF_OBJECT_SOCKET) &&
            !is_given(request, fds[i].link))
            look_at(&close_look, &fds[i], process);
    }
    if (process >= 0)
        close(process);
    look_for_own_pipes(&close_look);
    for (size_t i = 0; i < close_look.look_count; i++)
        if (close_look.looks[i].dangling)
            entry_for(close_look.looks[i].fd, arena, &open, &count)->dangling++;
    *ret_open = open;
    *ret_count = count;
    return 0;
}
