/*
 * Pictures of wait-for graphs: golden ones, and what must hold for any. PITFALL_WRITE_GRAPHS=1 writes the
 * golden ones anew into graphs/, to be looked at in a browser before they are committed.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/html_parts.h"
#include "reports/wait_graph.h"

TestSuite(wait_graph, .timeout = 30);

/* A diagnosis that is made edge by edge. */
struct drawing {
    struct pf_arena *arena;
    struct pf_diagnosis diagnosis;
};

static struct drawing drawing_new(void)
{
    return (struct drawing){.arena = pf_arena_new()};
}

static const char *thread_name(struct drawing *d, int number)
{
    return number ? pf_arena_printf(d->arena, "0.%d", number) : "0";
}

static void add_node(struct drawing *d, int number, const char *state)
{
    struct pf_node *node =
        pf_arena_grow(d->arena, &d->diagnosis.nodes, &d->diagnosis.node_count, sizeof(*node));
    const char *id = thread_name(d, number);
    *node = (struct pf_node){.id = id,
                             .label = pf_arena_printf(d->arena, "%s (worker)", id),
                             .state = state,
                             .where = number % 2 ? "take_from_the_queue at /srv/work/src/queue.c:231" : NULL};
}

static void add_edge(struct drawing *d, int from, int to, const char *resource)
{
    struct pf_edge *edge =
        pf_arena_grow(d->arena, &d->diagnosis.edges, &d->diagnosis.edge_count, sizeof(*edge));
    *edge = (struct pf_edge){.from = thread_name(d, from), .to = thread_name(d, to), .resource = resource};
}

static void add_circle(struct drawing *d, int length)
{
    for (int i = 0; i < length; i++) {
        add_node(d, i, "waits for data from a pipe (fd 3)");
        add_edge(d, i, (i + 1) % length, i % 2 ? "pipe (fd 3)" : "mutex at 0x7f51baf78000 in shared memory");
        *(const char **)pf_arena_grow(d->arena, &d->diagnosis.cycle, &d->diagnosis.cycle_count,
                                      sizeof(const char *)) = thread_name(d, i);
    }
}

static char *picture(const struct drawing *d)
{
    char *text = NULL;
    size_t size = 0;
    struct pf_xml xml;
    FILE *file = open_memstream(&text, &size);
    cr_assert_eq(pf_xml_open(file, &xml), 0);
    pf_html_graph(&xml, &d->diagnosis);
    cr_assert_eq(pf_xml_close(&xml), 0);
    fclose(file);
    return text;
}

static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    cr_assert_not_null(file, "%s is missing; PITFALL_WRITE_GRAPHS=1 writes it", path);
    cr_assert_gt(getdelim(&text, &size, '\0', file), 0);
    fclose(file);
    return text;
}

static void expect_golden(struct drawing *d, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), REPORTS_DIR "/tests/graphs/%s.html", name);
    char *text = picture(d);
    if (getenv("PITFALL_WRITE_GRAPHS")) {
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
    }
    char *golden = read_golden(path);
    cr_expect_str_eq(text, golden, "the picture differs from %s", path);
    free(golden);
    free(text);
    pf_arena_free(d->arena);
}

Test(wait_graph, one_waits_for_itself)
{
    struct drawing d = drawing_new();
    add_circle(&d, 1);
    expect_golden(&d, "one");
}

Test(wait_graph, two_wait_for_each_other)
{
    struct drawing d = drawing_new();
    add_circle(&d, 2);
    expect_golden(&d, "two");
}

Test(wait_graph, three_in_a_ring_with_waiters_outside)
{
    struct drawing d = drawing_new();
    add_circle(&d, 3);
    for (int i = 3; i < 6; i++) {
        add_node(&d, i, "waits for process 0 (worker) to end");
        add_edge(&d, i, i == 5 ? 4 : i - 3, "end of a process");
    }
    expect_golden(&d, "three");
}

Test(wait_graph, eight_in_a_ring)
{
    struct drawing d = drawing_new();
    add_circle(&d, 8);
    expect_golden(&d, "eight");
}

/* 0 could be woken by any of three, and each of those needs the same dead one. */
Test(wait_graph, any_of_three_who_need_a_dead_one)
{
    struct drawing d = drawing_new();
    add_node(&d, 0, "waits for a child to end");
    for (int i = 1; i <= 3; i++) {
        add_node(&d, i, "waits for a mutex in anonymous shared memory that 0.4 (worker) held when it ended");
        add_edge(&d, 0, i, "end of a process");
        add_edge(&d, i, 4, "mutex at 0x7f51baf78000 in anonymous shared memory");
    }
    add_node(&d, 4, "was killed by SIGTERM");
    expect_golden(&d, "any_of_three");
}

Test(wait_graph, many_wait_for_one)
{
    struct drawing d = drawing_new();
    add_node(&d, 0, "ended with status 0");
    for (int i = 1; i <= 9; i++) {
        add_node(&d, i, "waits for data from a pipe (fd 3)");
        add_edge(&d, i, 0, "pipe (fd 3)");
    }
    expect_golden(&d, "many");
}

static bool overlap(const struct pf_graph_box *a, const struct pf_graph_box *b)
{
    return fabs(a->centre.x - b->centre.x) < PF_BOX_WIDTH &&
           fabs(a->centre.y - b->centre.y) < (a->height + b->height) / 2;
}

/* Of any diagnosis: all boxes are inside the picture and none covers another, each arrow has its label. */
static void expect_sound(const struct drawing *d)
{
    const struct pf_wait_graph *graph = pf_wait_graph_new(d->arena, &d->diagnosis);
    cr_assert_not_null(graph);
    cr_expect_eq(graph->box_count + graph->left_out, d->diagnosis.node_count);
    for (size_t i = 0; i < graph->box_count; i++) {
        const struct pf_graph_box *box = &graph->boxes[i];
        cr_expect(box->centre.x - PF_BOX_WIDTH / 2.0 >= 0 && box->centre.y - box->height / 2 >= 0);
        cr_expect(box->centre.x + PF_BOX_WIDTH / 2.0 <= graph->width);
        cr_expect(box->centre.y + box->height / 2 <= graph->height);
        for (size_t k = i + 1; k < graph->box_count; k++)
            cr_expect_not(overlap(box, &graph->boxes[k]), "%s covers %s", box->id, graph->boxes[k].id);
    }
    for (size_t i = 0; i < graph->arrow_count; i++)
        cr_expect_gt(graph->arrows[i].label.count, 0);
}

Test(wait_graph, covers_nobody_whatever_waits_on_what)
{
    unsigned seed = 7;
    for (int round = 0; round < 300; round++) {
        struct drawing d = drawing_new();
        int ring = rand_r(&seed) % 14, others = rand_r(&seed) % 14 + !ring;
        add_circle(&d, ring);
        for (int i = ring; i < ring + others; i++)
            add_node(&d, i, i % 3 ? "waits for a semaphore in anonymous shared memory to be posted" : NULL);
        for (int i = rand_r(&seed) % 30; i > 0; i--)
            add_edge(&d, rand_r(&seed) % (ring + others), rand_r(&seed) % (ring + others), "semaphore");
        expect_sound(&d);
        pf_arena_free(d.arena);
    }
}

Test(wait_graph, a_crowd_is_cut_and_says_so)
{
    struct drawing d = drawing_new();
    add_circle(&d, 2);
    for (int i = 2; i < 100; i++) {
        add_node(&d, i, "waits");
        add_edge(&d, i, 0, "pipe");
    }
    expect_sound(&d);
    char *text = picture(&d);
    cr_expect_not_null(strstr(text, "60 more are not drawn; the list has them."));
    free(text);
    pf_arena_free(d.arena);
}

static bool has_box(const struct pf_wait_graph *graph, const char *id)
{
    for (size_t i = 0; i < graph->box_count; i++)
        if (strcmp(graph->boxes[i].id, id) == 0)
            return true;
    return false;
}

/* 0 and 1 are the circle that is told; 2 waits for them by way of 3; 0 waits for the dead 4 as well. */
Test(wait_graph, draws_the_circle_that_is_told_and_no_other)
{
    struct drawing d = drawing_new();
    add_circle(&d, 2);
    for (int i = 2; i < 8; i++)
        add_node(&d, i, "waits");
    add_edge(&d, 2, 3, "pipe");
    add_edge(&d, 3, 1, "pipe");
    add_edge(&d, 0, 4, "pipe");
    add_edge(&d, 5, 6, "pipe");
    add_edge(&d, 6, 5, "pipe");
    add_edge(&d, 6, 7, "pipe");
    add_edge(&d, 7, 8, "pipe"); /* who is no node */
    expect_sound(&d);
    const struct pf_wait_graph *graph = pf_wait_graph_new(d.arena, &d.diagnosis);
    cr_expect_eq(graph->left_out, 3);
    for (int i = 0; i <= 8; i++)
        cr_expect_eq(has_box(graph, thread_name(&d, i)), i < 5, "0.%d", i);
    d.diagnosis.cycle_count = 0; /* no circle is told: all of them are drawn */
    graph = pf_wait_graph_new(d.arena, &d.diagnosis);
    cr_expect_eq(graph->box_count, 9);
    cr_expect_eq(graph->left_out, 0);
    pf_arena_free(d.arena);
}

Test(wait_graph, edges_to_strangers_do_no_harm)
{
    struct drawing d = drawing_new();
    add_node(&d, 0, "waits");
    add_edge(&d, 0, 1, "pipe");
    add_edge(&d, 1, 0, "pipe");
    add_edge(&d, 2, 2, NULL);
    const struct pf_wait_graph *graph = pf_wait_graph_new(d.arena, &d.diagnosis);
    cr_assert_not_null(graph);
    cr_expect_eq(graph->box_count, 3);
    cr_expect_eq(graph->arrow_count, 1);
    pf_arena_free(d.arena);
}
