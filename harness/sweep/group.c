#include "sweep/group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plan/plan.h"

static const enum pf_outcome harm_of[PF_FINDING__COUNT] = {
    [PF_FINDING_DEADLOCK] = PF_OUTCOME_HANG,       [PF_FINDING_HANG] = PF_OUTCOME_HANG,
    [PF_FINDING_BUSY_LOOP] = PF_OUTCOME_HANG,      [PF_FINDING_ORPHAN] = PF_OUTCOME_RESIDUE,
    [PF_FINDING_ZOMBIE] = PF_OUTCOME_RESIDUE,      [PF_FINDING_CRASH] = PF_OUTCOME_ABORT,
    [PF_FINDING_KILLED] = PF_OUTCOME_ABORT,        [PF_FINDING_EXIT] = PF_OUTCOME_GRACEFUL,
    [PF_FINDING_LIMIT] = PF_OUTCOME_GRACEFUL,      [PF_FINDING_LOST] = PF_OUTCOME_SILENT,
    [PF_FINDING_TORN] = PF_OUTCOME_SILENT,         [PF_FINDING_DUPLICATE] = PF_OUTCOME_SILENT,
    [PF_FINDING_WRONG_OUTPUT] = PF_OUTCOME_SILENT, [PF_FINDING_FD_LEAK] = PF_OUTCOME_RESIDUE,
    [PF_FINDING_IPC_LEAK] = PF_OUTCOME_RESIDUE,    [PF_FINDING_PROCESS_EXPLOSION] = PF_OUTCOME_RESIDUE,
    [PF_FINDING_COST] = PF_OUTCOME_CLEAN,          [PF_FINDING_UNFIRED] = PF_OUTCOME_NONE,
};

/* Who says that it failed has lost nothing silently. */
static enum pf_outcome harm_done(const struct pf_finding *finding, bool failed)
{
    enum pf_outcome harm = harm_of[finding->kind];
    return harm == PF_OUTCOME_SILENT && failed ? PF_OUTCOME_GRACEFUL : harm;
}

enum pf_outcome pf_sweep_outcome(const struct pf_trial_result *trial)
{
    if (trial->verdict == PF_ERROR || trial->verdict == PF_SKIP)
        return PF_OUTCOME_NONE;
    bool failed = trial->exit && (trial->exit->signaled || trial->exit->code != 0);
    enum pf_outcome outcome = failed ? PF_OUTCOME_GRACEFUL : PF_OUTCOME_CLEAN;
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (finding->severity == PF_SEVERITY_FAIL && harm_done(finding, failed) > outcome)
            outcome = harm_done(finding, failed);
    }
    return outcome;
}

const char *pf_sweep_reason(const struct pf_trial_result *trial)
{
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (finding->severity == PF_SEVERITY_FAIL && harm_of[finding->kind] == trial->outcome)
            return finding->message;
    }
    return trial->reason;
}

/* The kinds that are failures, each once, in the order of their enum. */
static const char *kinds_of(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    bool found[PF_FINDING__COUNT] = {false};
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].severity == PF_SEVERITY_FAIL && trial->findings[i].kind != PF_FINDING_UNFIRED)
            found[trial->findings[i].kind] = true;
    const char *text = "";
    for (int kind = 0; kind < PF_FINDING__COUNT; kind++)
        if (found[kind])
            text = pf_arena_printf(arena, "%s%s%s", text, *text ? "," : "",
                                   pf_names_get(&pf_finding_kind_names, kind));
    return text;
}

static uint64_t hash_of_stack(const struct pf_trial_result *trial)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < trial->stack_count; i++)
        hash = XXH3_64bits_withSeed(trial->stack[i], strlen(trial->stack[i]) + 1, hash);
    return hash;
}

/* Whom the trial's own fault, the last one, struck by no doing of its: a signal, a kill, a stop. Or NULL. */
static const char *struck_from_outside(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    const struct pf_fault_account *last = trial->fault_count ? &trial->faults[trial->fault_count - 1] : NULL;
    struct pf_fault fault;
    if (!last || !last->strike_count || pf_fault_parse(last->spec, arena, &fault, NULL) < 0)
        return NULL;
    enum pf_action_kind kind = fault.actions[0].kind;
    bool outside = kind == PF_ACTION_SIGNAL || kind == PF_ACTION_KILL || kind == PF_ACTION_STOP;
    return outside ? last->strikes[0].thread : NULL;
}

const char *pf_sweep_signature(const struct pf_trial_result *trial, struct pf_arena *arena)
{
    const char *what =
        pf_arena_printf(arena, "%s/%s/%s", pf_names_get(&pf_outcome_names, (int)trial->outcome),
                        kinds_of(trial, arena), trial->shape ? trial->shape : "");
    const char *struck = trial->outcome == PF_OUTCOME_RESIDUE ? struck_from_outside(trial, arena) : NULL;
    return struck ? pf_arena_printf(arena, "%s/%s", what, struck)
                  : pf_arena_printf(arena, "%s/%016" PRIx64, what, hash_of_stack(trial));
}

static struct pf_failure *find(struct pf_failure *failures, size_t count, const char *signature)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(failures[i].signature, signature) == 0)
            return &failures[i];
    return NULL;
}

static void add(struct pf_sweep_result *sweep, const struct pf_trial_result *trial, struct pf_arena *arena)
{
    const char *signature = pf_sweep_signature(trial, arena);
    struct pf_failure *failure = find(sweep->failures, sweep->failure_count, signature);
    if (!failure) {
        failure = pf_arena_grow(arena, &sweep->failures, &sweep->failure_count, sizeof(*failure));
        *failure = (struct pf_failure){.outcome = trial->outcome,
                                       .signature = signature,
                                       .summary = trial->reason,
                                       .replay = trial->replay};
    }
    failure->count++;
    *(uint64_t *)pf_arena_grow(arena, &failure->trials, &failure->trial_count, sizeof(*failure->trials)) =
        trial->id;
}

bool pf_sweep_replays_better(const struct pf_failure *candidate, const struct pf_failure *failure)
{
    if (!candidate->replay)
        return false;
    if (!failure->replay)
        return true;
    uint64_t a = candidate->replayed * failure->replays, b = failure->replayed * candidate->replays;
    if (a != b)
        return a > b;
    if (candidate->replays && failure->replays && candidate->chance != failure->chance)
        return failure->chance;
    if ((candidate->replays > 0) != (failure->replays > 0))
        return candidate->replays > 0;
    return strlen(candidate->replay) < strlen(failure->replay);
}

static int by_harm(const void *left, const void *right)
{
    const struct pf_failure *a = left, *b = right;
    if (a->outcome != b->outcome)
        return a->outcome > b->outcome ? -1 : 1;
    return a->trials[0] < b->trials[0] ? -1 : 1;
}

static int by_id(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* Of the trials of one failure the first is told of; the timelines of thousands of others would only add up.
 */
static void keep_timelines(struct pf_result *result)
{
    const struct pf_sweep_result *sweep = result->sweep;
    uint64_t *firsts = pf_arena_alloc(result->arena, (sweep->failure_count + 1) * sizeof(*firsts));
    for (size_t i = 0; i < sweep->failure_count; i++)
        firsts[i] = sweep->failures[i].trials[0];
    qsort(firsts, sweep->failure_count, sizeof(*firsts), by_id);
    for (size_t i = 0; i < result->trial_count; i++)
        if (!bsearch(&result->trials[i].id, firsts, sweep->failure_count, sizeof(*firsts), by_id))
            result->trials[i].timeline = NULL;
}

void pf_sweep_group(struct pf_result *result)
{
    struct pf_sweep_result *sweep = result->sweep;
    const struct pf_failure *known = sweep->failures;
    size_t known_count = sweep->failure_count;
    sweep->failures = NULL;
    sweep->failure_count = 0;
    for (size_t i = 0; i < result->trial_count; i++)
        if (result->trials[i].verdict == PF_FAIL)
            add(sweep, &result->trials[i], result->arena);
    for (size_t i = 0; i < known_count; i++) {
        struct pf_failure *failure = find(sweep->failures, sweep->failure_count, known[i].signature);
        if (!failure || !pf_sweep_replays_better(&known[i], failure))
            continue;
        failure->replay = known[i].replay;
        failure->replays = known[i].replays;
        failure->replayed = known[i].replayed;
        failure->chance = known[i].chance;
    }
    for (size_t i = 0; i < sweep->failure_count; i++)
        qsort(sweep->failures[i].trials, sweep->failures[i].trial_count, sizeof(uint64_t), by_id);
    if (sweep->failure_count > 1)
        qsort(sweep->failures, sweep->failure_count, sizeof(*sweep->failures), by_harm);
    keep_timelines(result);
}
