#include "reports/story.h"

#include <string.h>

#include "reports/chain.h"
#include "reports/likeness.h"
#include "reports/plain.h"
#include "reports/view.h"

#define OUTPUT_LINES 20
/* A terminal has 24, and the last is the prompt's. The verdict takes one or two. */
#define SCREEN_ROWS 23
#define HEAD_ROWS   2
#define LINE_BYTES  1000 /* of longer lines of output the rest is left out */

static void heading(const struct pf_page *page, int indent, const char *text)
{
    fprintf(page->file, "%*s%s%s%s\n", indent, "", page->ink.bold, text, page->ink.end);
}

/* "Fix: …" with the prose hanging under itself. */
static void labelled(const struct pf_page *page, int indent, const char *label, const char *text)
{
    fprintf(page->file, "%*s%s%s:%s ", indent, "", page->ink.bold, label, page->ink.end);
    int column = indent + (int)strlen(label) + 2;
    pf_page_prose(page, column, indent + 2, text);
}

/* A verdict whose words are those of a finding: the diagnosis tells the same better. */
static bool is_reason(const struct pf_trial_result *trial, const struct pf_finding *finding)
{
    return trial->reason && finding->message && strcmp(trial->reason, finding->message) == 0;
}

static bool tells_reason(const struct pf_trial_result *trial)
{
    bool told = trial->diagnosis && trial->diagnosis->summary, found = false;
    for (size_t i = 0; i < trial->finding_count && told; i++)
        found |= is_reason(trial, &trial->findings[i]);
    return trial->reason && !found;
}

/* "Who waits on what, in a circle: 0 -> 0.1 -> 0". */
static void write_chain_heading(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const char *cycle = pf_view_cycle(page->arena, trial->diagnosis), *text = pf_view_chain(trial);
    text = pf_arena_printf(page->arena, "%s%s", text, cycle ? ", in a circle" : "");
    if (cycle)
        labelled(page, indent, text, cycle);
    else
        heading(page, indent, pf_arena_printf(page->arena, "%s:", text));
}

static void write_summary(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const char *summary = trial->diagnosis ? trial->diagnosis->summary : NULL;
    if (summary && tells_reason(trial))
        pf_page_paragraph(page, indent, summary);
    else if (summary)
        labelled(page, indent, "Why", summary);
    if (trial->diagnosis && trial->diagnosis->node_count)
        write_chain_heading(page, indent, trial);
}

static void write_fix(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    if (trial->diagnosis && trial->diagnosis->fix)
        labelled(page, indent, "Fix", trial->diagnosis->fix);
}

void pf_story_diagnosis(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const struct pf_chain_parts chain = pf_chain_part(page, indent + 2, trial->diagnosis, 0);
    write_summary(page, indent, trial);
    pf_chain_write(page, indent + 2, &chain);
    write_fix(page, indent, trial);
}

/* Those of one kind that say the same of others are one line. */
static bool is_like(const struct pf_page *page, const struct pf_finding *a, const struct pf_finding *b)
{
    return a->kind == b->kind && a->severity == b->severity && a->process && b->process && a->message &&
           b->message &&
           strcmp(pf_likeness(page->arena, a->message, a->process),
                  pf_likeness(page->arena, b->message, b->process)) == 0;
}

static void write_finding(const struct pf_page *page, int indent, const struct pf_finding *finding,
                          const char *whose, const char *text)
{
    bool fails = finding->severity == PF_SEVERITY_FAIL;
    const char *line =
        pf_arena_printf(page->arena, "%s%s%s%s: ", pf_names_get(&pf_finding_kind_names, (int)finding->kind),
                        fails ? "" : " (warning)", whose ? " in " : "", pf_plain_line(page->arena, whose));
    fprintf(page->file, "%*s%s%s%s", indent, "", fails ? page->ink.red : page->ink.yellow, line,
            page->ink.end);
    pf_page_prose(page, indent + (int)strlen(line), indent + 2, text);
}

/* Who else it is said of, later in the list; NULL: nobody. */
static const char *others(const struct pf_page *page, const struct pf_trial_result *trial, size_t first)
{
    const char **names = NULL;
    size_t count = 0;
    for (size_t i = first + 1; i < trial->finding_count; i++)
        if (is_like(page, &trial->findings[first], &trial->findings[i]))
            *(const char **)pf_arena_grow(page->arena, &names, &count, sizeof(*names)) =
                trial->findings[i].process;
    return count ? pf_likeness_names(page->arena, names, count) : NULL;
}

static bool is_one_of_others(const struct pf_page *page, const struct pf_trial_result *trial, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_like(page, &trial->findings[i], &trial->findings[index]))
            return true;
    return false;
}

static void write_findings(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    bool begun = false;
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (is_one_of_others(page, trial, i))
            continue;
        bool told = tells_reason(trial) && is_reason(trial, finding);
        const char *names = others(page, trial, i);
        if (told && !names)
            continue;
        if (!begun)
            heading(page, indent, "Findings:");
        begun = true;
        if (!told)
            write_finding(page, indent + 2, finding, finding->process, finding->message);
        if (names)
            write_finding(page, indent + 2, finding, names, "likewise");
    }
}

static void write_faults(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    heading(page, indent, "Faults:");
    for (size_t i = 0; i < trial->fault_count; i++) {
        const struct pf_fault_account *fault = &trial->faults[i];
        fprintf(page->file, "%*s", indent + 2, "");
        pf_page_prose(page, indent + 2, indent + 4,
                      pf_arena_printf(page->arena, "%s %s", pf_plain_line(page->arena, fault->spec),
                                      pf_view_fault(page->arena, fault)));
    }
}

static void write_output(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const char *tail = pf_view_output_tail(page->arena, trial, OUTPUT_LINES);
    if (!tail)
        return;
    heading(page, indent, "Its output ends with:");
    while (*tail) {
        size_t length = strcspn(tail, "\n");
        size_t shown = pf_view_fitting(tail, length < LINE_BYTES ? length : LINE_BYTES);
        fprintf(page->file, "%*s%s|%s %.*s", indent + 2, "", page->ink.dim, page->ink.end, (int)shown, tail);
        if (shown < length)
            fprintf(page->file, " ... (%zu bytes more)", length - shown);
        fputc('\n', page->file);
        tail += length + (tail[length] == '\n');
    }
}

/* What comes before the chain. */
static void write_opening(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    if (!trial->scenario)
        labelled(page, indent, "Command", pf_view_name(page->arena, trial));
    if (tells_reason(trial))
        labelled(page, indent, "Why", trial->reason);
    write_summary(page, indent, trial);
}

/* What comes behind it, and is on the first screen still. */
static void write_remedy(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    write_fix(page, indent, trial);
    const char *pitfall = trial->diagnosis ? trial->diagnosis->pitfall : NULL;
    if (pitfall && (!trial->scenario || strcmp(trial->scenario, pitfall) != 0))
        labelled(page, indent, "Pitfall",
                 pf_arena_printf(page->arena, "%s (pitfall show %s)", pitfall, pitfall));
    /* Not wrapped: it is there to be copied, with the line breaks inside its words. */
    if (trial->replay)
        fprintf(page->file, "%*s%sReplay:%s %s\n", indent, "", page->ink.bold, page->ink.end,
                pf_plain_text(page->arena, trial->replay));
}

/* A trial where it is to stand. */
struct placed {
    const struct pf_trial_result *trial;
    int indent;
};

static void write_without_chain(const struct pf_page *page, const void *what)
{
    const struct placed *placed = what;
    write_opening(page, placed->indent, placed->trial);
    write_remedy(page, placed->indent, placed->trial);
}

/* The rows of the first screen that are left for the chain; one at the least. */
static int rows_left(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    int left =
        SCREEN_ROWS - HEAD_ROWS - pf_page_rows(page, write_without_chain, &(struct placed){trial, indent});
    return left > 1 ? left : 1;
}

static void write_ending(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    labelled(page, indent, "The program",
             pf_arena_printf(page->arena, "%s%s%s", pf_view_ending(page->arena, trial),
                             trial->duration_ms > 0 ? " after " : "",
                             trial->duration_ms > 0 ? pf_view_time(page->arena, trial->duration_ms) : ""));
}

void pf_story_trial(const struct pf_page *page, int indent, const struct pf_trial_result *trial,
                    bool show_output)
{
    struct pf_chain_parts chain = {0};
    if (trial->diagnosis)
        chain = pf_chain_part(page, indent + 2, trial->diagnosis, rows_left(page, indent, trial));
    write_opening(page, indent, trial);
    if (trial->diagnosis)
        pf_chain_write(page, indent + 2, &chain);
    write_remedy(page, indent, trial);
    if (chain.has_rest) {
        heading(page, indent, "The others:");
        pf_chain_write_rest(page, indent + 2, &chain);
    }
    bool as_expected = trial->verdict == PF_PASS && trial->scenario;
    if (trial->finding_count && !(as_expected && trial->diagnosis))
        write_findings(page, indent, trial);
    if (trial->fault_count)
        write_faults(page, indent, trial);
    bool started = trial->exit || trial->verdict == PF_PASS || trial->verdict == PF_FAIL;
    if (started && !as_expected)
        write_ending(page, indent, trial);
    if (show_output)
        write_output(page, indent, trial);
    for (size_t i = 0; i < trial->note_count; i++)
        labelled(page, indent, "Note", trial->notes[i]);
}
