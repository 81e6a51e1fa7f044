/* What happened when, as a picture. The table in html_events.c says the same to those who cannot see it. */
#include <string.h>

#include "reports/html_parts.h"
#include "reports/plain.h"
#include "reports/view.h"

/* Pixels of the picture; and so many lanes are shown that thousands of trials fit into a page. */
enum { LABELS = 190, RIGHT = 1000, TOP = 22, LANE = 24, LANES_SHOWN = 40, LABEL_CHARACTERS = 24 };

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

/* What struck has a head as well: a signal at the same moment is a line of the same height. */
static void put_head(const struct picture *p, double x, double y, const char *title)
{
    pf_xml_start(p->xml, "path");
    pf_xml_attribute(p->xml, "d", pf_arena_printf(p->xml->arena, "M%.1f %.1fh10l-5 7z", x - 5, y));
    pf_xml_attribute(p->xml, "fill", "currentColor");
    pf_xml_attribute(p->xml, "class", "fault");
    pf_xml_element(p->xml, "title", title);
    pf_xml_end(p->xml);
}

static void draw_mark(const struct picture *p, const struct pf_mark *mark)
{
    size_t lane = lane_of(p, mark->lane);
    double x = x_of(p, mark->t_ns), top = TOP + (int)lane * LANE, foot = top + LANE - 2;
    if (mark->kind == PF_MARK_VERDICT) {
        put_line(p, x, TOP - 4, p->height, "verdict", mark->text);
        return;
    }
    if (lane == p->lanes)
        return;
    switch (mark->kind) {
    case PF_MARK_FAULT:
    case PF_MARK_LIMIT:
        put_line(p, x, top + 2, foot, "fault", mark->text);
        put_head(p, x, top, mark->text);
        break;
    case PF_MARK_SIGNAL:
    case PF_MARK_KILL:
        put_line(p, x, top + 2, foot, "signal", mark->text);
        break;
    default: /* below the bar: where there are hundreds, they would look like a wait */
        put_line(p, x, foot - 3, foot + 1, "tick", mark->text);
        break;
    }
}

static void draw_marks(const struct picture *p)
{
    /* A fault may be a signal as well, at the same moment: what struck is what is to be seen. */
    for (int faults = 0; faults <= 1; faults++)
        for (size_t i = 0; i < p->timeline->mark_count; i++) {
            enum pf_mark_kind kind = p->timeline->marks[i].kind;
            if ((kind == PF_MARK_LIMIT || kind == PF_MARK_FAULT) == faults)
                draw_mark(p, &p->timeline->marks[i]);
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

/* Says of the picture what there is in it, and nothing else. */
static const char *legend_of(const struct picture *p)
{
    static const char *const words[] = {
        "Grey bar: waits. ",
        "Orange bar: held back by the fault plan. ",
        "Red line with a head: a fault strikes. ",
        "Red line with a head: a limit is met. ",
        "Orange line: a signal. ",
        "Ticks at the foot: points that are reached, programs that are executed. ",
        "Dashed: the verdict. ",
    };
    enum { WAITS, HELD, FAULT, LIMIT, SIGNAL, TICK, VERDICT };
    static const int of_mark[PF_MARK__COUNT] = {
        [PF_MARK_EXEC] = TICK,       [PF_MARK_SIGNAL] = SIGNAL, [PF_MARK_KILL] = SIGNAL,
        [PF_MARK_POINT] = TICK,      [PF_MARK_LIMIT] = LIMIT,   [PF_MARK_FAULT] = FAULT,
        [PF_MARK_VERDICT] = VERDICT,
    };
    bool there[VERDICT + 1] = {false};
    const char *text = "";
    for (size_t i = 0; i < p->timeline->span_count; i++)
        there[p->timeline->spans[i].held ? HELD : WAITS] = true;
    for (size_t i = 0; i < p->timeline->mark_count; i++)
        there[of_mark[p->timeline->marks[i].kind]] = true;
    for (int i = WAITS; i <= VERDICT; i++)
        if (there[i])
            text = pf_arena_printf(p->xml->arena, "%s%s", text, words[i]);
    uint64_t hidden = p->timeline->left_out + (p->timeline->lane_count - p->lanes);
    return hidden ? pf_arena_printf(p->xml->arena, "%s%llu more are not drawn.", text,
                                    (unsigned long long)hidden)
                  : text;
}

void pf_html_timeline(const struct pf_xml *xml, const struct pf_timeline *timeline, const char *anchor)
{
    if (!timeline || !timeline->lane_count)
        return;
    size_t lanes = timeline->lane_count < LANES_SHOWN ? timeline->lane_count : LANES_SHOWN;
    struct picture p = {xml, timeline, lanes, TOP + (int)lanes * LANE};
    pf_xml_element(xml, "h3", "Timeline");
    draw(&p);
    pf_html_classed(xml, "p", "soft", legend_of(&p));
    pf_html_events(xml, timeline, anchor);
}
