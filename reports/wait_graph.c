/* Who is in the picture, what it says, and who forms the ring; wait_graph_place.c gives it places. */
#include "reports/wait_graph.h"

#include <string.h>

#include "reports/plain.h"

enum { BOX_COLUMNS = 30, BOX_LINES = 3, WHERE_LINES = 2, LABEL_COLUMNS = 20, LABEL_LINES = 3, PADDING = 14 };

static const size_t NOWHERE = (size_t)-1;

/* Bytes of the first characters of valid UTF-8, at most `columns` of them. */
static size_t bytes_of(const char *text, int columns)
{
    size_t bytes = 0;
    for (int i = 0; text[bytes] && i < columns; i++)
        do
            bytes++;
        while (((unsigned char)text[bytes] & 0xC0) == 0x80);
    return bytes;
}

/* Adds the plain text in lines of so many columns, broken at blanks where there are some. */
static void wrap(struct pf_arena *arena, struct pf_graph_text *text, const char *plain, int columns,
                 size_t most)
{
    for (size_t i = 0; *plain && i < most; i++) {
        size_t length = bytes_of(plain, columns), end = length;
        while (plain[length] && end && plain[end] != ' ')
            end--;
        length = plain[length] && end ? end : length;
        bool cut = i + 1 == most && plain[length];
        const char **line = pf_arena_grow(arena, &text->lines, &text->count, sizeof(*line));
        *line = cut ? pf_arena_printf(arena, "%.*s\u2026", (int)bytes_of(plain, columns - 1), plain)
                    : pf_arena_strndup(arena, plain, length);
        plain += length + (plain[length] == ' ');
    }
}

/* "mutex at 0x7f51baf78000 in shared memory" without the address: a picture shows who, the text which. And
 * "(fd 3)" stays on one line. */
static const char *shortened(struct pf_arena *arena, const char *text)
{
    const char *plain = pf_plain_line(arena, text), *at = strstr(plain, " at 0x");
    if (at)
        plain = pf_arena_printf(arena, "%.*s%s", (int)(at - plain), plain,
                                at + 6 + strspn(at + 6, "0123456789abcdef"));
    const char *fd = strstr(plain, "(fd ");
    return fd ? pf_arena_printf(arena, "%.*s(fd\u00a0%s", (int)(fd - plain), plain, fd + 4) : plain;
}

/* "main at /long/way/app.c:31" without the way. */
static const char *without_folders(struct pf_arena *arena, const char *plain)
{
    const char *at = strstr(plain, " at ");
    const char *path = at ? at + 4 : plain, *name = path;
    for (const char *c = path; *c && *c != ' '; c++)
        name = *c == '/' ? c + 1 : name;
    return pf_arena_printf(arena, "%.*s%s", (int)(path - plain), plain, name);
}

static size_t find(const struct pf_wait_graph *graph, const char *id)
{
    for (size_t i = 0; id && i < graph->box_count; i++)
        if (strcmp(graph->boxes[i].id, id) == 0)
            return i;
    return NOWHERE;
}

static const struct pf_node *node_of(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (diagnosis->nodes[i].id && strcmp(diagnosis->nodes[i].id, id) == 0)
            return &diagnosis->nodes[i];
    return NULL;
}

static void add_box(struct pf_arena *arena, struct pf_wait_graph *graph, const struct pf_diagnosis *diagnosis,
                    const char *id)
{
    if (!id || find(graph, id) != NOWHERE)
        return;
    if (graph->box_count == PF_GRAPH_BOXES_MOST) {
        graph->left_out++;
        return;
    }
    const struct pf_node *node = node_of(diagnosis, id);
    struct pf_graph_box *box = pf_arena_grow(arena, &graph->boxes, &graph->box_count, sizeof(*box));
    *box = (struct pf_graph_box){.id = id};
    wrap(arena, &box->text, pf_plain_line(arena, node && node->label ? node->label : id), BOX_COLUMNS - 3, 1);
    if (node && node->state)
        wrap(arena, &box->text, shortened(arena, node->state), BOX_COLUMNS, BOX_LINES);
    if (node && node->where)
        wrap(arena, &box->text, without_folders(arena, pf_plain_line(arena, node->where)), BOX_COLUMNS,
             WHERE_LINES);
    box->height = (double)(box->text.count * PF_GRAPH_LINE + PADDING);
}

/* Several waits of one for the same other are one arrow. */
static void add_arrow(struct pf_arena *arena, struct pf_wait_graph *graph,
                      const struct pf_diagnosis *diagnosis, const struct pf_edge *edge)
{
    size_t from = find(graph, edge->from), to = find(graph, edge->to), i = 0;
    if (from == NOWHERE || to == NOWHERE || !node_of(diagnosis, edge->from))
        return;
    graph->boxes[from].waits = true;
    while (i < graph->arrow_count && (graph->arrows[i].from != from || graph->arrows[i].to != to))
        i++;
    if (i == graph->arrow_count)
        *(struct pf_graph_arrow *)pf_arena_grow(arena, &graph->arrows, &graph->arrow_count,
                                                sizeof(*graph->arrows)) =
            (struct pf_graph_arrow){.from = from, .to = to};
    struct pf_graph_text label = {0}, *known = &graph->arrows[i].label;
    wrap(arena, &label, shortened(arena, edge->resource), LABEL_COLUMNS, LABEL_LINES);
    bool again = known->count >= label.count;
    for (size_t k = 0; again && k < label.count; k++)
        again = strcmp(known->lines[k], label.lines[k]) == 0;
    if (!known->count)
        *known = label;
    else if (!again && known->count < 2 * LABEL_LINES)
        wrap(arena, known, shortened(arena, edge->resource), LABEL_COLUMNS, LABEL_LINES);
}

struct search {
    const struct pf_diagnosis *diagnosis;
    const char **path;
    size_t length;
    bool *done; /* by node: nobody behind it is in a circle */
};

/* Depth first: a way back to somebody on the path is a circle. Returns its length, or 0. */
static size_t search_circle(struct search *search, const char *id)
{
    const struct pf_node *node = node_of(search->diagnosis, id);
    for (size_t i = 0; i < search->length; i++)
        if (strcmp(search->path[i], id) == 0)
            return search->length - i;
    if (!node || search->done[node - search->diagnosis->nodes])
        return 0;
    search->path[search->length++] = id;
    for (size_t i = 0; i < search->diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &search->diagnosis->edges[i];
        size_t circle =
            edge->from && edge->to && strcmp(edge->from, id) == 0 ? search_circle(search, edge->to) : 0;
        if (circle)
            return circle;
    }
    search->length--;
    search->done[node - search->diagnosis->nodes] = true;
    return 0;
}

/* The circle that the diagnosis names; else one that its edges form, which is drawn as one all the same. */
static size_t find_ring(struct pf_arena *arena, const struct pf_diagnosis *diagnosis, const char *const **ret)
{
    *ret = diagnosis->cycle;
    if (diagnosis->cycle_count)
        return diagnosis->cycle_count;
    struct search search = {.diagnosis = diagnosis,
                            .path = pf_arena_alloc(arena, (diagnosis->node_count + 1) * sizeof(char *)),
                            .done = pf_arena_alloc(arena, diagnosis->node_count + 1)};
    for (size_t i = 0; i < diagnosis->node_count; i++) {
        const char *id = diagnosis->nodes[i].id;
        size_t length = id ? search_circle(&search, id) : 0;
        if (length) {
            *ret = search.path + search.length - length;
            return length;
        }
    }
    return 0;
}

static size_t index_of(const struct pf_diagnosis *diagnosis, const char *id)
{
    const struct pf_node *node = id ? node_of(diagnosis, id) : NULL;
    return node ? (size_t)(node - diagnosis->nodes) : diagnosis->node_count;
}

/*
 * By node: do waits, in whatever direction, lead from it to the ring? Whoever waits apart from it would be
 * a picture of their own. Without a ring all are in, and in the last place are those who are no node.
 */
static const bool *find_company(struct pf_arena *arena, const struct pf_diagnosis *diagnosis,
                                const char *const *ring, size_t length)
{
    bool *in = pf_arena_alloc(arena, diagnosis->node_count + 1);
    for (size_t i = 0; i <= diagnosis->node_count; i++)
        in[i] = !length;
    for (size_t i = 0; i < length; i++)
        in[index_of(diagnosis, ring[i])] = true;
    for (bool more = length > 0; more;) {
        more = false;
        in[diagnosis->node_count] = false;
        for (size_t i = 0; i < diagnosis->edge_count; i++) {
            bool *from = &in[index_of(diagnosis, diagnosis->edges[i].from)];
            bool *to = &in[index_of(diagnosis, diagnosis->edges[i].to)];
            if (*from == *to || from == &in[diagnosis->node_count] || to == &in[diagnosis->node_count])
                continue;
            *from = *to = more = true;
        }
    }
    return in;
}

const struct pf_wait_graph *pf_wait_graph_new(struct pf_arena *arena, const struct pf_diagnosis *diagnosis)
{
    struct pf_wait_graph *graph = pf_arena_alloc(arena, sizeof(*graph));
    const char *const *ring;
    size_t length = find_ring(arena, diagnosis, &ring);
    if (!diagnosis->node_count || length > PF_GRAPH_BOXES_MOST)
        return NULL;
    for (size_t i = 0; i < length; i++)
        add_box(arena, graph, diagnosis, ring[i]);
    const bool *in = find_company(arena, diagnosis, ring, diagnosis->cycle_count);
    length = graph->box_count;
    for (size_t i = 0; i < diagnosis->node_count; i++) {
        if (in[i])
            add_box(arena, graph, diagnosis, diagnosis->nodes[i].id);
        graph->left_out += !in[i];
    }
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        if (in[index_of(diagnosis, diagnosis->edges[i].from)])
            add_box(arena, graph, diagnosis, diagnosis->edges[i].to);
    if (!graph->box_count)
        return NULL;
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        add_arrow(arena, graph, diagnosis, &diagnosis->edges[i]);
    for (size_t i = 0; i < length; i++)
        graph->boxes[i].ring = diagnosis->cycle_count > 0;
    for (size_t i = 0; i < graph->arrow_count; i++)
        graph->arrows[i].circle = diagnosis->cycle_count > 0 && graph->arrows[i].from < length &&
                                  graph->arrows[i].to == (graph->arrows[i].from + 1) % length;
    pf_wait_graph_place(arena, graph, length);
    return graph;
}
