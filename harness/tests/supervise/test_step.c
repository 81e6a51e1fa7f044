/* Triggers inside functions of real programs: what was executed before the strike, and what was not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "stage.h"

TestSuite(step, .timeout = 60);

/* Writes down the calls that the trigger of a spec names. */
static void record(struct pf_trial *trial, const char *spec)
{
    struct pf_error error = {""};
    struct pf_fault *fault = pf_arena_alloc(trial->arena, sizeof(*fault));
    cr_assert_eq(pf_fault_parse(spec, trial->arena, fault, &error), 0, "%s", error.message);
    trial->steps = &fault->trigger;
}

static struct pf_trace *strike(const char *scene, const char *spec)
{
    struct pf_trial *trial = plan(scene);
    inject(trial, spec);
    return run(trial);
}

/* What the program says of the thing; -1: nothing. */
static int said(const struct pf_trace *trace, const char *what)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        const char *at = event->kind == PF_EVENT_OUTPUT ? strstr(event->output.text, what) : NULL;
        int number;
        if (at && sscanf(at + strlen(what), "%d", &number) == 1)
            return number;
    }
    return -1;
}

static const struct pf_ev_steps *steps_of(const struct pf_trace *trace, const char *process)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_STEPS && strcmp(trace->events[i]->steps.thread, process) == 0)
            return &trace->events[i]->steps;
    return NULL;
}

/* The kill leaves so many rungs behind, or did not strike at all (expected -1). */
static void expect_rungs(const char *scene, const char *function, unsigned instruction, int expected)
{
    char spec[128];
    snprintf(spec, sizeof(spec), "step=%s+%u:kill:proc=0.1", function, instruction);
    struct pf_trace *trace = strike(scene, spec);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), expected >= 0, "%s, %s", scene, spec);
    if (expected >= 0) {
        cr_expect_eq(said(trace, "rungs"), expected, "%s, %s: %d", scene, spec, said(trace, "rungs"));
        cr_expect_eq(said(trace, "signal"), SIGKILL, "%s, %s", scene, spec);
    }
    pf_trace_free(trace);
}

Test(step, strikes_before_the_nth_instruction_of_a_static_function)
{
    for (unsigned i = 0; i <= 8; i++)
        expect_rungs("static", "ascend", i, (int)i);
    /* Behind the return the call is over. */
    expect_rungs("static", "ascend", 9, -1);
}

Test(step, finds_functions_of_libraries)
{
    expect_rungs("library", "climb", 0, 0);
    expect_rungs("library", "climb", 5, 5);
    expect_rungs("library", "libclimb.so:climb", 5, 5);
    expect_rungs("library", "libclimb*:climb", 8, 8);
}

Test(step, finds_functions_of_libraries_that_are_opened_later)
{
    expect_rungs("later", "climb_later", 0, 0);
    expect_rungs("later", "climb_later", 5, 5);
    expect_rungs("elsewhere", "climb_later", 3, 3);
}

Test(step, counts_calls_for_each_process)
{
    struct pf_trace *trace = strike("often", "step=ascend+2:kill:when=4");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(said(trace, "rungs"), 3 * 8 + 2);
    pf_trace_free(trace);
    trace = strike("often", "step=ascend+2:signal=CHLD:when=2+2");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 2);
    cr_assert_eq(said(trace, "rungs"), 5 * 8);
    pf_trace_free(trace);
}

Test(step, follows_a_function_that_never_returns)
{
    struct pf_trace *trace = strike("forever", "step=body_forever+20000:kill:when=1");
    cr_assert_eq(said(trace, "signal"), SIGKILL);
    cr_assert_gt(said(trace, "rungs"), 20000 / 2);
    cr_assert_lt(said(trace, "rungs"), 20000);
    pf_trace_free(trace);
}

/* After each turn of a repeated instruction the processor stops; three of the stops count. */
static void expect_bytes(const char *scene, const char *function, unsigned instruction, int expected)
{
    char spec[128];
    snprintf(spec, sizeof(spec), "step=%s+%u:kill", function, instruction);
    struct pf_trace *trace = strike(scene, spec);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1, "%s", spec);
    cr_expect_eq(said(trace, "bytes"), expected, "%s: %d", spec, said(trace, "bytes"));
    pf_trace_free(trace);
}

Test(step, stops_within_repeated_instructions_at_first_middle_and_last)
{
    static const int bytes[] = {0, 500, 999, 1000};
    for (unsigned i = 0; i < 4; i++) {
        expect_bytes("copy", "copy", 1 + i, bytes[i]);
        expect_bytes("fill", "fill", 2 + i, bytes[i]);
    }
}

Test(step, counts_no_instruction_of_a_signal_handler)
{
    static const char *const scenes[] = {"handler", "other-stack"};
    for (size_t i = 0; i < 2; i++) {
        expect_rungs(scenes[i], "signal_itself", 4, 4);
        expect_rungs(scenes[i], "signal_itself", 9, 4);
        expect_rungs(scenes[i], "signal_itself", 10, 4);
        expect_rungs(scenes[i], "signal_itself", 11, 5);
        expect_rungs(scenes[i], "signal_itself", 14, 8);
        expect_rungs(scenes[i], "signal_itself", 15, -1);
    }
}

Test(step, leaves_the_program_its_own_traps)
{
    /* The second call is looked into; both reach the program's handler, and raise() as well. */
    struct pf_trace *trace = strike("trap", "step=trap_itself+2:signal=CHLD:when=2");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(said(trace, "handled"), 3);
    cr_assert_eq(said(trace, "rungs"), 4);
    pf_trace_free(trace);
    trace = strike("trap", "step=trap_itself+3:kill:when=2");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    pf_trace_free(trace);
    trace = strike("trap", "step=trap_itself+4:kill:when=2");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 0, "the handler's instructions were counted");
    pf_trace_free(trace);
}

Test(step, follows_a_vforked_child_and_leaves_its_parent_alone)
{
    struct pf_trace *trace = strike("vfork", "step=ascend+3:kill:proc=0.1");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(said(trace, "rungs"), 3 + 8);
    cr_assert_eq(said(trace, "signal"), SIGKILL);
    pf_trace_free(trace);
}

Test(step, follows_two_threads_at_once)
{
    struct pf_trace *trace = strike("threads", "step=ascend+4:signal=CHLD");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 100);
    cr_assert_eq(said(trace, "rungs"), 800);
    pf_trace_free(trace);
}

Test(step, holds_a_thread_in_the_middle_of_a_function)
{
    struct pf_trace *trace = strike("threads", "step=ascend+4:delay_enter=30ms:when=1..2");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 2);
    cr_assert_eq(count(trace, PF_EVENT_RELEASE), 2);
    cr_assert_eq(said(trace, "rungs"), 800);
    pf_trace_free(trace);
}

Test(step, goes_with_other_rules)
{
    struct pf_trial *trial = plan("nap");
    inject(trial, "read:retval=1:proc=0.1:when=1");
    inject(trial, "step=nap+3:kill");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 2);
    cr_assert_eq(said(trace, "signal"), SIGKILL);
    pf_trace_free(trace);
}

Test(step, strikes_a_call_that_sleeps)
{
    struct pf_trace *trace = strike("nap", "step=nap+2/asleep:kill");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(said(trace, "signal"), SIGKILL);
    pf_trace_free(trace);
    /* There is something to read: it does not sleep. */
    trace = strike("awake", "step=nap+2/asleep:kill");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 0);
    cr_assert_eq(said(trace, "signal"), 0);
    pf_trace_free(trace);
}

Test(step, says_which_function_was_meant)
{
    struct pf_error error = {""};
    struct pf_trial *trial = plan("static");
    inject(trial, "step=asend+1:kill");
    struct pf_trace *trace = run_to(trial, -ENOENT, &error);
    cr_assert_not_null(strstr(error.message, "did you mean \"ascend\"?"), "%s", error.message);
    pf_trace_free(trace);
    trial = plan("static");
    inject(trial, "step=libclimb.so:ascend+1:kill");
    trace = run_to(trial, -ENOENT, &error);
    pf_trace_free(trace);
    trial = plan("static");
    inject(trial, "step=memcpy+0:kill:when=1000000");
    trace = run_to(trial, -ENOENT, &error);
    cr_assert_not_null(strstr(error.message, "stands for several"), "%s", error.message);
    pf_trace_free(trace);
}

/* Recorded as one call with so many instructions, the words telling how it ended; they are replayed one by
 * one by the tests above. */
static void expect_steps(const char *scene, const char *spec, const char *process, unsigned instructions,
                         const char *ended)
{
    struct pf_trial *trial = plan(scene);
    record(trial, spec);
    struct pf_trace *trace = run(trial);
    const struct pf_ev_steps *steps = steps_of(trace, process);
    cr_assert_not_null(steps, "%s, %s", scene, spec);
    cr_expect_str_eq(steps->ended, ended, "%s: %s", scene, steps->ended);
    if (instructions)
        cr_expect_eq(steps->instructions, instructions, "%s: %lu", scene, (unsigned long)steps->instructions);
    uint64_t next = 0;
    for (size_t i = 0; i < steps->spot_count; i++) {
        cr_assert_eq(steps->spots[i].first, next);
        next += steps->spots[i].count;
    }
    cr_assert_eq(next, steps->instructions);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 0);
    pf_trace_free(trace);
}

Test(step, writes_down_a_call)
{
    expect_steps("static", "step=ascend+0:kill", "0.1", 9, "returned");
    expect_steps("library", "step=climb+0:kill", "0.1", 9, "returned");
    expect_steps("later", "step=climb_later+0:kill", "0.1", 9, "returned");
    expect_steps("copy", "step=copy+0:kill", "0.1", 5, "returned");
    expect_steps("handler", "step=signal_itself+0:kill", "0.1", 15, "returned");
    expect_steps("other-stack", "step=signal_itself+0:kill", "0.1", 15, "returned");
    expect_steps("recursion", "step=descend+0:kill:when=1", "0.1", 5 * 6 + 4, "returned");
    expect_steps("jump", "step=jump_out+0:kill", "0.1", 0, "left");
    expect_steps("coroutine", "step=switch_stacks+0:kill", "0.1", 0, "returned");
    expect_steps("exec", "step=run_another+0:kill", "0.1", 0, "exec");
    expect_steps("handler", "step=body_handler+0:kill", "0.1", 0, "exit");
}

Test(step, writes_down_where_instructions_stand)
{
    struct pf_trial *trial = plan("nap");
    record(trial, "step=body_nap+0:kill");
    inject(trial, "read:retval=1:proc=0.1:when=1");
    struct pf_trace *trace = run(trial);
    const struct pf_ev_steps *steps = steps_of(trace, "0.1");
    const struct pf_step_spot *call = NULL;
    for (size_t i = 0; i < steps->spot_count; i++)
        if (steps->spots[i].call)
            call = &steps->spots[i];
    cr_assert_not_null(call);
    cr_assert_str_eq(call->call, "read");
    cr_assert_eq(call->count, 1);
    cr_assert_str_eq(call->at.function, "nap");
    cr_assert_str_eq(call->at.module, "supervise_stepper");
    cr_assert_str_eq(steps->spots[0].at.function, "body_nap");
    cr_assert_not_null(strstr(steps->spots[0].at.file, "stepper.c"));
    pf_trace_free(trace);
}

/* What is left when the kill strikes at the instruction; -1: it did not. */
static int rungs_of(const char *scene, const char *function, uint64_t instruction,
                    const struct pf_waypoint *waypoint)
{
    char spec[128];
    snprintf(spec, sizeof(spec), "step=%s+%u:kill:proc=0.1:when=1", function, (unsigned)instruction);
    struct pf_trial *trial = plan(scene);
    inject(trial, spec);
    if (waypoint)
        trial->faults[0].trigger.waypoint = *waypoint;
    struct pf_trace *trace = run(trial);
    int rungs = count(trace, PF_EVENT_INJECT) ? said(trace, "rungs") : -1;
    pf_trace_free(trace);
    return rungs;
}

/* Strikes at each instruction by steps alone, and from the waypoint before it. */
static void expect_waypoints(const char *scene, const char *function, size_t least)
{
    char spec[128];
    snprintf(spec, sizeof(spec), "step=%s+0:kill:when=1", function);
    struct pf_trial *trial = plan(scene);
    record(trial, spec);
    struct pf_trace *trace = run(trial);
    const struct pf_ev_steps *steps = steps_of(trace, "0.1");
    const struct pf_waypoint *waypoint = NULL;
    cr_assert_geq(steps->waypoint_count, least, "%s: %zu", scene, steps->waypoint_count);
    for (uint64_t i = 0; i < steps->instructions; i++) {
        for (size_t k = 0; k < steps->waypoint_count; k++)
            if (steps->waypoints[k].instruction <= i)
                waypoint = &steps->waypoints[k];
        int by_steps = rungs_of(scene, function, i, NULL);
        int by_waypoint = waypoint ? rungs_of(scene, function, i, waypoint) : by_steps;
        cr_expect_eq(by_waypoint, by_steps, "%s+%lu: %d, not %d", function, (unsigned long)i, by_waypoint,
                     by_steps);
    }
    pf_trace_free(trace);
}

Test(step, runs_to_waypoints_and_strikes_at_the_same_instructions)
{
    expect_waypoints("static", "ascend", 7);
    expect_waypoints("library", "climb", 7);
    expect_waypoints("recursion", "descend", 7);
}

Test(step, strikes_not_at_all_where_the_waypoint_is_not_come_by)
{
    /* Behind the call, and one time more often than the call comes there. */
    struct pf_waypoint behind = {.instruction = 5, .distance = 4000, .occurrence = 1};
    cr_expect_eq(rungs_of("static", "ascend", 7, &behind), -1);
    struct pf_trial *trial = plan("often");
    record(trial, "step=ascend+0:kill:when=1");
    struct pf_trace *trace = run(trial);
    struct pf_waypoint often = steps_of(trace, "0.1")->waypoints[2];
    pf_trace_free(trace);
    often.occurrence = 2;
    trial = plan("often");
    inject(trial, "step=ascend+7:kill:when=1");
    trial->faults[0].trigger.waypoint = often;
    trace = run(trial);
    cr_expect_eq(count(trace, PF_EVENT_INJECT), 0, "the next call of it is another");
    pf_trace_free(trace);
    /* A handler runs in between, which could come by there. */
    trial = plan("handler");
    record(trial, "step=signal_itself+0:kill:when=1");
    trace = run(trial);
    const struct pf_ev_steps *steps = steps_of(trace, "0.1");
    const struct pf_waypoint last = steps->waypoints[steps->waypoint_count - 1];
    pf_trace_free(trace);
    cr_expect_eq(rungs_of("handler", "signal_itself", last.instruction, &last), -1);
}
