/*
 * merge.h - put results together: the shards of one plan, or whole results of several runs.
 *
 * A merge loses nothing and doubles nothing, or it is refused. Where shards or trials are not there, the
 * merge says which, and is not clean.
 */
#ifndef PF_MODEL_MERGE_H
#define PF_MODEL_MERGE_H

#include "model/result.h"

struct pf_merge_input {
    const char *name; /* of the file, for messages */
    struct pf_result *result;
};

/*
 * Shards of one plan become that plan's result, with the trials in its order; whole results of different
 * plans, or of none, are put one behind the other. `partial`: what is missing is somewhere else, and not to
 * be minded. Failures of sweeps are all listed, also where they are the same: pf_sweep_group() puts those
 * together. The merged result points into the inputs, which are to be freed after it. Errors: -EINVAL, with
 * a message that names the files: a shard or trial that is there twice, shards of different plans, a trial
 * that is not of its shard.
 */
int pf_merge(const struct pf_merge_input *inputs, size_t count, bool partial, struct pf_result **ret_result,
             struct pf_error *error);

#endif
