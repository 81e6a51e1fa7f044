#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "sample.h"

TestSuite(junit, .timeout = 30);

static xmlDocPtr written(struct pf_result *result)
{
    struct pf_report_options options = {.title = "pitfall check", .show_output = true};
    size_t size;
    char *text = sample_write("junit", result, &options, &size);
    pf_result_free(result);
    xmlDocPtr document = xmlReadMemory(text, (int)size, "junit.xml", NULL, XML_PARSE_NONET);
    cr_assert_not_null(document, "not well-formed:\n%s", text);
    free(text);
    return document;
}

/* The value of an XPath expression as a string. */
static char *ask(xmlDocPtr document, const char *question)
{
    xmlXPathContextPtr context = xmlXPathNewContext(document);
    xmlXPathObjectPtr object = xmlXPathEvalExpression(BAD_CAST question, context);
    cr_assert_not_null(object, "%s", question);
    xmlChar *answer = xmlXPathCastToString(object);
    char *copy = strdup((char *)answer);
    xmlFree(answer);
    xmlXPathFreeObject(object);
    xmlXPathFreeContext(context);
    return copy;
}

static void expect_answer(xmlDocPtr document, const char *question, const char *expected)
{
    char *answer = ask(document, question);
    cr_expect_str_eq(answer, expected, "%s is \"%s\"", question, answer);
    free(answer);
}

Test(junit, counts_what_came_of_the_trials)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "string(/testsuites/@name)", "pitfall check");
    expect_answer(document, "string(/testsuites/@tests)", "5");
    expect_answer(document, "string(/testsuites/@failures)", "1");
    expect_answer(document, "string(/testsuites/@errors)", "1");
    expect_answer(document, "sum(/testsuites/testsuite/@skipped)", "1");
    expect_answer(document, "count(/testsuites/testsuite)", "4");
    expect_answer(document, "sum(/testsuites/testsuite/@tests)", "5");
    expect_answer(document, "string(//testsuite[@name='join-before-drain']/@tests)", "2");
    expect_answer(document, "string(//testsuite[@name='join-before-drain']/@time)", "0.143");
    xmlFreeDoc(document);
}

Test(junit, has_one_case_per_trial_with_what_became_of_it)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "count(//testcase)", "5");
    expect_answer(document, "count(//testcase[failure])", "1");
    expect_answer(document, "string(//testcase[failure]/@classname)", "terminate-with-lock");
    expect_answer(document, "string(//failure/@type)", "lost, zombie");
    expect_answer(document, "contains(//failure/@message, 'it lost two messages')", "true");
    expect_answer(document, "contains(//failure, 'Replay: pitfall check')", "true");
    expect_answer(document, "contains(//failure/../system-out, 'first line')", "true");
    expect_answer(document, "string(//error/@message)", "the kernel refused seccomp: run it as root");
    expect_answer(document, "string(//skipped/@message)", "no python3 here");
    expect_answer(document, "count(//testcase[@classname='join-before-drain']/*[not(self::system-out)])",
                  "0");
    expect_answer(document, "string(//testcase[@name='broken']/system-out)",
                  "as expected: deadlock, join-before-drain");
    expect_answer(document, "string(//testsuite[1]/properties/property[@name='containment']/@value)",
                  "subreaper");
    xmlFreeDoc(document);
}

Test(junit, markup_in_the_output_stays_text)
{
    xmlDocPtr document = written(sample_result());
    expect_answer(document, "contains(//testcase[failure]/system-out, ']]> <b>&amp;')", "true");
    expect_answer(document, "count(//b)", "0");
    xmlFreeDoc(document);
}

Test(junit, repeats_have_names_of_their_own)
{
    xmlDocPtr document = written(sample_repeats(30, 10));
    expect_answer(document, "count(//testcase)", "30");
    expect_answer(document, "count(//testcase[@name = preceding::testcase/@name])", "0");
    expect_answer(document, "string(//testcase[10]/@name)", "broken #10");
    expect_answer(document, "count(//testcase[10]/failure)", "1");
    expect_answer(document, "count(//failure)", "3");
    xmlFreeDoc(document);
}

Test(junit, a_command_goes_by_its_words)
{
    xmlDocPtr document = written(sample_run(SAMPLE_DEADLOCK));
    expect_answer(document, "string(//testcase/@classname)", "command");
    expect_answer(document, "string(//testcase/@name)", "/opt/app/feeder 4");
    xmlFreeDoc(document);
}

Test(junit, the_faults_name_the_cases_of_a_sweep_and_what_is_missing_is_an_error)
{
    xmlDocPtr document = written(sample_sweep());
    expect_answer(document, "string(/testsuites/@tests)", "3");
    expect_answer(document, "string(/testsuites/@errors)", "1");
    expect_answer(document, "string(//testcase[1]/@name)", "write:error=EINTR:when=1:proc=0.1");
    expect_answer(document, "string(//testcase[1]/@classname)", "/opt/app/feeder 4");
    expect_answer(document, "string(//testcase[failure]/@name)", "write:error=ENOSPC:when=1+:proc=0.1");
    expect_answer(document, "contains(//testcase/error/@message, 'shard 3 of 3 is missing')", "true");
    xmlFreeDoc(document);
}
