/*
 * Stop tokens: how a thread, a process or a part of one is asked to end.
 *
 * Every wait of the library wakes with -ECANCELED when the calling thread's current token is stopped. Tokens
 * form a tree: stopping one stops all below it. The root of the tree is the token of the process, which
 * shutdown signals stop (see <mproc/shutdown.h>), and in a worker also mproc_process_stop() from outside. A
 * process that is forked by fork(2) has tokens of its own, as far stopped as those of its parent were then.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: own design.
 */
#ifndef MPROC_STOP_H
#define MPROC_STOP_H

#include <stdint.h>

#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_stop;

enum mproc_stop_level {
    MPROC_RUNNING,   /* go on */
    MPROC_STOP_WARM, /* finish what is at hand, begin nothing new */
    MPROC_STOP_COLD, /* drop everything */
    MPROC_STOP_LEVEL__COUNT,
};

/**
 * The token of the process, above all others.
 *
 * Returns: the token, never NULL.
 * Ownership: the library's; ref and unref do nothing to it.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT struct mproc_stop *mproc_stop_process(void);

/**
 * Makes a token below another.
 *
 * @param parent    whose stop stops the new one too; NULL for the token of the process
 * @param ret_stop  the token; already stopped when its parent is
 *
 * Returns: 0.
 * Errors: -ENOMEM; -EBADF: the parent was given back.
 * Ownership: the caller's, ends with mproc_stop_unref(). The token keeps its parent alive.
 * Threads: any.
 */
MPROC_EXPORT int mproc_stop_new(struct mproc_stop *parent, struct mproc_stop **ret_stop);

/**
 * Takes one more reference.
 *
 * Returns: the same token.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_stop *mproc_stop_ref(struct mproc_stop *stop);

/**
 * Gives a reference back; the last one ends the token. NULL is a no-op. What is done with the token
 * afterwards does nothing but say so, as -EBADF or in mproc_error_detail(), until a thousand other tokens
 * have been given back.
 *
 * Threads: any. No thread may still have it as its current token. Async-signal safety: not safe. Blocking:
 * for the moment in which another thread stops tokens.
 */
MPROC_EXPORT void mproc_stop_unref(struct mproc_stop *stop);

/**
 * Stops a token and all below it, and wakes who waits under them. A level only ever rises.
 *
 * @param stop   the token; NULL for the calling thread's current one
 * @param level  MPROC_STOP_WARM or MPROC_STOP_COLD; MPROC_RUNNING changes nothing
 *
 * Threads: any. Async-signal safety: safe, which is how signals stop a process.
 */
MPROC_EXPORT void mproc_stop_request(struct mproc_stop *stop, enum mproc_stop_level level);

/**
 * How far a token is stopped.
 *
 * @param stop  the token; NULL for the calling thread's current one
 *
 * Returns: the level.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT enum mproc_stop_level mproc_stop_level(const struct mproc_stop *stop);

/**
 * Makes a token the calling thread's current one: from now on it cancels this thread's waits.
 *
 * @param stop  the token; NULL for the token of the process, with which the main thread begins
 *
 * Returns: what was current before, to be put back.
 * Ownership: stays the caller's; the token must live while it is current.
 * Threads: each has its own.
 */
MPROC_EXPORT struct mproc_stop *mproc_stop_enter(struct mproc_stop *stop);

/**
 * Waits until a token is stopped.
 *
 * @param stop         the token; NULL for the calling thread's current one
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0 once it is stopped.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW): not stopped until then; -ECANCELED: another token, the thread's
 * current one, was stopped instead; -EBADF: it was given back.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_stop_wait(struct mproc_stop *stop, uint64_t deadline_ns);

/**
 * Sleeps until a point in time, unless the thread's current token is stopped: what to write in place of
 * sleep().
 *
 * @param deadline_ns  until when; one that has passed only checks for a stop
 *
 * Returns: 0 at that time.
 * Errors: -ECANCELED: stopped.
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_stop_sleep(uint64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
