#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args_internal.h"
#include "descriptor.h"
#include "error_internal.h"
#include "pipe_internal.h"
#include "wait_fd.h"

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(PIPE_FDS * sizeof(int))];
};

static int check_sender(const struct mproc_pipe *pipe, size_t len)
{
    int err = mproc_handle_check(pipe, "connection");

    if (err)
        return err;
    if (pipe->meta.direction == PIPE_ONLY_RECEIVES)
        return mproc_fail(-EINVAL, "this end of a one-way connection only receives; send at the other end");
    if (len > pipe->meta.max_frame_bytes)
        return mproc_fail(-EMSGSIZE,
                          "a frame of %zu bytes; this connection was made for up to %llu "
                          "(max_frame_bytes)",
                          len, (unsigned long long)pipe->meta.max_frame_bytes);
    return 0;
}

static int write_all(int fd, const unsigned char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

/* What does not fit into a packet goes into a file that nobody can change any more. */
static int write_rest(const unsigned char *data, size_t len, int *ret_fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    struct rlimit limit;

    /* Passing this limit would end the process by SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < len)
        return mproc_fail(-EFBIG, "a frame of %zu more bytes, but RLIMIT_FSIZE is %llu", len,
                          (unsigned long long)limit.rlim_cur);
    int fd = mproc_fd_above(memfd_create("mproc-frame", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int err = fd < 0 ? -errno : write_all(fd, data, len);
    if (!err && fcntl(fd, F_ADD_SEALS, seals) != 0)
        err = -errno;
    if (err) {
        if (fd >= 0)
            close(fd);
        return mproc_fail(err, "no memory file for %zu bytes of a frame: %s", len, strerrordesc_np(-err));
    }
    *ret_fd = fd;
    return 0;
}

static void attach_fds(struct msghdr *message, union control *control, const int *fds, unsigned nfds)
{
    if (nfds == 0)
        return;
    memset(control, 0, CMSG_SPACE(nfds * sizeof(int)));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(head), fds, nfds * sizeof(int));
}

static int fail_send(const struct mproc_pipe *pipe, int err)
{
    switch (err) {
    case -EPIPE:
    case -ECONNRESET:
        return mproc_fail(-EPIPE, "nobody has the other end of the connection any more");
    case -ETIMEDOUT:
    case -EAGAIN:
        return mproc_fail(err, "the connection is full: the other end does not receive");
    case -ECANCELED:
        return mproc_fail(err, "stopped while waiting for room in a connection");
    case -ETOOMANYREFS:
        return mproc_fail(err, "more descriptors are under way in connections than RLIMIT_NOFILE allows");
    default:
        return mproc_fail(err, "descriptor %d could not be sent to: %s", pipe->fd, strerrordesc_np(-err));
    }
}

static int send_packet(const struct mproc_pipe *pipe, const struct msghdr *message, uint64_t deadline_ns)
{
    for (;;) {
        if (sendmsg(pipe->fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return 0;
        int err = -errno;
        if (err == -EINTR)
            continue;
        if (err == -EAGAIN)
            err = mproc_poll_for(pipe->fd, POLLOUT, deadline_ns);
        if (err)
            return fail_send(pipe, err);
    }
}

static int send_frame(const struct mproc_pipe *pipe, enum pipe_kind kind, const void *data, size_t len,
                      const int *fds, unsigned nfds, uint64_t deadline_ns)
{
    size_t in_packet = len < PIPE_PACKET_BYTES ? len : PIPE_PACKET_BYTES;
    struct pipe_head head = {PIPE_MAGIC, kind, len};
    struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)data, in_packet}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    union control control;
    int all_fds[PIPE_FDS];
    unsigned count = 0;

    if (len > in_packet) {
        int err = write_rest((const unsigned char *)data + in_packet, len - in_packet, &all_fds[0]);
        if (err)
            return err;
        count = 1;
    }
    if (nfds > 0)
        memcpy(all_fds + count, fds, nfds * sizeof(*fds));
    attach_fds(&message, &control, all_fds, count + nfds);
    int err = send_packet(pipe, &message, deadline_ns);
    if (count > 0)
        close(all_fds[0]);
    return err;
}

int mproc_pipe_send(struct mproc_pipe *pipe, const void *data, size_t len, uint64_t deadline_ns)
{
    int err = check_sender(pipe, len);

    return err ? err : send_frame(pipe, PIPE_BYTES, data, len, NULL, 0, deadline_ns);
}

int mproc_pipe_send_args(struct mproc_pipe *pipe, const struct mproc_args *args, uint64_t deadline_ns)
{
    struct mproc_args_wire wire;
    int err = check_sender(pipe, 0);

    if (!err)
        err = mproc_args_encode(args, &wire);
    if (err)
        return err;
    err = check_sender(pipe, wire.len);
    if (!err)
        err = send_frame(pipe, PIPE_ARGS, wire.bytes, wire.len, wire.fds, wire.nfds, deadline_ns);
    free(wire.bytes);
    return err;
}
