#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "pipe_internal.h"

/* As many descriptors as the kernel passes at once, whatever the other end is. */
enum { MOST_FDS = 253 };

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
};

static void close_fds(const int *fds, unsigned nfds)
{
    for (unsigned i = 0; i < nfds; i++)
        close(fds[i]);
}

static unsigned take_fds(struct msghdr *message, int *ret_fds)
{
    unsigned nfds = 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned count = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        if (count > MOST_FDS - nfds)
            count = MOST_FDS - nfds;
        memcpy(ret_fds + nfds, CMSG_DATA(head), count * sizeof(int));
        nfds += count;
    }
    if (!mproc_fds_above(ret_fds, nfds)) {
        message->msg_flags |= MSG_CTRUNC;
        return 0;
    }
    return nfds;
}

/* Whether the rest of a frame is where it should be, and nobody can change it. */
static bool is_rest(int fd, uint64_t len)
{
    const int required = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & required) == required && fstat(fd, &status) == 0 &&
           (uint64_t)status.st_size == len;
}

/* Makes a frame of what arrived, or says what is wrong with it. */
static int check_packet(const struct mproc_pipe *pipe, const struct pipe_head *head, size_t packet_len,
                        const int *fds, unsigned nfds)
{
    bool has_rest = head->length > PIPE_PACKET_BYTES;

    if (packet_len < sizeof(*head) || head->magic != PIPE_MAGIC || head->kind >= PIPE_KIND__COUNT)
        return mproc_fail(-EBADMSG, "a packet of %zu bytes is no frame of this library", packet_len);
    if (packet_len - sizeof(*head) != (has_rest ? PIPE_PACKET_BYTES : head->length))
        return mproc_fail(-EBADMSG, "a frame tells of %llu bytes, and has %zu",
                          (unsigned long long)head->length, packet_len - sizeof(*head));
    if (head->length > pipe->meta.max_frame_bytes)
        return mproc_fail(-EBADMSG, "a frame of %llu bytes; this end accepts up to %llu (max_frame_bytes)",
                          (unsigned long long)head->length, (unsigned long long)pipe->meta.max_frame_bytes);
    if (has_rest && (nfds == 0 || !is_rest(fds[0], head->length - PIPE_PACKET_BYTES)))
        return mproc_fail(-EBADMSG, "a frame of %llu bytes whose rest is missing",
                          (unsigned long long)head->length);
    nfds -= has_rest;
    if (nfds > (head->kind == PIPE_ARGS ? MPROC_ARGS_FDS_MAX : 0))
        return mproc_fail(-EBADMSG, "a frame with %u descriptors that nobody asked for", nfds);
    return 0;
}

static ssize_t receive_packet(const struct mproc_pipe *pipe, struct msghdr *message)
{
    bool was_reset = false;
    ssize_t len;

    /* A reset is told once, before what was sent ere the other end went: it is still to come. */
    while ((len = recvmsg(pipe->fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0) {
        if (errno != EINTR && (errno != ECONNRESET || was_reset))
            return -errno;
        was_reset = was_reset || errno == ECONNRESET;
    }
    return len;
}

int mproc_pipe_pick_up(struct mproc_pipe *pipe)
{
    struct pipe_frame *frame = &pipe->frame;
    struct pipe_head head = {0};
    union control control;
    int fds[MOST_FDS];

    if (!frame->packet && !(frame->packet = malloc(PIPE_PACKET_BYTES)))
        return mproc_fail(-ENOMEM, "no memory to receive a frame");
    struct iovec parts[] = {{&head, sizeof(head)}, {frame->packet, PIPE_PACKET_BYTES}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t len = receive_packet(pipe, &message);
    if (len == -EAGAIN)
        return -EAGAIN;
    if (len == 0)
        return mproc_fail(-EPIPE, "nobody has the other end of the connection any more");
    if (len < 0)
        return mproc_fail((int)len, "descriptor %d cannot be received from: %s", pipe->fd,
                          strerrordesc_np((int)-len));
    unsigned nfds = take_fds(&message, fds);
    int err = message.msg_flags & MSG_TRUNC ? mproc_fail(-EBADMSG, "a packet that is no frame: too long")
              : message.msg_flags & MSG_CTRUNC
                  ? mproc_fail(-EMFILE, "a frame was dropped: its descriptors do not fit below RLIMIT_NOFILE")
                  : check_packet(pipe, &head, (size_t)len, fds, nfds);
    if (err) {
        close_fds(fds, nfds);
        return err;
    }
    bool has_rest = head.length > PIPE_PACKET_BYTES;
    frame->head = head;
    frame->rest_fd = has_rest ? fds[0] : -1;
    frame->nfds = nfds - has_rest;
    memcpy(frame->fds, fds + has_rest, frame->nfds * sizeof(*fds));
    frame->is_there = true;
    return 0;
}

int mproc_pipe_copy_out(const struct pipe_frame *frame, void *ret_data)
{
    unsigned char *data = ret_data;
    uint64_t len = frame->head.length;
    uint64_t done = len < PIPE_PACKET_BYTES ? len : PIPE_PACKET_BYTES;

    if (done > 0)
        memcpy(data, frame->packet, done);
    for (uint64_t begin = done; done < len;) {
        ssize_t got = pread(frame->rest_fd, data + done, len - done, (off_t)(done - begin));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return mproc_fail(got < 0 ? -errno : -EBADMSG, "the rest of a frame cannot be read");
        done += (uint64_t)got;
    }
    return 0;
}

void mproc_pipe_put_down(struct pipe_frame *frame, unsigned kept)
{
    close_fds(frame->fds + kept, frame->nfds - kept);
    if (frame->rest_fd >= 0)
        close(frame->rest_fd);
    frame->is_there = false;
    frame->rest_fd = -1;
    frame->nfds = 0;
}
