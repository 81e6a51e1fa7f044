/*
 * sequel.h - trials beyond the plan: what a fault makes a program do is struck as well.
 *
 * A program that goes on after a call has failed makes calls that it does not make otherwise: it tries again,
 * cleans up, complains. How often the struck call came altogether is known of each trial (`met` of its fault
 * account). Where that is more than was recorded, sequels let the additional ones fail too, or kill the
 * process there; and where that brings about yet another, a third. It ends where nothing is additional, and
 * is bounded: the first few additional ones, and three faults.
 *
 * A sequel has a number of its own, beyond those of the plan, that tells which trial of the plan it descends
 * from and what its faults are. So it needs no list, and belongs to the shard of that trial.
 */
#ifndef PF_SWEEP_SEQUEL_H
#define PF_SWEEP_SEQUEL_H

#include "sweep/plan.h"

enum { PF_SEQUEL_FAULTS = 3, PF_SEQUELS_MOST = 8 };

/* The faults of one trial: that of the plan, then those of the sequel. */
struct pf_sequel {
    uint64_t origin; /* number of the trial of the plan */
    struct pf_strike strikes[PF_SEQUEL_FAULTS];
    size_t count;
};

/* The faults of a trial by its number: one of the plan, or one that pf_sequels_of() has given. */
struct pf_sequel pf_sequel_of(const struct pf_sweep_plan *plan, uint64_t id);

/* One more than the highest number that there can be. */
uint64_t pf_sequel_end(const struct pf_sweep_plan *plan);

/*
 * The sequels of a trial whose faults have all struck, and where the trigger of the last one came `met`
 * times; with_kill: also those that kill.
 */
size_t pf_sequels_of(const struct pf_sweep_plan *plan, uint64_t id, uint64_t met, bool with_kill,
                     uint64_t ret_ids[PF_SEQUELS_MOST]);

#endif
