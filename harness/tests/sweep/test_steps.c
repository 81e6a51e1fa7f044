/* The plan of a sweep of a function: a pure function of the call that was written down. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/plan.h"
#include "sweep/plan.h"

TestSuite(steps, .timeout = 10);

static struct pf_step_spot spots[] = {
    {.first = 0, .count = 2, .at = {.function = "put", .module = "queue", .file = "/x/queue.c", .line = 88}},
    {.first = 2,
     .count = 1,
     .at = {.function = "futex_wait", .module = "libc.so.6"},
     .from = {.function = "put", .module = "queue", .file = "/x/queue.c", .line = 89},
     .call = "read"},
    {.first = 3, .count = 1, .at = {.module = "libc.so.6"}, .call = "getpid"},
};

static struct pf_points *points_of_call(const char *thread, const char *module, const char *ended)
{
    struct pf_trace *trace = pf_trace_new();
    struct pf_event event = {.kind = PF_EVENT_STEPS,
                             .steps = {.thread = thread,
                                       .function = "put",
                                       .call = 3,
                                       .instructions = 4,
                                       .ended = ended,
                                       .spots = spots,
                                       .spot_count = 3}};
    pf_trace_append(trace, &event);
    struct pf_trigger trigger = {.function = "put", .module = module};
    struct pf_points *points = pf_points_of_steps(trace, NULL, &trigger);
    pf_trace_free(trace);
    return points;
}

static struct pf_points *points_of(const char *thread, const char *module)
{
    return points_of_call(thread, module, "returned");
}

Test(steps, every_instruction_is_a_point_of_its_line)
{
    struct pf_points *points = points_of("0.1/t2", NULL);
    cr_assert_eq(points->count, 4);
    cr_assert_str_eq(points->points[1].process, "0.1");
    cr_assert_str_eq(points->points[1].step, "put+1");
    cr_assert_str_eq(points->points[1].stack[0], "put at queue.c:88");
    cr_assert_eq(points->points[1].stack_count, 1);
    cr_assert_str_eq(points->points[2].stack[0], "futex_wait (libc.so.6)");
    cr_assert_str_eq(points->points[2].stack[1], "put at queue.c:89");
    cr_assert_str_eq(points->points[3].stack[0], "a function without a name (libc.so.6)");
    cr_assert_eq(points->points[3].instruction, 3);
    cr_assert_eq(points->points[3].instructions, 4);
    pf_points_free(points);
}

Test(steps, a_call_that_was_followed_no_further_is_known_for_it)
{
    struct pf_points *whole = points_of("0.1", NULL), *cut = points_of_call("0.1", NULL, "cut");
    cr_assert_not(whole->points[0].cut);
    cr_assert(cut->points[0].cut);
    pf_points_free(whole);
    pf_points_free(cut);
}

Test(steps, calls_that_may_sleep_are_struck_asleep_too)
{
    static const char *const expected[] = {
        "step=libq.so:put+0:kill:when=3:proc=0.1", "step=libq.so:put+1:kill:when=3:proc=0.1",
        "step=libq.so:put+2:kill:when=3:proc=0.1", "step=libq.so:put+2/asleep:kill:when=3:proc=0.1",
        "step=libq.so:put+3:kill:when=3:proc=0.1",
    };
    struct pf_points *points = points_of("0.1", "libq.so");
    struct pf_trial *base = pf_plan_new();
    struct pf_sweep_plan *plan = pf_sweep_plan_steps(points, "kill", base);
    cr_assert_eq(plan->count, 5);
    for (size_t i = 0; i < plan->count; i++) {
        const char *text = pf_strike_text(&plan->planned[i].strike, plan->arena);
        struct pf_fault fault;
        cr_assert_str_eq(text, expected[i]);
        cr_assert_eq(pf_fault_parse(text, plan->arena, &fault, NULL), 0);
    }
    struct pf_sweep_plan *stops = pf_sweep_plan_steps(points, "stop=50ms", base);
    cr_assert_str_neq(plan->fingerprint, stops->fingerprint);
    pf_sweep_plan_free(stops);
    pf_sweep_plan_free(plan);
    pf_points_free(points);
    pf_plan_free(base);
}

Test(steps, a_waypoint_is_good_for_what_follows_it_as_far_as_two_runs_agree)
{
    struct pf_waypoint ways[] = {{.instruction = 1, .distance = 4, .occurrence = 1},
                                 {.instruction = 3, .distance = 9, .occurrence = 2}};
    struct pf_waypoint others[] = {ways[0], {.instruction = 3, .distance = 9, .occurrence = 3}};
    struct pf_trigger trigger = {.function = "put"};
    struct pf_event event = {.kind = PF_EVENT_STEPS,
                             .steps = {.thread = "0.1",
                                       .function = "put",
                                       .call = 3,
                                       .instructions = 4,
                                       .ended = "returned",
                                       .spots = spots,
                                       .spot_count = 3,
                                       .waypoints = ways,
                                       .waypoint_count = 2}};
    struct pf_trace *first = pf_trace_new(), *same = pf_trace_new(), *other = pf_trace_new();
    pf_trace_append(first, &event);
    pf_trace_append(same, &event);
    event.steps.waypoints = others;
    pf_trace_append(other, &event);
    struct pf_points *points = pf_points_of_steps(first, same, &trigger);
    cr_expect_eq(points->points[0].waypoint.occurrence, 0);
    cr_expect_eq(points->points[2].waypoint.instruction, 1);
    cr_expect_eq(points->points[3].waypoint.distance, 9);
    pf_points_free(points);
    points = pf_points_of_steps(first, other, &trigger);
    cr_expect_eq(points->points[2].waypoint.instruction, 1);
    cr_expect_eq(points->points[3].waypoint.instruction, 1, "it went another way to the second one");
    pf_points_free(points);
    points = pf_points_of_steps(first, NULL, &trigger);
    for (size_t i = 0; i < points->count; i++)
        cr_expect_eq(points->points[i].waypoint.occurrence, 0);
    pf_points_free(points);
    pf_trace_free(first);
    pf_trace_free(same);
    pf_trace_free(other);
}
