#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(dot, .timeout = 10);

static char *written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall judge"};
    char *text = sample_write("dot", result, &options, NULL);
    pf_result_free(result);
    return text;
}

Test(dot, draws_the_circle_in_red)
{
    char *text = written(sample_run(SAMPLE_DEADLOCK));
    cr_expect_not_null(
        strstr(text, "\"1:0\" [label=\"0 (feeder)\\nwaits for the end of 0.1\\nmain at feeder.c:31\", "
                     "color=\"#c62a2f\"];\n"));
    cr_expect_not_null(
        strstr(text, "\"1:0\" -> \"1:0.1\" [label=\"the process\", tooltip=\"it is blocked itself\", "
                     "color=\"#c62a2f\", penwidth=2];\n"));
    cr_expect_not_null(strstr(text, "deadlock (proven)\";\n"));
    free(text);
}

Test(dot, keeps_trials_apart_and_draws_what_failed)
{
    char *text = written(sample_result());
    cr_expect_not_null(strstr(text, "subgraph cluster_1"));
    cr_expect_not_null(strstr(text, "label=\"fd-exhaustion/broken: error\";\n    \"3\" [shape=note, "));
    cr_expect_null(strstr(text, "join-before-drain/safe"), "what went well and has no graph");
    free(text);
}

/* Quotes and backslashes end nothing. */
Test(dot, quotes_whatever_there_is)
{
    static struct pf_node nodes[] = {{.id = "0\"\\", .label = "a \"b\" \\n c\\", .state = SAMPLE_HOSTILE}};
    static struct pf_diagnosis diagnosis = {.nodes = nodes, .node_count = 1};
    struct pf_result *result = sample_run(SAMPLE_FAIL);
    result->trials[0].diagnosis = &diagnosis;
    char *text = written(result);
    cr_expect_not_null(strstr(text, "\"1:0\\\"\\\\\" [label=\"a \\\"b\\\" \\\\n c\\\\\\n"));
    bool quoted = false;
    for (const char *c = text; *c; c++) {
        if (quoted && *c == '\\')
            c++;
        else if (*c == '"')
            quoted = !quoted;
        cr_expect(!(quoted && *c == '\n'), "a line ends inside a string");
    }
    cr_expect_not(quoted);
    free(text);
}
