#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/selection.h"
#include "cli/source_text.h"
#include "cli/terminal.h"
#include "reports/page.h"
#include "reports/plain.h"

/* From this width on two programs stand side by side. */
enum { WIDE = 150 };

static const struct pf_option show_options[] = {{0}};

static void print_heading(const struct pf_page *page, const char *text)
{
    printf("\n%s%s%s\n", page->ink.bold, text, page->ink.end);
}

static void print_prose(const struct pf_page *page, const char *heading, const char *text)
{
    if (!text)
        return;
    print_heading(page, heading);
    pf_page_paragraph(page, 2, text);
}

static void print_plan(const struct pf_page *page, const struct pf_scenario *scenario)
{
    if (!scenario->fault_count && !scenario->limit_count)
        return;
    print_heading(page, "The fault plan");
    for (size_t i = 0; i < scenario->fault_count; i++)
        printf("  --inject %s\n", pf_plain_line(page->arena, scenario->faults[i].spec));
    for (size_t i = 0; i < scenario->limit_count; i++)
        printf("  --limit %s=%llu\n", pf_plain_line(page->arena, scenario->limits[i].resource),
               (unsigned long long)scenario->limits[i].value);
}

static void print_sources(const struct pf_page *page, const struct pf_scenario *scenario)
{
    if (!scenario->source_count && !scenario->seed)
        return;
    print_heading(page, "Sources");
    if (scenario->seed)
        pf_page_paragraph(page, 2, scenario->seed);
    for (size_t i = 0; i < scenario->source_count; i++) {
        const struct pf_source *source = &scenario->sources[i];
        const char *line = source->title && source->where
                               ? pf_arena_printf(page->arena, "%s: %s", source->title, source->where)
                           : source->title ? source->title
                                           : source->where;
        if (line)
            pf_page_paragraph(page, 2, line);
    }
}

/* The text of a variant's program, with its marks, for so many columns; a sentence in its place when it
 * cannot be read. */
static const char *read_source(const struct pf_page *page, const struct pf_variant *variant, int width)
{
    char *text = pf_source_text(variant->source);
    if (!text && errno)
        return pf_arena_printf(page->arena, "(%s: %s)", pf_plain_line(page->arena, variant->source),
                               strerror(errno));
    if (!text)
        return variant->source ? "" : "(the source text is not at hand)";
    struct pf_page column = *page;
    column.width = width;
    const char *marked = pf_source_text_marked(&column, pf_plain_text(page->arena, text), variant);
    free(text);
    return marked;
}

static const char *title_of(const struct pf_page *page, const struct pf_variant *variant)
{
    const char *expected = variant->expect.finding
                               ? pf_arena_printf(page->arena, "falls in: %s", variant->expect.finding)
                               : "avoids it";
    return pf_arena_printf(page->arena, "%s (%s)%s%s", pf_plain_line(page->arena, variant->name), expected,
                           variant->source ? ", " : "",
                           variant->source ? pf_plain_line(page->arena, variant->source) : "");
}

static void print_program(const struct pf_page *page, const struct pf_variant *variant)
{
    printf("\n%s", page->ink.bold);
    pf_page_prose(page, 0, 2, title_of(page, variant));
    printf("%s", page->ink.end);
    const char *text = read_source(page, variant, page->width);
    printf("%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static const struct pf_variant *find_variant(const struct pf_scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->variant_count; i++)
        if (strcmp(scenario->variants[i].name, name) == 0)
            return &scenario->variants[i];
    return NULL;
}

static void print_programs(const struct pf_page *page, const struct pf_scenario *scenario)
{
    const struct pf_variant *broken = find_variant(scenario, "broken");
    const struct pf_variant *safe = find_variant(scenario, "safe");
    bool paired = page->width >= WIDE && broken && safe;
    if (paired) {
        int width = pf_columns_width(page);
        pf_columns_print(page, title_of(page, broken), read_source(page, broken, width), title_of(page, safe),
                         read_source(page, safe, width));
    }
    for (size_t i = 0; i < scenario->variant_count; i++) {
        const struct pf_variant *variant = &scenario->variants[i];
        if (!paired || (variant != broken && variant != safe))
            print_program(page, variant);
    }
}

static void print_scenario(const struct pf_page *page, const struct pf_scenario *scenario)
{
    printf("%s%s%s: ", page->ink.bold, pf_plain_line(page->arena, scenario->id), page->ink.end);
    pf_page_prose(page, (int)strlen(scenario->id) + 2, 2, scenario->title ? scenario->title : "");
    print_prose(page, "The story", scenario->story);
    print_prose(page, "Why it happens", scenario->why);
    print_prose(page, "How to recognise it", scenario->recognise);
    print_prose(page, "How to avoid it", scenario->avoid);
    print_plan(page, scenario);
    print_programs(page, scenario);
    print_sources(page, scenario);
    printf("\nSee it happen: pitfall demo %s\n", pf_plain_line(page->arena, scenario->id));
}

static int run(const struct pf_command *command, int argc, char **argv)
{
    int operand;
    int status = pf_options_parse(command, argc, argv, NULL, &operand);
    if (status != PF_GO_ON)
        return status;
    if (argc - operand != 1)
        return pf_complain(command->name, PF_STATUS_USAGE,
                           "one scenario was expected, found %d; `pitfall list` shows them all",
                           argc - operand);
    struct pf_selection selection;
    struct pf_error error = {""};
    int r = pf_selection_open(argv + operand, 1, &selection, &error);
    if (r < 0)
        return pf_complain(command->name, r == -ENOENT ? PF_STATUS_HARNESS : PF_STATUS_USAGE, "%s",
                           error.message);
    struct pf_page page = {.file = stdout,
                           .arena = pf_arena_new(),
                           .ink = pf_ink(pf_terminal_colour(STDOUT_FILENO)),
                           .width = pf_terminal_width(STDOUT_FILENO)};
    for (size_t i = 0; i < selection.count; i++)
        print_scenario(&page, selection.scenarios[i]);
    pf_arena_free(page.arena);
    pf_selection_close(&selection);
    return PF_STATUS_CLEAN;
}

const struct pf_command pf_command_show = {
    .name = "show",
    .operands = "ID | DIR",
    .summary = "one pitfall: what happens, why, how to avoid it, and the programs",
    .about =
        "Tells all about one scenario: its story, why it happens, how to recognise and how to avoid it, the "
        "faults that set it off, the program that falls in and the one that does not (side by side where the "
        "terminal has 150 columns), with a word below the lines that matter, and where to read on.",
    .options = show_options,
    .clean = "the scenario is printed",
    .examples = "  pitfall show join-before-drain | less\n"
                "  pitfall show ./my-scenarios/lost-wakeup\n",
    .run = run,
};
