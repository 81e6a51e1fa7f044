/* Who releases whom: processes, pipes, time, signals, ancestors. */
#include <criterion/criterion.h>
#include <time.h>

#include "scene.h"

static struct scene s;

static void open_scene(void)
{
    scene_open(&s);
}

static void close_scene(void)
{
    scene_close(&s);
}

TestSuite(graph, .init = open_scene, .fini = close_scene, .timeout = 10);

static void expect_stuck(const char *threads)
{
    cr_assert_str_eq(scene_stuck(&s), threads);
}

Test(graph, a_single_thread_that_runs_is_not_stuck)
{
    scene_actor(&s, "0", PF_WAIT_NONE);
    expect_stuck("");
}

Test(graph, nothing_at_all_is_not_stuck)
{
    expect_stuck("");
}

Test(graph, parent_and_child_that_read_from_each_other_are_stuck)
{
    scene_reads(&s, "0", "pipe:1");
    scene_reads(&s, "0.1", "pipe:2");
    scene_pipe(&s, "pipe:1", "0.1", "0");
    scene_pipe(&s, "pipe:2", "0", "0.1");
    expect_stuck("0 0.1");
}

Test(graph, three_in_a_circle_are_stuck_and_so_is_who_waits_for_them)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_reads(&s, "0.1", "pipe:1");
    scene_reads(&s, "0.2", "pipe:2");
    scene_reads(&s, "0.3", "pipe:3");
    scene_pipe(&s, "pipe:1", "0.2", "0.1");
    scene_pipe(&s, "pipe:2", "0.3", "0.2");
    scene_pipe(&s, "pipe:3", "0.1", "0.3");
    expect_stuck("0 0.1 0.2 0.3");
}

Test(graph, one_live_writer_among_many_releases_the_whole_circle)
{
    scene_reads(&s, "0.1", "pipe:1");
    scene_reads(&s, "0.2", "pipe:2");
    scene_actor(&s, "0.3", PF_WAIT_SLEEP);
    struct pf_object *pipe = scene_pipe(&s, "pipe:1", "0.2", "0.1");
    scene_holder(&s, pipe, "0.3", "w");
    scene_pipe(&s, "pipe:2", "0.1", "0.2");
    expect_stuck("");
}

Test(graph, who_waits_for_a_child_that_any_thread_keeps_alive_waits_with_reason)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_reads(&s, "0.1", "pipe:1");
    scene_thread(&s, "0.1/t1", PF_WAIT_SLEEP);
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("");
}

Test(graph, a_reader_that_alone_holds_the_write_end_is_stuck)
{
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("0");
}

Test(graph, a_reader_whose_own_second_thread_lives_is_not_stuck)
{
    scene_reads(&s, "0", "pipe:1");
    scene_thread(&s, "0/t1", PF_WAIT_SLEEP);
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("");
}

Test(graph, a_pipe_without_writers_gives_end_of_file)
{
    scene_reads(&s, "0", "pipe:1");
    struct pf_object *pipe = scene_object(&s, PF_OBJECT_PIPE, "pipe:1");
    scene_holder(&s, pipe, "0", "r");
    expect_stuck("");
}

Test(graph, a_pipe_with_data_in_it_is_about_to_be_read)
{
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0")->queued = 1;
    expect_stuck("");
}

Test(graph, a_writer_needs_a_reader_that_lives)
{
    scene_target(&s, scene_actor(&s, "0", PF_WAIT_WRITE), "pipe:1");
    scene_awaits(&s, scene_actor(&s, "0.1", PF_WAIT_CHILD), "0.1.1");
    scene_reads(&s, "0.1.1", "pipe:2");
    scene_pipe(&s, "pipe:1", "0", "0.1")->queued = 65536;
    scene_pipe(&s, "pipe:2", "0.1", "0.1.1");
    expect_stuck("0 0.1 0.1.1");
}

Test(graph, a_process_that_is_not_in_the_picture_may_do_anything)
{
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.7", "0");
    expect_stuck("");
}

Test(graph, nor_does_it_help_that_the_others_are_stuck)
{
    scene_reads(&s, "0", "pipe:1");
    struct pf_object *pipe = scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("0");
    scene_holder(&s, pipe, "0.7", "w");
    expect_stuck("");
}

/* A parent that may be woken by somebody alive is itself as good as alive: it may kill its child. */
static void below_a_parent_with_a_live_sibling(enum pf_object_kind kind)
{
    scene_reads(&s, "0", "object");
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    struct pf_object *object = scene_object(&s, kind, "object");
    object->external = true;
    scene_holder(&s, object, "0", "rw");
    expect_stuck("0.1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    expect_stuck("");
}

Test(graph, a_fifo_may_be_written_to_by_whoever_lives)
{
    below_a_parent_with_a_live_sibling(PF_OBJECT_FIFO);
}

Test(graph, a_terminal_may_be_written_to_by_whoever_lives)
{
    below_a_parent_with_a_live_sibling(PF_OBJECT_TTY);
}

Test(graph, a_signalfd_may_be_written_to_by_whoever_lives)
{
    below_a_parent_with_a_live_sibling(PF_OBJECT_SIGNALFD);
}

Test(graph, a_socket_that_others_can_reach_may_be_written_to_by_whoever_lives)
{
    below_a_parent_with_a_live_sibling(PF_OBJECT_SOCKET);
}

Test(graph, a_message_queue_may_be_written_to_by_whoever_lives)
{
    below_a_parent_with_a_live_sibling(PF_OBJECT_MQUEUE);
}

static void below_a_parent_that_waits(enum pf_wait_kind kind)
{
    scene_actor(&s, "0", kind);
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0.1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    expect_stuck("");
}

Test(graph, whoever_lives_may_continue_a_stopped_parent)
{
    below_a_parent_that_waits(PF_WAIT_STOPPED);
}

Test(graph, whoever_lives_may_send_a_parent_its_signal)
{
    below_a_parent_that_waits(PF_WAIT_SIGNAL);
}

Test(graph, whoever_lives_may_open_the_fifo_that_a_parent_opens)
{
    below_a_parent_that_waits(PF_WAIT_OPEN);
}

Test(graph, a_wait_without_anything_to_wait_for_is_no_proof)
{
    static const enum pf_wait_kind kinds[] = {PF_WAIT_READ,    PF_WAIT_WRITE, PF_WAIT_ACCEPT,
                                              PF_WAIT_FUTEX,   PF_WAIT_LOCK,  PF_WAIT_CHILD,
                                              PF_WAIT_CONNECT, PF_WAIT_VFORK, PF_WAIT_SEMAPHORE};
    scene_actor(&s, "0", PF_WAIT_READ);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        s.snapshot.threads[0].wait.kind = kinds[i];
        expect_stuck("");
    }
}

Test(graph, a_process_whose_threads_were_not_seen_may_do_anything)
{
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0");
    scene_process(&s, "0.1");
    expect_stuck("");
}

Test(graph, an_object_of_an_unknown_kind_may_be_anything)
{
    scene_reads(&s, "0", "other");
    scene_holder(&s, scene_object(&s, PF_OBJECT_OTHER, "other"), "0", "rw");
    expect_stuck("");
}

Test(graph, an_object_that_nobody_described_may_be_anything)
{
    scene_reads(&s, "0", "pipe:404");
    expect_stuck("");
}

Test(graph, unknown_waits_are_never_part_of_a_proof)
{
    scene_actor(&s, "0", PF_WAIT_UNKNOWN);
    expect_stuck("");
}

Test(graph, what_the_harness_holds_it_will_let_go)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_actor(&s, "0.1", PF_WAIT_HELD);
    expect_stuck("");
}

Test(graph, stopped_processes_and_who_waits_for_them_can_go_on)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_actor(&s, "0.1", PF_WAIT_STOPPED);
    expect_stuck("");
}

Test(graph, a_time_limit_ends_a_wait)
{
    scene_reads(&s, "0", "pipe:1");
    s.snapshot.threads[0].wait.timed = true;
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("");
}

Test(graph, who_waits_for_a_signal_waits_for_anybody)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_actor(&s, "0.1", PF_WAIT_SIGNAL);
    expect_stuck("");
}

Test(graph, a_poll_of_nothing_waits_for_a_signal)
{
    scene_actor(&s, "0", PF_WAIT_POLL);
    expect_stuck("");
}

Test(graph, what_somebody_outside_can_do_is_not_a_deadlock)
{
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0")->external = true;
    expect_stuck("");
}

/* The idle server: it can only be woken from outside, so it will not kill its child of its own accord. */
Test(graph, a_knot_below_an_idle_server_is_proven)
{
    scene_reads(&s, "0", "tty");
    scene_reads(&s, "0.1", "pipe:1");
    scene_object(&s, PF_OBJECT_TTY, "tty");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0.1");
}

Test(graph, an_ancestor_that_lives_may_kill_what_is_stuck)
{
    scene_actor(&s, "0", PF_WAIT_SLEEP);
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("");
}

Test(graph, an_ancestor_may_kill_over_the_head_of_a_parent_that_is_gone)
{
    scene_actor(&s, "0", PF_WAIT_SLEEP);
    scene_reads(&s, "0.1.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1.1", "0.1.1");
    expect_stuck("");
}

Test(graph, a_sibling_that_lives_may_kill)
{
    scene_reads(&s, "0.1", "pipe:1");
    scene_actor(&s, "0.2", PF_WAIT_SLEEP);
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("");
}

Test(graph, a_child_that_lives_may_kill_its_parent)
{
    scene_reads(&s, "0", "pipe:1");
    scene_actor(&s, "0.1", PF_WAIT_SLEEP);
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("");
}

Test(graph, the_parent_of_a_process_that_can_be_killed_is_released_with_it)
{
    scene_actor(&s, "0", PF_WAIT_SLEEP);
    scene_awaits(&s, scene_actor(&s, "0.1", PF_WAIT_CHILD), "0.1.1");
    scene_reads(&s, "0.1.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1.1", "0.1.1");
    expect_stuck("");
}

Test(graph, a_zombie_is_about_to_be_reaped)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_process(&s, "0.1")->zombie = true;
    expect_stuck("");
}

Test(graph, a_zombie_leader_whose_threads_are_stuck_is_not)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_CHILD), "0.1");
    scene_actor(&s, "0.1", PF_WAIT_EXIT);
    scene_target(&s, scene_thread(&s, "0.1/t1", PF_WAIT_READ), "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0 0.1/t1");
}

Test(graph, a_zombie_elsewhere_disturbs_no_proof)
{
    scene_reads(&s, "0", "pipe:1");
    scene_process(&s, "0.1")->zombie = true;
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("0");
}

Test(graph, any_child_that_can_end_ends_a_wait_for_any_child)
{
    struct pf_thread_state *parent = scene_actor(&s, "0", PF_WAIT_CHILD);
    parent->wait.children = true;
    scene_awaits(&s, parent, "0.1");
    scene_awaits(&s, parent, "0.2");
    scene_reads(&s, "0.1", "pipe:1");
    scene_reads(&s, "0.2", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.2");
    expect_stuck("0 0.1 0.2");
    s.snapshot.threads[2].wait.timed = true;
    expect_stuck("");
}

Test(graph, a_thread_that_could_fork_keeps_a_wait_for_any_child_open)
{
    struct pf_thread_state *parent = scene_actor(&s, "0", PF_WAIT_CHILD);
    parent->wait.children = true;
    scene_awaits(&s, parent, "0.1");
    scene_thread(&s, "0/t1", PF_WAIT_SIGNAL);
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("0.1");
}

Test(graph, the_end_of_a_child_interrupts_who_catches_sigchld)
{
    scene_process(&s, "0")->catches_sigchld = true;
    scene_target(&s, scene_thread(&s, "0", PF_WAIT_READ), "pipe:1");
    scene_actor(&s, "0.1", PF_WAIT_SIGNAL);
    scene_pipe(&s, "pipe:1", "0", "0");
    expect_stuck("");
    s.snapshot.processes[0].catches_sigchld = false;
    expect_stuck("0");
}

/* The idle server that writes into its own pipe when it is told to end. */
Test(graph, a_handler_of_its_own_may_end_a_wait_that_is_in_its_own_hands)
{
    scene_process(&s, "0.1")->handles_requests = true;
    scene_target(&s, scene_thread(&s, "0.1", PF_WAIT_READ), "pipe:1");
    scene_pipe(&s, "pipe:1", "0.1", "0.1");
    expect_stuck("");
    s.snapshot.processes[0].handles_requests = false;
    expect_stuck("0.1");
}

Test(graph, a_handler_of_its_own_does_not_end_what_is_in_the_hands_of_others)
{
    scene_process(&s, "0.1")->handles_requests = true;
    scene_process(&s, "0.2")->handles_requests = true;
    scene_target(&s, scene_thread(&s, "0.1", PF_WAIT_READ), "pipe:1");
    scene_target(&s, scene_thread(&s, "0.2", PF_WAIT_READ), "pipe:2");
    scene_pipe(&s, "pipe:1", "0.2", "0.1");
    scene_pipe(&s, "pipe:2", "0.1", "0.2");
    expect_stuck("0.1 0.2");
}

Test(graph, a_vfork_parent_waits_for_its_child)
{
    scene_awaits(&s, scene_actor(&s, "0", PF_WAIT_VFORK), "0.1");
    scene_reads(&s, "0.1", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0.1");
    expect_stuck("0 0.1");
    s.snapshot.threads[1].wait.timed = true;
    expect_stuck("");
}

Test(graph, a_wait_that_could_not_be_read_is_only_its_own_affair)
{
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.3";
    scene_actor(&s, "0.2", PF_WAIT_UNKNOWN);
    const char *unknown[] = {"0.2: blocked in a call that is not read"};
    s.snapshot.unknown = unknown;
    s.snapshot.unknown_count = 1;
    expect_stuck("0.1");
}

static const struct pf_event *append_snapshot(struct pf_trace *trace, enum pf_snapshot_reason reason)
{
    struct pf_event event = {.kind = PF_EVENT_SNAPSHOT, .snapshot = s.snapshot};
    event.snapshot.reason = reason;
    return pf_trace_append(trace, &event);
}

Test(graph, a_look_at_a_part_needs_a_second_look_that_says_the_same)
{
    struct pf_trace *trace = pf_trace_new();
    struct pf_event begin = {.kind = PF_EVENT_BEGIN, .begin = {.schema = PF_TRACE_SCHEMA}};
    pf_trace_append(trace, &begin);
    scene_process(&s, "0.1");
    scene_waits_at(&s, "0.1", "futex:1");
    scene_futex(&s, "futex:1", PF_FUTEX_MUTEX)->dead_owner = "0.3";
    scene_actor(&s, "0.2", PF_WAIT_NONE);
    const struct pf_event *first = append_snapshot(trace, PF_SNAPSHOT_PARTIAL);
    cr_assert_not(pf_judge_is_stuck(trace, &first->snapshot));
    const struct pf_event *second = append_snapshot(trace, PF_SNAPSHOT_PARTIAL);
    cr_assert(pf_judge_is_stuck(trace, &second->snapshot));
    struct pf_snapshot unappended = second->snapshot;
    cr_assert(pf_judge_is_stuck(trace, &unappended), "a snapshot need not be in the trace yet");
    s.snapshot.threads = pf_arena_alloc(s.arena, 2 * sizeof(struct pf_thread_state));
    s.snapshot.threads[0] = second->snapshot.threads[0];
    s.snapshot.threads[1] = second->snapshot.threads[1];
    s.snapshot.threads[0].wait.kind = PF_WAIT_POLL;
    const struct pf_event *other = append_snapshot(trace, PF_SNAPSHOT_PARTIAL);
    cr_assert_not(pf_judge_is_stuck(trace, &other->snapshot), "it waits, but in another wait");
    pf_trace_free(trace);
}

Test(graph, a_quiet_look_is_enough)
{
    struct pf_trace *trace = pf_trace_new();
    struct pf_event begin = {.kind = PF_EVENT_BEGIN, .begin = {.schema = PF_TRACE_SCHEMA}};
    pf_trace_append(trace, &begin);
    scene_reads(&s, "0", "pipe:1");
    scene_pipe(&s, "pipe:1", "0", "0");
    s.snapshot.reason = PF_SNAPSHOT_QUIET;
    cr_assert(pf_judge_is_stuck(trace, &s.snapshot));
    pf_trace_free(trace);
}

/* The question is asked at every quiet moment of a run. The best round counts: others use this machine too.
 */
Test(graph, a_hundred_threads_are_judged_in_well_under_a_millisecond)
{
    enum { PROCESSES = 100, ROUNDS = 50 };
    struct pf_futex *futex = scene_futex(&s, "futex:1", PF_FUTEX_SEMAPHORE);
    for (int i = 0; i < PROCESSES; i++) {
        const char *address = pf_arena_printf(s.arena, "0.%d", i + 1);
        scene_process(&s, address);
        scene_waits_at(&s, address, "futex:1");
        scene_maps(&s, futex, address);
    }
    struct pf_trace trace = {0};
    double best_us = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        cr_assert(pf_judge_is_stuck(&trace, &s.snapshot));
        clock_gettime(CLOCK_MONOTONIC, &end);
        double us = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
        best_us = us < best_us ? us : best_us;
    }
    cr_log_info("%.0f us for %d threads", best_us, PROCESSES);
    cr_assert_lt(best_us, 1000.0);
}
