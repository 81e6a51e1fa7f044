/* Where faults could strike: a pure function of a recording. */
#include <criterion/criterion.h>
#include <string.h>

#include "sweep/points.h"

static struct pf_trace *trace;

static void open_trace(void)
{
    trace = pf_trace_new();
}

static void close_trace(void)
{
    pf_trace_free(trace);
}

TestSuite(points, .init = open_trace, .fini = close_trace, .timeout = 10);

static struct pf_frame by_main[] = {
    {.function = "write", .module = "libc.so.6"},
    {.function = "main", .module = "prog", .file = "/x/prog.c", .line = 12},
};

static void add_call(struct pf_ev_call call)
{
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_CALL, .call = call});
}

static void add_thread(const char *thread)
{
    pf_trace_append(trace,
                    &(struct pf_event){.kind = PF_EVENT_THREAD, .thread = {.thread = thread, .by = "0"}});
}

static void add_point(const char *thread, const char *name, uint64_t count)
{
    pf_trace_append(trace, &(struct pf_event){.kind = PF_EVENT_POINT,
                                              .point = {.thread = thread, .name = name, .count = count}});
}

Test(points, calls_come_in_the_order_of_processes_and_of_their_beginning)
{
    /* The events are in the order in which calls return. */
    add_call((struct pf_ev_call){.thread = "0.10", .call = "read", .occurrence = 1, .result = 7});
    add_call((struct pf_ev_call){.thread = "0.2", .call = "read", .occurrence = 2, .result = -5});
    add_call((struct pf_ev_call){.thread = "0.2", .call = "read", .occurrence = 1});
    add_point("0.2", "ready", 1);
    struct pf_points *points = pf_points_new(trace, NULL);
    cr_assert_eq(points->count, 4);
    static const char *const processes[] = {"0.2", "0.2", "0.2", "0.10"};
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(points->points[i].process, processes[i]);
    cr_expect_eq(points->points[0].occurrence, 1);
    cr_expect(points->points[1].failed);
    cr_expect_eq(points->points[1].transferred, 0);
    cr_expect_str_eq(points->points[2].name, "ready");
    cr_expect_eq(points->points[3].transferred, 7);
    pf_points_free(points);
}

Test(points, each_knows_how_many_there_are_of_it)
{
    for (uint64_t i = 1; i <= 3; i++)
        add_call((struct pf_ev_call){.thread = "0", .call = "read", .occurrence = i});
    add_call((struct pf_ev_call){.thread = "0", .call = "write", .occurrence = 1});
    add_call((struct pf_ev_call){.thread = "0.1", .call = "read", .occurrence = 1});
    add_point("0", "read", 1);
    struct pf_points *points = pf_points_new(trace, NULL);
    static const uint64_t occurrences[] = {3, 3, 3, 1, 1, 1};
    cr_assert_eq(points->count, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(points->points[i].occurrences, occurrences[i], "point %zu", i);
    pf_points_free(points);
}

Test(points, a_place_is_a_call_and_its_stack)
{
    add_call((struct pf_ev_call){
        .thread = "0", .call = "write", .occurrence = 1, .stack = 1, .frames = by_main, .frame_count = 2});
    add_call((struct pf_ev_call){.thread = "0.1", .call = "write", .occurrence = 1, .stack = 1});
    add_call((struct pf_ev_call){.thread = "0", .call = "read", .occurrence = 1, .stack = 1});
    add_call((struct pf_ev_call){.thread = "0", .call = "read", .occurrence = 2});
    add_call((struct pf_ev_call){.thread = "0.1", .call = "read", .occurrence = 1});
    struct pf_points *points = pf_points_new(trace, NULL);
    cr_assert_eq(points->count, 5);
    const struct pf_point *p = points->points; /* 0: read 1, read 2, write; 0.1: read, write */
    cr_expect_eq(points->places, 4);
    cr_expect_eq(p[2].place, p[4].place, "one stack in two processes");
    cr_expect_neq(p[0].place, p[2].place, "another call");
    cr_expect_neq(p[1].place, p[3].place, "without a stack the process tells them apart");
    cr_assert_eq(p[4].stack_count, 2);
    cr_expect_str_eq(p[4].stack[0], "write (libc.so.6)");
    cr_expect_str_eq(p[4].stack[1], "main at prog.c:12");
    pf_points_free(points);
}

Test(points, a_stack_is_known_also_to_a_call_that_returns_before_the_one_it_is_told_with)
{
    add_call((struct pf_ev_call){.thread = "0.2", .call = "write", .occurrence = 1, .stack = 1});
    add_call((struct pf_ev_call){
        .thread = "0.1", .call = "write", .occurrence = 1, .stack = 1, .frames = by_main, .frame_count = 2});
    struct pf_points *points = pf_points_new(trace, NULL);
    cr_assert_eq(points->count, 2);
    cr_expect_eq(points->points[1].stack_count, 2);
    cr_expect_eq(points->places, 1);
    pf_points_free(points);
}

Test(points, threads_count_for_themselves)
{
    /* As they came, the process counted 1, 2, 3, 4; another time the threads would come in another order. */
    add_thread("0/t1");
    add_call((struct pf_ev_call){.thread = "0/t1", .call = "read", .occurrence = 1});
    add_call((struct pf_ev_call){.thread = "0", .call = "read", .occurrence = 2});
    add_call((struct pf_ev_call){.thread = "0/t1", .call = "read", .occurrence = 3});
    add_call((struct pf_ev_call){.thread = "0.1", .call = "read", .occurrence = 5});
    add_point("0/t1", "ready", 1);
    add_point("0", "ready", 2);
    struct pf_points *points = pf_points_new(trace, NULL);
    cr_assert_eq(points->count, 6);
    static const struct {
        const char *process;
        uint64_t occurrence, occurrences;
    } expected[] = {{"0.1", 5, 5},  {"0/t0", 1, 1}, {"0/t0", 1, 1},
                    {"0/t1", 1, 2}, {"0/t1", 2, 2}, {"0/t1", 1, 1}};
    for (size_t i = 0; i < 6; i++) {
        cr_expect_str_eq(points->points[i].process, expected[i].process, "point %zu", i);
        cr_expect_eq(points->points[i].occurrence, expected[i].occurrence, "point %zu", i);
        cr_expect_eq(points->points[i].occurrences, expected[i].occurrences, "point %zu", i);
    }
    pf_points_free(points);
}

/* The same four uses, of which the second run makes one elsewhere and one not at all. */
Test(points, what_another_run_does_not_come_by_is_of_chance)
{
    struct pf_trace *again = pf_trace_new();
    struct pf_ev_call calls[] = {
        {.thread = "0", .call = "read", .occurrence = 1, .stack = 1, .frames = by_main, .frame_count = 2},
        {.thread = "0", .call = "read", .occurrence = 2, .stack = 1},
        {.thread = "0", .call = "read", .occurrence = 3, .stack = 1},
        {.thread = "0", .call = "futex", .occurrence = 1},
    };
    for (size_t i = 0; i < 4; i++)
        add_call(calls[i]);
    struct pf_points *alone = pf_points_new(trace, NULL);
    struct pf_points *same = pf_points_new(trace, trace);
    calls[1].stack = 0;
    pf_trace_append(again, &(struct pf_event){.kind = PF_EVENT_CALL, .call = calls[0]});
    pf_trace_append(again, &(struct pf_event){.kind = PF_EVENT_CALL, .call = calls[1]});
    pf_trace_append(again, &(struct pf_event){.kind = PF_EVENT_CALL, .call = calls[3]});
    struct pf_points *other = pf_points_new(trace, again);
    static const bool by_another[] = {true, false, true, true}; /* futex, then the reads */
    cr_assert_eq(other->count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(alone->points[i].chance, false, "point %zu", i);
        cr_expect_eq(same->points[i].chance, i == 0, "point %zu", i); /* who waits for a lock is chance */
        cr_expect_eq(other->points[i].chance, by_another[i], "point %zu", i);
    }
    pf_points_free(alone);
    pf_points_free(same);
    pf_points_free(other);
    pf_trace_free(again);
}
