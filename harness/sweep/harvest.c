#include "sweep/harvest.h"

#include <stdlib.h>
#include <string.h>

#include "sweep/group.h"

/* Trials that fail in one way. */
struct kind {
    const char *signature;
    uint64_t whole; /* the lowest id of those that are kept whole: the one that reports tell of */
};

struct pf_harvest {
    struct pf_packed trials; /* one behind the other, in the order in which they ended */
    size_t count;
    bool environment;       /* one of them has it, for all */
    struct pf_arena *arena; /* of the kinds */
    struct kind *kinds;
    size_t kind_count;
};

struct pf_harvest *pf_harvest_new(void)
{
    struct pf_harvest *harvest = calloc(1, sizeof(*harvest));
    if (!harvest)
        abort();
    harvest->arena = pf_arena_new();
    return harvest;
}

void pf_harvest_free(struct pf_harvest *harvest)
{
    if (!harvest)
        return;
    pf_arena_free(harvest->arena);
    free(harvest->trials.bytes);
    free(harvest);
}

/* Is it the first of its kind, in the order of the plan, as far as is known? */
static bool is_first(struct pf_harvest *harvest, const struct pf_trial_result *trial)
{
    struct pf_arena *scratch = pf_arena_new();
    const char *signature = pf_sweep_signature(trial, scratch);
    struct kind *kind = NULL;
    for (size_t i = 0; i < harvest->kind_count && !kind; i++)
        if (strcmp(harvest->kinds[i].signature, signature) == 0)
            kind = &harvest->kinds[i];
    bool first = !kind || trial->id < kind->whole;
    if (!kind) {
        kind = pf_arena_grow(harvest->arena, &harvest->kinds, &harvest->kind_count, sizeof(*kind));
        kind->signature = pf_arena_strdup(harvest->arena, signature);
    }
    if (first)
        kind->whole = trial->id;
    pf_arena_free(scratch);
    return first;
}

/* The faults as far as a trial needs them that is not told of: what they were and whom they struck. */
static struct pf_fault_account *accounts_in_short(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    struct pf_fault_account *accounts = pf_arena_alloc(arena, trial->fault_count * sizeof(*accounts));
    for (size_t i = 0; i < trial->fault_count; i++) {
        const struct pf_fault_account *whole = &trial->faults[i];
        accounts[i] = *whole;
        accounts[i].strikes = pf_arena_alloc(arena, whole->strike_count * sizeof(*accounts[i].strikes));
        for (size_t k = 0; k < whole->strike_count; k++) {
            accounts[i].strikes[k] = whole->strikes[k];
            accounts[i].strikes[k].stack = NULL;
            accounts[i].strikes[k].stack_count = 0;
        }
    }
    return accounts;
}

/* A trial that failed as another one did. */
static struct pf_trial_result in_short(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    struct pf_trial_result brief = *trial;
    brief.faults = accounts_in_short(trial, arena);
    brief.timeline = NULL;
    brief.output = NULL;
    brief.notes = NULL;
    brief.note_count = 0;
    brief.environment = (struct pf_environment){0};
    if (!trial->diagnosis)
        return brief;
    brief.diagnosis = pf_arena_alloc(arena, sizeof(*brief.diagnosis));
    *brief.diagnosis = (struct pf_diagnosis){.pitfall = trial->diagnosis->pitfall,
                                             .proven = trial->diagnosis->proven,
                                             .certainty = trial->diagnosis->certainty,
                                             .summary = trial->diagnosis->summary,
                                             .fix = trial->diagnosis->fix};
    return brief;
}

/* What a pass has left to be said: warnings. */
static void take_warnings(const struct pf_trial_result *trial, struct pf_trial_result *passed,
                          struct pf_arena *arena)
{
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].severity == PF_SEVERITY_WARN) {
            struct pf_finding *kept =
                pf_arena_grow(arena, &passed->findings, &passed->finding_count, sizeof(*kept));
            *kept = trial->findings[i];
            kept->evidence = NULL;
            kept->evidence_count = 0;
        }
}

/* A trial that passed, or tested nothing, is told in few words: there are thousands of them. */
static struct pf_trial_result as_passed(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    struct pf_trial_result passed = {
        .id = trial->id,
        .outcome = trial->outcome,
        .verdict = trial->verdict,
        .reason = trial->reason,
        .instruction = trial->instruction,
        .instructions = trial->instructions,
        .fault_count = trial->fault_count,
        .exit = trial->exit,
        .duration_ms = trial->duration_ms,
    };
    passed.faults = pf_arena_alloc(arena, trial->fault_count * sizeof(*passed.faults));
    for (size_t i = 0; i < trial->fault_count; i++)
        passed.faults[i] = (struct pf_fault_account){.spec = trial->faults[i].spec,
                                                     .armed = trial->faults[i].armed,
                                                     .fired = trial->faults[i].fired,
                                                     .met = trial->faults[i].met};
    take_warnings(trial, &passed, arena);
    return passed;
}

void pf_harvest_add(struct pf_harvest *harvest, const struct pf_trial_result *trial)
{
    struct pf_arena *scratch = pf_arena_new();
    struct pf_trial_result kept = *trial;
    if (trial->verdict == PF_PASS || trial->verdict == PF_SKIP)
        kept = as_passed(trial, scratch);
    else if (trial->verdict == PF_FAIL && !is_first(harvest, trial))
        kept = in_short(trial, scratch);
    /* Command and stack are those of many; who delivers has them. */
    kept.command = NULL;
    kept.stack = NULL;
    kept.command_count = kept.stack_count = 0;
    if (!harvest->environment)
        kept.environment = trial->environment;
    harvest->environment |= kept.environment.kernel != NULL;
    pf_result_pack_trial(&kept, &harvest->trials);
    harvest->count++;
    pf_arena_free(scratch);
}

void pf_harvest_deliver(const struct pf_harvest *harvest, struct pf_result *result)
{
    unsigned char *bytes = pf_arena_alloc(result->arena, harvest->trials.size);
    if (harvest->count)
        memcpy(bytes, harvest->trials.bytes, harvest->trials.size);
    if (pf_result_unpack_trials(result, bytes, harvest->trials.size, harvest->count) < 0)
        abort(); /* what we have packed ourselves */
    pf_result_sort(result);
}
