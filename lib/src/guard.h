/* The guard: forks workers, reaps them, and kills what is left when its owner is gone. Behind it waits a
 * spare. */
#ifndef MPROC_GUARD_H
#define MPROC_GUARD_H

#include <stdint.h>

#include <mproc/context.h>

#include "slots.h"

struct mproc_guard {
    int channel;
    int owner_pidfd;
    uint32_t generation;
    struct mproc_slots *slots;
    const struct mproc_entry *entries;
};

/* Runs in a new child of the owner, with all signals held. */
_Noreturn void mproc_guard_run(struct mproc_guard *guard);

#endif
