/*
 * What happened when, as a picture and as a table: the picture for a look, the table for those who cannot see
 * it and for links from the evidence.
 */
#include <stdlib.h>
#include <string.h>

#include "reports/html_parts.h"
#include "reports/plain.h"
#include "reports/view.h"

/* Pixels of the picture; and so much of a long timeline is shown that thousands of trials fit into a page. */
enum {
    LABELS = 190,
    RIGHT = 1000,
    TOP = 22,
    LANE = 24,
    LANES_SHOWN = 40,
    ROWS_SHOWN = 60,
    LABEL_CHARACTERS = 24
};

struct picture {
    const struct pf_xml *xml;
    const struct pf_timeline *timeline;
    size_t lanes;
    int height;
};

static double x_of(const struct picture *p, uint64_t t_ns)
{
    uint64_t end = p->timeline->end_ns ? p->timeline->end_ns : 1;
    return LABELS + (double)(t_ns < end ? t_ns : end) / (double)end * (RIGHT - LABELS - 10);
}

static void put_number(const struct picture *p, const char *name, double value)
{
    pf_xml_attribute(p->xml, name, pf_arena_printf(p->xml->arena, "%.1f", value));
}

static void put_text(const struct picture *p, double x, double y, const char *class, const char *text)
{
    pf_xml_start(p->xml, "text");
    put_number(p, "x", x);
    put_number(p, "y", y);
    pf_xml_attribute(p->xml, "class", class);
    pf_xml_attribute(p->xml, "fill", "currentColor");
    pf_xml_attribute(p->xml, "stroke", "none");
    pf_xml_text(p->xml, text);
    pf_xml_end(p->xml);
}

static void put_bar(const struct picture *p, size_t lane, uint64_t from_ns, uint64_t to_ns, const char *class,
                    const char *title)
{
    double x = x_of(p, from_ns), width = x_of(p, to_ns) - x;
    pf_xml_start(p->xml, "rect");
    put_number(p, "x", x);
    put_number(p, "y", (double)(TOP + (int)lane * LANE + 5));
    put_number(p, "width", width > 1 ? width : 1);
    put_number(p, "height", LANE - 10);
    if (strcmp(class, "life") != 0)
        pf_xml_attribute(p->xml, "fill", "currentColor");
    pf_xml_attribute(p->xml, "class", class);
    pf_xml_element(p->xml, "title", title);
    pf_xml_end(p->xml);
}

static void put_line(const struct picture *p, double x, double from, double to, const char *class,
                     const char *title)
{
    pf_xml_start(p->xml, "line");
    put_number(p, "x1", x);
    put_number(p, "x2", x);
    put_number(p, "y1", from);
    put_number(p, "y2", to);
    pf_xml_attribute(p->xml, "class", class);
    if (title)
        pf_xml_element(p->xml, "title", title);
    pf_xml_end(p->xml);
}

/* Its place, or the number of lanes that are shown. */
static size_t lane_of(const struct picture *p, const char *id)
{
    size_t i = 0;
    while (i < p->lanes && !(id && strcmp(p->timeline->lanes[i].id, id) == 0))
        i++;
    return i;
}

/* Cuts plain text between two characters. */
static const char *short_name(const struct picture *p, const char *name)
{
    const char *plain = pf_plain_line(p->xml->arena, name);
    size_t bytes = 0;
    for (int columns = 0; plain[bytes] && columns < LABEL_CHARACTERS; columns++)
        do
            bytes++;
        while (((unsigned char)plain[bytes] & 0xC0) == 0x80);
    return plain[bytes] ? pf_arena_printf(p->xml->arena, "%.*s\u2026", (int)bytes, plain) : plain;
}

static void draw_lanes(const struct picture *p)
{
    for (size_t i = 0; i < p->lanes; i++) {
        const struct pf_lane *lane = &p->timeline->lanes[i];
        put_text(p, 4, TOP + (int)i * LANE + 16, "name", short_name(p, lane->name));
        put_bar(p, i, lane->from_ns, lane->to_ns, "life",
                pf_arena_printf(p->xml->arena, "%s %s", lane->name, lane->end ? lane->end : "lives"));
    }
    for (size_t i = 0; i < p->timeline->span_count; i++) {
        const struct pf_span *span = &p->timeline->spans[i];
        size_t lane = lane_of(p, span->lane);
        if (lane < p->lanes)
            put_bar(p, lane, span->from_ns, span->to_ns, span->held ? "held" : "wait", span->text);
    }
}

static void draw_marks(const struct picture *p)
{
    static const char *const classes[] = {
        [PF_MARK_EXEC] = "tick",       [PF_MARK_SIGNAL] = "signal", [PF_MARK_KILL] = "signal",
        [PF_MARK_POINT] = "tick",      [PF_MARK_LIMIT] = "fault",   [PF_MARK_FAULT] = "fault",
        [PF_MARK_VERDICT] = "verdict",
    };
    /* A fault may be a signal as well, at the same moment: what struck is what is to be seen. */
    for (int faults = 0; faults <= 1; faults++)
        for (size_t i = 0; i < p->timeline->mark_count; i++) {
            const struct pf_mark *mark = &p->timeline->marks[i];
            size_t lane = lane_of(p, mark->lane);
            double top = TOP + (int)lane * LANE;
            if ((mark->kind == PF_MARK_LIMIT || mark->kind == PF_MARK_FAULT) != faults)
                continue;
            if (mark->kind == PF_MARK_VERDICT)
                put_line(p, x_of(p, mark->t_ns), TOP - 4, p->height, "verdict", mark->text);
            else if (lane < p->lanes)
                put_line(p, x_of(p, mark->t_ns), top + 2, top + LANE - 2, classes[mark->kind], mark->text);
        }
}

static void draw_axis(const struct picture *p)
{
    for (int i = 0; i <= 4; i++) {
        uint64_t t_ns = p->timeline->end_ns / 4 * (uint64_t)i;
        put_line(p, x_of(p, t_ns), TOP, p->height, "axis", NULL);
        put_text(p, x_of(p, t_ns), 14, i == 4 ? "time last" : "time",
                 i ? pf_view_time(p->xml->arena, (double)t_ns / 1e6) : "0");
    }
}

static void draw(const struct picture *p)
{
    pf_xml_start(p->xml, "div");
    pf_xml_attribute(p->xml, "class", "scroll");
    pf_xml_attribute(p->xml, "tabindex", "0"); /* so that the keyboard can scroll it */
    pf_xml_attribute(p->xml, "role", "group");
    pf_xml_attribute(p->xml, "aria-label", "Timeline");
    pf_xml_start(p->xml, "svg");
    pf_xml_attribute(p->xml, "class", "timeline");
    pf_xml_attribute(p->xml, "role", "img");
    pf_xml_attribute(p->xml, "aria-label",
                     "Timeline: a row for each process and thread. The table below has its events.");
    pf_xml_attribute(p->xml, "viewBox", pf_arena_printf(p->xml->arena, "0 0 %d %d", RIGHT, p->height + 4));
    /* For readers whose server forbids style sheets: filled is what waits, the rest is lines. */
    pf_xml_attribute(p->xml, "fill", "none");
    pf_xml_attribute(p->xml, "stroke", "currentColor");
    pf_xml_attribute(p->xml, "font-size", "12");
    draw_axis(p);
    draw_lanes(p);
    draw_marks(p);
    pf_xml_end(p->xml);
    pf_xml_end(p->xml);
}

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

void pf_html_timeline(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor)
{
    if (!timeline || !timeline->lane_count)
        return;
    size_t lanes = timeline->lane_count < LANES_SHOWN ? timeline->lane_count : LANES_SHOWN;
    uint64_t hidden = timeline->left_out + (timeline->lane_count - lanes);
    struct picture p = {xml, timeline, lanes, TOP + (int)lanes * LANE};
    struct table table = table_of(xml->arena, timeline);
    pf_xml_element(xml, "h3", "Timeline");
    draw(&p);
    pf_html_classed(xml, "p", "soft",
                    pf_arena_printf(xml->arena,
                                    "Filled: waits. Red: faults. Orange: signals. Dashed: the verdict.%s",
                                    hidden ? pf_arena_printf(xml->arena, " %llu more are not drawn.",
                                                             (unsigned long long)hidden)
                                           : ""));
    write_table(xml, &table, anchor);
}

void pf_html_evidence(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor,
                      const uint64_t *events, size_t count)
{
    struct table table = {.arena = xml->arena};
    if (timeline && timeline->lane_count)
        table = table_of(xml->arena, timeline);
    size_t first = first_row(&table), linked = 0;
    for (size_t i = 0; i < count; i++) {
        struct row key = {.event = events[i]};
        if (table.count == first ||
            !bsearch(&key, &table.rows[first], table.count - first, sizeof(key), by_event))
            continue;
        pf_xml_text(xml, linked++ ? ", " : " (event ");
        pf_xml_start(xml, "a");
        pf_xml_attribute(
            xml, "href",
            pf_arena_printf(xml->arena, "#%s-event-%llu", anchor, (unsigned long long)events[i]));
        pf_xml_text(xml, pf_arena_printf(xml->arena, "%llu", (unsigned long long)events[i]));
        pf_xml_end(xml);
    }
    if (linked)
        pf_xml_text(xml, ")");
}
