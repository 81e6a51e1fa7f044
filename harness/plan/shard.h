/*
 * shard.h - which part of a plan is ours: --shard I/N, or what a CI server or batch system says in variables.
 *
 * A plan is dealt out like cards: its trial number k, counted from 0, goes to shard k mod N + 1. So each
 * trial is in one shard, shards differ by one trial at most, and neither depends on anything but N.
 *
 * Nothing is ever taken from a variable unasked: a job that runs inside a sharded one would silently run a
 * part of what it was told to, and call that a pass.
 */
#ifndef PF_PLAN_SHARD_H
#define PF_PLAN_SHARD_H

#include <stdbool.h>
#include <stddef.h>

#include "model/part.h"

struct pf_shard {
    size_t index; /* from 1 */
    size_t count; /* 1: all of the plan */
    /* Where an engine wants to be told that its variables were heeded: the path of a file that has to exist
     * afterwards. NULL: nowhere. */
    const char *status_file;
};

/* All of the plan. */
#define PF_SHARD_ALL ((struct pf_shard){.index = 1, .count = 1})

/*
 * Reads "I/N", "auto" (index and count are what the engine's variables say) or "auto/N" (for an engine that
 * tells the index alone). `get` finds a variable, as getenv does. Errors: -EINVAL, with a message that shows
 * the place in the text or names the variable.
 */
int pf_shard_parse(const char *text, char *(*get)(const char *name), struct pf_shard *ret_shard,
                   struct pf_error *error);

/* Is the plan's trial of this number, from 0, in the shard? */
bool pf_shard_has(const struct pf_shard *shard, size_t number);

#endif
