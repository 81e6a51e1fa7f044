#include "cli/lesson_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/source_text.h"
#include "cli/terminal.h"
#include "model/path.h"
#include "reports/page.h"
#include "reports/plain.h"

void pf_lesson_list_print(const struct pf_scenario *const *scenarios, size_t count)
{
    struct pf_page page = {.file = stdout,
                           .arena = pf_arena_new(),
                           .ink = pf_ink(pf_terminal_colour(STDOUT_FILENO)),
                           .width = pf_terminal_width(STDOUT_FILENO)};
    int widest = 0;
    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(scenarios[i]->id);
        widest = length > widest ? length : widest;
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s%2zu  ", page.ink.bold, i + 1);
        pf_page_cell(&page, widest, scenarios[i]->id);
        printf("%s  ", page.ink.end);
        pf_page_prose(&page, widest + 6, widest + 6, scenarios[i]->lesson.sentence);
    }
    printf("\n");
    pf_page_paragraph(
        &page, 0,
        "pitfall demo ID shows one as it happens; with --pace step it goes on at the space bar. "
        "pitfall demo --script ID prints a lesson plan for it.");
    pf_arena_free(page.arena);
}

/* The programs that a class looks at: in C where there is one, for that is what it changes. */
static const struct pf_variant *variant_that(const struct pf_scenario *scenario, bool falls_in)
{
    for (size_t i = 0; i < scenario->variant_count; i++)
        if ((scenario->variants[i].expect.finding != NULL) == falls_in)
            return &scenario->variants[i];
    return NULL;
}

static bool is_c(const char *path)
{
    size_t length = path ? strlen(path) : 0;
    return length > 2 && strcmp(path + length - 2, ".c") == 0;
}

/* Prose for Markdown: as it is, but harmless. */
static void print_prose(struct pf_arena *arena, const char *text)
{
    printf("%s\n", pf_plain_text(arena, text));
}

static void print_code(struct pf_arena *arena, const char *language, const char *text)
{
    const char *plain = pf_plain_text(arena, text);
    size_t length = strlen(plain);
    printf("```%s\n%s%s```\n", language, plain, length && plain[length - 1] == '\n' ? "" : "\n");
}

/*
 * The command that runs what the class has built, with what is done to it and what is right. A program that
 * fails and shall not, once it is mended, is not held to the status that it failed with.
 */
static const char *command(struct pf_arena *arena, const struct pf_scenario *scenario,
                           const struct pf_variant *variant, const char *program)
{
    struct pf_trial *trial = pf_plan_variant(scenario, variant);
    trial->command = &program;
    trial->command_count = 1;
    if (trial->expect.exit)
        trial->expect.exit = "any";
    const char *line = pf_arena_strdup(arena, pf_plan_replay(trial));
    pf_plan_free(trial);
    return line;
}

/* A path as a word for a shell. */
static const char *quoted(struct pf_arena *arena, const char *path)
{
    if (path[strcspn(path, " \t\"'\\$`&;|<>()*?[#~!{")] == '\0')
        return path;
    const char *word = "'";
    for (const char *at = path; *at; at++)
        word =
            *at == '\'' ? pf_arena_printf(arena, "%s'\\''", word) : pf_arena_printf(arena, "%s%c", word, *at);
    return pf_arena_printf(arena, "%s'", word);
}

static void print_show(struct pf_arena *arena, const struct pf_scenario *scenario,
                       const struct pf_variant *broken, const struct pf_variant *safe)
{
    printf("### Show\n\n");
    if (scenario->story) {
        print_prose(arena, scenario->story);
        printf("\n");
    }
    char *text = broken ? pf_source_text(broken->source) : NULL;
    if (text) {
        printf("The program, `%s`, read together:\n\n", pf_plain_line(arena, pf_path_name(broken->source)));
        print_code(arena, is_c(broken->source) ? "c" : "", text);
        printf("\n");
    }
    free(text);
    if (broken && (scenario->fault_count || scenario->limit_count))
        printf("What is done to it: `%s`\n\n", command(arena, scenario, broken, "PROGRAM"));
    printf("Then, at the projector:\n\n");
    print_code(arena, "", pf_arena_printf(arena, "pitfall demo %s --pace step", scenario->id));
    printf("\nStop before each of these, and ask what comes next: the fault or the last step of the program; "
           "the "
           "proof; the safe program%s%s.\n\n",
           safe ? ", " : "", safe ? pf_plain_line(arena, safe->name) : " (this scenario has none)");
}

/* What can be asked of any pitfall. */
static void print_plain_questions(struct pf_arena *arena, const struct pf_scenario *scenario,
                                  const struct pf_variant *broken)
{
    const char *finding = broken ? broken->expect.finding : NULL;
    bool waits = finding && (strstr(finding, "deadlock") || strstr(finding, "hang"));
    printf("- Before it runs: what will become of each process?%s\n",
           finding ? pf_arena_printf(arena, " (What is found is: %s.)", finding) : "");
    if (waits)
        printf("- Draw who waits for whom. Who could end each wait, and why will nobody?\n");
    if (scenario->recognise)
        printf("- How would one recognise it on a machine in use, without a debugger?\n");
    printf("- Which one change to the program would be enough?\n\n");
}

static void print_ask(struct pf_arena *arena, const struct pf_scenario *scenario,
                      const struct pf_variant *broken)
{
    const struct pf_lesson *lesson = &scenario->lesson;
    printf("### Ask\n\n");
    if (!lesson->question_count)
        print_plain_questions(arena, scenario, broken);
    for (size_t i = 0; i < lesson->question_count; i++) {
        printf("%zu. **%s**\n", i + 1, pf_plain_line(arena, lesson->questions[i].question));
        printf("   %s\n", pf_plain_line(arena, lesson->questions[i].answer));
    }
    if (lesson->question_count)
        printf("\n");
}

static void print_change(struct pf_arena *arena, const struct pf_change *change, const char *file)
{
    const char *language = is_c(file) ? "c" : "";
    printf("**%s** In `%s`, ", pf_plain_line(arena, change->change), pf_plain_line(arena, file));
    if (change->include)
        printf("add `#include <%s>`, and ", pf_plain_line(arena, change->include));
    printf("replace\n\n");
    print_code(arena, language, change->replace);
    if (*change->by) {
        printf("\nby\n\n");
        print_code(arena, language, change->by);
    } else {
        printf("\nby nothing\n");
    }
    if (change->finding)
        printf("\nand run it as above: it finds %s. ", pf_plain_line(arena, change->finding));
    else
        printf("\nand run it as above: there are no findings. ");
    printf("%s\n\n", pf_plain_text(arena, change->see));
}

/* Where the header of points is, for a compiler that does not know: beside the scenarios of a tree that is
 * not installed. */
static const char *include_option(struct pf_arena *arena, const struct pf_scenario *scenario,
                                  const struct pf_variant *broken)
{
    char *folder = realpath(pf_arena_printf(arena, "%s/../../include", scenario->directory), NULL);
    char *text = pf_source_text(broken->source);
    bool known = folder && access(pf_arena_printf(arena, "%s/pitfall/point.h", folder), R_OK) == 0;
    const char *option = known && text && strstr(text, "pitfall/point.h")
                             ? pf_arena_printf(arena, " -I %s", quoted(arena, folder))
                             : "";
    free(text);
    free(folder);
    return option;
}

static void print_try(struct pf_arena *arena, const struct pf_scenario *scenario,
                      const struct pf_variant *broken)
{
    const struct pf_lesson *lesson = &scenario->lesson;
    const char *source = broken ? pf_path_name(broken->source) : NULL;
    if (!broken || !source)
        return;
    printf("### Change it and see\n\n");
    if (is_c(source))
        print_code(arena, "",
                   pf_arena_printf(arena, "cp %s/%s .\ncc -g -Og -pthread%s -o broken %s\n%s",
                                   quoted(arena, scenario->directory), source,
                                   include_option(arena, scenario, broken), source,
                                   command(arena, scenario, broken, "./broken")));
    else
        print_code(arena, "",
                   pf_arena_printf(arena, "cp -r %s lesson && cd lesson\npitfall check . --variant %s",
                                   quoted(arena, scenario->directory), broken->name));
    printf("\n");
    for (size_t i = 0; i < lesson->change_count; i++)
        print_change(arena, &lesson->changes[i], lesson->changes[i].file ? lesson->changes[i].file : source);
    if (!lesson->change_count)
        printf("Mend it with as few lines as can be, and run it again: `no findings` is the mark to "
               "reach.%s\n\n",
               scenario->fault_count
                   ? " First run it without the fault: does anything in the program tell that "
                     "it is not safe?"
                   : "");
}

static void print_notes(struct pf_arena *arena, const struct pf_scenario *scenario)
{
    const struct {
        const char *heading, *text;
    } notes[] = {{"Why it happens", scenario->why},
                 {"How to recognise it", scenario->recognise},
                 {"How to avoid it", scenario->avoid}};
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (notes[i].text) {
            printf("### %s\n\n", notes[i].heading);
            print_prose(arena, notes[i].text);
            printf("\n");
        }
    if (scenario->source_count)
        printf("### Read on\n\n");
    for (size_t i = 0; i < scenario->source_count; i++)
        printf("- %s%s%s%s\n", pf_plain_line(arena, scenario->sources[i].title),
               scenario->sources[i].where ? " <" : "", pf_plain_line(arena, scenario->sources[i].where),
               scenario->sources[i].where ? ">" : "");
    if (scenario->source_count)
        printf("\n");
}

void pf_lesson_plan_print(const struct pf_scenario *const *scenarios, size_t count)
{
    struct pf_arena *arena = pf_arena_new();
    if (count > 1)
        printf("# Lesson plan: %zu pitfalls\n\n", count);
    for (size_t i = 0; i < count; i++) {
        const struct pf_scenario *scenario = scenarios[i];
        const struct pf_variant *broken = variant_that(scenario, true);
        printf("## %s\n\n> %s\n\n", pf_plain_line(arena, scenario->title),
               pf_plain_line(arena, scenario->lesson.sentence));
        print_show(arena, scenario, broken, variant_that(scenario, false));
        print_ask(arena, scenario, broken);
        print_try(arena, scenario, broken);
        print_notes(arena, scenario);
    }
    pf_arena_free(arena);
}
