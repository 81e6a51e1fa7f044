/*
 * wait_graph.h - the wait-for graph of a diagnosis as boxes and arrows with places: pure geometry.
 *
 * A circle of waits becomes a ring in its middle, and who waits for one of the ring stands beside it, on the
 * side of whom it waits for; who waits apart from a circle that the diagnosis names is left out. Where there
 * is no circle the last of a chain, who is dead or runs, stands at the end: below, or to the right where many
 * wait side by side. The same diagnosis always has the same picture.
 */
#ifndef PF_REPORTS_WAIT_GRAPH_H
#define PF_REPORTS_WAIT_GRAPH_H

#include "model/result.h"

enum {
    PF_BOX_WIDTH = 210,
    PF_GRAPH_LINE = 14,      /* height of a line of text */
    PF_GRAPH_BOXES_MOST = 40 /* drawn of one diagnosis; those of the ring come first */
};

struct pf_graph_point {
    double x, y;
};

struct pf_graph_text {
    const char **lines; /* plain */
    size_t count;
};

/* Somebody: a name, what it waits for, and where it stands. */
struct pf_graph_box {
    const char *id;
    struct pf_graph_point centre;
    double height;
    struct pf_graph_text text; /* the name is the first line */
    bool ring;
    bool waits; /* an arrow leads away from it */
};

/* From who waits to who could end it. */
struct pf_graph_arrow {
    size_t from, to;                        /* boxes */
    struct pf_graph_point start, bend, end; /* a quadratic curve; straight, if `bend` lies on the line */
    struct pf_graph_text label;             /* the resource in words */
    struct pf_graph_point label_at;         /* the middle of the label */
    bool circle;                            /* one of those that close the circle that the diagnosis names */
};

struct pf_wait_graph {
    struct pf_graph_box *boxes;
    size_t box_count;
    struct pf_graph_arrow *arrows;
    size_t arrow_count;
    double width, height;
    size_t left_out; /* nodes without a box */
};

/* Lives in the arena. NULL: there is nobody to draw, or a ring with more boxes than may be drawn. */
const struct pf_wait_graph *pf_wait_graph_new(struct pf_arena *arena, const struct pf_diagnosis *diagnosis);

/* Second step of the above: gives boxes, which are in the order ring, others, and arrows their places. */
void pf_wait_graph_place(struct pf_arena *arena, struct pf_wait_graph *graph, size_t ring);

#endif
