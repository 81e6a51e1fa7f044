/* The trace as lanes, spans and marks: what is drawn where, and what is left out. */
#include "judge/timeline.h"

#include <criterion/criterion.h>
#include <string.h>

#include "judge/judge.h"

#define MS 1000000ULL

static struct pf_trace *trace;
static struct pf_result *result;

static void open_trace(void)
{
    trace = pf_trace_new();
    result = pf_result_new();
}

static void close_trace(void)
{
    pf_trace_free(trace);
    pf_result_free(result);
}

TestSuite(timeline, .init = open_trace, .fini = close_trace, .timeout = 10);

static uint64_t append(struct pf_event event, uint64_t t_ns)
{
    event.t_ns = t_ns;
    return pf_trace_append(trace, &event)->seq;
}

static void begin(void)
{
    append((struct pf_event){.kind = PF_EVENT_BEGIN, .begin = {.schema = PF_TRACE_SCHEMA}}, 0);
    append((struct pf_event){.kind = PF_EVENT_FORK, .fork = {.process = "0", .how = "launch"}}, 1 * MS);
}

static const struct pf_timeline *drawn(void)
{
    append((struct pf_event){.kind = PF_EVENT_END}, 500 * MS);
    pf_judge_trace(trace, result);
    pf_timeline_draw(trace, result->arena, &result->trials[0]);
    return result->trials[0].timeline;
}

static uint64_t snapshot(uint64_t quiet_since_ns, uint64_t t_ns, enum pf_wait_kind wait)
{
    static struct pf_process_state process = {.process = "0", .name = "app"};
    struct pf_thread_state *threads = pf_arena_alloc(trace->arena, 2 * sizeof(*threads));
    threads[0] =
        (struct pf_thread_state){.thread = "0", .process = "0", .wait = {.kind = wait, .timed = true}};
    threads[1] = (struct pf_thread_state){.thread = "0/t1", .process = "0", .wait = {.kind = PF_WAIT_NONE}};
    return append((struct pf_event){.kind = PF_EVENT_SNAPSHOT,
                                    .snapshot = {.quiet_since_ns = quiet_since_ns,
                                                 .processes = &process,
                                                 .process_count = 1,
                                                 .threads = threads,
                                                 .thread_count = 2}},
                  t_ns);
}

static uint64_t verdict(enum pf_verdict_kind kind, uint64_t snapshot_seq, uint64_t t_ns)
{
    return append(
        (struct pf_event){.kind = PF_EVENT_VERDICT, .verdict = {.kind = kind, .snapshot = snapshot_seq}},
        t_ns);
}

Test(timeline, lives_are_lanes)
{
    begin();
    uint64_t fork =
        append((struct pf_event){.kind = PF_EVENT_FORK, .fork = {.process = "0.1", .parent = "0"}}, 5 * MS);
    append((struct pf_event){.kind = PF_EVENT_THREAD, .thread = {.thread = "0.1/t1", .by = "0.1"}}, 6 * MS);
    uint64_t end =
        append((struct pf_event){.kind = PF_EVENT_EXIT, .exit = {.process = "0.1", .code = 3}}, 9 * MS);
    verdict(PF_VERDICT_DEADLINE, 0, 100 * MS);
    append((struct pf_event){.kind = PF_EVENT_EXIT, .exit = {.process = "0", .signaled = true, .code = 9}},
           101 * MS);
    const struct pf_timeline *timeline = drawn();
    cr_assert_eq(timeline->lane_count, 3);
    cr_expect_eq(timeline->end_ns, 100 * MS, "what follows is the harness clearing up");
    cr_expect_null(timeline->lanes[0].end);
    cr_expect_eq(timeline->lanes[0].to_ns, 100 * MS);
    const struct pf_lane *child = &timeline->lanes[1];
    cr_expect_str_eq(child->by, "0");
    cr_expect_eq(child->from_ns, 5 * MS);
    cr_expect_eq(child->to_ns, 9 * MS);
    cr_expect_str_eq(child->end, "ended with status 3");
    cr_expect_eq(child->event, fork);
    cr_expect_eq(child->end_event, end);
    cr_expect_eq(timeline->lanes[2].to_ns, 9 * MS, "a thread ends with its process");
}

/* A wait that was seen twice is one; the last one lasts to the end. */
Test(timeline, waits_are_spans)
{
    begin();
    append((struct pf_event){.kind = PF_EVENT_THREAD, .thread = {.thread = "0/t1", .by = "0"}}, 2 * MS);
    snapshot(10 * MS, 20 * MS, PF_WAIT_SLEEP);
    snapshot(10 * MS, 40 * MS, PF_WAIT_SLEEP);
    uint64_t last = snapshot(60 * MS, 70 * MS, PF_WAIT_SIGNAL);
    verdict(PF_VERDICT_DEADLINE, last, 80 * MS);
    const struct pf_timeline *timeline = drawn();
    cr_assert_eq(timeline->span_count, 2, "a thread that runs waits for nothing");
    cr_expect_str_eq(timeline->spans[0].text, "sleeps");
    cr_expect_eq(timeline->spans[0].from_ns, 10 * MS);
    cr_expect_eq(timeline->spans[0].to_ns, 40 * MS);
    cr_expect_eq(timeline->spans[1].from_ns, 60 * MS);
    cr_expect_eq(timeline->spans[1].to_ns, 80 * MS);
    cr_expect_eq(timeline->spans[1].event, last);
}

Test(timeline, a_held_thread_is_held_from_strike_to_release)
{
    begin();
    uint64_t strike =
        append((struct pf_event){.kind = PF_EVENT_INJECT,
                                 .inject = {.thread = "0", .at = "write", .action = "hold=exit"}},
               10 * MS);
    append((struct pf_event){.kind = PF_EVENT_RELEASE,
                             .release = {.thread = "0", .why = "trigger", .met = true}},
           30 * MS);
    verdict(PF_VERDICT_FINISHED, 0, 40 * MS);
    const struct pf_timeline *timeline = drawn();
    cr_assert_eq(timeline->span_count, 1);
    cr_expect(timeline->spans[0].held);
    cr_expect_eq(timeline->spans[0].from_ns, 10 * MS);
    cr_expect_eq(timeline->spans[0].to_ns, 30 * MS);
    cr_expect_eq(timeline->spans[0].event, strike);
}

static size_t count(const struct pf_timeline *timeline, enum pf_mark_kind kind)
{
    size_t found = 0;
    for (size_t i = 0; i < timeline->mark_count; i++)
        found += timeline->marks[i].kind == kind;
    return found;
}

/* Points may come by the thousand: the first and the last are kept, and every fault and the verdict. */
Test(timeline, marks_stay_few)
{
    begin();
    for (uint64_t i = 1; i <= 5000; i++)
        append((struct pf_event){.kind = PF_EVENT_POINT, .point = {.thread = "0", .name = "p", .count = i}},
               2 * MS + i);
    append((struct pf_event){.kind = PF_EVENT_SIGNAL,
                             .signal = {.thread = "0", .name = "SIGTERM", .sender = "0"}},
           10 * MS);
    append((struct pf_event){.kind = PF_EVENT_INJECT,
                             .inject = {.thread = "0", .at = "write", .action = "kill", .target = "0"}},
           20 * MS);
    verdict(PF_VERDICT_FINISHED, 0, 40 * MS);
    append((struct pf_event){.kind = PF_EVENT_SIGNAL, .signal = {.thread = "0", .name = "SIGKILL"}}, 41 * MS);
    const struct pf_timeline *timeline = drawn();
    cr_expect_eq(count(timeline, PF_MARK_POINT), 120);
    cr_expect_eq(count(timeline, PF_MARK_FAULT), 1);
    cr_expect_eq(count(timeline, PF_MARK_VERDICT), 1);
    cr_expect_eq(count(timeline, PF_MARK_SIGNAL), 1, "what follows the verdict is the harness' doing");
    cr_expect_eq(timeline->left_out, 4880);
}

Test(timeline, lanes_stay_few)
{
    begin();
    for (uint64_t i = 1; i <= 300; i++)
        append((struct pf_event){.kind = PF_EVENT_FORK,
                                 .fork = {.process = pf_arena_printf(trace->arena, "0.%d", (int)i),
                                          .parent = "0"}},
               2 * MS + i);
    verdict(PF_VERDICT_FINISHED, 0, 40 * MS);
    const struct pf_timeline *timeline = drawn();
    cr_expect_eq(timeline->lane_count, PF_LANES_MOST);
    cr_expect_eq(timeline->left_out, 301 - PF_LANES_MOST);
}
