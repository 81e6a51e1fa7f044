#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

struct pf_trial *pf_plan_new(void)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_trial *trial = pf_arena_alloc(arena, sizeof(*trial));
    trial->arena = arena;
    trial->deadline_ns = PF_DEADLINE_DEFAULT_NS;
    trial->grace_ns = PF_GRACE_DEFAULT_NS;
    trial->max_processes = PF_MAX_PROCESSES_DEFAULT;
    return trial;
}

void pf_plan_free(struct pf_trial *trial)
{
    if (trial)
        pf_arena_free(trial->arena);
}

static void copy_command(struct pf_trial *trial, const struct pf_variant *variant)
{
    for (size_t i = 0; i < variant->command_count; i++) {
        const char **word =
            pf_arena_grow(trial->arena, &trial->command, &trial->command_count, sizeof(*word));
        *word = pf_arena_strdup(trial->arena, variant->command[i]);
    }
}

static void copy_limits(struct pf_trial *trial, const struct pf_scenario *scenario)
{
    for (size_t i = 0; i < scenario->limit_count; i++) {
        struct pf_limit *limit =
            pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
        limit->resource = pf_arena_strdup(trial->arena, scenario->limits[i].resource);
        limit->value = scenario->limits[i].value;
    }
}

/* By reading each again: what was read once is read the same way twice. */
static void copy_faults(struct pf_trial *trial, const struct pf_scenario *scenario)
{
    for (size_t i = 0; i < scenario->fault_count; i++) {
        struct pf_fault fault;
        if (pf_fault_parse(scenario->faults[i].spec, trial->arena, &fault, NULL) < 0)
            abort();
        struct pf_fault *slot =
            pf_arena_grow(trial->arena, &trial->faults, &trial->fault_count, sizeof(*slot));
        *slot = fault;
    }
}

static const struct pf_content *copy_content(struct pf_arena *arena, const struct pf_content *content)
{
    if (!content)
        return NULL;
    struct pf_content *copy = pf_arena_alloc(arena, sizeof(*copy));
    char *bytes = pf_arena_alloc(arena, content->held + 1);
    memcpy(bytes, content->bytes, content->held);
    *copy = pf_content_new(pf_arena_strdup(arena, content->name), bytes, content->held, arena);
    return copy;
}

struct pf_trial *pf_plan_variant(const struct pf_scenario *scenario, const struct pf_variant *variant)
{
    struct pf_trial *trial = pf_plan_new();
    struct pf_arena *arena = trial->arena;
    trial->scenario = pf_arena_strdup(arena, scenario->id);
    trial->variant = pf_arena_strdup(arena, variant->name);
    trial->deadline_ns = scenario->deadline_ns;
    trial->isolate = scenario->isolate;
    trial->namespaces = scenario->namespaces;
    trial->capture = true;
    trial->skip = pf_arena_strdup(arena, variant->skip);
    trial->expect = (struct pf_expect){
        .finding = pf_arena_strdup(arena, variant->expect.finding),
        .diagnosis = pf_arena_strdup(arena, variant->expect.diagnosis),
        .output = pf_arena_strdup(arena, variant->expect.output),
        .printed = copy_content(arena, variant->expect.printed),
        .exit = pf_arena_strdup(arena, variant->expect.exit),
    };
    copy_command(trial, variant);
    copy_limits(trial, scenario);
    copy_faults(trial, scenario);
    trial->replay = pf_plan_replay(trial);
    return trial;
}
