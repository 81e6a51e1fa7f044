/*
 * Threads with a name, a stop token, a bounded join, and clean-ups that always run.
 *
 * A thread that does not end is named by the join that gave up on it, and it holds nothing: neither its
 * handle, which can be freed, nor the process, which ends when main() returns.
 *
 * A thread is asked to end with mproc_thread_ask(), which ends its waits, and never cancelled with
 * pthread_cancel() while it may be in a call of this library: such a call does not clean up, and leaves locks
 * held on which others wait for ever. That goes for threads of any origin. Where a program has to cancel, it
 * disables cancellation around these calls (pthread_setcancelstate(3)).
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: threading.Thread of Python, pthread_create(3), pthread_cleanup_push(3); names of those that hang:
 * own design.
 */
#ifndef MPROC_THREAD_H
#define MPROC_THREAD_H

#include <stddef.h>
#include <stdint.h>

#include <mproc/export.h>
#include <mproc/stop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_thread;

struct mproc_thread_options {
    struct mproc_stop *parent; /* whose stop stops the thread too; NULL: the token of the process */
    size_t stack_bytes;        /* 0: the default of the system */
};

/* How a thread ended. */
struct mproc_thread_result {
    int result;       /* what its function returned; -ECANCELED when it left by pthread_exit, or was cancelled
                         outside of all calls of this library */
    char detail[128]; /* mproc_error_detail() of the thread then, when the result is not 0 */
};

/**
 * Starts a thread. Its token is its current one, so that a stop cancels its waits.
 *
 * @param name        for people, also in ps; cut at 63 bytes, in ps at 15
 * @param run         what it runs; its result is that of the thread
 * @param arg         passed to it
 * @param options     NULL for the defaults
 * @param ret_thread  the handle
 *
 * Returns: 0.
 * Errors: -ECANCELED: the parent token is stopped already; -EAGAIN, -ENOMEM: the system has no thread to
 * give; -EINVAL.
 * Ownership: the handle is the caller's, ends with mproc_thread_free().
 * Threads: any. The new one starts with the signal mask of the caller.
 */
MPROC_EXPORT int mproc_thread_start(const char *name, int (*run)(void *arg), void *arg,
                                    const struct mproc_thread_options *options,
                                    struct mproc_thread **ret_thread);

/**
 * Gives a handle back. A thread that still runs goes on. NULL is a no-op.
 *
 * Threads: any.
 */
MPROC_EXPORT void mproc_thread_free(struct mproc_thread *thread);

/**
 * Asks a thread to end: stops its token.
 *
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT void mproc_thread_ask(struct mproc_thread *thread);

/**
 * Waits for a thread to end; its clean-ups have run then.
 *
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 * @param ret_result   how it ended; may be NULL
 *
 * Returns: 0 once it has ended, also when asked again.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW): it runs; the detail names it, says since when it has been asked
 * to stop, and in which system call it is. -ECANCELED: the caller was stopped. -EDEADLK: it is the caller.
 * -EBADF: the handle was given back.
 * Threads: any, several at once. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_thread_join(struct mproc_thread *thread, uint64_t deadline_ns,
                                   struct mproc_thread_result *ret_result);

/**
 * Asks all threads that this module started to end, and waits for them, those included that they start
 * meanwhile: what to call before main() returns. A stop of the caller does not cancel it. The calling thread
 * is left out.
 *
 * @param deadline_ns  for all of them
 *
 * Returns: 0 when all have ended.
 * Errors: -ETIMEDOUT: some hang; the detail names them. The process can end all the same.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_thread_stop_all(uint64_t deadline_ns);

/**
 * Name and token of a thread.
 *
 * Returns: the value.
 * Ownership: the thread's; valid as long as the handle; of one that was given back "" and NULL.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_thread_name(const struct mproc_thread *thread);
MPROC_EXPORT struct mproc_stop *mproc_thread_token(const struct mproc_thread *thread);

/**
 * In a thread of this module: pushes a clean-up, which runs when the thread ends, by return, pthread_exit or
 * a cancellation outside of all calls of this library, last pushed first.
 *
 * @param run  must not block
 *
 * Returns: 0.
 * Errors: -EINVAL: the caller is no thread of this module; -ENOMEM: the clean-up has run at once, so that
 * nothing leaks.
 * Threads: for the caller itself.
 */
MPROC_EXPORT int mproc_thread_push_cleanup(void (*run)(void *arg), void *arg);

/**
 * Takes the clean-up that was pushed last off again, and runs it or not.
 *
 * @param run  0: do not run it
 *
 * Returns: 0.
 * Errors: -EINVAL: there is none.
 * Threads: for the caller itself.
 */
MPROC_EXPORT int mproc_thread_pop_cleanup(int run);

#ifdef __cplusplus
}
#endif

#endif
