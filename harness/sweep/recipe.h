/* recipe.h - a failing trial in parts, each of which can be left out or made simpler. */
#ifndef PF_SWEEP_RECIPE_H
#define PF_SWEEP_RECIPE_H

#include "sweep/campaign.h"

/* What is left out, or made simpler, in this order. */
enum pf_recipe_part {
    PF_PART_FAULTS,   /* those that the user gave */
    PF_PART_ONCE,     /* once only, instead of from then on */
    PF_PART_PROC,     /* proc= */
    PF_PART_SAME,     /* the comparison with runs without faults */
    PF_PART_EXIT,     /* the status that is expected */
    PF_PART_DEADLINE, /* the deadline, where it is not the default */
    PF_PART__COUNT,
};

/* A failing trial, in parts. */
struct pf_recipe {
    struct pf_trial base;
    size_t base_faults; /* so many of the user's */
    struct pf_strike strike;
};

/* All that a trial of the campaign was. What it points to lives in the arena, and as long as the plan. */
struct pf_recipe pf_recipe_of(const struct pf_campaign *campaign, uint64_t id, struct pf_arena *arena);
/* Leaves out, or makes simpler, this part. Returns false when there is none. */
bool pf_recipe_simplify(struct pf_recipe *recipe, enum pf_recipe_part part);
/* The caller frees it. */
struct pf_trial *pf_recipe_trial(const struct pf_recipe *recipe);

#endif
