/*
 * Barriers: a number of threads of any processes that wait for each other, round by round.
 *
 * Each of them is a party from its first wait, or mproc_barrier_join(), until it leaves. When a party ends
 * without leaving, by SIGKILL too, those who wait for it are told at once, and so are all who wait
 * afterwards, until the barrier is reset. Who ends before it is a party is not known to the barrier: then a
 * wait ends at its deadline.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: threading.Barrier of Python, pthread_barrier_wait(3); to join, to leave and to be told of the dead:
 * own design.
 */
#ifndef MPROC_BARRIER_H
#define MPROC_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_barrier;

enum { MPROC_BARRIER_PARTIES_MAX = 64 };

/**
 * Makes a barrier.
 *
 * @param parties      how many threads wait for each other, 1 to MPROC_BARRIER_PARTIES_MAX
 * @param ret_barrier  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL so many parties cannot be; -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG
 * RLIMIT_FSIZE is below 140 KiB; -ENOTSUP the C library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_barrier_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_barrier_create(uint32_t parties, struct mproc_barrier **ret_barrier);

/**
 * Takes one more reference.
 *
 * Returns: the same barrier.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_barrier *mproc_barrier_ref(struct mproc_barrier *barrier);

/**
 * Gives a reference back; the last one ends this process' handle, not the barrier of the others. NULL is a
 * no-op.
 *
 * Threads: any; no other may be inside a call with this reference. If the calling thread is a party and has
 * not left, the others are told that it is gone.
 */
MPROC_EXPORT void mproc_barrier_unref(struct mproc_barrier *barrier);

/**
 * Makes the calling thread a party without waiting, so that the others are told if it ends before its first
 * wait.
 *
 * Returns: 0, also when it is one already.
 * Errors: -EUSERS there are as many parties as there can be; -EOWNERDEAD a party has died; -ETIMEDOUT a
 * thread is stopped in the middle of a call; -ENOMEM; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: at most a second.
 */
MPROC_EXPORT int mproc_barrier_join(struct mproc_barrier *barrier);

/**
 * Waits until all parties wait.
 *
 * @param barrier      the barrier
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 * @param ret_last     whether this thread was the last one to come, as one is in each round; may be NULL
 *
 * Returns: 0: all were here.
 * Errors: not all were: -EOWNERDEAD a party has died or was taken away by mproc_barrier_abort(); -EUSERS
 * other threads are the parties; -ETIMEDOUT (-EAGAIN for MPROC_NOW), -ECANCELED the thread's stop token was
 * stopped: it is as if the thread had not come, and the others wait on; -ENOMEM; -EBADF the handle was given
 * back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, and a second more when a thread
 * is stopped in the middle of a call. A death is known at once, or within half a second when the party that
 * the kernel has told of it is stopped at that moment.
 */
MPROC_EXPORT int mproc_barrier_wait(struct mproc_barrier *barrier, uint64_t deadline_ns, bool *ret_last);

/**
 * Leaves: the calling thread is no party any more, and another may take its place.
 *
 * Returns: 0.
 * Errors: -EPERM the thread is no party through this handle; -EBADF the handle was given back.
 * Threads: a party. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_barrier_leave(struct mproc_barrier *barrier);

/**
 * Leaves as if the thread had died: all who wait get -EOWNERDEAD. For who cannot go on.
 *
 * Returns: 0.
 * Errors: those of mproc_barrier_leave().
 * Threads: a party. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_barrier_abort(struct mproc_barrier *barrier);

/**
 * Forgets the dead: others may take their places, and the barrier is whole again.
 *
 * Returns: 0, also when none has died.
 * Errors: -ETIMEDOUT a thread is stopped in the middle of a call; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: at most a second.
 */
MPROC_EXPORT int mproc_barrier_reset(struct mproc_barrier *barrier);

/**
 * Adds a barrier to the arguments of a process; both then share it.
 *
 * @param args     the arguments
 * @param barrier  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_barrier(struct mproc_args *args, const struct mproc_barrier *barrier);

/**
 * Takes a barrier out of arguments.
 *
 * @param args         the arguments
 * @param index        which argument, from 0
 * @param ret_barrier  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a barrier; -EBADMSG damaged; -EXDEV of
 * another PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_barrier_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_barrier(const struct mproc_args *args, size_t index,
                                        struct mproc_barrier **ret_barrier);

#ifdef __cplusplus
}
#endif

#endif
