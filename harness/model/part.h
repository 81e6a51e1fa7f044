/*
 * part.h - which part of a plan a result holds.
 *
 * A plan is a list of trials, known before the first of them is run, and the same for all who run a shard of
 * it: so they can be put together again, and it can be told what is not there.
 */
#ifndef PF_MODEL_PART_H
#define PF_MODEL_PART_H

#include "model/record.h"

/* More of either is a mistake of whoever wrote the file. */
enum { PF_SHARDS_MOST = 1000000, PF_PLANNED_MOST = 10000000 };
/* In a sweep a trial of the plan may give rise to so many more, less one. */
enum { PF_SEQUEL_SLOTS = 13 };

/* Why some trials were not run. */
enum pf_stopped {
    PF_STOPPED_NOT,
    PF_STOPPED_BUDGET,    /* the time that was given is spent: that is as good as wanted */
    PF_STOPPED_INTERRUPT, /* by a person, or a server that shuts down */
    PF_STOPPED__COUNT,
};

struct pf_part {
    const char *plan; /* fingerprint: two results of one fingerprint are of one plan */
    uint64_t trials;  /* of the whole plan; their ids are 1 to this */
    uint64_t *shards; /* those that the result holds, from 1, in rising order */
    size_t shard_count;
    uint64_t of; /* so many shards there are; 1: the plan was not divided */
    enum pf_stopped stopped;
    /* What a merge has found missing: shards, and trials (those of missing shards among them). */
    uint64_t *missing_shards;
    size_t missing_shard_count;
    uint64_t *missing_trials;
    size_t missing_trial_count;
};

extern const struct pf_record pf_part_record;
extern const struct pf_names pf_stopped_names;

/*
 * The shard, from 1, that a trial of this id belongs to. Of a sweep some trials give rise to more: those have
 * ids beyond the plan's, a multiple of its number of trials after the one they come from.
 */
uint64_t pf_part_shard_of(const struct pf_part *part, uint64_t id);
bool pf_part_has_shard(const struct pf_part *part, uint64_t shard);

/* "shard 2 of 4", "shards 1-2, 4 of 4". NULL: all of them, or a plan that was not divided. */
const char *pf_part_name(const struct pf_part *part, struct pf_arena *arena);
/* Is the result less than it was meant to be? One that has spent its budget is not. */
bool pf_part_is_short(const struct pf_part *part);
/*
 * What is not there, and why: "shard 3 of 4 is missing: 10 of 40 trials are not there", or "interrupted".
 * NULL: nothing.
 */
const char *pf_part_lack(const struct pf_part *part, struct pf_arena *arena);

#endif
