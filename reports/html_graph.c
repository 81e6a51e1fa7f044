/* The wait-for graph as a picture in the page. The chain beside it says the same in words. */
#include <math.h>
#include <string.h>

#include "reports/html_parts.h"
#include "reports/plain.h"
#include "reports/view.h"
#include "reports/wait_graph.h"

enum { HEAD_LENGTH = 9, HEAD_HALF = 4 };

/* What makes a picture readable where no style sheet is allowed; a style sheet has the last word. */
static void paint(const struct pf_xml *xml, const char *fill, const char *stroke)
{
    pf_xml_attribute(xml, "fill", fill);
    pf_xml_attribute(xml, "stroke", stroke);
}

static void put(const struct pf_xml *xml, const char *name, double value)
{
    pf_xml_attribute(xml, name, pf_arena_printf(xml->arena, "%.1f", value));
}

/* Lines around a middle; the first may be a name. */
static void put_text(const struct pf_xml *xml, struct pf_graph_point middle, const struct pf_graph_text *text,
                     const char *class, bool named)
{
    double y = middle.y - (double)(text->count * PF_GRAPH_LINE) / 2 + 11;
    pf_xml_start(xml, "text");
    pf_xml_attribute(xml, "class", class);
    pf_xml_attribute(xml, "text-anchor", "middle");
    paint(xml, "currentColor", "none");
    for (size_t i = 0; i < text->count; i++) {
        pf_xml_start(xml, "tspan");
        put(xml, "x", middle.x);
        put(xml, "y", y + (double)(i * PF_GRAPH_LINE));
        if (named && i == 0)
            pf_xml_attribute(xml, "class", "name");
        pf_xml_text(xml, text->lines[i]);
        pf_xml_end(xml);
        /* For who copies the text, or has it read out. */
        pf_xml_text(xml, i + 1 < text->count ? " " : "");
    }
    pf_xml_end(xml);
}

static void draw_box(const struct pf_xml *xml, const struct pf_graph_box *box)
{
    pf_xml_start(xml, "rect");
    put(xml, "x", box->centre.x - PF_BOX_WIDTH / 2.0);
    put(xml, "y", box->centre.y - box->height / 2);
    put(xml, "width", PF_BOX_WIDTH);
    put(xml, "height", box->height);
    pf_xml_attribute(xml, "rx", "6");
    if (box->ring)
        pf_xml_attribute(xml, "class", "circle");
    if (!box->waits)
        pf_xml_attribute(xml, "stroke-dasharray", "5 4");
    pf_xml_end(xml);
    put_text(xml, box->centre, &box->text, "box", true);
}

static void draw_arrow(const struct pf_xml *xml, const struct pf_graph_arrow *arrow)
{
    double dx = arrow->end.x - arrow->bend.x, dy = arrow->end.y - arrow->bend.y, length = hypot(dx, dy);
    dx = length > 0 ? dx / length : 0;
    dy = length > 0 ? dy / length : 1;
    double x = arrow->end.x - HEAD_LENGTH * dx, y = arrow->end.y - HEAD_LENGTH * dy;
    pf_xml_start(xml, "path");
    pf_xml_attribute(xml, "d",
                     pf_arena_printf(xml->arena, "M%.1f %.1fQ%.1f %.1f %.1f %.1f", arrow->start.x,
                                     arrow->start.y, arrow->bend.x, arrow->bend.y, x, y));
    if (arrow->circle)
        pf_xml_attribute(xml, "class", "circle");
    pf_xml_end(xml);
    pf_xml_start(xml, "path");
    pf_xml_attribute(xml, "d",
                     pf_arena_printf(xml->arena, "M%.1f %.1fL%.1f %.1fL%.1f %.1fZ", arrow->end.x,
                                     arrow->end.y, x - HEAD_HALF * dy, y + HEAD_HALF * dx, x + HEAD_HALF * dy,
                                     y - HEAD_HALF * dx));
    pf_xml_attribute(xml, "class", arrow->circle ? "head circle" : "head");
    paint(xml, "currentColor", NULL);
    pf_xml_end(xml);
}

/* "0 (app) to 0.1 (app): end of a process, part of the circle. …" */
static const char *in_words(const struct pf_xml *xml, const struct pf_wait_graph *graph)
{
    const char *words = "From who waits to who could end it.";
    for (size_t i = 0; i < graph->arrow_count; i++) {
        const struct pf_graph_arrow *arrow = &graph->arrows[i];
        words = pf_arena_printf(xml->arena, "%s %s to %s", words, graph->boxes[arrow->from].text.lines[0],
                                graph->boxes[arrow->to].text.lines[0]);
        for (size_t k = 0; k < arrow->label.count; k++)
            words = pf_arena_printf(xml->arena, "%s%s%s", words, k ? " " : ": ", arrow->label.lines[k]);
        words = pf_arena_printf(xml->arena, "%s%s.", words, arrow->circle ? ", part of the circle" : "");
    }
    return words;
}

static void draw(const struct pf_xml *xml, const struct pf_wait_graph *graph)
{
    pf_xml_start(xml, "svg");
    pf_xml_attribute(xml, "class", "graph");
    pf_xml_attribute(xml, "role", "img");
    pf_xml_attribute(xml, "aria-label", in_words(xml, graph));
    pf_xml_attribute(xml, "viewBox",
                     pf_arena_printf(xml->arena, "0 0 %.0f %.0f", graph->width, graph->height));
    pf_xml_attribute(xml, "width", pf_arena_printf(xml->arena, "%.0f", graph->width));
    pf_xml_attribute(xml, "height", pf_arena_printf(xml->arena, "%.0f", graph->height));
    pf_xml_attribute(xml, "font-size", "12");
    paint(xml, "none", "currentColor");
    for (size_t i = 0; i < graph->arrow_count; i++)
        draw_arrow(xml, &graph->arrows[i]);
    for (size_t i = 0; i < graph->box_count; i++)
        draw_box(xml, &graph->boxes[i]);
    for (size_t i = 0; i < graph->arrow_count; i++)
        put_text(xml, graph->arrows[i].label_at, &graph->arrows[i].label, "label", false);
    pf_xml_end(xml);
}

void pf_html_graph(const struct pf_xml *xml, const struct pf_diagnosis *diagnosis)
{
    const struct pf_wait_graph *graph =
        diagnosis->edge_count ? pf_wait_graph_new(xml->arena, diagnosis) : NULL;
    if (!graph || !graph->arrow_count)
        return;
    pf_xml_start(xml, "div");
    pf_xml_attribute(xml, "class", "scroll");
    pf_xml_attribute(xml, "tabindex", "0"); /* so that the keyboard can scroll it */
    pf_xml_attribute(xml, "role", "group");
    pf_xml_attribute(xml, "aria-label", "Picture of who waits on what");
    draw(xml, graph);
    pf_xml_end(xml);
    if (graph->left_out)
        pf_html_classed(
            xml, "p", "soft",
            pf_arena_printf(xml->arena, "%zu more are not drawn; the list has them.", graph->left_out));
}
