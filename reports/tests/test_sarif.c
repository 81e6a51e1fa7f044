/* The structure that SARIF 2.1.0 demands. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(sarif, .timeout = 10);

static json_t *written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall check", .directory = "/src/app"};
    size_t size;
    char *text = sample_write("sarif", result, &options, &size);
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json);
    free(text);
    pf_result_free(result);
    return json;
}

static json_t *run_of(json_t *log)
{
    cr_assert_str_eq(json_string_value(json_object_get(log, "version")), "2.1.0");
    cr_assert_eq(json_array_size(json_object_get(log, "runs")), 1);
    return json_array_get(json_object_get(log, "runs"), 0);
}

static const char *text_of(json_t *object)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, "message"), "text"));
    cr_assert_not_null(text);
    return text;
}

static bool has_rule(json_t *run, const char *list, const char *id)
{
    size_t i, found = 0;
    json_t *rule;
    json_array_foreach(json_object_get(json_object_get(json_object_get(run, "tool"), "driver"), list), i,
                       rule) found += strcmp(json_string_value(json_object_get(rule, "id")), id) == 0;
    return found == 1;
}

Test(sarif, has_results_with_rules_and_notifications)
{
    json_t *log = written(sample_result()), *run = run_of(log);
    json_t *results = json_object_get(run, "results"), *result;
    size_t i;
    cr_expect_eq(json_array_size(results), 3);
    json_array_foreach(results, i, result)
    {
        const char *rule = json_string_value(json_object_get(result, "ruleId"));
        cr_assert_not_null(rule);
        cr_expect(has_rule(run, "rules", rule), "%s", rule);
        cr_expect_str_eq(json_string_value(json_object_get(result, "level")),
                         strcmp(rule, "zombie") == 0 ? "warning" : "error");
        text_of(result);
    }
    json_t *invocation = json_array_get(json_object_get(run, "invocations"), 0);
    cr_expect(json_is_false(json_object_get(invocation, "executionSuccessful")));
    json_t *told = json_object_get(invocation, "toolExecutionNotifications");
    cr_assert_eq(json_array_size(told), 2);
    cr_expect_not_null(strstr(text_of(json_array_get(told, 0)), "refused seccomp"));
    cr_expect_not_null(strstr(text_of(json_array_get(told, 1)), "no python3 here"));
    cr_expect(has_rule(run, "notifications", "untested"));
    json_decref(log);
}

Test(sarif, has_the_place_and_the_graph_of_a_deadlock)
{
    static struct pf_node nodes[] = {
        {.id = "0", .label = "0 (feeder)", .where = "main at /src/app/a b.c:31"},
        {.id = "0.1", .label = "0.1 (feeder)", .where = "produce at /usr/src/x.c:14"}};
    static struct pf_edge edges[] = {{.from = "0", .to = "0.1", .resource = "pipe"},
                                     {.from = "0.1", .to = "elsewhere", .resource = "pipe"}};
    static struct pf_diagnosis diagnosis = {.nodes = nodes, .node_count = 2, .edges = edges, .edge_count = 2};
    struct pf_result *sample = sample_run(SAMPLE_DEADLOCK);
    sample->trials[0].verdict = PF_FAIL;
    sample->trials[0].diagnosis = &diagnosis;
    json_t *log = written(sample), *result = json_array_get(json_object_get(run_of(log), "results"), 0);
    const char *uri = NULL;
    int line = 0;
    json_t *location = json_array_get(json_object_get(result, "locations"), 0);
    cr_assert_eq(json_unpack(location, "{s:{s:{s:s}, s:{s:i}}}", "physicalLocation", "artifactLocation",
                             "uri", &uri, "region", "startLine", &line),
                 0);
    cr_expect_str_eq(uri, "a%20b.c");
    cr_expect_eq(line, 31);
    location = json_array_get(json_object_get(result, "relatedLocations"), 1);
    cr_assert_eq(json_unpack(location, "{s:{s:{s:s}}}", "physicalLocation", "artifactLocation", "uri", &uri),
                 0);
    cr_expect_str_eq(uri, "file:///usr/src/x.c");
    json_t *graph = json_array_get(json_object_get(result, "graphs"), 0);
    cr_expect_eq(json_array_size(json_object_get(graph, "nodes")), 2);
    cr_expect_eq(json_array_size(json_object_get(graph, "edges")), 1, "an edge to a node that is there");
    json_decref(log);
}

Test(sarif, says_that_a_shard_is_missing)
{
    json_t *log = written(sample_sweep()), *run = run_of(log);
    json_t *invocation = json_array_get(json_object_get(run, "invocations"), 0);
    cr_expect(json_is_false(json_object_get(invocation, "executionSuccessful")));
    cr_expect_not_null(
        strstr(text_of(json_array_get(json_object_get(invocation, "toolExecutionNotifications"), 0)),
               "shard 3 of 3"));
    cr_expect_eq(json_array_size(json_object_get(run, "results")), 1);
    json_decref(log);
}
