/* For a pull-request comment or a job summary: GitHub's and GitLab's Markdown. */
#include "reports/formats.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reports/plain.h"
#include "reports/story.h"
#include "reports/told.h"
#include "reports/view.h"

/* A comment on GitHub may have 65,536 characters; what comes behind this is only counted. */
enum { SIZE_MOST = 60000, ROWS_MOST = 200, STORY_COLUMNS = 100 };

/*
 * Text as it is, on one line: no markup, no HTML, and nobody is called by name ("@somebody"), which an empty
 * comment between the two prevents.
 */
static void put_plain(FILE *file, struct pf_arena *arena, const char *text)
{
    for (const char *c = pf_plain_line(arena, text); *c; c++)
        if (*c == '<' || *c == '>' || *c == '&')
            fputs(*c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&amp;", file);
        else if (*c == '@' || (*c == '#' && isdigit((unsigned char)c[1])))
            fprintf(file, "%c<!-- -->", *c);
        else if (strchr("\\`*_{}[]()|~!$", *c))
            fprintf(file, "\\%c", *c);
        else
            fputc(*c, file);
}

/* A block in which nothing is markup: its fence is longer than any that the text holds. */
static void put_block(FILE *file, const char *language, const char *text)
{
    size_t longest = 2, run = 0;
    for (const char *c = text; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    char *fence = calloc(1, longest + 2);
    if (!fence)
        abort();
    memset(fence, '`', longest + 1);
    size_t length = strlen(text);
    fprintf(file, "%s%s\n%s%s%s\n", fence, language, text, length && text[length - 1] == '\n' ? "" : "\n",
            fence);
    free(fence);
}

static const char *word_of(const struct pf_trial_result *trial)
{
    static const char *const words[] = {
        [PF_PASS] = "passed", [PF_FAIL] = "**failed**", [PF_ERROR] = "**error**", [PF_SKIP] = "skipped"};
    return trial->attached && trial->verdict == PF_PASS ? "looked at" : words[trial->verdict];
}

static void write_cell(FILE *file, struct pf_arena *arena, const char *text)
{
    put_plain(file, arena, text);
    fputs(" | ", file);
}

static void write_row(FILE *file, struct pf_arena *arena, const struct pf_view_group *group)
{
    fputs("| ", file);
    write_cell(file, arena, pf_view_name(arena, group->sample));
    fputs(word_of(group->sample), file);
    if (group->trial_count > 1)
        fprintf(file, " (%zu of %zu as expected)", group->verdicts[PF_PASS], group->trial_count);
    fputs(" | ", file);
    write_cell(file, arena, pf_view_findings(arena, group->sample));
    write_cell(file, arena, pf_view_diagnosis(arena, group->sample));
    fprintf(file, "%s |\n", pf_view_time(arena, group->latency_ms));
}

/* Those that did not go as expected stand at the top. */
static void write_programs(FILE *file, struct pf_arena *arena, const struct pf_result *result)
{
    size_t count, rows = 0;
    const struct pf_view_group *groups = pf_view_groups(arena, result, &count);
    if (!count)
        return;
    fputs("\n| Program | Result | Finding | Diagnosis | Latency |\n|--|--|--|--|--:|\n", file);
    for (int well = 0; well <= 1; well++)
        for (size_t i = 0; i < count; i++) {
            enum pf_verdict verdict = groups[i].sample->verdict;
            if ((verdict == PF_PASS || verdict == PF_SKIP) != well || rows == ROWS_MOST)
                continue;
            rows++;
            write_row(file, arena, &groups[i]);
        }
    if (rows < count)
        fprintf(file, "\n… and %zu more programs.\n", count - rows);
}

static void write_failures(FILE *file, struct pf_arena *arena, const struct pf_result *result)
{
    const struct pf_sweep_result *sweep = result->sweep;
    uint64_t counts[PF_OUTCOME__COUNT] = {0};
    for (size_t i = 0; i < result->trial_count; i++)
        counts[result->trials[i].outcome]++;
    fprintf(file, "\n%zu failure%s of ", sweep->failure_count, sweep->failure_count == 1 ? "" : "s");
    put_plain(file, arena, result->trial_count ? pf_view_name(arena, &result->trials[0]) : "nothing");
    fputs("\n\n| Outcome | Trials |\n|--|--:|\n", file);
    for (int i = PF_OUTCOME__COUNT - 1; i >= 0; i--)
        if (counts[i])
            fprintf(file, "| %s | %llu |\n", pf_view_outcome((enum pf_outcome)i),
                    (unsigned long long)counts[i]);
}

/* "<summary>", the story of the text report, and the line that shows it again. */
static char *section_of(struct pf_arena *arena, const struct pf_told *told, const char *directory)
{
    char *story = NULL, *section = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&story, &size), *file = open_memstream(&section, &size);
    if (!memory || !file)
        abort();
    struct pf_trial_result shown = *told->trial;
    const struct pf_trial_result *trial = &shown;
    if (told->failure) { /* what it shares with the other trials, and the smallest command line */
        shown.reason = told->failure->summary;
        shown.replay = told->failure->replay;
    }
    struct pf_page page = {
        .file = memory, .arena = arena, .ink = pf_ink(false), .width = STORY_COLUMNS, .directory = directory};
    pf_story_trial(&page, 0, trial, trial->verdict != PF_PASS);
    fclose(memory);
    fprintf(file, "\n<details%s><summary>",
            trial->verdict == PF_FAIL || trial->verdict == PF_ERROR ? " open" : "");
    put_plain(file, arena, told->name);
    fputs(": ", file);
    put_plain(file, arena,
              told->failure          ? pf_view_outcome(told->failure->outcome)
              : trial->finding_count ? pf_view_findings(arena, trial)
                                     : pf_names_get(&pf_verdict_names, (int)trial->verdict));
    fprintf(file, "%s</summary>\n\n", trial->diagnosis && trial->diagnosis->proven ? " (proven)" : "");
    put_block(file, "text", story);
    fputs("\n</details>\n", file);
    fclose(file);
    free(story);
    return section;
}

static bool is_worth_telling(const struct pf_trial_result *trial)
{
    return trial->verdict != PF_PASS || trial->finding_count;
}

/* Failures first, as long as there is room. */
static void write_sections(FILE *file, struct pf_arena *arena, const struct pf_told *told, size_t count,
                           size_t room, const char *directory)
{
    size_t left_out = 0;
    for (int well = 0; well <= 1; well++)
        for (size_t i = 0; i < count; i++) {
            enum pf_verdict verdict = told[i].trial->verdict;
            if ((verdict == PF_PASS || verdict == PF_SKIP) != well || !is_worth_telling(told[i].trial))
                continue;
            char *section = section_of(arena, &told[i], directory);
            size_t size = strlen(section);
            if (size <= room) {
                fputs(section, file);
                room -= size;
            } else {
                left_out++;
            }
            free(section);
        }
    if (left_out)
        fprintf(file, "\n… and %zu more, which the other reports tell of: a comment holds no more.\n",
                left_out);
}

static char *head_of(struct pf_arena *arena, const struct pf_result *result,
                     const struct pf_report_options *options)
{
    char *head = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&head, &size);
    if (!file)
        abort();
    const char *lack = pf_view_lack(arena, result);
    fputs("### ", file);
    put_plain(file, arena, pf_view_title(arena, result, options->title));
    fprintf(file, ": %s\n", pf_view_totals(arena, &result->totals));
    if (lack) {
        fputs("\n**", file);
        put_plain(file, arena, lack);
        fputs("**\n", file);
    }
    if (result->sweep)
        write_failures(file, arena, result);
    else
        write_programs(file, arena, result);
    fclose(file);
    return head;
}

int pf_markdown_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    size_t count;
    const struct pf_told *told = pf_told_select(arena, result, &count);
    char *head = head_of(arena, result, options);
    size_t size = strlen(head);
    fputs(head, file);
    free(head);
    write_sections(file, arena, told, count, size < SIZE_MOST ? SIZE_MOST - size : 0, options->directory);
    if (result->environment.pitfall || result->environment.kernel) {
        fputs("\n<sub>", file);
        put_plain(file, arena, pf_view_environment(arena, &result->environment));
        fputs("</sub>\n", file);
    }
    pf_arena_free(arena);
    return pf_report_flush(file);
}
