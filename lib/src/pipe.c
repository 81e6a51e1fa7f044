#include <mproc/pipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "pipe_internal.h"

static const uint64_t default_frame_bytes = UINT64_C(64) << 20;
static const uint64_t limit_bytes = UINT64_C(1) << 40;

int mproc_pipe_wrap(int fd, const struct mproc_pipe_options *options, enum pipe_direction direction,
                    struct mproc_pipe **ret_pipe)
{
    struct mproc_pipe *pipe;
    uint64_t most = options && options->max_frame_bytes ? options->max_frame_bytes : default_frame_bytes;

    if (most > limit_bytes)
        return mproc_fail(-EINVAL, "frames of %llu bytes; the limit is %llu", (unsigned long long)most,
                          (unsigned long long)limit_bytes);
    int err = mproc_handle_new(sizeof(*pipe), &pipe);
    if (err)
        return err;
    pipe->fd = fd;
    pipe->meta = (struct pipe_meta){.max_frame_bytes = most, .direction = direction};
    pipe->frame.rest_fd = -1;
    pthread_mutex_init(&pipe->hand, NULL);
    *ret_pipe = pipe;
    return 0;
}

/* Both ends of a fresh pair, of which either may still fail. */
static int wrap_pair(const int *fds, const struct mproc_pipe_options *options, struct mproc_pipe **ret_first,
                     struct mproc_pipe **ret_second)
{
    bool one_way = options && options->one_way;
    struct mproc_pipe *first;
    struct mproc_pipe *second;
    int err = mproc_pipe_wrap(fds[0], options, one_way ? PIPE_ONLY_RECEIVES : PIPE_BOTH, &first);

    if (err)
        return err;
    err = mproc_pipe_wrap(fds[1], options, one_way ? PIPE_ONLY_SENDS : PIPE_BOTH, &second);
    if (err) {
        free(first);
        return err;
    }
    *ret_first = first;
    *ret_second = second;
    return 0;
}

int mproc_pipe_create(const struct mproc_pipe_options *options, struct mproc_pipe **ret_first,
                      struct mproc_pipe **ret_second)
{
    int fds[2];

    if (mproc_socketpair(0, fds) != 0)
        return mproc_fail(-errno, "no sockets for a connection: %s%s", strerrordesc_np(errno),
                          errno == EMFILE ? " (RLIMIT_NOFILE)" : "");
    /* Also in the kernel, for who gets the descriptor alone. */
    if (options && options->one_way)
        shutdown(fds[0], SHUT_WR);
    int err = wrap_pair(fds, options, ret_first, ret_second);
    if (err) {
        close(fds[0]);
        close(fds[1]);
    }
    return err;
}

struct mproc_pipe *mproc_pipe_ref(struct mproc_pipe *pipe)
{
    mproc_handle_ref(pipe);
    return pipe;
}

void mproc_pipe_unref(struct mproc_pipe *pipe)
{
    if (!mproc_handle_unref(pipe))
        return;
    if (pipe->frame.is_there)
        mproc_pipe_put_down(&pipe->frame, 0);
    free(pipe->frame.packet);
    close(pipe->fd);
    pthread_mutex_destroy(&pipe->hand);
    mproc_handle_bury(pipe);
}

int mproc_pipe_fd(const struct mproc_pipe *pipe)
{
    int err = mproc_handle_check(pipe, "connection");

    return err ? err : pipe->fd;
}

static int int_option(int fd, int name)
{
    socklen_t len = sizeof(int);
    int value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* Errors: -EBADMSG with detail. */
static int check_socket(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (int_option(fd, SO_DOMAIN) != AF_UNIX || int_option(fd, SO_TYPE) != SOCK_SEQPACKET)
        return mproc_fail(-EBADMSG, "the descriptor is no SOCK_SEQPACKET socket of AF_UNIX");
    if (int_option(fd, SO_ACCEPTCONN) != 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return mproc_fail(-EBADMSG, "the socket is not connected");
    return 0;
}

int mproc_pipe_attach(int fd, const struct mproc_pipe_options *options, struct mproc_pipe **ret_pipe)
{
    if (fcntl(fd, F_GETFD) < 0)
        return mproc_fail(-EBADF, "descriptor %d is not open", fd);
    int err = check_socket(fd);
    if (err)
        return err;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return mproc_fail(-errno, "descriptor %d cannot be duplicated: %s", fd, strerrordesc_np(errno));
    err = mproc_pipe_wrap(copy, options, PIPE_BOTH, ret_pipe);
    if (err)
        close(copy);
    return err;
}

int mproc_pipe_get_peer(const struct mproc_pipe *pipe, struct mproc_peer *ret_peer)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int err = mproc_handle_check(pipe, "connection");

    if (err)
        return err;
    if (getsockopt(pipe->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return mproc_fail(-ENOTSUP, "the kernel does not tell who is at the other end: %s",
                          strerrordesc_np(errno));
    *ret_peer = (struct mproc_peer){.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
    return 0;
}

static int pack_pipe(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct mproc_pipe *pipe = object;
    int err = mproc_handle_check(pipe, "connection");

    if (!err)
        err = mproc_parcel_add(ret_parcel, pipe->fd);
    if (err)
        return err;
    ret_parcel->meta_len = sizeof(pipe->meta);
    memcpy(ret_parcel->meta, &pipe->meta, sizeof(pipe->meta));
    return 0;
}

static int unpack_pipe(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_pipe *pipe;
    struct pipe_meta meta;

    if (parcel->nfds != 1 || parcel->meta_len != sizeof(meta))
        return mproc_fail(-EBADMSG, "a connection of %u descriptors and %u bytes", parcel->nfds,
                          parcel->meta_len);
    memcpy(&meta, parcel->meta, sizeof(meta));
    if (meta.direction >= PIPE_DIRECTION__COUNT || meta.max_frame_bytes > limit_bytes)
        return mproc_fail(-EBADMSG, "a connection that is damaged");
    int err = check_socket(parcel->fds[0]);
    if (err)
        return err;
    const struct mproc_pipe_options options = {.max_frame_bytes = meta.max_frame_bytes};
    err = mproc_pipe_wrap(parcel->fds[0], &options, meta.direction, &pipe);
    if (!err)
        *ret_object = pipe;
    return err;
}

static void unref_pipe(void *object)
{
    mproc_pipe_unref(object);
}

const struct mproc_class mproc_pipe_class = {"connection", pack_pipe, unpack_pipe, unref_pipe};

int mproc_args_add_pipe(struct mproc_args *args, const struct mproc_pipe *pipe)
{
    return mproc_args_add_object(args, &mproc_pipe_class, pipe);
}

int mproc_args_get_pipe(const struct mproc_args *args, size_t index, struct mproc_pipe **ret_pipe)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_pipe_class, &object);

    if (!err)
        *ret_pipe = object;
    return err;
}
