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

    fault = parse("step=put+17:kill");
    cr_assert_eq(fault.trigger.kind, PF_TRIGGER_STEP);
    cr_assert_str_eq(fault.trigger.function, "put");
    cr_assert_null(fault.trigger.module);
    cr_assert_eq(fault.trigger.instruction, 17);
    cr_assert_not(fault.trigger.asleep);
    cr_assert_str_eq(fault.trigger.text, "step=put+17");
    fault = parse("step=libstdc++.so.6:_Znwm+0/asleep:kill:when=2");
    cr_assert_str_eq(fault.trigger.function, "_Znwm");
    cr_assert_str_eq(fault.trigger.module, "libstdc++.so.6");
    cr_assert(fault.trigger.asleep);
    cr_assert_str_eq(fault.trigger.text, "step=libstdc++.so.6:_Znwm+0/asleep");
    cr_assert_eq(fault.trigger.first, 2);

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

    fault = parse("file:kill");
    cr_assert(has_call(&fault.trigger, "openat"), "strace's old way to write %%file");
    fault = parse("!read,%file:kill");
    cr_assert_not(has_call(&fault.trigger, "read"));
    cr_assert_not(has_call(&fault.trigger, "openat"));
    cr_assert(has_call(&fault.trigger, "write"));
    size_t all = parse("all:kill").trigger.call_count;
    cr_assert_gt(all, 300);
    cr_assert_eq(parse("!none:kill").trigger.call_count, all);
    cr_assert_eq(parse("!write:kill").trigger.call_count, all - 1);

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
        {"read:retval=010", PF_ACTION_RETVAL, 8, "retval=010"},
        {"read:retval=-4096", PF_ACTION_RETVAL, -4096, "retval=-4096"},
        {"read:retval=0xffffffffffffef00", PF_ACTION_RETVAL, -0x1100, "retval=0xffffffffffffef00"},
        {"read:short=7", PF_ACTION_SHORT, 7, "short=7"},
        {"read:stop=50ms", PF_ACTION_STOP, 50000000, "stop=50ms"},
        {"read:delay_exit=3", PF_ACTION_DELAY_EXIT, 3000, "delay_exit=3"},
        {"read:delay_enter=1.5ms", PF_ACTION_DELAY_ENTER, 1500000, "delay_enter=1.5ms"},
        {"read:delay_enter=0.0000005s", PF_ACTION_DELAY_ENTER, 500, "delay_enter=0.0000005s"},
        {"start:delay_enter=10ms", PF_ACTION_DELAY_ENTER, 10000000, "delay_enter=10ms"},
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
    cr_assert_eq(parse("read:error=EIO:syscall=getuid").actions[1].value, number_of("getuid"));
}

Test(fault, pokes)
{
    struct pf_fault fault = parse("read:poke_exit=@arg2=00fFa0,@arg6=07:poke_enter=@arg1=aa");
    cr_assert_eq(fault.actions[0].kind, PF_ACTION_POKE_EXIT);
    cr_assert_eq(fault.actions[0].poke_count, 2);
    cr_assert_eq(fault.actions[0].pokes[0].argument, 2);
    cr_assert_eq(fault.actions[0].pokes[0].size, 3);
    cr_assert_arr_eq(fault.actions[0].pokes[0].bytes, "\x00\xff\xa0", 3);
    cr_assert_eq(fault.actions[0].pokes[1].argument, 6);
    cr_assert_eq(fault.actions[1].kind, PF_ACTION_POKE_ENTER);
}

Test(fault, tests_of_arguments)
{
    static const struct {
        const char *spec;
        enum pf_test_kind kind;
        uint64_t value;
        bool negative;
    } good[] = {
        {"write:kill:arg3==512", PF_TEST_EQUAL, 512, false},
        {"write:kill:arg3!=0x20", PF_TEST_DIFFERENT, 32, false},
        {"write:arg3&0100:kill", PF_TEST_BITS, 64, false},
        {"write:kill:arg3<1", PF_TEST_LESS, 1, false},
        {"write:kill:arg3>18446744073709551615", PF_TEST_MORE, UINT64_MAX, false},
        {"write:kill:arg3==-100", PF_TEST_EQUAL, (uint64_t)-100, true},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pf_fault fault = parse(good[i].spec);
        cr_assert_eq(fault.trigger.test_count, 1);
        cr_assert_eq(fault.trigger.tests[0].argument, 3);
        cr_assert_eq(fault.trigger.tests[0].kind, good[i].kind, "%s", good[i].spec);
        cr_assert_eq(fault.trigger.tests[0].value, good[i].value, "%s", good[i].spec);
        cr_assert_eq(fault.trigger.tests[0].negative, good[i].negative, "%s", good[i].spec);
    }
    cr_assert_eq(parse("write:kill:arg1>2:arg1<9").trigger.test_count, 2);
}

Test(fault, descriptors_and_chances)
{
    cr_assert_eq(parse("write:kill").trigger.fd, PF_FD_ANY);
    cr_assert_eq(parse("write:kill:fd=pipe").trigger.fd, PF_FD_PIPE);
    cr_assert_eq(parse("write:kill:fd=socket").trigger.fd, PF_FD_SOCKET);
    cr_assert_eq(parse("write:kill:fd=file").trigger.fd, PF_FD_FILE);
    cr_assert_eq(parse("write:kill:fd=tty").trigger.fd, PF_FD_TTY);
    struct pf_fault fault = parse("write:kill:fd=*.log");
    cr_assert_eq(fault.trigger.fd, PF_FD_PATH);
    cr_assert_str_eq(fault.trigger.fd_path, "*.log");
    cr_assert_float_eq(parse("write:kill").trigger.chance, 0, 0);
    cr_assert_float_eq(parse("write:kill:prob=0.25").trigger.chance, 0.25, 1e-12);
    cr_assert_float_eq(parse("write:kill:prob=1").trigger.chance, 1, 1e-12);
    cr_assert_float_eq(parse("write:kill:prob=.5").trigger.chance, 0.5, 1e-12);
}

/* "@" behind a trigger and proc= have one meaning. */
Test(fault, places)
{
    cr_assert_str_eq(parse("point=ready@0.2:kill:to=0.1").trigger.proc, "0.2");
    cr_assert_str_eq(parse("point=ready:kill:to=0.1:proc=0.2").trigger.proc, "0.2");
    cr_assert_str_eq(parse("read:kill:proc=0.2/t*").trigger.proc, "0.2/t*");
    cr_assert_str_eq(parse("exit@0.1:kill:to=0").trigger.proc, "0.1");
}

Test(fault, several_actions_keep_their_order)
{
    struct pf_fault fault = parse("write:delay_enter=1ms:when=2:signal=INT:error=EPIPE");
    cr_assert_eq(fault.action_count, 3);
    cr_assert_eq(fault.actions[0].kind, PF_ACTION_DELAY_ENTER);
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
        {"read:kill:when=7:when=3", 3, 3, 1}, /* as in strace the last one counts */
        {"read:kill:when=70000..9000000000+65537", 70000, 9000000000, 65537},
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
    cr_assert_eq(parse("read:kill:to=terminal").to, PF_TO_TERMINAL);
    cr_assert_eq(parse("read:to=tree:signal=INT").to, PF_TO_TREE);
    cr_assert_eq(parse("read:to=sender:stop=1s").to, PF_TO_SENDER);
    struct pf_fault fault = parse("after=1s:kill:to=0.[1-3]");
    cr_assert_eq(fault.to, PF_TO_GLOB);
    cr_assert_str_eq(fault.to_glob, "0.[1-3]");
}

#define CALL                                                                                                 \
    "expected a system call, %set, /regex, all, point=NAME, start, exit, after=TIME or step=FUNCTION+N "     \
    "here, not "
#define ITEM                                                                                                 \
    "expected error=, retval=, short=, syscall=, signal=, kill, stop=, hold=, limit=, delay_enter=, "        \
    "delay_exit=, poke_enter=, poke_exit=, when=, proc=, to=, fd=, prob= or arg1== to arg6== here, not "
#define ERRNO   "expected an errno (a name such as EINTR, or 1 to 4095) here, not "
#define SIGNAL  "expected a signal (a name such as TERM, or 1 to 64) here, not "
#define UNIT    "expected a unit (ns, us, ms, s, m or h) here, not "
#define ADDRESS "expected an address such as 0, 0.2 or 0.2/t1, or a pattern such as 0.* here, not "
#define WHEN    "expected an occurrence, counted from 1 (when=F, F+, F+S, F..L or F..L+S), here, not "
#define RETVAL  "expected a number that is no error (for a failure, use error=) here, not "
#define PURE    "expected a call of the set %pure, which does nothing (getpid, getuid, …), here, not "
#define BYTES   "expected 1 to 1024 bytes, two hexadecimal digits each, here, not "
#define POKES   "expected @arg1= to @arg6= and the bytes, as in @arg2=0a00, here, not "
#define FD      "expected pipe, socket, file, tty, or a pattern of paths such as /etc/* or *.log here, not "
#define CHANCE  "expected a probability such as 0.25, more than 0 and at most 1, here, not "
#define SENDS   "to= says whom signal=, kill and stop= strike, but there is none of them"

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
    {"fstat%:kill", 1, CALL "\"fstat%\"; did you mean \"fstat\"?"},
    {"pont=x:kill", 1, CALL "\"pont\"; did you mean \"point\"?"},
    {"strat:kill", 1, CALL "\"strat\"; did you mean \"start\"?"},
    {"zzzzzzzz:kill", 1, CALL "\"zzzzzzzz\""},
    {"socketcall:kill", 1, "socketcall is a system call of other machines, this one lacks it"},
    {"?socketcall,?nope:kill", 1, "this names no system call of this machine"},
    {"none:kill", 1, "this names no system call of this machine"},
    {"!all:kill", 1, "this names no system call of this machine"},
    {"read,!write:kill", 6, "\"!\" stands before the whole set: !read,write"},
    {"!:kill", 2, CALL "\":\""},
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
    {"write@:kill", 7, ADDRESS "\":\""},
    {"write@worker:kill", 7, ADDRESS "\"worker\""},
    {"after=1s@0:kill", 9, "a time passes for every process alike: leave out \"@\""},
    /* items */
    {"write", 6, "expected \":\" and an action here: nothing would happen"},
    {"write:", 7, ITEM "the end"},
    {"write::kill", 7, ITEM "\":\""},
    {"write:proc=0", 13, "expected an action here: nothing would happen"},
    {"write:sihnal=TERM", 7, ITEM "\"sihnal\"; did you mean \"signal\"?"},
    {"write:wehn=1", 7, ITEM "\"wehn\"; did you mean \"when\"?"},
    {"write:arg0==1:kill", 7, "a call has the arguments arg1 to arg6, counted as in strace's @arg1"},
    {"write:kill:arg7>2", 12, "a call has the arguments arg1 to arg6, counted as in strace's @arg1"},
    {"point=à-moitié:singal=3", 16, ITEM "\"singal\"; did you mean \"signal\"?"},
    /* values of actions */
    {"write:kill=9", 11, "kill takes no value"},
    {"write:error", 12, "expected \"=\" and a value here: error=…"},
    {"write:error=", 13, ERRNO "the end"},
    {"write:error=EINTRR:when=2", 13, ERRNO "\"EINTRR\"; did you mean \"EINTR\"?"},
    {"write:error=0", 13, ERRNO "\"0\""},
    {"write:error=4096", 13, ERRNO "\"4096\""},
    {"write:error=-4", 13, ERRNO "\"-4\""},
    {"write:retval=-1", 14, RETVAL "\"-1\""},
    {"write:retval=18446744073709551615", 14, RETVAL "\"18446744073709551615\""},
    {"write:retval=18446744073709551616", 14, RETVAL "\"18446744073709551616\""},
    {"write:retval=089", 14, RETVAL "\"089\""},
    {"write:retval=", 14, RETVAL "the end"},
    {"write:short=0", 13,
     "expected a number of bytes, 1 or more (for the end of a file, use retval=0), here, not \"0\""},
    {"close:short=3", 13, "close does not say how many bytes it transfers, as read and write do"},
    {"%desc:short=3", 13, "open does not say how many bytes it transfers, as read and write do"},
    {"write:syscall=write", 15, PURE "\"write\""},
    {"write:syscall=getpit", 15, PURE "\"getpit\"; did you mean \"getpid\"?"},
    {"write:stop=50", 14, UNIT "the end"},
    {"write:stop", 11, "expected \"=\" and a value here: stop=…"},
    {"write:poke_enter=@arg2=0", 24, BYTES "\"0\""},
    {"write:poke_enter=@arg2=0g", 24, BYTES "\"0g\""},
    {"write:poke_enter=@arg2=", 24, BYTES "the end"},
    {"write:poke_exit=@arg7=00", 17, POKES "\"@arg7\""},
    {"write:poke_exit=arg2=00", 17, POKES "\"arg2\""},
    {"write:poke_exit=@arg1=00,@arg1=01", 26, "@arg1 is overwritten twice"},
    {"write:poke_exit=@arg1:kill", 22, "expected \"=\" and the bytes here, not \":\""},
    {"write:delay_enter=1.5.2s", 22, UNIT "\".2s\""},
    {"write:delay_exit=", 18,
     "expected a time such as 250ms, 1.5s, or 100 (microseconds), here, not the end"},
    {"write:signal=TREM", 14, SIGNAL "\"TREM\"; did you mean \"TERM\"?"},
    {"write:signal=0", 14, SIGNAL "\"0\""},
    {"write:signal=65", 14, SIGNAL "\"65\""},
    {"write:limit=nofil:3", 13,
     "expected a resource as prlimit(1) names it (nofile, nproc, …) here, not \"nofil\"; did you mean "
     "\"nofile\"?"},
    {"write:limit=nofile=3", 19, "expected \":\" and the limit (nofile:32) here, not \"=\""},
    {"write:limit=nofile:few", 20, "expected a number, or unlimited, here, not \"few\""},
    {"write:delay_enter=100x", 22, UNIT "\"x\""},
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
    {"write:kill:when=9223372036854775808", 17, WHEN "\"9223372036854775808\""},
    {"write:kill:fd=", 15, FD "the end"},
    {"write:kill:fd=pip", 15, FD "\"pip\"; did you mean \"pipe\"?"},
    {"write:kill:fd=etc/passwd", 15, FD "\"etc/passwd\""},
    {"write:kill:prob=", 17, CHANCE "the end"},
    {"write:kill:prob=0", 17, CHANCE "\"0\""},
    {"write:kill:prob=1.01", 17, CHANCE "\"1.01\""},
    {"write:kill:prob=0.5.5", 17, CHANCE "\"0.5.5\""},
    {"write:kill:prob=half", 17, CHANCE "\"half\""},
    {"write:kill:arg1", 16, "expected ==, !=, &, < or > and a number here, not the end"},
    {"write:kill:arg1=3", 16, "expected ==, !=, &, < or > and a number here, not \"=\""},
    {"write:kill:arg1==", 18, "expected a number (64, 0x40, 0100 or -1) here, not the end"},
    {"write:kill:arg1==0x", 18, "expected a number (64, 0x40, 0100 or -1) here, not \"0x\""},
    {"write:kill:arg1<09", 17, "expected a number (64, 0x40, 0100 or -1) here, not \"09\""},
    {"write:kill:arg1&0", 17, "expected the bits, a number other than 0 (64, 0x40, 0100), here, not \"0\""},
    {"write@0.1:kill:proc=0.2", 16, "\"@\" behind the trigger has named the process already"},
    {"write:kill:to=0/t1", 15, "whole processes are struck: leave out the thread behind \"/\""},
    {"write:kill:proc=worker", 17, ADDRESS "\"worker\""},
    {"write:kill:to=grup", 15,
     "expected caller, group, terminal, tree, sender or an address here, not \"grup\"; did you mean "
     "\"group\"?"},
    {"write:kill:to=worker", 15, ADDRESS "\"worker\""},
    /* what does not go together */
    {"point=x:error=5", 9,
     "error cannot be done at point=x: nothing but a system call can fail with an errno"},
    {"start:retval=5", 7, "retval cannot be done at start: nothing but a system call returns a value"},
    {"exit:hold=start", 6,
     "hold cannot be done at exit: only a thread at a system call, a point, an instruction or its start can "
     "be held"},
    {"after=1s:delay_enter=1s", 10,
     "delay_enter cannot be done at after=1s: only a thread at a system call, a point, an instruction or its "
     "start can "
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
    {"step=put:kill", 6,
     "expected a function and how many instructions of its call come before (put+0, libqueue.so:put+17) "
     "here, "
     "not \"put\""},
    {"step=+3:kill", 6,
     "expected a function and how many instructions of its call come before (put+0, libqueue.so:put+17) "
     "here, "
     "not \"+3\""},
    {"step:kill", 5, "expected \"=\" and a function with an instruction, as in step=put+17 here, not \":\""},
    {"step=put+99999999999999999999:kill", 10, "no call of a function has that many instructions"},
    {"step=put+1:error=EIO", 12,
     "error cannot be done at step=put+1: nothing but a system call can fail with an errno"},
    {"step=put+1/asleep:hold=start", 19, "a thread that sleeps in a system call is there already"},
    {"step=put+1:kill:fd=pipe", 17,
     "fd does not go with step=put+1: nothing but a system call has arguments"},
    {"start:kill:when=2", 12, "when does not go with start: this trigger happens once for each process"},
    {"after=1s:kill:proc=0", 15,
     "proc does not go with after=1s: a time passes for every process alike: say by to= whom it strikes"},
    {"write:error=1:retval=2", 15, "a call cannot both fail with error= and return with retval="},
    {"write:kill:proc=0:proc=1", 19, "proc= is given twice"},
    {"write:limit=nofile:3:to=group", 22, SENDS},
    {"write:error=5:short=2", 15, "a call that is not made transfers nothing"},
    {"start:short=2", 7, "short cannot be done at start: nothing but a system call transfers bytes"},
    {"point=x:delay_exit=2", 9,
     "delay_exit cannot be done at point=x: nothing but a system call has an exit"},
    {"exit:stop=1s", 6, "the process that met this trigger has ended: say by to= whom else to strike"},
    {"point=x:kill:arg1==2", 14, "arg1 does not go with point=x: nothing but a system call has arguments"},
    {"start:kill:fd=pipe", 12, "fd does not go with start: nothing but a system call has arguments"},
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
