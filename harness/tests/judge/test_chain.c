/* Ways through a knot: the shortest story, and the cause before the circle. */
#include <criterion/criterion.h>

#include "judge/chain.h"
#include "scene.h"

static struct scene s;
static const struct pf_graph *graph;

static void open_scene(void)
{
    scene_open(&s);
}

static void close_scene(void)
{
    scene_close(&s);
}

TestSuite(chain, .init = open_scene, .fini = close_scene, .timeout = 10);

static size_t index_of(const char *thread)
{
    return pf_lookup_find(&graph->thread_index, thread);
}

/* "0 0.1 0.2>0.1": who waits for whom in turn; after ">" where the last link leads, "-" for nobody. */
static void expect_chain(const struct pf_chain *chain, const char *expected)
{
    const char *text = "";
    cr_assert_not_null(chain);
    for (size_t i = 0; i < chain->count; i++)
        text = pf_arena_printf(s.arena, "%s%s%s", text, *text ? " " : "",
                               s.snapshot.threads[chain->links[i].from].thread);
    size_t to = chain->links[chain->count - 1].to;
    text = pf_arena_printf(s.arena, "%s>%s", text, to == PF_NOWHERE ? "-" : s.snapshot.threads[to].thread);
    cr_expect_str_eq(text, expected);
    if (chain->closes_at != PF_NOWHERE)
        cr_expect_eq(chain->links[chain->closes_at].from, to);
}

/* 0.1 and 0.2 read from each other, 0.2 also polls for 0.3, which reads from 0.1: two circles. */
static void two_circles(void)
{
    scene_reads(&s, "0.1", "pipe:21");
    struct pf_thread_state *poller = scene_actor(&s, "0.2", PF_WAIT_POLL);
    scene_target(&s, poller, "pipe:32");
    scene_target(&s, poller, "pipe:12");
    scene_reads(&s, "0.3", "pipe:13");
    scene_pipe(&s, "pipe:21", "0.2", "0.1");
    scene_pipe(&s, "pipe:12", "0.1", "0.2");
    scene_pipe(&s, "pipe:32", "0.3", "0.2");
    scene_pipe(&s, "pipe:13", "0.1", "0.3");
    graph = pf_graph_new(&s.snapshot, s.arena);
    cr_assert_eq(graph->stuck_count, 3);
}

Test(chain, of_two_circles_the_shorter_is_told)
{
    two_circles();
    expect_chain(pf_chain_from(graph, index_of("0.1")), "0.1 0.2>0.1");
    expect_chain(pf_chain_from(graph, index_of("0.3")), "0.3 0.1 0.2>0.3");
}

Test(chain, the_way_between_two_is_the_shortest)
{
    two_circles();
    expect_chain(pf_chain_between(graph, index_of("0.1"), index_of("0.3"), NULL), "0.1 0.2>0.3");
    expect_chain(pf_chain_between(graph, index_of("0.3"), index_of("0.3"), NULL), "0.3 0.1 0.2>0.3");
    cr_assert_null(pf_chain_between(graph, index_of("0.1"), index_of("0.3"), pf_link_is_for_end));
}

Test(chain, a_link_knows_which_part_of_a_wait_it_is_about)
{
    two_circles();
    const struct pf_chain *chain = pf_chain_between(graph, index_of("0.2"), index_of("0.1"), NULL);
    cr_assert_eq(chain->count, 1);
    cr_assert_str_eq(chain->links[0].waker->target->object, "pipe:12");
    scene_close(&s);
    scene_open(&s);
    struct pf_thread_state *parent = scene_actor(&s, "0", PF_WAIT_CHILD);
    scene_awaits(&s, parent, "0.1");
    scene_awaits(&s, parent, "0.2");
    scene_reads(&s, "0.1", "pipe:1");
    scene_reads(&s, "0.2", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0.1");
    graph = pf_graph_new(&s.snapshot, s.arena);
    chain = pf_chain_between(graph, index_of("0"), index_of("0.2"), pf_link_is_for_end);
    cr_assert_not_null(chain);
    cr_assert_str_eq(chain->links[0].waker->target->process, "0.2");
}

Test(chain, a_lock_that_the_dead_left_behind_is_told_before_a_nearer_circle)
{
    struct pf_thread_state *poller = scene_actor(&s, "0", PF_WAIT_POLL);
    scene_target(&s, poller, "pipe:1");
    scene_target(&s, poller, "pipe:2");
    scene_reads(&s, "0.1", "pipe:3");
    scene_reads(&s, "0.2", "pipe:4");
    scene_process(&s, "0.3");
    scene_waits_at(&s, "0.3", "futex:1");
    scene_pipe(&s, "pipe:1", "0.1", "0");
    scene_pipe(&s, "pipe:2", "0.2", "0");
    scene_pipe(&s, "pipe:3", "0", "0.1");
    scene_pipe(&s, "pipe:4", "0.3", "0.2");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.4";
    graph = pf_graph_new(&s.snapshot, s.arena);
    expect_chain(pf_chain_from(graph, index_of("0")), "0 0.2 0.3>-");
}

Test(chain, a_thread_that_waits_for_itself_closes_at_once)
{
    scene_process(&s, "0");
    scene_waits_at(&s, "0", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->owner = "0";
    graph = pf_graph_new(&s.snapshot, s.arena);
    expect_chain(pf_chain_from(graph, 0), "0>0");
}

Test(chain, a_wait_that_nobody_can_end_ends_the_chain)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    graph = pf_graph_new(&s.snapshot, s.arena);
    expect_chain(pf_chain_from(graph, 0), "0 0.1>-");
}

Test(chain, threads_that_have_ended_are_not_waited_for)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_actor(&s, "0.1", PF_WAIT_EXIT);
    scene_target(&s, scene_thread(&s, "0.1/t1", PF_WAIT_READ), "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0.1");
    graph = pf_graph_new(&s.snapshot, s.arena);
    expect_chain(pf_chain_from(graph, 0), "0 0.1/t1>0");
}

Test(chain, two_ways_are_joined_where_they_first_meet)
{
    two_circles();
    const struct pf_chain *there = pf_chain_between(graph, index_of("0.3"), index_of("0.2"), NULL);
    const struct pf_chain *back = pf_chain_between(graph, index_of("0.2"), index_of("0.3"), NULL);
    expect_chain(pf_chain_join(graph, there, back), "0.3 0.1 0.2>0.3");
    const struct pf_chain *circle = pf_chain_between(graph, index_of("0.2"), index_of("0.2"), NULL);
    expect_chain(pf_chain_join(graph, there, circle), "0.3 0.1 0.2>0.1");
}

/* Every one of 1,500 threads could wake every other: a reader still wants an answer at once. */
Test(chain, a_knot_of_many_threads_is_told_at_once, .timeout = 5)
{
    enum { THREADS = 1500 };
    scene_process(&s, "0");
    for (int i = 0; i < THREADS; i++)
        scene_waits_at(&s, pf_arena_printf(s.arena, "0/t%d", i + 1), "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_PLAIN);
    graph = pf_graph_new(&s.snapshot, s.arena);
    expect_chain(pf_chain_from(graph, 0), "0/t1 0/t2>0/t1");
}
