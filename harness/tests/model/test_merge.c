/* Shards put together again: nothing is lost, nothing doubled, and what is missing is named. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/merge.h"

enum { FILES_MOST = 8 };

static struct pf_result *results[FILES_MOST];
static struct pf_merge_input inputs[FILES_MOST];
static size_t files;
static struct pf_result *merged;
static struct pf_error error;

static void open_files(void)
{
    files = 0;
    merged = NULL;
    error.message[0] = '\0';
}

static void close_files(void)
{
    pf_result_free(merged);
    for (size_t i = 0; i < files; i++)
        pf_result_free(results[i]);
    merged = NULL;
    files = 0;
}

TestSuite(merge, .init = open_files, .fini = close_files, .timeout = 20);

static struct pf_result *add_file(void)
{
    static char names[FILES_MOST][16];
    snprintf(names[files], sizeof(names[files]), "%c.json", (char)('a' + files));
    results[files] = pf_result_new();
    inputs[files] = (struct pf_merge_input){.name = names[files], .result = results[files]};
    return results[files++];
}

static struct pf_trial_result *add_trial(struct pf_result *result, uint64_t id)
{
    struct pf_trial_result *trial = pf_result_add(result);
    trial->id = id;
    trial->duration_ms = (double)id;
    trial->replay = pf_arena_printf(result->arena, "trial %llu", (unsigned long long)id);
    return trial;
}

/* The shard of a plan, with all of its trials. */
static struct pf_result *add_shard(const char *plan, uint64_t trials, uint64_t shard, uint64_t of)
{
    struct pf_result *result = add_file();
    struct pf_part *part = pf_arena_alloc(result->arena, sizeof(*part));
    *part = (struct pf_part){.plan = plan, .trials = trials, .of = of};
    part->shards = pf_arena_alloc(result->arena, sizeof(*part->shards));
    part->shards[part->shard_count++] = shard;
    result->part = part;
    for (uint64_t id = shard; id <= trials; id += of)
        add_trial(result, id);
    return result;
}

static int merge(bool partial)
{
    return pf_merge(inputs, files, partial, &merged, &error);
}

static const char *lack(void)
{
    return pf_part_lack(merged->part, merged->arena);
}

static void expect_refused(const char *message)
{
    cr_expect_eq(merge(false), -EINVAL);
    cr_expect_str_eq(error.message, message);
    cr_expect_null(merged);
}

Test(merge, shards_in_any_order_are_the_whole_plan)
{
    for (uint64_t trials = 0; trials < 12; trials++) {
        open_files();
        static const uint64_t order[] = {3, 1, 5, 2, 4};
        for (size_t i = 0; i < 5; i++)
            add_shard("p", trials, order[i], 5);
        cr_assert_eq(merge(false), 0, "%s", error.message);
        cr_assert_eq(merged->trial_count, trials);
        cr_assert_eq(merged->totals.trials, trials);
        for (uint64_t id = 1; id <= trials; id++)
            cr_assert_eq(merged->trials[id - 1].id, id);
        cr_assert_null(lack());
        cr_assert_eq(pf_result_exit_status(merged), 0);
        close_files();
    }
    open_files();
}

Test(merge, missing_shards_and_trials_are_named)
{
    add_shard("p", 12, 2, 4);
    struct pf_result *first = add_shard("p", 12, 1, 4);
    first->trial_count--; /* the last one, 9 */
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_str_eq(lack(),
                     "shards 3-4 of 4 are missing, and trial 9 is missing: 7 of 12 trials are not there");
    cr_expect_eq(pf_result_exit_status(merged), 3, "half a check is no clean check");
    cr_expect_eq(merged->part->missing_shard_count, 2);
    static const uint64_t missing[] = {3, 4, 7, 8, 9, 11, 12};
    cr_assert_eq(merged->part->missing_trial_count, 7);
    cr_expect_arr_eq(merged->part->missing_trials, missing, sizeof(missing));
    merged->trials[0].verdict = PF_FAIL;
    cr_expect_eq(pf_result_exit_status(merged), 1, "findings come first");
}

Test(merge, a_shard_without_trials_is_missing_all_the_same)
{
    add_shard("p", 1, 1, 2);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_str_eq(lack(), "shard 2 of 2 is missing");
    cr_expect_eq(pf_result_exit_status(merged), 3);
}

Test(merge, a_part_on_purpose_is_clean)
{
    add_shard("p", 12, 2, 4);
    cr_assert_eq(merge(true), 0, "%s", error.message);
    cr_expect_null(lack());
    cr_expect_eq(pf_result_exit_status(merged), 0);
}

Test(merge, merges_can_be_merged)
{
    add_shard("p", 7, 1, 3);
    add_shard("p", 7, 3, 3);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    /* Through JSON, as a file would. */
    json_t *json = pf_result_to_json(merged);
    struct pf_result *half = NULL;
    cr_assert_eq(pf_result_from_json(json, &half, &error), 0, "%s", error.message);
    json_decref(json);
    close_files();
    results[0] = half;
    inputs[0].result = half;
    files = 1;
    add_shard("p", 7, 2, 3);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_null(lack());
    cr_expect_eq(merged->trial_count, 7);
    cr_expect_eq(merged->part->shard_count, 3);
}

Test(merge, what_was_stopped_stays_so)
{
    add_shard("p", 4, 1, 2);
    add_shard("p", 4, 2, 2)->part->stopped = PF_STOPPED_INTERRUPT;
    cr_assert_eq(merge(true), 0, "%s", error.message);
    cr_expect_str_eq(lack(), "interrupted");
    cr_expect_eq(pf_result_exit_status(merged), 3);
}

Test(merge, a_budget_that_is_spent_is_told_and_no_fault)
{
    add_shard("p", 4, 1, 2);
    struct pf_result *second = add_shard("p", 4, 2, 2);
    second->part->stopped = PF_STOPPED_BUDGET;
    second->trial_count--;
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_str_eq(lack(), "the budget is spent: trial 4 is missing: 1 of 4 trials are not there");
    cr_expect_eq(pf_result_exit_status(merged), 0);
    pf_result_free(merged);
    merged = NULL;
    files--; /* without that shard it is one */
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_eq(pf_result_exit_status(merged), 3);
    files++;
}

Test(merge, a_shard_twice)
{
    add_shard("p", 4, 1, 2);
    add_shard("p", 4, 2, 2);
    add_shard("p", 4, 1, 2);
    expect_refused("shard 1 of 2 is in a.json and again in c.json: each may be given once");
}

Test(merge, a_trial_twice)
{
    struct pf_result *result = add_shard("p", 4, 1, 2);
    add_trial(result, 3);
    expect_refused("the trial of id 3 is in a.json and again in a.json: each may be given once");
}

Test(merge, a_trial_of_another_shard)
{
    struct pf_result *result = add_shard("p", 4, 1, 2);
    result->trials[1].id = 2;
    expect_refused("a.json: the trial of id 2 is of shard 2 of 2, which this is not");
}

Test(merge, ids_out_of_range)
{
    struct pf_result *result = add_shard("p", 4, 1, 2);
    result->trials[1].id = 5;
    expect_refused("a.json: trial 1 has the id 5, where 1 to 4 was expected");
    result->trials[1].id = 0;
    expect_refused("a.json: trial 1 has the id 0, where 1 to 4 was expected");
}

Test(merge, shards_that_do_not_exist)
{
    struct pf_result *result = add_shard("p", 4, 1, 2);
    result->part->shards[0] = 3;
    expect_refused("a.json: there is no shard 3 of 2");
    result->part->of = UINT64_MAX;
    cr_expect_eq(merge(false), -EINVAL);
    result->part->of = 2;
    result->part->trials = UINT64_MAX;
    cr_expect_eq(merge(false), -EINVAL);
}

Test(merge, different_plans)
{
    add_shard("p", 4, 1, 2);
    add_shard("q", 4, 2, 2);
    expect_refused(
        "a.json and b.json are of different plans (p and q): were they run by the same version, with "
        "the same options, on the same scenarios or program?");
}

Test(merge, differently_divided)
{
    add_shard("p", 4, 1, 2);
    add_shard("p", 4, 2, 3);
    expect_refused("a.json has one of 2 shards of 4 trials, and b.json one of 3 of 4");
}

Test(merge, a_shard_and_a_single_run)
{
    add_trial(add_file(), 0);
    add_shard("p", 4, 1, 2);
    expect_refused("b.json is a shard, and a.json is no part of any plan");
}

Test(merge, whole_results_are_put_behind_each_other)
{
    add_shard("p", 2, 1, 1);
    add_trial(add_file(), 0);
    add_shard("q", 3, 1, 1);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_eq(merged->trial_count, 6);
    cr_expect_str_eq(merged->part->plan, "p+none+q");
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(merged->trials[i].id, i + 1);
    cr_expect_eq(pf_result_exit_status(merged), 0);
}

Test(merge, a_whole_plan_twice)
{
    add_shard("p", 2, 1, 1);
    add_shard("q", 2, 1, 1);
    add_shard("p", 2, 1, 1);
    expect_refused("the whole of one plan is in a.json and again in c.json: each may be given once");
    close_files();
    add_shard("p", 2, 1, 1);
    add_shard("p", 2, 1, 1);
    expect_refused("the whole of one plan is in a.json and again in b.json: each may be given once");
}

Test(merge, a_single_run_twice)
{
    add_trial(add_file(), 0)->duration_ms = 1.25;
    add_trial(add_file(), 0)->duration_ms = 1.5;
    cr_assert_eq(merge(false), 0, "%s", error.message);
    pf_result_free(merged);
    merged = NULL;
    add_trial(add_file(), 0)->duration_ms = 1.25;
    expect_refused("the same result is in a.json and again in c.json: each may be given once");
}

Test(merge, stops_of_whole_results_are_not_forgotten)
{
    add_shard("p", 2, 1, 1)->part->stopped = PF_STOPPED_INTERRUPT;
    add_shard("q", 2, 1, 1);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_eq(pf_result_exit_status(merged), 3);
}

Test(merge, lists_of_what_is_missing_are_short)
{
    for (uint64_t shard = 1; shard <= 8; shard++)
        if (shard != 2)
            add_shard("p", 1000, shard, 8);
    results[0]->trial_count = 0;
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_str_eq(lack(),
                     "shard 2 of 8 is missing, and trials 1, 9, 17, 25, 33, 41, 49, 57, 65, 73, 81, 89 "
                     "and 113 more are missing: 250 of 1000 trials are not there");
}

static struct pf_result *add_sweep(uint64_t shard, struct pf_failure *failures, size_t count)
{
    struct pf_result *result = add_shard("p", 4, shard, 2);
    result->sweep = pf_arena_alloc(result->arena, sizeof(*result->sweep));
    *result->sweep = (struct pf_sweep_result){.points = 7, .failures = failures, .failure_count = count};
    return result;
}

Test(merge, failures_of_all_shards_are_there)
{
    static struct pf_failure failures[] = {{.signature = "x"}, {.signature = "y"}};
    add_sweep(1, failures, 2);
    add_sweep(2, failures, 1);
    cr_assert_eq(merge(false), 0, "%s", error.message);
    cr_expect_eq(merged->sweep->points, 7);
    cr_expect_eq(merged->sweep->failure_count, 3);
}

Test(merge, a_sweep_and_a_check)
{
    add_sweep(1, NULL, 0);
    add_shard("p", 4, 2, 2);
    expect_refused("a.json is of a sweep, and b.json is not: report them one by one");
}
