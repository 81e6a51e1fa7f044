#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error_internal.h"

/* "MPSPAWN1" */
static const uint64_t spawn_magic = UINT64_C(0x314e57415053504d);
static const char variable[] = "MPROC_SPAWN";

enum { ARGV_BYTES = 4096 }; /* at first */

/* Begins the file; then come the name of the entry and the body. */
struct spawn_head {
    uint64_t magic;
    struct mproc_order order;
    uint64_t body_len;
    uint32_t entry_len; /* with its NUL */
    int32_t parent;
    int32_t owner_pid;
    int32_t owner_pidfd;
    char owner_name[64];
    int32_t slots_fd;
    int32_t answer_fd;
    uint32_t nfds;
    int32_t fds[MPROC_ARGS_FDS_MAX];
};

static int write_all(int fd, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        at += written;
        len -= (size_t)written;
    }
    return 0;
}

/* A file with all of it. Returns its descriptor, which outlives an exec. */
static int pack(const struct mproc_worker *worker, const unsigned char *body)
{
    struct spawn_head head = {.magic = spawn_magic,
                              .order = *worker->order,
                              .body_len = mproc_order_body_len(worker->order),
                              .entry_len = (uint32_t)strlen(worker->entry->name) + 1,
                              .parent = worker->parent,
                              .owner_pid = worker->owner.pid,
                              .owner_pidfd = worker->owner.pidfd,
                              .slots_fd = worker->slots_fd,
                              .answer_fd = worker->answer_fd,
                              .nfds = worker->nfds};
    int fd = memfd_create("mproc-spawn", 0);

    if (fd < 0)
        return -errno;
    for (unsigned i = 0; i < worker->nfds; i++)
        head.fds[i] = worker->fds[i];
    snprintf(head.owner_name, sizeof(head.owner_name), "%s", worker->owner.name);
    int err = write_all(fd, &head, sizeof(head));
    if (!err)
        err = write_all(fd, worker->entry->name, head.entry_len);
    if (!err)
        err = write_all(fd, body, head.body_len);
    return err ? err : fd;
}

static int keep_over_exec(const struct mproc_worker *worker)
{
    int err = fcntl(worker->slots_fd, F_SETFD, 0) || fcntl(worker->answer_fd, F_SETFD, 0) ||
                      fcntl(worker->owner.pidfd, F_SETFD, 0)
                  ? -errno
                  : 0;

    for (unsigned i = 0; i < worker->nfds && !err; i++)
        err = fcntl(worker->fds[i], F_SETFD, 0) ? -errno : 0;
    return err;
}

/* All that there is, to be freed. Little is asked for as long as little comes: of a lot, malloc maps pages.
 */
static int read_all(int fd, char **ret_bytes, size_t *ret_len)
{
    char *bytes = NULL;
    size_t len = 0, size = 0;
    ssize_t got = 1;

    while (got > 0 || (got < 0 && errno == EINTR)) {
        if (len == size) {
            size = size ? 2 * size : ARGV_BYTES;
            char *more = realloc(bytes, size);
            if (!more) {
                free(bytes);
                return -ENOMEM;
            }
            bytes = more;
        }
        got = read(fd, bytes + len, size - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        int err = -errno;
        free(bytes);
        return err;
    }
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}

/* The arguments that the program was run with: the guard is a fork of it, and has them still. */
static int read_argv(char ***ret_argv)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    char *bytes = NULL;
    size_t len = 0;
    size_t count = 0;

    if (fd < 0)
        return -errno;
    int err = read_all(fd, &bytes, &len);
    close(fd);
    if (err)
        return err;
    if (len == 0 || bytes[len - 1] != '\0')
        return -E2BIG;
    for (const char *at = bytes; at < bytes + len; at += strlen(at) + 1)
        count++;
    char **argv = calloc(count + 1, sizeof(*argv));
    if (!argv)
        return -ENOMEM;
    char *at = bytes;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        argv[i] = at;
    *ret_argv = argv;
    return 0;
}

int mproc_spawn_exec(const struct mproc_worker *worker, const unsigned char *body)
{
    char value[40];
    char **argv = NULL;

    if (worker->slots_fd < 0)
        return -ENOTSUP;
    int fd = pack(worker, body);
    int err = fd < 0 ? fd : keep_over_exec(worker);
    if (!err)
        err = read_argv(&argv);
    if (err)
        return err;
    snprintf(value, sizeof(value), "%d %d", fd, (int)getpid());
    if (setenv(variable, value, 1))
        return -ENOMEM;
    execv("/proc/self/exe", argv);
    return -errno;
}

/* The descriptor that the environment names, if this process is meant, or -1. */
static int find_fd(void)
{
    const char *value = getenv(variable);
    int fd, pid;

    if (!value || sscanf(value, "%d %d", &fd, &pid) != 2 || pid != (int)getpid())
        return -1;
    return fd;
}

/* Maps the file and sees that it is whole; it is then this process' own. Returns 1; 0: it is none of ours;
 * -errno. */
static int unpack(int fd, struct spawn_head **ret_head)
{
    struct stat status;

    if (fstat(fd, &status) != 0 || (size_t)status.st_size < sizeof(struct spawn_head))
        return 0;
    struct spawn_head *head = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (head == MAP_FAILED)
        return -errno;
    const char *entry = (const char *)(head + 1);
    size_t rest = (size_t)status.st_size - sizeof(*head);
    if (head->magic != spawn_magic || head->nfds > MPROC_ARGS_FDS_MAX || head->entry_len == 0 ||
        head->entry_len > rest || entry[head->entry_len - 1] != '\0' ||
        head->body_len != rest - head->entry_len || head->body_len != mproc_order_body_len(&head->order) ||
        head->owner_name[sizeof(head->owner_name) - 1] != '\0' || head->order.slot >= MPROC_PROCESSES_MAX) {
        munmap(head, (size_t)status.st_size);
        return 0;
    }
    *ret_head = head;
    return 1;
}

static void close_at_next_exec(const struct spawn_head *head)
{
    fcntl(head->answer_fd, F_SETFD, FD_CLOEXEC);
    fcntl(head->owner_pidfd, F_SETFD, FD_CLOEXEC);
    for (unsigned i = 0; i < head->nfds; i++)
        fcntl(head->fds[i], F_SETFD, FD_CLOEXEC);
}

int mproc_spawn_take_up(const struct mproc_entry *entries, uint32_t nentries, struct mproc_worker *ret_worker)
{
    int fd = find_fd();
    struct spawn_head *head = NULL;
    struct mproc_slots *slots;
    int r = fd < 0 ? 0 : unpack(fd, &head);

    unsetenv(variable);
    if (r == 0)
        return 0;
    /* Nobody can be told but by the end. To go on would be to run main as if nobody had started this process.
     */
    if (r < 0 || mproc_slots_attach(head->slots_fd, &slots) != 0)
        _exit(EXIT_FAILURE);
    close(fd);
    close(head->slots_fd);
    close_at_next_exec(head);
    const char *entry = (const char *)(head + 1);
    *ret_worker = (struct mproc_worker){.order = &head->order,
                                        .body = (const unsigned char *)entry + head->entry_len,
                                        .body_fd = -1,
                                        .stdio = {-1, -1, -1},
                                        .fds = head->fds,
                                        .nfds = head->nfds,
                                        .entries = entries,
                                        .nentries = nentries,
                                        .slot = &slots->slots[head->order.slot],
                                        .answer_fd = head->answer_fd,
                                        .slots_fd = -1,
                                        .parent = head->parent,
                                        .owner = {head->owner_pid, head->owner_pidfd, head->owner_name}};
    for (uint32_t i = 0; i < nentries; i++) {
        if (strcmp(entries[i].name, entry) == 0) {
            ret_worker->entry = &entries[i];
            return 1;
        }
    }
    return mproc_fail(-EINVAL, "the program, run anew, has no entry '%.60s'", entry);
}
