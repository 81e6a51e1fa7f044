/*
 * point.h - tell a harness where the program is, at the cost of one system call that does nothing else.
 *
 * A program marks the moments that matter ("lock-held") and the messages that must arrive. Under `pitfall` a
 * fault can strike exactly there and a ledger is kept of what was sent and received; anywhere else the kernel
 * answers EINVAL and nothing happens. There is no library behind this header, and any language that can make
 * a `prctl` call can do the same.
 */
#ifndef PITFALL_POINT_H
#define PITFALL_POINT_H

#include <errno.h>
#include <sys/prctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A private prctl option: "PITF" in ASCII. No kernel uses it. */
#define PITFALL_PRCTL        0x50495446
#define PITFALL_PRCTL_POINT  1UL
#define PITFALL_PRCTL_LEDGER 2UL

/**
 * Tell the harness that the calling thread has reached the place called `name`.
 *
 * @name: a zero-terminated string of at most 63 bytes; a fault plan names it as `point=NAME`.
 * Errors: none are reported; errno keeps its value, so a point can stand between a call and its error check.
 * Threads: safe. Async-signal safety: safe. Blocking: only as long as a fault plan holds the caller here.
 * Source: prctl(2).
 */
static inline void pitfall_point(const char *name)
{
    int saved = errno;
    (void)prctl(PITFALL_PRCTL, PITFALL_PRCTL_POINT, name, 0UL, 0UL);
    errno = saved;
}

/**
 * Enter message `id` into the ledger under `book`.
 *
 * @book: "sent" or "received", or the same followed by ":STREAM" (at most 63 bytes) where a program has
 * several independent streams. Every id sent must be received exactly once, or the harness reports it lost or
 * duplicate; one received that nobody sent is torn. "set:NAME" and "read:NAME": `id` is the value of a
 * variable; a process that reads something else than what was set before it was born is reported.
 * "asked" and "answered", also with ":STREAM": `id` is a question, and the question that an answer is to; a
 * thread that gets the answer to another question than its own is reported.
 * @id: any number that names the message within its stream.
 * Errors: none are reported; errno keeps its value.
 * Threads: safe. Async-signal safety: safe. Blocking: no.
 * Source: prctl(2).
 */
static inline void pitfall_ledger(const char *book, unsigned long id)
{
    int saved = errno;
    (void)prctl(PITFALL_PRCTL, PITFALL_PRCTL_LEDGER, book, id, 0UL);
    errno = saved;
}

#define PITFALL_POINT(name)      pitfall_point(name)
#define PITFALL_LEDGER(book, id) pitfall_ledger((book), (unsigned long)(id))

#ifdef __cplusplus
}
#endif

#endif
