#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "reports/json_text.h"
#include "sample.h"

TestSuite(json, .timeout = 10);

static json_t *written(const struct pf_result *result)
{
    struct pf_report_options options = {0};
    size_t size;
    char *text = sample_write("json", result, &options, &size);
    json_error_t error;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "line %d: %s", error.line, error.text);
    free(text);
    return json;
}

Test(json, reads_back_as_the_same_result)
{
    struct pf_result *result = sample_result();
    json_t *first = written(result);
    struct pf_result *copy = NULL;
    struct pf_error error = {""};
    cr_assert_eq(pf_result_from_json(first, &copy, &error), 0, "%s", error.message);
    json_t *second = written(copy);
    cr_expect(json_equal(first, second));
    cr_expect_eq(copy->trial_count, SAMPLE__COUNT);
    cr_expect_eq(copy->trials[SAMPLE_ERROR].verdict, PF_ERROR);
    cr_expect(copy->trials[SAMPLE_ERROR].exit->signaled);
    json_decref(first);
    json_decref(second);
    pf_result_free(result);
    pf_result_free(copy);
}

Test(json, is_ascii_and_keeps_every_character)
{
    struct pf_result *result = sample_result();
    struct pf_report_options options = {0};
    size_t size;
    char *text = sample_write("json", result, &options, &size);
    for (size_t i = 0; i < size; i++)
        cr_assert_lt((unsigned char)text[i], 0x7f);
    json_t *json = json_loadb(text, size, 0, NULL);
    json_t *trial = json_array_get(json_object_get(json, "trials"), SAMPLE_FAIL);
    const char *output = json_string_value(json_object_get(trial, "output"));
    cr_expect_not_null(strstr(output, "\033[31mred"));
    json_decref(json);
    free(text);
    pf_result_free(result);
}

static json_t *resolve(json_t *root, json_t *schema)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (!reference)
        return schema;
    cr_assert_eq(strncmp(reference, "#/$defs/", 8), 0);
    json_t *found = json_object_get(json_object_get(root, "$defs"), reference + 8);
    cr_assert_not_null(found, "%s", reference);
    return found;
}

static bool has_string(json_t *array, const char *word)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) if (json_is_string(item) &&
                                           strcmp(json_string_value(item), word) == 0) return true;
    return false;
}

static bool type_fits(json_t *type, json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };
    const char *name = names[json_typeof(value)];
    if (json_is_array(type))
        return has_string(type, name);
    const char *wanted = json_string_value(type);
    return strcmp(wanted, name) == 0 || (strcmp(wanted, "number") == 0 && json_is_number(value));
}

/* As much of JSON Schema as ours uses, and stricter: a key that the schema does not name is an error. */
static bool fits(json_t *root, json_t *schema, json_t *value)
{
    schema = resolve(root, schema);
    json_t *choices = json_object_get(schema, "oneOf"), *choice, *key, *item;
    size_t i, matches = 0;
    json_array_foreach(choices, i, choice) matches += fits(root, choice, value);
    if (choices)
        return matches == 1;
    if (json_object_get(schema, "const"))
        return json_equal(json_object_get(schema, "const"), value);
    if (json_object_get(schema, "enum"))
        return json_is_string(value) && has_string(json_object_get(schema, "enum"), json_string_value(value));
    if (!type_fits(json_object_get(schema, "type"), value))
        return false;
    json_array_foreach(json_object_get(schema, "required"), i, key)
    {
        if (!json_object_get(value, json_string_value(key)))
            return false;
    }
    const char *name;
    json_object_foreach(value, name, item)
    {
        json_t *property = json_object_get(json_object_get(schema, "properties"), name);
        if (!property || !fits(root, property, item)) {
            fprintf(stderr, "\"%s\" does not fit the schema\n", name);
            return false;
        }
    }
    json_array_foreach(value, i, item)
    {
        if (!fits(root, json_object_get(schema, "items"), item))
            return false;
    }
    return true;
}

static json_t *schema_file(void)
{
    json_error_t error;
    json_t *schema = json_load_file(REPORTS_DIR "/pitfall-result-1.schema.json", 0, &error);
    cr_assert_not_null(schema, "line %d: %s", error.line, error.text);
    return schema;
}

Test(json, fits_the_published_schema)
{
    json_t *schema = schema_file();
    struct pf_result *results[] = {sample_result(), sample_run(SAMPLE_DEADLOCK), pf_result_new(),
                                   sample_sweep()};
    results[0]->trials[SAMPLE_FAIL].expect =
        (struct pf_expect){.finding = "deadlock", .diagnosis = "x", .output = "x", .exit = "any"};
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        json_t *json = written(results[i]);
        cr_expect(fits(schema, schema, json), "result %zu", i);
        json_decref(json);
        pf_result_free(results[i]);
    }
    json_decref(schema);
}

/* It is written trial by trial, which nobody is to notice. */
Test(json, is_what_it_would_be_if_it_were_written_at_once)
{
    struct pf_result *results[] = {sample_result(), pf_result_new(), sample_sweep()};
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct pf_report_options options = {0};
        size_t size;
        char *text = sample_write("json", results[i], &options, &size);
        json_t *json = pf_result_to_json(results[i]);
        char *whole = pf_json_dump(json);
        cr_assert_eq(size, strlen(whole) + 1, "result %zu", i);
        cr_expect_eq(memcmp(text, whole, size - 1), 0, "result %zu", i);
        cr_expect_eq(text[size - 1], '\n');
        free(text);
        free(whole);
        json_decref(json);
        pf_result_free(results[i]);
    }
}

Test(json, the_schema_names_every_kind_and_no_other)
{
    json_t *schema = schema_file();
    json_t *finding = json_object_get(json_object_get(schema, "$defs"), "finding");
    json_t *kinds = json_object_get(json_object_get(json_object_get(finding, "properties"), "kind"), "enum");
    cr_expect_eq(json_array_size(kinds), PF_FINDING__COUNT);
    for (int kind = 0; kind < PF_FINDING__COUNT; kind++)
        cr_expect(has_string(kinds, pf_names_get(&pf_finding_kind_names, kind)));
    json_decref(schema);
}

Test(json, the_schema_names_every_outcome_but_none)
{
    json_t *schema = schema_file();
    json_t *trial = json_object_get(json_object_get(schema, "$defs"), "trial");
    json_t *names = json_object_get(json_object_get(json_object_get(trial, "properties"), "outcome"), "enum");
    cr_expect_eq(json_array_size(names), PF_OUTCOME__COUNT - 1);
    for (int outcome = PF_OUTCOME_NONE + 1; outcome < PF_OUTCOME__COUNT; outcome++)
        cr_expect(has_string(names, pf_names_get(&pf_outcome_names, outcome)));
    json_decref(schema);
}

Test(json, the_schema_refuses_what_is_wrong)
{
    json_t *schema = schema_file();
    struct pf_result *result = sample_result();
    json_t *json = written(result);
    json_t *trial = json_array_get(json_object_get(json, "trials"), 0);
    json_object_set_new(trial, "verdict", json_string("perhaps"));
    cr_expect_not(fits(schema, schema, json));
    json_object_set_new(trial, "verdict", json_string("pass"));
    cr_expect(fits(schema, schema, json));
    json_object_del(trial, "replay");
    cr_expect_not(fits(schema, schema, json));
    json_decref(json);
    json_decref(schema);
    pf_result_free(result);
}
