/* The small grammars: durations, limits, shares, and the guess at a mistyped word. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "model/nearest.h"
#include "model/resource.h"
#include "plan/plan.h"

TestSuite(words, .timeout = 10);

#define SECOND 1000000000ULL

Test(words, durations)
{
    static const struct {
        const char *text;
        uint64_t ns;
        const char *shortest;
    } good[] = {
        {"0s", 0, "0s"},
        {"1ns", 1, "1ns"},
        {"250ms", SECOND / 4, "250ms"},
        {"1500us", 1500000, "1500us"},
        {"10s", 10 * SECOND, "10s"},
        {"120s", 120 * SECOND, "2m"},
        {"2m", 120 * SECOND, "2m"},
        {"1h", 3600 * SECOND, "1h"},
        {"9223372036854775807ns", INT64_MAX, "9223372036854775807ns"},
    };
    struct pf_arena *arena = pf_arena_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t ns = 1, again;
        struct pf_error error;
        cr_assert_eq(pf_duration_parse(good[i].text, &ns, &error), 0, "%s", good[i].text);
        cr_assert_eq(ns, good[i].ns, "%s", good[i].text);
        cr_assert_str_eq(pf_duration_text(ns, arena), good[i].shortest);
        cr_assert_eq(pf_duration_parse(pf_duration_text(ns, arena), &again, &error), 0);
        cr_assert_eq(again, ns);
    }
    pf_arena_free(arena);
}

Test(words, malformed_durations)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"1500",
         "duration, column 5: expected a unit (ns, us, ms, s, m or h) here, not the end\n  1500\n      ^"},
        {"", "duration, column 1: expected a time such as 250ms, 10s or 2m here, not the end\n  \n  ^"},
        {"-1s", "duration, column 1: expected a time such as 250ms, 10s or 2m here, not \"-1s\"\n  -1s\n  ^"},
        {"1 s", "duration, column 2: expected a unit (ns, us, ms, s, m or h) here, not \" s\"\n  1 s\n   ^"},
        {"1sec",
         "duration, column 2: expected a unit (ns, us, ms, s, m or h) here, not \"sec\"\n  1sec\n   ^"},
        {"9223372036854775808ns", "duration, column 1: expected a time of less than 290 years here, not "
                                  "\"9223372036854775808ns\"\n  9223372036854775808ns\n  ^"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t ns = 7;
        struct pf_error error = {""};
        cr_expect_eq(pf_duration_parse(bad[i].text, &ns, &error), -EINVAL, "%s", bad[i].text);
        cr_expect_str_eq(error.message, bad[i].message);
        cr_expect_eq(ns, 7, "untouched");
    }
}

Test(words, limits)
{
    static const struct {
        const char *text, *resource;
        uint64_t value;
        int number;
    } good[] = {
        {"nofile=32", "nofile", 32, RLIMIT_NOFILE},
        {"nproc=0", "nproc", 0, RLIMIT_NPROC},
        {"as=0x100000", "as", 0x100000, RLIMIT_AS},
        {"core=unlimited", "core", RLIM_INFINITY, RLIMIT_CORE},
    };
    struct pf_arena *arena = pf_arena_new();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pf_limit limit;
        struct pf_error error;
        cr_assert_eq(pf_limit_parse(good[i].text, arena, &limit, &error), 0, "%s", good[i].text);
        cr_assert_str_eq(limit.resource, good[i].resource);
        cr_assert_eq(limit.value, good[i].value);
        cr_assert_eq(pf_resource_number(limit.resource), good[i].number);
    }
    pf_arena_free(arena);
}

/* prlimit(1) lists sixteen; each is known, and no two are the same. */
Test(words, every_resource_of_prlimit)
{
    static const char *const names[] = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                        "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                        "rtprio",  "rttime",   "sigpending", "stack"};
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int number = pf_resource_number(names[i]);
        cr_assert(number >= 0 && number < RLIM_NLIMITS, "%s", names[i]);
        seen |= 1U << number;
    }
    cr_assert_eq(seen, (1U << RLIM_NLIMITS) - 1);
    cr_assert_eq(pf_resource_number("files"), -1);
    cr_assert_eq(pf_resource_number(""), -1);
}

Test(words, malformed_limits)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"nofiles=3",
         "limit, column 1: expected a resource as prlimit(1) names it (nofile, nproc, …) here, not "
         "\"nofiles\"; did you mean \"nofile\"?\n  nofiles=3\n  ^"},
        {"nofile",
         "limit, column 7: expected \"=\" and the limit (nofile=32) here, not the end\n  nofile\n        ^"},
        {"nofile:3",
         "limit, column 7: expected \"=\" and the limit (nofile=32) here, not \":\"\n  nofile:3\n        ^"},
        {"nofile=",
         "limit, column 8: expected a number, or unlimited, here, not the end\n  nofile=\n         ^"},
        {"nofile=3k",
         "limit, column 8: expected a number, or unlimited, here, not \"3k\"\n  nofile=3k\n         ^"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pf_limit limit = {.value = 7};
        struct pf_error error = {""};
        cr_expect_eq(pf_limit_parse(bad[i].text, NULL, &limit, &error), -EINVAL, "%s", bad[i].text);
        cr_expect_str_eq(error.message, bad[i].message);
        cr_expect_eq(limit.value, 7, "untouched");
    }
}

Test(words, shares)
{
    unsigned share = 0;
    struct pf_error error = {""};
    cr_assert_eq(pf_share_parse("pid,shm", &share, &error), 0);
    cr_assert_eq(share, PF_SHARE_PID | PF_SHARE_SHM);
    cr_assert_eq(pf_share_parse("ipc", &share, &error), 0);
    cr_assert_eq(share, PF_SHARE_IPC);

    cr_assert_eq(pf_share_parse("pid,icp", &share, &error), -EINVAL);
    cr_assert_str_eq(error.message,
                     "share, column 5: expected pid, ipc or shm here, not \"icp\"; did you mean "
                     "\"ipc\"?\n  pid,icp\n      ^");
    cr_assert_eq(pf_share_parse("pid,", &share, &error), -EINVAL);
    cr_assert_eq(pf_share_parse("", &share, &error), -EINVAL);
    cr_assert_eq(share, PF_SHARE_IPC, "untouched");
}

static const char *guess(const char *word)
{
    static const char *const names[] = {"join-before-drain", "hung-thread", "fd-exhaustion", "list", "judge"};
    struct pf_nearest nearest = pf_nearest_new(word, strlen(word));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        pf_nearest_offer(&nearest, names[i]);
    return nearest.best;
}

Test(words, the_nearest_name_is_guessed)
{
    cr_assert_str_eq(guess("join-befor-drain"), "join-before-drain", "a letter missing");
    cr_assert_str_eq(guess("hung-threads"), "hung-thread", "a letter too many");
    cr_assert_str_eq(guess("hunk-thread"), "hung-thread", "a wrong letter");
    cr_assert_str_eq(guess("lsit"), "list", "two letters swapped");
    cr_assert_str_eq(guess("FD-Exhaustion"), "fd-exhaustion", "case does not matter");
    cr_assert_null(guess("orphaned-daemon"), "too far from all");
    cr_assert_null(guess(""));
    cr_assert_null(guess("x"));
    cr_assert_null(guess("a-word-that-is-much-longer-than-any-name-can-possibly-be"));
}
