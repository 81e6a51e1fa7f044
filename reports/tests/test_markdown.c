#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(markdown, .timeout = 30);

static char *written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall check"};
    char *text = sample_write("markdown", result, &options, NULL);
    pf_result_free(result);
    return text;
}

/* How many lines begin so. */
static size_t lines(const char *text, const char *begin)
{
    size_t count = strncmp(text, begin, strlen(begin)) == 0;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
        count += strncmp(line + 1, begin, strlen(begin)) == 0;
    return count;
}

Test(markdown, tells_failures_first_and_opens_them)
{
    char *text = written(sample_result());
    cr_expect_eq(
        strncmp(text, "### pitfall check: 5 trials: 2 passed, 1 failed, 1 could not be tested, 1 skipped\n",
                80),
        0);
    cr_expect_eq(lines(text, "| "), 6);
    const char *failed = strstr(text, "| terminate-with-lock/safe | **failed** | lost, zombie | - | - |\n");
    const char *passed =
        strstr(text, "| join-before-drain/broken | passed | deadlock | join-before-drain | 12 ms |\n");
    cr_assert_not_null(failed);
    cr_assert_not_null(passed);
    cr_expect_lt(failed, passed);
    cr_expect_eq(lines(text, "<details open><summary>"), 2);
    cr_expect_eq(lines(text, "<details><summary>"), 2, "the deadlock, and what was skipped");
    cr_expect_not_null(strstr(text, "<summary>join-before-drain/broken: deadlock (proven)</summary>"));
    free(text);
}

/* What a program is called or prints is neither markup nor HTML, and calls nobody. */
Test(markdown, takes_nothing_for_markup)
{
    static const char *command[] = {"<img>|**b**", "@team", "#12", "`x`", "[l](u)"};
    struct pf_result *result = sample_run(SAMPLE_FAIL);
    result->trials[0].command = command;
    result->trials[0].command_count = 5;
    result->trials[0].output = "before\n````\n@team <script>\n```\nafter\n";
    char *text = written(result);
    cr_expect_not_null(
        strstr(text, "| &lt;img&gt;\\|\\*\\*b\\*\\* @<!-- -->team #<!-- -->12 \\`x\\` \\[l\\]\\(u\\) | "));
    cr_expect_null(strstr(text, "summary>@"));
    const char *open = strstr(text, "`````text\n"), *close = open ? strstr(open + 5, "\n`````\n") : NULL;
    cr_assert_not_null(close, "a fence longer than those in the text");
    cr_expect_gt(strstr(text, "after"), open);
    cr_expect_lt(strstr(text, "after"), close);
    free(text);
}

/* A comment on GitHub may have 65,536 characters. */
Test(markdown, fits_into_a_comment)
{
    struct pf_result *result = pf_result_new();
    struct pf_result *sample = sample_run(SAMPLE_FAIL);
    for (size_t i = 0; i < 1000; i++) {
        struct pf_trial_result *trial = pf_result_add(result);
        *trial = sample->trials[0];
        trial->reason = pf_arena_printf(result->arena, "reason %zu", i);
    }
    pf_result_finish(result);
    char *text = written(result);
    cr_expect_lt(strlen(text), 65536);
    cr_expect_gt(strlen(text), 40000);
    cr_expect_not_null(strstr(text, "more programs.\n"));
    cr_expect_not_null(strstr(text, "more, which the other reports tell of"));
    free(text);
    pf_result_free(sample);
}

Test(markdown, tells_the_failures_of_a_sweep_and_what_is_missing)
{
    char *text = written(sample_sweep());
    cr_expect_not_null(strstr(text, "**Not complete: the budget is spent: shard 3 of 3 is missing"));
    cr_expect_not_null(strstr(text, "\n1 failure of /opt/app/feeder 4\n"));
    cr_expect_not_null(strstr(text, "| lost data silently | 1 |\n"));
    cr_expect_not_null(
        strstr(text, "<summary>write:error=ENOSPC:when=1+:proc=0.1: lost data silently</summary>"));
    cr_expect_not_null(strstr(text, "\nReplay: pitfall run --inject write:error=ENOSPC:when=1+ -- "));
    free(text);
}
