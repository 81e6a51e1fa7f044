/*
 * Golden traces: for every oracle and every rule a history that it must recognise, and one that looks much
 * like it and is none. traces/make.py writes them; golden_table.h says what the judge must make of each.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_table.h"
#include "judge/judge.h"
#include "judge/oracles/oracle.h"
#include "judge/rules/rule.h"

struct judged {
    struct pf_result *result;
    const struct pf_trial_result *trial;
    uint64_t events;
};

static struct judged judge_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/traces/%s.jsonl", TEST_DATA, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    int r = pf_trace_read(file, name, &trace, &error);
    fclose(file);
    cr_assert_eq(r, 0, "%s", error.message);
    struct judged judged = {.result = pf_result_new(), .events = trace->count};
    pf_judge_trace(trace, judged.result);
    pf_trace_free(trace); /* the result must not need it any more */
    pf_result_finish(judged.result);
    judged.trial = &judged.result->trials[0];
    return judged;
}

static void list_findings(const struct pf_trial_result *trial, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? " " : "",
                                 pf_names_get(&pf_finding_kind_names, (int)finding->kind),
                                 finding->process ? "@" : "", finding->process ? finding->process : "");
    }
}

static bool says(const struct pf_trial_result *trial, const char *words)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    if (!words || (trial->reason && strstr(trial->reason, words)))
        return true;
    for (size_t i = 0; i < trial->finding_count; i++)
        if (strstr(trial->findings[i].message, words))
            return true;
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++)
        if (strstr(diagnosis->edges[i].why, words))
            return true;
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++)
        if (strstr(diagnosis->nodes[i].state, words) ||
            (diagnosis->nodes[i].where && strstr(diagnosis->nodes[i].where, words)))
            return true;
    return diagnosis &&
           (strstr(diagnosis->summary, words) || (diagnosis->fix && strstr(diagnosis->fix, words)));
}

Test(golden, every_trace_is_judged_as_written, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        const struct golden *golden = &table[i];
        struct judged judged = judge_file(golden->trace);
        const struct pf_diagnosis *diagnosis = judged.trial->diagnosis;
        const char *pitfall = diagnosis ? diagnosis->pitfall : "-";
        char findings[256];
        list_findings(judged.trial, findings, sizeof(findings));
        cr_expect_str_eq(findings, golden->findings, "%s: findings are \"%s\"", golden->trace, findings);
        cr_expect_eq(judged.trial->verdict, golden->verdict, "%s: verdict is %s", golden->trace,
                     pf_names_get(&pf_verdict_names, (int)judged.trial->verdict));
        cr_expect(golden->pitfall == pitfall ||
                      (golden->pitfall && pitfall && strcmp(golden->pitfall, pitfall) == 0),
                  "%s: the pitfall is %s", golden->trace, pitfall ? pitfall : "none");
        cr_expect(says(judged.trial, golden->says), "%s does not say \"%s\"", golden->trace, golden->says);
        cr_expect((judged.trial->verdict == PF_PASS) == !judged.trial->reason, "%s: reason", golden->trace);
        pf_result_free(judged.result);
    }
}

static bool has_node(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (strcmp(diagnosis->nodes[i].id, id) == 0)
            return true;
    return false;
}

static void check_evidence(const char *trace, const uint64_t *evidence, size_t count, uint64_t events)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(evidence[i] >= 1 && evidence[i] <= events, "%s cites event %llu", trace,
                  (unsigned long long)evidence[i]);
}

static void check_diagnosis(const char *trace, const struct pf_diagnosis *diagnosis, uint64_t events)
{
    /* Where nobody is stuck there is nothing to mend. */
    cr_expect(diagnosis->summary && (diagnosis->fix || diagnosis->certainty == PF_UNKNOWN), "%s", trace);
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        cr_expect(has_node(diagnosis, edge->from) && has_node(diagnosis, edge->to), "%s: %s -> %s", trace,
                  edge->from, edge->to);
        cr_expect(edge->resource && edge->why && edge->evidence_count, "%s: %s -> %s", trace, edge->from,
                  edge->to);
        check_evidence(trace, edge->evidence, edge->evidence_count, events);
    }
    for (size_t i = 0; i < diagnosis->cycle_count; i++)
        cr_expect(has_node(diagnosis, diagnosis->cycle[i]), "%s: cycle", trace);
}

Test(golden, whatever_is_said_cites_events_and_draws_whole_edges, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        struct judged judged = judge_file(table[i].trace);
        for (size_t k = 0; k < judged.trial->finding_count; k++) {
            const struct pf_finding *finding = &judged.trial->findings[k];
            bool absence =
                finding->kind == PF_FINDING_UNFIRED; /* nothing happened: there is nothing to cite */
            cr_expect(absence || finding->evidence_count, "%s: %s", table[i].trace, finding->message);
            check_evidence(table[i].trace, finding->evidence, finding->evidence_count, judged.events);
        }
        if (judged.trial->diagnosis)
            check_diagnosis(table[i].trace, judged.trial->diagnosis, judged.events);
        pf_result_free(judged.result);
    }
}

static void sketch_evidence(FILE *out, const uint64_t *evidence, size_t count)
{
    fputs(" [", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%llu", i ? " " : "", (unsigned long long)evidence[i]);
    fputs("]\n", out);
}

/* All that the judge says about a trace, for people who review a change of words. */
static void sketch(FILE *out, const char *name, const struct pf_trial_result *trial)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    fprintf(out, "%s: %s\n", name, pf_names_get(&pf_verdict_names, (int)trial->verdict));
    if (trial->reason)
        fprintf(out, "  reason   %s\n", trial->reason);
    for (size_t i = 0; i < trial->finding_count; i++) {
        fprintf(out, "  finding  %s", trial->findings[i].message);
        sketch_evidence(out, trial->findings[i].evidence, trial->findings[i].evidence_count);
    }
    if (diagnosis)
        fprintf(out, "  summary  %s\n", diagnosis->summary);
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++) {
        const struct pf_node *node = &diagnosis->nodes[i];
        fprintf(out, "  node     %s, %s: %s%s%s\n", node->id, node->label, node->state,
                node->where ? ", in " : "", node->where ? node->where : "");
    }
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        fprintf(out, "  edge     %s -> %s, %s: %s", edge->from, edge->to, edge->resource, edge->why);
        sketch_evidence(out, edge->evidence, edge->evidence_count);
    }
    for (size_t i = 0; diagnosis && i < diagnosis->cycle_count; i++)
        fprintf(out, "%s%s%s", i ? " -> " : "  circle   ", diagnosis->cycle[i],
                i + 1 == diagnosis->cycle_count ? "\n" : "");
}

static char *read_whole(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r"), *copy = open_memstream(&text, &size);
    for (int c; file && (c = fgetc(file)) != EOF;)
        fputc(c, copy);
    if (file)
        fclose(file);
    fclose(copy);
    return text;
}

/*
 * Every word, edge and citation, as it was last reviewed. After a change that is meant, run this test with
 * PITFALL_WRITE_SKETCHES=1 and read the difference.
 */
Test(golden, every_word_is_as_it_was_reviewed, .timeout = 60)
{
    static const char path[] = TEST_DATA "/traces/sketches.txt";
    bool write = getenv("PITFALL_WRITE_SKETCHES") != NULL;
    char *reviewed = read_whole(path);
    FILE *out = write ? fopen(path, "w") : NULL;
    for (size_t i = 0; i < TABLE; i++) {
        struct judged judged = judge_file(table[i].trace);
        char *text = NULL;
        size_t size = 0;
        FILE *memory = open_memstream(&text, &size);
        sketch(memory, table[i].trace, judged.trial);
        fclose(memory);
        if (out)
            fputs(text, out);
        else
            cr_expect(strstr(reviewed, text), "not as reviewed:\n%s", text);
        free(text);
        pf_result_free(judged.result);
    }
    if (out)
        fclose(out);
    free(reviewed);
}

static char *as_text(const struct pf_result *result)
{
    json_t *json = pf_result_to_json(result);
    char *text = json_dumps(json, JSON_INDENT(1));
    json_decref(json);
    return text;
}

Test(golden, results_are_the_same_bytes_every_time_and_through_json, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        struct judged once = judge_file(table[i].trace), twice = judge_file(table[i].trace);
        char *first = as_text(once.result), *second = as_text(twice.result);
        cr_expect_str_eq(first, second, "%s", table[i].trace);
        json_t *json = json_loads(first, 0, NULL);
        struct pf_result *read = NULL;
        struct pf_error error = {""};
        cr_assert_eq(pf_result_from_json(json, &read, &error), 0, "%s: %s", table[i].trace, error.message);
        char *third = as_text(read);
        cr_expect_str_eq(first, third, "%s", table[i].trace);
        free(first);
        free(second);
        free(third);
        json_decref(json);
        pf_result_free(read);
        pf_result_free(once.result);
        pf_result_free(twice.result);
    }
}

/* Two hangs of one shape are one failure of a sweep: it must not tell of addresses, or of how many wait. */
Test(golden, the_shape_names_the_waits_that_were_left, .timeout = 60)
{
    static const struct {
        const char *trace, *shape;
    } shapes[] = {
        {"deadlock-closed-stdin", "read:pipe+child"},
        {"rule-lock-mutex", "child+futex:futex"},
        {"rule-join-feeder-thread", "write:pipe+child+futex:futex"},
        {"near-deadlock-beside-the-living", "read:pipe"},
        {"crash", NULL},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct judged judged = judge_file(shapes[i].trace);
        const char *shape = judged.trial->shape ? judged.trial->shape : "nothing";
        const char *wanted = shapes[i].shape ? shapes[i].shape : "nothing";
        cr_expect_str_eq(shape, wanted, "%s: %s", shapes[i].trace, shape);
        pf_result_free(judged.result);
    }
}

static bool in_table(const char *file)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strncmp(file, table[i].trace, strlen(table[i].trace)) == 0 &&
            strcmp(file + strlen(table[i].trace), ".jsonl") == 0)
            return true;
    return false;
}

Test(golden, every_trace_of_the_folder_is_in_the_table, .timeout = 60)
{
    DIR *folder = opendir(TEST_DATA "/traces");
    cr_assert_not_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strstr(entry->d_name, ".jsonl"))
            cr_expect(in_table(entry->d_name), "%s is not in the table", entry->d_name);
    closedir(folder);
}

/* A new oracle or rule comes with its traces. */
Test(golden, every_rule_and_every_kind_of_finding_has_a_trace, .timeout = 60)
{
    for (const struct pf_rule *rule = pf_rules; rule->pitfall; rule++) {
        bool hit = false;
        for (size_t i = 0; i < TABLE; i++)
            hit |= table[i].pitfall && strcmp(table[i].pitfall, rule->pitfall) == 0;
        cr_expect(hit, "no trace for the rule %s", rule->pitfall);
    }
    for (const struct pf_oracle *oracle = pf_oracles; oracle->name; oracle++) {
        const char *kind = strcmp(oracle->name, "ledger") == 0       ? "lost"
                           : strcmp(oracle->name, "output") == 0     ? "wrong-output"
                           : strcmp(oracle->name, "state") == 0      ? "wrong-output"
                           : strcmp(oracle->name, "replies") == 0    ? "wrong-output"
                           : strcmp(oracle->name, "comparison") == 0 ? "torn"
                           : strcmp(oracle->name, "leftovers") == 0  ? "ipc-leak"
                                                                     : oracle->name;
        bool hit = false;
        for (size_t i = 0; i < TABLE; i++)
            hit |= strstr(table[i].findings, kind) != NULL;
        cr_expect(hit, "no trace for the oracle %s", oracle->name);
    }
}
