#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "sample.h"

TestSuite(html, .timeout = 30);

/* The page is written so that it is well-formed XML too, which makes it easy to look into. */
static xmlDocPtr written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall check"};
    size_t size;
    char *text = sample_write("html", result, &options, &size);
    pf_result_free(result);
    cr_expect_eq(strncmp(text, "<!DOCTYPE html>\n<html lang=\"en\">", 32), 0);
    xmlDocPtr document = xmlReadMemory(text, (int)size, "page.html", NULL, XML_PARSE_NONET);
    cr_assert_not_null(document, "%s", text);
    free(text);
    return document;
}

static void expect_answer(xmlDocPtr document, const char *question, const char *expected)
{
    xmlXPathContextPtr context = xmlXPathNewContext(document);
    xmlXPathObjectPtr object = xmlXPathEvalExpression(BAD_CAST question, context);
    cr_assert_not_null(object, "%s", question);
    xmlChar *answer = xmlXPathCastToString(object);
    cr_expect_str_eq((char *)answer, expected, "%s is \"%s\"", question, (char *)answer);
    xmlFree(answer);
    xmlXPathFreeObject(object);
    xmlXPathFreeContext(context);
}

Test(html, has_a_row_and_a_section_for_each_program)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "string(//h1)", "pitfall check");
    expect_answer(document, "count(//div/table/tbody/tr)", "5");
    expect_answer(document, "count(//section[starts-with(@id, 'program-')])", "5");
    expect_answer(document, "string(//div/table/tbody/tr[3]/td[2])", "failed");
    expect_answer(document, "string(//div/table/tbody/tr[1]/td[4])", "join-before-drain");
    expect_answer(document, "count(//tbody//a[substring(@href, 2) = //section/@id])", "5");
    expect_answer(document, "count(//section[@id='program-1']/ol/li)", "2");
    expect_answer(document, "count(//section[@id='program-1']/ol/li/ul/li)", "2");
    expect_answer(document, "contains(//section[@id='program-3'], 'it lost two messages')", "true");
    expect_answer(document, "contains(//section[@id='program-3']/pre, 'first line')", "true");
    xmlFreeDoc(document);
}

Test(html, stands_alone_and_runs_nothing)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document,
                  "count(//script | //link | //img | //iframe | //@src | //@*[starts-with(name(), 'on')])",
                  "0");
    expect_answer(document, "count(//a[not(starts-with(@href, '#'))])", "0");
    expect_answer(document, "contains(//style, 'http') or contains(//style, 'url(')", "false");
    expect_answer(document, "contains(//style, 'prefers-color-scheme: dark')", "true");
    xmlFreeDoc(document);
}

Test(html, markup_in_the_output_stays_text)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "count(//b)", "0");
    expect_answer(document, "contains(//section[@id='program-3']/pre, '<b>&amp;')", "true");
    xmlFreeDoc(document);
}

Test(html, sources_stand_side_by_side_with_the_lines_that_matter)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "count(//section[@id='programs-join-before-drain']//pre[@class='source'])", "2");
    expect_answer(document, "count(//a[@href='#programs-join-before-drain'])", "2");
    expect_answer(document, "count(//mark[@class='bad'])", "2");
    expect_answer(document, "count(//mark[@class='bad']/span[@class='note'])", "1");
    expect_answer(document, "contains(//mark[@class='bad'][2], 'waits first')", "true");
    expect_answer(document, "normalize-space(//mark[@class='good'])", "1 drain(); \u2713 reads first");
    expect_answer(document, "contains(//section[@id='programs-join-before-drain'], 'The file is longer')",
                  "true");
    xmlFreeDoc(document);
}

Test(html, sources_show_where_the_processes_were_stuck)
{
    struct pf_result *result = sample_result();
    result->trials[SAMPLE_DEADLOCK].diagnosis->nodes[0].where = "main at /far/away/feeder.c:2 (in wait)";
    xmlDocPtr document = written(result);
    expect_answer(document, "normalize-space(//span[@class='standing'])", "2 { \u25cf 0: stuck here");
    xmlFreeDoc(document);
}

Test(html, folds_repeats_and_bounds_their_sections)
{
    xmlDocPtr document = written(sample_repeats(300, 10));
    expect_answer(document, "count(//div/table/tbody/tr)", "1");
    expect_answer(document, "string(//div/table/tbody/tr/td[2])", "270 of 300 as expected");
    expect_answer(document, "count(//section)", "10");
    expect_answer(document, "contains(//main, '20 more failures')", "true");
    expect_answer(document, "count(//tbody//a[substring(@href, 2) = //section/@id])", "1");
    xmlFreeDoc(document);
}

Test(html, a_sweep_has_its_failures_and_a_table_of_points)
{
    xmlDocPtr document = written(sample_sweep());
    expect_answer(document, "string(//h1)", "pitfall check, shards 1-2 of 3");
    expect_answer(document, "contains(//header/p[@class='error'], 'shard 3 of 3 is missing')", "true");
    expect_answer(document, "count(//section)", "1");
    expect_answer(document, "starts-with(//section/h2, '1. It lost data silently (1 trial)')", "true");
    expect_answer(document, "count(//section//pre[contains(., 'write (libc.so.6)')])", "1");
    expect_answer(document, "count(//div/table/tbody/tr)", "1");
    expect_answer(document, "string(//div/table/thead/tr/th[4])", "error");
    expect_answer(document, "string(//div/table/thead/tr/th[5])", "error, from then on");
    expect_answer(document, "string(//div/table/tbody/tr/td[1])", "0.1");
    expect_answer(document, "string(//div/table/tbody/tr/td[2])", "write");
    expect_answer(document, "string(//div/table/tbody/tr/td[3])", "1");
    expect_answer(document, "starts-with(//div/table/tbody/tr/td[4]/span[@class='soft'], 'EINTR')", "true");
    expect_answer(document, "starts-with(//div/table/tbody/tr/td[5]/a[@href='#failure-1'], 'ENOSPC')",
                  "true");
    xmlFreeDoc(document);
}

Test(html, points_where_something_failed_come_first)
{
    struct pf_result *result = sample_sweep();
    static struct pf_fault_account harmless[] = {{.spec = "close:error=EIO:when=1:proc=0", .fired = 1}};
    struct pf_trial_result *trial = pf_result_add(result);
    *trial = result->trials[0];
    trial->id = 3;
    trial->faults = harmless;
    xmlDocPtr document = written(result);
    expect_answer(document, "string(//div/table/tbody/tr[1]/td[2])", "write");
    expect_answer(document, "string(//div/table/tbody/tr[2]/td[2])", "close");
    xmlFreeDoc(document);
}

Test(html, a_sweep_of_many_trials_is_a_page_that_can_be_opened)
{
    struct pf_result *result = sample_sweep();
    for (uint64_t id = 3; id <= 10000; id++) {
        struct pf_trial_result *trial = pf_result_add(result);
        *trial = result->trials[0];
        trial->id = id;
        trial->faults = pf_arena_alloc(result->arena, sizeof(*trial->faults));
        trial->faults->spec = pf_arena_printf(result->arena, "read:error=EIO:when=%llu:proc=0.%llu",
                                              (unsigned long long)id, (unsigned long long)id % 7);
    }
    struct pf_report_options options = {0};
    size_t size;
    free(sample_write("html", result, &options, &size));
    cr_expect_lt(size, 5U << 20);
    pf_result_free(result);
}

/* Evidence leads to a row of the table of events, and only to one that is there. */
Test(html, links_evidence_to_the_timeline)
{
    struct pf_report_options options = {0};
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    char *text = sample_write("html", result, &options, NULL);
    cr_expect_not_null(strstr(text, "<svg class=\"timeline\" role=\"img\" aria-label="));
    cr_expect_not_null(strstr(text, "class=\"wait\"><title>waits for room in a pipe</title>"));
    cr_expect_not_null(strstr(text, "class=\"verdict\"><title>proven</title>"));
    size_t links = 0;
    for (const char *link = text; (link = strstr(link, "href=\"#program-1-event-")); link++, links++) {
        size_t length = strcspn(link + 7, "\"");
        char id[64];
        snprintf(id, sizeof(id), "id=\"%.*s\"", (int)length, link + 7);
        const char *row = strstr(text, id);
        cr_assert_not_null(row, "%s", id);
        cr_expect_null(strstr(row + 1, id), "twice: %s", id);
    }
    cr_expect_geq(links, 2);
    cr_expect_not_null(strstr(text, " (events <a href=\"#program-1-event-12\">12</a>, <a "),
                       "in their order");
    free(text);
    result->trials[0].timeline = NULL;
    text = sample_write("html", result, &options, NULL);
    cr_expect_null(strstr(text, "-event-"), "no timeline, no links");
    free(text);
    pf_result_free(result);
}

/* The legend names what is drawn, and nothing else. */
Test(html, the_legend_of_a_timeline_is_of_what_is_in_it)
{
    struct pf_report_options options = {0};
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_timeline *timeline = result->trials[0].timeline;
    char *text = sample_write("html", result, &options, NULL);
    cr_expect_not_null(strstr(text, "Grey bar: waits. Orange line: a signal."));
    cr_expect_null(strstr(text, "a fault strikes"));
    cr_expect_null(strstr(text, "held back"));
    free(text);
    timeline->spans[0].held = true;
    timeline->marks[1].kind = PF_MARK_FAULT;
    text = sample_write("html", result, &options, NULL);
    cr_expect_not_null(
        strstr(text, "Orange bar: held back by the fault plan. Red line with a head: a fault strikes."));
    cr_expect_not_null(strstr(text, "<path d=\"M"), "a fault has a head");
    cr_expect_null(strstr(text, "a signal."));
    free(text);
    pf_result_free(result);
}
