/*
 * Mutexes: exclude threads of any processes that share them.
 *
 * When the owner of a mutex dies, by SIGKILL at any instruction or otherwise, the next one gets it and is
 * told so.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: multiprocessing.Lock of Python; what a death does is that of pthread_mutexattr_setrobust(3).
 */
#ifndef MPROC_MUTEX_H
#define MPROC_MUTEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_mutex;

/**
 * Makes what a dead owner left behind whole again. Runs in the thread that gets the mutex, which it holds.
 *
 * @param user  what was given to mproc_mutex_set_repair()
 *
 * Returns: 0 when all is well now, or a negative errno to give up.
 */
typedef int mproc_repair_fn(void *user);

/**
 * Makes a mutex, free.
 *
 * @param ret_mutex  the handle
 *
 * Returns: 0.
 * Errors: -ENOMEM; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below two pages; -ENOTSUP the C library or kernel
 * has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_mutex_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_mutex_create(struct mproc_mutex **ret_mutex);

/**
 * Takes one more reference.
 *
 * Returns: the same mutex.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_mutex *mproc_mutex_ref(struct mproc_mutex *mutex);

/**
 * Gives a reference back; the last one ends this process' handle, not the mutex of the others. NULL is a
 * no-op.
 *
 * Threads: any. A thread that still holds the mutex through this handle has it until the thread ends.
 */
MPROC_EXPORT void mproc_mutex_unref(struct mproc_mutex *mutex);

/**
 * Sets what mends the protected data after the death of an owner, for this handle in this process.
 *
 * @param mutex   the mutex
 * @param repair  called by mproc_mutex_lock() with the mutex held; NULL for none, as in the beginning
 * @param user    passed to it
 *
 * Threads: not while another thread uses this handle.
 */
MPROC_EXPORT void mproc_mutex_set_repair(struct mproc_mutex *mutex, mproc_repair_fn *repair, void *user);

/**
 * Locks a mutex.
 *
 * @param mutex        the mutex
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0: held, and the data is sound; after an owner's death that is so because the repair callback said
 * it. -EOWNERDEAD: held as well, but an owner died, there is no repair callback, and the data may be half
 * changed: mend it, call mproc_mutex_consistent(), and go on. Who unlocks without that leaves the same news
 * to the next one, so a death is never forgotten and the mutex never lost.
 * Errors: not held: -EDEADLK this thread holds it already; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the
 * thread's stop token was stopped; what the repair callback returned, then the next one is asked to repair;
 * -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, plus the repair callback.
 * Source: pthread_mutexattr_setrobust(3), Linux Documentation/locking/robust-futex-ABI.rst.
 */
MPROC_EXPORT int mproc_mutex_lock(struct mproc_mutex *mutex, uint64_t deadline_ns);

/**
 * Declares the protected data sound again after -EOWNERDEAD.
 *
 * Returns: 0, also when no death was pending.
 * Errors: -EPERM this thread does not hold the mutex; -EBADF the handle was given back.
 * Threads: the owner.
 */
MPROC_EXPORT int mproc_mutex_consistent(struct mproc_mutex *mutex);

/**
 * Unlocks a mutex.
 *
 * Returns: 0.
 * Errors: -EPERM this thread does not hold it through this handle; -EBADF the handle was given back. Nothing
 * has changed.
 * Threads: the owner. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_mutex_unlock(struct mproc_mutex *mutex);

/**
 * Who holds a mutex at this moment: for messages, not for decisions.
 *
 * Returns: the thread id, 0 for nobody.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT pid_t mproc_mutex_owner(const struct mproc_mutex *mutex);

/**
 * Adds a mutex to the arguments of a process; both then share it.
 *
 * @param args   the arguments
 * @param mutex  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_mutex(struct mproc_args *args, const struct mproc_mutex *mutex);

/**
 * Takes a mutex out of arguments; it has no repair callback yet.
 *
 * @param args       the arguments
 * @param index      which argument, from 0
 * @param ret_mutex  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a mutex; -EBADMSG damaged; -EXDEV of another
 * PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_mutex_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_mutex(const struct mproc_args *args, size_t index,
                                      struct mproc_mutex **ret_mutex);

#ifdef __cplusplus
}
#endif

#endif
