#include "reports/formats.h"

#include <stdlib.h>
#include <string.h>

#include "reports/page.h"
#include "reports/story.h"
#include "reports/view.h"
#include "reports/xml.h"

/* As much of the story as fits a server's page. */
#define BODY_COLUMNS 100

struct counts {
    size_t tests, failures, errors, skipped;
    double ms;
};

/* A case: one trial, and what it is called. */
struct row {
    const struct pf_trial_result *trial;
    size_t index; /* in the result */
    const char *suite, *name;
    size_t repeat;      /* which of several cases of one name it is, from 1; 0: there is only one */
    size_t suite_index; /* of the first case of its suite */
};

/* The suite of a trial is its scenario, or the program of a sweep; other commands share one. In a sweep the
 * fault names the case: it stays the same when the plan changes. */
static struct row row_of(struct pf_arena *arena, const struct pf_result *result, size_t index)
{
    const struct pf_trial_result *trial = &result->trials[index];
    struct row row = {.trial = trial, .index = index, .suite = "command"};
    const char *fault = result->sweep ? pf_view_faults(arena, trial) : NULL;
    if (trial->scenario)
        row.suite = trial->scenario;
    else if (fault)
        row.suite = pf_view_name(arena, trial);
    row.name = fault                               ? fault
               : trial->scenario && trial->variant ? trial->variant
                                                   : pf_view_name(arena, trial);
    return row;
}

static int by_name(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int suites = strcmp(x->suite, y->suite), names = strcmp(x->name, y->name);
    return suites ? suites : names ? names : (x->index > y->index) - (x->index < y->index);
}

/* Suites in the order of their first cases. */
static int by_place(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->suite_index != y->suite_index)
        return x->suite_index < y->suite_index ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* How many rows from the first one on are of its suite and, if asked, of its name. */
static size_t run_of(const struct row *rows, size_t count, bool of_one_name)
{
    size_t n = 0;
    while (n < count && strcmp(rows[n].suite, rows[0].suite) == 0 &&
           (!of_one_name || strcmp(rows[n].name, rows[0].name) == 0))
        n++;
    return n;
}

static struct row *make_rows(struct pf_arena *arena, const struct pf_result *result)
{
    size_t count = result->trial_count;
    struct row *rows = pf_arena_alloc(arena, (count + 1) * sizeof(*rows));
    for (size_t i = 0; i < count; i++)
        rows[i] = row_of(arena, result, i);
    qsort(rows, count, sizeof(*rows), by_name);
    for (size_t i = 0, length; i < count; i += length) {
        length = run_of(&rows[i], count - i, true);
        for (size_t k = 0; k < length && length > 1; k++)
            rows[i + k].repeat = k + 1;
    }
    for (size_t i = 0, length; i < count; i += length) {
        length = run_of(&rows[i], count - i, false);
        size_t first = rows[i].index;
        for (size_t k = 0; k < length; k++)
            first = rows[i + k].index < first ? rows[i + k].index : first;
        for (size_t k = 0; k < length; k++)
            rows[i + k].suite_index = first;
    }
    qsort(rows, count, sizeof(*rows), by_place);
    return rows;
}

static struct counts count_rows(const struct row *rows, size_t count)
{
    struct counts counts = {.tests = count};
    for (size_t i = 0; i < count; i++) {
        const struct pf_trial_result *trial = rows[i].trial;
        counts.failures += trial->verdict == PF_FAIL;
        counts.errors += trial->verdict == PF_ERROR;
        counts.skipped += trial->verdict == PF_SKIP;
        counts.ms += trial->duration_ms;
    }
    return counts;
}

static void write_seconds(const struct pf_xml *xml, double ms)
{
    pf_xml_decimal(xml, "time", ms / 1000);
}

/* Of all suites together Jenkins' schema has no count of what was skipped. */
static void write_counts(const struct pf_xml *xml, const struct counts *counts, bool of_all)
{
    pf_xml_count(xml, "tests", counts->tests);
    pf_xml_count(xml, "failures", counts->failures);
    pf_xml_count(xml, "errors", counts->errors);
    if (!of_all)
        pf_xml_count(xml, "skipped", counts->skipped);
    write_seconds(xml, counts->ms);
}

static void write_property(const struct pf_xml *xml, const char *name, const char *value)
{
    if (!value)
        return;
    pf_xml_start(xml, "property");
    pf_xml_attribute(xml, "name", name);
    pf_xml_attribute(xml, "value", value);
    pf_xml_end(xml);
}

static void write_properties(const struct pf_xml *xml, const struct pf_result *result)
{
    const struct pf_environment *environment = &result->environment;
    pf_xml_start(xml, "properties");
    write_property(xml, "part", result->part ? pf_part_name(result->part, xml->arena) : NULL);
    write_property(xml, "lack", pf_view_lack(xml->arena, result));
    write_property(xml, "pitfall", environment->pitfall);
    write_property(xml, "kernel", environment->kernel);
    write_property(xml, "machine", environment->machine);
    write_property(xml, "containment", environment->containment);
    write_property(xml, "containment_note", environment->containment_note);
    write_property(xml, "isolation", environment->isolated ? "overlay" : NULL);
    write_property(xml, "isolation_note", environment->isolation_note);
    pf_xml_end(xml);
}

/* The element that says why a trial did not pass: its body is the story of the text report. */
static void write_problem(const struct pf_xml *xml, const struct pf_trial_result *trial,
                          const char *directory)
{
    char *body = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&body, &size);
    if (!memory)
        abort();
    struct pf_page page = {.file = memory,
                           .arena = xml->arena,
                           .ink = pf_ink(false),
                           .width = BODY_COLUMNS,
                           .directory = directory};
    pf_story_trial(&page, 0, trial, false);
    fclose(memory);

    pf_xml_start(xml, trial->verdict == PF_FAIL ? "failure" : "error");
    pf_xml_attribute(xml, "type", trial->finding_count ? pf_view_findings(xml->arena, trial) : "error");
    pf_xml_attribute(xml, "message", trial->reason ? trial->reason : pf_view_findings(xml->arena, trial));
    pf_xml_text(xml, body);
    pf_xml_end(xml);
    free(body);
}

/* What a program that is to fall in fell into. Jenkins' schema has no properties of a case. */
static void write_expected(const struct pf_xml *xml, const struct pf_trial_result *trial)
{
    const char *pitfall = trial->diagnosis ? trial->diagnosis->pitfall : NULL;
    if (trial->finding_count)
        pf_xml_element(xml, "system-out",
                       pf_arena_printf(
                           xml->arena, "%s: %s%s%s", trial->scenario ? "as expected" : "a warning",
                           pf_view_findings(xml->arena, trial), pitfall ? ", " : "", pitfall ? pitfall : ""));
}

static void write_case(const struct pf_xml *xml, const struct row *row, const char *directory)
{
    const struct pf_trial_result *trial = row->trial;
    pf_xml_start(xml, "testcase");
    pf_xml_attribute(xml, "classname", row->suite);
    pf_xml_attribute(xml, "name",
                     row->repeat ? pf_arena_printf(xml->arena, "%s #%zu", row->name, row->repeat)
                                 : row->name);
    write_seconds(xml, trial->duration_ms);
    if (trial->verdict == PF_SKIP) {
        pf_xml_start(xml, "skipped");
        pf_xml_attribute(xml, "message", trial->reason);
        pf_xml_end(xml);
    } else if (trial->verdict != PF_PASS) {
        write_problem(xml, trial, directory);
    }
    if (trial->verdict == PF_PASS)
        write_expected(xml, trial);
    else if (trial->output)
        pf_xml_element(xml, "system-out", trial->output);
    pf_xml_end(xml);
}

static void write_suite(const struct pf_xml *xml, const struct pf_result *result, const struct row *rows,
                        size_t count, const char *directory)
{
    struct counts counts = count_rows(rows, count);
    pf_xml_start(xml, "testsuite");
    pf_xml_attribute(xml, "name", rows[0].suite);
    write_counts(xml, &counts, false);
    write_properties(xml, result);
    for (size_t i = 0; i < count; i++)
        write_case(xml, &rows[i], directory);
    pf_xml_end(xml);
}

/* What is missing is a case of its own, so that a server cannot take the rest for all. */
static void write_lack(const struct pf_xml *xml, const struct pf_result *result)
{
    struct counts counts = {.tests = 1, .errors = 1};
    pf_xml_start(xml, "testsuite");
    pf_xml_attribute(xml, "name", "plan");
    write_counts(xml, &counts, false);
    pf_xml_start(xml, "testcase");
    pf_xml_attribute(xml, "classname", "plan");
    pf_xml_attribute(xml, "name", "all trials are there");
    write_seconds(xml, 0);
    pf_xml_start(xml, "error");
    pf_xml_attribute(xml, "type", "missing");
    pf_xml_attribute(xml, "message", pf_view_lack(xml->arena, result));
    pf_xml_end(xml);
    pf_xml_end(xml);
    pf_xml_end(xml);
}

int pf_junit_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_xml xml;
    int r = pf_xml_open(file, &xml);
    if (r < 0)
        return r;
    const struct row *rows = make_rows(xml.arena, result);
    struct counts counts = count_rows(rows, result->trial_count);
    counts.tests += pf_view_is_short(result);
    counts.errors += pf_view_is_short(result);
    pf_xml_declare(&xml);
    pf_xml_start(&xml, "testsuites");
    pf_xml_attribute(&xml, "name", pf_view_title(xml.arena, result, options->title));
    write_counts(&xml, &counts, true);
    for (size_t i = 0, length; i < result->trial_count; i += length) {
        length = run_of(&rows[i], result->trial_count - i, false);
        write_suite(&xml, result, &rows[i], length, options->directory);
    }
    if (pf_view_is_short(result))
        write_lack(&xml, result);
    return pf_xml_close(&xml);
}
