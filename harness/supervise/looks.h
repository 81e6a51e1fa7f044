/*
 * looks.h - how often a tree is looked at: soon after it moved, now and then while it runs, rarely once it is
 * known to be quiet; and never so often that looking takes more than a hundredth of a core, within bounds.
 *
 * Looks are of two kinds. Most only ask whether anything moves: their cost sets the time to the next one.
 * Snapshots cost as much as hundreds of these: they have an account for the whole run.
 */
#ifndef PF_SUPERVISE_LOOKS_H
#define PF_SUPERVISE_LOOKS_H

#include <stdint.h>

#define PF_LOOKS_SOON_NS  UINT64_C(300000)  /* between two looks that may confirm each other */
#define PF_LOOKS_FIRST_NS UINT64_C(2000000) /* after a movement that supervision saw itself */

struct pf_looks {
    uint64_t interval_ns; /* without regard to what looks cost */
    uint64_t used_ns;     /* processor time of this thread, when this was last asked */
    uint64_t spent_ns;    /* of that, by snapshots */
    uint64_t dearest_ns;  /* the most that one of them took */
};

/* Something moved: the next looks come soon. */
void pf_looks_moved(struct pf_looks *looks);

/* How long until the next look, after one that found the tree running, or quiet as before. */
uint64_t pf_looks_running(struct pf_looks *looks);
uint64_t pf_looks_quiet(struct pf_looks *looks);

/* Around a snapshot; what the first one returns is for the second one. */
uint64_t pf_looks_snapshot_begin(void);
void pf_looks_snapshot_end(struct pf_looks *looks, uint64_t begin);

/* How long a run must have lasted for another snapshot: one of a tree of which a part runs, or of a quiet
 * one. */
uint64_t pf_looks_partial_after(const struct pf_looks *looks);
uint64_t pf_looks_snapshot_after(const struct pf_looks *looks);

#endif
