/* A robust lock with what mends the data after a death: the inside of all locks that the library offers. */
#ifndef MPROC_LOCK_H
#define MPROC_LOCK_H

#include <mproc/mutex.h>

#include "robust.h"

struct mproc_lock {
    mproc_robust_word *word;
    mproc_repair_fn *repair; /* NULL: none */
    void *user;
    uint32_t *deaths; /* counts, in shared memory, deaths that were found; who waits for news sleeps on it */
    const char *what; /* "mutex", for messages */
};

/* Returns 0, or -EOWNERDEAD: held, but the data is as a dead owner left it, and nothing has repaired it.
 * Errors: not held: those of mproc_robust_lock() with detail; what the repair callback returned. */
int mproc_lock_take(const struct mproc_lock *lock, uint64_t deadline_ns);

/* The same, but a death is only said and nothing repaired yet: mproc_lock_repair() does that. */
int mproc_lock_take_raw(const struct mproc_lock *lock, uint64_t deadline_ns);

/* What to do with a lock that was just taken and said -EOWNERDEAD. Returns as mproc_lock_take(). */
int mproc_lock_repair(const struct mproc_lock *lock);

/* Errors: -EPERM with detail. */
int mproc_lock_consistent(const struct mproc_lock *lock);
int mproc_lock_release(const struct mproc_lock *lock);

#endif
