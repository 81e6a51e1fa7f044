/* The plain facts of a trial: how it ended, how long it took, what struck where, what was printed, how to do
 * it again. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"

#define MS 1000000ULL

static struct pf_trace *trace;
static struct pf_result *result;
static struct pf_ev_begin begin;

static void open_trace(void)
{
    trace = pf_trace_new();
    result = pf_result_new();
    begin = (struct pf_ev_begin){.schema = PF_TRACE_SCHEMA};
}

static void close_trace(void)
{
    pf_trace_free(trace);
    pf_result_free(result);
}

TestSuite(account, .init = open_trace, .fini = close_trace, .timeout = 10);

static void append(struct pf_event event, uint64_t t_ns)
{
    event.t_ns = t_ns;
    pf_trace_append(trace, &event);
}

static void start(void)
{
    append((struct pf_event){.kind = PF_EVENT_BEGIN, .begin = begin}, 0);
    append((struct pf_event){.kind = PF_EVENT_FORK, .fork = {.process = "0", .how = "launch"}}, 1 * MS);
}

static const struct pf_trial_result *end_with(uint64_t code)
{
    append((struct pf_event){.kind = PF_EVENT_EXIT, .exit = {.process = "0", .code = code}}, 100 * MS);
    append((struct pf_event){.kind = PF_EVENT_VERDICT, .verdict = {.kind = PF_VERDICT_FINISHED}}, 101 * MS);
    append((struct pf_event){.kind = PF_EVENT_END}, 102 * MS);
    pf_judge_trace(trace, result);
    return &result->trials[0];
}

Test(account, exit_and_duration)
{
    start();
    const struct pf_trial_result *trial = end_with(7);
    cr_assert_not_null(trial->exit);
    cr_assert_eq(trial->exit->code, 7);
    cr_assert_not(trial->exit->signaled);
    cr_assert_float_eq(trial->duration_ms, 102, 1e-9);
    cr_assert_float_eq(trial->verdict_latency_ms, 0, 1e-9);
    cr_assert_null(trial->output, "nothing was captured");
}

Test(account, latency_runs_from_the_last_movement_to_a_proven_verdict)
{
    struct pf_holder holders[] = {{.process = "0", .fd = 3, .reads = true, .writes = true}};
    struct pf_object objects[] = {
        {.id = "pipe:1", .kind = PF_OBJECT_PIPE, .holders = holders, .holder_count = 1}};
    struct pf_target targets[] = {{.object = "pipe:1", .fd = 3, .readable = true}};
    struct pf_thread_state threads[] = {
        {.thread = "0",
         .process = "0",
         .wait = {.kind = PF_WAIT_READ, .targets = targets, .target_count = 1}}};
    struct pf_process_state processes[] = {{.process = "0"}};
    struct pf_snapshot snapshot = {.quiet_since_ns = 10 * MS,
                                   .processes = processes,
                                   .process_count = 1,
                                   .threads = threads,
                                   .thread_count = 1,
                                   .objects = objects,
                                   .object_count = 1};
    start();
    append((struct pf_event){.kind = PF_EVENT_SNAPSHOT, .snapshot = snapshot}, 12 * MS);
    append((struct pf_event){.kind = PF_EVENT_VERDICT, .verdict = {.kind = PF_VERDICT_PROVEN, .snapshot = 3}},
           15 * MS);
    append((struct pf_event){.kind = PF_EVENT_EXIT, .exit = {.process = "0", .signaled = true, .code = 9}},
           16 * MS);
    append((struct pf_event){.kind = PF_EVENT_END}, 17 * MS);
    pf_judge_trace(trace, result);
    cr_assert_float_eq(result->trials[0].verdict_latency_ms, 5, 1e-9);
    cr_assert_null(result->trials[0].exit, "deaths after the verdict are the harness's doing");
    cr_assert_eq(result->trials[0].finding_count, 1);
}

Test(account, faults_say_how_often_and_where_they_struck)
{
    const char *faults[] = {"write:error=EINTR", "point=p:kill:to=group"};
    begin.faults = faults;
    begin.fault_count = 2;
    start();
    for (uint64_t i = 1; i <= 10; i++)
        append(
            (struct pf_event){
                .kind = PF_EVENT_INJECT,
                .inject = {.fault = 0, .thread = "0", .at = "write", .occurrence = i, .action = "e"}},
            2 * MS);
    append(
        (struct pf_event){
            .kind = PF_EVENT_INJECT,
            .inject = {.fault = 1, .thread = "0", .at = "point=p", .action = "kill", .target = "group"}},
        3 * MS);
    append((struct pf_event){.kind = PF_EVENT_INJECT, .inject = {.fault = 7, .thread = "0"}}, 3 * MS);
    const struct pf_trial_result *trial = end_with(0);
    cr_assert_eq(trial->fault_count, 2);
    cr_assert_str_eq(trial->faults[0].spec, "write:error=EINTR");
    cr_assert(trial->faults[0].armed);
    cr_assert_eq(trial->faults[0].fired, 10);
    cr_assert_eq(trial->faults[0].where_count, 8);
    cr_assert_str_eq(trial->faults[0].where[1], "0 at write (occurrence 2)");
    cr_assert_str_eq(trial->faults[1].where[0], "0 at point=p, on group");
}

/* Several actions at one moment are one strike; so are the many processes that one signal went to. */
Test(account, a_strike_is_counted_once_and_has_its_stack)
{
    const char *faults[] = {"write:signal=INT:error=EIO", "point=p:kill:to=tree"};
    struct pf_frame frames[] = {{.function = "__write", .module = "libc.so.6"},
                                {.function = "save", .module = "app", .file = "app.c", .line = 41},
                                {.function = "main", .module = "app"}};
    begin.faults = faults;
    begin.fault_count = 2;
    start();
    const struct pf_ev_inject struck[] = {
        {.fault = 0,
         .thread = "0.1",
         .at = "write",
         .occurrence = 3,
         .action = "signal=INT",
         .target = "0.1"},
        {.fault = 0, .thread = "0.1", .at = "write", .occurrence = 3, .action = "error=EIO"},
        {.fault = 1, .thread = "0", .at = "point=p", .occurrence = 1, .action = "kill", .target = "0"},
        {.fault = 1, .thread = "0", .at = "point=p", .occurrence = 1, .action = "kill", .target = "0.1"},
        {.fault = 1, .thread = "0", .at = "point=p", .occurrence = 1, .action = "kill", .target = "0.2"},
        {.fault = 0, .thread = "0.1", .at = "write", .occurrence = 4, .action = "error=EIO"},
        {.fault = 0, .thread = "0.2", .at = "write", .occurrence = 4, .action = "error=EIO"},
    };
    uint64_t first = trace->count + 1;
    for (size_t i = 0; i < sizeof(struck) / sizeof(struck[0]); i++)
        append((struct pf_event){.kind = PF_EVENT_INJECT, .inject = struck[i]}, 2 * MS);
    append((struct pf_event){.kind = PF_EVENT_STACK,
                             .stack = {.thread = "0.1", .inject = first, .frames = frames, .frame_count = 3}},
           3 * MS);
    const struct pf_trial_result *trial = end_with(0);
    const struct pf_fault_account *account = &trial->faults[0];
    cr_assert_eq(account->fired, 3);
    cr_assert_str_eq(account->where[0], "0.1 at write (occurrence 3) in save at app.c:41");
    cr_assert_str_eq(account->where[1], "0.1 at write (occurrence 4)");
    cr_assert_str_eq(account->where[2], "0.2 at write (occurrence 4)");
    cr_assert_eq(account->strike_count, 3);
    cr_assert_eq(account->strikes[0].event, first);
    cr_assert_eq(account->strikes[0].stack_count, 3);
    cr_assert_str_eq(account->strikes[0].stack[0], "__write in libc.so.6");
    cr_assert_str_eq(account->strikes[0].stack[1], "save at app.c:41");
    cr_assert_eq(account->strikes[0].target_count, 1);
    cr_assert_eq(account->strikes[1].stack_count, 0);
    cr_assert_eq(trial->faults[1].fired, 1);
    cr_assert_str_eq(trial->faults[1].where[0], "0 at point=p (occurrence 1), on 0.1, on 0.2");
    cr_assert_eq(trial->faults[1].strikes[0].target_count, 3);
}

Test(account, the_replay_line_is_the_plan_s)
{
    begin.replay = "pitfall run --limit nofile=32 -- sh";
    start();
    cr_assert_str_eq(end_with(0)->replay, "pitfall run --limit nofile=32 -- sh");
}

static void print(const char *stream, const char *text, uint64_t dropped)
{
    append((struct pf_event){.kind = PF_EVENT_OUTPUT,
                             .output = {.stream = stream, .text = text, .dropped = dropped}},
           4 * MS);
}

Test(account, output_of_both_streams_is_kept_in_order)
{
    begin.captured = true;
    start();
    print("stdout", "one ", 0);
    print("stderr", "two ", 0);
    print("stdout", NULL, 0);
    print("stdout", "three", 0);
    append((struct pf_event){.kind = PF_EVENT_NOTE, .note = {.text = "a note"}}, 5 * MS);
    const struct pf_trial_result *trial = end_with(0);
    cr_assert_str_eq(trial->output, "one two three");
    cr_assert_eq(trial->note_count, 1);
    cr_assert_str_eq(trial->notes[0], "a note");
}

Test(account, long_output_is_cut_between_characters_and_the_rest_is_counted)
{
    enum { KEPT = 64 * 1024 };
    char *text = malloc(KEPT + 3);
    memset(text, 'x', KEPT - 1);
    memcpy(text + KEPT - 1, "\xc3\xa9!", 4);
    begin.captured = true;
    start();
    print("stdout", text, 0);
    print("stdout", "more", 5);
    const struct pf_trial_result *trial = end_with(0);
    cr_assert_eq(strlen(trial->output), KEPT - 1);
    cr_assert_eq(trial->note_count, 1);
    cr_assert_str_eq(trial->notes[0], "12 bytes of output are not kept here");
    free(text);
}

Test(account, the_plan_is_copied_and_outlives_the_trace)
{
    const char *command[] = {"true"};
    char scenario[] = "hung-thread", kernel[] = "6.18";
    begin.command = command;
    begin.command_count = 1;
    begin.scenario = scenario;
    begin.variant = "safe";
    begin.environment.kernel = kernel;
    start();
    const struct pf_trial_result *trial = end_with(0);
    memset(scenario, 'x', sizeof(scenario) - 1);
    memset(kernel, 'x', sizeof(kernel) - 1);
    cr_assert_str_eq(trial->scenario, "hung-thread");
    cr_assert_str_eq(trial->variant, "safe");
    cr_assert_str_eq(trial->command[0], "true");
    cr_assert_str_eq(trial->environment.kernel, "6.18");
}
