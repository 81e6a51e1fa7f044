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

/* The suite of a trial is its scenario; commands outside the catalogue share one. */
static const char *suite_of(const struct pf_trial_result *trial)
{
    return trial->scenario ? trial->scenario : "command";
}

static struct counts count_suite(const struct pf_result *result, const char *suite)
{
    struct counts counts = {0};
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        if (suite && strcmp(suite_of(trial), suite) != 0)
            continue;
        counts.tests++;
        counts.failures += trial->verdict == PF_FAIL;
        counts.errors += trial->verdict == PF_ERROR;
        counts.skipped += trial->verdict == PF_SKIP;
        counts.ms += trial->duration_ms;
    }
    return counts;
}

static void write_seconds(const struct pf_xml *xml, double ms)
{
    xmlTextWriterWriteFormatAttribute(xml->writer, BAD_CAST "time", "%.3f", ms / 1000);
}

static void write_counts(const struct pf_xml *xml, const struct counts *counts)
{
    pf_xml_count(xml, "tests", counts->tests);
    pf_xml_count(xml, "failures", counts->failures);
    pf_xml_count(xml, "errors", counts->errors);
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
static void write_problem(const struct pf_xml *xml, const struct pf_trial_result *trial)
{
    char *body = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&body, &size);
    if (!memory)
        abort();
    struct pf_page page = {.file = memory, .arena = xml->arena, .ink = pf_ink(false), .width = BODY_COLUMNS};
    pf_story_trial(&page, 0, trial, false);
    fclose(memory);

    pf_xml_start(xml, trial->verdict == PF_FAIL ? "failure" : "error");
    pf_xml_attribute(xml, "type", trial->finding_count ? pf_view_findings(xml->arena, trial) : "error");
    pf_xml_attribute(xml, "message", trial->reason ? trial->reason : pf_view_findings(xml->arena, trial));
    pf_xml_text(xml, body);
    pf_xml_end(xml);
    free(body);
}

/* Which repeat of its program a trial is, from 1; 0 when there is only one. */
static size_t repeat_of(const struct pf_result *result, size_t index)
{
    const struct pf_trial_result *trial = &result->trials[index];
    size_t before = 0, all = 0;
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *other = &result->trials[i];
        bool same = strcmp(suite_of(trial), suite_of(other)) == 0 &&
                    strcmp(trial->variant ? trial->variant : "", other->variant ? other->variant : "") == 0;
        all += same;
        before += same && i < index;
    }
    return all > 1 ? before + 1 : 0;
}

static void write_case(const struct pf_xml *xml, const struct pf_result *result, size_t index)
{
    const struct pf_trial_result *trial = &result->trials[index];
    const char *name = trial->scenario && trial->variant ? trial->variant : pf_view_name(xml->arena, trial);
    size_t repeat = repeat_of(result, index);
    pf_xml_start(xml, "testcase");
    pf_xml_attribute(xml, "classname", suite_of(trial));
    pf_xml_attribute(xml, "name", repeat ? pf_arena_printf(xml->arena, "%s #%zu", name, repeat) : name);
    write_seconds(xml, trial->duration_ms);
    if (trial->finding_count) {
        pf_xml_start(xml, "properties");
        write_property(xml, "findings", pf_view_findings(xml->arena, trial));
        write_property(xml, "diagnosis", trial->diagnosis ? trial->diagnosis->pitfall : NULL);
        pf_xml_end(xml);
    }
    if (trial->verdict == PF_SKIP) {
        pf_xml_start(xml, "skipped");
        pf_xml_attribute(xml, "message", trial->reason);
        pf_xml_end(xml);
    } else if (trial->verdict != PF_PASS) {
        write_problem(xml, trial);
    }
    if (trial->output && trial->verdict != PF_PASS)
        pf_xml_element(xml, "system-out", trial->output);
    pf_xml_end(xml);
}

static bool is_first_of_suite(const struct pf_result *result, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(suite_of(&result->trials[i]), suite_of(&result->trials[index])) == 0)
            return false;
    return true;
}

static void write_suite(const struct pf_xml *xml, const struct pf_result *result, const char *suite)
{
    struct counts counts = count_suite(result, suite);
    pf_xml_start(xml, "testsuite");
    pf_xml_attribute(xml, "name", suite);
    write_counts(xml, &counts);
    write_properties(xml, result);
    for (size_t i = 0; i < result->trial_count; i++)
        if (strcmp(suite_of(&result->trials[i]), suite) == 0)
            write_case(xml, result, i);
    pf_xml_end(xml);
}

/* What is missing is a case of its own, so that a server cannot take the rest for all. */
static void write_lack(const struct pf_xml *xml, const struct pf_result *result)
{
    struct counts counts = {.tests = 1, .errors = 1};
    pf_xml_start(xml, "testsuite");
    pf_xml_attribute(xml, "name", "plan");
    write_counts(xml, &counts);
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
    struct counts counts = count_suite(result, NULL);
    counts.tests += pf_view_is_short(result);
    counts.errors += pf_view_is_short(result);
    xmlTextWriterStartDocument(xml.writer, "1.0", "UTF-8", NULL);
    pf_xml_start(&xml, "testsuites");
    pf_xml_attribute(&xml, "name", pf_view_title(xml.arena, result, options->title));
    write_counts(&xml, &counts);
    for (size_t i = 0; i < result->trial_count; i++)
        if (is_first_of_suite(result, i))
            write_suite(&xml, result, suite_of(&result->trials[i]));
    if (pf_view_is_short(result))
        write_lack(&xml, result);
    return pf_xml_close(&xml);
}
