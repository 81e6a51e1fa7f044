/*
 * Queues: messages of bytes from any threads of any processes to any others, in order, bounded.
 *
 * A queue is memory that its users share; there is no server, no feeder thread and no name. A put that has
 * returned is in the queue whatever becomes of the putter, and a process can be joined before its messages
 * are taken. Any user may be killed at any instruction: messages of others are neither lost nor torn nor
 * doubled, and nobody hangs. A message is in the queue or not, never in between: who dies in a put has put it
 * or has not; who dies in a get has taken it or has not. What happens to a message that a dead reader had
 * taken is the queue's declared policy, enum mproc_reader_death.
 *
 * Death is known from the kernel alone, never guessed from time: a stopped process (SIGSTOP) that happens to
 * be inside a put or a get holds up the others on that side until it goes on; their deadlines tell them.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: own design; the interface is that of multiprocessing.JoinableQueue of Python, where done is called
 * task_done().
 */
#ifndef MPROC_QUEUE_H
#define MPROC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_queue;

/* What becomes of messages that a reader had taken when it died. */
enum mproc_reader_death {
    /* They are gone with it: each message is taken at most once. A reader killed inside a get has taken its
     * message, or has not and the next reader gets it. */
    MPROC_READER_DEATH_DROPS,
    /* Other readers get them, before any newer message, unless they were done: each is worked on at least
     * once. A reader's messages are done with its mproc_queue_done() or its next get; until then they take up
     * room. Readers are threads: what a thread has not done when it ends is redelivered too. At most 64
     * threads can read from such a queue at a time. */
    MPROC_READER_DEATH_REDELIVERS,
    MPROC_READER_DEATH__COUNT,
};

struct mproc_queue_options {
    size_t bytes;        /* room for messages, allocated at once, rounded up to a power of two; 0: 256 KiB */
    size_t large_bytes;  /* room for messages beyond a quarter of `bytes`, allocated as they come, rounded up
                          * to a power of two; the largest message; 0: 64 MiB */
    size_t max_messages; /* no more than so many at a time; 0: as many as there is room for */
    enum mproc_reader_death reader_death;
    bool pollable; /* has a descriptor for poll(2): mproc_queue_fd() */
};

struct mproc_queue_stat {
    uint64_t messages;    /* put and not yet taken, or, in a queue that redelivers, not yet done */
    uint64_t bytes;       /* of `bytes` that these take, 8 for each included */
    uint64_t large_bytes; /* of `large_bytes` that these take */
    bool closed;
};

/**
 * Makes an empty queue.
 *
 * @param options    NULL for the defaults
 * @param ret_queue  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL a size above 1 TiB, no such policy; -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG
 * RLIMIT_FSIZE is below the sizes; -ENOTSUP the C library or kernel has no robust futexes of the known
 * layout.
 * Ownership: the caller's, ends with mproc_queue_unref(). Takes one descriptor, or two when it is
 * pollable, whatever passes through.
 * Threads: any.
 */
MPROC_EXPORT int mproc_queue_create(const struct mproc_queue_options *options,
                                    struct mproc_queue **ret_queue);

/**
 * Takes one more reference.
 *
 * Returns: the same queue.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_queue *mproc_queue_ref(struct mproc_queue *queue);

/**
 * Gives a reference back; the last one ends this process' handle. The queue ends with its last user. NULL is
 * a no-op.
 *
 * Threads: any; no other may be inside a call with this reference. In a queue that redelivers, what the
 * calling thread has taken and not done goes to other readers.
 */
MPROC_EXPORT void mproc_queue_unref(struct mproc_queue *queue);

/**
 * Puts a message behind all others.
 *
 * @param queue        the queue
 * @param data         the bytes, copied; may be NULL when there are none
 * @param len          how many, from 0
 * @param deadline_ns  until when to wait for room; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: the message is in the queue.
 * Errors: the message is not in the queue: -EPIPE closed; -EMSGSIZE larger than `large_bytes`, so it would
 * never fit; -ETIMEDOUT (-EAGAIN for MPROC_NOW) no room until then; -ECANCELED the thread's stop token was
 * stopped while it waited; -ENOSPC, -ENOMEM no memory, -EFBIG RLIMIT_FSIZE in the way of a large message;
 * -EBADMSG the shared memory is damaged; -EDEADLK called in a signal handler out of a put; -EBADF the handle
 * was given back; -ENOTSUP the kernel refuses to wake who waits (a seccomp filter on futex calls).
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms, which others
 * may need to finish their put. Who finds the queue full waits until half of it is free, which spares both
 * sides wake-ups, but for no longer than 5 ms; then any room will do.
 */
MPROC_EXPORT int mproc_queue_put(struct mproc_queue *queue, const void *data, size_t len,
                                 uint64_t deadline_ns);

/**
 * Puts several messages in their order. As many as there is room for become visible in one step.
 *
 * @param queue        the queue
 * @param messages     the bytes of each, copied
 * @param count        how many messages
 * @param deadline_ns  as in mproc_queue_put()
 * @param ret_put      how many are in the queue, also on error; they are the first ones. May be NULL
 *
 * Returns: 0: all are in the queue.
 * Errors: those of mproc_queue_put().
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline. Messages of others may come
 * between when it had to wait.
 */
MPROC_EXPORT int mproc_queue_put_many(struct mproc_queue *queue, const struct iovec *messages, size_t count,
                                      uint64_t deadline_ns, size_t *ret_put);

/**
 * Takes the oldest message.
 *
 * @param queue        the queue
 * @param deadline_ns  until when to wait for one; MPROC_NOW, MPROC_FOREVER
 * @param ret_data     the bytes; never NULL
 * @param ret_len      how many, from 0
 *
 * Returns: 0.
 * Errors: no message was taken: -EPIPE closed and empty, and all done in a queue that redelivers; -EUSERS 64
 * other threads read from it; -ETIMEDOUT (-EAGAIN for MPROC_NOW) none came;
 * -ECANCELED the thread's stop token was stopped while it waited; -ENOMEM; -EBADMSG the shared memory is
 * damaged; -EDEADLK called in a signal handler out of a get; -EBADF the handle was given back; -ENOTSUP as in
 * mproc_queue_put().
 * Ownership: the bytes are the caller's, who frees them with free().
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms.
 */
MPROC_EXPORT int mproc_queue_get(struct mproc_queue *queue, uint64_t deadline_ns, void **ret_data,
                                 size_t *ret_len);

/**
 * Takes the oldest message into the caller's memory.
 *
 * @param queue        the queue
 * @param deadline_ns  as in mproc_queue_get()
 * @param size         room in `ret_data`, in bytes
 * @param ret_data     where the bytes go
 * @param ret_len      how many they are
 *
 * Returns: 0.
 * Errors: those of mproc_queue_get(); -EMSGSIZE the message is longer than `size` and stays in the queue.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms.
 */
MPROC_EXPORT int mproc_queue_get_into(struct mproc_queue *queue, uint64_t deadline_ns, size_t size,
                                      void *ret_data, size_t *ret_len);

/**
 * Takes as many messages as there are and as fit, in one step; waits only for the first.
 *
 * @param queue         the queue
 * @param deadline_ns   until when to wait for the first
 * @param size          room in `ret_data`, in bytes
 * @param count         room in `ret_messages`, from 1
 * @param ret_data      where the bytes go
 * @param ret_messages  where in `ret_data` each message lies
 * @param ret_count     how many messages, from 1
 *
 * Returns: 0.
 * Errors: those of mproc_queue_get_into(), for the first message; -EINVAL `count` is 0.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms.
 */
MPROC_EXPORT int mproc_queue_get_many(struct mproc_queue *queue, uint64_t deadline_ns, size_t size,
                                      size_t count, void *ret_data, struct iovec *ret_messages,
                                      size_t *ret_count);

/**
 * Declares all messages that the calling thread has taken from a queue done: nobody will get them again. In a
 * queue that drops they are done when taken, and this does nothing.
 *
 * @param queue        the queue
 * @param deadline_ns  until when to wait for gets that are under way
 *
 * Returns: 0.
 * Errors: they are not done: -ETIMEDOUT (-EAGAIN for MPROC_NOW) a get is under way and does not end;
 * -ECANCELED; -EBADMSG the shared memory is damaged; -EDEADLK called in a signal handler out of a get; -EBADF
 * the handle was given back.
 * Threads: the reader. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms.
 */
MPROC_EXPORT int mproc_queue_done(struct mproc_queue *queue, uint64_t deadline_ns);

/**
 * Waits until all messages that were put are done: taken, or in a queue that redelivers declared done.
 *
 * @param queue        the queue
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: there was a moment with none.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the thread's stop token was stopped; -EBADF the
 * handle was given back; in a queue that redelivers also -EDEADLK and -EBADMSG as in mproc_queue_done().
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_queue_join(struct mproc_queue *queue, uint64_t deadline_ns);

/**
 * Closes a queue for all its users: no more puts; gets go on until it is empty, then end. Wakes all who wait.
 *
 * @param queue        the queue
 * @param deadline_ns  until when to wait for puts that are under way
 *
 * Returns: 0, also when it is closed already.
 * Errors: it is still open: -ETIMEDOUT (-EAGAIN for MPROC_NOW) a put is under way and does not end;
 * -ECANCELED; -EDEADLK called in a signal handler out of a put; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline; for MPROC_NOW 2 ms.
 */
MPROC_EXPORT int mproc_queue_close(struct mproc_queue *queue, uint64_t deadline_ns);

/**
 * How full a queue is at this moment: for messages and measurements, for others are using it. A handle that
 * was given back shows an empty queue that is closed.
 *
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT void mproc_queue_stat(const struct mproc_queue *queue, struct mproc_queue_stat *ret_stat);

/**
 * The descriptor of a pollable queue: polls readable (POLLIN) when a get may find a message or the end, in
 * every process that has the queue, for poll(2), select(2), epoll(7) and mproc_pipe_wait().
 *
 * It stays readable until a get has found the queue empty. So take messages with MPROC_NOW until that fails
 * with -EAGAIN, and only then poll again; that it fails at once is normal, for there may be several pollers,
 * and a put rings before it puts. Level-triggered only: with EPOLLET others may have taken the edge. Killed
 * wherever they are, users leave it readable where a message is.
 *
 * In a queue that redelivers the messages of a dead reader are available, too, and no descriptor tells of
 * that death: poll for half a second at most and get then, as mproc_pipe_wait() does by itself. When somebody
 * has noticed, in whichever call, it polls readable for all. Call mproc_queue_done() before you poll: the
 * next get, which would do so, comes only when there is something to get, and a message that is not done
 * keeps all from the end of a closed queue.
 *
 * @param queue  the queue
 *
 * Returns: the descriptor, or an error.
 * Errors: -EINVAL the queue was not made pollable; -EBADF the handle was given back.
 * Ownership: the handle's; do not close, read or write it, or puts fail. In another process it has another
 * number. Threads: any. Source: eventfd(2).
 */
MPROC_EXPORT int mproc_queue_fd(const struct mproc_queue *queue);

/**
 * Adds a queue to the arguments of a process; both then share it.
 *
 * @param args   the arguments
 * @param queue  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors, or arguments that are too large; -EBADF
 * the handle was given back; the one that stuck before.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_queue(struct mproc_args *args, const struct mproc_queue *queue);

/**
 * Takes a queue out of arguments.
 *
 * @param args       the arguments
 * @param index      which argument, from 0
 * @param ret_queue  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a queue; -EBADMSG damaged; -EXDEV of another
 * PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_queue_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_queue(const struct mproc_args *args, size_t index,
                                      struct mproc_queue **ret_queue);

#ifdef __cplusplus
}
#endif

#endif
