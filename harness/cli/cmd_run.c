#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/jobs_option.h"
#include "cli/terminal.h"
#include "cli/trial_options.h"
#include "judge/judge.h"
#include "judge/timeline.h"
#include "model/baseline.h"
#include "reports/formats.h"
#include "reports/page.h"
#include "reports/story.h"
#include "supervise/supervise.h"
#include "sweep/interrupts.h"

static const uint64_t SILENCE_NS = 1000000000; /* so long before --verbose tells of it */

enum { ATTEMPTS_MOST = 100000 };

struct settings {
    struct pf_trial_settings shared; /* stays first: the shared options set it */
    const char *trace;
    bool verbose;
};

static int set_trace(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)data)->trace = value;
    return 0;
}

static int set_same(void *data, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct settings *)data)->shared.trial->expect.baseline = true;
    ((struct settings *)data)->shared.trial->capture = true;
    ((struct settings *)data)->shared.trial->observe_descriptors = true;
    return 0;
}

static int set_until_fail(void *data, const char *value, struct pf_error *error)
{
    return pf_count_option_set(&((struct settings *)data)->shared.trial->attempts, ATTEMPTS_MOST, value,
                               error);
}

static int set_verbose(void *data, const char *value, struct pf_error *error)
{
    (void)value;
    (void)error;
    ((struct settings *)data)->verbose = true;
    return 0;
}

static const struct pf_option run_options[] = {
    PF_OPTION_INJECT,
    PF_OPTION_LIMIT,
    {'d', "deadline", "TIME",
     "call it a hang when it still runs after TIME (250ms, 10s, 2m); a deadlock that can be proven is told "
     "at once. Default: 60s",
     pf_trial_set_deadline},
    PF_OPTION_GRACE,
    PF_OPTION_ALLOW_DAEMON,
    PF_OPTION_SEED,
    PF_OPTION_MAX_PROCESSES,
    PF_OPTION_SHARE,
    {0, "isolate", NULL,
     "let nothing that it writes in the working directory, the temporary directories or the home directory "
     "be seen outside, or outlive it",
     pf_trial_set_isolate},
    {0, "expect-exit", "N", "the exit status that is right, or any. Default: 0", pf_trial_set_exit},
    {0, "expect-output", "FILE",
     "its standard output must be what is in FILE, byte by byte, unless it fails by its exit status; the "
     "output is then kept for the report instead of shown",
     pf_trial_set_output},
    {0, "expect-same", NULL,
     "run it twice without the faults first; what it then prints, and with --isolate writes to files, must "
     "be the same with them, unless it fails by its exit status; nor may its processes leave more "
     "descriptors open",
     set_same},
    PF_OPTION_EXPECT_TEXT,
    {0, "until-fail", "N",
     "run it again until a run has findings, N times at most: for failures that do not come every time. Each "
     "run takes the next seed; the last one is told",
     set_until_fail},
    {'v', "verbose", NULL,
     "tell who waits on what whenever nothing has moved for a second; SIGQUIT to pitfall asks for the same "
     "at once",
     set_verbose},
    {0, "trace", "FILE", "write down everything that happens, for `pitfall judge`", set_trace},
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

/* A clean run that nobody watches leaves the program's standard error as it would be without us. */
static bool is_worth_telling(const struct pf_result *result)
{
    const struct pf_trial_result *trial = &result->trials[0];
    return trial->verdict != PF_PASS || trial->finding_count || trial->fault_count || isatty(STDERR_FILENO);
}

static int report(const struct settings *settings, const struct pf_result *result, size_t number,
                  const char *name)
{
    size_t attempts = settings->shared.trial->attempts;
    if (settings->shared.reports.deliveries.count)
        return pf_report_settings_deliver(&settings->shared.reports, result, name);
    struct pf_report_options options = {.colour = pf_terminal_colour(STDERR_FILENO),
                                        .width = pf_terminal_width(STDERR_FILENO),
                                        .show_output = true,
                                        .brief = true,
                                        .title = "pitfall run"};
    if (attempts > 1)
        options.title = pf_arena_printf(result->arena, "pitfall run, run %zu of %zu", number, attempts);
    if (is_worth_telling(result) && pf_text_write(result, &options, stderr) < 0)
        return PF_STATUS_HARNESS;
    return pf_result_exit_status(result);
}

static bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    (void)context;
    return pf_judge_is_stuck(trace, snapshot);
}

static void answer(void *context, const struct pf_trace *trace, const struct pf_event *snapshot)
{
    (void)context;
    struct pf_result *result = pf_result_new();
    struct pf_page page = {.file = stderr,
                           .arena = pf_arena_new(),
                           .ink = pf_ink(pf_terminal_colour(STDERR_FILENO)),
                           .width = pf_terminal_width(STDERR_FILENO)};
    uint64_t still_ns = snapshot->t_ns - snapshot->snapshot.quiet_since_ns;
    pf_judge_moment(trace, snapshot, result);
    fprintf(stderr, "%spitfall run%s: after %.1f s, the last %.1f s without a movement:\n", page.ink.bold,
            page.ink.end, (double)snapshot->t_ns / 1e9, (double)still_ns / 1e9);
    pf_story_diagnosis(&page, 2, &result->trials[0]);
    fflush(stderr);
    pf_arena_free(page.arena);
    pf_result_free(result);
}

/* What the caller asked for that cannot be started is the caller's mistake. */
static int status_of(int r)
{
    return r == -ENOENT || r == -EACCES || r == -ENOEXEC ? PF_STATUS_USAGE : PF_STATUS_HARNESS;
}

/* Learns from two runs without faults what the program should print and write. */
static int find_baseline(const struct settings *settings, struct pf_error *error)
{
    struct pf_trial *trial = settings->shared.trial, plain = *trial;
    struct pf_watcher watcher = {.is_stuck = is_stuck, .interrupts = pf_interrupts_count};
    struct pf_trace *runs[2] = {pf_trace_new(), pf_trace_new()};
    plain.fault_count = 0;
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++)
        r = pf_supervise_trial(&plain, &watcher, runs[i], error);
    if (r == 0)
        pf_baseline_expect(runs[0], runs[1], trial->arena, &trial->expect);
    pf_trace_free(runs[0]);
    pf_trace_free(runs[1]);
    return r;
}

/* One run, written down in the trace. What it found is told, unless it is to be run again: then it says so.
 */
static int supervise(const struct pf_command *command, const struct settings *settings, size_t number,
                     struct pf_trace *trace, bool *ret_again)
{
    struct pf_trial *trial = settings->shared.trial;
    struct pf_watcher watcher = {.is_stuck = is_stuck,
                                 .interrupts = pf_interrupts_count,
                                 .questions = pf_questions_count,
                                 .silence_ns = settings->verbose ? SILENCE_NS : 0,
                                 .on_answer = answer};
    struct pf_error error = {""};
    int r = pf_supervise_trial(trial, &watcher, trace, &error);
    if (r < 0)
        pf_complain(command->name, 0, "%s", error.message);
    /* What could not be done has been said; a report of it is for those who asked for reports. */
    if (r < 0 && (status_of(r) == PF_STATUS_USAGE || !settings->shared.reports.deliveries.count))
        return status_of(r);
    struct pf_result *result = pf_result_new();
    pf_judge_trace(trace, result);
    pf_timeline_draw(trace, result->arena, &result->trials[0]);
    pf_result_finish(result);
    *ret_again = r == 0 && number < trial->attempts && result->trials[0].verdict != PF_FAIL &&
                 pf_interrupts_count(NULL) == 0;
    int status = *ret_again ? PF_STATUS_CLEAN : report(settings, result, number, command->name);
    pf_result_free(result);
    return r < 0 ? PF_STATUS_HARNESS : status;
}

/* The same with the trace in a file, if it is to be in one: a further run begins it anew. */
static int run_traced(const struct pf_command *command, const struct settings *settings, size_t number,
                      bool *ret_again)
{
    struct pf_trace *trace = pf_trace_new();
    if (settings->trace) {
        trace->sink = fopen(settings->trace, "we");
        if (!trace->sink) {
            pf_trace_free(trace);
            return pf_complain(command->name, PF_STATUS_HARNESS, "%s: the trace cannot be written: %s",
                               settings->trace, strerror(errno));
        }
    }
    int status = supervise(command, settings, number, trace, ret_again);
    int r = trace->sink_error;
    if (trace->sink && fclose(trace->sink) == EOF && r == 0)
        r = -errno;
    pf_trace_free(trace);
    if (r == 0)
        return status;
    *ret_again = false;
    return pf_complain(command->name, PF_STATUS_HARNESS, "%s: the trace could not be written: %s",
                       settings->trace, strerror(-r));
}

static int run_trial(const struct pf_command *command, const struct settings *settings)
{
    struct pf_trial *trial = settings->shared.trial;
    struct pf_error error = {""};
    if (pf_interrupts_install(&error) < 0)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    pf_questions_install();
    int r = trial->expect.baseline ? find_baseline(settings, &error) : 0;
    if (r < 0)
        return pf_complain(command->name, status_of(r), "without faults: %s", error.message);
    for (size_t number = 1;; number++) {
        bool again = false;
        int status = run_traced(command, settings, number, &again);
        if (!again)
            return status;
        trial->seed = (trial->seed + 1) & INT64_MAX;
        trial->replay = pf_plan_replay(trial);
    }
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {.shared.trial = pf_plan_new()};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status == PF_GO_ON && operand == argc)
        status = pf_complain(command->name, PF_STATUS_USAGE,
                             "no command to run: pitfall run [OPTION]... -- CMD [ARG]...");
    if (status == PF_GO_ON)
        status = pf_report_settings_check(&settings.shared.reports, command->name);
    if (status == PF_GO_ON) {
        pf_trial_settings_finish(&settings.shared, argc - operand, argv + operand);
        status = run_trial(command, &settings);
    }
    pf_plan_free(settings.shared.trial);
    return status;
}

const struct pf_command pf_command_run = {
    .name = "run",
    .operands = "[OPTION]... [--] CMD [ARG]...",
    .summary = "one program, under faults if you like: verdict and diagnosis",
    .about = "Runs CMD and everything it starts, and tells on standard error whether it hung, left processes "
             "behind, "
             "crashed or lost something, and why. A deadlock is proven and told as soon as nothing moves any "
             "more. "
             "The program's input, output and terminal are its own; a clean run without faults says nothing "
             "unless "
             "standard error is a terminal. With a report on standard output the program's output goes to "
             "standard "
             "error. Ctrl-C once asks the program to end, twice kills it.",
    .options = run_options,
    .clean = "the program ran without findings",
    .findings = "findings: the report names them",
    .examples =
        "  pitfall run -- make -j2\n"
        "  pitfall run --inject 'point=lock-held:signal=TERM:proc=0.1' --report html:r.html -- ./server\n",
    .program_follows = true,
    .run = run,
};
