#include <stdlib.h>
#include <string.h>

#include "reports/html_parts.h"
#include "reports/plain.h"
#include "reports/view.h"

/* So many failures are told in full: a page has to stay one that can be read. */
enum { FAILURES_TOLD = 50 };

/* What a cell says. The harmless must not shout, for most cells are. */
static const struct {
    const char *mark, *class;
} outcomes[PF_OUTCOME__COUNT] = {
    [PF_OUTCOME_NONE] = {"?", "skip"},        [PF_OUTCOME_CLEAN] = {"\u00b7", "soft"},
    [PF_OUTCOME_GRACEFUL] = {"exit", "pass"}, [PF_OUTCOME_RESIDUE] = {"left", "fail"},
    [PF_OUTCOME_ABORT] = {"crash", "fail"},   [PF_OUTCOME_HANG] = {"hang", "fail"},
    [PF_OUTCOME_SILENT] = {"lost", "fail"},
};

/* A trial by its fault "write:error=EIO:when=3+:proc=0.1": row "0.1", "write", 3; column "error, from then
 * on"; in it "EIO". */
struct cell {
    const struct pf_trial_result *trial;
    const char *proc, *call, *fault;
    const char *value; /* "" where the fault has none, as kill */
    unsigned long occurrence;
    size_t column;
    bool harmless; /* as are all of its row */
};

static const char *option(const char *spec, const char *name)
{
    const char *found = strstr(spec, name);
    return found ? found + strlen(name) : NULL;
}

static struct cell cell_of(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    const char *spec = trial->fault_count && trial->faults[trial->fault_count - 1].spec
                           ? pf_plain_line(arena, trial->faults[trial->fault_count - 1].spec)
                           : "?";
    size_t call = strcspn(spec, ":");
    const char *action = spec + call + (spec[call] == ':');
    size_t kind = strcspn(action, ":=");
    const char *value = action + kind + (action[kind] == '=');
    const char *proc = option(action, ":proc="), *when = option(action, ":when=");
    struct cell cell = {.trial = trial,
                        .proc = proc ? pf_arena_strndup(arena, proc, strcspn(proc, ":")) : "any",
                        .call = pf_arena_strndup(arena, spec, call),
                        .fault = pf_arena_strndup(arena, action, kind),
                        .value = pf_arena_strndup(arena, value, strcspn(value, ":"))};
    if (!when)
        return cell;
    char *rest;
    cell.occurrence = strtoul(when, &rest, 10);
    if (*rest == '+')
        cell.fault = pf_arena_printf(arena, "%s, from then on", cell.fault);
    else if (strncmp(rest, "..", 2) == 0)
        cell.fault = pf_arena_printf(arena, "%s, %lu times", cell.fault,
                                     strtoul(rest + 2, NULL, 10) - cell.occurrence + 1);
    return cell;
}

static int by_fault(const void *a, const void *b)
{
    return strcmp(((const struct cell *)a)->fault, ((const struct cell *)b)->fault);
}

static int row_order(const struct cell *a, const struct cell *b)
{
    int procs = strverscmp(a->proc, b->proc), calls = strcmp(a->call, b->call);
    return procs ? procs : calls ? calls : (a->occurrence > b->occurrence) - (a->occurrence < b->occurrence);
}

/* Rows with a failure come first. */
static int by_place(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    int rows = row_order(x, y);
    if (x->harmless != y->harmless)
        return x->harmless - y->harmless;
    return rows ? rows : (x->column > y->column) - (x->column < y->column);
}

/* Of sorted cells, how many are of the row that begins here. */
static size_t row_length(const struct cell *cells, size_t count)
{
    size_t length = 1;
    while (length < count && row_order(&cells[0], &cells[length]) == 0)
        length++;
    return length;
}

static void put_failures_first(struct cell *cells, size_t count)
{
    for (size_t i = 0, length; i < count; i += length) {
        bool harmless = true;
        length = row_length(&cells[i], count - i);
        for (size_t k = 0; k < length; k++)
            harmless &= cells[i + k].trial->verdict == PF_PASS;
        for (size_t k = 0; k < length; k++)
            cells[i + k].harmless = harmless;
    }
    qsort(cells, count, sizeof(*cells), by_place);
}

/* The failure that a trial belongs to, from 1; 0: none that is told. */
static size_t *failures_by_trial(struct pf_arena *arena, const struct pf_result *result, uint64_t *ret_most)
{
    uint64_t most = 0;
    for (size_t i = 0; i < result->trial_count; i++)
        most = result->trials[i].id > most ? result->trials[i].id : most;
    most = most > PF_PLANNED_MOST ? 0 : most;
    size_t *failures = pf_arena_alloc(arena, (most + 1) * sizeof(*failures));
    const struct pf_sweep_result *sweep = result->sweep;
    for (size_t i = 0; i < sweep->failure_count && i < FAILURES_TOLD; i++)
        for (size_t k = 0; k < sweep->failures[i].trial_count; k++)
            if (sweep->failures[i].trials[k] <= most)
                failures[sweep->failures[i].trials[k]] = i + 1;
    *ret_most = most;
    return failures;
}

static void write_mark(const struct pf_xml *xml, const struct cell *cell, size_t failure)
{
    const char *mark = outcomes[cell->trial->outcome].mark;
    mark = pf_arena_printf(xml->arena, "%s%s%s ", cell->value, *cell->value ? "\u00a0" : "", mark);
    if (failure) {
        pf_xml_start(xml, "a");
        pf_xml_attribute(xml, "href", pf_arena_printf(xml->arena, "#failure-%zu", failure));
        pf_xml_attribute(xml, "class", "fail");
        pf_xml_text(xml, mark);
        pf_xml_end(xml);
    } else {
        pf_html_classed(xml, "span", outcomes[cell->trial->outcome].class, mark);
    }
}

/* One row of the table; the cells are those of one point, in the order of the columns. */
static void write_row(const struct pf_xml *xml, const struct cell *cells, size_t count, size_t columns,
                      const size_t *failures, uint64_t most)
{
    pf_xml_start(xml, "tr");
    pf_xml_element(xml, "td", cells->proc);
    pf_xml_element(xml, "td", cells->call);
    pf_xml_element(xml, "td",
                   cells->occurrence ? pf_arena_printf(xml->arena, "%lu", cells->occurrence) : "any");
    for (size_t column = 0, i = 0; column < columns; column++) {
        pf_xml_start(xml, "td");
        for (; i < count && cells[i].column == column; i++)
            write_mark(xml, &cells[i], cells[i].trial->id <= most ? failures[cells[i].trial->id] : 0);
        pf_xml_end(xml);
    }
    pf_xml_end(xml);
}

static void write_heads(const struct pf_xml *xml, const char *const *faults, size_t columns)
{
    pf_xml_start(xml, "thead");
    pf_xml_start(xml, "tr");
    pf_xml_element(xml, "th", "Process");
    pf_xml_element(xml, "th", "Call");
    pf_xml_element(xml, "th", "Occurrence");
    for (size_t i = 0; i < columns; i++)
        pf_xml_element(xml, "th", faults[i]);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

/* Cells sorted by their place, and the heads of the columns. */
static struct cell *make_cells(struct pf_arena *arena, const struct pf_result *result,
                               const char ***ret_faults, size_t *ret_columns)
{
    size_t count = result->trial_count, columns = 0;
    struct cell *cells = pf_arena_alloc(arena, (count + 1) * sizeof(*cells));
    const char **faults = pf_arena_alloc(arena, (count + 1) * sizeof(*faults));
    for (size_t i = 0; i < count; i++)
        cells[i] = cell_of(arena, &result->trials[i]);
    qsort(cells, count, sizeof(*cells), by_fault);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(cells[i].fault, cells[i - 1].fault) != 0)
            faults[columns++] = cells[i].fault;
        cells[i].column = columns - 1;
    }
    qsort(cells, count, sizeof(*cells), by_place);
    put_failures_first(cells, count);
    *ret_faults = faults;
    *ret_columns = columns;
    return cells;
}

static void write_points(const struct pf_xml *xml, const struct pf_result *result)
{
    const char **faults;
    size_t columns;
    const struct cell *cells = make_cells(xml->arena, result, &faults, &columns);
    uint64_t most;
    const size_t *failures = failures_by_trial(xml->arena, result, &most);
    const char *legend = "";
    for (int i = 0; i < PF_OUTCOME__COUNT; i++)
        legend = pf_arena_printf(xml->arena, "%s%s%s: %s", legend, i ? ", " : "", outcomes[i].mark,
                                 pf_view_outcome((enum pf_outcome)i));
    pf_xml_element(xml, "h2", "All points and faults");
    pf_html_classed(xml, "p", "soft", legend);
    pf_xml_start(xml, "div");
    pf_xml_attribute(xml, "class", "scroll");
    pf_xml_start(xml, "table");
    pf_xml_attribute(xml, "class", "points");
    write_heads(xml, faults, columns);
    pf_xml_start(xml, "tbody");
    for (size_t i = 0, length; i < result->trial_count; i += length) {
        length = row_length(&cells[i], result->trial_count - i);
        write_row(xml, &cells[i], length, columns, failures, most);
    }
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

static void write_stack(const struct pf_xml *xml, const struct pf_trial_result *trial)
{
    if (!trial->stack_count)
        return;
    pf_xml_element(xml, "h3", "Struck in");
    const char *frames = "";
    for (size_t i = 0; i < trial->stack_count; i++)
        frames = pf_arena_printf(xml->arena, "%s%s\n", frames, pf_plain_line(xml->arena, trial->stack[i]));
    pf_xml_element(xml, "pre", frames);
}

static void write_failure(const struct pf_xml *xml, const struct pf_result *result, size_t index)
{
    const struct pf_failure *failure = &result->sweep->failures[index];
    const struct pf_trial_result *trial =
        failure->trial_count ? pf_view_trial(result, failure->trials[0]) : NULL;
    pf_xml_start(xml, "section");
    pf_xml_attribute(xml, "id", pf_arena_printf(xml->arena, "failure-%zu", index + 1));
    pf_xml_element(xml, "h2",
                   pf_arena_printf(xml->arena, "%zu. It %s (%llu trial%s)", index + 1,
                                   pf_view_outcome(failure->outcome), (unsigned long long)failure->count,
                                   failure->count == 1 ? "" : "s"));
    if (failure->summary)
        pf_html_classed(xml, "p", "verdict fail", failure->summary);
    if (trial) {
        write_stack(xml, trial);
        pf_html_story(xml, trial, pf_arena_printf(xml->arena, "failure-%zu", index + 1));
    }
    if (failure->replay) {
        pf_xml_element(xml, "h3", "Replay");
        pf_xml_element(xml, "pre", failure->replay);
    }
    if (failure->replay && failure->replays)
        pf_html_classed(xml, "p", "soft",
                        pf_arena_printf(xml->arena, "It showed the failure again in %llu of %llu runs.%s",
                                        (unsigned long long)failure->replayed,
                                        (unsigned long long)failure->replays,
                                        failure->chance ? " It strikes at a call that not every run makes "
                                                          "there, so it need not come each time."
                                                        : ""));
    pf_xml_end(xml);
}

void pf_html_sweep(const struct pf_xml *xml, const struct pf_result *result)
{
    size_t count = result->sweep->failure_count;
    if (result->trial_count)
        pf_xml_element(xml, "pre", pf_view_name(xml->arena, &result->trials[0]));
    for (size_t i = 0; i < count && i < FAILURES_TOLD; i++)
        write_failure(xml, result, i);
    if (count > FAILURES_TOLD)
        pf_html_classed(xml, "p", "soft",
                        pf_arena_printf(xml->arena, "... and %zu more failures, which the JSON report lists.",
                                        count - FAILURES_TOLD));
    if (result->trial_count)
        write_points(xml, result);
}
