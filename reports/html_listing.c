/* The programs of a scenario side by side: the lines that make one fall in, those that save the other, and
 * where the processes stood when it was over. */
#include <string.h>

#include "model/path.h"
#include "reports/html_parts.h"
#include "reports/plain.h"
#include "reports/problem.h"
#include "reports/view.h"

/* One line of a source, and what is said of it. */
struct line {
    const char *text;
    size_t number;
    const struct pf_mark_line *mark;
    const char *standing; /* "0, 0.1: stuck here"; NULL: nobody was */
};

static bool is_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool pf_html_has_listings(const struct pf_result *result, const char *scenario)
{
    for (size_t i = 0; i < result->listing_count; i++)
        if (is_same(result->listings[i].scenario, scenario))
            return true;
    return false;
}

const char *pf_html_listings_anchor(const struct pf_xml *xml, const char *scenario)
{
    return pf_arena_printf(xml->arena, "programs-%s", scenario);
}

/* Of several trials of a program the one that the page tells of. */
static const struct pf_trial_result *sample_of(const struct pf_view_group *groups, size_t count,
                                               const struct pf_listing *listing)
{
    for (size_t i = 0; i < count; i++)
        if (is_same(groups[i].scenario, listing->scenario) && is_same(groups[i].variant, listing->variant))
            return groups[i].sample;
    return NULL;
}

static const char *standing_at(const struct pf_xml *xml, const struct pf_trial_result *trial,
                               const char *file, size_t number)
{
    const char *who = NULL;
    for (size_t i = 0; trial && trial->diagnosis && i < trial->diagnosis->node_count; i++) {
        const struct pf_node *node = &trial->diagnosis->nodes[i];
        struct pf_place place =
            node->where ? pf_place_of(xml->arena, node->where, NULL) : (struct pf_place){0};
        if (place.line != number || !is_same(pf_path_name(place.file), file))
            continue;
        who = who ? pf_arena_printf(xml->arena, "%s, %s", who, node->id) : node->id;
    }
    if (!who)
        return NULL;
    return pf_arena_printf(xml->arena, "%s: %s", who,
                           trial->diagnosis->proven ? "stuck here" : "last seen here");
}

static void put_note(const struct pf_xml *xml, const char *class, const char *sign, const char *text)
{
    pf_html_classed(xml, "span", "no", "      ");
    pf_html_classed(xml, "span", class, pf_arena_printf(xml->arena, "%s %s\n", sign, text));
}

/* The newline lies in the element, so that a block of its own does not make two of it. */
static void put_line(const struct pf_xml *xml, const struct line *line, bool falls_in)
{
    const char *class = line->mark ? (falls_in ? "bad" : "good") : NULL;
    if (class || line->standing) {
        pf_xml_start(xml, class ? "mark" : "span");
        pf_xml_attribute(xml, "class", class ? class : "standing");
    }
    pf_html_classed(xml, "span", "no", pf_arena_printf(xml->arena, "%4zu  ", line->number));
    pf_xml_text(xml, pf_arena_printf(xml->arena, "%s\n", line->text));
    if (line->mark && line->mark->note)
        put_note(xml, "note", falls_in ? "\u2717" : "\u2713", line->mark->note);
    if (line->standing)
        put_note(xml, "note", "\u25cf", line->standing);
    if (class || line->standing)
        pf_xml_end(xml);
}

static void put_source(const struct pf_xml *xml, const struct pf_listing *listing,
                       const struct pf_trial_result *trial)
{
    const char *text = pf_plain_text(xml->arena, listing->text);
    size_t mark = 0;
    pf_xml_start(xml, "pre");
    pf_xml_attribute(xml, "class", "source");
    for (size_t number = 1; *text; number++) {
        size_t length = strcspn(text, "\n");
        while (mark < listing->mark_count && listing->marks[mark].line < number)
            mark++;
        struct line line = {.text = pf_arena_strndup(xml->arena, text, length),
                            .number = number,
                            .standing = standing_at(xml, trial, listing->file, number)};
        if (mark < listing->mark_count && listing->marks[mark].line == number)
            line.mark = &listing->marks[mark];
        put_line(xml, &line, listing->finding != NULL);
        text += length + (text[length] == '\n');
    }
    pf_xml_end(xml);
    if (listing->cut)
        pf_html_classed(xml, "p", "soft",
                        pf_arena_printf(xml->arena, "The file is longer than the %d KiB that are shown.",
                                        PF_LISTING_MOST / 1024));
}

void pf_html_listings(const struct pf_xml *xml, const struct pf_result *result,
                      const struct pf_view_group *groups, size_t count, const char *scenario)
{
    pf_xml_start(xml, "section");
    pf_xml_attribute(xml, "id", pf_html_listings_anchor(xml, scenario));
    pf_xml_attribute(xml, "class", "wide");
    pf_xml_element(xml, "h2", pf_arena_printf(xml->arena, "The programs of %s", scenario));
    pf_xml_start(xml, "div");
    pf_xml_attribute(xml, "class", "pair");
    for (size_t i = 0; i < result->listing_count; i++) {
        const struct pf_listing *listing = &result->listings[i];
        if (!is_same(listing->scenario, scenario))
            continue;
        pf_xml_start(xml, "div");
        pf_xml_element(xml, "h3",
                       pf_arena_printf(xml->arena, "%s %s", listing->file,
                                       listing->finding
                                           ? pf_arena_printf(xml->arena, "falls in: %s", listing->finding)
                                           : "avoids it"));
        put_source(xml, listing, sample_of(groups, count, listing));
        pf_xml_end(xml);
    }
    pf_xml_end(xml);
    pf_xml_end(xml);
}
