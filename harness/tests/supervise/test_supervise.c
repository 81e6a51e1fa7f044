/* Supervision of real programs, judged by the trace that it leaves. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "stage.h"

TestSuite(supervise, .timeout = 30);

Test(supervise, a_trace_starts_with_begin_and_ends_with_end)
{
    struct pf_trace *trace = play("exit-seven");
    cr_assert_eq(trace->events[0]->kind, PF_EVENT_BEGIN);
    cr_assert_str_eq(trace->events[0]->begin.command[1], "exit-seven");
    cr_assert_eq(trace->events[trace->count - 1]->kind, PF_EVENT_END);
    cr_assert_null(trace->events[trace->count - 1]->end.error);
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    cr_assert_eq(exit_of(trace, "0")->code, 7);
    pf_trace_free(trace);
}

Test(supervise, children_are_numbered_in_the_order_of_their_birth)
{
    struct pf_trace *trace = play("two-children");
    cr_assert_str_eq(find(trace, PF_EVENT_FORK, 1)->fork.process, "0.1");
    cr_assert_str_eq(find(trace, PF_EVENT_FORK, 1)->fork.parent, "0");
    cr_assert_str_eq(find(trace, PF_EVENT_FORK, 2)->fork.process, "0.2");
    cr_assert_eq(count(trace, PF_EVENT_EXIT), 3);
    pf_trace_free(trace);
}

Test(supervise, a_hold_lasts_until_its_trigger_elsewhere)
{
    for (int i = 0; i < 20; i++) {
        struct pf_trial *trial = plan("two-children");
        inject(trial, i % 2 ? "point=first:hold=point=second-spoke" : "point=second:hold=exit@0.1");
        struct pf_trace *trace = run(trial);
        cr_assert_str_eq(output_of(trace), i % 2 ? "second\nfirst\n" : "first\nsecond\n");
        cr_assert(find(trace, PF_EVENT_RELEASE, 0)->release.met);
        pf_trace_free(trace);
    }
}

Test(supervise, a_hold_whose_trigger_never_comes_is_ended_when_all_else_rests)
{
    struct pf_trial *trial = plan("two-children");
    inject(trial, "point=first:hold=point=nowhere");
    struct pf_trace *trace = run(trial);
    const struct pf_event *release = find(trace, PF_EVENT_RELEASE, 0);
    cr_assert_not_null(release);
    cr_assert_not(release->release.met);
    cr_assert_str_eq(release->release.why, "never");
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    pf_trace_free(trace);
}

Test(supervise, a_child_can_be_held_before_its_first_instruction)
{
    struct pf_trial *trial = plan("two-children");
    inject(trial, "start:hold=point=second-spoke:proc=0.1");
    struct pf_trace *trace = run(trial);
    cr_assert_str_eq(output_of(trace), "second\nfirst\n");
    pf_trace_free(trace);
}

Test(supervise, kill_strikes_the_process_at_the_point)
{
    struct pf_trial *trial = plan("two-children");
    inject(trial, "point=first:kill");
    struct pf_trace *trace = run(trial);
    cr_assert_str_eq(output_of(trace), "second\n");
    cr_assert(exit_of(trace, "0.1")->signaled);
    cr_assert_str_eq(exit_of(trace, "0.1")->signal, "SIGKILL");
    cr_assert_str_eq(find(trace, PF_EVENT_INJECT, 0)->inject.target, "0.1");
    pf_trace_free(trace);
}

Test(supervise, a_signal_arrives_before_the_next_instruction_and_is_known_as_ours)
{
    struct pf_trial *trial = plan("signal-at-point");
    inject(trial, "point=struck:signal=USR1");
    struct pf_trace *trace = run(trial);
    cr_assert_str_eq(output_of(trace), "USR1\nafter\n");
    cr_assert_str_eq(find(trace, PF_EVENT_SIGNAL, 0)->signal.sender, "pitfall");
    pf_trace_free(trace);
}

Test(supervise, a_signal_of_the_tree_names_its_sender)
{
    struct pf_trace *trace = play("signal-child");
    const struct pf_event *event = find(trace, PF_EVENT_SIGNAL, 0);
    cr_assert_str_eq(event->signal.name, "SIGTERM");
    cr_assert_str_eq(event->signal.thread, "0.1");
    cr_assert_str_eq(event->signal.sender, "0");
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    pf_trace_free(trace);
}

Test(supervise, who_sends_sigkill_is_seen_though_its_arrival_is_not)
{
    struct pf_trace *trace = play("kill-child");
    const struct pf_event *event = find(trace, PF_EVENT_KILL, 0);
    cr_assert_not_null(event);
    cr_assert_str_eq(event->kill.thread, "0");
    cr_assert_str_eq(event->kill.process, "0.1");
    pf_trace_free(trace);
}

Test(supervise, a_child_whose_maker_is_killed_in_the_midst_of_fork_lives_all_the_same)
{
    struct pf_trace *trace = play("kill-makers");
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    cr_assert_eq(count(trace, PF_EVENT_FORK), count(trace, PF_EVENT_EXIT));
    pf_trace_free(trace);
}

Test(supervise, an_error_is_injected_on_the_occurrence_that_is_asked_for)
{
    struct pf_trial *trial = plan("write-thrice");
    inject(trial, "write:error=EINTR:when=2");
    struct pf_trace *trace = run(trial);
    cr_assert_str_eq(output_of(trace), "x\nx\nEINTR\n");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(find(trace, PF_EVENT_INJECT, 0)->inject.occurrence, 2);
    pf_trace_free(trace);
}

Test(supervise, a_rule_that_never_fires_leaves_no_injection)
{
    struct pf_trial *trial = plan("write-thrice");
    inject(trial, "write:error=EINTR:when=20");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 0);
    pf_trace_free(trace);
}

Test(supervise, the_ledger_is_kept)
{
    struct pf_trace *trace = play("ledger");
    cr_assert_eq(count(trace, PF_EVENT_LEDGER), 3);
    cr_assert_str_eq(find(trace, PF_EVENT_LEDGER, 1)->ledger.book, "sent:jobs");
    cr_assert_eq(find(trace, PF_EVENT_LEDGER, 1)->ledger.id, 8);
    pf_trace_free(trace);
}

Test(supervise, a_point_leaves_errno_alone)
{
    struct pf_trace *trace = play("errno");
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    cr_assert_eq(count(trace, PF_EVENT_POINT), 1);
    pf_trace_free(trace);
}

Test(supervise, running_into_a_planned_limit_is_seen)
{
    struct pf_trial *trial = plan("use-descriptors");
    struct pf_limit *limit = pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
    *limit = (struct pf_limit){.resource = "nofile", .value = 16};
    struct pf_trace *trace = run(trial);
    const struct pf_event *event = find(trace, PF_EVENT_LIMIT, 0);
    cr_assert_not_null(event);
    cr_assert_str_eq(event->limit.error, "EMFILE");
    cr_assert_eq(event->limit.value, 16);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    pf_trace_free(trace);
}

/* A planned limit of descriptors makes everybody stop on his way out, too. */
Test(supervise, nobody_is_left_of_makers_that_are_killed_with_all_they_make)
{
    for (int i = 0; i < 10; i++) {
        struct pf_trial *trial = plan("kill-makers");
        struct pf_limit *limit =
            pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
        *limit = (struct pf_limit){.resource = "nofile", .value = 64};
        trial->deadline_ns = 20 * 1000 * 1000;
        struct pf_trace *trace = run(trial);
        cr_assert_eq(verdict_of(trace), PF_VERDICT_DEADLINE);
        pf_trace_free(trace);
    }
}

static struct pf_trace *run_under(const char *scene, const char *limits)
{
    struct pf_trial *trial = plan(scene);
    char *each = pf_arena_strdup(trial->arena, limits), *rest = NULL;
    for (char *one = strtok_r(each, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        struct pf_limit *limit =
            pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
        cr_assert_eq(pf_limit_parse(one, trial->arena, limit, NULL), 0);
    }
    return run(trial);
}

/* Each limit by how it shows, and not by another that shows in the same way. */
Test(supervise, running_into_each_limit_is_seen)
{
    static const struct {
        const char *scene, *limits, *resource, *error;
    } all[] = {
        {"use-queues", "msgqueue=20000", "msgqueue", "EMFILE"},
        {"use-queues", "msgqueue=20000 nofile=32", "msgqueue", "EMFILE"},
        {"use-queues", "msgqueue=200000 nofile=8", "nofile", "EMFILE"},
        {"use-timers", "sigpending=20", "sigpending", "EAGAIN"},
        {"use-stack", "stack=262144", "stack", "SIGSEGV"},
        {"use-stack", "stack=8388608", NULL, NULL},
        {"write-below-the-stack", "stack=262144", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct pf_trace *trace = run_under(all[i].scene, all[i].limits);
        const struct pf_event *event = find(trace, PF_EVENT_LIMIT, 0);
        cr_assert_eq(!event, !all[i].resource, "%s under %s", all[i].scene, all[i].limits);
        if (event) {
            cr_assert_str_eq(event->limit.resource, all[i].resource, "%s", all[i].limits);
            cr_assert_str_eq(event->limit.error, all[i].error, "%s", all[i].limits);
        }
        pf_trace_free(trace);
    }
}

Test(supervise, a_limit_can_come_down_in_mid_run)
{
    struct pf_trial *trial = plan("use-descriptors");
    inject(trial, "openat:limit=nofile:16:when=20");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    pf_trace_free(trace);
}

Test(supervise, a_thread_that_execs_becomes_the_process)
{
    struct pf_trace *trace = play("thread-execs");
    cr_assert_eq(exit_of(trace, "0")->code, 7);
    cr_assert_eq(count(trace, PF_EVENT_EXIT), 1);
    cr_assert_str_eq(find(trace, PF_EVENT_THREAD, 0)->thread.thread, "0/t1");
    pf_trace_free(trace);
}

/* A plain run is not stopped at execs: the thread that execs must be found again all the same. */
Test(supervise, a_thread_that_execs_unseen_becomes_the_process_too)
{
    struct pf_trial *trial = plan("thread-execs");
    trial->capture = false;
    struct pf_trace *trace = run(trial);
    cr_assert(pf_trace_begin(trace)->no_execs);
    cr_assert_eq(count(trace, PF_EVENT_EXEC), 1);
    cr_assert_eq(exit_of(trace, "0")->code, 7);
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    pf_trace_free(trace);
}

Test(supervise, a_sender_that_has_ended_is_named)
{
    for (int i = 0; i < 30; i++) {
        struct pf_trace *trace = play("kill-and-leave");
        cr_assert_str_eq(find(trace, PF_EVENT_SIGNAL, 0)->signal.sender, "0.2");
        pf_trace_free(trace);
    }
}

Test(supervise, a_bond_with_the_parent_is_seen)
{
    struct pf_trace *trace = play("bind-to-parent");
    const struct pf_event *event = find(trace, PF_EVENT_BOND, 0);
    cr_assert_not_null(event);
    cr_assert_str_eq(event->bond.process, "0.1");
    cr_assert_eq(event->bond.number, SIGTERM);
    pf_trace_free(trace);
}

Test(supervise, a_namespace_made_inside_is_seen_however_it_is_made)
{
    static const struct {
        const char *scene, *nested;
    } ways[] = {{"nest-by-clone", "0.1"},
                {"nest-by-clone3", "0.1"},
                {"nest-by-unshare", "0.1"},
                {"nest-by-setns", "0.2"}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct pf_trace *trace = play(ways[i].scene);
        if (exit_of(trace, "0")->code == 77)
            cr_skip_test("%s: namespaces are refused here", ways[i].scene);
        cr_assert_eq(exit_of(trace, "0")->code, 0, "%s", ways[i].scene);
        size_t bonds = count(trace, PF_EVENT_BOND);
        cr_assert_gt(bonds, 0, "%s", ways[i].scene);
        cr_assert_str_eq(find(trace, PF_EVENT_BOND, bonds - 1)->bond.process, ways[i].nested);
        cr_assert_eq(find(trace, PF_EVENT_BOND, 0)->bond.number, SIGKILL);
        pf_trace_free(trace);
    }
    struct pf_trace *trace = play("two-children");
    cr_assert_eq(count(trace, PF_EVENT_BOND), 0);
    pf_trace_free(trace);
}

Test(supervise, who_outlives_the_root_for_good_is_abandoned)
{
    struct pf_trace *trace = play("leave-orphan");
    const struct pf_event *verdict = find(trace, PF_EVENT_VERDICT, 0);
    cr_assert_eq(verdict->verdict.kind, PF_VERDICT_ABANDONED);
    cr_assert_eq(verdict->verdict.survivor_count, 1);
    cr_assert_str_eq(verdict->verdict.survivors[0], "0.1");
    pf_trace_free(trace);
}

Test(supervise, a_straggler_that_ends_by_itself_is_not)
{
    for (int i = 0; i < 20; i++) {
        struct pf_trace *trace = play("leave-straggler");
        cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
        pf_trace_free(trace);
    }
}

Test(supervise, a_deadlock_is_proven_at_once)
{
    struct pf_trace *trace = play("wait-for-self");
    const struct pf_event *verdict = find(trace, PF_EVENT_VERDICT, 0);
    cr_assert_eq(verdict->verdict.kind, PF_VERDICT_PROVEN);
    const struct pf_event *snapshot = trace->events[verdict->verdict.snapshot - 1];
    cr_assert_eq(snapshot->kind, PF_EVENT_SNAPSHOT);
    cr_assert_lt(verdict->t_ns - snapshot->snapshot.quiet_since_ns, 1000000000ULL);
    cr_assert_eq(count(trace, PF_EVENT_STACK), 1);
    pf_trace_free(trace);
}

/* A first thread that has ended comes to no stop, and what there is to read is there for the others alone. */
Test(supervise, where_others_stand_is_read_though_the_first_thread_has_ended)
{
    struct pf_trace *trace = play("leave-a-thread");
    const struct pf_event *verdict = find(trace, PF_EVENT_VERDICT, 0);
    cr_assert_eq(verdict->verdict.kind, PF_VERDICT_PROVEN);
    cr_assert_eq(count(trace, PF_EVENT_STACK), 1);
    cr_assert_str_eq(find(trace, PF_EVENT_STACK, 0)->stack.thread, "0/t1");
    cr_assert_lt(trace->events[trace->count - 1]->t_ns - verdict->t_ns, 4000000000ULL);
    pf_trace_free(trace);
}

Test(supervise, the_deadline_ends_what_runs_for_ever)
{
    struct pf_trial *trial = plan("spin");
    trial->deadline_ns = 100000000;
    struct pf_trace *trace = run(trial);
    cr_assert_eq(verdict_of(trace), PF_VERDICT_DEADLINE);
    cr_assert(exit_of(trace, "0")->signaled);
    pf_trace_free(trace);
}

Test(supervise, setting_and_clearing_timers_is_seen)
{
    struct pf_trace *trace = play("arm-alarm");
    cr_assert_eq(count(trace, PF_EVENT_TIMER), 3);
    cr_assert(find(trace, PF_EVENT_TIMER, 0)->timer.armed);
    cr_assert_not(find(trace, PF_EVENT_TIMER, 1)->timer.armed);
    cr_assert(find(trace, PF_EVENT_TIMER, 2)->timer.armed);
    pf_trace_free(trace);
}

Test(supervise, job_control_works_as_without_a_tracer)
{
    struct pf_trace *trace = play("stop-and-go");
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    pf_trace_free(trace);
}

Test(supervise, without_a_namespace_the_tree_is_contained_too)
{
    struct pf_trial *trial = plan("leave-orphan");
    trial->share = PF_SHARE_PID;
    struct pf_trace *trace = run(trial);
    cr_assert_eq(verdict_of(trace), PF_VERDICT_ABANDONED);
    cr_assert_str_eq(pf_trace_begin(trace)->environment.containment, "subreaper");
    cr_assert(exit_of(trace, "0.1")->signaled);
    pf_trace_free(trace);
}

static void refuse(const char *program, int expected, const char *words)
{
    struct pf_trial *trial = plan("unused");
    trial->command[0] = program;
    struct pf_trace *trace = pf_trace_new();
    struct pf_error error = {""};
    cr_assert_eq(pf_supervise_trial(trial, NULL, trace, &error), expected);
    cr_assert(strstr(error.message, words), "%s", error.message);
    cr_assert_str_eq(trace->events[trace->count - 1]->end.error, error.message);
    cr_assert_eq(waitpid(-1, NULL, __WALL), -1);
    pf_trace_free(trace);
    pf_plan_free(trial);
}

Test(supervise, a_program_that_cannot_start_is_an_error_that_says_why)
{
    refuse("no-such-program", -ENOENT, "command not found");
    refuse("/no/such/program", -ENOENT, "no such program");
    refuse("/etc/passwd", -EACCES, "may not be executed");
    refuse("/etc", -EACCES, "is a directory");
    refuse("", -ENOENT, "empty");
}

/* Its end is seen by another way than its last words, and may be seen first. */
Test(supervise, what_was_printed_is_told_before_the_verdict)
{
    static const char *command[] = {"sh", "-c", "sleep 0.001; echo last words"};
    for (int i = 0; i < 100; i++) {
        struct pf_trial *trial = plan("");
        trial->command = command;
        trial->command_count = 3;
        struct pf_trace *trace = run(trial);
        bool decided = false, printed = false;
        for (size_t k = 0; k < trace->count; k++) {
            decided |= trace->events[k]->kind == PF_EVENT_VERDICT;
            printed |= trace->events[k]->kind == PF_EVENT_OUTPUT && !decided;
        }
        cr_assert(printed, "run %d", i);
        pf_trace_free(trace);
    }
}
