#include "reports/story.h"

#include <string.h>

#include "reports/plain.h"
#include "reports/view.h"

#define OUTPUT_LINES 20
#define LINE_BYTES   1000 /* of longer lines of output the rest is left out */

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

static const struct pf_node *node_named(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; id && i < diagnosis->node_count; i++)
        if (diagnosis->nodes[i].id && strcmp(diagnosis->nodes[i].id, id) == 0)
            return &diagnosis->nodes[i];
    return NULL;
}

/* Why the edge is there, without what the node that it leads to says of itself: "…, but it waits for …". */
static const char *own_part(const struct pf_page *page, const struct pf_diagnosis *diagnosis,
                            const struct pf_edge *edge)
{
    static const char *const joints[] = {", but it ", ": it "};
    const struct pf_node *node = node_named(diagnosis, edge->to);
    size_t why = edge->why ? strlen(edge->why) : 0, state = node && node->state ? strlen(node->state) : 0;
    for (size_t i = 0; state && i < sizeof(joints) / sizeof(joints[0]); i++) {
        size_t joint = strlen(joints[i]);
        if (why > joint + state && strcmp(edge->why + why - state, node->state) == 0 &&
            strncmp(edge->why + why - state - joint, joints[i], joint) == 0)
            return pf_arena_strndup(page->arena, edge->why, why - state - joint);
    }
    return edge->why;
}

/* It waits for nobody, and who waits for it has said already what it does. */
static bool is_told_of(const struct pf_diagnosis *diagnosis, const struct pf_node *node)
{
    bool told = false;
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        if (edge->from && strcmp(edge->from, node->id) == 0)
            return false;
        told |= edge->to && edge->why && node->state && strcmp(edge->to, node->id) == 0 &&
                strstr(edge->why, node->state);
    }
    return told && !node->where;
}

static void write_edge(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis,
                       const struct pf_edge *edge)
{
    const char *to = pf_view_label(page->arena, diagnosis, edge->to);
    const char *resource = pf_plain_line(page->arena, edge->resource);
    const char *why = pf_plain_line(page->arena, own_part(page, diagnosis, edge));
    fprintf(page->file, "%*s-> ", indent, "");
    pf_page_prose(page, indent + 3, indent + 3,
                  pf_arena_printf(page->arena, "%s%s%s%s%s", to, *resource ? ", " : "", resource,
                                  *why ? ": " : "", why));
}

static void write_chain(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    heading(page, indent, pf_arena_printf(page->arena, "%s:", pf_view_chain(trial)));
    for (size_t i = 0; i < diagnosis->node_count; i++) {
        const struct pf_node *node = &diagnosis->nodes[i];
        if (node->id && (strcmp(node->id, "nobody") == 0 || is_told_of(diagnosis, node)))
            continue; /* the edges that lead there say all of it */
        fprintf(page->file, "%*s", indent + 2, "");
        pf_page_prose(page, indent + 2, indent + 4, pf_view_node(page->arena, node));
        for (size_t k = 0; k < diagnosis->edge_count; k++)
            if (node->id && diagnosis->edges[k].from && strcmp(node->id, diagnosis->edges[k].from) == 0)
                write_edge(page, indent + 4, diagnosis, &diagnosis->edges[k]);
    }
    const char *cycle = pf_view_cycle(page->arena, diagnosis);
    if (cycle)
        pf_page_paragraph(page, indent + 2, pf_arena_printf(page->arena, "The circle closes: %s", cycle));
}

void pf_story_diagnosis(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    if (diagnosis->summary)
        pf_page_paragraph(page, indent, diagnosis->summary);
    if (diagnosis->node_count)
        write_chain(page, indent, trial);
    if (diagnosis->fix)
        labelled(page, indent, "Fix", diagnosis->fix);
}

/* The verdict names its kind, and the reason has its words. */
static bool is_told(const struct pf_trial_result *trial, const struct pf_finding *finding)
{
    return trial->reason && finding->message && strcmp(trial->reason, finding->message) == 0;
}

static void write_findings(const struct pf_page *page, int indent, const struct pf_trial_result *trial)
{
    bool begun = false;
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        if (is_told(trial, finding))
            continue;
        if (!begun)
            heading(page, indent, "Findings:");
        begun = true;
        const char *kind = pf_names_get(&pf_finding_kind_names, (int)finding->kind);
        bool fails = finding->severity == PF_SEVERITY_FAIL;
        const char *line =
            pf_arena_printf(page->arena, "%s%s%s%s: ", kind, fails ? "" : " (warning)",
                            finding->process ? " in " : "", pf_plain_line(page->arena, finding->process));
        fprintf(page->file, "%*s%s%s%s", indent + 2, "", fails ? page->ink.red : page->ink.yellow, line,
                page->ink.end);
        pf_page_prose(page, indent + 2 + (int)strlen(line), indent + 4, finding->message);
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

void pf_story_trial(const struct pf_page *page, int indent, const struct pf_trial_result *trial,
                    bool show_output)
{
    if (!trial->scenario)
        labelled(page, indent, "Command", pf_view_name(page->arena, trial));
    if (trial->reason)
        labelled(page, indent, "Why", trial->reason);
    if (trial->diagnosis)
        pf_story_diagnosis(page, indent, trial);
    /* Not wrapped: it is there to be copied, with the line breaks inside its words. */
    if (trial->replay)
        fprintf(page->file, "%*s%sReplay:%s %s\n", indent, "", page->ink.bold, page->ink.end,
                pf_plain_text(page->arena, trial->replay));
    bool as_expected = trial->verdict == PF_PASS && trial->scenario;
    if (trial->finding_count && !(as_expected && trial->diagnosis))
        write_findings(page, indent, trial);
    if (trial->fault_count)
        write_faults(page, indent, trial);
    bool started = trial->exit || trial->verdict == PF_PASS || trial->verdict == PF_FAIL;
    if (started && !as_expected)
        labelled(
            page, indent, "The program",
            pf_arena_printf(page->arena, "%s%s%s", pf_view_ending(page->arena, trial),
                            trial->duration_ms > 0 ? " after " : "",
                            trial->duration_ms > 0 ? pf_view_time(page->arena, trial->duration_ms) : ""));
    if (show_output)
        write_output(page, indent, trial);
    for (size_t i = 0; i < trial->note_count; i++)
        labelled(page, indent, "Note", trial->notes[i]);
}
