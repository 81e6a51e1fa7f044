/*
 * Errors of libmproc.
 *
 * Every function returns 0 or a negative errno. Beside the number, the library leaves a sentence in the
 * calling thread that says what went wrong with which value, and what to do about it.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe: a handler may have come into
 * the middle of a call that writes the sentence. Blocking: never.
 * Source: strerror(3); the detail: own design.
 */
#ifndef MPROC_ERROR_H
#define MPROC_ERROR_H

#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What an error number of this library means, in words.
 *
 * @param err  what a function returned: 0 or a negative errno (a positive errno is taken as its negative)
 *
 * Returns: a sentence, never NULL.
 * Ownership: the library's; valid until the thread's next call of this function.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_strerror(int err);

/**
 * The detail of the last error that a call in this thread returned: names the value at fault and what to do.
 *
 * Returns: a sentence, never NULL; empty when no call of this thread has failed yet. A call that succeeds
 * leaves it alone.
 * Ownership: the library's; valid until the thread's next failing call.
 * Threads: each has its own.
 */
MPROC_EXPORT const char *mproc_error_detail(void);

#ifdef __cplusplus
}
#endif

#endif
