/*
 * Deadlines: points of CLOCK_MONOTONIC in nanoseconds. Every blocking call of the library takes one.
 *
 * Threads: any. Async-signal safety: safe. Blocking: never.
 * Source: clock_gettime(2).
 */
#ifndef MPROC_DEADLINE_H
#define MPROC_DEADLINE_H

#include <stdint.h>

#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No deadline: waits until it happens, or until the stop token of the thread is stopped. */
#define MPROC_FOREVER UINT64_MAX
/* Try once and do not block: -EAGAIN instead of -ETIMEDOUT. */
#define MPROC_NOW UINT64_C(0)

/**
 * The time now.
 *
 * Returns: nanoseconds of CLOCK_MONOTONIC.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT uint64_t mproc_clock_ns(void);

/**
 * The deadline that lies some milliseconds ahead.
 *
 * @param ms  milliseconds from now; what would overflow gives MPROC_FOREVER
 *
 * Returns: the deadline, never MPROC_NOW.
 * Threads: any. Async-signal safety: safe.
 */
MPROC_EXPORT uint64_t mproc_deadline_ms(uint64_t ms);

#ifdef __cplusplus
}
#endif

#endif
