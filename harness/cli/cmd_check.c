#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/here.h"
#include "cli/jobs_option.h"
#include "cli/progress.h"
#include "cli/report_options.h"
#include "cli/selection.h"
#include "cli/shard_option.h"
#include "cli/variants_option.h"
#include "sweep/interrupts.h"
#include "sweep/pool.h"

enum { REPEATS_MOST = 1000000 };

struct settings {
    struct pf_report_settings reports;
    struct pf_arena *arena;
    size_t jobs;
    size_t repeats;
    struct pf_variants variants;
    uint64_t deadline_ns;
    bool has_deadline; /* 0 means none, which is something else than not said */
    bool isolate;
    struct pf_shard shard;
};

/* What is run: each variant once, the order of the trials with all repeats, and which of them are ours. */
struct plan {
    struct pf_arena *arena;
    struct pf_trial **variants;
    size_t variant_count;
    size_t whole; /* trials of all shards */
    const struct pf_trial **trials;
    size_t *ids; /* places in the whole plan, from 1 */
    size_t trial_count;
    const char *fingerprint;
};

static int set_jobs(void *settings, const char *value, struct pf_error *error)
{
    return pf_jobs_option_set(&((struct settings *)settings)->jobs, value, error);
}

static int set_repeat(void *settings, const char *value, struct pf_error *error)
{
    return pf_count_option_set(&((struct settings *)settings)->repeats, REPEATS_MOST, value, error);
}

static int add_variant(void *settings, const char *value, struct pf_error *error)
{
    struct settings *check = settings;
    (void)error;
    pf_variants_option_add(&check->variants, check->arena, value);
    return 0;
}

static int set_deadline(void *settings, const char *value, struct pf_error *error)
{
    ((struct settings *)settings)->has_deadline = true;
    return pf_duration_parse(value, &((struct settings *)settings)->deadline_ns, error);
}

static int set_isolate(void *settings, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct settings *)settings)->isolate = true;
    return 0;
}

static int set_shard(void *settings, const char *value, struct pf_error *error)
{
    return pf_shard_option_set(&((struct settings *)settings)->shard, value, error);
}

static const struct pf_option check_options[] = {
    {'j', "jobs", "N", "run N trials at once. Default: one for each processor", set_jobs},
    {'r', "repeat", "N", "run each program N times", set_repeat},
    {0, "variant", "NAME", "only the variants called NAME: broken, safe, ...; may come several times",
     add_variant},
    {'d', "deadline", "TIME", "instead of the deadline of each scenario (250ms, 10s, 2m)", set_deadline},
    {0, "isolate", NULL,
     "let nothing that the programs write be seen outside, or outlive them, as with --isolate of run",
     set_isolate},
    PF_OPTION_SHARD(set_shard),
    PF_OPTION_REPORT,
    PF_OPTION_JSON,
    {0},
};

static void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->variant_count; i++)
        pf_plan_free(plan->variants[i]);
    pf_arena_free(plan->arena);
}

/* All variants once, then all of them again: early failures show early. */
static void deal(struct plan *plan, const struct settings *settings)
{
    plan->whole = plan->variant_count * settings->repeats;
    size_t most = plan->whole / settings->shard.count + 1;
    plan->trials = pf_arena_alloc(plan->arena, most * sizeof(const struct pf_trial *));
    plan->ids = pf_arena_alloc(plan->arena, most * sizeof(*plan->ids));
    for (size_t i = 0; i < plan->whole; i++)
        if (pf_shard_has(&settings->shard, i)) {
            plan->trials[plan->trial_count] = plan->variants[i % plan->variant_count];
            plan->ids[plan->trial_count++] = i + 1;
        }
    uint64_t hash = 0;
    for (size_t i = 0; i < plan->variant_count; i++)
        hash = pf_plan_fingerprint(plan->variants[i], hash);
    plan->fingerprint = pf_arena_printf(plan->arena, "%016" PRIx64 "*%zu", hash, settings->repeats);
}

static struct plan plan_make(const struct pf_selection *selection, const struct settings *settings)
{
    struct plan plan = {.arena = pf_arena_new()};
    for (size_t i = 0; i < selection->count; i++) {
        const struct pf_scenario *scenario = selection->scenarios[i];
        for (size_t k = 0; k < scenario->variant_count; k++) {
            if (!pf_variants_have(&settings->variants, scenario->variants[k].name))
                continue;
            struct pf_trial *trial = pf_plan_variant(scenario, &scenario->variants[k]);
            if (settings->has_deadline)
                trial->deadline_ns = settings->deadline_ns;
            trial->isolate |= settings->isolate;
            trial->replay = pf_plan_replay(trial);
            struct pf_trial **slot =
                pf_arena_grow(plan.arena, &plan.variants, &plan.variant_count, sizeof(*slot));
            *slot = trial;
        }
    }
    deal(&plan, settings);
    return plan;
}

/* The trials on their way through the pool. */
struct campaign {
    const struct plan *plan;
    size_t next;
    struct pf_progress progress;
    struct pf_result *result;
};

static void add_skipped(struct campaign *campaign, const struct pf_trial *trial, const char *why)
{
    struct pf_trial_result skipped = {.scenario = trial->scenario,
                                      .variant = trial->variant,
                                      .command = trial->command,
                                      .command_count = trial->command_count,
                                      .verdict = PF_SKIP,
                                      .reason = why,
                                      .expect = trial->expect,
                                      .replay = trial->replay,
                                      .id = campaign->next};
    pf_result_add_copy(campaign->result, &skipped);
    pf_progress_step(&campaign->progress, false);
}

static bool next_trial(void *context, struct pf_pool_job *ret_job)
{
    struct campaign *campaign = context;
    while (campaign->next < campaign->plan->trial_count) {
        const struct pf_trial *trial = campaign->plan->trials[campaign->next++];
        if (trial->skip) {
            add_skipped(campaign, trial, trial->skip);
        } else if (pf_interrupts_count(NULL)) {
            add_skipped(campaign, trial, "not run: interrupted");
        } else {
            *ret_job = (struct pf_pool_job){.trial = trial, .id = campaign->next};
            return true;
        }
    }
    return false;
}

static struct pf_trial *make_trial(void *context, uint64_t id)
{
    struct pf_trial *trial = pf_plan_new();
    struct pf_arena *arena = trial->arena;
    *trial = *((struct campaign *)context)->plan->trials[id - 1];
    trial->arena = arena;
    return trial;
}

/* Is it the first run of its program? Of those that go well again the reports draw no timeline. */
static bool is_first(const struct plan *plan, uint64_t id)
{
    size_t first = 0;
    while (plan->trials[first] != plan->trials[id - 1])
        first++;
    return first == id - 1;
}

static void keep_result(void *context, const struct pf_pool_job *job, const struct pf_trial_result *trial,
                        struct pf_trace **trace)
{
    (void)trace;
    struct campaign *campaign = context;
    struct pf_trial_result kept = *trial;
    if (trial->verdict == PF_PASS && !is_first(campaign->plan, job->id))
        kept.timeline = NULL;
    pf_result_add_copy(campaign->result, &kept)->id = job->id;
    pf_progress_step(&campaign->progress, trial->verdict == PF_FAIL || trial->verdict == PF_ERROR);
}

static void draw_progress(void *context)
{
    pf_progress_draw(&((struct campaign *)context)->progress);
}

/* A scenario that something was run of comes with all its programs: what the others do better is of interest.
 */
static void add_listings(const struct pf_selection *selection, struct pf_result *result)
{
    for (size_t i = 0; i < selection->count; i++) {
        const struct pf_scenario *scenario = selection->scenarios[i];
        size_t trial = 0;
        while (trial < result->trial_count && strcmp(result->trials[trial].scenario, scenario->id) != 0)
            trial++;
        for (size_t k = 0; trial < result->trial_count && k < scenario->variant_count; k++) {
            struct pf_listing listing;
            if (pf_plan_listing(scenario, &scenario->variants[k], result->arena, &listing))
                *(struct pf_listing *)pf_arena_grow(result->arena, &result->listings, &result->listing_count,
                                                    sizeof(listing)) = listing;
        }
    }
}

static int run_plan(const struct pf_command *command, const struct settings *settings,
                    const struct pf_selection *selection, const struct plan *plan)
{
    struct pf_error error = {""};
    if (pf_interrupts_install(&error) < 0)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    if (pf_here_mark(plan->variants, plan->variant_count, &error) < 0)
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    struct pf_result *result = pf_result_new();
    struct campaign campaign = {
        .plan = plan, .progress = pf_progress_start(plan->trial_count), .result = result};
    struct pf_pool_client client = {.context = &campaign,
                                    .next = next_trial,
                                    .make = make_trial,
                                    .done = keep_result,
                                    .tick = draw_progress};
    int r = pf_pool_run(&client, settings->jobs, &error);
    pf_progress_end(&campaign.progress);
    if (r < 0)
        pf_complain(command->name, PF_STATUS_HARNESS, "%s", error.message);
    pf_result_sort(result);
    pf_result_finish(result);
    for (size_t i = 0; i < result->trial_count; i++)
        result->trials[i].id = plan->ids[result->trials[i].id - 1];
    result->part = pf_shard_part(&settings->shard, plan->fingerprint, plan->whole, result->arena);
    add_listings(selection, result);
    bool interrupted = pf_interrupts_count(NULL) > 0;
    if (interrupted)
        result->part->stopped = PF_STOPPED_INTERRUPT;
    int status = pf_report_settings_deliver(&settings->reports, result, command->name);
    if (interrupted)
        pf_complain(command->name, 0, "interrupted; what was not run is reported as skipped");
    pf_result_free(result);
    return r < 0 && status != PF_STATUS_FINDINGS ? PF_STATUS_HARNESS : status;
}

/* Once the options are understood. */
static int check(const struct pf_command *command, const struct settings *settings, char **names,
                 size_t name_count)
{
    struct pf_selection selection;
    struct pf_error error = {""};
    int r = pf_selection_open(names, name_count, &selection, &error);
    if (r < 0)
        return pf_complain(command->name, r == -ENOENT ? PF_STATUS_HARNESS : PF_STATUS_USAGE, "%s",
                           error.message);
    int status = pf_variants_check(&settings->variants, &selection, command->name);
    if (status == PF_GO_ON) {
        struct plan plan = plan_make(&selection, settings);
        status = run_plan(command, settings, &selection, &plan);
        plan_free(&plan);
    }
    pf_selection_close(&selection);
    return status;
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {
        .arena = pf_arena_new(), .jobs = pf_jobs_default(), .repeats = 1, .shard = PF_SHARD_ALL};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status == PF_GO_ON)
        status = pf_report_settings_check(&settings.reports, command->name);
    if (status == PF_GO_ON)
        status = pf_shard_acknowledge(&settings.shard, command->name);
    if (status == PF_GO_ON)
        status = check(command, &settings, argv + operand, (size_t)(argc - operand));
    pf_arena_free(settings.arena);
    return status;
}

const struct pf_command pf_command_check = {
    .name = "check",
    .operands = "[OPTION]... [ID | DIR]...",
    .summary = "run scenarios: do broken programs fall in as told, and safe ones not?",
    .about =
        "Runs each program of the scenarios under the scenario's faults and compares what happens with what "
        "is "
        "expected: the broken one must fall into its pitfall, with the right diagnosis, and the safe one "
        "must "
        "come through. Without operands it runs the whole catalogue; a DIR is a scenario, or a folder of "
        "scenarios, of your own. Ctrl-C once lets the trials under way end and reports what there is; twice "
        "kills them.",
    .options = check_options,
    .clean = "everything was as expected",
    .findings = "something was not as expected",
    .examples = "  pitfall check -j4 --report junit:pitfall.xml\n"
                "  pitfall check join-before-drain --variant broken --repeat 100\n"
                "  pitfall check --shard 2/4 --report json:shard-2.json\n",
    .run = run,
};
