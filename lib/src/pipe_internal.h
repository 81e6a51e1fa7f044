/*
 * Inside a connection.
 *
 * A frame is one packet of a SOCK_SEQPACKET socket, which the kernel takes whole or not at all. What does not
 * fit is written to a memory file first, which is sealed and goes with the packet, so that the packet is the
 * single step of every send. The packet has the beginning of such a frame all the same: then a frame fills
 * the socket as its size deserves, and a receiver that lags behind holds up the sender.
 *
 * A received packet is put into the handle's hand first and given out from there; what is refused stays.
 */
#ifndef MPROC_PIPE_INTERNAL_H
#define MPROC_PIPE_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/args.h>
#include <mproc/pipe.h>

#include "handle.h"

/* "MPF1" */
#define PIPE_MAGIC UINT32_C(0x3146504d)

enum pipe_kind { PIPE_BYTES, PIPE_ARGS, PIPE_KIND__COUNT };

enum {
    PIPE_PACKET_BYTES =
        64 << 10, /* of a frame that go with the packet; the rest is in the first descriptor */
    PIPE_FDS = MPROC_ARGS_FDS_MAX + 1,
};

/* Begins each packet. */
struct pipe_head {
    uint32_t magic;
    uint32_t kind;
    uint64_t length; /* of the frame */
};

enum pipe_direction { PIPE_BOTH, PIPE_ONLY_RECEIVES, PIPE_ONLY_SENDS, PIPE_DIRECTION__COUNT };

/* What travels of an end. */
struct pipe_meta {
    uint64_t max_frame_bytes;
    uint32_t direction;
    uint32_t unused;
};

/* A frame in the hand of its handle. */
struct pipe_frame {
    bool is_there;
    struct pipe_head head;
    unsigned char *packet; /* PIPE_PACKET_BYTES, once there was a frame */
    int rest_fd;           /* of what is not in the packet, or -1 */
    int fds[PIPE_FDS];
    unsigned nfds; /* without rest_fd */
};

struct mproc_pipe {
    struct mproc_handle handle; /* without a segment */
    int fd;
    struct pipe_meta meta;
    pthread_mutex_t hand; /* held for no longer than a frame takes to be copied */
    struct pipe_frame frame;
};

extern const struct mproc_class mproc_pipe_class;

/* Makes an end out of a socket, which it takes on success. Errors: -EINVAL, -ENOMEM. */
int mproc_pipe_wrap(int fd, const struct mproc_pipe_options *options, enum pipe_direction direction,
                    struct mproc_pipe **ret_pipe);

/* pipe_frame.c: takes the next packet out of the socket into an empty hand, if there is one. Errors: -EAGAIN
 * there is none; -EPIPE the end; -EBADMSG, -EMFILE it was dropped; -ENOMEM it is still in the socket. */
int mproc_pipe_pick_up(struct mproc_pipe *pipe);

/* Copies the frame out. Errors: -EBADMSG the rest is not what the head tells. */
int mproc_pipe_copy_out(const struct pipe_frame *frame, void *ret_data);

/* Ends the frame in the hand and closes its descriptors, but for the first `kept` of fds. */
void mproc_pipe_put_down(struct pipe_frame *frame, unsigned kept);

/* listener.c: the socket, to wait for. Errors: -EBADF. */
int mproc_listener_fd(const struct mproc_listener *listener);

#endif
