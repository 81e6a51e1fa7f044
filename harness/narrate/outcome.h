/* outcome.h - what the judge made of a run, told piece by piece. */
#ifndef PF_NARRATE_OUTCOME_H
#define PF_NARRATE_OUTCOME_H

#include "model/listing.h"
#include "narrate/scene.h"

/*
 * Tells the next piece of the outcome: the verdict, each link of the chain with the line of the source that
 * waits, where the circle closes, and the fix; of a clean run that it is one. `step` counts from 0.
 * PF_BEAT_NONE: all is told.
 */
enum pf_beat pf_outcome_tell(struct pf_scene *scene, const struct pf_trial_result *trial, size_t step);

/* Tells, on a page of its own, which lines of the source matter, and why. PF_BEAT_NONE: there are none. */
enum pf_beat pf_outcome_marks(struct pf_scene *scene, const char *heading, const struct pf_mark_line *marks,
                              size_t count);

#endif
