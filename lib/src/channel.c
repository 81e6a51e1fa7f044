#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel.h"
#include "descriptor.h"

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(MPROC_CHANNEL_FDS * sizeof(int))];
};

size_t mproc_order_cpus_at(const struct mproc_order *order)
{
    return order->nlimits * sizeof(struct mproc_process_limit);
}

size_t mproc_order_strings_at(const struct mproc_order *order)
{
    return mproc_order_cpus_at(order) + order->cpus_len;
}

size_t mproc_order_args_at(const struct mproc_order *order)
{
    return mproc_order_strings_at(order) + order->strings_len;
}

size_t mproc_order_body_len(const struct mproc_order *order)
{
    return mproc_order_args_at(order) + order->args_len;
}

int mproc_channel_send(int fd, const struct iovec *parts, size_t nparts, const int *fds, size_t nfds)
{
    union control control;
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = nparts};
    ssize_t sent;

    if (nfds > MPROC_CHANNEL_FDS)
        return -EMSGSIZE;
    if (nfds > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        memset(control.bytes, 0, message.msg_controllen);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(head), fds, nfds * sizeof(int));
    }
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static size_t take_fds(struct msghdr *message, int *ret_fds)
{
    size_t nfds = 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ret_fds + nfds, CMSG_DATA(head), count * sizeof(int));
        nfds += count;
    }
    if (!mproc_fds_above(ret_fds, nfds)) {
        message->msg_flags |= MSG_CTRUNC;
        return 0;
    }
    return nfds;
}

ssize_t mproc_channel_receive(int fd, void *buffer, size_t size, int *ret_fds, size_t *ret_nfds)
{
    union control control;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    bool was_reset = false;
    ssize_t len;

    /* Of an end that went with messages unread the kernel tells once, and before what that end had sent. */
    while ((len = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0) {
        if (errno != EINTR && (errno != ECONNRESET || was_reset))
            return -errno;
        was_reset = was_reset || errno == ECONNRESET;
    }
    *ret_nfds = take_fds(&message, ret_fds);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < *ret_nfds; i++)
            close(ret_fds[i]);
        *ret_nfds = 0;
        return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EMSGSIZE;
    }
    return len;
}

int mproc_answer_send(int fd, const struct mproc_answer *answer, int pidfd)
{
    const struct iovec part = {.iov_base = (void *)answer, .iov_len = sizeof(*answer)};

    return mproc_channel_send(fd, &part, 1, &pidfd, pidfd >= 0 ? 1 : 0);
}
