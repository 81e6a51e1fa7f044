/*
 * SARIF 2.1.0 (OASIS), for code scanning: a result for each thing that is wrong, with the wait-for graph;
 * what could not be tested, was skipped or is missing is a notification of the tool.
 */
#include "reports/formats.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reports/json_text.h"
#include "reports/problem.h"
#include "reports/view.h"

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static json_t *message_of(const char *text)
{
    return json_pack("{s:o}", "text", pf_json_text(text && *text ? text : "?"));
}

/* A relative reference or a file: URI, with all but the plainest characters escaped. */
static json_t *uri_of(const char *path)
{
    char *uri = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&uri, &size);
    if (!file)
        return json_string("?");
    fputs(*path == '/' ? "file://" : "", file);
    for (; *path; path++)
        if (isalnum((unsigned char)*path) || strchr("/-_.~+,@", *path))
            fputc(*path, file);
        else
            fprintf(file, "%%%02X", (unsigned)(unsigned char)*path);
    fclose(file);
    json_t *json = json_string(uri);
    free(uri);
    return json;
}

static json_t *physical_location(const struct pf_place *place)
{
    json_t *artifact = json_object();
    set(artifact, "uri", uri_of(place->file));
    if (*place->file != '/')
        set(artifact, "uriBaseId", json_string("%SRCROOT%"));
    return json_pack("{s:o, s:{s:I}}", "artifactLocation", artifact, "region", "startLine",
                     (json_int_t)place->line);
}

/* The place, if there is one, and what the program goes by. */
static json_t *location_of(const struct pf_place *place, const char *name)
{
    json_t *location = json_object();
    if (place->file)
        set(location, "physicalLocation", physical_location(place));
    if (name) {
        json_t *logical = json_object();
        set(logical, "fullyQualifiedName", pf_json_line(name));
        set(logical, "kind", json_string("function"));
        set(location, "logicalLocations", json_pack("[o]", logical));
    }
    return location;
}

static json_t *node_of(struct pf_arena *arena, const struct pf_node *node, const char *directory)
{
    struct pf_place place = pf_place_of(arena, node->where, directory);
    json_t *json = json_object();
    set(json, "id", pf_json_line(node->id));
    set(json, "label", message_of(pf_view_node(arena, node)));
    if (place.file)
        set(json, "location", location_of(&place, NULL));
    return json;
}

static bool has_node(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; id && i < diagnosis->node_count; i++)
        if (diagnosis->nodes[i].id && strcmp(diagnosis->nodes[i].id, id) == 0)
            return true;
    return false;
}

static json_t *edge_of(struct pf_arena *arena, const struct pf_edge *edge, size_t number)
{
    json_t *json = json_object();
    set(json, "id", json_string(pf_arena_printf(arena, "%zu", number)));
    set(json, "sourceNodeId", pf_json_line(edge->from));
    set(json, "targetNodeId", pf_json_line(edge->to));
    set(json, "label",
        message_of(pf_arena_printf(arena, "%s%s%s", edge->resource ? edge->resource : "waits",
                                   edge->why ? ": " : "", edge->why ? edge->why : "")));
    return json;
}

static json_t *graph_of(struct pf_arena *arena, const struct pf_diagnosis *diagnosis, const char *directory)
{
    json_t *nodes = json_array(), *edges = json_array(), *graph = json_object();
    for (size_t i = 0; i < diagnosis->node_count; i++)
        json_array_append_new(nodes, node_of(arena, &diagnosis->nodes[i], directory));
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        if (has_node(diagnosis, diagnosis->edges[i].from) && has_node(diagnosis, diagnosis->edges[i].to))
            json_array_append_new(edges, edge_of(arena, &diagnosis->edges[i], i + 1));
    set(graph, "description", message_of("Who waits for whom"));
    set(graph, "nodes", nodes);
    set(graph, "edges", edges);
    return graph;
}

/* Where each of those that wait stands. */
static json_t *related_of(struct pf_arena *arena, const struct pf_diagnosis *diagnosis, const char *directory)
{
    json_t *related = json_array();
    for (size_t i = 0; i < diagnosis->node_count; i++) {
        struct pf_place place = pf_place_of(arena, diagnosis->nodes[i].where, directory);
        if (!place.file)
            continue;
        json_t *location = location_of(&place, NULL);
        set(location, "id", json_integer((json_int_t)i + 1));
        set(location, "message", message_of(pf_view_node(arena, &diagnosis->nodes[i])));
        json_array_append_new(related, location);
    }
    return related;
}

static json_t *text_of(struct pf_arena *arena, const struct pf_problem *problem)
{
    return message_of(pf_arena_printf(arena, "%s: %s%s%s", problem->name, problem->message,
                                      problem->detail ? "\n" : "", problem->detail ? problem->detail : ""));
}

static json_t *result_of(struct pf_arena *arena, const struct pf_problem *problem, const char *directory)
{
    const struct pf_diagnosis *diagnosis = problem->told->trial->diagnosis;
    json_t *result = json_object();
    set(result, "ruleId", json_string(problem->rule));
    set(result, "level", json_string(problem->level == PF_PROBLEM_WARNING ? "warning" : "error"));
    set(result, "message", text_of(arena, problem));
    set(result, "locations", json_pack("[o]", location_of(&problem->place, problem->name)));
    if (problem->told->count > 1)
        set(result, "occurrenceCount", json_integer((json_int_t)problem->told->count));
    set(result, "partialFingerprints", json_pack("{s:s}", "pitfall/v1", problem->fingerprint));
    if (diagnosis && diagnosis->node_count) {
        set(result, "relatedLocations", related_of(arena, diagnosis, directory));
        set(result, "graphs", json_pack("[o]", graph_of(arena, diagnosis, directory)));
    }
    return result;
}

static json_t *notification_of(struct pf_arena *arena, const struct pf_problem *problem)
{
    json_t *notification = json_object();
    set(notification, "level", json_string(problem->level == PF_PROBLEM_NOTE ? "note" : "error"));
    set(notification, "descriptor", json_pack("{s:s}", "id", problem->rule));
    set(notification, "message", text_of(arena, problem));
    return notification;
}

/* What tells of the program is a result; all else is said about the tool. */
static bool is_result(const struct pf_problem *problem)
{
    return problem->level == PF_PROBLEM_FAILURE || problem->level == PF_PROBLEM_WARNING;
}

static json_t *rules_of(const struct pf_problem *problems, size_t count, bool results)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < count; i++) {
        bool seen = is_result(&problems[i]) != results;
        for (size_t k = 0; k < i && !seen; k++)
            seen = is_result(&problems[k]) == results && strcmp(problems[k].rule, problems[i].rule) == 0;
        if (!seen)
            json_array_append_new(rules,
                                  json_pack("{s:s, s:{s:s}}", "id", problems[i].rule, "shortDescription",
                                            "text", pf_problem_rule(problems[i].rule)));
    }
    return rules;
}

static json_t *driver_of(const struct pf_result *result, const struct pf_problem *problems, size_t count)
{
    json_t *driver = json_object();
    set(driver, "name", json_string("pitfall"));
    if (result->environment.pitfall)
        set(driver, "version", pf_json_line(result->environment.pitfall));
    set(driver, "rules", rules_of(problems, count, true));
    set(driver, "notifications", rules_of(problems, count, false));
    return driver;
}

static json_t *invocation_of(struct pf_arena *arena, const struct pf_result *result,
                             const struct pf_problem *problems, size_t count)
{
    json_t *invocation = json_object(), *notifications = json_array();
    bool successful = true;
    for (size_t i = 0; i < count; i++) {
        if (is_result(&problems[i]))
            continue;
        successful &= problems[i].level == PF_PROBLEM_NOTE;
        json_array_append_new(notifications, notification_of(arena, &problems[i]));
    }
    set(invocation, "executionSuccessful", json_boolean(successful));
    set(invocation, "toolExecutionNotifications", notifications);
    set(invocation, "properties",
        json_pack("{s:o, s:o}", "totals", pf_json_line(pf_view_totals(arena, &result->totals)), "environment",
                  pf_json_line(pf_view_environment(arena, &result->environment))));
    return invocation;
}

int pf_sarif_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    size_t count;
    const struct pf_problem *problems = pf_problem_list(arena, result, options->directory, &count);
    json_t *results = json_array(), *run = json_object();
    for (size_t i = 0; i < count; i++)
        if (is_result(&problems[i]))
            json_array_append_new(results, result_of(arena, &problems[i], options->directory));
    set(run, "tool", json_pack("{s:o}", "driver", driver_of(result, problems, count)));
    set(run, "automationDetails",
        json_pack("{s:o}", "id", pf_json_line(pf_view_title(arena, result, options->title))));
    set(run, "invocations", json_pack("[o]", invocation_of(arena, result, problems, count)));
    set(run, "results", results);
    json_t *log = json_object();
    set(log, "$schema", json_string("https://json.schemastore.org/sarif-2.1.0.json"));
    set(log, "version", json_string("2.1.0"));
    set(log, "runs", json_pack("[o]", run));
    pf_arena_free(arena);
    return pf_json_finish(log, file);
}
