#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/lesson_plan.h"
#include "cli/selection.h"
#include "cli/show.h"
#include "cli/source_text.h"
#include "model/path.h"
#include "narrate/outcome.h"

struct settings {
    enum pf_pace pace;
    const char *variant;
    bool script;
};

static int set_pace(void *settings, const char *value, struct pf_error *error)
{
    for (int i = 0; i < PF_PACE__COUNT; i++)
        if (strcmp(value, pf_names_get(&pf_pace_names, i)) == 0) {
            ((struct settings *)settings)->pace = (enum pf_pace)i;
            return 0;
        }
    return pf_error_set(error, -EINVAL, "\"%s\": expected slow, fast or step", value);
}

static int set_variant(void *settings, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)settings)->variant = value;
    return 0;
}

static int set_script(void *settings, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct settings *)settings)->script = true;
    return 0;
}

static const struct pf_option demo_options[] = {
    {'p', "pace", "PACE",
     "slow (at which a class can read along), fast, or step: go on at the space bar only. Default: slow",
     set_pace},
    {0, "variant", "NAME",
     "the program to show first: broken-py, ... Default: the first one that is expected to fall in",
     set_variant},
    {0, "script", NULL, "print a lesson plan as Markdown, and run nothing", set_script},
    {0},
};

/* The program that falls in; NULL with a message. */
static const struct pf_variant *find_broken(const struct pf_command *command,
                                            const struct pf_scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->variant_count; i++) {
        const struct pf_variant *variant = &scenario->variants[i];
        if (name ? strcmp(variant->name, name) == 0 : variant->expect.finding != NULL)
            return variant;
    }
    if (!name)
        return &scenario->variants[0];
    pf_complain(command->name, 0, "%s has no variant \"%s\"; `pitfall show %s` names them", scenario->id,
                name, scenario->id);
    return NULL;
}

/* The program that comes through; NULL: there is none, or it is the one that is shown already. */
static const struct pf_variant *find_safe(const struct pf_scenario *scenario, const struct pf_variant *broken)
{
    for (size_t i = 0; i < scenario->variant_count; i++)
        if (!scenario->variants[i].expect.finding && &scenario->variants[i] != broken)
            return &scenario->variants[i];
    return NULL;
}

/* What is on the way through a demonstration. */
struct demo {
    struct pf_show show;
    struct pf_arena *arena;
    const struct pf_scenario *scenario;
    const char *heading;
    bool surprise, failed;
};

static void tell_plan(struct demo *demo)
{
    const struct pf_scenario *scenario = demo->scenario;
    struct pf_scene *scene = demo->show.scene;
    if (!scenario->fault_count && !scenario->limit_count) {
        pf_scene_tell(scene, PF_TONE_STRONG, "No fault is needed: it happens by itself.");
        return;
    }
    pf_scene_tell(scene, PF_TONE_STRONG, "What will be done to it:");
    for (size_t i = 0; i < scenario->fault_count; i++)
        pf_scene_tell(scene, PF_TONE_BAD,
                      pf_arena_printf(demo->arena, "--inject %s", scenario->faults[i].spec));
    for (size_t i = 0; i < scenario->limit_count; i++)
        pf_scene_tell(scene, PF_TONE_BAD,
                      pf_arena_printf(demo->arena, "--limit %s=%llu", scenario->limits[i].resource,
                                      (unsigned long long)scenario->limits[i].value));
}

static bool show_opening(struct demo *demo)
{
    const struct pf_scenario *scenario = demo->scenario;
    struct pf_trace *none = pf_trace_new();
    pf_show_open(&demo->show, none, demo->heading, "the story", scenario->title);
    pf_scene_tell(demo->show.scene, PF_TONE_STRONG, scenario->title)->in_lanes = true;
    if (scenario->story)
        pf_scene_tell(demo->show.scene, PF_TONE_PLAIN, scenario->story);
    pf_scene_tell(demo->show.scene, PF_TONE_PLAIN, "")->verbatim = true;
    tell_plan(demo);
    bool goes_on = pf_show_beat(&demo->show, PF_BEAT_STEP, 0);
    pf_show_close(&demo->show);
    pf_trace_free(none);
    return goes_on;
}

static bool show_marks(struct demo *demo, const struct pf_variant *variant)
{
    const char *heading = pf_arena_printf(
        demo->arena, "%s, in %s:", variant->expect.finding ? "What makes it fall in" : "What saves it",
        demo->show.scene->source_name);
    size_t from = demo->show.scene->tell_count;
    enum pf_beat beat = pf_outcome_marks(demo->show.scene, heading, variant->marks, variant->mark_count);
    return beat == PF_BEAT_NONE || pf_show_beat(&demo->show, beat, from);
}

static bool show_act(struct demo *demo, const struct pf_variant *variant, const char *act)
{
    struct pf_trial *trial = pf_plan_variant(demo->scenario, variant);
    trial->stacks = true;
    struct pf_trace *trace = pf_trace_new();
    struct pf_result *result = pf_result_new();
    char *source = pf_source_text(variant->source);
    pf_show_open(&demo->show, trace, demo->heading, act, demo->scenario->title);
    struct pf_scene *scene = demo->show.scene;
    scene->source = source;
    scene->source_name = source ? pf_path_name(variant->source) : "";
    pf_scene_tell(scene, PF_TONE_STRONG, "")->in_lanes = true;
    pf_scene_tell(scene, PF_TONE_STRONG, act)->in_lanes = true;
    bool goes_on = pf_show_run(&demo->show, trial, trace, result);
    if (goes_on && result->trials[0].verdict == PF_PASS)
        goes_on = show_marks(demo, variant);
    if (result->trial_count) {
        demo->surprise |= result->trials[0].verdict == PF_FAIL;
        demo->failed |= result->trials[0].verdict == PF_ERROR;
        if (result->trials[0].verdict == PF_ERROR && result->trials[0].reason)
            pf_error_set(&demo->show.error, -EIO, "%s", result->trials[0].reason);
    }
    pf_show_close(&demo->show);
    free(source);
    pf_result_free(result);
    pf_trace_free(trace);
    pf_plan_free(trial);
    return goes_on;
}

static bool show_closing(struct demo *demo)
{
    const struct pf_scenario *scenario = demo->scenario;
    struct pf_trace *none = pf_trace_new();
    pf_show_open(&demo->show, none, demo->heading, "to take home", scenario->title);
    struct pf_scene *scene = demo->show.scene;
    pf_scene_tell(scene, PF_TONE_STRONG, "")->in_lanes = true;
    pf_scene_tell(scene, PF_TONE_STRONG, scenario->lesson.sentence);
    pf_scene_tell(scene, PF_TONE_PLAIN, "")->verbatim = true;
    if (scenario->avoid)
        pf_scene_tell(scene, PF_TONE_PLAIN, scenario->avoid);
    pf_scene_tell(scene, PF_TONE_DIM,
                  pf_arena_printf(demo->arena,
                                  "Read on: pitfall show %s; for a class: pitfall demo --script %s",
                                  scenario->id, scenario->id));
    bool written = pf_show_last(&demo->show);
    pf_show_close(&demo->show);
    pf_trace_free(none);
    return written;
}

static bool show_all(struct demo *demo, const struct pf_variant *broken, const struct pf_variant *safe)
{
    bool falls = broken->expect.finding != NULL;
    const char *first = pf_arena_printf(demo->arena, "%s%s%s", safe ? "1 of 2: " : "", broken->name,
                                        falls ? ", which falls in" : "");
    if (!show_opening(demo) || !show_act(demo, broken, first))
        return false;
    const char *same = demo->scenario->fault_count   ? ", the same fault"
                       : demo->scenario->limit_count ? ", the same limit"
                                                     : ", the same job";
    return (!safe || show_act(demo, safe, pf_arena_printf(demo->arena, "2 of 2: %s%s", safe->name, same))) &&
           show_closing(demo);
}

/* Whoever asked for the end by a signal shall see that it was one. */
static void end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static int play(const struct pf_command *command, const struct settings *settings,
                const struct pf_scenario *scenario)
{
    const struct pf_variant *broken = find_broken(command, scenario, settings->variant);
    if (!broken)
        return PF_STATUS_USAGE;
    if (broken->skip)
        return pf_complain(command->name, PF_STATUS_SKIPPED, "%s cannot be shown here: %s", broken->name,
                           broken->skip);
    const struct pf_variant *safe = find_safe(scenario, broken);
    if (settings->pace == PF_PACE_STEP && !(isatty(STDOUT_FILENO) && pf_stage_has_keys()))
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "--pace step needs a terminal to draw on and to read keys from; standard input or "
                           "output is none");
    struct demo demo = {.show = {.pace = settings->pace, .stepping = settings->pace == PF_PACE_STEP},
                        .arena = pf_arena_new(),
                        .scenario = scenario};
    demo.heading = pf_arena_printf(demo.arena, "pitfall demo: %s", scenario->id);
    if (pf_stage_enter(&demo.show.stage, &demo.show.error) < 0) {
        pf_arena_free(demo.arena);
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", demo.show.error.message);
    }
    show_all(&demo, broken, safe && safe->skip ? NULL : safe);
    pf_stage_leave(&demo.show.stage);
    pf_arena_free(demo.arena);
    if (demo.show.stage.ended_by)
        end_by(demo.show.stage.ended_by);
    if (demo.show.error.message[0])
        return pf_complain(command->name, PF_STATUS_HARNESS, "%s", demo.show.error.message);
    return demo.surprise ? PF_STATUS_FINDINGS : PF_STATUS_CLEAN;
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {.pace = PF_PACE_SLOW};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status != PF_GO_ON)
        return status;
    if (argc - operand > 1)
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "one scenario was expected, found %d; `pitfall demo` lists them", argc - operand);
    struct pf_selection selection;
    struct pf_error error = {""};
    int r = pf_selection_open(argv + operand, (size_t)(argc - operand), &selection, &error);
    if (r < 0)
        return pf_complain(command->name, r == -ENOENT ? PF_STATUS_HARNESS : PF_STATUS_USAGE, "%s",
                           error.message);
    bool one = argc > operand && selection.count == 1;
    if (settings.script)
        pf_lesson_plan_print(selection.scenarios, selection.count);
    else if (one)
        status = play(command, &settings, selection.scenarios[0]);
    else
        pf_lesson_list_print(selection.scenarios, selection.count);
    pf_selection_close(&selection);
    return status == PF_GO_ON ? PF_STATUS_CLEAN : status;
}

const struct pf_command pf_command_demo = {
    .name = "demo",
    .operands = "[OPTION]... [ID | DIR]",
    .summary = "one pitfall as it happens, told step by step: for a class, or for oneself",
    .about =
        "Runs the program that falls in, and tells it while it happens: a lane for each process and thread, "
        "the "
        "fault as it strikes, the moment of proof, and who waits on what with the lines of the source; then "
        "the "
        "safe program under the same fault. The program runs at its own speed, and is told in slow motion. "
        "Space goes on at once, p holds, q quits. In a pipe it is plain text. Without an operand it lists "
        "the "
        "lessons in teaching order.",
    .options = demo_options,
    .clean = "it was shown, or listed",
    .findings = "a program did not do what its manifest expects",
    .examples = "  pitfall demo\n"
                "  pitfall demo terminate-with-lock --pace step\n"
                "  pitfall demo --script hung-thread > lesson.md\n",
    .run = run,
};
