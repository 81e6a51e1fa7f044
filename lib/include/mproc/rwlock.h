/*
 * Locks for many readers or one writer, threads of any processes.
 *
 * Readers do not disturb each other: each has a word of its own. A writer that waits lets no new readers in,
 * so that it is not starved. A reader that dies, by SIGKILL too, is simply gone. When a writer dies, the next
 * one to come, reader or writer, gets the lock for writing and is told so, for the data may be half changed.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: pthread_rwlock_rdlock(3) where it prefers writers; what a death does: own design.
 */
#ifndef MPROC_RWLOCK_H
#define MPROC_RWLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>
#include <mproc/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_rwlock;

enum { MPROC_RWLOCK_READERS_MAX = 64 }; /* at a time; more wait */

/**
 * Makes a lock, free.
 *
 * @param ret_rwlock  the handle
 *
 * Returns: 0.
 * Errors: -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below 140 KiB; -ENOTSUP the C
 * library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_rwlock_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_rwlock_create(struct mproc_rwlock **ret_rwlock);

/**
 * Takes one more reference.
 *
 * Returns: the same lock.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_rwlock *mproc_rwlock_ref(struct mproc_rwlock *rwlock);

/**
 * Gives a reference back; the last one ends this process' handle, not the lock of the others. NULL is a
 * no-op.
 *
 * Threads: any. A thread that still holds the lock through this handle has it until the thread ends.
 */
MPROC_EXPORT void mproc_rwlock_unref(struct mproc_rwlock *rwlock);

/**
 * Sets what mends the protected data after the death of a writer, for this handle in this process.
 *
 * @param rwlock  the lock
 * @param repair  called with the lock held for writing; NULL for none, as in the beginning
 * @param user    passed to it
 *
 * Threads: not while another thread uses this handle.
 */
MPROC_EXPORT void mproc_rwlock_set_repair(struct mproc_rwlock *rwlock, mproc_repair_fn *repair, void *user);

/**
 * Locks for reading. A thread that reads may do so again, also while a writer waits.
 *
 * @param rwlock       the lock
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0: held for reading. -EOWNERDEAD: held for writing: a writer died, and there is no repair
 * callback: mend the data, call mproc_rwlock_consistent(), unlock, and lock again. Who unlocks without that
 * leaves the same news to the next one.
 * Errors: not held: -EDEADLK this thread has it for writing; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED
 * the thread's stop token was stopped; -ENOMEM; what the repair callback returned, then the next one is asked
 * to repair; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, plus the repair callback.
 */
MPROC_EXPORT int mproc_rwlock_read(struct mproc_rwlock *rwlock, uint64_t deadline_ns);

/**
 * Locks for writing.
 *
 * @param rwlock       the lock
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0: held. -EOWNERDEAD: held as well, but a writer died, and there is no repair callback: mend the
 * data, call mproc_rwlock_consistent(), and go on.
 * Errors: not held: -EDEADLK this thread has it already, for reading or for writing; the others as in
 * mproc_rwlock_read().
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, plus the repair callback.
 */
MPROC_EXPORT int mproc_rwlock_write(struct mproc_rwlock *rwlock, uint64_t deadline_ns);

/**
 * Declares the protected data sound again after -EOWNERDEAD.
 *
 * Returns: 0, also when no death was pending.
 * Errors: -EPERM this thread does not hold it for writing; -EBADF the handle was given back.
 * Threads: the writer.
 */
MPROC_EXPORT int mproc_rwlock_consistent(struct mproc_rwlock *rwlock);

/**
 * Unlocks once, whatever it was locked for.
 *
 * Returns: 0.
 * Errors: -EPERM this thread does not hold it through this handle; nothing has changed. -EBADF the handle was
 * given back.
 * Threads: who locked. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_rwlock_unlock(struct mproc_rwlock *rwlock);

/**
 * Adds a lock to the arguments of a process; both then share it.
 *
 * @param args    the arguments
 * @param rwlock  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_rwlock(struct mproc_args *args, const struct mproc_rwlock *rwlock);

/**
 * Takes a lock out of arguments; it has no repair callback yet.
 *
 * @param args        the arguments
 * @param index       which argument, from 0
 * @param ret_rwlock  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not such a lock; -EBADMSG damaged; -EXDEV of
 * another PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_rwlock_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_rwlock(const struct mproc_args *args, size_t index,
                                       struct mproc_rwlock **ret_rwlock);

#ifdef __cplusplus
}
#endif

#endif
