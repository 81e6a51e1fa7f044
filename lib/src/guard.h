/*
 * The two processes between the owner and its workers.
 *
 *     owner ── keeper ── guard ─┬─ worker …
 *
 * The guard forks workers, reaps them, and kills what is left when its owner is gone. The keeper does nothing
 * but wait: when the guard dies, all that was below comes to the keeper, who kills and reaps it and forks
 * another guard. When the keeper dies, the guard does the same in its place. So one of them can always clean
 * up after the other, whatever their descendants did.
 */
#ifndef MPROC_GUARD_H
#define MPROC_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/context.h>

#include "slots.h"

struct mproc_guard {
    int channel;
    pid_t owner_pid;
    int owner_pidfd;
    uint32_t generation;
    pid_t guard_pid;
    pid_t keeper_pid;
    int keeper_pidfd;
    struct mproc_slots *slots;
    int slots_fd;
    const struct mproc_entry *entries;
    uint32_t nentries;
    unsigned char *buffer; /* for the order that is read */
    bool was_there;        /* the owner relies on a guard by now */
};

/* How long the listener of a log may write what those have said who are dead by then. Only tests change it.
 */
extern uint64_t mproc_drain_ms;

/* Runs in a new child of the owner, the keeper, with all signals held. */
_Noreturn void mproc_guard_run(struct mproc_guard *guard);

#endif
