/* The wait-for graph for Graphviz: who waits on whom, and for what; the circle in red. */
#include "reports/formats.h"

#include <string.h>

#include "reports/plain.h"
#include "reports/told.h"
#include "reports/view.h"

enum { LINE_COLUMNS = 32, LABEL_COLUMNS = 72, GRAPHS_MOST = 100 };

/* Graphviz reads "\n" as the end of a line, and takes "\\" and "\"" for themselves. Breaks lines at blanks.
 */
static void put_text(FILE *file, const char *text, size_t columns)
{
    size_t column = 0;
    for (; *text; text++, column++) {
        bool ends = *text == '\n' || (*text == ' ' && column + strcspn(text + 1, " \n") >= columns);
        if (ends) {
            fputs("\\n", file);
            column = (size_t)-1;
            continue;
        }
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if (*text != '\t')
            fputc(*text, file);
    }
}

static void write_attribute(FILE *file, struct pf_arena *arena, const char *name, const char *text)
{
    fprintf(file, "%s=\"", name);
    put_text(file, pf_plain_text(arena, text), LINE_COLUMNS);
    fputc('"', file);
}

/* Of the whole, or of one trial. */
static void write_label(FILE *file, struct pf_arena *arena, const char *text)
{
    fputs("label=\"", file);
    put_text(file, pf_plain_text(arena, text), LABEL_COLUMNS);
    fputc('"', file);
}

/* Ids are addresses, which begin anew in each trial. */
static void write_id(FILE *file, struct pf_arena *arena, size_t trial, const char *id)
{
    fprintf(file, "\"%zu:", trial);
    for (const char *c = pf_plain_line(arena, id); *c; c++) {
        if (*c == '"' || *c == '\\')
            fputc('\\', file);
        fputc(*c, file);
    }
    fputc('"', file);
}

static size_t place_in_cycle(const struct pf_diagnosis *diagnosis, const char *id)
{
    size_t i = 0;
    while (i < diagnosis->cycle_count && !(id && strcmp(diagnosis->cycle[i], id) == 0))
        i++;
    return i;
}

static bool is_of_cycle(const struct pf_diagnosis *diagnosis, const struct pf_edge *edge)
{
    size_t from = place_in_cycle(diagnosis, edge->from), to = place_in_cycle(diagnosis, edge->to);
    return from < diagnosis->cycle_count && to == (from + 1) % diagnosis->cycle_count;
}

static bool waits(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        if (id && diagnosis->edges[i].from && strcmp(diagnosis->edges[i].from, id) == 0)
            return true;
    return false;
}

static void write_node(FILE *file, struct pf_arena *arena, size_t trial, const struct pf_diagnosis *diagnosis,
                       const struct pf_node *node)
{
    const char *text = node->label ? node->label : node->id;
    if (node->state)
        text = pf_arena_printf(arena, "%s\n%s", text, node->state);
    if (node->where)
        text = pf_arena_printf(arena, "%s\n%s", text, node->where);
    fputs("    ", file);
    write_id(file, arena, trial, node->id);
    fputs(" [", file);
    write_attribute(file, arena, "label", text);
    fprintf(file, "%s%s];\n", waits(diagnosis, node->id) ? "" : ", style=\"rounded,dashed\"",
            place_in_cycle(diagnosis, node->id) < diagnosis->cycle_count ? ", color=\"#c62a2f\"" : "");
}

static void write_edge(FILE *file, struct pf_arena *arena, size_t trial, const struct pf_diagnosis *diagnosis,
                       const struct pf_edge *edge)
{
    fputs("    ", file);
    write_id(file, arena, trial, edge->from);
    fputs(" -> ", file);
    write_id(file, arena, trial, edge->to);
    fputs(" [", file);
    write_attribute(file, arena, "label", edge->resource);
    if (edge->why) {
        fputs(", ", file);
        write_attribute(file, arena, "tooltip", edge->why);
    }
    fprintf(file, "%s];\n", is_of_cycle(diagnosis, edge) ? ", color=\"#c62a2f\", penwidth=2" : "");
}

/* Of a trial without a graph there is at least a box that says how it went. */
static void write_note(FILE *file, struct pf_arena *arena, size_t trial, const struct pf_trial_result *told)
{
    fprintf(file, "    \"%zu\" [shape=note, ", trial);
    write_attribute(file, arena, "label", told->reason ? told->reason : "nobody is known to wait for ever");
    fputs("];\n", file);
}

static void write_trial(FILE *file, struct pf_arena *arena, size_t number, const struct pf_told *told)
{
    const struct pf_diagnosis *diagnosis = told->trial->diagnosis;
    const char *state = told->trial->finding_count
                            ? pf_view_findings(arena, told->trial)
                            : pf_names_get(&pf_verdict_names, (int)told->trial->verdict);
    fprintf(file, "  subgraph cluster_%zu {\n    ", number);
    write_label(file, arena,
                pf_arena_printf(arena, "%s: %s%s", told->name, state,
                                diagnosis && diagnosis->proven ? " (proven)" : ""));
    fputs(";\n", file);
    if (!diagnosis || !diagnosis->node_count)
        write_note(file, arena, number, told->trial);
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++)
        write_node(file, arena, number, diagnosis, &diagnosis->nodes[i]);
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++)
        write_edge(file, arena, number, diagnosis, &diagnosis->edges[i]);
    fputs("  }\n", file);
}

/* What went well and has no graph is not drawn. */
static bool is_drawn(const struct pf_told *told)
{
    return told->trial->diagnosis || told->trial->verdict != PF_PASS;
}

int pf_dot_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    size_t count, drawn = 0;
    const struct pf_told *told = pf_told_select(arena, result, &count);
    const char *lack = pf_view_lack(arena, result);
    const char *title = pf_arena_printf(arena, "%s: %s", pf_view_title(arena, result, options->title),
                                        pf_view_totals(arena, &result->totals));
    fputs("digraph pitfall {\n  graph [fontname=\"sans-serif\", labelloc=t, ", file);
    write_label(file, arena, lack ? pf_arena_printf(arena, "%s\n%s", title, lack) : title);
    fputs("];\n  node [fontname=\"sans-serif\", shape=box, style=rounded];\n"
          "  edge [fontname=\"sans-serif\", fontsize=11];\n",
          file);
    for (size_t i = 0; i < count && drawn < GRAPHS_MOST; i++)
        if (is_drawn(&told[i]))
            write_trial(file, arena, ++drawn, &told[i]);
    fputs("}\n", file);
    pf_arena_free(arena);
    return pf_report_flush(file);
}
