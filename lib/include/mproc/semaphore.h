/*
 * Semaphores: a number of units that threads of any processes take and give.
 *
 * A plain semaphore is a counter. Anybody may give a unit, also who never took one; so nobody can know to
 * whom a unit belongs, and what a process had taken when it died is gone until somebody gives it. Use it to
 * count things that are there: whoever is killed inside a call has taken or given, or has not, and nobody who
 * sleeps is forgotten.
 *
 * In a bounded semaphore each unit belongs to the thread that took it, which alone can give it back. The
 * units of a thread that ends, by SIGKILL too, come back by themselves, and who takes one of them is told.
 * Use it to share a number of equal things: connections, devices, places.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: sem_overview(7), multiprocessing.Semaphore and BoundedSemaphore of Python; units that come back:
 * own design.
 */
#ifndef MPROC_SEMAPHORE_H
#define MPROC_SEMAPHORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>
#include <mproc/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_semaphore;

enum {
    MPROC_SEMAPHORE_BOUND_MAX = 64,      /* units of a bounded semaphore */
    MPROC_SEMAPHORE_UNITS_MAX = 1 << 30, /* units of a plain one */
    MPROC_SEMAPHORE_RELEASE_MAX = 1000,  /* given in one step */
};

struct mproc_semaphore_options {
    uint32_t units; /* at the beginning: 0 to MPROC_SEMAPHORE_UNITS_MAX; bounded: 1 to
                     * MPROC_SEMAPHORE_BOUND_MAX, and never more than these */
    bool bounded;   /* units belong to who took them */
};

/**
 * Makes a semaphore.
 *
 * @param options        its units
 * @param ret_semaphore  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL so many units cannot be; -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE
 * is below 140 KiB; -ENOTSUP the C library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_semaphore_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_semaphore_create(const struct mproc_semaphore_options *options,
                                        struct mproc_semaphore **ret_semaphore);

/**
 * Takes one more reference.
 *
 * Returns: the same semaphore.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_semaphore *mproc_semaphore_ref(struct mproc_semaphore *semaphore);

/**
 * Gives a reference back; the last one ends this process' handle, not the semaphore of the others. NULL is a
 * no-op.
 *
 * Threads: any. A thread that still has units of a bounded one through this handle has them until it ends.
 */
MPROC_EXPORT void mproc_semaphore_unref(struct mproc_semaphore *semaphore);

/**
 * Sets what mends the thing that a unit stands for after the death of its holder, for this handle in this
 * process. Only of use for a bounded semaphore.
 *
 * @param semaphore  the semaphore
 * @param repair     called by mproc_semaphore_acquire() with the unit taken; NULL for none, as in the
 * beginning
 * @param user       passed to it
 *
 * Threads: not while another thread uses this handle.
 */
MPROC_EXPORT void mproc_semaphore_set_repair(struct mproc_semaphore *semaphore, mproc_repair_fn *repair,
                                             void *user);

/**
 * Takes a unit.
 *
 * @param semaphore    the semaphore
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0: taken. -EOWNERDEAD, of a bounded one without a repair callback: taken as well, but who had this
 * unit before died with it, and what it was used for may be half done. Each death is told once for each unit.
 * Errors: not taken: -EDEADLK this thread has all units of a bounded one; -ETIMEDOUT (-EAGAIN for MPROC_NOW);
 * -ECANCELED the thread's stop token was stopped; -ENOMEM; what the repair callback returned, then the next
 * one is asked to repair; -EBADF the handle was given back.
 * Threads: any, in no order. Async-signal safety: not safe. Blocking: until the deadline. A death is known at
 * once, or within half a second when the waiter that the kernel has told of it is stopped or killed at that
 * moment.
 */
MPROC_EXPORT int mproc_semaphore_acquire(struct mproc_semaphore *semaphore, uint64_t deadline_ns);

/**
 * Gives a unit, and wakes who waits for one.
 *
 * Returns: 0: whoever is killed in here has done both or none.
 * Errors: nothing was given: -EPERM this thread has no unit of a bounded one through this handle; -EOVERFLOW
 * a plain one has MPROC_SEMAPHORE_UNITS_MAX; -EBADF the handle was given back.
 * Threads: any; of a bounded one who took it. Async-signal safety: of a plain one safe.
 */
MPROC_EXPORT int mproc_semaphore_release(struct mproc_semaphore *semaphore);

/**
 * Gives several units of a plain semaphore in one step.
 *
 * @param semaphore  the semaphore
 * @param count      how many, 1 to MPROC_SEMAPHORE_RELEASE_MAX
 *
 * Returns: 0.
 * Errors: nothing was given: -EINVAL so many cannot be, or the semaphore is bounded; -EOVERFLOW; -EBADF.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT int mproc_semaphore_release_many(struct mproc_semaphore *semaphore, uint32_t count);

/**
 * How many units are there to be taken at this moment: for messages, not for decisions.
 *
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT uint32_t mproc_semaphore_value(const struct mproc_semaphore *semaphore);

/**
 * Adds a semaphore to the arguments of a process; both then share it.
 *
 * @param args       the arguments
 * @param semaphore  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_semaphore(struct mproc_args *args, const struct mproc_semaphore *semaphore);

/**
 * Takes a semaphore out of arguments; it has no repair callback yet.
 *
 * @param args           the arguments
 * @param index          which argument, from 0
 * @param ret_semaphore  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a semaphore; -EBADMSG damaged; -EXDEV of
 * another PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_semaphore_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_semaphore(const struct mproc_args *args, size_t index,
                                          struct mproc_semaphore **ret_semaphore);

#ifdef __cplusplus
}
#endif

#endif
