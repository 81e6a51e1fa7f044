#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

TestSuite(text, .timeout = 10);

static const struct pf_report_options plain_options = {.title = "pitfall check", .show_output = true};

static char *check_report(void)
{
    struct pf_result *result = sample_result();
    char *text = sample_write("text", result, &plain_options, NULL);
    pf_result_free(result);
    return text;
}

static void expect_in(const char *text, const char *part)
{
    cr_expect_not_null(strstr(text, part), "\"%s\" is missing in:\n%s", part, text);
}

static void expect_not_in(const char *text, const char *part)
{
    cr_expect_null(strstr(text, part), "\"%s\" must not be in:\n%s", part, text);
}

Test(text, starts_with_the_totals_and_one_line_per_program)
{
    char *text = check_report();
    const char *first = "pitfall check: 5 trials: 2 passed, 1 failed, 1 could not be tested, 1 skipped\n\n"
                        "SCENARIO             VARIANT    RESULT       FINDING       LATENCY\n"
                        "join-before-drain    broken     as expected  deadlock        12 ms\n"
                        "join-before-drain    safe       as expected  -                   -\n"
                        "terminate-with-lock  safe       FAILED       lost, zombie        -\n"
                        "fd-exhaustion        broken     ERROR        -                   -\n"
                        "hung-thread          broken-py  skipped      -                   -\n";
    cr_assert_eq(strncmp(text, first, strlen(first)), 0, "%s", text);
    free(text);
}

Test(text, the_table_has_all_columns_where_there_is_room_and_keeps_what_is_new_where_there_is_not)
{
    struct pf_result *result = sample_result();
    struct pf_report_options options = plain_options;
    options.width = 100;
    char *wide = sample_write("text", result, &options, NULL);
    expect_in(wide,
              "SCENARIO             VARIANT    RESULT       FINDING       DIAGNOSIS          LATENCY\n"
              "join-before-drain    broken     as expected  deadlock      join-before-drain    12 ms\n");
    free(wide);
    options.width = 60;
    char *narrow = sample_write("text", result, &options, NULL);
    expect_in(narrow, "terminate-with-lock  safe       FAILED       lost +1         -\n");
    free(narrow);
    result->trials[0].diagnosis->pitfall = "hung-thread";
    char *odd = sample_write("text", result, &plain_options, NULL);
    expect_in(odd, "deadlock      hung-thread    12 ms");
    free(odd);
    pf_result_free(result);
}

Test(text, tells_the_diagnosis_of_a_broken_program_in_words)
{
    char *text = check_report();
    expect_in(
        text,
        "join-before-drain/broken: deadlock, as expected (proven), said 12 ms after the\n  last movement\n");
    expect_in(text, "  Why: The parent waits for its child to end");
    expect_in(text, "    0 (feeder): waits for the end of 0.1, in main at feeder.c:31\n"
                    "      -> 0.1 (feeder), the process: it is blocked itself\n");
    expect_in(text, "      -> 0 (feeder), pipe (fd 4): only 0 reads from it");
    expect_in(text, "  Who waits on what, in a circle: 0 -> 0.1 -> 0\n");
    expect_in(text, "  Fix: Read until end of file first");
    free(text);
}

Test(text, tells_of_a_failure_why_what_and_how_to_do_it_again)
{
    char *text = check_report();
    expect_in(text, "terminate-with-lock/safe: FAILED: lost, zombie");
    expect_in(text, "  Why: it lost two messages");
    expect_in(text, "    lost in 0.2: lost");
    expect_in(text, "    zombie (warning): one zombie\n");
    expect_in(text, "struck once: 0.1 at point=lock-held");
    expect_in(text, "  The program: ended with status 3 after 1.5 s\n");
    expect_in(text, "    | first line\n    | second ");
    expect_in(text, "  Replay: pitfall check terminate-with-lock --variant safe\n");
    free(text);
}

Test(text, says_why_something_was_not_tested)
{
    char *text = check_report();
    expect_in(text, "ERROR: it could not be tested\n  Why: the kernel refused seccomp: run it as root\n");
    expect_in(text, "hung-thread/broken-py: skipped\n  Why: no python3 here\n\n");
    free(text);
}

Test(text, ends_with_where_it_ran)
{
    char *text = check_report();
    expect_in(text, "pitfall 0.1.0, Linux 6.1.0 x86_64, containment: subreaper (user namespaces are\nrefused "
                    "here)\n");
    free(text);
}

Test(text, prose_keeps_to_the_width)
{
    struct pf_result *result = sample_repeats(1, 0);
    struct pf_report_options options = plain_options;
    for (options.width = 50; options.width < 120; options.width += 7) {
        char *text = sample_write("text", result, &options, NULL);
        char *body = strstr(text, "  Why: The parent waits");
        cr_assert_not_null(body);
        for (char *line = strtok(body, "\n"); line && !strstr(line, "Replay:"); line = strtok(NULL, "\n"))
            cr_expect_leq(strlen(line), (size_t)options.width, "%d: %s", options.width, line);
        free(text);
    }
    pf_result_free(result);
}

Test(text, folds_repeats_into_counts)
{
    struct pf_result *all = sample_repeats(200, 0), *some = sample_repeats(200, 50);
    char *clean = sample_write("text", all, &plain_options, NULL);
    char *mixed = sample_write("text", some, &plain_options, NULL);
    expect_in(clean, "join-before-drain  broken   200 of 200 as expected  deadlock    12 ms\n");
    expect_in(mixed, "join-before-drain  broken   196 of 200 as expected");
    expect_in(mixed, "it did not fall in\n");
    expect_in(mixed, "... and 3 more failures of it");
    /* The same story is told once. */
    cr_expect_null(strstr(strstr(mixed, "it did not fall in") + 1, "it did not fall in"));
    cr_expect_lt(strlen(mixed), 3000);
    free(clean);
    free(mixed);
    pf_result_free(all);
    pf_result_free(some);
}

Test(text, colour_only_where_asked_for)
{
    struct pf_result *result = sample_repeats(2, 0);
    struct pf_report_options options = plain_options;
    options.colour = true;
    char *coloured = sample_write("text", result, &options, NULL);
    char *bare = sample_write("text", result, &plain_options, NULL);
    expect_in(coloured, "\033[32m2 of 2 as expected");
    expect_not_in(bare, "\033");
    free(coloured);
    free(bare);
    pf_result_free(result);
}

Test(text, a_clean_run_is_one_line_when_brief)
{
    struct pf_report_options options = {.title = "pitfall run", .brief = true};
    struct pf_result *clean = sample_run(SAMPLE_CLEAN), *failed = sample_run(SAMPLE_FAIL);
    char *short_text = sample_write("text", clean, &options, NULL);
    char *long_text = sample_write("text", failed, &options, NULL);
    cr_expect_str_eq(short_text, "pitfall run: no findings; the program ended with status 0 after 20 ms\n");
    expect_in(long_text, "pitfall run: FAILED: lost, zombie\n  Command: ./odd\\nname");
    expect_in(long_text, "  Why: ");
    free(short_text);
    free(long_text);
    pf_result_free(clean);
    pf_result_free(failed);
}

Test(text, a_run_tells_its_story_without_a_table)
{
    struct pf_report_options options = {.title = "pitfall run"};
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    char *text = sample_write("text", result, &options, NULL);
    expect_in(text, "  Command: /opt/app/feeder 4\n");
    expect_in(text, "  Fix: ");
    expect_in(text, "  The program: had not ended after 124 ms\n");
    expect_not_in(text, "SCENARIO");
    free(text);
    pf_result_free(result);
}

Test(text, output_is_left_out_when_not_asked_for)
{
    struct pf_report_options options = {.title = "pitfall check"};
    struct pf_result *result = sample_result();
    char *text = sample_write("text", result, &options, NULL);
    expect_not_in(text, "first line");
    free(text);
    pf_result_free(result);
}

Test(text, shows_the_last_lines_of_a_long_output)
{
    struct pf_result *result = sample_run(SAMPLE_FAIL);
    char *output = NULL;
    size_t size;
    FILE *file = open_memstream(&output, &size);
    for (int i = 1; i <= 100; i++)
        fprintf(file, "line %d\n", i);
    fclose(file);
    result->trials[0].output = output;
    char *text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "    | line 81\n");
    expect_in(text, "    | line 100\n");
    expect_not_in(text, "    | line 80\n");
    free(text);
    free(output);
    pf_result_free(result);
}

/* A line that does it again only sometimes says so; one that always does promises no more than it has shown.
 */
Test(text, a_failure_that_does_not_come_each_time_is_flaky)
{
    struct pf_result *result = sample_sweep();
    struct pf_failure *failure = &result->sweep->failures[0];
    failure->replays = failure->replayed = 10;
    char *text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "replayed 10 of 10");
    expect_not_in(text, "flaky");
    free(text);
    failure->replayed = 7;
    text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "replayed 7 of 10: flaky");
    free(text);
    failure->replayed = 10;
    failure->chance = true;
    text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "replayed 10 of 10, at a call that chance decides on");
    expect_not_in(text, "flaky");
    free(text);
    failure->replays = failure->replayed = 0;
    text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "not tried again");
    expect_not_in(text, "flaky");
    free(text);
    pf_result_free(result);
}

/* A tree of many is not a story of many pages. */
Test(text, tells_those_who_wait_alike_once)
{
    enum { WORKERS = 100 };
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_trial_result *trial = &result->trials[0];
    struct pf_node nodes[WORKERS + 2] = {
        {"0", "0 (pool)", "waits for process 0.1 to end", "main at pool.c:9"}};
    struct pf_edge edges[2 * WORKERS + 1] = {{0}};
    struct pf_finding findings[WORKERS] = {{0}};
    size_t edge_count = 0;
    for (size_t i = 1; i <= WORKERS; i++) {
        char *id = pf_arena_printf(result->arena, "0.%zu", i);
        char *label = pf_arena_printf(result->arena, "%s (worker)", id);
        nodes[i] = (struct pf_node){id, label, "waits for a task", "work at pool.c:5"};
        edges[edge_count++] = (struct pf_edge){
            .from = "0", .to = id, .resource = "end of a process", .why = "it has not ended"};
        edges[edge_count++] =
            (struct pf_edge){.from = id,
                             .to = "0",
                             .resource = "pipe (fd 3)",
                             .why = pf_arena_printf(result->arena, "%s has no task, %s says", id, label)};
        findings[i - 1] =
            (struct pf_finding){.kind = PF_FINDING_ORPHAN,
                                .process = id,
                                .message = pf_arena_printf(result->arena, "%s (worker) lives on", id)};
    }
    nodes[WORKERS + 1] = (struct pf_node){"0.1.1", "0.1.1 (other)", "waits for a task", "work at pool.c:5"};
    edges[edge_count++] = (struct pf_edge){.from = "0.1.1",
                                           .to = "0.1",
                                           .resource = "parent",
                                           .why = "0.1 (worker) cannot end: it waits for a task"};
    trial->diagnosis->nodes = nodes;
    trial->diagnosis->node_count = WORKERS + 2;
    trial->diagnosis->edges = edges;
    trial->diagnosis->edge_count = edge_count;
    trial->findings = findings;
    trial->finding_count = WORKERS;
    char *text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "    0 (pool): waits for process 0.1 to end, in main at pool.c:9\n"
                    "      -> 0.1 (worker), 0.2 (worker), 0.3 (worker) and 97 more, end of a process:\n"
                    "         it has not ended\n"
                    "    0.1 (worker): waits for a task, in work at pool.c:5\n"
                    "      -> 0 (pool), pipe (fd 3): 0.1 has no task, 0.1 (worker) says\n"
                    "    0.2 (worker), 0.3 (worker), 0.4 (worker) and 96 more: likewise\n"
                    "    0.1.1 (other): waits for a task, in work at pool.c:5\n"
                    "      -> 0.1 (worker) cannot end\n");
    expect_in(text, "    orphan in 0.1: 0.1 (worker) lives on\n"
                    "    orphan in 0.2, 0.3, 0.4 and 96 more: likewise\n");
    free(text);
    pf_result_free(result);
}

/* What a line says of its own process is not said in the line before it, whichever way it was joined on. */
Test(text, says_of_each_process_once_what_it_does)
{
    static const char *const whys[] = {
        "0.1 cannot end: it waits for data", "only 0.1 could, but it waits for data",
        "all are stuck: 0.1 (b) waits for data", "0.1 holds the other end, and waits for data"};
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_diagnosis *diagnosis = result->trials[0].diagnosis;
    struct pf_node nodes[] = {{"0", "0 (a)", "waits", "main at a.c:1"},
                              {"0.1", "0.1 (b)", "waits for data", "main at b.c:1"}};
    struct pf_edge edge = {.from = "0", .to = "0.1"};
    diagnosis->nodes = nodes;
    diagnosis->node_count = 2;
    diagnosis->edges = &edge;
    diagnosis->edge_count = 1;
    for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
        edge.why = whys[i];
        char *text = sample_write("text", result, &plain_options, NULL);
        const char *said = strstr(text, "waits for data");
        cr_assert_not_null(said, "%s", text);
        cr_expect_null(strstr(said + 1, "waits for data"), "%s", text);
        free(text);
    }
    pf_result_free(result);
}

/* Fix and replay are on the first screen, whoever else waits; nobody is left out for that. */
Test(text, many_who_wait_outside_the_circle_come_behind_the_replay_line)
{
    enum { WAITERS = 12 };
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_diagnosis *diagnosis = result->trials[0].diagnosis;
    const char *circle[] = {"0", "0.11"};
    struct pf_node nodes[WAITERS];
    struct pf_edge edges[WAITERS];
    for (size_t i = 0; i < WAITERS; i++) {
        const char *id = i ? pf_arena_printf(result->arena, "0.%zu", i) : "0";
        nodes[i] = (struct pf_node){
            id, id, pf_arena_printf(result->arena, "waits in its own way, which is the way %zu.", i), NULL};
        edges[i] = (struct pf_edge){.from = id, .to = i == 0 ? "0.11" : "0", .why = "it waits"};
    }
    diagnosis->nodes = nodes;
    diagnosis->edges = edges;
    diagnosis->cycle = circle;
    diagnosis->node_count = diagnosis->edge_count = WAITERS;
    diagnosis->cycle_count = 2;
    char *text = sample_write("text", result, &plain_options, NULL);
    const char *replay = strstr(text, "Replay:"), *others = strstr(text, "  The others:\n");
    cr_assert(replay && others && replay < others, "%s", text);
    size_t rows = 0;
    for (const char *line = text; line <= replay; line = strchr(line, '\n') + 1)
        rows++;
    cr_expect_leq(rows, 23, "%s", text);
    for (size_t i = 0; i < WAITERS; i++) {
        const char *way = strstr(text, nodes[i].state);
        bool first = i < 5 || i == 11;
        cr_assert_not_null(way, "%s", text);
        cr_expect_eq(way < replay, first, "%s: %s", nodes[i].id, text);
        cr_expect_eq(way > others, !first, "%s: %s", nodes[i].id, text);
        cr_expect_null(strstr(way + 1, nodes[i].state), "twice: %s", text);
    }
    free(text);
    pf_result_free(result);
}

/* Who waits for the end of another has said so; and a file that was named is known by its name. */
Test(text, says_neither_a_path_nor_that_one_cannot_end_twice)
{
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_diagnosis *diagnosis = result->trials[0].diagnosis;
    struct pf_node nodes[] = {{"0", "0 (a)", "waits for process 0.1 (b) to end",
                               "main at /home/me/app/src/a.py:1 (in Process.join)"},
                              {"0.1", "0.1 (b)", "waits for data", "work at /home/me/app/src/a.py:7"},
                              {"0.2", "0.2 (b)", "waits for news", "work at /usr/lib/a.py:8"}};
    struct pf_edge edges[] = {
        {.from = "0",
         .to = "0.1",
         .resource = "end of a process",
         .why = "0.1 (b) cannot end: it waits for data"},
        {.from = "0.1", .to = "0.2", .resource = "parent", .why = "0.2 (b) cannot end: it waits for news"}};
    diagnosis->nodes = nodes;
    diagnosis->node_count = 3;
    diagnosis->edges = edges;
    diagnosis->edge_count = 2;
    struct pf_report_options options = plain_options;
    options.directory = "/home/me/app";
    char *text = sample_write("text", result, &options, NULL);
    expect_in(text, "    0 (a): waits for process 0.1 (b) to end, in main at src/a.py:1 (in\n"
                    "      Process.join)\n"
                    "    0.1 (b): waits for data, in work at a.py:7\n"
                    "      -> 0.2 (b) cannot end\n"
                    "    0.2 (b): waits for news, in work at /usr/lib/a.py:8\n");
    free(text);
    pf_result_free(result);
}

/* Each waits for the next: what is told is how, and how many. */
Test(text, tells_a_long_ring_as_a_pattern)
{
    enum { RING = 9 };
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_node nodes[RING];
    struct pf_edge edges[RING];
    for (size_t i = 0; i < RING; i++) {
        char *id = pf_arena_printf(result->arena, "0.%zu", i + 1);
        char *next = pf_arena_printf(result->arena, "0.%zu", (i + 1) % RING + 1);
        nodes[i] = (struct pf_node){id, id, "waits for a fork", "eat at table.c:5"};
        edges[i] = (struct pf_edge){.from = id,
                                    .to = next,
                                    .resource = "mutex",
                                    .why = pf_arena_printf(result->arena, "%s has it", next)};
    }
    result->trials[0].diagnosis->nodes = nodes;
    result->trials[0].diagnosis->edges = edges;
    result->trials[0].diagnosis->node_count = result->trials[0].diagnosis->edge_count = RING;
    char *text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "    0.1: waits for a fork, in eat at table.c:5\n"
                    "      -> 0.2 has it\n"
                    "    0.2, 0.3, 0.4 and 5 more: likewise, each with another\n");
    free(text);
    pf_result_free(result);
}

/* Of a verdict that a diagnosis explains, its own words stand among the findings. */
Test(text, why_is_what_the_diagnosis_tells_and_the_pitfall_has_its_name)
{
    struct pf_result *result = sample_run(SAMPLE_DEADLOCK);
    struct pf_trial_result *trial = &result->trials[0];
    trial->reason = trial->findings[0].message;
    char *text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "  Command: /opt/app/feeder 4\n  Why: The parent waits for its child to end");
    expect_in(text, "  Pitfall: join-before-drain (pitfall show join-before-drain)\n  Replay: ");
    expect_in(text, "  Findings:\n    deadlock");
    free(text);
    trial->reason = "something else was expected";
    text = sample_write("text", result, &plain_options, NULL);
    expect_in(text, "  Why: something else was expected\n  The parent waits");
    free(text);
    pf_result_free(result);
}
