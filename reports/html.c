#include "reports/formats.h"

#include <string.h>

#include "reports/html_parts.h"
#include "reports/html_style.h"
#include "reports/view.h"
#include "reports/xml.h"

/* Of many trials of one program that failed, so many get a section. */
#define SECTIONS_PER_GROUP 10
#define OUTPUT_LINES       200

static const char *word_of(enum pf_verdict verdict)
{
    static const char *const words[] = {
        [PF_PASS] = "as expected", [PF_FAIL] = "failed", [PF_ERROR] = "error", [PF_SKIP] = "skipped"};
    return words[verdict];
}

void pf_html_classed(const struct pf_xml *xml, const char *element, const char *class, const char *text)
{
    pf_xml_start(xml, element);
    pf_xml_attribute(xml, "class", class);
    pf_xml_text(xml, text);
    pf_xml_end(xml);
}

static void write_meta(const struct pf_xml *xml, const char *name, const char *content)
{
    pf_xml_start(xml, "meta");
    pf_xml_attribute(xml, "name", name);
    pf_xml_attribute(xml, "content", content);
    pf_xml_end_void(xml);
}

static void write_head(const struct pf_xml *xml, const char *title)
{
    pf_xml_start(xml, "head");
    pf_xml_start(xml, "meta");
    pf_xml_attribute(xml, "charset", "utf-8");
    pf_xml_end_void(xml);
    write_meta(xml, "viewport", "width=device-width, initial-scale=1");
    pf_xml_element(xml, "title", title);
    pf_xml_start(xml, "style");
    pf_xml_raw(xml, html_style);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

/* The id of a section: where the table's link goes. */
static const char *anchor_of(const struct pf_xml *xml, size_t group, size_t trial)
{
    return trial ? pf_arena_printf(xml->arena, "program-%zu-%zu", group + 1, trial + 1)
                 : pf_arena_printf(xml->arena, "program-%zu", group + 1);
}

static void write_row(const struct pf_xml *xml, const struct pf_view_group *group, size_t index)
{
    const struct pf_trial_result *sample = group->sample;
    const char *verdict = pf_names_get(&pf_verdict_names, (int)sample->verdict);
    pf_xml_start(xml, "tr");
    pf_xml_start(xml, "td");
    pf_xml_start(xml, "a");
    pf_xml_attribute(xml, "href", pf_arena_printf(xml->arena, "#%s", anchor_of(xml, index, 0)));
    pf_xml_text(xml, pf_view_name(xml->arena, sample));
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_html_classed(xml, "td", pf_arena_printf(xml->arena, "verdict %s", verdict),
                    group->trial_count == 1 ? word_of(sample->verdict)
                                            : pf_arena_printf(xml->arena, "%zu of %zu as expected",
                                                              group->verdicts[PF_PASS], group->trial_count));
    pf_xml_element(xml, "td", pf_view_findings(xml->arena, sample));
    pf_xml_element(xml, "td", pf_view_diagnosis(xml->arena, sample));
    pf_html_classed(xml, "td", "number", pf_view_time(xml->arena, group->latency_ms));
    pf_xml_end(xml);
}

static void write_table(const struct pf_xml *xml, const struct pf_view_group *groups, size_t count)
{
    static const char *const heads[] = {"Program", "Result", "Finding", "Diagnosis"};
    pf_xml_start(xml, "div");
    pf_xml_attribute(xml, "class", "scroll");
    pf_xml_start(xml, "table");
    pf_xml_start(xml, "thead");
    pf_xml_start(xml, "tr");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        pf_xml_element(xml, "th", heads[i]);
    pf_html_classed(xml, "th", "number", "Latency");
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_start(xml, "tbody");
    for (size_t i = 0; i < count; i++)
        write_row(xml, &groups[i], i);
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

static void write_edges(const struct pf_xml *xml, const struct pf_trial_result *trial, const char *from,
                        const char *anchor)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    bool open = false;
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        if (!from || !edge->from || strcmp(edge->from, from) != 0)
            continue;
        if (!open)
            pf_xml_start(xml, "ul");
        open = true;
        pf_xml_start(xml, "li");
        pf_xml_element(xml, "strong", pf_view_label(xml->arena, diagnosis, edge->to));
        pf_xml_text(xml, pf_arena_printf(xml->arena, "%s%s%s%s", edge->resource ? ", " : "",
                                         edge->resource ? edge->resource : "", edge->why ? ": " : "",
                                         edge->why ? edge->why : ""));
        pf_html_evidence(xml, trial->timeline, anchor, edge->evidence, edge->evidence_count);
        pf_xml_end(xml);
    }
    if (open)
        pf_xml_end(xml);
}

static void write_diagnosis(const struct pf_xml *xml, const struct pf_trial_result *trial, const char *anchor)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    static const char *const heads[] = {
        [PF_UNKNOWN] = "Diagnosis", [PF_LIKELY] = "Diagnosis (likely)", [PF_PROVEN] = "Diagnosis (proven)"};
    pf_xml_element(xml, "h3", heads[diagnosis->certainty]);
    if (diagnosis->summary)
        pf_xml_element(xml, "p", diagnosis->summary);
    if (diagnosis->node_count) {
        pf_xml_element(xml, "h3", pf_view_chain(trial));
        pf_html_graph(xml, diagnosis);
        pf_xml_start(xml, "ol");
        pf_xml_attribute(xml, "class", "chain");
        for (size_t i = 0; i < diagnosis->node_count; i++) {
            pf_xml_start(xml, "li");
            pf_xml_text(xml, pf_view_node(xml->arena, &diagnosis->nodes[i]));
            write_edges(xml, trial, diagnosis->nodes[i].id, anchor);
            pf_xml_end(xml);
        }
        pf_xml_end(xml);
    }
    const char *cycle = pf_view_cycle(xml->arena, diagnosis);
    if (cycle)
        pf_xml_element(xml, "p", pf_arena_printf(xml->arena, "The circle closes: %s", cycle));
    if (diagnosis->fix) {
        pf_xml_element(xml, "h3", "Fix");
        pf_html_classed(xml, "p", "fix", diagnosis->fix);
    }
}

static void write_list(const struct pf_xml *xml, const char *head, const char *const *lines, size_t count)
{
    if (!count)
        return;
    pf_xml_element(xml, "h3", head);
    pf_xml_start(xml, "ul");
    for (size_t i = 0; i < count; i++)
        pf_xml_element(xml, "li", lines[i]);
    pf_xml_end(xml);
}

static void write_findings(const struct pf_xml *xml, const struct pf_trial_result *trial, const char *anchor)
{
    if (!trial->finding_count)
        return;
    pf_xml_element(xml, "h3", "Findings");
    pf_xml_start(xml, "ul");
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        pf_xml_start(xml, "li");
        pf_xml_text(xml,
                    pf_arena_printf(xml->arena, "%s%s%s%s: %s",
                                    pf_names_get(&pf_finding_kind_names, (int)finding->kind),
                                    finding->severity == PF_SEVERITY_WARN ? " (warning)" : "",
                                    finding->process ? " in " : "", finding->process ? finding->process : "",
                                    finding->message ? finding->message : ""));
        pf_html_evidence(xml, trial->timeline, anchor, finding->evidence, finding->evidence_count);
        pf_xml_end(xml);
    }
    pf_xml_end(xml);
}

static void write_lists(const struct pf_xml *xml, const struct pf_trial_result *trial)
{
    struct pf_arena *arena = xml->arena;
    const char **lines = pf_arena_alloc(arena, (trial->fault_count + 1) * sizeof(*lines));
    for (size_t i = 0; i < trial->fault_count; i++)
        lines[i] = pf_arena_printf(arena, "%s %s", trial->faults[i].spec ? trial->faults[i].spec : "?",
                                   pf_view_fault(arena, &trial->faults[i]));
    write_list(xml, "Faults", lines, trial->fault_count);
    write_list(xml, "Notes", trial->notes, trial->note_count);
}

void pf_html_story(const struct pf_xml *xml, const struct pf_trial_result *trial, const char *anchor)
{
    if (trial->diagnosis)
        write_diagnosis(xml, trial, anchor);
    write_findings(xml, trial, anchor);
    write_lists(xml, trial);
    pf_html_timeline(xml, trial->timeline, anchor);
    if (trial->exit || trial->verdict == PF_PASS || trial->verdict == PF_FAIL)
        pf_html_classed(xml, "p", "soft",
                        pf_arena_printf(xml->arena, "The program %s; the trial took %s.",
                                        pf_view_ending(xml->arena, trial),
                                        pf_view_time(xml->arena, trial->duration_ms)));
    const char *output = pf_view_output_tail(xml->arena, trial, OUTPUT_LINES);
    if (output) {
        pf_xml_element(xml, "h3", "Output");
        pf_xml_element(xml, "pre", output);
    }
}

static void link_listings(const struct pf_xml *xml, const char *scenario)
{
    pf_xml_start(xml, "p");
    pf_xml_start(xml, "a");
    pf_xml_attribute(xml, "href", pf_arena_printf(xml->arena, "#%s", pf_html_listings_anchor(xml, scenario)));
    pf_xml_text(xml, "The programs side by side");
    pf_xml_end(xml);
    pf_xml_end(xml);
}

static void write_trial(const struct pf_xml *xml, const struct pf_result *result,
                        const struct pf_trial_result *trial, const char *anchor)
{
    const char *verdict = pf_names_get(&pf_verdict_names, (int)trial->verdict);
    pf_xml_start(xml, "section");
    pf_xml_attribute(xml, "id", anchor);
    pf_xml_element(xml, "h2", pf_view_name(xml->arena, trial));
    pf_html_classed(xml, "p", pf_arena_printf(xml->arena, "verdict %s", verdict), word_of(trial->verdict));
    if (trial->reason)
        pf_xml_element(xml, "p", trial->reason);
    pf_html_story(xml, trial, anchor);
    if (trial->replay) {
        pf_xml_element(xml, "h3", "Replay");
        pf_xml_element(xml, "pre", trial->replay);
    }
    if (pf_html_has_listings(result, trial->scenario))
        link_listings(xml, trial->scenario);
    pf_xml_end(xml);
}

/* A section for each failure of a group, or one for the whole group when there is none. */
static void write_group(const struct pf_xml *xml, const struct pf_result *result,
                        const struct pf_view_group *group, size_t index)
{
    size_t bad = group->verdicts[PF_FAIL] + group->verdicts[PF_ERROR], told = 0;
    if (!bad)
        write_trial(xml, result, group->sample, anchor_of(xml, index, 0));
    for (size_t i = 0; i < group->trial_count && told < SECTIONS_PER_GROUP; i++)
        if (group->trials[i]->verdict == PF_FAIL || group->trials[i]->verdict == PF_ERROR)
            write_trial(xml, result, group->trials[i], anchor_of(xml, index, told++));
    if (bad > told)
        pf_html_classed(xml, "p", "soft",
                        pf_arena_printf(xml->arena,
                                        "... and %zu more failures of %s, which the JSON report lists.",
                                        bad - told, pf_view_name(xml->arena, group->sample)));
}

static bool is_last_of_scenario(const struct pf_view_group *groups, size_t count, size_t index)
{
    for (size_t i = index + 1; i < count; i++)
        if (groups[i].scenario && groups[index].scenario &&
            strcmp(groups[i].scenario, groups[index].scenario) == 0)
            return false;
    return true;
}

static void write_programs(const struct pf_xml *xml, const struct pf_result *result)
{
    size_t count;
    const struct pf_view_group *groups = pf_view_groups(xml->arena, result, &count);
    if (count)
        write_table(xml, groups, count);
    for (size_t i = 0; i < count; i++) {
        write_group(xml, result, &groups[i], i);
        if (is_last_of_scenario(groups, count, i) && pf_html_has_listings(result, groups[i].scenario))
            pf_html_listings(xml, result, groups, count, groups[i].scenario);
    }
}

int pf_html_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_xml xml;
    int r = pf_xml_open(file, &xml);
    if (r < 0)
        return r;
    const char *title = pf_view_title(xml.arena, result, options->title);
    const char *lack = pf_view_lack(xml.arena, result);
    pf_xml_as_html(&xml);
    pf_xml_start(&xml, "html");
    pf_xml_attribute(&xml, "lang", "en");
    write_head(&xml, title);
    pf_xml_start(&xml, "body");
    pf_xml_start(&xml, "header");
    pf_xml_element(&xml, "h1", title);
    pf_xml_element(&xml, "p", pf_view_totals(xml.arena, &result->totals));
    if (lack)
        pf_html_classed(&xml, "p", pf_view_is_short(result) ? "error" : "skip", lack);
    pf_html_classed(&xml, "p", "soft", pf_view_environment(xml.arena, &result->environment));
    pf_xml_end(&xml);
    pf_xml_start(&xml, "main");
    if (result->sweep)
        pf_html_sweep(&xml, result);
    else
        write_programs(&xml, result);
    return pf_xml_close(&xml);
}
