/* Chrome's trace event format: every event on a lane that has a name, and every arrow with two ends. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(perfetto, .timeout = 20);

static json_t *written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall check"};
    size_t size;
    char *text = sample_write("perfetto", result, &options, &size);
    json_error_t error;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "line %d: %s", error.line, error.text);
    free(text);
    pf_result_free(result);
    return json;
}

static const char *word(json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

/* How many events have this phase and begin with this name. */
static size_t count(json_t *trace, const char *phase, const char *name)
{
    size_t i, found = 0;
    json_t *event;
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event) found +=
        strcmp(word(event, "ph"), phase) == 0 && strncmp(word(event, "name"), name, strlen(name)) == 0;
    return found;
}

static bool has_name(json_t *trace, json_int_t pid)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(trace, "traceEvents"), i,
                       event) if (strcmp(word(event, "name"), "process_name") == 0 &&
                                  json_integer_value(json_object_get(event, "pid")) == pid) return true;
    return false;
}

/* What each phase must have. */
static void expect_whole(json_t *trace, json_t *event)
{
    const char *phase = word(event, "ph");
    cr_assert_eq(strlen(phase), 1);
    cr_expect_not_null(strchr("MXisf", *phase), "%s", phase);
    cr_expect(json_is_string(json_object_get(event, "name")));
    cr_expect(has_name(trace, json_integer_value(json_object_get(event, "pid"))));
    cr_expect(json_is_integer(json_object_get(event, "tid")));
    cr_expect(*phase == 'M' || json_real_value(json_object_get(event, "ts")) >= 0);
    cr_expect(*phase == 'M' || json_is_real(json_object_get(event, "ts")));
    cr_expect(*phase != 'X' || json_real_value(json_object_get(event, "dur")) >= 0);
    cr_expect(*phase != 'i' || strchr("tg", *word(event, "s")));
    cr_expect((*phase != 's' && *phase != 'f') || json_integer_value(json_object_get(event, "id")) > 0);
}

Test(perfetto, is_well_formed_whatever_happened)
{
    struct pf_result *results[] = {sample_result(), sample_run(SAMPLE_DEADLOCK), sample_sweep(),
                                   pf_result_new()};
    for (size_t r = 0; r < sizeof(results) / sizeof(results[0]); r++) {
        json_t *trace = written(results[r]), *event;
        size_t i;
        json_array_foreach(json_object_get(trace, "traceEvents"), i, event) expect_whole(trace, event);
        cr_expect_eq(count(trace, "s", ""), count(trace, "f", ""));
        json_decref(trace);
    }
}

Test(perfetto, has_lanes_waits_and_arrows)
{
    json_t *trace = written(sample_run(SAMPLE_DEADLOCK));
    cr_expect_eq(count(trace, "M", "process_name"), 3, "the trial and two processes");
    cr_expect_eq(count(trace, "M", "thread_name"), 3);
    cr_expect_eq(count(trace, "X", "waits for the end of 0.1"), 1);
    cr_expect_eq(count(trace, "X", "0.1/t1 ended"), 1);
    cr_expect_eq(count(trace, "i", "proven"), 1);
    cr_expect_eq(count(trace, "s", "makes"), 2);
    cr_expect_eq(count(trace, "s", "SIGUSR1"), 1);
    cr_expect_eq(count(trace, "f", "pipe (fd 4)"), 1);
    cr_expect_eq(count(trace, "f", "the process"), 1);
    json_decref(trace);
}

/* Those without a timeline say why; of a sweep those that passed are only counted. */
Test(perfetto, says_what_has_no_timeline)
{
    json_t *trace = written(sample_result());
    cr_expect_eq(count(trace, "X", "the kernel refused seccomp"), 1);
    cr_expect_eq(count(trace, "X", "no python3 here"), 1);
    json_decref(trace);
    trace = written(sample_sweep());
    cr_expect_eq(
        json_integer_value(json_object_get(json_object_get(trace, "otherData"), "trials without a timeline")),
        1);
    json_decref(trace);
}
