/* What happened when, as a table, and the links to it from the evidence. */
#include <stdlib.h>

#include "reports/html_parts.h"
#include "reports/view.h"

/* So much of a long timeline is shown that thousands of trials fit into a page. */
enum { ROWS_SHOWN = 60 };

struct row {
    uint64_t event, t_ns;
    const char *who, *what;
};

struct table {
    struct pf_arena *arena;
    struct row *rows;
    size_t count;
};

static void add(struct table *table, uint64_t event, uint64_t t_ns, const char *who, const char *what)
{
    if (event)
        *(struct row *)pf_arena_grow(table->arena, &table->rows, &table->count, sizeof(struct row)) =
            (struct row){event, t_ns, who, what};
}

static int by_event(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->event > y->event) - (x->event < y->event);
}

/* Points are in the picture only: there are many of them, and no finding rests on one. */
static struct table table_of(struct pf_arena *arena, const struct pf_timeline *timeline)
{
    struct table table = {.arena = arena};
    for (size_t i = 0; i < timeline->lane_count; i++) {
        const struct pf_lane *lane = &timeline->lanes[i];
        add(&table, lane->event, lane->from_ns, lane->name,
            lane->by ? pf_arena_printf(arena, "is made by %s", lane->by) : "begins");
        add(&table, lane->end_event, lane->to_ns, lane->name, lane->end);
    }
    for (size_t i = 0; i < timeline->span_count; i++)
        add(&table, timeline->spans[i].event, timeline->spans[i].from_ns, timeline->spans[i].lane,
            timeline->spans[i].text);
    for (size_t i = 0; i < timeline->mark_count; i++)
        if (timeline->marks[i].kind != PF_MARK_POINT)
            add(&table, timeline->marks[i].event, timeline->marks[i].t_ns, timeline->marks[i].lane,
                timeline->marks[i].text);
    if (table.count)
        qsort(table.rows, table.count, sizeof(*table.rows), by_event);
    return table;
}

/* The last ones, for they tell how it came to its end. */
static size_t first_row(const struct table *table)
{
    return table->count > ROWS_SHOWN ? table->count - ROWS_SHOWN : 0;
}

static void write_row(const struct pf_xml *xml, const struct row *row, const char *id)
{
    pf_xml_start(xml, "tr");
    pf_xml_attribute(xml, "id", id);
    pf_html_classed(xml, "td", "number", pf_arena_printf(xml->arena, "%llu", (unsigned long long)row->event));
    pf_html_classed(xml, "td", "number", pf_view_time(xml->arena, (double)row->t_ns / 1e6));
    pf_xml_element(xml, "td", row->who ? row->who : "");
    pf_xml_element(xml, "td", row->what ? row->what : "");
    pf_xml_end(xml);
}

static void write_table(const struct pf_xml *xml, const struct table *table, const char *anchor)
{
    static const char *const heads[] = {"Event", "Time", "Who", "What"};
    size_t first = first_row(table);
    pf_xml_start(xml, "details");
    pf_xml_element(xml, "summary",
                   first ? pf_arena_printf(xml->arena, "The last %d events", ROWS_SHOWN) : "Events");
    pf_xml_start(xml, "table");
    pf_xml_attribute(xml, "class", "points");
    pf_xml_start(xml, "thead");
    pf_xml_start(xml, "tr");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        pf_xml_element(xml, "th", heads[i]);
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_start(xml, "tbody");
    for (size_t i = first; i < table->count; i++) {
        bool again = i > first && table->rows[i].event == table->rows[i - 1].event;
        write_row(xml, &table->rows[i],
                  again ? NULL
                        : pf_arena_printf(xml->arena, "%s-event-%llu", anchor,
                                          (unsigned long long)table->rows[i].event));
    }
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

void pf_html_events(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor)
{
    struct table table = table_of(xml->arena, timeline);
    write_table(xml, &table, anchor);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Those that are in the table, in their order and each once. */
static size_t shown_of(const struct table *table, const uint64_t *events, size_t count, uint64_t *ret_shown)
{
    size_t first = first_row(table), shown = 0, unique = 0;
    for (size_t i = 0; i < count && first < table->count; i++) {
        struct row key = {.event = events[i]};
        if (bsearch(&key, &table->rows[first], table->count - first, sizeof(key), by_event))
            ret_shown[shown++] = events[i];
    }
    qsort(ret_shown, shown, sizeof(*ret_shown), by_number);
    for (size_t i = 0; i < shown; i++)
        if (!unique || ret_shown[unique - 1] != ret_shown[i])
            ret_shown[unique++] = ret_shown[i];
    return unique;
}

void pf_html_evidence(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor,
                      const uint64_t *events, size_t count)
{
    if (!timeline || !timeline->lane_count || !count)
        return;
    struct table table = table_of(xml->arena, timeline);
    uint64_t *shown = pf_arena_alloc(xml->arena, count * sizeof(*shown));
    size_t links = shown_of(&table, events, count, shown);
    for (size_t i = 0; i < links; i++) {
        pf_xml_text(xml, i ? ", " : links > 1 ? " (events " : " (event ");
        pf_xml_start(xml, "a");
        pf_xml_attribute(xml, "href",
                         pf_arena_printf(xml->arena, "#%s-event-%llu", anchor, (unsigned long long)shown[i]));
        pf_xml_text(xml, pf_arena_printf(xml->arena, "%llu", (unsigned long long)shown[i]));
        pf_xml_end(xml);
    }
    if (links)
        pf_xml_text(xml, ")");
}
