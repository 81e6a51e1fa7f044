#include "plan/scenario.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/cursor.h"

enum { ORDER_LIMIT = 1000000 };

bool pf_scenario_is_id(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

const char *pf_scenario_prose(struct pf_arena *arena, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length > 0 ? pf_arena_strndup(arena, text, length) : NULL;
}

static int read_texts(const struct pf_scenario_reading *reading)
{
    const struct pf_manifest *manifest = reading->manifest;
    struct pf_scenario *scenario = reading->scenario;
    if (!pf_scenario_is_id(manifest->id))
        return pf_yaml_refuse(reading->yaml, reading->error, "id",
                              "expected an id of lower-case letters, digits and \"-\", not \"%.60s\"",
                              manifest->id);
    scenario->id = pf_arena_strdup(scenario->arena, manifest->id);
    scenario->title = pf_scenario_prose(scenario->arena, manifest->title);
    if (!scenario->title)
        return pf_yaml_refuse(reading->yaml, reading->error, "title", "\"title\" is empty");
    scenario->story = pf_scenario_prose(scenario->arena, manifest->story);
    scenario->why = pf_scenario_prose(scenario->arena, manifest->why);
    scenario->recognise = pf_scenario_prose(scenario->arena, manifest->recognise);
    scenario->avoid = pf_scenario_prose(scenario->arena, manifest->avoid);
    scenario->seed = pf_scenario_prose(scenario->arena, manifest->seed);
    return 0;
}

/* The value of a key that is true or false; where it is not given, false. */
static int read_truth(const struct pf_scenario_reading *reading, const char *key, const char *text,
                      bool *ret_true)
{
    *ret_true = text && strcmp(text, "true") == 0;
    if (!text || *ret_true || strcmp(text, "false") == 0)
        return 0;
    return pf_yaml_refuse(reading->yaml, reading->error, key, "expected true or false, not \"%.60s\"", text);
}

static int read_numbers(const struct pf_scenario_reading *reading)
{
    const struct pf_manifest *manifest = reading->manifest;
    struct pf_scenario *scenario = reading->scenario;
    scenario->order = UINT_MAX;
    scenario->deadline_ns = PF_DEADLINE_DEFAULT_NS;
    if (manifest->order) {
        struct pf_word word = {.start = manifest->order, .length = strlen(manifest->order)};
        uint64_t order;
        if (!pf_word_number(word, &order) || order > ORDER_LIMIT)
            return pf_yaml_refuse(reading->yaml, reading->error, "order",
                                  "expected a number from 0 to %d, not \"%.60s\"", ORDER_LIMIT,
                                  manifest->order);
        scenario->order = (unsigned)order;
    }
    struct pf_error why;
    if (manifest->deadline && pf_duration_parse(manifest->deadline, &scenario->deadline_ns, &why) < 0)
        return pf_yaml_refuse(reading->yaml, reading->error, "deadline", "%s", why.message);
    int r = read_truth(reading, "isolate", manifest->isolate, &scenario->isolate);
    return r ? r : read_truth(reading, "namespaces", manifest->namespaces, &scenario->namespaces);
}

static void read_lists(const struct pf_scenario_reading *reading)
{
    const struct pf_manifest *manifest = reading->manifest;
    struct pf_scenario *scenario = reading->scenario;
    for (unsigned i = 0; i < manifest->tags_count; i++) {
        const char **tag =
            pf_arena_grow(scenario->arena, &scenario->tags, &scenario->tag_count, sizeof(*tag));
        *tag = pf_arena_strdup(scenario->arena, manifest->tags[i]);
    }
    for (unsigned i = 0; i < manifest->sources_count; i++) {
        struct pf_source *source =
            pf_arena_grow(scenario->arena, &scenario->sources, &scenario->source_count, sizeof(*source));
        source->title = pf_scenario_prose(scenario->arena, manifest->sources[i].title);
        source->where = pf_scenario_prose(scenario->arena, manifest->sources[i].where);
    }
}

static int read_faults(const struct pf_scenario_reading *reading)
{
    struct pf_scenario *scenario = reading->scenario;
    for (unsigned i = 0; i < reading->manifest->faults_count; i++) {
        struct pf_fault fault;
        struct pf_error why;
        if (pf_fault_parse(reading->manifest->faults[i], scenario->arena, &fault, &why) < 0) {
            char where[32];
            snprintf(where, sizeof(where), "faults[%u]", i);
            return pf_yaml_refuse(reading->yaml, reading->error, where, "%s", why.message);
        }
        struct pf_fault *slot =
            pf_arena_grow(scenario->arena, &scenario->faults, &scenario->fault_count, sizeof(*slot));
        *slot = fault;
    }
    return 0;
}

static int read_limit(const struct pf_scenario_reading *reading, const yaml_node_pair_t *pair)
{
    struct pf_scenario *scenario = reading->scenario;
    const yaml_node_t *key = pf_yaml_node(reading->yaml, pair->key);
    const yaml_node_t *value = pf_yaml_node(reading->yaml, pair->value);
    size_t line = pf_yaml_node_line(key);
    if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
        return pf_yaml_refuse_line(reading->yaml, reading->error, line,
                                   "expected a limit here, such as nofile: 32");
    const char *text = pf_arena_printf(scenario->arena, "%s=%s", (const char *)key->data.scalar.value,
                                       (const char *)value->data.scalar.value);
    struct pf_limit limit;
    struct pf_error why;
    if (pf_limit_parse(text, scenario->arena, &limit, &why) < 0)
        return pf_yaml_refuse_line(reading->yaml, reading->error, line, "%s", why.message);
    struct pf_limit *slot =
        pf_arena_grow(scenario->arena, &scenario->limits, &scenario->limit_count, sizeof(*slot));
    *slot = limit;
    return 0;
}

static int read_limits(const struct pf_scenario_reading *reading)
{
    const yaml_node_t *limits = pf_yaml_find(reading->yaml, "limits");
    if (limits == pf_yaml_root(reading->yaml))
        return 0;
    if (limits->type != YAML_MAPPING_NODE)
        return pf_yaml_refuse(reading->yaml, reading->error, "limits",
                              "expected keys with values for limits, such as {nofile: 32}");
    for (const yaml_node_pair_t *pair = limits->data.mapping.pairs.start;
         pair < limits->data.mapping.pairs.top; pair++) {
        int result = read_limit(reading, pair);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_all(const struct pf_scenario_reading *reading)
{
    int result = read_texts(reading);
    if (result == 0)
        result = read_numbers(reading);
    if (result == 0)
        result = read_limits(reading);
    if (result == 0)
        result = read_faults(reading);
    if (result == 0)
        result = pf_scenario_read_variants(reading);
    if (result == 0)
        result = pf_scenario_read_lesson(reading);
    if (result == 0)
        read_lists(reading);
    return result;
}

static int read_manifest(struct pf_scenario *scenario, struct pf_yaml *yaml, struct pf_error *error)
{
    struct pf_manifest *manifest;
    int result = pf_manifest_load(yaml, &manifest, error);
    if (result < 0)
        return result;
    struct pf_scenario_reading reading = {
        .yaml = yaml, .manifest = manifest, .scenario = scenario, .error = error};
    result = read_all(&reading);
    pf_manifest_free(manifest);
    return result;
}

int pf_scenario_read(const char *directory, struct pf_scenario **ret_scenario, struct pf_error *error)
{
    char *absolute = realpath(directory, NULL);
    if (!absolute) {
        int code = errno;
        return pf_error_set(error, -code, "%s: %s", directory, strerror(code));
    }
    struct pf_arena *arena = pf_arena_new();
    struct pf_scenario *scenario = pf_arena_alloc(arena, sizeof(*scenario));
    scenario->arena = arena;
    scenario->directory = pf_arena_strdup(arena, absolute);
    free(absolute);

    /* Messages name the file as the user would: by the directory that was given. */
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    struct pf_yaml *yaml;
    int result =
        pf_yaml_open(pf_arena_printf(arena, "%s%s" PF_MANIFEST_NAME, directory, slash), &yaml, error);
    if (result == 0) {
        result = read_manifest(scenario, yaml, error);
        pf_yaml_close(yaml);
    }
    if (result < 0) {
        pf_scenario_free(scenario);
        return result;
    }
    *ret_scenario = scenario;
    return 0;
}

void pf_scenario_free(struct pf_scenario *scenario)
{
    if (scenario)
        pf_arena_free(scenario->arena);
}
