/* What is tried, and in which order: a pure function of the points. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "plan/plan.h"
#include "sweep/plan.h"
#include "sweep/sequel.h"

static struct pf_trial *base;

static void open_base(void)
{
    base = pf_plan_new();
    static const char *command[] = {"prog"};
    base->command = command;
    base->command_count = 1;
}

static void close_base(void)
{
    pf_plan_free(base);
}

TestSuite(plan, .init = open_base, .fini = close_base, .timeout = 10);

static const char *at_main[] = {"main"};

/* So many reads of a file by one process, all from one place, and a write to a pipe. */
static struct pf_points *reads(uint64_t count)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_points *points = pf_arena_alloc(arena, sizeof(*points));
    *points = (struct pf_points){.arena = arena};
    for (uint64_t i = 1; i <= count; i++)
        *(struct pf_point *)pf_arena_grow(arena, &points->points, &points->count, sizeof(struct pf_point)) =
            (struct pf_point){.process = "0.1",
                              .call = "read",
                              .occurrence = i,
                              .occurrences = count,
                              .on = "file",
                              .transferred = 10,
                              .stack = at_main,
                              .stack_count = 1,
                              .place = 1};
    *(struct pf_point *)pf_arena_grow(arena, &points->points, &points->count, sizeof(struct pf_point)) =
        (struct pf_point){.process = "0/t2",
                          .call = "write",
                          .occurrence = 1,
                          .occurrences = 1,
                          .on = "pipe",
                          .transferred = 1,
                          .place = 2};
    return points;
}

static const struct pf_sweep_scope every = {.kinds = PF_SWEEP_EVERY};

/* Is the fault in the plan? Returns its number, from 1, or 0. */
static uint64_t find(const struct pf_sweep_plan *plan, const char *spec)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(pf_strike_text(&plan->planned[i].strike, plan->arena), spec) == 0)
            return i + 1;
    return 0;
}

Test(plan, of_one_place_the_first_and_the_last_are_struck)
{
    struct pf_points *points = reads(4);
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    cr_expect_eq(plan->points, 5);
    cr_expect_eq(plan->repetitions, 2);
    cr_expect(find(plan, "read:error=EIO:when=1:proc=0.1"));
    cr_expect(find(plan, "read:error=EIO:when=1+:proc=0.1"));
    cr_expect(find(plan, "read:error=EIO:when=4:proc=0.1"));
    cr_expect_not(find(plan, "read:error=EIO:when=4+:proc=0.1"), "nothing comes after it");
    cr_expect_not(find(plan, "read:error=EIO:when=2:proc=0.1"));
    cr_expect(find(plan, "read:short=1:when=1:proc=0.1"));
    cr_expect(find(plan, "read:short=5:when=1+:proc=0.1"));
    cr_expect_not(find(plan, "read:error=EINTR:when=1:proc=0.1"), "a file does not keep anybody waiting");
    cr_expect(find(plan, "write:error=EINTR:when=1..20:proc=0/t2"));
    cr_expect(find(plan, "write:error=EPIPE:when=1:proc=0/t2"));
    cr_expect_not(find(plan, "write:short=1:when=1:proc=0/t2"), "there is no part of one byte");
    pf_sweep_plan_free(plan);
    points->points[0].on = "message socket";
    plan = pf_sweep_plan_new(points, &every, base);
    cr_expect_not(find(plan, "read:short=1:when=1:proc=0.1"), "a message goes whole");
    cr_expect(find(plan, "read:error=ECONNRESET:when=1:proc=0.1"));
    pf_sweep_plan_free(plan);
    points->points[0].on = "file";
    struct pf_sweep_scope all = every;
    all.all = true;
    plan = pf_sweep_plan_new(points, &all, base);
    cr_expect_eq(plan->repetitions, 0);
    cr_expect(find(plan, "read:kill:when=2:proc=0.1"));
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}

Test(plan, every_point_has_one_fault_before_any_has_two)
{
    struct pf_points *points = reads(2);
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    cr_assert_gt(plan->count, 6);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(plan->planned[i].point, plan->planned[k].point, "%zu and %zu", k, i);
    struct pf_sweep_plan *again = pf_sweep_plan_new(points, &every, base);
    cr_expect_str_eq(plan->fingerprint, again->fingerprint);
    pf_sweep_plan_free(again);
    base->command = (const char *[]){"other"};
    again = pf_sweep_plan_new(points, &every, base);
    cr_expect_str_neq(plan->fingerprint, again->fingerprint);
    pf_sweep_plan_free(again);
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}

Test(plan, scope_names_processes_with_their_threads_or_threads)
{
    static const struct {
        const char *proc;
        uint64_t points;
    } cases[] = {{"0", 1}, {"0.1", 2}, {"0.*", 2}, {"0/t2", 1}, {"0/t1", 0}, {"0*", 3}, {"0.1/t0", 0}};
    struct pf_points *points = reads(2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pf_sweep_scope scope = every;
        scope.proc = cases[i].proc;
        struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &scope, base);
        cr_expect_eq(plan->points, cases[i].points, "--proc %s: %zu points", cases[i].proc, plan->points);
        pf_sweep_plan_free(plan);
    }
    pf_points_free(points);
}

Test(plan, the_loader_is_left_out_and_counted)
{
    struct pf_points *points = reads(2);
    points->points[0].startup = true;
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    cr_expect_eq(plan->startup, 1);
    cr_expect_eq(plan->points, 2);
    cr_expect_not(find(plan, "read:kill:when=1:proc=0.1"));
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}

Test(plan, what_is_planned_can_be_read)
{
    struct pf_points *points = reads(3);
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    for (size_t i = 0; i < plan->count; i++) {
        const char *text = pf_strike_text(&plan->planned[i].strike, plan->arena);
        struct pf_fault fault;
        cr_expect_eq(pf_fault_parse(text, plan->arena, &fault, NULL), 0, "%s", text);
    }
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}

Test(plan, kinds_are_read_from_a_list)
{
    unsigned kinds = 0;
    struct pf_error error = {""};
    cr_assert_eq(pf_sweep_kinds_parse("kill,errno", &kinds, &error), 0);
    cr_expect_eq(kinds, (unsigned)(PF_SWEEP_KILL | PF_SWEEP_ERRNO));
    cr_expect_eq(pf_sweep_kinds_parse("", &kinds, &error), -EINVAL);
    cr_expect_eq(pf_sweep_kinds_parse("kill,erno", &kinds, &error), -EINVAL);
    cr_expect(strstr(error.message, "\"erno\""), "%s", error.message);
}

static void expect_sequel(const struct pf_sweep_plan *plan, uint64_t id, uint64_t origin, const char *second,
                          const char *third)
{
    const struct pf_sequel sequel = pf_sequel_of(plan, id);
    cr_expect_eq(sequel.origin, origin);
    cr_assert_eq(sequel.count, third ? 3 : 2);
    cr_expect_str_eq(pf_strike_text(&sequel.strikes[1], plan->arena), second);
    if (third)
        cr_expect_str_eq(pf_strike_text(&sequel.strikes[2], plan->arena), third);
}

Test(plan, sequels_strike_what_a_fault_has_brought_about)
{
    struct pf_points *points = reads(4);
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    uint64_t once = find(plan, "read:error=EIO:when=1:proc=0.1"), ids[PF_SEQUELS_MOST];
    cr_expect_eq(pf_sequels_of(plan, once, 4, true, ids), 0, "as often as without faults");
    cr_assert_eq(pf_sequels_of(plan, once, 5, true, ids), 2);
    expect_sequel(plan, ids[0], once, "read:error=EIO:when=5:proc=0.1", NULL);
    expect_sequel(plan, ids[1], once, "read:kill:when=5:proc=0.1", NULL);
    cr_expect_eq(pf_sequels_of(plan, ids[1], 5, true, ids), 0, "after a kill comes nothing");
    cr_assert_eq(pf_sequels_of(plan, once, 1000, false, ids), 4, "bounded");
    expect_sequel(plan, ids[3], once, "read:error=EIO:when=8:proc=0.1", NULL);
    uint64_t second = ids[0];
    cr_expect_eq(pf_sequels_of(plan, second, 5, true, ids), 0);
    cr_assert_eq(pf_sequels_of(plan, second, 6, true, ids), 1);
    expect_sequel(plan, ids[0], once, "read:error=EIO:when=5:proc=0.1", "read:error=EIO:when=6:proc=0.1");
    cr_expect_eq(pf_sequels_of(plan, ids[0], 1000, true, ids), 0, "three faults at most");
    cr_expect_lt(ids[0], pf_sequel_end(plan));
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}

Test(plan, only_single_failures_have_sequels)
{
    struct pf_points *points = reads(4);
    struct pf_sweep_plan *plan = pf_sweep_plan_new(points, &every, base);
    static const char *const none[] = {"read:error=EIO:when=1+:proc=0.1", "read:kill:when=1:proc=0.1",
                                       "read:stop=50ms:when=1:proc=0.1", "read:signal=TERM:when=1:proc=0.1",
                                       "write:error=EINTR:when=1..20:proc=0/t2"};
    uint64_t ids[PF_SEQUELS_MOST];
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint64_t id = find(plan, none[i]);
        cr_assert_neq(id, 0, "%s", none[i]);
        cr_expect_eq(pf_sequels_of(plan, id, 1000, true, ids), 0, "%s", none[i]);
    }
    pf_sweep_plan_free(plan);
    pf_points_free(points);
}
