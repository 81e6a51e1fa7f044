#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(tap, .timeout = 10);

static char *written(struct pf_result *result)
{
    struct pf_report_options options = {0};
    char *text = sample_write("tap", result, &options, NULL);
    pf_result_free(result);
    return text;
}

/* The stream without its YAML blocks, which must be closed and indented. */
static char *without_yaml(const char *text, size_t *ret_blocks)
{
    char *rest = calloc(1, strlen(text) + 1), *end = rest;
    bool inside = false;
    *ret_blocks = 0;
    while (*text) {
        size_t length = strcspn(text, "\n") + 1;
        if (strncmp(text, "  ---\n", length) == 0) {
            cr_assert_not(inside);
            inside = true;
            ++*ret_blocks;
        } else if (strncmp(text, "  ...\n", length) == 0) {
            cr_assert(inside);
            inside = false;
        } else if (inside) {
            cr_expect_eq(strncmp(text, "  ", 2), 0, "not indented: %.*s", (int)length, text);
        } else {
            memcpy(end, text, length);
            end += length;
        }
        text += length;
    }
    cr_assert_not(inside);
    return rest;
}

Test(tap, has_a_plan_and_a_line_per_trial)
{
    char *text = written(sample_result());
    size_t blocks;
    char *lines = without_yaml(text, &blocks);
    cr_expect_str_eq(lines,
                     "TAP version 13\n"
                     "1..5\n"
                     "# pitfall 0.1.0, Linux 6.1.0 x86_64, containment: subreaper (user namespaces are "
                     "refused here)\n"
                     "ok 1 - join-before-drain/broken\n"
                     "ok 2 - join-before-drain/safe\n"
                     "not ok 3 - terminate-with-lock/safe\n"
                     "not ok 4 - fd-exhaustion/broken\n"
                     "ok 5 - hung-thread/broken-py # SKIP no python3 here\n");
    cr_expect_eq(blocks, 3);
    free(lines);
    free(text);
}

Test(tap, explains_in_yaml)
{
    char *text = written(sample_result());
    cr_expect_not_null(strstr(text, "  verdict: error\n"));
    cr_expect_not_null(strstr(text, "  message: \"the kernel refused seccomp: run it as root\"\n"));
    cr_expect_not_null(strstr(text, "    - kind: lost\n      severity: fail\n      process: \"0.2\"\n"));
    cr_expect_not_null(strstr(text, "  diagnosis:\n    pitfall: \"join-before-drain\"\n    proven: true\n"));
    cr_expect_not_null(strstr(text, "  output: \"first line\\nsecond "));
    free(text);
}

Test(tap, a_description_cannot_be_taken_for_a_directive)
{
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    const char *command[] = {"sh", "-c", "true # TODO \\o/\nnot ok 1"};
    result->trials[0].command = command;
    result->trials[0].command_count = 3;
    char *text = written(result);
    cr_expect_not_null(strstr(text, "ok 1 - sh -c true \\# TODO \\\\o/\\\\nnot ok 1\n"), "%s", text);
    free(text);
}

Test(tap, the_faults_name_the_trials_of_a_sweep_and_what_is_missing_is_not_ok)
{
    char *text = written(sample_sweep());
    cr_expect_not_null(strstr(text, "1..3\n# pitfall, shards 1-2 of 3\n"), "%s", text);
    cr_expect_not_null(strstr(text, "ok 1 - write:error=EINTR:when=1:proc=0.1\n"), "%s", text);
    cr_expect_not_null(strstr(text, "not ok 2 - write:error=ENOSPC:when=1+:proc=0.1\n"), "%s", text);
    cr_expect_not_null(strstr(text, "not ok 3 - all trials of the plan are there\n"), "%s", text);
    free(text);
}
