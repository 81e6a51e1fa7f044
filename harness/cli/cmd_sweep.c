#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/jobs_option.h"
#include "cli/progress.h"
#include "cli/replace.h"
#include "cli/shard_option.h"
#include "cli/trial_options.h"
#include "launch/locate.h"
#include "plan/calls.h"
#include "sweep/interrupts.h"
#include "sweep/sweep.h"

struct settings {
    struct pf_trial_settings shared; /* stays first: the shared options set it */
    struct pf_sweep_request request;
    struct pf_progress progress;
    const char *function, *call, *action; /* --step, --when, --do */
    const char *record;                   /* --record: where the plan goes */
    const char *plan;                     /* --plan: where it came from */
    struct pf_recorded *recorded;
    struct pf_result *resumed;
};

static int set_faults(void *data, const char *value, struct pf_error *error)
{
    return pf_sweep_kinds_parse(value, &((struct settings *)data)->request.scope.kinds, error);
}

static int set_proc(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)data)->request.scope.proc = value;
    return 0;
}

static int set_syscalls(void *data, const char *value, struct pf_error *error)
{
    struct settings *settings = data;
    struct pf_cursor cursor =
        pf_cursor_new("set of system calls", value, settings->shared.trial->arena, error);
    int *calls;
    static const char *const nothing_else[] = {NULL};
    int r = pf_cursor_calls(&cursor, nothing_else, &calls, &settings->request.call_count);
    if (r == 0)
        r = pf_cursor_end(&cursor, "the end of the set");
    settings->request.calls = r == 0 ? calls : NULL;
    return r;
}

static int set_jobs(void *data, const char *value, struct pf_error *error)
{
    return pf_jobs_option_set(&((struct settings *)data)->request.jobs, value, error);
}

static int set_budget(void *data, const char *value, struct pf_error *error)
{
    return pf_duration_parse(value, &((struct settings *)data)->request.budget_ns, error);
}

static int set_resume(void *data, const char *value, struct pf_error *error)
{
    struct settings *settings = data;
    FILE *file = fopen(value, "re");
    if (!file)
        return pf_error_set(error, -errno, "%s: the result cannot be opened: %s", value, strerror(errno));
    pf_result_free(settings->resumed);
    settings->resumed = NULL;
    int r = pf_result_read(file, value, &settings->resumed, error);
    fclose(file);
    settings->request.resume = settings->resumed;
    return r;
}

static int set_record(void *data, const char *value, struct pf_error *error)
{
    ((struct settings *)data)->record = value;
    return pf_replace_check(value, "plan", error);
}

static int set_plan(void *data, const char *value, struct pf_error *error)
{
    struct settings *settings = data;
    FILE *file = fopen(value, "re");
    if (!file)
        return pf_error_set(error, -errno, "%s: the plan cannot be opened: %s", value, strerror(errno));
    pf_recorded_free(settings->recorded);
    settings->recorded = NULL;
    settings->plan = value;
    int r = pf_recorded_read(file, value, &settings->recorded, error);
    fclose(file);
    settings->request.recorded = settings->recorded;
    return r;
}

static int set_all(void *data, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct settings *)data)->request.scope.all = true;
    return 0;
}

static int set_step(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)data)->function = value;
    return 0;
}

static int set_when(void *data, const char *value, struct pf_error *error)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] || value[0] == '0')
        return pf_error_set(error, -EINVAL, "\"%s\": the number of a call was expected, from 1", value);
    ((struct settings *)data)->call = value;
    return 0;
}

static int set_do(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)data)->action = value;
    return 0;
}

static int set_shard(void *data, const char *value, struct pf_error *error)
{
    return pf_shard_option_set(&((struct settings *)data)->request.shard, value, error);
}

static const struct pf_option sweep_options[] = {
    {0, "faults", "KINDS",
     "only these kinds of fault: errno, short, eintr, signal, kill, stop, limit. Default: all of them",
     set_faults},
    {0, "proc", "GLOB", "only in processes of this address, for instance 0.1 or '0.*'", set_proc},
    {0, "syscalls", "SET", "only at these system calls, and named points; as strace writes them: write,%file",
     set_syscalls},
    {0, "all", NULL,
     "every occurrence of every call, also where others have the same call stack, and those of the dynamic "
     "loader",
     set_all},
    {0, "step", "FUNCTION",
     "instead of system calls, strike at every instruction of a call of FUNCTION (put, libqueue.so*:put), "
     "callees "
     "included",
     set_step},
    {0, "when", "N", "with --step: the N-th call, in each process that makes it. Default: 1", set_when},
    {0, "do", "ACTION", "with --step: kill, stop=TIME or signal=SIGNAL. Default: kill", set_do},
    {'j', "jobs", "N", "run N trials at once. Default: one for each processor", set_jobs},
    {'b', "budget", "TIME", "stop after TIME (30s, 10m), with what there is then", set_budget},
    {0, "resume", "FILE",
     "go on with a sweep that was stopped, from the result that --report json:FILE has written", set_resume},
    {0, "record", "FILE",
     "only find out where faults could strike, and write the plan to FILE: to be shared by shards",
     set_record},
    {0, "plan", "FILE", "carry out the plan that --record FILE has written, or a --shard of it", set_plan},
    PF_OPTION_SHARD(set_shard),
    PF_OPTION_INJECT,
    PF_OPTION_LIMIT,
    {'d', "deadline", "TIME",
     "call a trial a hang when it still runs after TIME. Default: ten times what a run without faults takes, "
     "and 2s at least",
     pf_trial_set_deadline},
    PF_OPTION_GRACE,
    PF_OPTION_ALLOW_DAEMON,
    PF_OPTION_SEED,
    PF_OPTION_MAX_PROCESSES,
    PF_OPTION_SHARE,
    {0, "expect-exit", "N", "the exit status that is right also under faults, or any. Default: any",
     pf_trial_set_exit},
    PF_OPTION_EXPECT_TEXT,
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

static void show(void *context, const struct pf_sweep_progress *progress)
{
    struct settings *settings = context;
    static const char *const phases[] = {[PF_SWEEP_RECORDING] = "recording",
                                         [PF_SWEEP_TRYING] = NULL,
                                         [PF_SWEEP_MINIMISING] = "making failures small"};
    char notes[128] = "";
    for (int outcome = PF_OUTCOME__COUNT - 1; outcome > PF_OUTCOME_GRACEFUL; outcome--)
        if (progress->outcomes[outcome]) {
            size_t used = strlen(notes);
            snprintf(notes + used, sizeof(notes) - used, "%s%s %llu", used ? ", " : "",
                     pf_names_get(&pf_outcome_names, outcome),
                     (unsigned long long)progress->outcomes[outcome]);
        }
    pf_progress_phase(&settings->progress, phases[progress->phase], progress->done, progress->total, notes);
}

static int deliver(const struct pf_command *command, struct settings *settings, struct pf_result *result)
{
    pf_result_finish(result);
    int status = pf_report_settings_deliver(&settings->shared.reports, result, command->name);
    if (!result->sweep)
        pf_complain(
            command->name, 0,
            "nothing was tried: the program fails without any fault, so a failure under one would say "
            "nothing");
    else if (pf_interrupts_count(NULL))
        pf_complain(command->name, 0, "interrupted; this is what was done until then");
    return status;
}

/* The fault that --step, --when, --do and --proc describe; a wrong word in it is shown in its place. */
static int read_steps(struct settings *settings, struct pf_error *error)
{
    struct pf_arena *arena = settings->shared.trial->arena;
    if (!settings->function)
        return settings->call || settings->action
                   ? pf_error_set(error, -EINVAL,
                                  "--when and --do say which call --step is about, and what to do")
                   : 0;
    if (settings->request.calls || settings->request.scope.kinds != PF_SWEEP_EVERY ||
        settings->request.scope.all)
        return pf_error_set(error, -EINVAL,
                            "--step strikes at instructions, so --faults, --syscalls and --all say nothing");
    const char *proc = settings->request.scope.proc;
    struct pf_fault *fault = pf_arena_alloc(arena, sizeof(*fault));
    int r = pf_fault_parse(pf_arena_printf(arena, "step=%s+0:%s:when=%s%s%s", settings->function,
                                           settings->action ? settings->action : "kill",
                                           settings->call ? settings->call : "1", proc ? ":proc=" : "",
                                           proc ? proc : ""),
                           arena, fault, error);
    if (r == 0 && fault->actions[0].kind != PF_ACTION_KILL && fault->actions[0].kind != PF_ACTION_STOP &&
        fault->actions[0].kind != PF_ACTION_SIGNAL)
        r = pf_error_set(error, -EINVAL, "--do %s: expected kill, stop=TIME or signal=SIGNAL",
                         settings->action);
    settings->request.steps = r == 0 ? fault : NULL;
    return r;
}

/* A plan says by itself what is tried; and who only makes one tries nothing. */
static int check_plan_options(const struct settings *settings, struct pf_error *error)
{
    const struct pf_sweep_request *request = &settings->request;
    if (settings->record && settings->plan)
        return pf_error_set(error, -EINVAL, "--record makes a plan, and --plan has one: use one of them");
    if (settings->record && (request->shard.count > 1 || request->budget_ns || settings->resumed ||
                             settings->shared.reports.deliveries.count))
        return pf_error_set(
            error, -EINVAL,
            "--record tries nothing: --shard, --budget, --resume and --report go with --plan");
    if (settings->plan && (request->calls || request->scope.kinds != PF_SWEEP_EVERY || request->scope.proc ||
                           request->scope.all || settings->function))
        return pf_error_set(error, -EINVAL,
                            "%s says which faults are tried: --faults, --syscalls, --proc, --all and --step "
                            "go with --record",
                            settings->plan);
    return settings->plan
               ? pf_recorded_check(settings->recorded, settings->shared.trial, settings->plan, error)
               : 0;
}

static int write_plan(void *context, FILE *file)
{
    return pf_recorded_write(context, file);
}

/* --record: no trial, but the plan of all of them. */
static int record(const struct pf_command *command, struct settings *settings, struct pf_result *result,
                  struct pf_error *error)
{
    struct pf_recorded *recorded;
    int r = pf_sweep_record(&settings->request, result, &recorded, error);
    pf_progress_end(&settings->progress);
    if (r < 0)
        return r;
    if (!recorded)
        return deliver(command, settings, result);
    r = pf_replace_file(settings->record, write_plan, recorded);
    if (r < 0)
        r = pf_error_set(error, r, "%s: the plan cannot be written: %s", settings->record, strerror(-r));
    else
        printf("pitfall sweep: %zu faults at %" PRIu64 " points: %s, plan %s\n", recorded->plan->count,
               (uint64_t)(recorded->plan->points - recorded->plan->repetitions), settings->record,
               recorded->plan->fingerprint);
    pf_recorded_free(recorded);
    return r;
}

static int carry_out(const struct pf_command *command, struct settings *settings, struct pf_result *result,
                     struct pf_error *error)
{
    int r = pf_sweep_run(&settings->request, result, error);
    pf_progress_end(&settings->progress);
    return r < 0 ? r : deliver(command, settings, result);
}

static int sweep(const struct pf_command *command, struct settings *settings)
{
    struct pf_error error = {""};
    const char *path;
    if (pf_launch_locate(settings->shared.trial->command[0], NULL, settings->shared.trial->arena, &path,
                         &error) < 0)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    if (read_steps(settings, &error) < 0)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    settings->shared.trial->expect.exit =
        settings->shared.trial->expect.exit ? settings->shared.trial->expect.exit : "any";
    if (check_plan_options(settings, &error) < 0)
        return pf_complain(command->name, PF_STATUS_USAGE, "%s", error.message);
    if (pf_interrupts_install(&error) < 0)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    struct pf_trial *trial = settings->shared.trial;
    trial->capture = true;
    trial->isolate = true;
    settings->request.base = trial;
    settings->request.context = settings;
    settings->request.show = show;
    settings->request.scope.root = geteuid() == 0;
    settings->progress = pf_progress_start(2);
    struct pf_result *result = pf_result_new();
    int status = settings->record ? record(command, settings, result, &error)
                                  : carry_out(command, settings, result, &error);
    if (status < 0)
        status = pf_complain(command->name,
                             status == -ENOENT || status == -EINVAL ? PF_STATUS_USAGE : PF_STATUS_HARNESS,
                             "%s", error.message);
    pf_result_free(result);
    return status;
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {
        .shared.trial = pf_plan_new(),
        .request = {.jobs = pf_jobs_default(), .shard = PF_SHARD_ALL, .scope.kinds = PF_SWEEP_EVERY}};
    settings.shared.trial->deadline_ns = PF_SWEEP_DEADLINE;
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    const char **words = (const char **)argv + operand;
    size_t word_count = status == PF_GO_ON ? (size_t)(argc - operand) : 0;
    if (settings.recorded && word_count == 0) {
        words = settings.recorded->command;
        word_count = settings.recorded->command_count;
    }
    if (status == PF_GO_ON && word_count == 0)
        status = pf_complain(command->name, PF_STATUS_USAGE,
                             "no command to run: pitfall sweep [OPTION]... -- CMD [ARG]...");
    if (status == PF_GO_ON)
        status = pf_report_settings_check(&settings.shared.reports, command->name);
    if (status == PF_GO_ON)
        status = pf_shard_acknowledge(&settings.request.shard, command->name);
    if (status == PF_GO_ON) {
        pf_trial_settings_finish(&settings.shared, (int)word_count, (char **)words);
        status = sweep(command, &settings);
    }
    pf_result_free(settings.resumed);
    pf_recorded_free(settings.recorded);
    pf_plan_free(settings.shared.trial);
    return status;
}

const struct pf_command pf_command_sweep = {
    .name = "sweep",
    .operands = "[OPTION]... [--] CMD [ARG]...",
    .summary = "every fault at every point of a program, in turn: which break it?",
    .about =
        "Runs CMD twice, to see which system calls it makes and what is right, and then again and again, "
        "each time with one "
        "fault at one of them: the call fails as it might in real life, is interrupted, or the process is "
        "killed there. A program that says by its exit status that something went wrong has done well; one "
        "that hangs, crashes, leaves something behind or loses data silently has not. Failures that are "
        "one are told once, each with the smallest command line that shows it. The program's standard "
        "input is empty, and what it writes to files is gone after each trial. Ctrl-C once reports what "
        "there is, twice kills.",
    .options = sweep_options,
    .clean = "no fault broke the program",
    .findings = "some did: the report names them",
    .examples = "  pitfall sweep -- sort big.txt\n"
                "  pitfall sweep --faults kill --proc '0.*' --budget 5m --report html:r.html -- ./server\n"
                "  pitfall sweep --record plan.json -- ./server && "
                "pitfall sweep --plan plan.json --shard 2/4\n"
                "  pitfall sweep --step put --proc 0.1 -- ./queue\n",
    .program_follows = true,
    .run = run,
};
