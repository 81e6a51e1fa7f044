#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

#define SECOND 1000000000ULL

static struct pf_arena *arena;

static void set_up(void)
{
    arena = pf_arena_new();
}

static void tear_down(void)
{
    pf_arena_free(arena);
}

TestSuite(fault, .init = set_up, .fini = tear_down, .timeout = 20);

static struct pf_fault parse(const char *spec)
{
    struct pf_fault fault = {0};
    struct pf_error error = {""};
    cr_assert_eq(pf_fault_parse(spec, arena, &fault, &error), 0, "%s: %s", spec, error.message);
    cr_assert_str_eq(fault.spec, spec);
    return fault;
}

static int number_of(const char *call)
{
    int number = seccomp_syscall_resolve_name(call);
    cr_assert_geq(number, 0, "%s", call);
    return number;
}

static bool has_call(const struct pf_trigger *trigger, const char *call)
{
    int number = number_of(call);
    for (size_t i = 0; i < trigger->call_count; i++)
        if (trigger->calls[i] == number)
            return true;
    return false;
}

Test(fault, triggers)
{
    struct pf_fault fault = parse("write:kill");
    cr_assert_eq(fault.trigger.kind, PF_TRIGGER_SYSCALL);
    cr_assert_str_eq(fault.trigger.text, "write");
    cr_assert_eq(fault.trigger.call_count, 1);
    cr_assert(has_call(&fault.trigger, "write"));

    fault = parse("point=lock-held:kill");
    cr_assert_eq(fault.trigger.kind, PF_TRIGGER_POINT);
    cr_assert_str_eq(fault.trigger.point, "lock-held");
    cr_assert_str_eq(fault.trigger.text, "point=lock-held");

    fault = parse("point=à-moitié:kill");
    cr_assert_str_eq(fault.trigger.point, "à-moitié");

    cr_assert_eq(parse("start:kill").trigger.kind, PF_TRIGGER_START);
    cr_assert_eq(parse("exit:kill:to=tree").trigger.kind, PF_TRIGGER_EXIT);

    fault = parse("after=250ms:kill");
    cr_assert_eq(fault.trigger.kind, PF_TRIGGER_AFTER);
    cr_assert_eq(fault.trigger.after_ns, SECOND / 4);
    cr_assert_str_eq(fault.trigger.text, "after=250ms");

    /* In a list it is the system call of that name. */
    fault = parse("exit,write:error=EIO");
    cr_assert_eq(fault.trigger.kind, PF_TRIGGER_SYSCALL);
    cr_assert(has_call(&fault.trigger, "exit"));
}

Test(fault, sets_of_calls)
{
    struct pf_fault fault = parse("write,read,write,?no_such_call:kill");
    cr_assert_eq(fault.trigger.call_count, 2, "each once, the unknown one ignored");
    cr_assert_lt(fault.trigger.calls[0], fault.trigger.calls[1], "ascending");
    cr_assert_str_eq(fault.trigger.text, "write,read,write,?no_such_call");

    fault = parse("%file,futex:kill");
    cr_assert(has_call(&fault.trigger, "openat"));
    cr_assert(has_call(&fault.trigger, "futex"));
    cr_assert_not(has_call(&fault.trigger, "read"));

    fault = parse("/^p?write/:kill");
    cr_assert(has_call(&fault.trigger, "write"));
    cr_assert(has_call(&fault.trigger, "writev"));
    cr_assert(has_call(&fault.trigger, "pwrite64"));
    cr_assert_not(has_call(&fault.trigger, "process_vm_writev"));

    fault = parse("/^(send|recv)msg$,close:kill");
    cr_assert_eq(fault.trigger.call_count, 3, "as in strace the closing slash may be left out");
}

/* One member that tells each set from the others, and one that is in another set only. */
Test(fault, every_set_of_strace)
{
    static const struct {
        const char *set, *member, *stranger;
    } sets[] = {
        {"%clock", "clock_settime", "read"}, {"%creds", "setuid", "read"},
        {"%desc", "read", "execve"},         {"%file", "execve", "read"},
        {"%fstat", "fstat", "fstatfs"},      {"%fstatfs", "fstatfs", "fstat"},
        {"%ipc", "msgsnd", "read"},          {"%memory", "mmap", "read"},
        {"%net", "connect", "read"},         {"%network", "connect", "read"},
        {"%process", "wait4", "read"},       {"%pure", "getpid", "read"},
        {"%signal", "rt_sigaction", "read"}, {"%statfs", "statfs", "fstatfs"},
        {"%%stat", "statx", "fstatfs"},      {"%%statfs", "fstatfs", "statx"},
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        char spec[64];
        snprintf(spec, sizeof(spec), "%s:kill", sets[i].set);
        struct pf_fault fault = parse(spec);
        cr_assert(has_call(&fault.trigger, sets[i].member), "%s %s", sets[i].set, sets[i].member);
        cr_assert_not(has_call(&fault.trigger, sets[i].stranger), "%s %s", sets[i].set, sets[i].stranger);
    }
}

Test(fault, actions)
{
    static const struct {
        const char *spec;
        enum pf_action_kind kind;
        int64_t value;
        const char *text;
    } good[] = {
        {"read:error=EINTR", PF_ACTION_ERROR, EINTR, "error=EINTR"},
        {"read:error=eagain", PF_ACTION_ERROR, EAGAIN, "error=eagain"},
        {"read:error=4095", PF_ACTION_ERROR, 4095, "error=4095"},
        {"read:retval=0", PF_ACTION_RETVAL, 0, "retval=0"},
        {"read:retval=0x10", PF_ACTION_RETVAL, 16, "retval=0x10"},
        {"read:retval=9223372036854775807", PF_ACTION_RETVAL, INT64_MAX, "retval=9223372036854775807"},
        {"read:signal=TERM", PF_ACTION_SIGNAL, SIGTERM, "signal=TERM"},
        {"read:signal=SIGTERM", PF_ACTION_SIGNAL, SIGTERM, "signal=SIGTERM"},
        {"read:signal=sigint", PF_ACTION_SIGNAL, SIGINT, "signal=sigint"},
        {"read:signal=15", PF_ACTION_SIGNAL, SIGTERM, "signal=15"},
        {"read:signal=64", PF_ACTION_SIGNAL, 64, "signal=64"},
        {"read:signal=CLD", PF_ACTION_SIGNAL, SIGCHLD, "signal=CLD"},
        {"read:kill", PF_ACTION_KILL, 0, "kill"},
        {"start:delay_enter=10ms", PF_ACTION_DELAY, 10000000, "delay_enter=10ms"},
        {"after=1s:limit=nofile:32", PF_ACTION_LIMIT, 32, "limit=nofile:32"},
        {"read:limit=core:unlimited", PF_ACTION_LIMIT, -1, "limit=core:unlimited"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pf_fault fault = parse(good[i].spec);
        cr_assert_eq(fault.action_count, 1, "%s", good[i].spec);
        cr_assert_eq(fault.actions[0].kind, good[i].kind, "%s", good[i].spec);
        cr_assert_eq(fault.actions[0].value, good[i].value, "%s", good[i].spec);
        cr_assert_str_eq(fault.actions[0].text, good[i].text);
    }
    cr_assert_str_eq(parse("read:limit=nofile:32").actions[0].resource, "nofile");
}

Test(fault, several_actions_keep_their_order)
{
    struct pf_fault fault = parse("write:delay_enter=1ms:when=2:signal=INT:error=EPIPE");
    cr_assert_eq(fault.action_count, 3);
    cr_assert_eq(fault.actions[0].kind, PF_ACTION_DELAY);
    cr_assert_eq(fault.actions[1].kind, PF_ACTION_SIGNAL);
    cr_assert_eq(fault.actions[2].kind, PF_ACTION_ERROR);
    cr_assert_eq(fault.trigger.first, 2);
}

Test(fault, holds)
{
    struct pf_fault fault = parse("point=lock-held:hold=point=working@0.2:proc=0.1");
    const struct pf_action *hold = &fault.actions[0];
    cr_assert_eq(hold->kind, PF_ACTION_HOLD);
    cr_assert_eq(hold->until->kind, PF_TRIGGER_POINT);
    cr_assert_str_eq(hold->until->point, "working");
    cr_assert_str_eq(hold->until->proc, "0.2");
    cr_assert_str_eq(hold->until->text, "point=working");
    cr_assert_str_eq(hold->text, "hold=point=working@0.2");
    cr_assert_str_eq(fault.trigger.proc, "0.1");

    fault = parse("start:hold=read,write@0.*");
    cr_assert_eq(fault.actions[0].until->call_count, 2);
    cr_assert_str_eq(fault.actions[0].until->proc, "0.*");

    fault = parse("write:hold=exit@0.1:hold=after=2s");
    cr_assert_eq(fault.actions[0].until->kind, PF_TRIGGER_EXIT);
    cr_assert_eq(fault.actions[1].until->after_ns, 2 * SECOND);
    cr_assert_null(fault.actions[1].until->proc);
    cr_assert_eq(fault.actions[1].until->first, 1);
}

Test(fault, occurrences)
{
    static const struct {
        const char *spec;
        uint64_t first, last, step;
    } good[] = {
        {"read:kill", 1, 0, 1},
        {"read:kill:when=3", 3, 3, 1},
        {"read:kill:when=3+", 3, 0, 1},
        {"read:kill:when=3+2", 3, 0, 2},
        {"read:kill:when=3..9", 3, 9, 1},
        {"read:kill:when=3..9+", 3, 9, 1},
        {"read:when=3..9+2:kill", 3, 9, 2},
        {"point=x:when=1..1:kill", 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pf_fault fault = parse(good[i].spec);
        cr_assert_eq(fault.trigger.first, good[i].first, "%s", good[i].spec);
        cr_assert_eq(fault.trigger.last, good[i].last, "%s", good[i].spec);
        cr_assert_eq(fault.trigger.step, good[i].step, "%s", good[i].spec);
    }
}

Test(fault, targets)
{
    cr_assert_eq(parse("read:kill").to, PF_TO_CALLER);
    cr_assert_eq(parse("read:kill:to=caller").to, PF_TO_CALLER);
    cr_assert_eq(parse("read:kill:to=group").to, PF_TO_GROUP);
    cr_assert_eq(parse("read:to=tree:signal=INT").to, PF_TO_TREE);
    struct pf_fault fault = parse("after=1s:kill:to=0.[1-3]");
    cr_assert_eq(fault.to, PF_TO_GLOB);
    cr_assert_str_eq(fault.to_glob, "0.[1-3]");
}

#define CALL "expected a system call, %set, /regex, point=NAME, start, exit or after=TIME here, not "
#define ITEM                                                                                                 \
    "expected error=, retval=, signal=, kill, hold=, limit=, delay_enter=, when=, proc= or to= here, not "
#define ERRNO   "expected an errno (a name such as EINTR, or 1 to 4095) here, not "
#define SIGNAL  "expected a signal (a name such as TERM, or 1 to 64) here, not "
#define UNIT    "expected a unit (ns, us, ms, s, m or h) here, not "
#define ADDRESS "expected a process address such as 0 or 0.2, or a pattern such as 0.* here, not "
#define WHEN    "expected an occurrence, counted from 1 (when=F, F+, F+S, F..L or F..L+S), here, not "
#define LATER   " is not supported by this version"

static const struct {
    const char *spec;
    int column;
    const char *sentence;
} mistakes[] = {
    /* triggers */
    {"", 1, CALL "the end"},
    {":", 1, CALL "\":\""},
    {":kill", 1, CALL "\":\""},
    {"wirte:kill", 1, CALL "\"wirte\"; did you mean \"write\"?"},
    {"read,wirte:kill", 6, CALL "\"wirte\"; did you mean \"write\"?"},
    {"read,:kill", 6, CALL "\":\""},
    {"read,,write:kill", 6, CALL "\",\""},
    {"?:kill", 2, CALL "\":\""},
    {"%fiel:kill", 1, CALL "\"%fiel\"; did you mean \"%file\"?"},
    {"file:kill", 1, CALL "\"file\"; did you mean \"%file\"?"},
    {"pont=x:kill", 1, CALL "\"pont\"; did you mean \"point\"?"},
    {"strat:kill", 1, CALL "\"strat\"; did you mean \"start\"?"},
    {"zzzzzzzz:kill", 1, CALL "\"zzzzzzzz\""},
    {"socketcall:kill", 1, "socketcall is a system call of other machines, this one lacks it"},
    {"?socketcall,?nope:kill", 1, "this machine has none of these system calls"},
    {"all:kill", 1, "all, none and ! are not supported by this version: name the calls or a %set"},
    {"!read:kill", 1, "all, none and ! are not supported by this version: name the calls or a %set"},
    {"/(:kill", 2, "malformed regular expression: Unmatched ( or \\("},
    {"/a{9}:kill", 3,
     "expected a regular expression of letters, digits and _ ^ $ . * + ? | ( ) [ ] - here, not \"{\""},
    {"/:kill", 2,
     "expected a regular expression of letters, digits and _ ^ $ . * + ? | ( ) [ ] - here, not \":\""},
    {"/^zz$:kill", 2, "no system call matches /^zz$/"},
    {"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:kill", 2, "a regular expression may have 40 characters"},
    {"point:kill", 6, "expected \"=\" and the name of a point here, not \":\""},
    {"point=:kill", 7, "expected the name of a point here, not \":\""},
    {"point=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 7,
     "the name of a point has at most 63 bytes"},
    {"after:kill", 6, "expected \"=\" and a time here, not \":\""},
    {"after=100:kill", 10, UNIT "\":\""},
    {"after=1.5s:kill", 8, UNIT "\".5s\""},
    {"after=soon:kill", 7, "expected a time such as 250ms, 10s or 2m here, not \"soon\""},
    {"after=99999999999999999999s:kill", 7,
     "expected a time of less than 290 years here, not \"99999999999999999999s\""},
    {"start=1:kill", 6, "expected \":\" and an action or option here, not \"=\""},
    {"write@0.1:kill", 6, "\"@\" stands only in the trigger of a hold; here, name the process by proc="},
    /* items */
    {"write", 6, "expected \":\" and an action here: nothing would happen"},
    {"write:", 7, ITEM "the end"},
    {"write::kill", 7, ITEM "\":\""},
    {"write:proc=0", 13, "expected an action here: nothing would happen"},
    {"write:sihnal=TERM", 7, ITEM "\"sihnal\"; did you mean \"signal\"?"},
    {"write:wehn=1", 7, ITEM "\"wehn\"; did you mean \"when\"?"},
    {"write:short=3", 7, "short" LATER},
    {"write:stop=50ms", 7, "stop" LATER},
    {"write:delay_exit=1ms", 7, "delay_exit" LATER},
    {"write:poke_enter=@arg1=00", 7, "poke_enter" LATER},
    {"write:poke", 7, "poke" LATER},
    {"write:syscall=getpid", 7, "syscall" LATER},
    {"write:kill:fd=pipe", 12, "fd" LATER},
    {"write:kill:prob=0.5", 12, "prob" LATER},
    {"write:arg1&0x400:kill", 7, "arg1" LATER},
    {"point=à-moitié:singal=3", 16, ITEM "\"singal\"; did you mean \"signal\"?"},
    /* values of actions */
    {"write:kill=9", 11, "kill takes no value"},
    {"write:error", 12, "expected \"=\" and a value here: error=…"},
    {"write:error=", 13, ERRNO "the end"},
    {"write:error=EINTRR:when=2", 13, ERRNO "\"EINTRR\"; did you mean \"EINTR\"?"},
    {"write:error=0", 13, ERRNO "\"0\""},
    {"write:error=4096", 13, ERRNO "\"4096\""},
    {"write:error=-4", 13, ERRNO "\"-4\""},
    {"write:retval=-1", 14, "expected a number from 0 (for a failure, use error=) here, not \"-1\""},
    {"write:retval=9223372036854775808", 14,
     "expected a number from 0 (for a failure, use error=) here, not \"9223372036854775808\""},
    {"write:signal=TREM", 14, SIGNAL "\"TREM\"; did you mean \"TERM\"?"},
    {"write:signal=0", 14, SIGNAL "\"0\""},
    {"write:signal=65", 14, SIGNAL "\"65\""},
    {"write:limit=nofil:3", 13,
     "expected a resource as prlimit(1) names it (nofile, nproc, …) here, not \"nofil\"; did you mean "
     "\"nofile\"?"},
    {"write:limit=nofile=3", 19, "expected \":\" and the limit (nofile:32) here, not \"=\""},
    {"write:limit=nofile:few", 20, "expected a number, or unlimited, here, not \"few\""},
    {"write:delay_enter=100", 22, UNIT "the end"},
    {"write:hold=", 12, CALL "the end"},
    {"write:hold=point=a@", 20, ADDRESS "the end"},
    {"write:hold=point=a@worker", 20, ADDRESS "\"worker\""},
    {"write:hold=after=1s@0", 20, "a time passes for every process alike: leave out \"@\""},
    {"write:hold=start=2", 17, "expected \":\" and an action or option here, not \"=\""},
    /* values of options */
    {"write:kill:when=", 17, WHEN "the end"},
    {"write:kill:when=0", 17, WHEN "\"0\""},
    {"write:kill:when=any", 17, WHEN "\"any\""},
    {"write:kill:when=3..2", 20, "expected the last occurrence, not before the first, here, not \"2\""},
    {"write:kill:when=3+0", 19, "expected a step of 1 or more here, not \"0\""},
    {"write:kill:when=1.2", 18, "expected when=F, F+, F+S, F..L or F..L+S, which ends here, not \".\""},
    {"write:kill:when=4294967296", 17, WHEN "\"4294967296\""},
    {"write:kill:proc=worker", 17, ADDRESS "\"worker\""},
    {"write:kill:to=grup", 15,
     "expected caller, group, tree or a process address here, not \"grup\"; did you mean \"group\"?"},
    {"write:kill:to=worker", 15, ADDRESS "\"worker\""},
    /* what does not go together */
    {"point=x:error=5", 9,
     "error cannot be done at point=x: nothing but a system call can fail with an errno"},
    {"start:retval=5", 7, "retval cannot be done at start: nothing but a system call returns a value"},
    {"exit:hold=start", 6,
     "hold cannot be done at exit: only a thread at a system call, at a point or at its start can be held"},
    {"after=1s:delay_enter=1s", 10,
     "delay_enter cannot be done at after=1s: only a thread at a system call, at a point or at its start can "
     "be "
     "delayed"},
    {"exit:limit=nofile:32", 6,
     "limit cannot be done at exit: the process that met this trigger has ended, a limit changes nothing for "
     "it"},
    {"exit:kill", 6, "the process that met this trigger has ended: say by to= whom else to strike"},
    {"exit:signal=INT:to=caller", 6,
     "the process that met this trigger has ended: say by to= whom else to strike"},
    {"after=1s:kill:when=2", 15,
     "when does not go with after=1s: this trigger happens once for each process"},
    {"start:kill:when=2", 12, "when does not go with start: this trigger happens once for each process"},
    {"after=1s:kill:proc=0", 15,
     "proc does not go with after=1s: a time passes for every process alike: say by to= whom it strikes"},
    {"write:error=1:retval=2", 15, "a call cannot both fail with error= and return with retval="},
    {"write:kill:when=1:when=2", 19, "when= is given twice"},
    {"write:limit=nofile:3:to=group", 22, "to= says whom signal= and kill strike, but there is neither"},
};

/* The whole message of each: its words, its column, and the caret under that column. */
Test(fault, every_mistake_is_shown_in_its_place)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const char *spec = mistakes[i].spec;
        struct pf_fault fault = {.spec = "untouched"};
        struct pf_error error = {""};
        char expected[sizeof(error.message)];
        snprintf(expected, sizeof(expected), "fault, column %d: %s\n  %s\n  %*s^", mistakes[i].column,
                 mistakes[i].sentence, spec, mistakes[i].column - 1, "");
        cr_expect_eq(pf_fault_parse(spec, arena, &fault, &error), -EINVAL, "%s", spec);
        cr_expect_str_eq(error.message, expected, "%s: got\n%s\ninstead of\n%s", spec, error.message,
                         expected);
        cr_expect_str_eq(fault.spec, "untouched");
        cr_expect_eq(pf_fault_parse(spec, arena, &fault, NULL), -EINVAL, "nobody wants the message");
    }
}

/* The trigger is quoted too; it may be anything that somebody called a point. */
Test(fault, an_odd_trigger_is_quoted_in_short)
{
    struct pf_fault fault;
    struct pf_error error = {""};
    cr_assert_eq(
        pf_fault_parse("point=a\nb----------------------------------:error=1", arena, &fault, &error),
        -EINVAL);
    cr_assert_str_eq(error.message,
                     "fault, column 45: error cannot be done at point=a?b-------------------------------…: "
                     "nothing but a system call can fail with an errno\n"
                     "  point=a?b----------------------------------:error=1\n"
                     "                                              ^");
}

/* A terminal must not be driven by what it is shown, and the message stays three lines. */
Test(fault, unprintable_characters_are_masked)
{
    struct pf_fault fault;
    struct pf_error error = {""};
    cr_assert_eq(pf_fault_parse("point=\x1b[31m\n\xc2\x9b\xff\xf0\x9f:kil", arena, &fault, &error), -EINVAL);
    cr_assert_str_eq(error.message, "fault, column 18: " ITEM "\"kil\"; did you mean \"kill\"?\n"
                                    "  point=?[31m?????:kil\n"
                                    "                   ^");
}

Test(fault, a_long_line_is_shown_around_the_mistake)
{
    struct pf_fault fault;
    struct pf_error error = {""};
    char spec[4096] = "";
    for (int i = 0; i < 100; i++)
        strcat(spec, "write,");
    strcat(spec, "wriet:kill:proc=0.1:to=group:when=3..9+2:proc=0.1:to=group");
    cr_assert_eq(pf_fault_parse(spec, arena, &fault, &error), -EINVAL);
    cr_assert_str_eq(error.message,
                     "fault, column 601: " CALL "\"wriet\"; did you mean \"write\"?\n"
                     "  …e,write,write,write,write,write,write,write,write,wriet:kill:proc=0.1:to=gro…\n"
                     "                                                     ^");
}
