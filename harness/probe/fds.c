#include "probe/fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe/survey.h"

#define MQUEUE_MAGIC 0x19800202 /* of the kernel's ipc/mqueue.c; no header has it */

/* What a link of /proc/PID/fd that is no path begins with. */
static const struct link_form {
    const char *prefix;
    enum pf_object_kind kind;
    bool io_uring;
} link_forms[] = {
    {"pipe:[", PF_OBJECT_PIPE, false},
    {"socket:[", PF_OBJECT_SOCKET, false},
    {"anon_inode:[eventfd]", PF_OBJECT_EVENTFD, false},
    {"anon_inode:[eventpoll]", PF_OBJECT_EPOLL, false},
    {"anon_inode:[timerfd]", PF_OBJECT_TIMERFD, false},
    {"anon_inode:[signalfd]", PF_OBJECT_SIGNALFD, false},
    {"anon_inode:[pidfd]", PF_OBJECT_PIDFD, false},
    {"pidfd:[", PF_OBJECT_PIDFD, false},
    {"anon_inode:inotify", PF_OBJECT_INOTIFY, false},
    {"anon_inode:[fanotify]", PF_OBJECT_INOTIFY, false},
    {"anon_inode:[io_uring]", PF_OBJECT_OTHER, true},
};

static bool is_tty(dev_t device)
{
    unsigned number = major(device);
    return number == 4 || number == 5 || (number >= 136 && number <= 143);
}

/* A queue looks like a file in the root folder, which is that of a file system of its own. */
static bool is_queue(int directory, const char *name, const char *link)
{
    struct statfs system;
    char path[PATH_MAX];
    if (strrchr(link, '/') != link)
        return false;
    ssize_t length = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
    return (size_t)length < sizeof(path) && statfs(path, &system) == 0 && system.f_type == MQUEUE_MAGIC;
}

/* A path: asks what is behind the link itself, so that mount namespaces and renamed files do not matter. */
static void classify_path(int directory, const char *name, struct pf_fd *fd)
{
    struct statx stat;
    fd->kind = PF_OBJECT_OTHER;
    /* No synchronising: the server of a network or FUSE file system may be the very process that hangs. */
    if (statx(directory, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_NLINK, &stat))
        return;
    fd->device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
    fd->inode = stat.stx_ino;
    fd->deleted = stat.stx_nlink == 0;
    fd->regular = S_ISREG(stat.stx_mode) || S_ISDIR(stat.stx_mode);
    if (S_ISFIFO(stat.stx_mode))
        fd->kind = PF_OBJECT_FIFO;
    else if (S_ISCHR(stat.stx_mode) && is_tty(makedev(stat.stx_rdev_major, stat.stx_rdev_minor)))
        fd->kind = PF_OBJECT_TTY;
    else if (fd->regular && is_queue(directory, name, fd->link)) {
        fd->kind = PF_OBJECT_MQUEUE;
        fd->regular = false;
    } else if (fd->regular)
        fd->kind = PF_OBJECT_FILE;
}

static void classify(int directory, const char *name, struct pf_fd *fd)
{
    if (fd->link[0] == '/') {
        classify_path(directory, name, fd);
        return;
    }
    for (size_t i = 0; i < sizeof(link_forms) / sizeof(link_forms[0]); i++) {
        const struct link_form *form = &link_forms[i];
        if (strncmp(fd->link, form->prefix, strlen(form->prefix)))
            continue;
        fd->kind = form->kind;
        fd->io_uring = form->io_uring;
        if (form->kind == PF_OBJECT_PIPE || form->kind == PF_OBJECT_SOCKET)
            fd->inode = strtoull(fd->link + strlen(form->prefix), NULL, 10);
        return;
    }
    fd->kind = PF_OBJECT_OTHER;
}

/* The one of that name in a folder /proc/PID/fd. Returns 0 or -errno. */
static int read_fd(int directory, const char *name, struct pf_arena *arena, struct pf_fd *ret_fd)
{
    char link[PATH_MAX];
    ssize_t length = readlinkat(directory, name, link, sizeof(link));
    if (length < 0)
        return -errno;
    *ret_fd = (struct pf_fd){.number = atoi(name), .link = pf_arena_strndup(arena, link, (size_t)length)};
    classify(directory, name, ret_fd);
    return 0;
}

int pf_fds_list(pid_t pid, struct pf_arena *arena, struct pf_fd **ret_fds, size_t *ret_count)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOENT ? -ESRCH : -errno;
    struct pf_fd *fds = NULL, fd;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        /* One that cannot be read was closed meanwhile. */
        if (entry->d_name[0] != '.' && read_fd(dirfd(directory), entry->d_name, arena, &fd) == 0)
            *(struct pf_fd *)pf_arena_grow(arena, &fds, &count, sizeof(fd)) = fd;
    closedir(directory);
    *ret_fds = fds;
    *ret_count = count;
    return 0;
}

const char *pf_fd_id(struct pf_arena *arena, const struct pf_fd *fd)
{
    if (fd->kind == PF_OBJECT_FIFO || fd->kind == PF_OBJECT_FILE || fd->kind == PF_OBJECT_MQUEUE)
        return pf_arena_printf(arena, "%s:%u:%u:%llu", pf_names_get(&pf_object_kind_names, (int)fd->kind),
                               major(fd->device), minor(fd->device), (unsigned long long)fd->inode);
    return fd->link;
}

/* Gives eventfds and pidfds, which all share one inode, a number to tell them apart. */
static void read_identity(struct pf_survey *survey, const struct pf_site *site, struct pf_fd *fd)
{
    const char *key = fd->kind == PF_OBJECT_EVENTFD ? "eventfd-id:"
                      : fd->kind == PF_OBJECT_PIDFD ? "Pid:"
                                                    : NULL;
    int64_t number;
    if (key && pf_fd_info_number(pf_fd_info(survey, site, fd), key, 10, &number) && number > 0)
        fd->inode = (uint64_t)number;
}

/* Descriptors that travel inside a socket belong to nobody until they are received: anybody may be next. */
static void look_for_travellers(struct pf_survey *survey, const struct pf_site *site, struct pf_fd *fd)
{
    int64_t number;
    if (!pf_fd_info_number(pf_fd_info(survey, site, fd), "scm_fds:", 10, &number) || number <= 0)
        return;
    survey->hidden_holder = "descriptors are on their way inside a socket, and may be of this object";
    pf_survey_unknown(survey, "%s holds %s with %lld descriptors in it that nobody has received yet",
                      site->process->address, fd->link, (long long)number);
}

void pf_site_read_fds(struct pf_survey *survey, struct pf_site *site)
{
    if (site->fds_read)
        return;
    site->fds_read = true;
    if (!site->reader)
        return;
    int code = pf_fds_list(site->reader, survey->arena, &site->fds, &site->fd_count);
    if (code == -ESRCH)
        return;
    if (code) {
        survey->hidden_holder = "the descriptors of a process of the tree cannot be read";
        pf_survey_unknown(survey, "the descriptors of %s cannot be read: %s", site->process->address,
                          strerror(-code));
        return;
    }
    for (size_t i = 0; i < site->fd_count; i++) {
        struct pf_fd *fd = &site->fds[i];
        read_identity(survey, site, fd);
        if (fd->kind == PF_OBJECT_SOCKET)
            look_for_travellers(survey, site, fd);
        if (fd->io_uring) {
            survey->hidden_hand = "an io_uring of the tree may act on it unseen";
            pf_survey_unknown(survey, "%s has an io_uring, which acts on objects unseen",
                              site->process->address);
        }
    }
}

int pf_site_read_some_fds(struct pf_survey *survey, struct pf_site *site, const int *numbers, size_t count)
{
    char text[64];
    snprintf(text, sizeof(text), "/proc/%d/fd", site->reader);
    int directory = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = directory < 0 ? -errno : 0;
    site->fds_read = true;
    site->fds = pf_arena_alloc(survey->arena, (count + 1) * sizeof(*site->fds));
    for (size_t i = 0; i < count && r == 0; i++) {
        snprintf(text, sizeof(text), "%d", numbers[i]);
        r = read_fd(directory, text, survey->arena, &site->fds[i]);
        if (r == 0)
            read_identity(survey, site, &site->fds[i]);
        site->fd_count += r == 0;
    }
    if (directory >= 0)
        close(directory);
    return r;
}

struct pf_fd *pf_site_fd(struct pf_survey *survey, struct pf_site *site, int number)
{
    pf_site_read_fds(survey, site);
    for (size_t i = 0; i < site->fd_count; i++)
        if (site->fds[i].number == number)
            return &site->fds[i];
    return NULL;
}

const char *pf_fd_info(struct pf_survey *survey, const struct pf_site *site, struct pf_fd *fd)
{
    if (fd->info)
        return fd->info;
    char path[80], *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", site->reader, fd->number);
    char small[1024];
    ssize_t length = pf_proc_read(path, small, sizeof(small));
    if (length < 0)
        return fd->info = "";
    if ((size_t)length < sizeof(small) - 1)
        return fd->info = pf_arena_strndup(survey->arena, small, (size_t)length);
    /* A big epoll set or many locks. */
    return fd->info = pf_proc_read_all(path, survey->arena, &text) ? "" : text;
}

bool pf_fd_info_number(const char *info, const char *key, int base, int64_t *ret_value)
{
    for (const char *line = info; line && *line;) {
        if (strncmp(line, key, strlen(key)) == 0) {
            *ret_value = strtoll(line + strlen(key), NULL, base);
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

int pf_fd_duplicate(const struct pf_site *site, const struct pf_fd *fd)
{
    int process = (int)syscall(SYS_pidfd_open, site->process->pid, 0);
    if (process < 0)
        return -errno;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd->number, 0);
    int code = copy < 0 ? -errno : copy;
    close(process);
    return code;
}
