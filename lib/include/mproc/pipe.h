/*
 * Connections: whole frames, both ways, between two ends that any processes hold.
 *
 * A frame is bytes, or typed values with descriptors and handles (<mproc/args.h>). It arrives whole or not at
 * all: who is killed in a send has sent its frame or has not, at whichever instruction, however large the
 * frame, and several processes may send on one end. What was sent is received whatever becomes of the sender.
 * Beyond 64 KiB the bytes travel in a sealed memory file, so they are copied once on each side.
 *
 * An end is there as long as a process has it. When the last one has given it back or died, sends at the
 * other end fail and receives fail once what was sent is taken: so give back an end that was passed on.
 *
 * Nothing that comes from the other end is trusted: a frame is checked before it is given out.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: multiprocessing.Pipe, Listener, Client and wait of Python; unix(7).
 */
#ifndef MPROC_PIPE_H
#define MPROC_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_listener;
struct mproc_pipe;
struct mproc_process;
struct mproc_queue;

struct mproc_pipe_options {
    size_t max_frame_bytes; /* the largest frame that this end sends or accepts; 0: 64 MiB */
    bool one_way;           /* of mproc_pipe_create(): the first end only receives, the second only sends */
    bool
        any_user; /* of mproc_pipe_connect(): connect to a listener of any user, not only this one's or root's
                   */
};

/* Who was at the other end when the connection was made. */
struct mproc_peer {
    pid_t pid; /* for people; by now it may be another's */
    uid_t uid; /* effective */
    gid_t gid;
};

/* What to wait for: exactly one of the first four, or a descriptor. */
struct mproc_waitable {
    struct mproc_pipe *pipe;         /* has a frame to receive, or its other end is gone */
    struct mproc_listener *listener; /* somebody wants to connect */
    struct mproc_process *process;   /* has ended */
    struct mproc_queue *queue; /* pollable, and a get may find a message or the end; get with MPROC_NOW */
    int fd;                    /* polls readable */
    bool ready;                /* the answer */
};

struct mproc_listener_options {
    const char *path;       /* of the socket; NULL: a name that the kernel chooses and nobody has to remove */
    mode_t mode;            /* permissions of the path; 0: 0600 */
    unsigned backlog;       /* how many may wait to be accepted; 0: 128 */
    size_t max_frame_bytes; /* of the connections; 0: 64 MiB */
    bool any_user;          /* accept connections of any user, not only this one's and root's */
};

/**
 * Makes a connection of two ends.
 *
 * @param options     NULL for the defaults
 * @param ret_first   one end; with `one_way` the one that receives
 * @param ret_second  the other
 *
 * Returns: 0.
 * Errors: -EINVAL frames above 1 TiB; -ENOMEM; -EMFILE, -ENFILE.
 * Ownership: each end is the caller's and ends with mproc_pipe_unref(). Takes two descriptors.
 * Threads: any.
 * Source: unix(7), SOCK_SEQPACKET.
 */
MPROC_EXPORT int mproc_pipe_create(const struct mproc_pipe_options *options, struct mproc_pipe **ret_first,
                                   struct mproc_pipe **ret_second);

/**
 * Takes one more reference.
 *
 * Returns: the same end.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_pipe *mproc_pipe_ref(struct mproc_pipe *pipe);

/**
 * Gives a reference back; the last one ends this process' handle. NULL is a no-op.
 *
 * Threads: any; no other may be inside a call with this reference.
 */
MPROC_EXPORT void mproc_pipe_unref(struct mproc_pipe *pipe);

/**
 * Sends bytes as one frame.
 *
 * @param pipe         the end
 * @param data         the bytes, copied; may be NULL when there are none
 * @param len          how many, from 0
 * @param deadline_ns  until when to wait for room; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: the frame is on its way, and nothing that happens to this process takes it back.
 * Errors: nothing was sent: -EPIPE the other end is gone; -EMSGSIZE more than `max_frame_bytes`; -EINVAL this
 * end only receives; -ETIMEDOUT (-EAGAIN for MPROC_NOW) no room until then; -ECANCELED the thread's stop
 * token was stopped while it waited; -ENOMEM, -ENOSPC, -EMFILE, -EFBIG (RLIMIT_FSIZE) no memory for a frame
 * beyond 64 KiB; -ETOOMANYREFS more descriptors are under way than RLIMIT_NOFILE allows; -EBADF the handle
 * was given back.
 * Threads: any, several at once, also of several processes. Async-signal safety: not safe. Blocking: until
 * the deadline. There is room for about 200 KiB.
 */
MPROC_EXPORT int mproc_pipe_send(struct mproc_pipe *pipe, const void *data, size_t len, uint64_t deadline_ns);

/**
 * Sends typed values, with the descriptors and handles among them, as one frame.
 *
 * @param pipe         the end
 * @param args         stays the caller's and can be used again; NULL for none
 * @param deadline_ns  as in mproc_pipe_send()
 *
 * Returns: 0.
 * Errors: those of mproc_pipe_send(), and the one that stuck while values were added.
 * Threads: any, several at once. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_send_args(struct mproc_pipe *pipe, const struct mproc_args *args,
                                      uint64_t deadline_ns);

/**
 * Receives a frame of bytes.
 *
 * @param pipe         the end
 * @param deadline_ns  until when to wait for one; MPROC_NOW, MPROC_FOREVER
 * @param ret_data     the bytes; never NULL
 * @param ret_len      how many, from 0
 *
 * Returns: 0.
 * Errors: -EPIPE the other end is gone and all frames are taken; -ETIMEDOUT (-EAGAIN for MPROC_NOW) none
 * came; -ECANCELED the thread's stop token was stopped while it waited; -EINVAL this end only sends; -EBADF
 * the handle was given back. The frame stays: -EINVAL it has typed values; -ENOMEM; -EIO its memory cannot be
 * read. The frame is dropped, and the connection goes on: -EBADMSG it is none of this library, or more than
 * `max_frame_bytes`; -EMFILE its descriptors did not fit below RLIMIT_NOFILE.
 * Ownership: the bytes are the caller's, who frees them with free().
 * Threads: any, several at once, also of several processes: each frame goes to one. A frame that stays does
 * so in this handle. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_receive(struct mproc_pipe *pipe, uint64_t deadline_ns, void **ret_data,
                                    size_t *ret_len);

/**
 * Receives a frame of bytes into the caller's memory.
 *
 * @param pipe         the end
 * @param deadline_ns  as in mproc_pipe_receive()
 * @param size         room in `ret_data`, in bytes
 * @param ret_data     where the bytes go
 * @param ret_len      how many they are
 *
 * Returns: 0.
 * Errors: those of mproc_pipe_receive(); -EMSGSIZE the frame is longer than `size` and stays.
 * Threads: any, several at once. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_receive_into(struct mproc_pipe *pipe, uint64_t deadline_ns, size_t size,
                                         void *ret_data, size_t *ret_len);

/**
 * Receives a frame of typed values.
 *
 * @param pipe         the end
 * @param deadline_ns  as in mproc_pipe_receive()
 * @param ret_args     the values, to be read with mproc_args_get_…()
 *
 * Returns: 0.
 * Errors: those of mproc_pipe_receive(); -EINVAL the frame has bytes and stays; -EBADMSG the values are
 * damaged, and the frame is dropped.
 * Ownership: the caller's, ends with mproc_args_free().
 * Threads: any, several at once. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_receive_args(struct mproc_pipe *pipe, uint64_t deadline_ns,
                                         struct mproc_args **ret_args);

/**
 * Waits until one of several things is ready.
 *
 * @param items        what to wait for; `ready` of each is set on success
 * @param count        how many
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 * @param ret_ready    how many are ready, from 1; may be NULL
 *
 * Returns: 0.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the thread's stop token was stopped; -EINVAL an item
 * that is two things at once, a descriptor that is none, or a queue that is not pollable; -EBADF a handle was
 * given back; -ENOMEM.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_wait(struct mproc_waitable *items, size_t count, uint64_t deadline_ns,
                                 size_t *ret_ready);

/**
 * The descriptor of an end: polls readable when there is something to receive. A frame that was refused and
 * stays is in the handle, and does not show here.
 *
 * Returns: the descriptor, or -EBADF: the handle was given back.
 * Ownership: the handle's; do not close it.
 * Threads: any.
 */
MPROC_EXPORT int mproc_pipe_fd(const struct mproc_pipe *pipe);

/**
 * Makes an end out of a connected descriptor that came from anywhere.
 *
 * @param fd        the descriptor
 * @param options   NULL for the defaults
 * @param ret_pipe  the end
 *
 * Returns: 0.
 * Errors: -EBADF not a descriptor; -EBADMSG not a connected SOCK_SEQPACKET socket of AF_UNIX; -EINVAL,
 * -ENOMEM, -EMFILE.
 * Ownership: the end is the caller's. The descriptor stays the caller's.
 * Threads: any.
 */
MPROC_EXPORT int mproc_pipe_attach(int fd, const struct mproc_pipe_options *options,
                                   struct mproc_pipe **ret_pipe);

/**
 * Who is at the other end, as the kernel vouches for it: who connected, who listened, or who made the pair.
 *
 * Returns: 0.
 * Errors: -EBADF the handle was given back; -ENOTSUP the kernel does not tell.
 * Threads: any.
 * Source: unix(7), SO_PEERCRED.
 */
MPROC_EXPORT int mproc_pipe_get_peer(const struct mproc_pipe *pipe, struct mproc_peer *ret_peer);

/**
 * Listens for connections.
 *
 * @param options       NULL for the defaults
 * @param ret_listener  the listener
 *
 * Returns: 0.
 * Errors: -EADDRINUSE somebody listens there; -ENOTSOCK something else has that name; -ENAMETOOLONG more than
 * 107 bytes; -EINVAL frames above 1 TiB; -EACCES, -ENOENT, -ENOTDIR, -EROFS the folder; -EMFILE, -ENOMEM.
 * What a listener that was killed has left at the path is replaced.
 * Ownership: the caller's, ends with mproc_listener_close().
 * Threads: any. Async-signal safety: not safe. Blocking: with a path, while somebody else has its folder
 * locked (flock(2)), as another one that is opened there has for a moment.
 */
MPROC_EXPORT int mproc_listener_open(const struct mproc_listener_options *options,
                                     struct mproc_listener **ret_listener);

/**
 * Ends a listener and removes its path, should that still be its own. Connections stay. NULL is a no-op.
 *
 * Threads: any; no other may use it any more.
 */
MPROC_EXPORT void mproc_listener_close(struct mproc_listener *listener);

/**
 * Where a listener listens: what mproc_pipe_connect() takes. "@" begins a name that is no path.
 *
 * Returns: the address; "" for one that was closed.
 * Ownership: the listener's.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_listener_address(const struct mproc_listener *listener);

/**
 * Accepts a connection. Those of users that may not connect are closed, and it goes on waiting.
 *
 * @param listener     the listener
 * @param deadline_ns  until when to wait; MPROC_NOW, MPROC_FOREVER
 * @param ret_pipe     this end of the connection
 *
 * Returns: 0.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW) nobody came; -ECANCELED the thread's stop token was stopped;
 * -EMFILE, -ENFILE, -ENOMEM: who connects goes on waiting; -EBADF it was closed.
 * Ownership: the caller's, ends with mproc_pipe_unref().
 * Threads: any, several at once. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_listener_accept(struct mproc_listener *listener, uint64_t deadline_ns,
                                       struct mproc_pipe **ret_pipe);

/**
 * Connects to a listener.
 *
 * @param address      its path, or "@" and its name
 * @param options      NULL for the defaults
 * @param deadline_ns  until when to wait for room in its backlog
 * @param ret_pipe     this end of the connection
 *
 * Returns: 0; it may not have been accepted yet.
 * Errors: -ECONNREFUSED, -ENOENT nobody listens there; -EACCES it is of another user; -ETIMEDOUT (-EAGAIN for
 * MPROC_NOW) its backlog is full; -ECANCELED; -ENAMETOOLONG, -EINVAL, -EMFILE, -ENOMEM.
 * Ownership: the caller's, ends with mproc_pipe_unref().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pipe_connect(const char *address, const struct mproc_pipe_options *options,
                                    uint64_t deadline_ns, struct mproc_pipe **ret_pipe);

/**
 * Adds an end to arguments. Whoever gets it has it too: give this one back, or nobody at the other end learns
 * that the receiver has ended.
 *
 * @param args  the arguments
 * @param pipe  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_pipe(struct mproc_args *args, const struct mproc_pipe *pipe);

/**
 * Takes an end out of arguments.
 *
 * @param args      the arguments
 * @param index     which argument, from 0
 * @param ret_pipe  the end
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a connection; -EBADMSG damaged; -ENOMEM.
 * Ownership: the caller's, ends with mproc_pipe_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_pipe(const struct mproc_args *args, size_t index,
                                     struct mproc_pipe **ret_pipe);

#ifdef __cplusplus
}
#endif

#endif
