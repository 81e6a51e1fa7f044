#include "sample.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *command[] = {"/opt/app/feeder", "4"};
static const char *hostile_command[] = {"./odd\nname", SAMPLE_HOSTILE};
static const char *hostile_notes[] = {"note " SAMPLE_HOSTILE};
static const char *struck[] = {"0.1 at point=lock-held (occurrence 1)"};
static const char *cycle[] = {"0", "0.1"};
static uint64_t evidence[] = {17, 12, 17};

static struct pf_node nodes[] = {
    {.id = "0", .label = "0 (feeder)", .state = "waits for the end of 0.1", .where = "main at feeder.c:31"},
    {.id = "0.1",
     .label = "0.1 (feeder)",
     .state = "waits for room in a pipe",
     .where = "produce at feeder.c:14"},
};
static struct pf_edge edges[] = {
    {.from = "0",
     .to = "0.1",
     .resource = "the process",
     .why = "it is blocked itself",
     .evidence = evidence,
     .evidence_count = 3},
    {.from = "0.1",
     .to = "0",
     .resource = "pipe (fd 4)",
     .why = "only 0 reads from it, and 0 waits first",
     .evidence = evidence,
     .evidence_count = 1},
};
static struct pf_diagnosis diagnosis = {
    .pitfall = "join-before-drain",
    .proven = true,
    .summary =
        "The parent waits for its child to end before it reads what the child writes. The pipe between "
        "them is full, so the child waits for room, and nobody will ever make any.",
    .fix = "Read until end of file first, then wait for the child.",
    .nodes = nodes,
    .node_count = 2,
    .edges = edges,
    .edge_count = 2,
    .cycle = cycle,
    .cycle_count = 2,
};
static struct pf_lane lanes[] = {
    {.id = "0", .name = "0 (feeder)", .from_ns = 100000, .to_ns = 111250000, .event = 2},
    {.id = "0.1", .name = "0.1 (feeder)", .by = "0", .from_ns = 1000000, .to_ns = 111250000, .event = 4},
    {.id = "0.1/t1",
     .name = "0.1/t1 (feeder)",
     .by = "0.1",
     .from_ns = 2000000,
     .to_ns = 3000000,
     .end = "ended",
     .event = 5,
     .end_event = 6},
};
static struct pf_span spans[] = {
    {.lane = "0", .from_ns = 99000000, .to_ns = 111250000, .text = "waits for the end of 0.1", .event = 12},
    {.lane = "0.1", .from_ns = 99000000, .to_ns = 111250000, .text = "waits for room in a pipe", .event = 12},
};
static struct pf_mark marks[] = {
    {.kind = PF_MARK_EXEC, .lane = "0", .t_ns = 500000, .text = "executes /opt/app/feeder", .event = 3},
    {.kind = PF_MARK_SIGNAL,
     .lane = "0.1",
     .t_ns = 50000000,
     .text = "SIGUSR1 from 0",
     .from = "0",
     .event = 8},
    {.kind = PF_MARK_VERDICT, .t_ns = 111250000, .text = "proven", .event = 17},
};
static struct pf_timeline timeline = {.end_ns = 111250000,
                                      .lanes = lanes,
                                      .lane_count = 3,
                                      .spans = spans,
                                      .span_count = 2,
                                      .marks = marks,
                                      .mark_count = 3};
static struct pf_lane hostile_lanes[] = {
    {.id = "0", .name = "0 " SAMPLE_HOSTILE, .to_ns = 5, .end = SAMPLE_HOSTILE}};
static struct pf_mark hostile_marks[] = {
    {.kind = PF_MARK_FAULT, .lane = "0", .t_ns = 3, .text = "fault: " SAMPLE_HOSTILE, .event = 7},
    {.kind = PF_MARK_POINT,
     .lane = "elsewhere",
     .t_ns = 4,
     .text = SAMPLE_HOSTILE,
     .from = "nowhere",
     .event = 8},
};
static struct pf_timeline hostile_timeline = {.end_ns = 5,
                                              .lanes = hostile_lanes,
                                              .lane_count = 1,
                                              .marks = hostile_marks,
                                              .mark_count = 2,
                                              .left_out = 3};
static struct pf_finding deadlock[] = {
    {.kind = PF_FINDING_DEADLOCK,
     .message = "two threads wait for each other for ever",
     .evidence = evidence,
     .evidence_count = 3},
};
static struct pf_finding hostile_findings[] = {
    {.kind = PF_FINDING_LOST, .process = "0.2", .message = "lost " SAMPLE_HOSTILE},
    {.kind = PF_FINDING_ZOMBIE, .severity = PF_SEVERITY_WARN, .message = "one zombie"},
    {.kind = PF_FINDING_LOST, .process = "0.3", .message = "lost too"},
};
static struct pf_fault_account faults[] = {
    {.spec = "point=lock-held:signal=TERM", .armed = true, .fired = 1, .where = struck, .where_count = 1},
};
static struct pf_exit failed = {.code = 3};
static struct pf_exit killed = {.signaled = true, .code = 15, .signal = "SIGTERM"};
static struct pf_exit fine = {.code = 0};

static struct pf_mark_line broken_marks[] = {{.line = 3}, {.line = 4, .note = "waits first " SAMPLE_HOSTILE}};
static struct pf_mark_line safe_marks[] = {{.line = 1, .note = "reads first"}};
static struct pf_listing listings[] = {
    {.scenario = "join-before-drain",
     .variant = "broken",
     .finding = "deadlock",
     .file = "feeder.c",
     .text = "int main(void)\n{\n    start();\n    wait(NULL);\n} /* " SAMPLE_HOSTILE " */\n",
     .marks = broken_marks,
     .mark_count = 2},
    {.scenario = "join-before-drain",
     .variant = "safe",
     .file = "safe.c",
     .text = "drain();\nwait(NULL);",
     .cut = true,
     .marks = safe_marks,
     .mark_count = 1},
};

#define ENVIRONMENT                                                                                          \
    {                                                                                                        \
        .pitfall = "0.1.0", .kernel = "6.1.0", .machine = "x86_64", .containment = "subreaper",              \
        .containment_note = "user namespaces are refused here"                                               \
    }

static struct pf_trial_result trial_of(enum sample_trial which)
{
    static const struct pf_trial_result trials[SAMPLE__COUNT] = {
        [SAMPLE_DEADLOCK] = {.scenario = "join-before-drain",
                             .variant = "broken",
                             .command = command,
                             .command_count = 2,
                             .verdict = PF_PASS,
                             .findings = deadlock,
                             .finding_count = 1,
                             .diagnosis = &diagnosis,
                             .duration_ms = 123.5,
                             .verdict_latency_ms = 12.25,
                             .timeline = &timeline,
                             .environment = ENVIRONMENT,
                             .replay = "pitfall check join-before-drain --variant broken"},
        [SAMPLE_CLEAN] = {.scenario = "join-before-drain",
                          .variant = "safe",
                          .command = command,
                          .command_count = 2,
                          .verdict = PF_PASS,
                          .exit = &fine,
                          .duration_ms = 20,
                          .output = "quiet please\n",
                          .environment = ENVIRONMENT},
        [SAMPLE_FAIL] = {.scenario = "terminate-with-lock",
                         .variant = "safe",
                         .command = hostile_command,
                         .command_count = 2,
                         .verdict = PF_FAIL,
                         .reason = "it lost two messages " SAMPLE_HOSTILE,
                         .findings = hostile_findings,
                         .finding_count = 3,
                         .faults = faults,
                         .fault_count = 1,
                         .exit = &failed,
                         .duration_ms = 1500,
                         .output = "first line\nsecond " SAMPLE_HOSTILE "\n",
                         .notes = hostile_notes,
                         .note_count = 1,
                         .timeline = &hostile_timeline,
                         .environment = ENVIRONMENT,
                         .replay = "pitfall check terminate-with-lock --variant safe"},
        [SAMPLE_ERROR] = {.scenario = "fd-exhaustion",
                          .variant = "broken",
                          .command = command,
                          .command_count = 2,
                          .verdict = PF_ERROR,
                          .reason = "the kernel refused seccomp: run it as root",
                          .exit = &killed},
        [SAMPLE_SKIP] = {.scenario = "hung-thread",
                         .variant = "broken-py",
                         .command = command,
                         .command_count = 2,
                         .verdict = PF_SKIP,
                         .reason = "no python3 here"},
    };
    return trials[which];
}

struct pf_result *sample_result(void)
{
    struct pf_result *result = pf_result_new();
    for (int i = 0; i < SAMPLE__COUNT; i++)
        *pf_result_add(result) = trial_of((enum sample_trial)i);
    result->listings = listings;
    result->listing_count = sizeof(listings) / sizeof(listings[0]);
    pf_result_finish(result);
    return result;
}

struct pf_result *sample_repeats(size_t count, size_t bad)
{
    struct pf_result *result = pf_result_new();
    for (size_t i = 0; i < count; i++) {
        struct pf_trial_result *trial = pf_result_add(result);
        *trial = trial_of(SAMPLE_DEADLOCK);
        trial->verdict_latency_ms = 10 + (double)(i % 5);
        if (bad && i % bad == bad - 1) {
            trial->verdict = PF_FAIL;
            trial->reason = "it did not fall in";
        }
    }
    pf_result_finish(result);
    return result;
}

struct pf_result *sample_run(enum sample_trial like)
{
    struct pf_result *result = pf_result_new();
    struct pf_trial_result *trial = pf_result_add(result);
    *trial = trial_of(like);
    trial->scenario = trial->variant = NULL;
    pf_result_finish(result);
    return result;
}

struct pf_result *sample_sweep(void)
{
    static const char *stack[] = {"write (libc.so.6)", "main at feeder.c:31"};
    static uint64_t ids[] = {2};
    static struct pf_failure failures[] = {
        {PF_OUTCOME_SILENT, "silent/lost//0000000000000000", "lost " SAMPLE_HOSTILE, 1, ids, 1,
         "pitfall run --inject write:error=ENOSPC:when=1+ -- " SAMPLE_HOSTILE, 3, 2, false},
    };
    static struct pf_sweep_result sweep = {3, 9, 1, true, true, 2000000000, failures, 1};
    struct pf_result *result = sample_run(SAMPLE_CLEAN);
    static struct pf_fault_account clean[] = {{.spec = "write:error=EINTR:when=1:proc=0.1", .fired = 1}};
    static struct pf_fault_account lost[] = {{.spec = "write:error=ENOSPC:when=1+:proc=0.1", .fired = 1}};
    result->trials[0].faults = clean;
    result->trials[0].fault_count = 1;
    result->trials[0].id = 1;
    result->trials[0].outcome = PF_OUTCOME_CLEAN;
    struct pf_trial_result *trial = pf_result_add(result);
    *trial = trial_of(SAMPLE_FAIL);
    trial->scenario = trial->variant = NULL;
    trial->id = 2;
    trial->outcome = PF_OUTCOME_SILENT;
    trial->faults = lost;
    trial->fault_count = 1;
    trial->stack = stack;
    trial->stack_count = 2;
    trial->shape = "child+read:pipe";
    result->sweep = &sweep;
    static uint64_t shards[] = {1, 2}, missing_shards[] = {3}, missing_trials[] = {3, 4};
    static struct pf_part part = {.plan = "0123456789abcdef",
                                  .trials = 4,
                                  .shards = shards,
                                  .shard_count = 2,
                                  .of = 3,
                                  .stopped = PF_STOPPED_BUDGET,
                                  .missing_shards = missing_shards,
                                  .missing_shard_count = 1,
                                  .missing_trials = missing_trials,
                                  .missing_trial_count = 2};
    result->part = &part;
    pf_result_finish(result);
    return result;
}

char *sample_write(const char *format, const struct pf_result *result,
                   const struct pf_report_options *options, size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cr_assert_not_null(pf_report_find(format));
    cr_assert_eq(pf_report_find(format)->write(result, options, file), 0);
    fclose(file);
    if (ret_size)
        *ret_size = size;
    return text;
}
