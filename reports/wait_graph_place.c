/* Where boxes and arrows of a wait-for graph are. Distances are pixels. */
#include "reports/wait_graph.h"

#include <math.h>
#include <stdlib.h>

enum {
    GAP = 170,    /* between columns: a label stands there */
    ROW_GAP = 60, /* between rows, likewise */
    SIDE = 30,    /* between boxes side by side */
    BESIDE = 24,  /* between boxes one below the other */
    MARGIN = 10,
    IN_A_ROW = 4, /* more side by side make a column instead */
    LABEL_WIDTH = 130,
    LOOP = 26, /* how far an arrow to oneself reaches out */
    APART = 9  /* half the distance of two arrows that go opposite ways */
};

struct placing {
    struct pf_arena *arena;
    struct pf_wait_graph *graph;
    size_t ring;
    double half;     /* of the highest box */
    bool rows;       /* arrows go down from one row to the next; else aside, from column to column */
    size_t *depth;   /* by box: steps from the ring, or to the end of the chain */
    size_t *towards; /* ... the box that it stands by */
};

static const size_t NOWHERE = (size_t)-1;

/* Do boxes at these places leave so much room between them, across or down? */
static bool are_apart(const struct placing *p, struct pf_graph_point a, struct pf_graph_point b,
                      double across, double down)
{
    return fabs(a.x - b.x) >= PF_BOX_WIDTH + across || fabs(a.y - b.y) >= 2 * p->half + down;
}

static bool ring_has_room(const struct placing *p)
{
    const struct pf_graph_box *boxes = p->graph->boxes;
    for (size_t i = 0; i < p->ring; i++)
        for (size_t k = i + 1; k < p->ring; k++) {
            bool beside = k == i + 1 || (i == 0 && k == p->ring - 1);
            if (!are_apart(p, boxes[i].centre, boxes[k].centre, beside ? GAP - SIDE : SIDE,
                           beside ? ROW_GAP : BESIDE))
                return false;
        }
    return true;
}

/* Clockwise from the top, in the order of the waits; two stand side by side. */
static void place_ring(const struct placing *p)
{
    double first = p->ring == 2 ? M_PI : -M_PI / 2;
    for (double radius = p->ring > 1 ? 60 : 0;; radius += 10) {
        for (size_t i = 0; i < p->ring; i++) {
            double angle = first + 2 * M_PI * (double)i / (double)p->ring;
            p->graph->boxes[i].centre =
                (struct pf_graph_point){round(1.6 * radius * cos(angle)), round(radius * sin(angle))};
        }
        if (ring_has_room(p))
            return;
    }
}

/* Distance from the ring, whichever way the arrows go, and the neighbour that is nearer to it. */
static void measure_from_ring(const struct placing *p)
{
    const struct pf_wait_graph *graph = p->graph;
    for (size_t round = 0, changes = 1; changes; round++) {
        changes = 0;
        for (size_t i = 0; i < graph->arrow_count; i++)
            for (int back = 0; back < 2; back++) {
                size_t far = back ? graph->arrows[i].to : graph->arrows[i].from;
                size_t near = back ? graph->arrows[i].from : graph->arrows[i].to;
                if (p->depth[near] != round || p->depth[far] != NOWHERE)
                    continue;
                p->depth[far] = round + 1;
                p->towards[far] = near;
                changes++;
            }
    }
}

/* Longest way to somebody who waits for nobody. Without a circle, as many rounds as there are boxes do. */
static void measure_to_end(const struct placing *p)
{
    const struct pf_wait_graph *graph = p->graph;
    for (size_t i = 0; i < graph->box_count; i++)
        p->depth[i] = 0;
    for (size_t round = 0; round < graph->box_count; round++)
        for (size_t i = 0; i < graph->arrow_count; i++) {
            size_t from = graph->arrows[i].from, to = graph->arrows[i].to;
            if (p->depth[from] > p->depth[to])
                continue;
            p->depth[from] = p->depth[to] + 1;
        }
}

/* A box that is to be put into a row or a column. */
struct wish {
    double at;
    size_t box;
};

static int by_wish(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->box > y->box) - (x->box < y->box);
}

/* Puts them as near to their wishes as the distance `step` allows, around the same middle. */
static void settle(struct wish *wishes, size_t count, double step)
{
    double shift = 0, last = 0;
    qsort(wishes, count, sizeof(*wishes), by_wish);
    for (size_t i = 0; i < count; i++) {
        double wished = wishes[i].at;
        wishes[i].at = i && wished < last + step ? last + step : wished;
        last = wishes[i].at;
        shift += wishes[i].at - wished;
    }
    for (size_t i = 0; i < count; i++)
        wishes[i].at = round(wishes[i].at - shift / (double)count);
}

/* Is the box on the left of the ring? Whose neighbour stands in the left half is. */
static bool is_left(const struct placing *p, size_t box)
{
    while (p->towards[box] != NOWHERE)
        box = p->towards[box];
    return p->graph->boxes[box].centre.x < 0;
}

static double ring_half_width(const struct placing *p)
{
    double most = 0;
    for (size_t i = 0; i < p->ring; i++)
        most = fmax(most, fabs(p->graph->boxes[i].centre.x));
    return most;
}

static void place_beside_ring(const struct placing *p)
{
    struct pf_graph_box *boxes = p->graph->boxes;
    struct wish *wishes = pf_arena_alloc(p->arena, p->graph->box_count * sizeof(*wishes));
    double half = ring_half_width(p);
    for (size_t depth = 1; depth <= p->graph->box_count; depth++)
        for (int left = 0; left < 2; left++) {
            size_t count = 0;
            for (size_t i = p->ring; i < p->graph->box_count; i++)
                if (p->depth[i] == depth && is_left(p, i) == (left == 1))
                    wishes[count++] =
                        (struct wish){p->towards[i] == NOWHERE ? 0 : boxes[p->towards[i]].centre.y, i};
            settle(wishes, count, 2 * p->half + BESIDE);
            double x = half + (double)depth * (PF_BOX_WIDTH + GAP);
            for (size_t i = 0; i < count; i++)
                boxes[wishes[i].box].centre = (struct pf_graph_point){left ? -x : x, wishes[i].at};
        }
}

static void place_with_ring(const struct placing *p)
{
    for (size_t i = 0; i < p->graph->box_count; i++)
        p->depth[i] = i < p->ring ? 0 : NOWHERE;
    place_ring(p);
    measure_from_ring(p);
    /* Who has nothing to do with the ring stands beside it as well. */
    for (size_t i = p->ring; i < p->graph->box_count; i++)
        p->depth[i] = p->depth[i] == NOWHERE ? 1 : p->depth[i];
    place_beside_ring(p);
}

/* Where all those are that it waits for, on the average. */
static double middle_of_targets(const struct placing *p, size_t box, bool columns)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < p->graph->arrow_count; i++) {
        const struct pf_graph_point *to = &p->graph->boxes[p->graph->arrows[i].to].centre;
        if (p->graph->arrows[i].from != box)
            continue;
        sum += columns ? to->y : to->x;
        count++;
    }
    return count > 0 ? sum / count : 0;
}

static size_t broadest(const struct placing *p)
{
    size_t most = 0;
    for (size_t depth = 0; depth <= p->graph->box_count; depth++) {
        size_t count = 0;
        for (size_t i = 0; i < p->graph->box_count; i++)
            count += p->depth[i] == depth;
        most = count > most ? count : most;
    }
    return most;
}

static void place_in_layers(struct placing *p)
{
    struct pf_graph_box *boxes = p->graph->boxes;
    struct wish *wishes = pf_arena_alloc(p->arena, p->graph->box_count * sizeof(*wishes));
    measure_to_end(p);
    bool columns = broadest(p) > IN_A_ROW;
    p->rows = !columns;
    double step = columns ? 2 * p->half + BESIDE : PF_BOX_WIDTH + SIDE;
    for (size_t depth = 0; depth <= p->graph->box_count; depth++) {
        size_t count = 0;
        for (size_t i = 0; i < p->graph->box_count; i++)
            if (p->depth[i] == depth)
                wishes[count++] = (struct wish){middle_of_targets(p, i, columns), i};
        settle(wishes, count, step);
        double away = -(double)depth * (columns ? PF_BOX_WIDTH + GAP : 2 * p->half + ROW_GAP);
        for (size_t i = 0; i < count; i++)
            boxes[wishes[i].box].centre = columns ? (struct pf_graph_point){away, wishes[i].at}
                                                  : (struct pf_graph_point){wishes[i].at, away};
    }
}

/* Where the way from the middle of a box to another point leaves the box. */
static struct pf_graph_point border(const struct pf_graph_box *box, struct pf_graph_point to)
{
    double dx = to.x - box->centre.x, dy = to.y - box->centre.y;
    double across = fabs(dx) / (PF_BOX_WIDTH / 2.0), down = fabs(dy) / (box->height / 2);
    double scale = fmax(across, down);
    return scale > 0 ? (struct pf_graph_point){box->centre.x + dx / scale, box->centre.y + dy / scale}
                     : box->centre;
}

/* Labels stand where arrows are far from each other: at the end that fewer of them share. */
static double label_place(const struct pf_wait_graph *graph, const struct pf_graph_arrow *arrow)
{
    size_t out = 0, in = 0;
    for (size_t i = 0; i < graph->arrow_count; i++) {
        out += graph->arrows[i].from == arrow->from;
        in += graph->arrows[i].to == arrow->to;
    }
    return out > in ? 0.58 : 0.44;
}

/* Where an arrow leaves a box on its way to another one. From column to column it begins at a side, so that
 * it does not run over the neighbours; and from row to row likewise. */
static struct pf_graph_point anchor(const struct placing *p, size_t from, size_t to)
{
    const struct pf_graph_box *box = &p->graph->boxes[from], *other = &p->graph->boxes[to];
    struct pf_graph_point at = box->centre;
    double dx = other->centre.x - at.x, dy = other->centre.y - at.y;
    bool in_ring = from < p->ring && to < p->ring;
    if (p->rows && fabs(dy) >= 2 * p->half + ROW_GAP)
        at.y += copysign(box->height / 2, dy);
    else if (!p->rows && !in_ring && fabs(dx) >= PF_BOX_WIDTH + GAP)
        at.x += copysign(PF_BOX_WIDTH / 2.0, dx);
    else
        at = border(box, other->centre);
    return at;
}

static bool has_opposite(const struct pf_wait_graph *graph, const struct pf_graph_arrow *arrow)
{
    for (size_t i = 0; i < graph->arrow_count; i++)
        if (graph->arrows[i].from == arrow->to && graph->arrows[i].to == arrow->from)
            return true;
    return false;
}

static void draw_loop(const struct pf_graph_box *box, struct pf_graph_arrow *arrow)
{
    double right = box->centre.x + PF_BOX_WIDTH / 2.0, top = box->centre.y - box->height / 2;
    arrow->start = (struct pf_graph_point){right - LOOP, top};
    arrow->bend = (struct pf_graph_point){right + 2 * LOOP, top - 2 * LOOP};
    arrow->end = (struct pf_graph_point){right, top + LOOP};
    arrow->label_at = (struct pf_graph_point){right + LABEL_WIDTH / 2.0 + LOOP, top};
}

/* Arrows go straight; two that go opposite ways bend apart. */
static void draw_arrow(const struct placing *p, struct pf_graph_arrow *arrow)
{
    const struct pf_wait_graph *graph = p->graph;
    const struct pf_graph_box *from = &graph->boxes[arrow->from], *to = &graph->boxes[arrow->to];
    if (from == to) {
        draw_loop(from, arrow);
        return;
    }
    arrow->start = anchor(p, arrow->from, arrow->to);
    arrow->end = anchor(p, arrow->to, arrow->from);
    double dx = to->centre.x - from->centre.x, dy = to->centre.y - from->centre.y, length = hypot(dx, dy);
    bool two = has_opposite(graph, arrow);
    double off = two ? APART : 0, nx = length > 0 ? dy / length : 0, ny = length > 0 ? -dx / length : 0;
    arrow->start = (struct pf_graph_point){arrow->start.x + off * nx, arrow->start.y + off * ny};
    arrow->end = (struct pf_graph_point){arrow->end.x + off * nx, arrow->end.y + off * ny};
    arrow->bend = (struct pf_graph_point){(arrow->start.x + arrow->end.x) / 2 + 2 * off * nx,
                                          (arrow->start.y + arrow->end.y) / 2 + 2 * off * ny};
    double along = two ? 0.5 : label_place(graph, arrow),
           tall = (double)arrow->label.count * PF_GRAPH_LINE / 2;
    double aside = two ? 2 * APART + fabs(nx) * LABEL_WIDTH / 2 + fabs(ny) * tall : 0;
    arrow->label_at =
        (struct pf_graph_point){arrow->start.x + along * (arrow->end.x - arrow->start.x) + aside * nx,
                                arrow->start.y + along * (arrow->end.y - arrow->start.y) + aside * ny};
}

struct extent {
    double left, top, right, bottom;
};

static void include(struct extent *extent, struct pf_graph_point centre, double width, double height)
{
    extent->left = fmin(extent->left, centre.x - width / 2);
    extent->right = fmax(extent->right, centre.x + width / 2);
    extent->top = fmin(extent->top, centre.y - height / 2);
    extent->bottom = fmax(extent->bottom, centre.y + height / 2);
}

static void move(struct pf_graph_point *point, const struct extent *extent)
{
    point->x += MARGIN - extent->left;
    point->y += MARGIN - extent->top;
}

/* Everything into the right lower quarter of the plane. */
static void frame(struct pf_wait_graph *graph)
{
    struct extent extent = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (size_t i = 0; i < graph->box_count; i++)
        include(&extent, graph->boxes[i].centre, PF_BOX_WIDTH, graph->boxes[i].height);
    for (size_t i = 0; i < graph->arrow_count; i++) {
        const struct pf_graph_arrow *arrow = &graph->arrows[i];
        include(&extent, arrow->bend, 0, 0);
        include(&extent, arrow->label_at, LABEL_WIDTH, (double)arrow->label.count * PF_GRAPH_LINE);
    }
    for (size_t i = 0; i < graph->box_count; i++)
        move(&graph->boxes[i].centre, &extent);
    for (size_t i = 0; i < graph->arrow_count; i++) {
        struct pf_graph_arrow *arrow = &graph->arrows[i];
        move(&arrow->start, &extent);
        move(&arrow->bend, &extent);
        move(&arrow->end, &extent);
        move(&arrow->label_at, &extent);
    }
    graph->width = ceil(extent.right - extent.left) + 2 * MARGIN;
    graph->height = ceil(extent.bottom - extent.top) + 2 * MARGIN;
}

void pf_wait_graph_place(struct pf_arena *arena, struct pf_wait_graph *graph, size_t ring)
{
    size_t count = graph->box_count;
    struct placing p = {.arena = arena,
                        .graph = graph,
                        .ring = ring,
                        .depth = pf_arena_alloc(arena, count * sizeof(size_t)),
                        .towards = pf_arena_alloc(arena, count * sizeof(size_t))};
    for (size_t i = 0; i < count; i++) {
        p.half = fmax(p.half, graph->boxes[i].height / 2);
        p.towards[i] = NOWHERE;
    }
    if (ring)
        place_with_ring(&p);
    else
        place_in_layers(&p);
    for (size_t i = 0; i < graph->arrow_count; i++)
        draw_arrow(&p, &graph->arrows[i]);
    frame(graph);
}
