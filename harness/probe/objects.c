#include "probe/objects.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/reach.h"
#include "probe/sockets.h"

/* Kinds whose descriptors carry no number of their own: only comparing the open files tells. */
static bool is_anonymous(const struct pf_fd *fd)
{
    return fd->inode == 0;
}

static bool same_object(const struct pf_site *site_a, const struct pf_fd *a, const struct pf_site *site_b,
                        const struct pf_fd *b)
{
    if (a->kind != b->kind)
        return false;
    if (!is_anonymous(a) || !is_anonymous(b))
        return a->inode == b->inode && a->device == b->device;
    if (site_a == site_b && a->number == b->number)
        return true;
    return strcmp(a->link, b->link) == 0 &&
           syscall(SYS_kcmp, site_a->reader, site_b->reader, KCMP_FILE, a->number, b->number) == 0;
}

static void add_holder(struct pf_survey *survey, struct pf_object *object, const struct pf_site *site,
                       struct pf_fd *fd)
{
    int64_t flags;
    struct pf_holder *holder =
        pf_arena_grow(survey->arena, &object->holders, &object->holder_count, sizeof(*holder));
    *holder = (struct pf_holder){.process = site->process->address, .fd = fd->number};
    if (!pf_fd_info_number(pf_fd_info(survey, site, fd), "flags:", 8, &flags)) {
        /* Closed meanwhile, or not readable: think the worst, which is that it can do everything. */
        holder->reads = holder->writes = true;
        return;
    }
    if (!(flags & O_PATH)) {
        holder->reads = (flags & O_ACCMODE) != O_WRONLY;
        holder->writes = (flags & O_ACCMODE) != O_RDONLY;
    }
    holder->cloexec = flags & O_CLOEXEC;
}

void pf_object_add_holders(struct pf_survey *survey, struct pf_object *object, const struct pf_site *site,
                           const struct pf_fd *sample)
{
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *other = &survey->sites[i];
        pf_site_read_fds(survey, other);
        for (size_t k = 0; k < other->fd_count; k++)
            if (same_object(site, sample, other, &other->fds[k]))
                add_holder(survey, object, other, &other->fds[k]);
    }
}

struct pf_fd *pf_object_find_fd(struct pf_survey *survey, enum pf_object_kind kind, uint64_t inode,
                                struct pf_site **ret_site)
{
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        pf_site_read_fds(survey, site);
        for (size_t k = 0; k < site->fd_count; k++) {
            if (site->fds[k].kind != kind || site->fds[k].inode != inode)
                continue;
            *ret_site = site;
            return &site->fds[k];
        }
    }
    return NULL;
}

static void read_pipe(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                      struct pf_fd *fd)
{
    if (fd->kind == PF_OBJECT_FIFO) {
        object->path = fd->link;
        if (!fd->deleted)
            pf_object_set_named(object, pf_reach_own_device(survey, fd->device),
                                "anybody may open it by its name");
    }
    int copy = pf_fd_duplicate(site, fd);
    if (copy < 0)
        return;
    int queued = 0, capacity = fcntl(copy, F_GETPIPE_SZ);
    if (ioctl(copy, FIONREAD, &queued) == 0 && queued > 0)
        object->queued = (uint64_t)queued;
    if (capacity > 0)
        object->capacity = (uint64_t)capacity;
    close(copy);
}

static void read_timerfd(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                         struct pf_fd *fd)
{
    const char *value = strstr(pf_fd_info(survey, site, fd), "it_value: (");
    long long seconds = 0, nanoseconds = 0;
    if (!value || sscanf(value, "it_value: (%lld, %lld)", &seconds, &nanoseconds) != 2)
        pf_object_set_external(object, "whether the timer is armed cannot be read");
    object->armed = seconds != 0 || nanoseconds != 0;
}

static void read_pidfd(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                       struct pf_fd *fd)
{
    (void)site;
    struct pf_site *target = fd->inode ? pf_survey_site(survey, (pid_t)fd->inode) : NULL;
    if (target)
        object->pid_of = target->process->address;
    else
        pf_object_set_external(object, "its process is outside the tree, or gone");
}

static void read_file(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                      struct pf_fd *fd)
{
    (void)survey;
    (void)site;
    object->path = fd->link;
    if (!fd->regular)
        pf_object_set_external(object, "a device answers");
}

static void read_tty(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                     struct pf_fd *fd)
{
    (void)survey;
    (void)site;
    object->path = fd->link;
    pf_object_set_external(object, "a terminal: somebody may be at its other end");
}

/* Each watch has a line "inotify wd:1 ino:2a sdev:1c mask:…", with the device as the kernel counts it. The
 * watch of what is deleted goes with it, and nobody but the holders can set another. */
static void read_inotify(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                         struct pf_fd *fd)
{
    size_t others = 0, watches = 0;
    const char *info = pf_fd_info(survey, site, fd);
    if (!*info)
        pf_object_set_external(object, "what it watches cannot be read");
    for (const char *line = strstr(info, "inotify wd:"); line;
         line = strstr(line + 1, "inotify wd:"), watches++) {
        unsigned device = 0;
        bool known = sscanf(line, "inotify wd:%*x ino:%*x sdev:%x", &device) == 1;
        others += !known || !pf_reach_own_device(survey, makedev(device >> 20, device & 0xfffff));
    }
    /* Watches go with the files that they are for. */
    object->armed = watches > 0;
    if (watches)
        pf_object_set_named(object, !others, "anybody may change the watched files");
}

static void read_queue(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                       struct pf_fd *fd)
{
    struct mq_attr attributes;
    int copy = pf_fd_duplicate(site, fd);
    if (copy >= 0 && mq_getattr(copy, &attributes) == 0) {
        object->queued = (uint64_t)attributes.mq_curmsgs;
        object->capacity = (uint64_t)attributes.mq_maxmsg;
    }
    if (copy >= 0)
        close(copy);
    object->path = fd->link;
    if (!fd->deleted)
        pf_object_set_named(object, pf_reach_own_ipc(survey), "anybody may open the queue by its name");
}

/* Requests to the kernel that were made with io_submit may end in an eventfd, which nothing tells: the ring
 * that they belong to is all that is seen of them. */
static void read_eventfd(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                         struct pf_fd *fd)
{
    (void)site;
    (void)fd;
    for (size_t i = 0; i < survey->request->process_count; i++)
        if (pf_site_maps_name(survey, &survey->sites[i], "/[aio]"))
            pf_object_set_external(object, "asynchronous I/O may signal it");
}

/* Which signals it is for: "sigmask:\t0000000000010000". */
static void read_signalfd(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                          struct pf_fd *fd)
{
    const char *mask = strstr(pf_fd_info(survey, site, fd), "sigmask:");
    object->signals = mask ? strtoull(mask + strlen("sigmask:"), NULL, 16) : 0;
}

/* A descriptor that an epoll set watches: the set keeps the file, whatever became of the number since. */
static const char *epoll_member(struct pf_survey *survey, struct pf_site *site, int number, uint64_t inode)
{
    struct pf_fd *fd = pf_site_fd(survey, site, number);
    if (fd && (is_anonymous(fd) || fd->kind == PF_OBJECT_EVENTFD || fd->kind == PF_OBJECT_PIDFD ||
               fd->inode == inode))
        return pf_object_of_fd(survey, site, fd)->id;
    static const enum pf_object_kind kinds[] = {PF_OBJECT_PIPE, PF_OBJECT_SOCKET, PF_OBJECT_FIFO};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct pf_site *other;
        fd = pf_object_find_fd(survey, kinds[i], inode, &other);
        if (fd)
            return pf_object_of_fd(survey, other, fd)->id;
    }
    return NULL;
}

/* A member that has fired and is to fire once has no events left to be told of. */
static void add_member(struct pf_survey *survey, struct pf_object *set, const char *id, unsigned events)
{
    static const unsigned HOW = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE;
    if ((events & EPOLLONESHOT) && !(events & ~HOW)) {
        *(const char **)pf_arena_grow(survey->arena, &set->disarmed, &set->disarmed_count, sizeof(id)) = id;
        return;
    }
    *(const char **)pf_arena_grow(survey->arena, &set->members, &set->member_count, sizeof(id)) = id;
    if (events & EPOLLET)
        *(const char **)pf_arena_grow(survey->arena, &set->edges, &set->edge_count, sizeof(id)) = id;
}

static void read_epoll(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                       struct pf_fd *fd)
{
    const char *info = pf_fd_info(survey, site, fd);
    if (!*info)
        pf_object_set_external(object, "its members cannot be read");
    for (const char *line = strstr(info, "tfd:"); line; line = strstr(line + 1, "tfd:")) {
        int number = 0;
        unsigned events = 0;
        unsigned long long inode = 0;
        const char *id = NULL;
        if (sscanf(line, "tfd: %d events: %x data: %*x pos:%*d ino:%llx", &number, &events, &inode) == 3)
            id = epoll_member(survey, site, number, inode);
        if (!id) {
            pf_object_set_external(object, "it watches a file that no process of the tree has open");
            continue;
        }
        add_member(survey, object, id, events);
    }
}

/* What there is to read about an object beyond its holders, by kind. */
static void (*const readers[PF_OBJECT__COUNT])(struct pf_survey *, struct pf_object *, struct pf_site *,
                                               struct pf_fd *) = {
    [PF_OBJECT_PIPE] = read_pipe,       [PF_OBJECT_FIFO] = read_pipe,    [PF_OBJECT_SOCKET] = pf_socket_read,
    [PF_OBJECT_TIMERFD] = read_timerfd, [PF_OBJECT_PIDFD] = read_pidfd,  [PF_OBJECT_FILE] = read_file,
    [PF_OBJECT_TTY] = read_tty,         [PF_OBJECT_EPOLL] = read_epoll,  [PF_OBJECT_OTHER] = read_file,
    [PF_OBJECT_INOTIFY] = read_inotify, [PF_OBJECT_MQUEUE] = read_queue, [PF_OBJECT_SIGNALFD] = read_signalfd,
    [PF_OBJECT_EVENTFD] = read_eventfd,
};

const char *pf_object_id(struct pf_survey *survey, const struct pf_site *site, const struct pf_fd *fd)
{
    struct pf_site *target;
    switch (fd->kind) {
    case PF_OBJECT_EVENTFD:
        return pf_arena_printf(survey->arena, "eventfd:%llu", (unsigned long long)fd->inode);
    case PF_OBJECT_PIDFD:
        target = pf_survey_site(survey, (pid_t)fd->inode);
        return target ? pf_arena_printf(survey->arena, "pidfd:%s", target->process->address)
                      : pf_arena_printf(survey->arena, "pidfd:[%llu]", (unsigned long long)fd->inode);
    case PF_OBJECT_EPOLL:
    case PF_OBJECT_TIMERFD:
    case PF_OBJECT_SIGNALFD:
    case PF_OBJECT_INOTIFY:
        /* By the first descriptor seen to be it. */
        return pf_arena_printf(survey->arena, "%s:%s/%d", pf_names_get(&pf_object_kind_names, (int)fd->kind),
                               site->process->address, fd->number);
    default:
        return pf_fd_id(survey->arena, fd);
    }
}

struct pf_object *pf_object_of_fd(struct pf_survey *survey, struct pf_site *site, struct pf_fd *fd)
{
    struct pf_site *first_site = site;
    struct pf_fd *first = fd;
    if (is_anonymous(fd)) {
        /* Its name is that of its first holder, whoever asks. */
        for (size_t i = 0, found = 0; i < survey->request->process_count && !found; i++) {
            struct pf_site *other = &survey->sites[i];
            pf_site_read_fds(survey, other);
            for (size_t k = 0; k < other->fd_count && !found; k++) {
                if (!same_object(site, fd, other, &other->fds[k]))
                    continue;
                first_site = other;
                first = &other->fds[k];
                found = 1;
            }
        }
    }
    const char *id = pf_object_id(survey, first_site, first);
    struct pf_object *object = pf_survey_object(survey, id);
    if (object)
        return object;
    object = pf_survey_add(survey, fd->kind, id);
    pf_object_add_holders(survey, object, site, fd);
    if (readers[fd->kind])
        readers[fd->kind](survey, object, site, fd);
    return object;
}
