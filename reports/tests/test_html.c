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
    expect_answer(document, "count(//tbody/tr)", "5");
    expect_answer(document, "count(//section)", "5");
    expect_answer(document, "string(//tbody/tr[3]/td[2])", "failed");
    expect_answer(document, "string(//tbody/tr[1]/td[4])", "join-before-drain");
    expect_answer(document, "count(//tbody//a[substring(@href, 2) = //section/@id])", "5");
    expect_answer(document, "count(//section[1]/ol/li)", "2");
    expect_answer(document, "count(//section[1]/ol/li/ul/li)", "2");
    expect_answer(document, "contains(//section[3], 'it lost two messages')", "true");
    expect_answer(document, "contains(//section[3]/pre, 'first line')", "true");
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
    expect_answer(document, "contains(//section[3]/pre, '<b>&amp;')", "true");
    xmlFreeDoc(document);
}

Test(html, folds_repeats_and_bounds_their_sections)
{
    xmlDocPtr document = written(sample_repeats(300, 10));
    expect_answer(document, "count(//tbody/tr)", "1");
    expect_answer(document, "string(//tbody/tr/td[2])", "270 of 300 as expected");
    expect_answer(document, "count(//section)", "10");
    expect_answer(document, "contains(//main, '20 more failures')", "true");
    expect_answer(document, "count(//tbody//a[substring(@href, 2) = //section/@id])", "1");
    xmlFreeDoc(document);
}
