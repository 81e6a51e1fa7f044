#include <errno.h>
#include <stdlib.h>

#include "args_internal.h"
#include "error_internal.h"
#include "pipe_internal.h"
#include "wait_fd.h"

/* Gives the frame in the hand out. With an error the frame stays, unless this says so itself. */
typedef int give_out_fn(struct mproc_pipe *pipe, void *user);

static int check_receiver(const struct mproc_pipe *pipe)
{
    int err = mproc_handle_check(pipe, "connection");

    if (!err && pipe->meta.direction == PIPE_ONLY_SENDS)
        err = mproc_fail(-EINVAL, "this end of a one-way connection only sends; receive at the other end");
    return err;
}

static int check_kind(const struct pipe_frame *frame, enum pipe_kind kind)
{
    if (frame->head.kind == (uint32_t)kind)
        return 0;
    return mproc_fail(-EINVAL, kind == PIPE_BYTES
                                   ? "the frame has typed values: take it with mproc_pipe_receive_args()"
                                   : "the frame has bytes: take it with mproc_pipe_receive()");
}

static int receive(struct mproc_pipe *pipe, enum pipe_kind kind, uint64_t deadline_ns, give_out_fn *give_out,
                   void *user)
{
    int err = check_receiver(pipe);

    while (!err) {
        pthread_mutex_lock(&pipe->hand);
        err = pipe->frame.is_there ? 0 : mproc_pipe_pick_up(pipe);
        if (!err)
            err = check_kind(&pipe->frame, kind);
        if (!err)
            err = give_out(pipe, user);
        else if (err == -EAGAIN)
            err = 1;
        pthread_mutex_unlock(&pipe->hand);
        if (err != 1)
            return err;
        err = mproc_poll_for(pipe->fd, POLLIN, deadline_ns);
        if (err)
            mproc_fail(err, err == -ECANCELED                     ? "stopped while waiting for a frame"
                            : err == -ETIMEDOUT || err == -EAGAIN ? "no frame came until the deadline"
                                                                  : "the connection cannot be waited for");
    }
    return err;
}

struct bytes {
    unsigned char *data; /* NULL: to be allocated */
    size_t size;
    size_t len;
};

static int give_out_bytes(struct mproc_pipe *pipe, void *user)
{
    struct bytes *bytes = user;
    uint64_t len = pipe->frame.head.length;
    unsigned char *data = bytes->data;

    if (data && len > bytes->size)
        return mproc_fail(-EMSGSIZE, "the frame has %llu bytes, the buffer %zu; it stays",
                          (unsigned long long)len, bytes->size);
    if (!data && !(data = malloc(len ? len : 1)))
        return mproc_fail(-ENOMEM, "no memory for a frame of %llu bytes; it stays", (unsigned long long)len);
    int err = mproc_pipe_copy_out(&pipe->frame, data);
    if (!err || err == -EBADMSG)
        mproc_pipe_put_down(&pipe->frame, 0);
    if (err) {
        if (!bytes->data)
            free(data);
        return err;
    }
    bytes->data = data;
    bytes->len = len;
    return 0;
}

int mproc_pipe_receive(struct mproc_pipe *pipe, uint64_t deadline_ns, void **ret_data, size_t *ret_len)
{
    struct bytes bytes = {0};
    int err = receive(pipe, PIPE_BYTES, deadline_ns, give_out_bytes, &bytes);

    if (err)
        return err;
    *ret_data = bytes.data;
    *ret_len = bytes.len;
    return 0;
}

int mproc_pipe_receive_into(struct mproc_pipe *pipe, uint64_t deadline_ns, size_t size, void *ret_data,
                            size_t *ret_len)
{
    unsigned char nothing;
    struct bytes bytes = {.data = size > 0 ? ret_data : &nothing, .size = size};
    int err = receive(pipe, PIPE_BYTES, deadline_ns, give_out_bytes, &bytes);

    if (!err)
        *ret_len = bytes.len;
    return err;
}

static int give_out_args(struct mproc_pipe *pipe, void *user)
{
    struct pipe_frame *frame = &pipe->frame;
    struct mproc_args **ret_args = user;
    uint64_t len = frame->head.length;
    unsigned char *data = malloc(len ? len : 1);

    if (!data)
        return mproc_fail(-ENOMEM, "no memory for a frame of %llu bytes; it stays", (unsigned long long)len);
    int err = mproc_pipe_copy_out(frame, data);
    if (!err)
        err = mproc_args_adopt(data, len, frame->fds, frame->nfds, ret_args);
    if (err)
        free(data);
    if (!err || err == -EBADMSG)
        mproc_pipe_put_down(frame, err ? 0 : frame->nfds);
    return err;
}

int mproc_pipe_receive_args(struct mproc_pipe *pipe, uint64_t deadline_ns, struct mproc_args **ret_args)
{
    return receive(pipe, PIPE_ARGS, deadline_ns, give_out_args, ret_args);
}
