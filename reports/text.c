#include "reports/formats.h"

#include <stdlib.h>
#include <string.h>

#include "reports/page.h"
#include "reports/plain.h"
#include "reports/story.h"
#include "reports/sweep.h"
#include "reports/view.h"

/* Of many trials of one program that failed, so many are told in full. */
#define STORIES_PER_GROUP 3

enum column { COLUMN_SCENARIO, COLUMN_VARIANT, COLUMN_RESULT, COLUMN_FINDING, COLUMN_DIAGNOSIS, COLUMN_TIME };
#define COLUMNS (COLUMN_TIME + 1)

static const char *const column_heads[COLUMNS] = {
    [COLUMN_SCENARIO] = "SCENARIO", [COLUMN_VARIANT] = "VARIANT",     [COLUMN_RESULT] = "RESULT",
    [COLUMN_FINDING] = "FINDING",   [COLUMN_DIAGNOSIS] = "DIAGNOSIS", [COLUMN_TIME] = "LATENCY",
};

static const char *ink_of(const struct pf_page *page, enum pf_verdict verdict)
{
    return verdict == PF_PASS ? page->ink.green : verdict == PF_SKIP ? page->ink.yellow : page->ink.red;
}

static enum pf_verdict verdict_of(const struct pf_view_group *group)
{
    return group->verdicts[PF_FAIL]    ? PF_FAIL
           : group->verdicts[PF_ERROR] ? PF_ERROR
           : group->verdicts[PF_PASS]  ? PF_PASS
                                       : PF_SKIP;
}

/* "as expected", "FAILED", "198 of 200 as expected". */
static const char *result_cell(const struct pf_page *page, const struct pf_view_group *group)
{
    static const char *const words[] = {
        [PF_PASS] = "as expected", [PF_FAIL] = "FAILED", [PF_ERROR] = "ERROR", [PF_SKIP] = "skipped"};
    if (group->trial_count == 1)
        return words[group->sample->verdict];
    if (group->verdicts[PF_SKIP] == group->trial_count)
        return words[PF_SKIP];
    return pf_arena_printf(page->arena, "%zu of %zu as expected", group->verdicts[PF_PASS],
                           group->trial_count);
}

static void fill_row(const struct pf_page *page, const struct pf_view_group *group,
                     const char *ret_cells[COLUMNS])
{
    ret_cells[COLUMN_SCENARIO] = group->scenario ? pf_plain_line(page->arena, group->scenario)
                                                 : pf_view_name(page->arena, group->sample);
    ret_cells[COLUMN_VARIANT] = group->variant ? pf_plain_line(page->arena, group->variant) : "-";
    ret_cells[COLUMN_RESULT] = result_cell(page, group);
    ret_cells[COLUMN_FINDING] = pf_view_findings(page->arena, group->sample);
    ret_cells[COLUMN_DIAGNOSIS] = pf_view_diagnosis(page->arena, group->sample);
    ret_cells[COLUMN_TIME] = pf_view_time(page->arena, group->latency_ms);
}

/* The rows of a table, and how wide its columns are; 0: left out. */
struct table {
    const char *(*rows)[COLUMNS];
    size_t count; /* the head included */
    int widths[COLUMNS];
};

static int measure(struct table *table)
{
    int total = -2;
    for (int c = 0; c < COLUMNS; c++) {
        int widest = 0;
        for (size_t i = 0; i < table->count; i++) {
            int columns = pf_plain_columns(table->rows[i][c], strlen(table->rows[i][c]));
            widest = columns > widest ? columns : widest;
        }
        table->widths[c] = widest;
        total += widest + 2;
    }
    return total;
}

static bool is_new(const char *const cells[COLUMNS])
{
    return strcmp(cells[COLUMN_DIAGNOSIS], "-") != 0 &&
           strcmp(cells[COLUMN_DIAGNOSIS], cells[COLUMN_SCENARIO]) != 0;
}

/* Where there is no room for all: what names the scenario once more goes first, then all kinds of finding but
 * one, and how many more there are is said in their place. */
static void fit(const struct pf_page *page, struct table *table)
{
    int total = measure(table);
    bool news = false;
    for (size_t i = 1; i < table->count; i++)
        news |= is_new(table->rows[i]);
    bool left_out = total > page->width && !news;
    if (left_out)
        total -= table->widths[COLUMN_DIAGNOSIS] + 2;
    for (size_t i = 1; i < table->count && total > page->width; i++) {
        const char **cell = &table->rows[i][COLUMN_FINDING];
        size_t first = strcspn(*cell, ","), more = 0;
        for (const char *at = *cell; (at = strchr(at, ',')); at++)
            more++;
        if (more)
            *cell = pf_arena_printf(page->arena, "%.*s +%zu", (int)first, *cell, more);
    }
    measure(table);
    if (left_out)
        table->widths[COLUMN_DIAGNOSIS] = 0;
}

static void write_row(const struct pf_page *page, const char *const cells[COLUMNS], const int widths[COLUMNS],
                      const char *result_ink)
{
    for (int c = 0; c < COLUMN_TIME; c++) {
        if (!widths[c])
            continue;
        fputs(c == COLUMN_RESULT ? result_ink : "", page->file);
        pf_page_cell(page, widths[c], cells[c]);
        fprintf(page->file, "%s  ", c == COLUMN_RESULT ? page->ink.end : "");
    }
    fprintf(page->file, "%*s\n", widths[COLUMN_TIME], cells[COLUMN_TIME]);
}

static void write_table(const struct pf_page *page, const struct pf_view_group *groups, size_t count)
{
    struct table table = {.rows = pf_arena_alloc(page->arena, (count + 1) * sizeof(*table.rows)),
                          .count = count + 1};
    memcpy(table.rows[0], column_heads, sizeof(column_heads));
    for (size_t i = 0; i < count; i++)
        fill_row(page, &groups[i], table.rows[i + 1]);
    fit(page, &table);
    fputs(page->ink.dim, page->file);
    write_row(page, table.rows[0], table.widths, "");
    fputs(page->ink.end, page->file);
    for (size_t i = 0; i < count; i++)
        write_row(page, table.rows[i + 1], table.widths, ink_of(page, verdict_of(&groups[i])));
}

/* A program that was looked at has not failed at anything that was asked of it. */
static const char *look_phrase(const struct pf_page *page, const struct pf_trial_result *trial)
{
    if (!trial->finding_count)
        return "nothing is known to be stuck";
    bool likely = trial->diagnosis && trial->diagnosis->certainty == PF_LIKELY;
    return likely
               ? pf_arena_printf(page->arena, "%s (likely a deadlock)", pf_view_findings(page->arena, trial))
               : pf_view_findings(page->arena, trial);
}

static const char *verdict_phrase(const struct pf_page *page, const struct pf_trial_result *trial)
{
    if (trial->attached && trial->verdict != PF_ERROR)
        return look_phrase(page, trial);
    switch (trial->verdict) {
    case PF_PASS:
        if (!trial->finding_count)
            return "no findings";
        return pf_arena_printf(page->arena, trial->scenario ? "%s, as expected" : "a warning: %s",
                               pf_view_findings(page->arena, trial));
    case PF_FAIL:
        return pf_arena_printf(page->arena, "FAILED: %s", pf_view_findings(page->arena, trial));
    case PF_ERROR:
        return "ERROR: it could not be tested";
    default:
        return "skipped";
    }
}

static void write_section(const struct pf_page *page, const char *name, const struct pf_trial_result *trial,
                          const struct pf_report_options *options)
{
    bool proven = trial->diagnosis && trial->diagnosis->proven;
    const char *phrase = verdict_phrase(page, trial);
    const char *latency =
        trial->verdict_latency_ms > 0
            ? pf_arena_printf(page->arena, "%ssaid %s after the last movement", proven ? ", " : "",
                              pf_view_time(page->arena, trial->verdict_latency_ms))
            : "";
    const char *rest = pf_arena_printf(page->arena, "%s%s", proven ? "(proven)" : "", latency);
    const char *head = pf_arena_printf(page->arena, "%s: %s%s", name, phrase, *latency && !proven ? "," : "");
    fprintf(page->file, "%s%s%s: %s%s%s%s%s", page->ink.bold, name, page->ink.end,
            ink_of(page, trial->verdict), phrase, page->ink.end, *latency && !proven ? "," : "",
            *rest ? " " : "");
    pf_page_prose(page, pf_plain_columns(head, strlen(head)) + 1, 2, rest);
    pf_story_trial(page, 2, trial, options->show_output && trial->verdict != PF_PASS);
}

/* Is the story of this trial the same as that of an earlier one that was told? */
static bool was_told(const struct pf_page *page, const struct pf_trial_result *const *told, size_t count,
                     const struct pf_trial_result *trial)
{
    const char *reason = trial->reason ? trial->reason : "";
    for (size_t i = 0; i < count; i++)
        if (strcmp(told[i]->reason ? told[i]->reason : "", reason) == 0 &&
            strcmp(pf_view_findings(page->arena, told[i]), pf_view_findings(page->arena, trial)) == 0)
            return true;
    return false;
}

/* Is there more to say of a program than its row in the table? */
static bool is_told(const struct pf_view_group *group)
{
    return group->verdicts[PF_FAIL] || group->verdicts[PF_ERROR] || group->sample->finding_count ||
           group->sample->verdict == PF_SKIP;
}

/* Of a group that went as expected one diagnosis is told; of one that did not, the first failures that
 * differ. */
static void write_group(const struct pf_page *page, const struct pf_view_group *group,
                        const struct pf_report_options *options, const char *name, const char *gap)
{
    size_t bad = group->verdicts[PF_FAIL] + group->verdicts[PF_ERROR], count = 0;
    if (!is_told(group))
        return;
    if (!bad) {
        fputs(gap, page->file);
        write_section(page, name, group->sample, options);
        return;
    }
    const struct pf_trial_result *told[STORIES_PER_GROUP];
    for (size_t i = 0; i < group->trial_count && count < STORIES_PER_GROUP; i++) {
        const struct pf_trial_result *trial = group->trials[i];
        if (trial->verdict == PF_PASS || trial->verdict == PF_SKIP || was_told(page, told, count, trial))
            continue;
        fputs(gap, page->file);
        write_section(page, name, trial, options);
        told[count++] = trial;
    }
    if (bad > count)
        fprintf(page->file, "  ... and %zu more failures of it; --report json:FILE has them all\n",
                bad - count);
}

static void write_footer(const struct pf_page *page, const struct pf_result *result)
{
    const char *lack = pf_view_lack(page->arena, result);
    fputc('\n', page->file);
    if (lack) {
        fputs(pf_view_is_short(result) ? page->ink.red : page->ink.yellow, page->file);
        pf_page_paragraph(page, 0, lack);
        fputs(page->ink.end, page->file);
    }
    if (result->trial_count != 1)
        fprintf(page->file, "%s%s%s\n", page->ink.bold, pf_view_totals(page->arena, &result->totals),
                page->ink.end);
    if (result->environment.pitfall || result->environment.kernel)
        pf_page_paragraph(page, 0, pf_view_environment(page->arena, &result->environment));
}

static bool is_clean(const struct pf_result *result)
{
    return result->trial_count == 1 && result->trials[0].verdict == PF_PASS &&
           !result->trials[0].finding_count && !pf_view_is_short(result);
}

static void write_brief(const struct pf_page *page, const struct pf_trial_result *trial, const char *title)
{
    fprintf(page->file, "%s: %sno findings%s", title, page->ink.green, page->ink.end);
    for (size_t i = 0; i < trial->fault_count; i++)
        fprintf(page->file, "; %s %s", pf_plain_line(page->arena, trial->faults[i].spec),
                pf_view_fault(page->arena, &trial->faults[i]));
    fprintf(page->file, "; the program %s after %s\n", pf_view_ending(page->arena, trial),
            pf_view_time(page->arena, trial->duration_ms));
}

static void write_all(const struct pf_page *page, const struct pf_result *result,
                      const struct pf_report_options *options)
{
    const char *title = pf_view_title(page->arena, result, options->title);
    if (options->brief && is_clean(result)) {
        write_brief(page, &result->trials[0], title);
        return;
    }
    if (result->sweep) {
        pf_sweep_write(page, result, title);
        write_footer(page, result);
        return;
    }
    if (result->trial_count == 1 && !result->trials[0].scenario) {
        write_section(page, title, &result->trials[0], options);
        write_footer(page, result);
        return;
    }
    size_t count;
    struct pf_view_group *groups = pf_view_groups(page->arena, result, &count);
    /* Of a single trial that is told the totals and the row would say nothing else. */
    if (result->trial_count == 1 && is_told(groups)) {
        const char *name = pf_view_name(page->arena, groups->sample);
        write_group(page, groups, options, pf_arena_printf(page->arena, "%s: %s", title, name), "");
        write_footer(page, result);
        return;
    }
    fprintf(page->file, "%s%s%s: %s\n", page->ink.bold, title, page->ink.end,
            pf_view_totals(page->arena, &result->totals));
    if (count) {
        fputc('\n', page->file);
        write_table(page, groups, count);
    }
    for (size_t i = 0; i < count; i++)
        write_group(page, &groups[i], options, pf_view_name(page->arena, groups[i].sample), "\n");
    write_footer(page, result);
}

int pf_text_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_page page = {.file = file,
                           .arena = pf_arena_new(),
                           .ink = pf_ink(options->colour),
                           .width = options->width > 0 ? options->width : PF_PAGE_WIDTH_DEFAULT,
                           .directory = options->directory};
    write_all(&page, result, options);
    pf_arena_free(page.arena);
    return pf_report_flush(file);
}
