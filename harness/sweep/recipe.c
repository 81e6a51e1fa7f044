#include "sweep/recipe.h"

#include "plan/plan.h"
#include "sweep/sequel.h"

/* All that a trial was: its last fault is the one that may be made smaller, those before it left out. */
struct pf_recipe pf_recipe_of(const struct pf_campaign *campaign, uint64_t id, struct pf_arena *arena)
{
    const struct pf_trial *given = campaign->request->base;
    const struct pf_sequel sequel = pf_sequel_of(campaign->plan, id);
    struct pf_recipe recipe = {.base = campaign->base, .strike = sequel.strikes[sequel.count - 1]};
    recipe.base_faults = given->fault_count + sequel.count - 1;
    recipe.base.faults = pf_arena_alloc(arena, (recipe.base_faults + 1) * sizeof(*recipe.base.faults));
    for (size_t i = 0; i < recipe.base_faults; i++)
        recipe.base.faults[i].spec = i < given->fault_count
                                         ? given->faults[i].spec
                                         : pf_strike_text(&sequel.strikes[i - given->fault_count], arena);
    return recipe;
}

struct pf_trial *pf_recipe_trial(const struct pf_recipe *recipe)
{
    struct pf_arena *scratch = pf_arena_new();
    const char **specs = pf_arena_alloc(scratch, (recipe->base_faults + 1) * sizeof(*specs));
    for (size_t i = 0; i < recipe->base_faults; i++)
        specs[i] = recipe->base.faults[i].spec;
    specs[recipe->base_faults] = pf_strike_text(&recipe->strike, scratch);
    struct pf_trial *trial = pf_campaign_trial(&recipe->base, specs, recipe->base_faults + 1);
    pf_arena_free(scratch);
    return trial;
}

/* What was compared must stay expected where that is what failed: the trial tells. */
bool pf_recipe_simplify(struct pf_recipe *recipe, enum pf_recipe_part part)
{
    struct pf_trial *base = &recipe->base;
    switch (part) {
    case PF_PART_FAULTS:
        if (!recipe->base_faults)
            return false;
        recipe->base_faults = 0;
        return true;
    case PF_PART_ONCE:
        if (recipe->strike.last == recipe->strike.first)
            return false;
        recipe->strike.last = recipe->strike.first;
        return true;
    case PF_PART_PROC:
        if (!recipe->strike.proc)
            return false;
        recipe->strike.proc = NULL;
        return true;
    case PF_PART_SAME:
        base->expect = (struct pf_expect){.exit = base->expect.exit, .output = base->expect.output};
        return true;
    case PF_PART_EXIT:
        if (!base->expect.exit)
            return false;
        base->expect.exit = NULL;
        return true;
    case PF_PART_DEADLINE:
        if (base->deadline_ns == PF_DEADLINE_DEFAULT_NS)
            return false;
        base->deadline_ns = PF_DEADLINE_DEFAULT_NS;
        return true;
    default:
        return false;
    }
}
