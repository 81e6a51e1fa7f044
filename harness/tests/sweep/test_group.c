/* Which trials of a sweep are one failure, and how bad it is. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sweep/group.h"

static struct pf_result *result;

static void open_result(void)
{
    result = pf_result_new();
    result->sweep = pf_arena_alloc(result->arena, sizeof(*result->sweep));
}

static void close_result(void)
{
    pf_result_free(result);
}

TestSuite(group, .init = open_result, .fini = close_result, .timeout = 10);

static const char *near_stack[] = {"write", "main"};
static const char *far_stack[] = {"write", "flush", "main"};
static struct pf_finding crash[] = {{.kind = PF_FINDING_CRASH, .message = "crashed"}};
static struct pf_finding lost[] = {{.kind = PF_FINDING_ZOMBIE, .severity = PF_SEVERITY_WARN, .message = "m"},
                                   {.kind = PF_FINDING_LOST, .message = "lost"}};
static struct pf_finding hang[] = {{.kind = PF_FINDING_DEADLOCK, .message = "stuck"},
                                   {.kind = PF_FINDING_ORPHAN, .message = "left"}};

static struct pf_trial_result *add(uint64_t id, struct pf_finding *findings, size_t count)
{
    struct pf_trial_result *trial = pf_result_add(result);
    *trial = (struct pf_trial_result){.id = id,
                                      .verdict = count ? PF_FAIL : PF_PASS,
                                      .findings = findings,
                                      .finding_count = count,
                                      .stack = near_stack,
                                      .stack_count = 2,
                                      .replay = "pitfall run --inject x -- a",
                                      .reason = count ? findings[count - 1].message : NULL};
    trial->outcome = pf_sweep_outcome(trial);
    return trial;
}

Test(group, an_outcome_is_the_worst_of_what_was_found)
{
    static struct pf_exit fine, bad = {.code = 2}, killed = {.signaled = true, .code = 9};
    struct pf_trial_result *trial = add(1, NULL, 0);
    trial->exit = &fine;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_CLEAN);
    trial->exit = &bad;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_GRACEFUL);
    trial->exit = &killed;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_GRACEFUL);
    cr_expect_eq(add(2, crash, 1)->outcome, PF_OUTCOME_ABORT);
    cr_expect_eq(add(3, lost, 2)->outcome, PF_OUTCOME_SILENT);
    trial = add(3, lost, 2);
    trial->exit = &fine;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_SILENT);
    trial->exit = &bad;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_GRACEFUL, "it has said so");
    trial->exit = &killed;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_GRACEFUL, "nobody took that for a success");
    cr_expect_eq(add(4, lost, 1)->outcome, PF_OUTCOME_CLEAN, "a warning is no failure");
    cr_expect_eq(add(5, hang, 2)->outcome, PF_OUTCOME_HANG);
    trial = add(6, hang, 2);
    trial->verdict = PF_ERROR;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_NONE, "nothing was tested");
    trial->verdict = PF_SKIP;
    cr_expect_eq(pf_sweep_outcome(trial), PF_OUTCOME_NONE);
}

Test(group, failures_are_counted_by_what_went_wrong_and_the_worst_come_first)
{
    add(1, NULL, 0);
    add(9, crash, 1);
    add(4, crash, 1);
    add(5, crash, 1)->stack_count = 1;
    add(6, hang, 2)->shape = "read:pipe";
    add(7, hang, 2)->shape = "child";
    add(8, lost, 2);
    pf_sweep_group(result);
    const struct pf_sweep_result *sweep = result->sweep;
    cr_assert_eq(sweep->failure_count, 5);
    static const enum pf_outcome worst[] = {PF_OUTCOME_SILENT, PF_OUTCOME_HANG, PF_OUTCOME_HANG,
                                            PF_OUTCOME_ABORT, PF_OUTCOME_ABORT};
    static const uint64_t first[] = {8, 6, 7, 4, 5}, count[] = {1, 1, 1, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(sweep->failures[i].outcome, worst[i], "failure %zu", i);
        cr_expect_eq(sweep->failures[i].trials[0], first[i], "failure %zu", i);
        cr_expect_eq(sweep->failures[i].count, count[i], "failure %zu", i);
    }
    cr_expect_str_eq(sweep->failures[0].summary, "lost");
}

Test(group, another_stack_is_another_failure)
{
    struct pf_trial_result *trial = add(1, crash, 1);
    const char *near = pf_sweep_signature(trial, result->arena);
    trial->stack = far_stack;
    cr_expect_str_neq(pf_sweep_signature(trial, result->arena), near);
    trial->stack_count = 3;
    const char *far = pf_sweep_signature(trial, result->arena);
    cr_expect_str_neq(far, near);
    trial->stack = (const char *[]){"writ", "eflush", "main"};
    cr_expect_str_neq(pf_sweep_signature(trial, result->arena), far);
}

Test(group, what_the_ended_leave_behind_is_one_failure_wherever_it_met_them)
{
    static struct pf_strike_account first = {.thread = "0.1"}, second = {.thread = "0.2"};
    struct pf_fault_account faults[] = {
        {.spec = "write:signal=TERM:when=1:proc=0.1", .strikes = &first, .strike_count = 1},
        {.spec = "read:signal=TERM:when=1:proc=0.1", .strikes = &first, .strike_count = 1},
        {.spec = "read:signal=TERM:when=1:proc=0.2", .strikes = &second, .strike_count = 1},
        {.spec = "read:error=EIO:when=1:proc=0.1", .strikes = &first, .strike_count = 1},
    };
    static struct pf_finding left[] = {{.kind = PF_FINDING_IPC_LEAK, .message = "left"}};
    for (uint64_t id = 1; id <= 4; id++) {
        struct pf_trial_result *trial = add(id, left, 1);
        trial->faults = &faults[id - 1];
        trial->fault_count = 1;
        trial->stack = id == 2 ? far_stack : near_stack;
    }
    pf_sweep_group(result);
    cr_assert_eq(result->sweep->failure_count, 3);
    cr_expect_eq(result->sweep->failures[0].count, 2);
}

Test(group, the_reason_is_what_makes_the_outcome)
{
    static struct pf_finding both[] = {{.kind = PF_FINDING_LIMIT, .message = "ran into the limit"},
                                       {.kind = PF_FINDING_IPC_LEAK, .message = "left"}};
    cr_expect_str_eq(pf_sweep_reason(add(1, both, 2)), "left");
}

/* As when the results of two shards are put together. */
Test(group, the_best_replay_is_kept_when_it_is_done_again)
{
    add(1, crash, 1);
    add(2, crash, 1);
    pf_sweep_group(result);
    cr_assert_eq(result->sweep->failure_count, 1);
    const char *signature = result->sweep->failures[0].signature;
    struct pf_failure known[] = {
        {.signature = signature, .replay = "short", .replays = 3, .replayed = 2},
        {.signature = signature, .replay = "longer", .replays = 3, .replayed = 3},
        {.signature = signature, .replay = "longest of all", .replays = 3, .replayed = 3},
        {.signature = "of no trial", .replay = "x", .replays = 3, .replayed = 3},
    };
    result->sweep->failures = known;
    result->sweep->failure_count = 4;
    pf_sweep_group(result);
    cr_assert_eq(result->sweep->failure_count, 1);
    cr_expect_str_eq(result->sweep->failures[0].replay, "longer");
    cr_expect_eq(result->sweep->failures[0].replayed, 3);
    cr_expect_eq(result->sweep->failures[0].trial_count, 2);
}

Test(group, a_line_that_strikes_where_every_run_comes_by_is_better)
{
    struct pf_failure steady = {.replay = "a longer line", .replays = 10, .replayed = 10};
    struct pf_failure chance = {.replay = "a line", .replays = 10, .replayed = 10, .chance = true};
    struct pf_failure missed = {.replay = "a line", .replays = 10, .replayed = 9};
    struct pf_failure untried = {.replay = "a line"};
    cr_expect(pf_sweep_replays_better(&steady, &chance));
    cr_expect_not(pf_sweep_replays_better(&chance, &steady));
    cr_expect(pf_sweep_replays_better(&chance, &missed));
    cr_expect(pf_sweep_replays_better(&missed, &untried));
    cr_expect_not(pf_sweep_replays_better(&untried, &missed));
}
