/* What is said of each event, and what is worth a beat. */
#include "narrate/pace.h"
#include "told.h"

#define MS 1000000ULL

static struct pf_trace *trace;
static struct pf_scene *scene;

static void open_both(void)
{
    trace = pf_trace_new();
    scene = open_scene(trace);
}

static void close_both(void)
{
    pf_scene_free(scene);
    pf_trace_free(trace);
}

TestSuite(scene, .init = open_both, .fini = close_both, .timeout = 10);

static enum pf_beat take(struct pf_event event)
{
    event.t_ns = (trace->count + 1) * MS;
    pf_trace_append(trace, &event);
    return pf_scene_take(scene);
}

static void begin(void)
{
    take((struct pf_event){.kind = PF_EVENT_BEGIN, .begin = {.schema = PF_TRACE_SCHEMA}});
    take((struct pf_event){.kind = PF_EVENT_FORK, .fork = {.process = "0", .how = "launch"}});
    take((struct pf_event){.kind = PF_EVENT_EXEC, .exec = {.process = "0", .path = "/opt/app"}});
}

static enum pf_beat fork_child(const char *child)
{
    return take((struct pf_event){.kind = PF_EVENT_FORK,
                                  .fork = {.process = pf_arena_strdup(trace->arena, child), .parent = "0"}});
}

static enum pf_beat exit_of(const char *process, uint64_t code)
{
    return take((struct pf_event){.kind = PF_EVENT_EXIT, .exit = {.process = process, .code = code}});
}

static const char *last(void)
{
    return scene->tells[scene->tell_count - 1].text;
}

Test(scene, what_comes_often_is_a_repeat)
{
    begin();
    cr_assert_eq(fork_child("0.1"), PF_BEAT_STEP);
    cr_assert_str_eq(last(), "0 (app) starts 0.1");
    cr_assert_eq(fork_child("0.2"), PF_BEAT_STEP);
    cr_assert_eq(fork_child("0.3"), PF_BEAT_STEP);
    cr_assert_eq(fork_child("0.4"), PF_BEAT_REPEAT);
    cr_assert_str_eq(pf_scene_lane(scene, "0.4")->name, "app");
}

Test(scene, points_and_entries_are_counted_and_only_the_first_is_a_beat)
{
    begin();
    struct pf_event point = {.kind = PF_EVENT_POINT, .point = {.thread = "0", .name = "held", .count = 1}};
    cr_assert_eq(take(point), PF_BEAT_STEP);
    point.point.count = 2;
    cr_assert_eq(take(point), PF_BEAT_NONE);
    cr_assert_str_eq(pf_scene_lane(scene, "0")->state, "at held, 2 times");
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(take((struct pf_event){.kind = PF_EVENT_LEDGER,
                                            .ledger = {.thread = "0", .book = i ? "sent" : "received"}}),
                     PF_BEAT_NONE);
    cr_assert_eq(scene->book_count, 2);
    cr_assert_eq(scene->books[1].entries, 2);
}

Test(scene, a_strike_is_large_once_and_says_whom_where_and_how_often)
{
    begin();
    fork_child("0.1");
    struct pf_event strike = {
        .kind = PF_EVENT_INJECT,
        .inject = {.thread = "0.1", .at = "write", .occurrence = 22, .action = "signal=TERM", .target = "0"}};
    cr_assert_eq(take(strike), PF_BEAT_LARGE);
    cr_assert_str_eq(
        last(), "THE FAULT STRIKES 0.1 (app) at write, which it reaches for the 22nd time: signal=TERM to 0 "
                "(app)");
    strike.inject.occurrence = 113;
    cr_assert_eq(take(strike), PF_BEAT_STEP);
    cr_assert(strstr(last(), "the 113th time"));
    cr_assert(pf_scene_lane(scene, "0")->struck && pf_scene_lane(scene, "0.1")->struck);
}

Test(scene, a_strike_at_a_time_names_its_target)
{
    begin();
    take((struct pf_event){.kind = PF_EVENT_INJECT,
                           .inject = {.at = "after=1ms", .action = "kill", .target = "0"}});
    cr_assert_str_eq(last(), "THE FAULT STRIKES at after=1ms: kill to 0 (app)");
}

Test(scene, a_held_thread_is_held_until_it_is_let_go)
{
    begin();
    take((struct pf_event){
        .kind = PF_EVENT_INJECT,
        .inject = {.thread = "0", .at = "write", .occurrence = 1, .action = "hold=point=x", .target = "0"}});
    cr_assert_eq(pf_scene_lane(scene, "0")->now, PF_CELL_HELD);
    cr_assert_eq(take((struct pf_event){.kind = PF_EVENT_RELEASE, .release = {.thread = "0"}}), PF_BEAT_STEP);
    cr_assert_eq(pf_scene_lane(scene, "0")->now, PF_CELL_RUNS);
}

Test(scene, a_kill_of_the_dead_is_no_news)
{
    begin();
    fork_child("0.1");
    struct pf_event kill = {.kind = PF_EVENT_KILL, .kill = {.thread = "0", .target = 3, .process = "0.1"}};
    cr_assert_eq(take(kill), PF_BEAT_STEP);
    exit_of("0.1", 0);
    cr_assert_eq(take(kill), PF_BEAT_NONE);
    kill.kill.process = NULL;
    cr_assert_eq(take(kill), PF_BEAT_NONE);
}

Test(scene, a_process_takes_its_threads_with_it)
{
    begin();
    fork_child("0.1");
    take((struct pf_event){.kind = PF_EVENT_THREAD, .thread = {.thread = "0.1/t1", .by = "0.1"}});
    fork_child("0.11");
    take((struct pf_event){.kind = PF_EVENT_EXIT,
                           .exit = {.process = "0.1", .signaled = true, .code = 9, .signal = "SIGKILL"}});
    cr_assert_eq(pf_scene_lane(scene, "0.1/t1")->now, PF_CELL_NONE);
    cr_assert_str_eq(pf_scene_lane(scene, "0.1")->state, "was killed by SIGKILL");
    cr_assert_eq(pf_scene_lane(scene, "0.11")->now, PF_CELL_RUNS);
}

Test(scene, output_is_told_line_by_line_but_not_without_end)
{
    begin();
    size_t before = scene->tell_count;
    cr_assert_eq(
        take((struct pf_event){.kind = PF_EVENT_OUTPUT,
                               .output = {.stream = "stdout", .text = "a\n\x1b[31mb\nc\nd\ne\nf\n"}}),
        PF_BEAT_REPEAT);
    cr_assert_eq(scene->tell_count - before, 5);
    cr_assert_str_eq(scene->tells[before + 1].text, "prints: \\x1b[31mb");
    cr_assert_str_eq(last(), "prints 2 more lines");
}

Test(scene, what_comes_behind_the_verdict_is_not_told)
{
    begin();
    cr_assert_eq(take((struct pf_event){.kind = PF_EVENT_VERDICT}), PF_BEAT_NONE);
    size_t before = scene->tell_count;
    cr_assert_eq(exit_of("0", 0), PF_BEAT_NONE);
    cr_assert_eq(scene->tell_count, before);
    cr_assert_eq(pf_scene_lane(scene, "0")->now, PF_CELL_RUNS);
}

Test(scene, each_beat_is_a_column_of_every_lane_that_lives)
{
    begin();
    fork_child("0.1");
    exit_of("0.1", 0);
    fork_child("0.2");
    const struct pf_scene_lane *root = pf_scene_lane(scene, "0"), *first = pf_scene_lane(scene, "0.1");
    cr_assert_eq(scene->beats, 4);
    cr_assert_eq(root->cell_count, 4);
    cr_assert_eq(first->first, 1);
    cr_assert_eq(first->cell_count, 2);
    cr_assert_eq(first->cells[0], PF_CELL_BORN);
    cr_assert_eq(first->cells[1], PF_CELL_ENDED);
}

Test(scene, a_thousand_processes_are_found)
{
    begin();
    for (int i = 1; i <= 1000; i++)
        fork_child(pf_arena_printf(trace->arena, "0.%d", i));
    cr_assert_str_eq(pf_scene_lane(scene, "0.1000")->id, "0.1000");
    cr_assert_str_eq(pf_scene_lane(scene, "0.1")->id, "0.1");
    cr_assert_null(pf_scene_lane(scene, "0.1001"));
}

Test(scene, waits_are_told_in_the_words_of_the_judge)
{
    struct pf_trace *recorded = read_trace("terminate-with-lock-broken");
    struct pf_scene *told = open_scene(recorded);
    take_all(told);
    cr_assert_str_eq(pf_scene_lane(told, "0.2")->state,
                     "waits for a mutex in anonymous shared memory that 0.1 (broken) held when it ended");
    cr_assert_eq(tells_with(told, "0 (broken) waits for process 0.2 (broken) to end"), 1);
    cr_assert_eq(tells_with(told, "0.1 (broken) stands in book at scenarios/terminate-with-lock/broken.c:28"),
                 1);
    pf_scene_free(told);
    pf_trace_free(recorded);
}

/* Every recorded trace, and one cut at each event: a live one is never longer than so. */
Test(scene, a_trace_that_still_grows_is_told_the_same)
{
    struct pf_trace *recorded = read_trace("terminate-with-lock-safe"), growing = *recorded;
    struct pf_scene *whole = open_scene(recorded), *live = open_scene(&growing);
    take_all(whole);
    for (growing.count = 0; growing.count < recorded->count; growing.count++)
        take_all(live);
    take_all(live);
    cr_assert_eq(live->tell_count, whole->tell_count);
    for (size_t i = 0; i < whole->tell_count; i++)
        cr_assert_str_eq(live->tells[i].text, whole->tells[i].text);
    pf_scene_free(whole);
    pf_scene_free(live);
    pf_trace_free(recorded);
}

Test(pace, a_beat_stands_as_long_as_it_takes_to_read, .timeout = 10)
{
    cr_assert_eq(pf_pace_ms(PF_PACE_STEP, PF_BEAT_LARGE, 5), PF_PACE_KEY);
    cr_assert_gt(pf_pace_ms(PF_PACE_STEP, PF_BEAT_REPEAT, 5), 0);
    for (int pace = PF_PACE_SLOW; pace <= PF_PACE_FAST; pace++) {
        cr_assert_eq(pf_pace_ms((enum pf_pace)pace, PF_BEAT_NONE, 100), 0);
        cr_assert_lt(pf_pace_ms((enum pf_pace)pace, PF_BEAT_REPEAT, 9),
                     pf_pace_ms((enum pf_pace)pace, PF_BEAT_STEP, 3));
        cr_assert_lt(pf_pace_ms((enum pf_pace)pace, PF_BEAT_STEP, 9),
                     pf_pace_ms((enum pf_pace)pace, PF_BEAT_LARGE, 9));
        cr_assert_eq(pf_pace_ms((enum pf_pace)pace, PF_BEAT_STEP, SIZE_MAX),
                     pf_pace_ms((enum pf_pace)pace, PF_BEAT_STEP, 100000));
    }
    cr_assert_gt(pf_pace_ms(PF_PACE_SLOW, PF_BEAT_STEP, 20), pf_pace_ms(PF_PACE_FAST, PF_BEAT_STEP, 20));
}

Test(scene, words_are_counted_from_a_tell_on)
{
    pf_scene_tell(scene, PF_TONE_PLAIN, "one two");
    pf_scene_tell(scene, PF_TONE_PLAIN, " three\n four  five ");
    cr_assert_eq(pf_pace_words(scene, 0), 5);
    cr_assert_eq(pf_pace_words(scene, 1), 3);
}
