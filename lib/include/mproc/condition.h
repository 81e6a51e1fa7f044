/*
 * Conditions: threads of any processes wait until something is so, and are told when it may be.
 *
 * What is waited for lies in memory that a mutex protects; a condition belongs to that mutex, which is locked
 * in every call here. A notification wakes exactly as many as it says, in the order in which they came, and
 * none is lost: that of a waiter who dies before it comes out goes to the next one. When a thread dies with
 * the mutex, it may have changed something and not told: all who wait come out and look.
 *
 *     mproc_mutex_lock(mutex, deadline);
 *     while (!something && !err)
 *         err = mproc_condition_wait(condition, deadline);
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: multiprocessing.Condition of Python, pthread_cond_wait(3); the order of those who wait, and what a
 * death does: own design.
 */
#ifndef MPROC_CONDITION_H
#define MPROC_CONDITION_H

#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_condition;
struct mproc_mutex;

enum { MPROC_CONDITION_THREADS_MAX = 64 }; /* that have waited for one condition, and live */

/**
 * Makes a condition of a mutex. A mutex may have several.
 *
 * @param mutex          protects what is waited for; the condition keeps a reference
 * @param ret_condition  the handle
 *
 * Returns: 0.
 * Errors: -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below 140 KiB; -EBADF the
 * mutex was given back; -ENOTSUP the C library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_condition_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_condition_create(struct mproc_mutex *mutex, struct mproc_condition **ret_condition);

/**
 * Takes one more reference.
 *
 * Returns: the same condition.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_condition *mproc_condition_ref(struct mproc_condition *condition);

/**
 * Gives a reference back; the last one ends this process' handle, not the condition of the others. NULL is a
 * no-op.
 *
 * Threads: any; no other may be inside a call with this reference.
 */
MPROC_EXPORT void mproc_condition_unref(struct mproc_condition *condition);

/**
 * Gives the mutex back, waits to be notified, and takes the mutex again.
 *
 * @param condition    the condition; its mutex is held
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: notified, or an owner of the mutex has died and somebody mended the data: look whether what is
 * waited for is so. The mutex is held.
 * Errors, with the mutex held: -EOWNERDEAD an owner of it has died, as mproc_mutex_lock() says it: mend the
 * data, call mproc_mutex_consistent() and look; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the thread's
 * stop token was stopped; -EPERM the mutex was not held, or through another handle, and nothing has happened;
 * -EUSERS MPROC_CONDITION_THREADS_MAX others have waited; -ENOMEM; -EBADF the handle was given back.
 * Errors, with the mutex not held: -ENOLCK who has it does not give it back for a second beyond the deadline,
 * or beyond the stop; what the repair callback of the mutex returned.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, and a second more where the
 * mutex is not to be had. A death is known at once when the dead one had waited or notified before, else
 * within half a second.
 */
MPROC_EXPORT int mproc_condition_wait(struct mproc_condition *condition, uint64_t deadline_ns);

/**
 * Wakes some of those who wait, the first ones first. They come out when the mutex is unlocked.
 *
 * @param condition  the condition; its mutex is held
 * @param count      how many; where fewer wait, these
 *
 * Returns: 0.
 * Errors: -EPERM the mutex is not held; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_condition_notify(struct mproc_condition *condition, uint32_t count);

/**
 * Wakes all who wait.
 *
 * @param condition  the condition; its mutex is held
 *
 * Returns: 0.
 * Errors: those of mproc_condition_notify().
 * Threads: any. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_condition_notify_all(struct mproc_condition *condition);

/**
 * Adds a condition to the arguments of a process; both then share it. Add its mutex too.
 *
 * @param args       the arguments
 * @param condition  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_condition(struct mproc_args *args, const struct mproc_condition *condition);

/**
 * Takes a condition out of arguments.
 *
 * @param args           the arguments
 * @param index          which argument, from 0
 * @param mutex          the handle of its mutex in this process; the condition keeps a reference
 * @param ret_condition  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a condition, or of another mutex; -EBADMSG
 * damaged; -EXDEV of another PID namespace, where thread ids mean something else; -EBADF the mutex was given
 * back; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_condition_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_condition(const struct mproc_args *args, size_t index,
                                          struct mproc_mutex *mutex, struct mproc_condition **ret_condition);

#ifdef __cplusplus
}
#endif

#endif
