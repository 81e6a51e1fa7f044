/*
 * futex_shapes.h - what of the C library a futex word is part of, where the word is not the lock's first:
 * rwlocks, barriers, conditions.
 */
#ifndef PF_PROBE_FUTEX_SHAPES_H
#define PF_PROBE_FUTEX_SHAPES_H

#include "probe/futexes.h"

/*
 * Sets the kind, and of a rwlock the number of the thread that writes, or how many read; of a barrier how
 * many are still to come. Returns false, and sets nothing, when the memory around the word looks like none of
 * them.
 */
bool pf_futex_shape(pid_t tid, const struct pf_futex_wait *wait, struct pf_futex *ret_futex);

#endif
