/*
 * Shutdown: what signals that ask a program to end do, and who else hears of signals.
 *
 * The first such signal stops the program warm: the token of the process is stopped (<mproc/stop.h>), every
 * wait of the library wakes, and each child is asked once. The second stops it cold: the level rises, and
 * each child gets SIGTERM once. Nothing ends by itself: main() sees the stop, and closes the context in the
 * time it has. Further signals change nothing; for the impatient there is SIGKILL, which leaves nothing
 * behind either.
 *
 * A process that was forked by fork(2) keeps the handlers, and they stop nobody but that process: the
 * children are its parent's, and so is the parent's token.
 *
 * Needs siginfo_t: where a program is compiled for ISO C alone (-std=c11), define _POSIX_C_SOURCE as 199309L
 * or more, or _GNU_SOURCE, before the first header.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: sigaction(2); the two levels, and who is told of them: own design.
 */
#ifndef MPROC_SHUTDOWN_H
#define MPROC_SHUTDOWN_H

#include <signal.h>
#include <stddef.h>

#include <mproc/export.h>
#include <mproc/stop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_subscription;

/* Runs in the signal handler: async-signal-safe functions only. */
typedef void mproc_signal_fn(int signo, const siginfo_t *info, void *arg);

enum { MPROC_SUBSCRIPTIONS_MAX = 32 };

/**
 * Hears of a signal, beside all others who do: earlier subscribers, and the handler that was installed before
 * the first. What ignored the signal or took the default before is replaced.
 *
 * System calls interrupted by it fail with EINTR (no SA_RESTART).
 *
 * @param signo             which
 * @param run               called in the signal handler, in any thread
 * @param arg               passed to it
 * @param ret_subscription  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL: no such signal, or one that cannot be caught; -ENOSPC: MPROC_SUBSCRIPTIONS_MAX; -ENOMEM;
 * -EDEADLK: called in a handler.
 * Ownership: the caller's, ends with mproc_signal_unsubscribe().
 * Threads: any. Async-signal safety: not safe. Blocking: while another thread is in
 * mproc_signal_unsubscribe().
 */
MPROC_EXPORT int mproc_signal_subscribe(int signo, mproc_signal_fn *run, void *arg,
                                        struct mproc_subscription **ret_subscription);

/**
 * Hears no more; after the last one of a signal it is handled as before the first. NULL is a no-op, and so,
 * but for mproc_error_detail(), is a second time.
 *
 * When it returns, the function does not run any more and never will.
 *
 * Threads: any. Async-signal safety: not safe: in a handler it changes nothing but mproc_error_detail(), for
 * it would wait for itself. Blocking: while handlers of this library run in other threads.
 */
MPROC_EXPORT void mproc_signal_unsubscribe(struct mproc_subscription *subscription);

/**
 * Lets signals shut the program down, as described above.
 *
 * @param signals   which; NULL for SIGINT, SIGTERM and SIGHUP
 * @param nsignals  how many, at most 8
 *
 * Returns: 0.
 * Errors: -EBUSY: done already; -EINVAL: none, or more than 8; those of mproc_signal_subscribe(). Then none
 * of them is installed.
 * Threads: one at a time, as for mproc_shutdown_remove(). Async-signal safety: not safe. Blocking: as
 * mproc_signal_subscribe().
 */
MPROC_EXPORT int mproc_shutdown_install(const int *signals, size_t nsignals);

/**
 * Undoes mproc_shutdown_install(); what is stopped stays stopped.
 *
 * Threads: one at a time. Async-signal safety: not safe: in a handler it changes nothing. Blocking: as
 * mproc_signal_unsubscribe().
 */
MPROC_EXPORT void mproc_shutdown_remove(void);

/**
 * Does what a signal would: stops the process and passes it on to its children. A level only ever rises.
 *
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT void mproc_shutdown_request(enum mproc_stop_level level);

/**
 * The signal that began the shutdown, with which the program may want to end in the end.
 *
 * Returns: the signal; 0 when none did.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT int mproc_shutdown_signal(void);

#ifdef __cplusplus
}
#endif

#endif
