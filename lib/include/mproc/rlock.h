/*
 * Rlocks: mutexes that their owner may lock again, and unlocks as often.
 *
 * When the owner of an rlock dies, by SIGKILL at any instruction or otherwise, the next one gets it and is
 * told so.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: multiprocessing.RLock of Python.
 */
#ifndef MPROC_RLOCK_H
#define MPROC_RLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/deadline.h>
#include <mproc/export.h>
#include <mproc/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_rlock;

/**
 * Makes an rlock, free.
 *
 * @param ret_rlock  the handle
 *
 * Returns: 0.
 * Errors: -ENOMEM; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below two pages; -ENOTSUP the C library or kernel
 * has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_rlock_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_rlock_create(struct mproc_rlock **ret_rlock);

/**
 * Takes one more reference.
 *
 * Returns: the same rlock.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_rlock *mproc_rlock_ref(struct mproc_rlock *rlock);

/**
 * Gives a reference back; the last one ends this process' handle, not the rlock of the others. NULL is a
 * no-op.
 *
 * Threads: any. A thread that still holds the rlock through this handle has it until the thread ends.
 */
MPROC_EXPORT void mproc_rlock_unref(struct mproc_rlock *rlock);

/**
 * Sets what mends the protected data after the death of an owner, for this handle in this process.
 *
 * @param rlock   the rlock
 * @param repair  called by mproc_rlock_lock() with the rlock held; NULL for none, as in the beginning
 * @param user    passed to it
 *
 * Threads: not while another thread uses this handle.
 */
MPROC_EXPORT void mproc_rlock_set_repair(struct mproc_rlock *rlock, mproc_repair_fn *repair, void *user);

/**
 * Locks an rlock.
 *
 * @param rlock        the rlock
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0: held once more, and the data is sound; after an owner's death that is so because the repair
 * callback said it. -EOWNERDEAD: held once more as well, but an owner died, there is no repair callback, and
 * the data may be half changed: mend it, call mproc_rlock_consistent(), and go on. Until then whoever locks
 * is told again, a callback and functions that it calls included; a death is never forgotten.
 * Errors: not held once more: -EOVERFLOW locked four billion times; -ETIMEDOUT (-EAGAIN for MPROC_NOW)
 * another thread holds it; -ECANCELED the thread's stop token was stopped; what the repair callback returned,
 * then the next one is asked to repair; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, plus the repair callback.
 * Source: pthread_mutexattr_setrobust(3).
 */
MPROC_EXPORT int mproc_rlock_lock(struct mproc_rlock *rlock, uint64_t deadline_ns);

/**
 * Declares the protected data sound again after -EOWNERDEAD.
 *
 * Returns: 0, also when no death was pending.
 * Errors: -EPERM this thread does not hold the rlock; -EBADF the handle was given back.
 * Threads: the owner.
 */
MPROC_EXPORT int mproc_rlock_consistent(struct mproc_rlock *rlock);

/**
 * Unlocks an rlock once. It is free when this was called as often as mproc_rlock_lock().
 *
 * Returns: 0.
 * Errors: -EPERM this thread does not hold it, or this is the last time and it was first locked through
 * another handle; nothing has changed. -EBADF the handle was given back.
 * Threads: the owner. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_rlock_unlock(struct mproc_rlock *rlock);

/**
 * Who holds an rlock at this moment: for messages, not for decisions.
 *
 * Returns: the thread id, 0 for nobody.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT pid_t mproc_rlock_owner(const struct mproc_rlock *rlock);

/**
 * Adds an rlock to the arguments of a process; both then share it.
 *
 * @param args   the arguments
 * @param rlock  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_rlock(struct mproc_args *args, const struct mproc_rlock *rlock);

/**
 * Takes an rlock out of arguments; it has no repair callback yet.
 *
 * @param args       the arguments
 * @param index      which argument, from 0
 * @param ret_rlock  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not an rlock; -EBADMSG damaged; -EXDEV of
 * another PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_rlock_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_rlock(const struct mproc_args *args, size_t index,
                                      struct mproc_rlock **ret_rlock);

#ifdef __cplusplus
}
#endif

#endif
