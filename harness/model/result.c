#include "model/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const finding_kinds[] = {
    [PF_FINDING_DEADLOCK] = "deadlock",
    [PF_FINDING_HANG] = "hang",
    [PF_FINDING_BUSY_LOOP] = "busy-loop",
    [PF_FINDING_ORPHAN] = "orphan",
    [PF_FINDING_ZOMBIE] = "zombie",
    [PF_FINDING_CRASH] = "crash",
    [PF_FINDING_KILLED] = "killed",
    [PF_FINDING_EXIT] = "exit",
    [PF_FINDING_LIMIT] = "limit",
    [PF_FINDING_LOST] = "lost",
    [PF_FINDING_TORN] = "torn",
    [PF_FINDING_DUPLICATE] = "duplicate",
    [PF_FINDING_WRONG_OUTPUT] = "wrong-output",
    [PF_FINDING_FD_LEAK] = "fd-leak",
    [PF_FINDING_IPC_LEAK] = "ipc-leak",
    [PF_FINDING_PROCESS_EXPLOSION] = "process-explosion",
    [PF_FINDING_COST] = "cost",
    [PF_FINDING_UNFIRED] = "unfired",
};
_Static_assert(sizeof(finding_kinds) / sizeof(finding_kinds[0]) == PF_FINDING__COUNT,
               "a name for every kind");
const struct pf_names pf_finding_kind_names = PF_NAMES(finding_kinds);

static const char *const severities[] = {[PF_SEVERITY_FAIL] = "fail", [PF_SEVERITY_WARN] = "warn"};
const struct pf_names pf_severity_names = PF_NAMES(severities);

static const char *const certainties[] = {
    [PF_UNKNOWN] = "unknown", [PF_LIKELY] = "likely", [PF_PROVEN] = "proven"};
const struct pf_names pf_certainty_names = PF_NAMES(certainties);

static const char *const verdicts[] = {
    [PF_PASS] = "pass", [PF_FAIL] = "fail", [PF_ERROR] = "error", [PF_SKIP] = "skip"};
const struct pf_names pf_verdict_names = PF_NAMES(verdicts);

static const char *const outcomes[] = {
    [PF_OUTCOME_NONE] = "none",       [PF_OUTCOME_CLEAN] = "clean", [PF_OUTCOME_GRACEFUL] = "graceful",
    [PF_OUTCOME_RESIDUE] = "residue", [PF_OUTCOME_ABORT] = "abort", [PF_OUTCOME_HANG] = "hang",
    [PF_OUTCOME_SILENT] = "silent",
};
_Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == PF_OUTCOME__COUNT, "a name for every outcome");
const struct pf_names pf_outcome_names = PF_NAMES(outcomes);

static const struct pf_field finding_fields[] = {
    PF_ENUM(struct pf_finding, kind, pf_finding_kind_names, PF_ALWAYS),
    PF_ENUM(struct pf_finding, severity, pf_severity_names, PF_ALWAYS),
    PF_VALUE(struct pf_finding, STRING, process, PF_ALWAYS),
    PF_VALUE(struct pf_finding, STRING, message, PF_ALWAYS),
    PF_ARRAY(struct pf_finding, UINTS, evidence, evidence_count, PF_ALWAYS),
};
static const struct pf_record finding_record = PF_RECORD(struct pf_finding, finding_fields);

static const struct pf_field node_fields[] = {
    PF_VALUE(struct pf_node, STRING, id, PF_ALWAYS),
    PF_VALUE(struct pf_node, STRING, label, PF_ALWAYS),
    PF_VALUE(struct pf_node, STRING, state, PF_ALWAYS),
    PF_VALUE(struct pf_node, STRING, where, PF_ALWAYS),
};
static const struct pf_record node_record = PF_RECORD(struct pf_node, node_fields);

static const struct pf_field edge_fields[] = {
    PF_VALUE(struct pf_edge, STRING, from, PF_ALWAYS),
    PF_VALUE(struct pf_edge, STRING, to, PF_ALWAYS),
    PF_VALUE(struct pf_edge, STRING, resource, PF_ALWAYS),
    PF_VALUE(struct pf_edge, STRING, why, PF_ALWAYS),
    PF_ARRAY(struct pf_edge, UINTS, evidence, evidence_count, PF_ALWAYS),
};
static const struct pf_record edge_record = PF_RECORD(struct pf_edge, edge_fields);

static const struct pf_field diagnosis_fields[] = {
    PF_VALUE(struct pf_diagnosis, STRING, pitfall, PF_ALWAYS),
    PF_VALUE(struct pf_diagnosis, BOOL, proven, PF_ALWAYS),
    PF_ENUM(struct pf_diagnosis, certainty, pf_certainty_names),
    PF_VALUE(struct pf_diagnosis, STRING, summary, PF_ALWAYS),
    PF_VALUE(struct pf_diagnosis, STRING, fix, PF_ALWAYS),
    PF_ARRAY(struct pf_diagnosis, RECORDS, nodes, node_count, .record = &node_record, PF_ALWAYS),
    PF_ARRAY(struct pf_diagnosis, RECORDS, edges, edge_count, .record = &edge_record, PF_ALWAYS),
    PF_ARRAY(struct pf_diagnosis, STRINGS, cycle, cycle_count, PF_ALWAYS),
};
static const struct pf_record diagnosis_record = PF_RECORD(struct pf_diagnosis, diagnosis_fields);

static const struct pf_field strike_fields[] = {
    PF_VALUE(struct pf_strike_account, STRING, thread, PF_ALWAYS),
    PF_VALUE(struct pf_strike_account, STRING, at, PF_ALWAYS),
    PF_VALUE(struct pf_strike_account, UINT, occurrence, PF_ALWAYS),
    PF_ARRAY(struct pf_strike_account, STRINGS, targets, target_count),
    PF_ARRAY(struct pf_strike_account, STRINGS, stack, stack_count),
    PF_VALUE(struct pf_strike_account, UINT, event, PF_ALWAYS),
};
static const struct pf_record strike_record = PF_RECORD(struct pf_strike_account, strike_fields);

static const struct pf_field account_fields[] = {
    PF_VALUE(struct pf_fault_account, STRING, spec, PF_ALWAYS),
    PF_VALUE(struct pf_fault_account, BOOL, armed, PF_ALWAYS),
    PF_VALUE(struct pf_fault_account, UINT, fired, PF_ALWAYS),
    PF_VALUE(struct pf_fault_account, UINT, met),
    PF_ARRAY(struct pf_fault_account, STRINGS, where, where_count),
    PF_ARRAY(struct pf_fault_account, RECORDS, strikes, strike_count, .record = &strike_record),
};
static const struct pf_record account_record = PF_RECORD(struct pf_fault_account, account_fields);

/* How the root ended is `code` or `signal`, never both. */
static json_t *exit_to_json(const struct pf_exit *exit)
{
    return exit->signaled ? json_pack("{s:s}", "signal", exit->signal ? exit->signal : "?")
                          : json_pack("{s:I}", "code", (json_int_t)exit->code);
}

static int exit_from_json(json_t *json, struct pf_arena *arena, struct pf_exit **ret_exit,
                          struct pf_error *error)
{
    if (!json || json_is_null(json))
        return 0;
    json_t *code = json_object_get(json, "code");
    json_t *signal = json_object_get(json, "signal");
    if (!json_is_integer(code) && !json_is_string(signal))
        return pf_error_set(error, -EBADMSG, "\"exit\" needs \"code\" or \"signal\"");
    struct pf_exit *exit = pf_arena_alloc(arena, sizeof(*exit));
    *exit = (struct pf_exit){.signaled = json_is_string(signal),
                             .code = (uint64_t)json_integer_value(code),
                             .signal = pf_arena_strdup(arena, json_string_value(signal))};
    *ret_exit = exit;
    return 0;
}

static const struct pf_field trial_fields[] = {
    PF_VALUE(struct pf_trial_result, UINT, id),
    PF_ENUM(struct pf_trial_result, outcome, pf_outcome_names),
    PF_VALUE(struct pf_trial_result, BOOL, attached),
    PF_VALUE(struct pf_trial_result, STRING, scenario, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, STRING, variant, PF_ALWAYS),
    PF_ARRAY(struct pf_trial_result, STRINGS, command, command_count, PF_ALWAYS),
    PF_ENUM(struct pf_trial_result, verdict, pf_verdict_names, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, STRING, reason),
    PF_VALUE(struct pf_trial_result, INLINE, expect, .record = &pf_expect_record),
    PF_ARRAY(struct pf_trial_result, RECORDS, findings, finding_count, .record = &finding_record, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, RECORD, diagnosis, .record = &diagnosis_record, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, STRING, shape),
    PF_VALUE(struct pf_trial_result, UINT, instruction),
    PF_VALUE(struct pf_trial_result, UINT, instructions),
    PF_ARRAY(struct pf_trial_result, RECORDS, faults, fault_count, .record = &account_record, PF_ALWAYS),
    PF_ARRAY(struct pf_trial_result, STRINGS, stack, stack_count),
    PF_VALUE(struct pf_trial_result, REAL, duration_ms, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, REAL, verdict_latency_ms, PF_ALWAYS),
    PF_VALUE(struct pf_trial_result, STRING, output),
    PF_ARRAY(struct pf_trial_result, STRINGS, notes, note_count),
    PF_VALUE(struct pf_trial_result, RECORD, timeline, .record = &pf_timeline_record),
    PF_VALUE(struct pf_trial_result, INLINE, environment, .record = &pf_environment_record),
    PF_VALUE(struct pf_trial_result, STRING, replay, PF_ALWAYS),
};
static const struct pf_record trial_record = PF_RECORD(struct pf_trial_result, trial_fields);

/* In JSON it has a form of its own. */
static const struct pf_field exit_fields[] = {
    PF_VALUE(struct pf_exit, BOOL, signaled),
    PF_VALUE(struct pf_exit, UINT, code),
    PF_VALUE(struct pf_exit, STRING, signal),
};
static const struct pf_record exit_record = PF_RECORD(struct pf_exit, exit_fields);
static const struct pf_field whole_fields[] = {
    {.type = PF_FIELD_INLINE, .record = &trial_record},
    PF_VALUE(struct pf_trial_result, RECORD, exit, .record = &exit_record),
};
static const struct pf_record whole_record = PF_RECORD(struct pf_trial_result, whole_fields);

static const struct pf_field totals_fields[] = {
    PF_VALUE(struct pf_totals, UINT, trials, PF_ALWAYS), PF_VALUE(struct pf_totals, UINT, pass, PF_ALWAYS),
    PF_VALUE(struct pf_totals, UINT, fail, PF_ALWAYS),   PF_VALUE(struct pf_totals, UINT, error, PF_ALWAYS),
    PF_VALUE(struct pf_totals, UINT, skip, PF_ALWAYS),
};
static const struct pf_record totals_record = PF_RECORD(struct pf_totals, totals_fields);

static const struct pf_field failure_fields[] = {
    PF_ENUM(struct pf_failure, outcome, pf_outcome_names, PF_ALWAYS),
    PF_VALUE(struct pf_failure, STRING, signature, PF_NEEDED),
    PF_VALUE(struct pf_failure, STRING, summary, PF_ALWAYS),
    PF_VALUE(struct pf_failure, UINT, count, PF_ALWAYS),
    PF_ARRAY(struct pf_failure, UINTS, trials, trial_count, PF_ALWAYS),
    PF_VALUE(struct pf_failure, STRING, replay, PF_ALWAYS),
    PF_VALUE(struct pf_failure, UINT, replays, PF_ALWAYS),
    PF_VALUE(struct pf_failure, UINT, replayed, PF_ALWAYS),
    PF_VALUE(struct pf_failure, BOOL, chance),
};
static const struct pf_record failure_record = PF_RECORD(struct pf_failure, failure_fields);

static const struct pf_field sweep_fields[] = {
    PF_VALUE(struct pf_sweep_result, UINT, points, PF_ALWAYS),
    PF_VALUE(struct pf_sweep_result, UINT, startup, PF_ALWAYS),
    PF_VALUE(struct pf_sweep_result, UINT, repetitions, PF_ALWAYS),
    PF_VALUE(struct pf_sweep_result, BOOL, unsteady),
    PF_VALUE(struct pf_sweep_result, BOOL, cut),
    PF_VALUE(struct pf_sweep_result, UINT, deadline_ns, PF_ALWAYS),
    PF_ARRAY(struct pf_sweep_result, RECORDS, failures, failure_count, .record = &failure_record, PF_ALWAYS),
};
static const struct pf_record sweep_record = PF_RECORD(struct pf_sweep_result, sweep_fields);

static const struct pf_field result_fields[] = {
    PF_VALUE(struct pf_result, STRING, schema, PF_ALWAYS),
    PF_VALUE(struct pf_result, INLINE, totals, .record = &totals_record, PF_ALWAYS),
    PF_VALUE(struct pf_result, INLINE, environment, .record = &pf_environment_record, PF_ALWAYS),
    PF_NAMED(struct pf_result, RECORD, "plan", part, .record = &pf_part_record),
    PF_VALUE(struct pf_result, RECORD, sweep, .record = &sweep_record),
    PF_ARRAY(struct pf_result, RECORDS, listings, listing_count, .record = &pf_listing_record),
};
static const struct pf_record result_record = PF_RECORD(struct pf_result, result_fields);

struct pf_result *pf_result_new(void)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_result *result = pf_arena_alloc(arena, sizeof(*result));
    result->arena = arena;
    result->schema = PF_RESULT_SCHEMA;
    return result;
}

void pf_result_free(struct pf_result *result)
{
    if (result)
        pf_arena_free(result->arena);
}

struct pf_trial_result *pf_result_add(struct pf_result *result)
{
    return pf_arena_grow(result->arena, &result->trials, &result->trial_count, sizeof(*result->trials));
}

static int by_id(const void *left, const void *right)
{
    const struct pf_trial_result *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

void pf_result_sort(struct pf_result *result)
{
    if (result->trial_count > 1)
        qsort(result->trials, result->trial_count, sizeof(*result->trials), by_id);
}

void pf_result_finish(struct pf_result *result)
{
    struct pf_totals totals = {.trials = result->trial_count};
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        totals.pass += trial->verdict == PF_PASS;
        totals.fail += trial->verdict == PF_FAIL;
        totals.error += trial->verdict == PF_ERROR;
        totals.skip += trial->verdict == PF_SKIP;
        if (!result->environment.kernel && trial->environment.kernel)
            result->environment = trial->environment;
    }
    result->totals = totals;
}

json_t *pf_result_trial_to_json(const struct pf_trial_result *trial)
{
    json_t *json = pf_record_to_json(&trial_record, trial);
    json_object_set_new(json, "exit", trial->exit ? exit_to_json(trial->exit) : json_null());
    return json;
}

json_t *pf_result_head_to_json(const struct pf_result *result)
{
    return pf_record_to_json(&result_record, result);
}

json_t *pf_result_to_json(const struct pf_result *result)
{
    json_t *object = pf_result_head_to_json(result);
    json_t *trials = json_array();
    for (size_t i = 0; i < result->trial_count; i++)
        json_array_append_new(trials, pf_result_trial_to_json(&result->trials[i]));
    json_object_set_new(object, "trials", trials);
    return object;
}

static int trial_from_json(json_t *json, struct pf_arena *arena, struct pf_trial_result *ret_trial,
                           struct pf_error *error)
{
    int r = pf_record_read(&trial_record, json, arena, ret_trial, error);
    return r < 0 ? r : exit_from_json(json_object_get(json, "exit"), arena, &ret_trial->exit, error);
}

void pf_result_pack_trial(const struct pf_trial_result *trial, struct pf_packed *packed)
{
    pf_pack(&whole_record, trial, packed);
}

int pf_result_unpack_trials(struct pf_result *result, const unsigned char *bytes, size_t size, size_t count)
{
    const unsigned char *at = bytes, *end = bytes + size;
    size_t before = result->trial_count;
    struct pf_trial_result *trials =
        pf_arena_extend(result->arena, &result->trials, &result->trial_count, count, sizeof(*trials));
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = pf_unpack(&whole_record, &at, end, result->arena, &trials[i]);
    if (r == 0 && at == end)
        return 0;
    result->trial_count = before;
    return -EBADMSG;
}

struct pf_trial_result *pf_result_add_copy(struct pf_result *result, const struct pf_trial_result *trial)
{
    struct pf_trial_result *copy = pf_result_add(result);
    pf_record_copy(&whole_record, trial, result->arena, copy);
    return copy;
}

static int read_trials(json_t *trials, struct pf_result *result, struct pf_error *error)
{
    if (!json_is_array(trials))
        return pf_error_set(error, -EBADMSG, "\"trials\" must be an array");
    size_t i;
    json_t *json;
    json_array_foreach(trials, i, json)
    {
        struct pf_trial_result *trial = pf_result_add(result);
        struct pf_error inner = {""};
        if (trial_from_json(json, result->arena, trial, &inner) < 0)
            return pf_error_set(error, -EBADMSG, "trial %zu: %s", i, inner.message);
    }
    return 0;
}

int pf_result_from_json(json_t *json, struct pf_result **ret_result, struct pf_error *error)
{
    const char *schema = json_string_value(json_object_get(json, "schema"));
    if (!schema || strcmp(schema, PF_RESULT_SCHEMA) != 0)
        return pf_error_set(error, -EBADMSG, "\"schema\" is %s, this version reads \"%s\"",
                            schema ? schema : "missing", PF_RESULT_SCHEMA);
    struct pf_result *result = pf_result_new();
    struct pf_result read; /* the totals and the environment follow from the trials */
    int r = pf_record_read(&result_record, json, result->arena, &read, error) < 0 ? -EBADMSG : 0;
    if (r == 0) {
        result->part = read.part;
        result->sweep = read.sweep;
        result->listings = read.listings;
        result->listing_count = read.listing_count;
    }
    if (r == 0)
        r = read_trials(json_object_get(json, "trials"), result, error);
    if (r < 0) {
        pf_result_free(result);
        return r;
    }
    pf_result_finish(result);
    *ret_result = result;
    return 0;
}

/* A fault that never fired is a mistake in the plan, which the user mends; any other error is the harness's
 * own. */
static bool has_unfired(const struct pf_trial_result *trial)
{
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].kind == PF_FINDING_UNFIRED)
            return true;
    return false;
}

int pf_result_exit_status(const struct pf_result *result)
{
    bool findings = false, broken = result->part && pf_part_is_short(result->part);
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        bool unfired = trial->verdict == PF_ERROR && has_unfired(trial);
        findings |= trial->verdict == PF_FAIL || unfired;
        broken |= trial->verdict == PF_ERROR && !unfired;
    }
    if (findings)
        return 1;
    if (broken)
        return 3;
    return result->totals.trials && result->totals.skip == result->totals.trials ? 77 : 0;
}
