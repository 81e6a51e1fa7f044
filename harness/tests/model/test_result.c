/* Results: totals, exit status, and the way through JSON and back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/result.h"

static struct pf_result *result;

static void open_result(void)
{
    result = pf_result_new();
}

static void close_result(void)
{
    pf_result_free(result);
}

TestSuite(result, .init = open_result, .fini = close_result, .timeout = 10);

static struct pf_trial_result *add(enum pf_verdict verdict)
{
    struct pf_trial_result *trial = pf_result_add(result);
    trial->verdict = verdict;
    return trial;
}

static int status(void)
{
    pf_result_finish(result);
    return pf_result_exit_status(result);
}

Test(result, nothing_and_passes_are_clean)
{
    cr_expect_eq(status(), 0);
    add(PF_PASS);
    cr_expect_eq(status(), 0);
    pf_result_free(NULL);
}

Test(result, a_failure_is_1_even_beside_errors)
{
    add(PF_ERROR);
    add(PF_PASS);
    cr_expect_eq(status(), 3);
    add(PF_FAIL);
    cr_expect_eq(status(), 1);
}

Test(result, an_unfired_fault_is_the_users_to_mend)
{
    static struct pf_finding unfired = {.kind = PF_FINDING_UNFIRED, .message = "m"};
    struct pf_trial_result *trial = add(PF_ERROR);
    trial->findings = &unfired;
    trial->finding_count = 1;
    cr_expect_eq(status(), 1);
}

Test(result, all_skipped_is_77_but_one_pass_is_enough)
{
    add(PF_SKIP);
    cr_expect_eq(status(), 77);
    add(PF_PASS);
    cr_expect_eq(status(), 0);
}

Test(result, totals_count_every_verdict_and_the_first_environment_is_the_results)
{
    add(PF_PASS);
    add(PF_FAIL)->environment.kernel = "6.18";
    add(PF_FAIL)->environment.kernel = "6.19";
    add(PF_ERROR);
    add(PF_SKIP);
    pf_result_finish(result);
    cr_expect_eq(result->totals.trials, 5);
    cr_expect_eq(result->totals.pass, 1);
    cr_expect_eq(result->totals.fail, 2);
    cr_expect_eq(result->totals.error, 1);
    cr_expect_eq(result->totals.skip, 1);
    cr_expect_str_eq(result->environment.kernel, "6.18");
}

static void fill(struct pf_trial_result *trial)
{
    static const char *words[] = {"./a", "b c"};
    static const char *places[] = {"0 at write"};
    static uint64_t evidence[] = {1, 2};
    static struct pf_finding findings[] = {
        {PF_FINDING_LIMIT, PF_SEVERITY_FAIL, "0", "limit", evidence, 2},
        {PF_FINDING_ZOMBIE, PF_SEVERITY_WARN, NULL, "zombie", NULL, 0},
    };
    static struct pf_node nodes[] = {{"0", "0 (a)", "waits", "main at a.c:3"},
                                     {"0.1", "0.1 (a)", "waits", NULL}};
    static struct pf_edge edges[] = {{"0", "0.1", "pipe (fd 3)", "why", evidence, 1}};
    static struct pf_diagnosis diagnosis = {"hung-thread", true, PF_PROVEN, "summary", "fix", nodes, 2,
                                            edges,         1,    words,     2};
    static struct pf_strike_account strikes[] = {{"0.1/t2", "write", 3, words, 2, places, 1, 9}};
    static struct pf_fault_account faults[] = {{"write:kill", true, 3, 4, places, 1, strikes, 1}};
    static struct pf_exit end = {.signaled = true, .code = 9, .signal = "SIGKILL"};
    *trial = (struct pf_trial_result){
        .id = 7,
        .outcome = PF_OUTCOME_HANG,
        .stack = words,
        .stack_count = 2,
        .shape = "child+read:pipe",
        .scenario = "s",
        .variant = "broken",
        .command = words,
        .command_count = 2,
        .verdict = PF_FAIL,
        .reason = "because",
        .expect = {"deadlock", "hung-thread", "out", "1"},
        .findings = findings,
        .finding_count = 2,
        .diagnosis = &diagnosis,
        .faults = faults,
        .fault_count = 1,
        .exit = &end,
        .duration_ms = 12.5,
        .verdict_latency_ms = 0.25,
        .output = "line\n",
        .notes = places,
        .note_count = 1,
        .environment = {"0.1.0", "6.18", "x86_64", "subreaper", "no namespaces"},
        .replay = "pitfall run -- ./a",
    };
}

static struct pf_sweep_result *sample_sweep(void)
{
    static uint64_t ids[] = {3, 9};
    static struct pf_failure failures[] = {
        {PF_OUTCOME_SILENT, "silent/lost//1", "one is lost", 2, ids, 2, "pitfall run -- ./a", 3, 2, true},
        {.outcome = PF_OUTCOME_ABORT, .signature = "abort/crash//1"},
    };
    static struct pf_sweep_result sweep = {5, 9, 1, true, true, 2000000000, failures, 2};
    return &sweep;
}

static char *text_of(const struct pf_result *any)
{
    json_t *json = pf_result_to_json(any);
    char *text = json_dumps(json, JSON_INDENT(1));
    json_decref(json);
    return text;
}

Test(result, a_full_and_an_empty_trial_come_back_as_they_were)
{
    static struct pf_exit end = {.code = 3};
    fill(pf_result_add(result));
    add(PF_PASS);
    add(PF_FAIL)->exit = &end;
    result->sweep = sample_sweep();
    static uint64_t shard = 2, missing[] = {4, 6};
    static struct pf_part part = {"0123456789abcdef", 40,   &shard, 1,       3,
                                  PF_STOPPED_BUDGET,  NULL, 0,      missing, 2};
    result->part = &part;
    pf_result_finish(result);
    char *before = text_of(result);
    json_t *json = json_loads(before, 0, NULL);
    struct pf_result *read = NULL;
    struct pf_error error = {""};
    cr_assert_eq(pf_result_from_json(json, &read, &error), 0, "%s", error.message);
    json_decref(json); /* nothing read may point into it */
    char *after = text_of(read);
    cr_expect_str_eq(before, after);
    cr_expect_eq(read->trial_count, 3);
    cr_expect(read->trials[0].exit->signaled);
    cr_expect_null(read->trials[1].exit);
    cr_expect_eq(read->trials[2].exit->code, 3);
    cr_expect_eq(read->part->stopped, PF_STOPPED_BUDGET);
    cr_expect_eq(read->part->missing_trials[1], 6);
    cr_expect_eq(read->sweep->failures[0].trials[1], 9);
    cr_expect_null(read->trials[0].findings[1].process);
    cr_expect_null(read->trials[0].diagnosis->nodes[1].where);
    pf_result_free(read);
    free(before);
    free(after);
}

/* What other people's programs rely on is there even when it is empty. */
Test(result, the_contract_keys_are_always_there)
{
    static const char *const keys[] = {"scenario",  "variant", "command", "verdict",     "findings",
                                       "diagnosis", "faults",  "exit",    "duration_ms", "verdict_latency_ms",
                                       "replay"};
    add(PF_PASS);
    json_t *json = pf_result_to_json(result);
    json_t *trial = json_array_get(json_object_get(json, "trials"), 0);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        cr_expect_not_null(json_object_get(trial, keys[i]), "%s", keys[i]);
    cr_expect_str_eq(json_string_value(json_object_get(json, "schema")), PF_RESULT_SCHEMA);
    json_decref(json);
}

Test(result, what_is_no_result_is_refused)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"[]", "\"schema\" is missing"},
        {"{\"schema\":\"pitfall-result/9\"}", "\"schema\" is pitfall-result/9, this version reads"},
        {"{\"schema\":\"pitfall-result/1\"}", "must be present"},
        {"{\"schema\":\"pitfall-result/"
         "1\",\"totals\":{\"trials\":0,\"pass\":0,\"fail\":0,\"error\":0,\"skip\":0},"
         "\"environment\":{},\"trials\":{}}",
         "\"trials\" must be an array"},
        {"{\"schema\":\"pitfall-result/"
         "1\",\"totals\":{\"trials\":0,\"pass\":0,\"fail\":0,\"error\":0,\"skip\":0},"
         "\"environment\":{},\"trials\":[{\"scenario\":5}]}",
         "trial 0: \"scenario\" must be a string"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *json = json_loads(bad[i].text, 0, NULL);
        cr_assert_not_null(json, "%s", bad[i].text);
        struct pf_result *read = NULL;
        struct pf_error error = {""};
        cr_expect_eq(pf_result_from_json(json, &read, &error), -EBADMSG, "%s", bad[i].text);
        cr_expect_null(read);
        cr_expect(strstr(error.message, bad[i].message), "%s: %s", bad[i].text, error.message);
        json_decref(json);
    }
}

Test(result, an_exit_that_says_nothing_is_refused)
{
    add(PF_PASS);
    json_t *json = pf_result_to_json(result);
    json_object_set_new(json_array_get(json_object_get(json, "trials"), 0), "exit", json_object());
    struct pf_result *read = NULL;
    struct pf_error error = {""};
    cr_expect_eq(pf_result_from_json(json, &read, &error), -EBADMSG);
    cr_expect(strstr(error.message, "trial 0: \"exit\" needs"), "%s", error.message);
    json_decref(json);
}
