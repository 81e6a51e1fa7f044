/*
 * Events: a flag that threads of any processes set, clear and wait for.
 *
 * Threads may promise to set an event. When the last of them ends without having done so, by SIGKILL too, who
 * waits is told at once, and does not wait for ever for somebody who will not come.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: multiprocessing.Event of Python; promises: own design.
 */
#ifndef MPROC_EVENT_H
#define MPROC_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_event;

enum { MPROC_EVENT_PROMISES_MAX = 32 }; /* threads that can have promised to set one event */

/**
 * Makes an event, not set.
 *
 * @param ret_event  the handle
 *
 * Returns: 0.
 * Errors: -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below 70 KiB; -ENOTSUP the C
 * library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_event_unref(). Takes one descriptor.
 * Threads: any.
 */
MPROC_EXPORT int mproc_event_create(struct mproc_event **ret_event);

/**
 * Takes one more reference.
 *
 * Returns: the same event.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_event *mproc_event_ref(struct mproc_event *event);

/**
 * Gives a reference back; the last one ends this process' handle, not the event of the others. NULL is a
 * no-op.
 *
 * Threads: any; no other may be inside a call with this reference. A promise of the calling thread ends as if
 * the thread had ended.
 */
MPROC_EXPORT void mproc_event_unref(struct mproc_event *event);

/**
 * Sets an event and wakes all who wait for it. One that is set stays so.
 *
 * Returns: 0: it is set, and who slept is awake; whoever is killed in here has done both or none.
 * Errors: -EBADF the handle was given back.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT int mproc_event_set(struct mproc_event *event);

/**
 * Clears an event. Who slept when it was set has been woken all the same, even if that is a moment ago.
 *
 * Returns: 0, also when it was not set.
 * Errors: -EBADF the handle was given back.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT int mproc_event_clear(struct mproc_event *event);

/**
 * Whether an event is set at this moment.
 *
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT bool mproc_event_is_set(const struct mproc_event *event);

/**
 * Waits until an event is set.
 *
 * @param event        the event
 * @param deadline_ns  when to give up; MPROC_NOW looks once, MPROC_FOREVER
 *
 * Returns: 0: it is set, or was since the call began.
 * Errors: it is not: -EOWNERDEAD all threads that had promised to set it have ended; -EDEADLK the calling
 * thread is the only one left that has promised it; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the
 * thread's stop token was stopped; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline. A death is known at once, or
 * within half a second when the waiter that the kernel has told of it is stopped or killed at that moment.
 */
MPROC_EXPORT int mproc_event_wait(struct mproc_event *event, uint64_t deadline_ns);

/**
 * Promises that the calling thread will set an event. The promise holds until the thread ends or takes it
 * back: for an event that is set and cleared many times once is enough. Promise before anybody waits, or let
 * the promise arrive with the event: mproc_args_add_event_promise().
 *
 * Returns: 0, also when the thread has promised before.
 * Errors: -EUSERS MPROC_EVENT_PROMISES_MAX others have promised; -ENOMEM; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_event_promise(struct mproc_event *event);

/**
 * Takes the calling thread's promise back, as if it had not been made.
 *
 * Returns: 0.
 * Errors: -EPERM the thread has not promised through this handle; -EBADF the handle was given back.
 * Threads: who promised. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_event_withdraw(struct mproc_event *event);

/**
 * Adds an event to the arguments of a process; both then share it.
 *
 * @param args   the arguments
 * @param event  stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_event(struct mproc_args *args, const struct mproc_event *event);

/**
 * The same, and the process' main thread will have promised to set the event when mproc_process_start()
 * returns 0: there is no moment in which it could die and nobody be told.
 *
 * Returns: 0.
 * Errors: those of mproc_args_add_event(). That there is no room for one more promise makes the start fail.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_event_promise(struct mproc_args *args, const struct mproc_event *event);

/**
 * Takes an event out of arguments.
 *
 * @param args       the arguments
 * @param index      which argument, from 0
 * @param ret_event  the handle; one that arrived with a promise is promised by the main thread of the process
 *                   that was started with it, or else by the calling thread
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not an event; -EBADMSG damaged; -EXDEV of
 * another PID namespace, where thread ids mean something else; -ENOMEM; -ENOTSUP; -EUSERS as in
 * mproc_event_promise().
 * Ownership: the caller's, ends with mproc_event_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_event(const struct mproc_args *args, size_t index,
                                      struct mproc_event **ret_event);

#ifdef __cplusplus
}
#endif

#endif
