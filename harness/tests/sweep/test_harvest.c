/* What a sweep keeps of its trials while it goes on. */
#include <criterion/criterion.h>

#include "sweep/harvest.h"

static struct pf_harvest *harvest;
static struct pf_result *result;

static void open_harvest(void)
{
    harvest = pf_harvest_new();
    result = pf_result_new();
}

static void close_harvest(void)
{
    pf_harvest_free(harvest);
    pf_result_free(result);
}

TestSuite(harvest, .init = open_harvest, .fini = close_harvest, .timeout = 10);

static const char *frames[] = {"write", "main"};
static struct pf_finding cost = {.kind = PF_FINDING_COST, .severity = PF_SEVERITY_WARN, .message = "slow"};
static struct pf_finding stuck = {.kind = PF_FINDING_DEADLOCK, .message = "stuck"};
static struct pf_strike_account strike = {
    .thread = "0.1", .at = "write", .occurrence = 3, .stack = frames, .stack_count = 2};
static struct pf_fault_account account = {
    .spec = "write:kill", .armed = true, .fired = 1, .met = 4, .strikes = &strike, .strike_count = 1};
static struct pf_node node = {.id = "0"};
static struct pf_diagnosis diagnosis = {
    .pitfall = "x", .proven = true, .summary = "why", .nodes = &node, .node_count = 1};
static struct pf_exit status = {.code = 3};

static struct pf_trial_result trial_of(uint64_t id, enum pf_verdict verdict)
{
    bool fails = verdict == PF_FAIL;
    return (struct pf_trial_result){
        .id = id,
        .verdict = verdict,
        .outcome = fails ? PF_OUTCOME_HANG : PF_OUTCOME_GRACEFUL,
        .reason = fails ? "stuck" : NULL,
        .findings = fails ? &stuck : &cost,
        .finding_count = 1,
        .diagnosis = fails ? &diagnosis : NULL,
        .shape = fails ? "read:pipe" : NULL,
        .faults = &account,
        .fault_count = 1,
        .stack = frames,
        .stack_count = 2,
        .exit = fails ? NULL : &status,
        .duration_ms = 2.5,
        .output = "much",
        .environment.kernel = "6.1",
        .replay = "pitfall run",
    };
}

static const struct pf_trial_result *deliver_one(const struct pf_trial_result *trial)
{
    pf_harvest_add(harvest, trial);
    pf_harvest_deliver(harvest, result);
    cr_assert_eq(result->trial_count, 1);
    return &result->trials[0];
}

Test(harvest, of_a_pass_is_kept_what_was_tried_what_it_came_to_and_its_warnings)
{
    struct pf_trial_result trial = trial_of(7, PF_PASS);
    const struct pf_trial_result *kept = deliver_one(&trial);
    cr_expect_eq(kept->id, 7);
    cr_expect_eq(kept->verdict, PF_PASS);
    cr_expect_eq(kept->outcome, PF_OUTCOME_GRACEFUL);
    cr_expect_eq(kept->exit->code, 3);
    cr_expect_eq(kept->duration_ms, 2.5);
    cr_assert_eq(kept->fault_count, 1);
    cr_expect_str_eq(kept->faults[0].spec, "write:kill");
    cr_expect(kept->faults[0].armed && kept->faults[0].fired == 1 && kept->faults[0].met == 4);
    cr_expect_eq(kept->faults[0].strike_count, 0);
    cr_assert_eq(kept->finding_count, 1);
    cr_expect_str_eq(kept->findings[0].message, "slow");
    cr_expect_null(kept->output);
    cr_expect_null(kept->replay);
}

Test(harvest, a_failure_that_is_the_first_of_its_kind_is_kept_whole)
{
    struct pf_trial_result trial = trial_of(1, PF_FAIL);
    const struct pf_trial_result *kept = deliver_one(&trial);
    cr_expect_str_eq(kept->output, "much");
    cr_expect_eq(kept->diagnosis->node_count, 1);
    cr_expect_eq(kept->faults[0].strikes[0].stack_count, 2);
    cr_expect_str_eq(kept->environment.kernel, "6.1");
}

Test(harvest, of_the_others_is_kept_what_failed_why_and_how_to_see_it_again)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct pf_trial_result trial = trial_of(id, PF_FAIL);
        pf_harvest_add(harvest, &trial);
    }
    pf_harvest_deliver(harvest, result);
    cr_assert_eq(result->trial_count, 2);
    const struct pf_trial_result *kept = &result->trials[1];
    cr_expect_null(kept->output);
    cr_expect_str_eq(kept->findings[0].message, "stuck");
    cr_expect_str_eq(kept->diagnosis->summary, "why");
    cr_expect(kept->diagnosis->proven);
    cr_expect_eq(kept->diagnosis->node_count, 0);
    cr_expect_str_eq(kept->shape, "read:pipe");
    cr_expect_str_eq(kept->replay, "pitfall run");
    cr_expect_str_eq(kept->faults[0].strikes[0].thread, "0.1");
    cr_expect_eq(kept->faults[0].strikes[0].stack_count, 0);
}

/* Reports tell of the first in the order of the plan, and trials end in any order. */
Test(harvest, the_lowest_id_of_a_kind_is_whole_whichever_ends_first)
{
    static const uint64_t ended[] = {5, 9, 2, 3};
    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
        struct pf_trial_result trial = trial_of(ended[i], PF_FAIL);
        pf_harvest_add(harvest, &trial);
    }
    pf_harvest_deliver(harvest, result);
    static const uint64_t ids[] = {2, 3, 5, 9};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(result->trials[i].id, ids[i]);
    cr_expect_str_eq(result->trials[0].output, "much");
    cr_expect_null(result->trials[1].output);
}

Test(harvest, failures_of_another_stack_are_of_another_kind)
{
    struct pf_trial_result near = trial_of(1, PF_FAIL), far = trial_of(2, PF_FAIL);
    far.stack_count = 1;
    pf_harvest_add(harvest, &near);
    pf_harvest_add(harvest, &far);
    pf_harvest_deliver(harvest, result);
    cr_expect_str_eq(result->trials[1].output, "much");
}

Test(harvest, the_environment_is_that_of_all_and_kept_once)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct pf_trial_result trial = trial_of(id, PF_PASS);
        pf_harvest_add(harvest, &trial);
    }
    pf_harvest_deliver(harvest, result);
    pf_result_finish(result);
    cr_expect_str_eq(result->environment.kernel, "6.1");
    cr_expect_null(result->trials[1].environment.kernel);
}

Test(harvest, thousands_that_pass_take_few_bytes_each)
{
    struct pf_packed packed = {0};
    struct pf_trial_result trial = trial_of(4711, PF_PASS);
    trial.finding_count = 0;
    trial.environment.kernel = NULL;
    const struct pf_trial_result *kept = deliver_one(&trial);
    pf_result_pack_trial(kept, &packed);
    cr_expect_leq(packed.size, 64 + sizeof("write:kill"), "%zu", packed.size);
    free(packed.bytes);
}
