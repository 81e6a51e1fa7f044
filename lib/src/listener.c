#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "pipe_internal.h"
#include "wait_fd.h"

enum { ADDRESS_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, DEFAULT_BACKLOG = 128 };

/* A full backlog cannot be polled for, so a connect sleeps in the kernel, and looks for a stop in between. */
static const uint64_t slice_ns = UINT64_C(20) * 1000 * 1000;

/* After so many who may not connect, or have gone again, the time is looked at. */
enum { IN_VAIN = 128 };

struct mproc_listener {
    struct mproc_handle handle; /* without a segment */
    int fd;
    char address[ADDRESS_MAX + 1];
    dev_t device; /* of the path; which inode it is tells whether it is still ours */
    ino_t inode;
    size_t max_frame_bytes;
    bool any_user;
};

static int fill_address(const char *address, struct sockaddr_un *ret_name, socklen_t *ret_len)
{
    size_t len = address ? strlen(address) : 0;

    if (len > ADDRESS_MAX)
        return mproc_fail(-ENAMETOOLONG, "the address of a listener has %zu bytes; %d are the most", len,
                          ADDRESS_MAX);
    if (len == 0)
        return mproc_fail(-EINVAL, "the address of a listener is %s", address ? "empty" : "a NULL");
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_name->sun_path, address, len);
    if (address[0] == '@')
        ret_name->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (address[0] != '@'));
    return 0;
}

static bool may_talk(int fd, bool any_user)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (any_user)
        return true;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* A name that the kernel chooses. */
static int bind_anywhere(struct mproc_listener *listener)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t);

    if (bind(listener->fd, (const struct sockaddr *)&name, len) != 0)
        return mproc_fail(-errno, "no name for a listener: %s", strerrordesc_np(errno));
    len = sizeof(name);
    if (getsockname(listener->fd, (struct sockaddr *)&name, &len) != 0)
        return mproc_fail(-errno, "a listener has no name: %s", strerrordesc_np(errno));
    int name_len = (int)(len - offsetof(struct sockaddr_un, sun_path)) - 1;
    snprintf(listener->address, sizeof(listener->address), "@%.*s", name_len, name.sun_path + 1);
    return 0;
}

/* Removes what a listener left that was killed. Errors: -EADDRINUSE, -ENOTSOCK. */
static int clear_path(const char *path, const struct sockaddr_un *name, socklen_t len)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT
                   ? 0
                   : mproc_fail(-errno, "cannot listen at '%s': %s", path, strerrordesc_np(errno));
    if (!S_ISSOCK(status.st_mode))
        return mproc_fail(-ENOTSOCK, "'%s' is there and is no socket", path);
    /* Of another type, so that who listens is found and not connected to. */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mproc_fail(-errno, "no socket to listen with: %s", strerrordesc_np(errno));
    bool is_stale = connect(fd, (const struct sockaddr *)name, len) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!is_stale)
        return mproc_fail(-EADDRINUSE, "somebody listens at '%s'", path);
    return unlink(path) == 0
               ? 0
               : mproc_fail(-errno, "'%s' cannot be replaced: %s", path, strerrordesc_np(errno));
}

/* The folder is locked: nobody comes between. */
static int take_path(struct mproc_listener *listener, const char *path, mode_t mode, int backlog)
{
    struct sockaddr_un name;
    struct stat status;
    socklen_t len;
    int err = fill_address(path, &name, &len);

    if (!err)
        err = clear_path(path, &name, len);
    if (err)
        return err;
    /* The permissions are there together with the name. */
    if (fchmod(listener->fd, mode) != 0 || bind(listener->fd, (const struct sockaddr *)&name, len) != 0)
        return mproc_fail(-errno, "cannot listen at '%s': %s", path, strerrordesc_np(errno));
    if (listen(listener->fd, backlog) != 0 || lstat(path, &status) != 0) {
        err = mproc_fail(-errno, "cannot listen at '%s': %s", path, strerrordesc_np(errno));
        unlink(path);
        return err;
    }
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

static int open_folder(const char *path)
{
    char folder[ADDRESS_MAX + 1];
    const char *slash = strrchr(path, '/');

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return mproc_fail(-errno, "the folder of '%s' cannot be opened: %s", path, strerrordesc_np(errno));
    if (flock(fd, LOCK_EX) != 0) {
        int err = mproc_fail(-errno, "the folder of '%s' cannot be locked: %s", path, strerrordesc_np(errno));
        close(fd);
        return err;
    }
    return fd;
}

static int bind_path(struct mproc_listener *listener, const struct mproc_listener_options *options,
                     int backlog)
{
    size_t len = strlen(options->path);

    if (len == 0 || len > ADDRESS_MAX)
        return mproc_fail(len ? -ENAMETOOLONG : -EINVAL,
                          "the path of a listener has %zu bytes; %d are the most", len, ADDRESS_MAX);
    int folder = open_folder(options->path);
    if (folder < 0)
        return folder;
    snprintf(listener->address, sizeof(listener->address), "%s", options->path);
    int err = take_path(listener, options->path, options->mode ? options->mode : 0600, backlog);
    close(folder);
    return err;
}

int mproc_listener_open(const struct mproc_listener_options *options, struct mproc_listener **ret_listener)
{
    static const struct mproc_listener_options defaults;
    struct mproc_listener *listener;

    if (!options)
        options = &defaults;
    int backlog = options->backlog ? (int)(options->backlog & INT16_MAX) : DEFAULT_BACKLOG;
    int err = mproc_handle_new(sizeof(*listener), &listener);
    if (err)
        return err;
    listener->max_frame_bytes = options->max_frame_bytes;
    listener->any_user = options->any_user;
    listener->fd = mproc_fd_above(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (listener->fd < 0) {
        err = mproc_fail(-errno, "no socket to listen with: %s", strerrordesc_np(errno));
    } else if (options->path) {
        err = bind_path(listener, options, backlog);
    } else {
        err = bind_anywhere(listener);
        if (!err && listen(listener->fd, backlog) != 0)
            err = mproc_fail(-errno, "cannot listen: %s", strerrordesc_np(errno));
    }
    if (err) {
        if (listener->fd >= 0)
            close(listener->fd);
        free(listener);
        return err;
    }
    *ret_listener = listener;
    return 0;
}

void mproc_listener_close(struct mproc_listener *listener)
{
    struct stat status;

    if (!mproc_handle_unref(listener))
        return;
    if (listener->address[0] != '@' && lstat(listener->address, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        unlink(listener->address);
    close(listener->fd);
    mproc_handle_bury(listener);
}

const char *mproc_listener_address(const struct mproc_listener *listener)
{
    return mproc_handle_check(listener, "listener") ? "" : listener->address;
}

int mproc_listener_fd(const struct mproc_listener *listener)
{
    int err = mproc_handle_check(listener, "listener");

    return err ? err : listener->fd;
}

/* Whether there is time for more of those who come in vain. Errors: without detail. */
static int check_time(uint64_t deadline_ns)
{
    int err = mproc_poll(NULL, 0, MPROC_NOW);

    if (err == -ECANCELED)
        return err;
    if (mproc_clock_ns() < deadline_ns)
        return 0;
    return deadline_ns == MPROC_NOW ? -EAGAIN : -ETIMEDOUT;
}

/* The next connection that may talk to us. Errors: without detail. */
static int accept_one(const struct mproc_listener *listener, uint64_t deadline_ns)
{
    for (unsigned tries = 1;; tries++) {
        int fd = mproc_fd_above(accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC));
        int err = fd < 0 ? -errno : 0;
        if (fd >= 0 && may_talk(fd, listener->any_user))
            return fd;
        if (fd >= 0)
            close(fd);
        if (err == -EAGAIN)
            err = mproc_poll_for(listener->fd, POLLIN, deadline_ns);
        else if (err == 0 || err == -EINTR || err == -ECONNABORTED)
            err = tries % IN_VAIN == 0 ? check_time(deadline_ns) : 0;
        if (err)
            return err;
    }
}

int mproc_listener_accept(struct mproc_listener *listener, uint64_t deadline_ns, struct mproc_pipe **ret_pipe)
{
    int err = mproc_handle_check(listener, "listener");

    if (err)
        return err;
    const struct mproc_pipe_options options = {.max_frame_bytes = listener->max_frame_bytes};
    int fd = accept_one(listener, deadline_ns);
    if (fd < 0)
        return mproc_fail(fd,
                          fd == -ETIMEDOUT || fd == -EAGAIN ? "nobody connected to '%s' until the deadline"
                          : fd == -ECANCELED                ? "stopped while waiting for a connection to '%s'"
                                             : "a connection to '%s' cannot be accepted (RLIMIT_NOFILE?)",
                          listener->address);
    err = mproc_pipe_wrap(fd, &options, PIPE_BOTH, ret_pipe);
    if (err)
        close(fd);
    return err;
}

/* Errors: without detail. */
static int connect_until(int fd, const struct sockaddr_un *name, socklen_t len, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = mproc_clock_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        uint64_t sleep_ns = left_ns < slice_ns ? left_ns : slice_ns;
        /* No time at all would mean for ever. */
        const struct timeval slice = {.tv_usec = (suseconds_t)(sleep_ns / 1000) + 1};

        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof(slice)) != 0)
            return -errno;
        if (connect(fd, (const struct sockaddr *)name, len) == 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int err = mproc_poll(NULL, 0, MPROC_NOW);
        if (err == -ECANCELED)
            return err;
        if (left_ns == 0)
            return deadline_ns == MPROC_NOW ? -EAGAIN : -ETIMEDOUT;
    }
}

static int fail_connect(int err, const char *address)
{
    switch (err) {
    case -ECONNREFUSED:
    case -ENOENT:
        return mproc_fail(err, "nobody listens at '%s'", address);
    case -EAGAIN:
    case -ETIMEDOUT:
        return mproc_fail(err, "too many wait at '%s' to be accepted", address);
    case -ECANCELED:
        return mproc_fail(err, "stopped while connecting to '%s'", address);
    default:
        return mproc_fail(err, "cannot connect to '%s': %s", address, strerrordesc_np(-err));
    }
}

int mproc_pipe_connect(const char *address, const struct mproc_pipe_options *options, uint64_t deadline_ns,
                       struct mproc_pipe **ret_pipe)
{
    struct sockaddr_un name;
    socklen_t len;
    int err = fill_address(address, &name, &len);

    if (err)
        return err;
    int fd = mproc_fd_above(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return mproc_fail(-errno, "no socket to connect with: %s", strerrordesc_np(errno));
    err = connect_until(fd, &name, len, deadline_ns);
    if (err)
        err = fail_connect(err, address);
    else if (!may_talk(fd, options && options->any_user))
        err = mproc_fail(-EACCES, "who listens at '%s' is another user; any_user allows that", address);
    if (!err)
        err = mproc_pipe_wrap(fd, options, PIPE_BOTH, ret_pipe);
    if (err)
        close(fd);
    return err;
}
