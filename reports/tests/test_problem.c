/* Annotations: each problem once, the worst first, with its place and a fingerprint that stays. */
#include "reports/problem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

static struct pf_arena *arena;

static void setup(void)
{
    arena = pf_arena_new();
}

static void teardown(void)
{
    pf_arena_free(arena);
}

TestSuite(problem, .timeout = 10, .init = setup, .fini = teardown);

static void expect_place(const char *where, const char *file, size_t line)
{
    struct pf_place place = pf_place_of(arena, where, "/src/app");
    cr_expect_eq(place.line, line, "%s: line %zu", where, place.line);
    if (file)
        cr_expect_str_eq(place.file, file);
    else
        cr_expect_null(place.file, "%s: %s", where, place.file);
}

Test(problem, finds_the_place_in_a_phrase)
{
    expect_place("produce at feeder.c:31", "feeder.c", 31);
    expect_place("<module> at /src/app/a b.py:7 (in Queue.get)", "a b.py", 7);
    expect_place("f at /src/apple/x.c:1", "/src/apple/x.c", 1);
    expect_place("f at c:d.c:12", "c:d.c", 12);
    expect_place("write (libc.so.6)", NULL, 0);
    expect_place("f in libfoo.so", NULL, 0);
    expect_place("f at x.c", NULL, 0);
    expect_place("f at x.c:0", NULL, 0);
    expect_place("f at :4", NULL, 0);
    expect_place(NULL, NULL, 0);
}

static const char *rules_of(const struct pf_problem *problems, size_t count)
{
    const char *rules = "";
    for (size_t i = 0; i < count; i++)
        rules = pf_arena_printf(arena, "%s%s:%d ", rules, problems[i].rule, (int)problems[i].level);
    return rules;
}

/* What went as expected is no problem. */
Test(problem, tells_the_worst_first)
{
    struct pf_result *result = sample_result();
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, NULL, &count);
    cr_expect_str_eq(rules_of(problems, count), "lost:0 lost:0 untested:1 zombie:2 skipped:3 ");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(problems[i].fingerprint, problems[k].fingerprint);
    pf_result_free(result);
}

Test(problem, tells_repeats_once_and_where_they_stand)
{
    struct pf_result *result = sample_repeats(100, 10);
    for (size_t i = 0; i < result->trial_count; i++)
        result->trials[i].scenario = i % 10 == 9 ? "again" : "well";
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, NULL, &count);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(problems[0].rule, "deadlock");
    cr_expect_eq(problems[0].told->count, 10);
    cr_expect_str_eq(problems[0].place.file, "feeder.c");
    cr_expect_eq(problems[0].place.line, 31);
    cr_expect_not_null(strstr(problems[0].detail, "Fix: Read until end of file first"));
    pf_result_free(result);
}

/* Of a sweep each failure is one problem, and what is missing comes first. */
Test(problem, tells_the_failures_of_a_sweep)
{
    struct pf_result *result = sample_sweep();
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, NULL, &count);
    cr_expect_str_eq(rules_of(problems, count), "incomplete:1 lost:0 ");
    cr_expect_str_eq(problems[1].name, "write:error=ENOSPC:when=1+:proc=0.1");
    cr_expect_eq(problems[1].place.line, 31, "where the fault struck");
    pf_result_free(result);
}

Test(problem, keeps_its_fingerprint_when_words_change)
{
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    size_t count;
    result->trials[0].verdict = PF_FAIL;
    const char *before = pf_problem_list(arena, result, NULL, &count)[0].fingerprint;
    struct pf_finding finding = result->trials[0].findings[0];
    finding.message = "in other words";
    result->trials[0].findings = &finding;
    cr_expect_str_eq(pf_problem_list(arena, result, NULL, &count)[0].fingerprint, before);
    finding.kind = PF_FINDING_HANG;
    cr_expect_str_neq(pf_problem_list(arena, result, NULL, &count)[0].fingerprint, before);
    pf_result_free(result);
}

/* One command a line, whatever programs print: a second one would be theirs. */
Test(problem, becomes_one_command_a_line_for_github)
{
    struct pf_result *result = sample_result();
    static struct pf_finding findings[] = {
        {.kind = PF_FINDING_CRASH, .message = "100%\n::stop-commands::x\r\n::warning::y"}};
    result->trials[SAMPLE_FAIL].findings = findings;
    result->trials[SAMPLE_FAIL].finding_count = 1;
    struct pf_report_options options = {.title = "pitfall, a: b"};
    char *text = sample_write("github", result, &options, NULL);
    cr_expect_str_eq(
        text,
        "::notice title=pitfall%2C a%3A b::5 trials: 2 passed, 1 failed, 1 could not be tested, 1 "
        "skipped\n"
        "::error title=terminate-with-lock/safe%3A crash::100%25\\n::stop-commands::x\\r\\n::warning::y%0A"
        "Replay: pitfall check terminate-with-lock --variant safe\n"
        "::error title=fd-exhaustion/broken%3A untested::the kernel refused seccomp: run it as root\n"
        "::notice title=hung-thread/broken-py%3A skipped::no python3 here\n");
    free(text);
    pf_result_free(result);
}

Test(problem, becomes_an_entry_for_gitlab)
{
    static const char *const severities[] = {"critical", "critical", "blocker", "minor", "info"};
    struct pf_result *result = sample_result();
    struct pf_report_options options = {0};
    size_t size;
    char *text = sample_write("gitlab", result, &options, &size);
    json_t *entries = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_eq(json_array_size(entries), 5);
    for (size_t i = 0; i < 5; i++) {
        json_t *entry = json_array_get(entries, i), *location = json_object_get(entry, "location");
        cr_expect(json_is_string(json_object_get(entry, "description")));
        cr_expect(json_is_string(json_object_get(entry, "check_name")));
        cr_expect(json_is_string(json_object_get(entry, "fingerprint")));
        cr_expect_str_eq(json_string_value(json_object_get(entry, "severity")), severities[i]);
        cr_expect(json_is_string(json_object_get(location, "path")));
        cr_expect_geq(json_integer_value(json_object_get(json_object_get(location, "lines"), "begin")), 1);
    }
    json_decref(entries);
    free(text);
    pf_result_free(result);
}
