#include <errno.h>
#include <limits.h>

#include "folder.h"
#include "plan/plan.h"

TestSuite(scenario, .init = folder_make, .fini = folder_remove, .timeout = 20);

static struct pf_scenario *read_scenario(const char *manifest)
{
    struct pf_scenario *scenario = NULL;
    struct pf_error error = {""};
    folder_text("pitfall.yaml", manifest);
    cr_assert_eq(pf_scenario_read(folder, &scenario, &error), 0, "%s", error.message);
    return scenario;
}

static const char whole[] = "id: join-before-drain\n"
                            "order: 1\n"
                            "title: Joining a worker before its queue is drained\n"
                            "story: |\n"
                            "  First line.\n"
                            "\n"
                            "  Second: with \"quotes\".\n"
                            "why: >\n"
                            "  Folded\n"
                            "  text.\n"
                            "recognise: r\n"
                            "avoid: a\n"
                            "seed: Joining processes that use queues\n"
                            "sources:\n"
                            "  - title: pipe(7)\n"
                            "    where: https://man7.org/linux/man-pages/man7/pipe.7.html\n"
                            "  - {title: a book}\n"
                            "tags: [pipe, join]\n"
                            "limits:\n"
                            "  nofile: 32\n"
                            "  core: unlimited\n"
                            "faults:\n"
                            "  - point=lock-held:hold=point=working@0.2\n"
                            "  - \"%file:error=EMFILE:when=3\"\n"
                            "deadline: 10s\n"
                            "isolate: true\n"
                            "namespaces: true\n"
                            "variants:\n"
                            "  - name: broken\n"
                            "    expect:\n"
                            "      finding: limit,  lost\n"
                            "      diagnosis: fd-exhaustion\n"
                            "  - name: safe\n"
                            "    expect: {output: \"all 1000\", exit: any}\n";

Test(scenario, every_key_of_the_manifest_arrives)
{
    folder_program("broken");
    folder_text("broken.c", "int main(void) {}\n");
    struct pf_scenario *scenario = read_scenario(whole);
    cr_assert_str_eq(scenario->id, "join-before-drain");
    cr_assert_eq(scenario->order, 1);
    cr_assert_str_eq(scenario->directory, folder);
    cr_assert_str_eq(scenario->title, "Joining a worker before its queue is drained");
    cr_assert_str_eq(scenario->story, "First line.\n\nSecond: with \"quotes\".");
    cr_assert_str_eq(scenario->why, "Folded text.");
    cr_assert_str_eq(scenario->recognise, "r");
    cr_assert_str_eq(scenario->avoid, "a");
    cr_assert_str_eq(scenario->seed, "Joining processes that use queues");
    cr_assert_eq(scenario->source_count, 2);
    cr_assert_str_eq(scenario->sources[0].where, "https://man7.org/linux/man-pages/man7/pipe.7.html");
    cr_assert_str_eq(scenario->sources[1].title, "a book");
    cr_assert_null(scenario->sources[1].where);
    cr_assert_eq(scenario->tag_count, 2);
    cr_assert_str_eq(scenario->tags[1], "join");
    cr_assert_eq(scenario->limit_count, 2);
    cr_assert_str_eq(scenario->limits[0].resource, "nofile");
    cr_assert_eq(scenario->limits[0].value, 32);
    cr_assert_eq(scenario->limits[1].value, UINT64_MAX);
    cr_assert_eq(scenario->fault_count, 2);
    cr_assert_str_eq(scenario->faults[0].actions[0].until->point, "working");
    cr_assert_eq(scenario->faults[1].trigger.first, 3);
    cr_assert_eq(scenario->deadline_ns, 10000000000ULL);
    cr_assert(scenario->isolate);
    cr_assert(scenario->namespaces);

    cr_assert_eq(scenario->variant_count, 2);
    const struct pf_variant *broken = &scenario->variants[0], *safe = &scenario->variants[1];
    cr_assert_str_eq(broken->name, "broken");
    cr_assert_str_eq(broken->program, folder_path("broken"));
    cr_assert_str_eq(broken->source, folder_path("broken.c"));
    cr_assert_eq(broken->command_count, 1);
    cr_assert_str_eq(broken->command[0], broken->program);
    cr_assert_str_eq(broken->expect.finding, "limit,lost");
    cr_assert_str_eq(broken->expect.diagnosis, "fd-exhaustion");
    cr_assert_null(broken->expect.exit);
    cr_assert_null(broken->skip);
    cr_assert_str_eq(safe->expect.output, "all 1000");
    cr_assert_str_eq(safe->expect.exit, "any");
    cr_assert_null(safe->expect.finding);
    cr_assert_null(safe->source, "there is no safe.c");
    cr_assert_null(safe->skip, "a program that was not built is an error when it is run, never skipped");
    pf_scenario_free(scenario);
}

Test(scenario, the_smallest_manifest)
{
    struct pf_scenario *scenario = read_scenario("{id: x, title: X, variants: [{name: broken}]}");
    cr_assert_eq(scenario->order, UINT_MAX);
    cr_assert_eq(scenario->deadline_ns, PF_DEADLINE_DEFAULT_NS);
    cr_assert_not(scenario->isolate);
    cr_assert_not(scenario->namespaces);
    cr_assert_null(scenario->story);
    cr_assert_eq(scenario->fault_count + scenario->limit_count + scenario->tag_count, 0);
    cr_assert_null(scenario->variants[0].expect.finding);
    pf_scenario_free(scenario);
}

Test(scenario, an_alias_stands_for_its_anchor)
{
    struct pf_scenario *scenario = read_scenario("id: x\ntitle: X\nvariants:\n"
                                                 "  - name: a\n    expect: &hit {finding: hang}\n"
                                                 "  - name: b\n    expect: *hit\n");
    cr_assert_str_eq(scenario->variants[1].expect.finding, "hang");
    pf_scenario_free(scenario);
}

#define HEAD "id: x\ntitle: X\nvariants:\n" /* three lines */

Test(scenario, scripts_and_commands)
{
    folder_text("broken.py", "pass\n");
    folder_program("shebang");
    folder_program("tool");
    struct pf_scenario *scenario = read_scenario(
        HEAD "  - {name: py, script: broken.py, interpreter: /bin/sh}\n"
             "  - {name: path, script: broken.py, interpreter: sh}\n"
             "  - {name: own, script: shebang}\n"
             "  - {name: words, command: [sh, -c, \"cat {dir}/a {dir}/b\"], source: broken.py}\n"
             "  - {name: tool, command: [\"{dir}/tool\", \"\"]}\n");
    const struct pf_variant *variants = scenario->variants;
    cr_assert_eq(variants[0].command_count, 2);
    cr_assert_str_eq(variants[0].command[0], "/bin/sh");
    cr_assert_str_eq(variants[0].command[1], folder_path("broken.py"));
    cr_assert_str_eq(variants[0].program, folder_path("broken.py"));
    cr_assert_str_eq(variants[0].source, folder_path("broken.py"));

    cr_assert_eq(variants[1].command[0][0], '/', "found in PATH: %s", variants[1].command[0]);
    cr_assert_str_eq(strrchr(variants[1].command[0], '/'), "/sh");

    cr_assert_eq(variants[2].command_count, 1);
    cr_assert_str_eq(variants[2].command[0], folder_path("shebang"));

    char cat[1100];
    snprintf(cat, sizeof(cat), "cat %s/a %s/b", folder, folder);
    cr_assert_eq(variants[3].command_count, 3);
    cr_assert_str_eq(variants[3].command[2], cat);
    cr_assert_str_eq(variants[3].source, folder_path("broken.py"));

    cr_assert_str_eq(variants[4].command[0], folder_path("tool"));
    cr_assert_str_eq(variants[4].command[1], "");
    for (size_t i = 0; i < scenario->variant_count; i++)
        cr_assert_null(variants[i].skip, "%s", variants[i].skip);
    pf_scenario_free(scenario);
}

Test(scenario, a_missing_interpreter_skips)
{
    folder_text("broken.x", "");
    struct pf_scenario *scenario =
        read_scenario(HEAD "  - {name: a, script: broken.x, interpreter: /nowhere/x}\n"
                           "  - {name: b, script: broken.x, interpreter: no-such-interpreter}\n"
                           "  - {name: c, command: [no-such-command]}\n"
                           "  - {name: d, command: [\"{dir}/not-built\"]}\n"
                           "  - {name: e, script: broken.x, interpreter: /tmp}\n");
    cr_assert_str_eq(scenario->variants[0].skip, "no /nowhere/x on this machine");
    cr_assert_str_eq(scenario->variants[1].skip, "no no-such-interpreter on this machine");
    cr_assert_str_eq(scenario->variants[2].skip, "no no-such-command on this machine");
    cr_assert_null(scenario->variants[3].skip, "a program of the scenario itself is an error when it is run");
    cr_assert_str_eq(scenario->variants[4].skip, "no /tmp on this machine");
    pf_scenario_free(scenario);
}

Test(scenario, marks_become_lines_of_the_source)
{
    folder_text("a.c", "int a;\n  wait(a);\n  read(a);\nint b;\n  wait(a);\n");
    struct pf_scenario *scenario = read_scenario("id: x\ntitle: X\nvariants:\n"
                                                 "  - name: a\n"
                                                 "    expect: {finding: hang}\n"
                                                 "    marks:\n"
                                                 "      - text: |\n"
                                                 "          int b;\n"
                                                 "          wait(a);\n"
                                                 "        note: waits again\n"
                                                 "      - {text: read}\n"
                                                 "  - name: without-source\n"
                                                 "    marks: [{text: anything}]\n");
    struct pf_variant *variant = &scenario->variants[0];
    cr_assert_eq(variant->mark_count, 3);
    cr_expect_eq(variant->marks[0].line, 3);
    cr_expect_null(variant->marks[0].note);
    cr_expect_eq(variant->marks[1].line, 4);
    cr_expect_null(variant->marks[1].note);
    cr_expect_eq(variant->marks[2].line, 5);
    cr_expect_str_eq(variant->marks[2].note, "waits again");
    cr_expect_eq(scenario->variants[1].mark_count, 0);

    struct pf_listing listing;
    cr_assert(pf_plan_listing(scenario, variant, scenario->arena, &listing));
    cr_expect_str_eq(listing.file, "a.c");
    cr_expect_str_eq(listing.finding, "hang");
    cr_expect_eq(listing.mark_count, 3);
    cr_expect_not(listing.cut);
    cr_expect_not(pf_plan_listing(scenario, &scenario->variants[1], scenario->arena, &listing));
    pf_scenario_free(scenario);
}

Test(scenario, a_long_source_is_cut_and_says_so)
{
    char *text = calloc(1, PF_LISTING_MOST + 100);
    memset(text, 'x', PF_LISTING_MOST + 1);
    folder_text("a.c", text);
    struct pf_scenario *scenario = read_scenario("id: x\ntitle: X\nvariants: [{name: a}]\n");
    struct pf_listing listing;
    cr_assert(pf_plan_listing(scenario, &scenario->variants[0], scenario->arena, &listing));
    cr_expect(listing.cut);
    cr_expect_eq(strlen(listing.text), PF_LISTING_MOST);
    pf_scenario_free(scenario);
    free(text);
}

#define KEYS                                                                                                 \
    "id, order, title, story, why, recognise, avoid, seed, sources, tags, limits, faults, deadline, "        \
    "isolate, namespaces, lesson, variants"
#define KINDS                                                                                                \
    "deadlock, hang, busy-loop, orphan, zombie, crash, killed, exit, limit, lost, torn, duplicate, "         \
    "wrong-output, fd-leak, ipc-leak, process-explosion, cost, unfired"
#define TAIL "variants: [{name: a}]\n"

static const struct {
    const char *manifest;
    int line;
    const char *message;
} mistakes[] = {
    /* not YAML, or not one document */
    {"", 1, "the file is empty, expected id, title and variants"},
    {"# nothing\n", 1, "the file is empty, expected id, title and variants"},
    {"id: x\n\ttitle: X\n", 2,
     "malformed YAML: found a tab character that violates indentation while scanning a plain scalar"},
    {"id: x\ntitle: \"X\nstory: y\n", 4,
     "malformed YAML: found unexpected end of stream while scanning a quoted scalar"},
    {"id: x\ntitle: X\nfaults:\n  - %file:kill\n" TAIL, 4,
     "malformed YAML: found character that cannot start any token while scanning for the next token"},
    {"id: x\ntitle: \xff\n", 2, "malformed YAML: invalid leading UTF-8 octet"},
    {"id: x\ntitle: X\n" TAIL "---\nid: y\n", 5, "a second document begins here, expected one"},
    {"id: x\ntitle: *nobody\n" TAIL, 2, "malformed YAML: found undefined alias"},
    /* the wrong shape */
    {"- id: x\n", 1, "expected keys with values for the manifest"},
    {"just words\n", 1, "expected keys with values for the manifest"},
    {"id: x\ntitle: X\n", 1, "\"variants\" is missing in the manifest"},
    {"# a comment\ntitle: X\n" TAIL, 2, "\"id\" is missing in the manifest"},
    {"id: x\ntitle: X\nvariants: []\n", 3, "\"variants\" is empty, expected at least one entry"},
    {"id: x\ntitle: X\nvariants:\n", 3, "expected a list for variants"},
    {"id: x\ntitle: X\nvariants: broken\n", 3, "expected a list for variants"},
    {HEAD "  - broken\n", 4, "expected keys with values for variants[0]"},
    {HEAD "  - name: a\n  - expect: {}\n", 5, "\"name\" is missing in variants[1]"},
    {HEAD "  - name: a\n    expect:\n      findings: hang\n", 6,
     "unknown key \"findings\", did you mean \"finding\"? (known here: finding, diagnosis, output, prints, "
     "exit)"},
    {"id: x\nstorry: y\ntitle: X\n" TAIL, 2,
     "unknown key \"storry\", did you mean \"story\"? (known here: " KEYS ")"},
    {"id: x\ntitle: X\nwhatever: 1\n" TAIL, 3, "unknown key \"whatever\", expected one of " KEYS},
    {"id: x\ntitle: X\n[1]: y\n" TAIL, 3, "expected the name of a key here"},
    {"id: x\ntitle: X\n\nid: y\n" TAIL, 4, "\"id\" is given twice"},
    {"id: x\ntitle: [X]\n" TAIL, 2, "expected a text for title"},
    {"id:\ntitle: X\n" TAIL, 1, "\"id\" is empty"},
    {"id: x\ntitle: X\nfaults: point=x:kill\n" TAIL, 3, "expected a list for faults"},
    {"id: x\ntitle: X\nfaults:\n  - a: b\n" TAIL, 4, "expected a text for faults[0]"},
    {"id: x\ntitle: X\nsources:\n- where: y\n" TAIL, 4, "\"title\" is missing in sources[0]"},
    /* the wrong meaning */
    {"id: Big Id\ntitle: X\n" TAIL, 1,
     "expected an id of lower-case letters, digits and \"-\", not \"Big Id\""},
    {"id: x\ntitle: \" \"\n" TAIL, 2, "\"title\" is empty"},
    {"id: x\ntitle: X\norder: first\n" TAIL, 3, "expected a number from 0 to 1000000, not \"first\""},
    {"id: x\ntitle: X\norder: 1000001\n" TAIL, 3, "expected a number from 0 to 1000000, not \"1000001\""},
    {"id: x\ntitle: X\norder: -1\n" TAIL, 3, "expected a number from 0 to 1000000, not \"-1\""},
    {"id: x\ntitle: X\nisolate: yes\n" TAIL, 3, "expected true or false, not \"yes\""},
    {"id: x\ntitle: X\nnamespaces: no\n" TAIL, 3, "expected true or false, not \"no\""},
    {"id: x\ntitle: X\ndeadline: 10\n" TAIL, 3,
     "duration, column 3: expected a unit (ns, us, ms, s, m or h) here, not the end\n  10\n    ^"},
    {"id: x\ntitle: X\nlimits:\n  core: 0\n  nofiles: 32\n" TAIL, 5,
     "limit, column 1: expected a resource as prlimit(1) names it (nofile, nproc, …) here, not \"nofiles\"; "
     "did "
     "you mean \"nofile\"?\n  nofiles=32\n  ^"},
    {"id: x\ntitle: X\nlimits: [nofile]\n" TAIL, 3,
     "expected keys with values for limits, such as {nofile: 32}"},
    {"id: x\ntitle: X\nlimits:\n  nofile: [1]\n" TAIL, 4, "expected a limit here, such as nofile: 32"},
    {"id: x\ntitle: X\nfaults:\n  - write:kill\n  # why\n  - write:error=EINTRR\n" TAIL, 6,
     "fault, column 13: expected an errno (a name such as EINTR, or 1 to 4095) here, not \"EINTRR\"; did you "
     "mean "
     "\"EINTR\"?\n  write:error=EINTRR\n              ^"},
    {HEAD "  - name: a/b\n", 4, "expected a name of letters, digits, \"-\", \"_\" and \".\", not \"a/b\""},
    {HEAD "  - name: ..\n", 4, "expected a name of letters, digits, \"-\", \"_\" and \".\", not \"..\""},
    {HEAD "  - name: a\n  - name: a\n", 5, "a second variant is called \"a\""},
    {HEAD "  - name: a\n    expect: {finding: dedlock}\n", 5,
     "unknown kind of finding \"dedlock\", did you mean \"deadlock\"? (kinds: " KINDS ")"},
    {HEAD "  - name: a\n    expect:\n      finding: limit,,lost\n", 6,
     "unknown kind of finding \"\", expected one of " KINDS},
    {HEAD "  - name: a\n    expect: {finding: limit lost}\n", 5,
     "unknown kind of finding \"limit lost\", expected one of " KINDS},
    {HEAD "  - name: a\n    expect: {diagnosis: fd-exhaustion}\n", 5,
     "a diagnosis explains a finding: expected \"finding\" beside it"},
    {HEAD "  - name: a\n    expect: {finding: hang, diagnosis: Oh dear}\n", 5,
     "expected the id of a pitfall, not \"Oh dear\""},
    {HEAD "  - name: a\n    expect: {exit: 256}\n", 5,
     "expected an exit status from 0 to 255, or any, not \"256\""},
    {HEAD "  - name: a\n    script: not-there.py\n", 5, "there is no such file beside the manifest"},
    {HEAD "  - name: a\n    script: .\n", 5, "there is no such file beside the manifest"},
    {HEAD "  - name: a\n    source: not-there.c\n", 5, "there is no such file beside the manifest"},
    {HEAD "  - name: a\n    source: /etc/passwd\n    marks: [{text: nowhere}]\n", 6,
     "passwd has no line like this"},
    {HEAD "  - name: a\n    source: /etc/passwd\n    marks:\n    - text: |\n       title\n       title\n", 7,
     "passwd has no lines like this"},
    {HEAD "  - name: a\n    source: /etc/passwd\n    marks: [{note: a}]\n", 6,
     "\"text\" is missing in marks[0]"},
    {HEAD "  - name: a\n    interpreter: sh\n", 5,
     "an interpreter needs a script: expected \"script\" beside it"},
    {HEAD "  - name: a\n    command: []\n", 5, "\"command\" is empty, expected at least one entry"},
    {HEAD "  - name: a\n    command: [\"\"]\n", 5, "expected a program and its arguments"},
    {HEAD "  - name: a\n    command: [sh]\n    script: x.sh\n", 6,
     "expected either a command, or a script and its interpreter"},
};

Test(scenario, every_mistake_names_its_line)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct pf_scenario *scenario = NULL;
        struct pf_error error = {""};
        char expected[sizeof(error.message)];
        folder_text("pitfall.yaml", mistakes[i].manifest);
        snprintf(expected, sizeof(expected), "%s:%d: %s", folder_path("pitfall.yaml"), mistakes[i].line,
                 mistakes[i].message);
        cr_expect_eq(pf_scenario_read(folder, &scenario, &error), -EINVAL, "%s", mistakes[i].manifest);
        cr_expect_str_eq(error.message, expected, "%s\ngot      %s\nexpected %s", mistakes[i].manifest,
                         error.message, expected);
        cr_expect_null(scenario, "untouched");
    }
}

Test(scenario, files_that_cannot_be_read)
{
    struct pf_scenario *scenario = NULL;
    struct pf_error error = {""};
    cr_assert_eq(pf_scenario_read(folder, &scenario, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "/pitfall.yaml: No such file or directory"), "%s",
                       error.message);
    cr_assert_eq(pf_scenario_read(folder_path("nowhere"), &scenario, &error), -ENOENT);
    cr_assert_eq(mkdir(folder_path("pitfall.yaml"), 0755), 0);
    cr_assert_eq(pf_scenario_read(folder, &scenario, &error), -EISDIR);
    cr_assert_eq(rmdir(folder_path("pitfall.yaml")), 0);

    size_t length = (1 << 20) + 1;
    char *large = malloc(length);
    memset(large, '#', length);
    folder_write("pitfall.yaml", large, length, 0644);
    free(large);
    cr_assert_eq(pf_scenario_read(folder, &scenario, &error), -EFBIG);
    cr_assert_null(scenario);
    pf_scenario_free(NULL);
}

Test(scenario, messages_name_the_file_as_it_was_given)
{
    struct pf_scenario *scenario = NULL;
    struct pf_error error = {""};
    folder_text("mine/pitfall.yaml", "id: x\n");
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(pf_scenario_read("mine/", &scenario, &error), -EINVAL);
    cr_assert_str_eq(error.message, "mine/pitfall.yaml:1: \"title\" is missing in the manifest");
}

/* What the documentation shows as an example is one. */
Test(scenario, the_example_of_the_readme_reads)
{
    char text[16384] = "";
    FILE *file = fopen(TEST_DATA "/../../plan/README.md", "r");
    cr_assert_not_null(file);
    cr_assert_gt(fread(text, 1, sizeof(text) - 1, file), 0);
    fclose(file);
    char *start = strstr(text, "```yaml\n"), *end = start ? strstr(start + 1, "```\n") : NULL;
    cr_assert(start && end);
    *end = '\0';
    folder_text("broken.py", "");
    folder_text("broken.js", "");
    struct pf_scenario *scenario = read_scenario(start + strlen("```yaml\n"));
    cr_assert_eq(scenario->variant_count, 4);
    cr_assert_eq(scenario->fault_count, 2);
    cr_assert_str_eq(scenario->variants[1].expect.exit, "0");
    pf_scenario_free(scenario);
}
