#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/selection.h"
#include "cli/terminal.h"
#include "reports/page.h"
#include "reports/plain.h"

struct settings {
    bool json;
    const char *tag;
};

static int set_json(void *settings, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct settings *)settings)->json = true;
    return 0;
}

static int set_tag(void *settings, const char *value, struct pf_error *error)
{
    (void)error;
    ((struct settings *)settings)->tag = value;
    return 0;
}

static const struct pf_option list_options[] = {
    {0, "json", NULL, "print JSON: an object with \"schema\" and \"scenarios\"", set_json},
    {'t', "tag", "TAG", "only scenarios that have this tag", set_tag},
    {0},
};

static bool has_tag(const struct pf_scenario *scenario, const char *tag)
{
    for (size_t i = 0; i < scenario->tag_count; i++)
        if (strcmp(scenario->tags[i], tag) == 0)
            return true;
    return false;
}

/* Keeps those with the tag; returns how many are left. */
static size_t keep_tagged(struct pf_selection *selection, const char *tag)
{
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++)
        if (!tag || has_tag(selection->scenarios[i], tag))
            selection->scenarios[kept++] = selection->scenarios[i];
    selection->count = kept;
    return kept;
}

static json_t *strings(const char *const *words, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(words[i]));
    return array;
}

static json_t *scenario_to_json(const struct pf_scenario *scenario)
{
    json_t *variants = json_array();
    for (size_t i = 0; i < scenario->variant_count; i++)
        json_array_append_new(variants, json_string(scenario->variants[i].name));
    return json_pack("{s:s, s:s*, s:s*, s:s, s:o, s:o}", "id", scenario->id, "title", scenario->title, "seed",
                     scenario->seed, "directory", scenario->directory, "tags",
                     strings(scenario->tags, scenario->tag_count), "variants", variants);
}

static void print_json(const struct pf_selection *selection)
{
    json_t *scenarios = json_array();
    for (size_t i = 0; i < selection->count; i++)
        json_array_append_new(scenarios, scenario_to_json(selection->scenarios[i]));
    json_t *json = json_pack("{s:s, s:o}", "schema", "pitfall-list/1", "scenarios", scenarios);
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(json);
}

static void print_text(const struct pf_selection *selection)
{
    struct pf_page page = {.file = stdout,
                           .arena = pf_arena_new(),
                           .ink = pf_ink(pf_terminal_colour(STDOUT_FILENO)),
                           .width = pf_terminal_width(STDOUT_FILENO)};
    int widest = 0;
    for (size_t i = 0; i < selection->count; i++) {
        int length = (int)strlen(selection->scenarios[i]->id);
        widest = length > widest ? length : widest;
    }
    for (size_t i = 0; i < selection->count; i++) {
        const struct pf_scenario *scenario = selection->scenarios[i];
        fputs(page.ink.bold, stdout);
        pf_page_cell(&page, widest, pf_plain_line(page.arena, scenario->id));
        printf("%s  ", page.ink.end);
        pf_page_prose(&page, widest + 2, widest + 2, scenario->title ? scenario->title : "");
    }
    pf_arena_free(page.arena);
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    struct settings settings = {0};
    int operand;
    int status = pf_options_parse(command, argc, argv, &settings, &operand);
    if (status != PF_GO_ON)
        return status;
    struct pf_selection selection;
    struct pf_error error = {""};
    int r = pf_selection_open(argv + operand, (size_t)(argc - operand), &selection, &error);
    if (r < 0)
        return pf_complain(command->name, r == -ENOENT ? PF_STATUS_HARNESS : PF_STATUS_USAGE, "%s",
                           error.message);
    if (!keep_tagged(&selection, settings.tag) && settings.tag)
        status = pf_complain(command->name, PF_STATUS_USAGE, "no scenario has the tag \"%s\"", settings.tag);
    else {
        status = PF_STATUS_CLEAN;
        if (settings.json)
            print_json(&selection);
        else
            print_text(&selection);
    }
    pf_selection_close(&selection);
    return status;
}

const struct pf_command pf_command_list = {
    .name = "list",
    .operands = "[OPTION]... [ID | DIR]...",
    .summary = "the catalogue of pitfalls",
    .about =
        "Lists the scenarios, one line each: a documented pitfall with a program that falls in and one that "
        "does not. A DIR is a folder of scenarios of your own.",
    .options = list_options,
    .clean = "the list is printed",
    .examples = "  pitfall list\n"
                "  pitfall list --json | jq -r '.scenarios[].id'\n",
    .run = run,
};
