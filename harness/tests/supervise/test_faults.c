/* Every action and option of the fault grammar, on a real program. */
#include <signal.h>
#include <sys/resource.h>

#include "stage.h"

TestSuite(faults, .timeout = 30);

/* The actor's output under one or several faults, two blanks between them. */
static const char *output_under(const char *scene, const char *specs, struct pf_trace **ret_trace)
{
    struct pf_trial *trial = plan(scene);
    char *copy = pf_arena_strdup(trial->arena, specs), *next = NULL;
    for (char *spec = strtok_r(copy, " ", &next); spec; spec = strtok_r(NULL, " ", &next))
        inject(trial, spec);
    *ret_trace = run(trial);
    return output_of(*ret_trace);
}

static void expect(const char *scene, const char *specs, const char *output)
{
    struct pf_trace *trace;
    const char *seen = output_under(scene, specs, &trace);
    cr_expect_str_eq(seen, output, "%s %s: %s", scene, specs, seen);
    cr_expect(exit_of(trace, "0") && exit_of(trace, "0")->code == 0, "%s %s", scene, specs);
    pf_trace_free(trace);
}

static void expect_injections(const char *scene, const char *specs, size_t injections)
{
    struct pf_trace *trace;
    output_under(scene, specs, &trace);
    cr_expect_eq(count(trace, PF_EVENT_INJECT), injections, "%s %s: %zu", scene, specs,
                 count(trace, PF_EVENT_INJECT));
    pf_trace_free(trace);
}

#define WHOLE                                                                                                \
    "write: 10 \nread: 10 0123456789\nwritev: 10 \nrecvfrom: 10 0123456789\nsendmsg: 10 \nrecvmsg: 10 \n"    \
    "lengths: 31 \n"

Test(faults, a_short_transfer_really_happens)
{
    expect("transfer", "write:error=EIO:when=1000", WHOLE);
    expect("transfer", "write:short=4:when=1",
           "write: 4 \nread: 4 0123\nwritev: 10 \nrecvfrom: 10 0123456789\nsendmsg: 10 \nrecvmsg: 10 \n"
           "lengths: 31 \n");
    expect("transfer", "read,recvfrom:short=1:fd=socket",
           "write: 10 \nread: 1 0\nwritev: 10 \nrecvfrom: 1 1\nsendmsg: 10 \nrecvmsg: 24 \nlengths: 31 \n");
}

/* Of vectors and messages too; and what was changed for it is as before when the program looks. */
Test(faults, a_short_transfer_of_a_vector)
{
    expect("transfer", "writev:short=2",
           "write: 10 \nread: 10 0123456789\nwritev: 2 \nrecvfrom: 2 01\nsendmsg: 10 \nrecvmsg: 10 \n"
           "lengths: 31 \n");
    expect("transfer", "writev:short=3",
           "write: 10 \nread: 10 0123456789\nwritev: 3 \nrecvfrom: 3 012\nsendmsg: 10 \nrecvmsg: 10 \n"
           "lengths: 31 \n");
    expect("transfer", "writev:short=9",
           "write: 10 \nread: 10 0123456789\nwritev: 9 \nrecvfrom: 9 012345678\nsendmsg: 10 \nrecvmsg: 10 \n"
           "lengths: 31 \n");
    expect("transfer", "sendmsg:short=5 recvmsg:short=2",
           "write: 10 \nread: 10 0123456789\nwritev: 10 \nrecvfrom: 10 0123456789\nsendmsg: 5 \nrecvmsg: 2 \n"
           "lengths: 31 \n");
}

/* Nothing would be tested then. */
Test(faults, a_call_that_wants_no_more_is_not_struck)
{
    expect_injections("transfer", "write,sendmsg,writev:short=64:fd=socket", 0);
    expect_injections("transfer", "write,sendmsg,writev:short=9:fd=socket", 3);
}

Test(faults, another_call_is_made_instead)
{
    expect("parent-number", "getppid:syscall=getpid", "1 -\n");
    expect("parent-number", "getppid:syscall=getpid:error=EIO", "-1 EIO\n");
    expect("parent-number", "getppid:syscall=getpid:retval=77", "77 -\n");
    /* That call is named by a rule as well; it is the harness's, not the program's. */
    expect("parent-number", "getppid:syscall=getpid getpid:error=EPERM:when=9", "1 -\n");
}

Test(faults, results)
{
    expect("parent-number", "getppid:retval=010", "8 -\n");
    expect("parent-number", "getppid:retval=-4096", "-4096 -\n");
    expect("parent-number", "getppid:error=ENOTTY", "-1 ENOTTY\n");
    expect("parent-number", "getppid:error=ENOTTY:delay_exit=1ms", "-1 ENOTTY\n");
    expect("parent-number", "getppid:error=4095:delay_exit=1 getppid:retval=5", "5 -\n");
}

Test(faults, memory_is_overwritten_before_and_after_a_call)
{
    expect("transfer", "write:poke_enter=@arg2=4142:fd=socket",
           "write: 10 \nread: 10 AB23456789\nwritev: 10 \nrecvfrom: 10 AB23456789\nsendmsg: 10 \n"
           "recvmsg: 10 \nlengths: 31 \n");
    expect("transfer", "read:poke_exit=@arg2=5a5a5a:fd=socket",
           "write: 10 \nread: 10 ZZZ3456789\nwritev: 10 \nrecvfrom: 10 0123456789\nsendmsg: 10 \n"
           "recvmsg: 10 \nlengths: 31 \n");
    /* An argument that points nowhere: nothing can be overwritten, so nothing has struck. */
    expect_injections("three-threads", "flock:poke_enter=@arg1=00", 0);
    expect_injections("three-threads", "flock:poke_exit=@arg1=00", 0);
}

Test(faults, delays)
{
    struct pf_trace *trace;
    output_under("parent-number", "getppid:delay_enter=40ms:delay_exit=60ms", &trace);
    cr_assert_eq(count(trace, PF_EVENT_RELEASE), 2);
    const struct pf_event *first = find(trace, PF_EVENT_INJECT, 0);
    cr_assert_geq(find(trace, PF_EVENT_RELEASE, 0)->t_ns - first->t_ns, 40000000);
    cr_assert_geq(find(trace, PF_EVENT_RELEASE, 1)->t_ns - find(trace, PF_EVENT_RELEASE, 0)->t_ns, 60000000);
    pf_trace_free(trace);
}

Test(faults, a_stopped_process_goes_on_after_a_time)
{
    struct pf_trace *trace;
    const char *output = output_under("watch-stops", "point=stopped-here:stop=30ms", &trace);
    cr_expect_str_eq(output, "stopped\ncontinued\n");
    cr_expect_eq(exit_of(trace, "0")->code, 0);
    const struct pf_event *strike = find(trace, PF_EVENT_INJECT, 0),
                          *release = find(trace, PF_EVENT_RELEASE, 0);
    cr_assert_str_eq(strike->inject.target, "0.1");
    cr_assert_geq(release->t_ns - strike->t_ns, 30000000);
    cr_assert_str_eq(release->release.thread, "0.1");
    cr_assert(release->release.met);
    pf_trace_free(trace);
}

/* At its own read: the stop interrupts it, and what follows is as ever. Also with nobody else around. */
Test(faults, the_root_can_be_stopped)
{
    expect("write-thrice", "write:stop=20ms:when=2", "x\nx\nx\n");
    expect("write-thrice", "start:stop=20ms", "x\nx\nx\n");
}

Test(faults, rules_apply_in_their_order)
{
    expect("sixteen", "flock:error=EIO:when=3 flock:error=EPERM:when=3..4 flock:error=EIO:when=4",
           "...x............");
    expect("sixteen", "flock:error=EIO:when=70000 flock:error=EIO:when=2..9+3", ".x..x..x........");
}

Test(faults, a_signal_interrupts_the_call_that_it_strikes)
{
    expect("interrupted-read", "read:signal=USR1:fd=pipe", "USR1\nread: EINTR\n");
    expect("interrupted-read", "read:signal=USR1:error=EPIPE:fd=pipe", "USR1\nread: EPIPE\n");
    expect("interrupted-read", "read:signal=USR1:short=1:fd=pipe read:error=EBADF:fd=pipe:when=2",
           "USR1\nread: EINTR\n");
    /* A byte is all that is wanted, so nothing is made short; and by this way the call is the same. */
    expect("interrupted-read", "read:signal=USR1:delay_exit=1:fd=pipe", "USR1\nread: EINTR\n");
}

Test(faults, the_sender_of_a_signal_can_be_struck)
{
    struct pf_trace *trace;
    output_under("signal-and-wait", "point=signalled:signal=TERM:to=sender", &trace);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    cr_assert_str_eq(find(trace, PF_EVENT_INJECT, 0)->inject.target, "0.1");
    pf_trace_free(trace);
}

Test(faults, descriptors_are_told_apart)
{
    expect("kinds", "pwrite64:error=EIO:fd=pipe", "pipe\n");
    expect("kinds", "pwrite64:error=EIO:fd=socket", "socket\n");
    expect("kinds", "pwrite64:error=EIO:fd=file", "file\n");
    expect("kinds", "pwrite64:error=EIO:fd=tty", "tty\n");
    expect("kinds", "pwrite64:error=EIO:fd=/dev/null", "null\n");
    expect("kinds", "pwrite64:error=EIO:fd=*kinds.log*", "file\n");
    expect("kinds", "pwrite64:error=EIO:fd=/dev/*", "tty\nnull\n");
    expect("kinds", "pwrite64:error=EIO", "pipe\nsocket\nfile\ntty\nnull\n");
}

Test(faults, arguments_select_and_only_what_they_select_is_counted)
{
    expect("transfer", "write:error=EIO:arg3==10:when=1 read:retval=0:arg3>19:arg3<21:arg2!=0:when=1",
           "write: EIO\nread: 0 \nwritev: 10 \nrecvfrom: 10 0123456789\nsendmsg: 10 \nrecvmsg: 10 \n"
           "lengths: 31 \n");
    expect("sixteen", "flock:error=EIO:arg1==-1:when=2", ".x..............");
    expect("sixteen", "flock:error=EIO:arg1==0xffffffff:when=2", ".x..............");
    expect("sixteen", "flock:error=EIO:arg1<-1 flock:error=EIO:arg1&0x10:when=16", "...............x");
    expect("sixteen", "flock:error=EIO:arg1<0:when=1", "................");
    expect("sixteen", "flock:error=EIO:arg1!=-1:when=1", "................");
}

Test(faults, threads_are_counted_by_themselves)
{
    expect("three-threads", "flock:error=EIO:when=2", "EBADF\nEIO\nEBADF\nEBADF\nEBADF\nEBADF\n");
    expect("three-threads", "flock:error=EIO:when=2:proc=0/t2", "EBADF\nEBADF\nEBADF\nEBADF\nEBADF\nEIO\n");
    expect("three-threads", "flock:error=EIO:when=2:proc=0/t*", "EBADF\nEBADF\nEBADF\nEIO\nEBADF\nEIO\n");
    expect("three-threads", "flock:error=EIO:when=2:proc=0/t0", "EBADF\nEIO\nEBADF\nEBADF\nEBADF\nEBADF\n");
    expect("three-threads", "flock@0/t1:error=EIO", "EBADF\nEBADF\nEIO\nEIO\nEBADF\nEBADF\n");
    expect_injections("three-threads", "start@0/t2:delay_enter=1ms", 1);
    expect_injections("three-threads", "exit@0/t1:signal=CONT:to=0", 1);
    expect_injections("three-threads", "exit:signal=CONT:to=tree", 0);
}

Test(faults, one_process_is_struck_by_what_another_does)
{
    struct pf_trace *trace;
    output_under("two-children", "point=second@0.2:kill:to=0.1 point=first:hold=exit@0.2", &trace);
    cr_assert_str_eq(exit_of(trace, "0.1")->signal, "SIGKILL");
    cr_assert_eq(exit_of(trace, "0.2")->code, 0);
    pf_trace_free(trace);
}

/* The same seed, the same strikes. */
Test(faults, chance_depends_on_the_seed_alone)
{
    const char *strikes[6];
    struct pf_trace *traces[6];
    for (int i = 0; i < 6; i++) {
        struct pf_trial *trial = plan("sixteen");
        trial->seed = (uint64_t)i / 2;
        inject(trial, "flock:error=EIO:prob=0.5");
        traces[i] = run(trial);
        strikes[i] = output_of(traces[i]);
    }
    cr_assert_str_eq(strikes[0], strikes[1]);
    cr_assert_str_eq(strikes[2], strikes[3]);
    cr_assert_str_neq(strikes[0], strikes[2]);
    cr_assert_str_neq(strikes[2], strikes[4]);
    cr_assert_not_null(strchr(strikes[0], 'x'));
    cr_assert_not_null(strchr(strikes[0], '.'));
    for (int i = 0; i < 6; i++)
        pf_trace_free(traces[i]);
    expect("sixteen", "flock:error=EIO:prob=1:when=2", ".x..............");
}

Test(faults, sets)
{
    expect("sixteen",
           "!flock:error=EIO:when=1000000 %desc:error=EPERM:arg1==-1:when=2 flock:error=EIO:when=4",
           "...x............");
    expect("parent-number", "%pure:error=EPERM:when=1", "-1 EPERM\n");
}

/* What each set is, by a call of each kind. */
Test(faults, each_set_has_its_calls)
{
    static const struct {
        const char *set, *calls;
    } all[] = {{"%file", "access "},    {"%desc", "fsync "},       {"%process", "wait4 "},
               {"%network", "socket "}, {"%net", "socket "},       {"%ipc", "msgctl "},
               {"%memory", "munmap "},  {"%signal", "sigaction "}, {"%clock", "clock_getres "},
               {"%creds", "setresuid "}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char specs[96];
        snprintf(specs, sizeof(specs), "%s:error=EDEADLK:arg1==4660", all[i].set);
        expect("call-of-each-set", specs, all[i].calls);
    }
}

Test(faults, all_calls)
{
    expect_injections("exit-seven", "all:signal=CONT:to=caller:when=2..3", 2);
}

Test(faults, addresses_are_patterns)
{
    expect_injections("two-children", "point=first:signal=CONT:proc=0.*", 1);
    expect_injections("two-children", "point=first:signal=CONT:proc=0.[2-9]", 0);
    expect_injections("two-children", "point=first@0.?:signal=CONT", 1);
    expect_injections("parent-number", "getppid:signal=CONT:to=tree", 1);
}

Test(faults, a_limit_is_set_and_lifted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    if (limit.rlim_max != RLIM_INFINITY)
        cr_skip_test("the hard limit is not unlimited here, and is not to be raised");
    expect("lower-a-limit", "getppid:limit=core:4096", "limited\n");
    expect("lower-a-limit", "getppid:limit=core:unlimited", "unlimited\n");
}

/* The call stops for its result anyway; a rule may name it all the same. */
Test(faults, a_rule_may_name_a_call_that_is_watched_for_a_limit)
{
    struct pf_trial *trial = plan("use-descriptors");
    struct pf_limit *limit = pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
    *limit = (struct pf_limit){.resource = "nofile", .value = 16};
    inject(trial, "openat:delay_enter=1ms:when=2");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(count(trace, PF_EVENT_LIMIT), 1);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    pf_trace_free(trace);
}

/* An injected failure says nothing about a limit. */
Test(faults, an_injected_error_is_no_limit)
{
    struct pf_trial *trial = plan("use-descriptors");
    struct pf_limit *limit = pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*limit));
    *limit = (struct pf_limit){.resource = "nofile", .value = 1000};
    inject(trial, "openat:error=EMFILE:when=20");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    cr_assert_eq(count(trace, PF_EVENT_LIMIT), 0);
    cr_assert_eq(exit_of(trace, "0")->code, 0);
    pf_trace_free(trace);
}

/* A thread that is held in a ptrace stop is held, not busy: others are waited for, and then it is let go. */
Test(faults, a_hold_at_a_stopped_call_is_ended_when_all_else_rests)
{
    struct pf_trace *trace;
    output_under("parent-number", "getppid:hold=point=nowhere:delay_exit=1ms", &trace);
    const struct pf_event *release = find(trace, PF_EVENT_RELEASE, 0);
    cr_assert_str_eq(release->release.why, "never");
    cr_assert_eq(verdict_of(trace), PF_VERDICT_FINISHED);
    pf_trace_free(trace);
}

static bool has_function(const struct pf_ev_stack *stack, const char *function)
{
    for (size_t i = 0; i < stack->frame_count; i++)
        if (stack->frames[i].function && strcmp(stack->frames[i].function, function) == 0)
            return true;
    return false;
}

/* However the call is kept: notified and not made, killed, stopped by ptrace, held. The stack is its own, the
 * trace links it, and the program sees the same. */
Test(faults, the_stack_of_a_strike)
{
    static const struct {
        const char *spec, *output;
    } cases[] = {
        {"flock:error=EIO:when=3", "..x............."},
        {"flock:retval=0:when=2", "................"},
        {"flock:delay_enter=1ms:when=3", "................"},
        {"flock:delay_exit=1ms:when=3", "................"},
        {"flock:limit=core:0:when=3", "................"},
        {"flock:signal=CONT:when=3", "................"},
        {"flock:stop=1ms:when=3", "................"},
        {"flock:error=EIO:signal=CONT:when=3", "..x............."},
        {"flock:kill:when=3", ""},
        {"flock:kill:delay_exit=1:when=3", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pf_trial *trial = plan("sixteen");
        trial->stacks = true;
        inject(trial, cases[i].spec);
        struct pf_trace *trace = run(trial);
        const struct pf_event *event = find(trace, PF_EVENT_STACK, 0);
        cr_expect_str_eq(output_of(trace), cases[i].output, "%s: %s", cases[i].spec, output_of(trace));
        cr_assert_not_null(event, "%s: no stack", cases[i].spec);
        cr_expect_eq(count(trace, PF_EVENT_STACK), 1, "%s", cases[i].spec);
        cr_expect(has_function(&event->stack, "sixteen"), "%s", cases[i].spec);
        const struct pf_event *strike = trace->events[event->stack.inject - 1];
        cr_expect_eq(strike->kind, PF_EVENT_INJECT);
        bool killed = strstr(cases[i].spec, "kill") != NULL;
        cr_expect_eq(exit_of(trace, "0")->signaled, killed, "%s", cases[i].spec);
        pf_trace_free(trace);
    }
}

/* A rule that strikes for ever has its first eight, and a call that waits still waits only once. */
Test(faults, few_stacks_are_enough)
{
    struct pf_trial *trial = plan("sixteen");
    trial->stacks = true;
    inject(trial, "flock:error=EIO");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_STACK), 8);
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 16);
    cr_assert_str_eq(output_of(trace), "xxxxxxxxxxxxxxxx");
    pf_trace_free(trace);
    trial = plan("interrupted-read");
    trial->stacks = true;
    inject(trial, "read:signal=USR1:fd=pipe");
    trace = run(trial);
    cr_assert_str_eq(output_of(trace), "USR1\nread: EINTR\n");
    cr_assert_eq(count(trace, PF_EVENT_INJECT), 1);
    pf_trace_free(trace);
}

Test(faults, two_rules_have_one_stack_each)
{
    struct pf_trial *trial = plan("sixteen");
    trial->stacks = true;
    inject(trial, "flock:error=EPERM:when=2");
    inject(trial, "flock:error=EIO:signal=CONT:when=2");
    struct pf_trace *trace = run(trial);
    cr_assert_eq(count(trace, PF_EVENT_STACK), 2);
    cr_assert_eq(trace->events[find(trace, PF_EVENT_STACK, 0)->stack.inject - 1]->inject.fault, 0);
    cr_assert_eq(trace->events[find(trace, PF_EVENT_STACK, 1)->stack.inject - 1]->inject.fault, 1);
    pf_trace_free(trace);
}

Test(faults, no_stack_is_taken_unasked)
{
    struct pf_trace *trace;
    output_under("sixteen", "flock:error=EIO", &trace);
    cr_assert_eq(count(trace, PF_EVENT_STACK), 0);
    pf_trace_free(trace);
}
