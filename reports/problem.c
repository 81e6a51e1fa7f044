#include "reports/problem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "reports/plain.h"
#include "reports/view.h"

struct list {
    struct pf_arena *arena;
    const char *directory;
    struct pf_problem *items;
    size_t count;
};

static const struct {
    const char *rule, *meaning;
} rules[] = {
    {"deadlock", "Processes or threads wait for each other, or for the dead, and nothing can ever wake them"},
    {"hang", "The program had not ended when its time was up"},
    {"busy-loop", "The program turned in a circle without getting anywhere until its time was up"},
    {"orphan", "Processes outlive the program that started them"},
    {"zombie", "A process that has ended is not waited for by its parent"},
    {"crash", "A process died of its own mistake"},
    {"killed", "A process died of a signal that nobody in the program had sent"},
    {"exit", "The program ended with another status than expected"},
    {"limit", "A resource limit was met"},
    {"lost", "Data or messages are lost"},
    {"torn", "Data is incomplete or mixed up"},
    {"duplicate", "Data or messages are there twice"},
    {"wrong-output", "The output is not the expected one"},
    {"fd-leak", "Descriptors are left open"},
    {"ipc-leak", "Files or IPC objects are left behind"},
    {"process-explosion", "The program makes ever more processes"},
    {"cost", "The program costs more than it should"},
    {"unfired", "A fault was armed and never struck, so nothing was tested"},
    {"unexpected", "What was expected to happen did not happen"},
    {"untested", "The harness could not test it"},
    {"skipped", "It was not tested here"},
    {"incomplete", "Trials of the plan are missing"},
};

const char *pf_problem_rule(const char *rule)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (strcmp(rules[i].rule, rule) == 0)
            return rules[i].meaning;
    return rule;
}

/* Whether the node is the process, or one of its threads. */
static bool is_of(const struct pf_node *node, const char *process)
{
    size_t length = process ? strlen(process) : 0;
    return process && node->id && strncmp(node->id, process, length) == 0 &&
           (node->id[length] == '\0' || node->id[length] == '/');
}

/* Where the process of the finding waits; else where anybody does; else where the fault struck. */
static struct pf_place place_of(const struct list *list, const struct pf_trial_result *trial,
                                const char *process)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    for (int anybody = !process; anybody <= 1; anybody++)
        for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++) {
            struct pf_place place = pf_place_of(list->arena, diagnosis->nodes[i].where, list->directory);
            if (place.file && (anybody || is_of(&diagnosis->nodes[i], process)))
                return place;
        }
    for (size_t i = 0; i < trial->stack_count; i++) {
        struct pf_place place = pf_place_of(list->arena, trial->stack[i], list->directory);
        if (place.file)
            return place;
    }
    return (struct pf_place){0};
}

static const char *append(struct pf_arena *arena, const char *text, const char *label, const char *more)
{
    if (!more)
        return text;
    more = pf_plain_text(arena, more);
    return text ? pf_arena_printf(arena, "%s\n%s%s", text, label, more)
                : pf_arena_printf(arena, "%s%s", label, more);
}

static const char *detail_of(struct pf_arena *arena, const struct pf_told *told, bool explain)
{
    const struct pf_trial_result *trial = told->trial;
    const char *text = NULL;
    if (explain && trial->diagnosis) {
        text = append(arena, text, "", trial->diagnosis->summary);
        text = append(arena, text, "Fix: ", trial->diagnosis->fix);
    }
    if (told->failure)
        return append(arena, text, "Replay: ", told->failure->replay);
    return append(arena, text, "Replay: ", trial->replay);
}

/* Does the diagnosis explain findings of this kind? */
static bool is_waiting(enum pf_finding_kind kind)
{
    return kind == PF_FINDING_DEADLOCK || kind == PF_FINDING_HANG || kind == PF_FINDING_BUSY_LOOP;
}

static struct pf_problem *add(struct list *list, const struct pf_told *told, enum pf_problem_level level,
                              const char *rule, const char *message)
{
    struct pf_problem *problem = pf_arena_grow(list->arena, &list->items, &list->count, sizeof(*problem));
    *problem = (struct pf_problem){
        .told = told,
        .level = level,
        .rule = rule,
        .name = told ? told->name : "plan",
        .message = pf_plain_line(list->arena, message && *message ? message : pf_problem_rule(rule)),
    };
    return problem;
}

static void add_finding(struct list *list, const struct pf_told *told, const struct pf_finding *finding)
{
    struct pf_problem *problem =
        add(list, told, finding->severity == PF_SEVERITY_WARN ? PF_PROBLEM_WARNING : PF_PROBLEM_FAILURE,
            pf_names_get(&pf_finding_kind_names, (int)finding->kind), finding->message);
    if (finding->kind == PF_FINDING_UNFIRED)
        problem->level = PF_PROBLEM_ERROR;
    problem->finding = finding;
    problem->detail = detail_of(list->arena, told, is_waiting(finding->kind));
    problem->place = place_of(list, told->trial, finding->process);
}

/* Why the verdict is what it is, where no finding says it. */
static void add_reason(struct list *list, const struct pf_told *told)
{
    const struct pf_trial_result *trial = told->trial;
    enum pf_problem_level level = trial->verdict == PF_FAIL    ? PF_PROBLEM_FAILURE
                                  : trial->verdict == PF_ERROR ? PF_PROBLEM_ERROR
                                                               : PF_PROBLEM_NOTE;
    const char *rule = trial->verdict == PF_FAIL    ? "unexpected"
                       : trial->verdict == PF_ERROR ? "untested"
                                                    : "skipped";
    add(list, told, level, rule, trial->reason)->detail = detail_of(list->arena, told, false);
}

/* The first finding that makes a trial fail, or NULL. */
static const struct pf_finding *fault_of(const struct pf_trial_result *trial)
{
    for (size_t i = 0; i < trial->finding_count; i++)
        if (trial->findings[i].severity == PF_SEVERITY_FAIL)
            return &trial->findings[i];
    return NULL;
}

/* A failure of a sweep is one problem, whatever its trials have found. */
static void add_failure(struct list *list, const struct pf_told *told)
{
    const struct pf_finding *fault = fault_of(told->trial);
    struct pf_problem *problem =
        add(list, told, PF_PROBLEM_FAILURE,
            fault ? pf_names_get(&pf_finding_kind_names, (int)fault->kind) : "unexpected",
            told->failure->summary);
    problem->finding = fault;
    problem->detail = detail_of(list->arena, told, true);
    problem->place = place_of(list, told->trial, fault ? fault->process : NULL);
}

/* A program of the catalogue that fell in as expected has no problem. */
static void add_told(struct list *list, const struct pf_told *told)
{
    const struct pf_trial_result *trial = told->trial;
    if (told->failure) {
        add_failure(list, told);
        return;
    }
    bool as_expected = trial->verdict == PF_PASS && trial->scenario;
    bool expected_more = trial->verdict == PF_FAIL && trial->expect.finding;
    if (trial->verdict != PF_PASS && (!fault_of(trial) || expected_more))
        add_reason(list, told);
    for (size_t i = 0; i < trial->finding_count && !as_expected; i++)
        add_finding(list, told, &trial->findings[i]);
}

static int worst_first(const void *a, const void *b)
{
    const struct pf_problem *x = *(const struct pf_problem *const *)a,
                            *y = *(const struct pf_problem *const *)b;
    if ((x->level > PF_PROBLEM_ERROR) != (y->level > PF_PROBLEM_ERROR))
        return x->level > PF_PROBLEM_ERROR ? 1 : -1;
    return (x > y) - (x < y);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return text ? XXH3_64bits_withSeed(text, strlen(text) + 1, seed) : seed;
}

/* Without the message: it may hold what is of one run only, as counts and addresses. */
static uint64_t hash_problem(const struct pf_problem *problem)
{
    const struct pf_failure *failure = problem->told ? problem->told->failure : NULL;
    uint64_t hash = hash_text(problem->rule, 0);
    hash = hash_text(problem->finding ? problem->finding->process : NULL, hash);
    return hash_text(failure ? failure->signature : problem->name, hash);
}

/* Of several alike the first keeps its fingerprint when more come. */
static void sign(struct pf_arena *arena, struct pf_problem *problems, size_t count)
{
    uint64_t *hashes = pf_arena_alloc(arena, (count + 1) * sizeof(*hashes));
    for (size_t i = 0; i < count; i++) {
        uint64_t before = 0;
        hashes[i] = hash_problem(&problems[i]);
        for (size_t k = 0; k < i; k++)
            before += hashes[k] == hashes[i];
        uint64_t unique = before ? XXH3_64bits_withSeed(&before, sizeof(before), hashes[i]) : hashes[i];
        problems[i].fingerprint = pf_arena_printf(arena, "%016" PRIx64, unique);
    }
}

struct pf_problem *pf_problem_list(struct pf_arena *arena, const struct pf_result *result,
                                   const char *directory, size_t *ret_count)
{
    struct list list = {.arena = arena, .directory = directory};
    size_t count;
    const struct pf_told *told = pf_told_select(arena, result, &count);
    if (pf_view_is_short(result))
        add(&list, NULL, PF_PROBLEM_ERROR, "incomplete", pf_view_lack(arena, result));
    for (size_t i = 0; i < count; i++)
        add_told(&list, &told[i]);
    const struct pf_problem **order = pf_arena_alloc(arena, (list.count + 1) * sizeof(*order));
    for (size_t i = 0; i < list.count; i++)
        order[i] = &list.items[i];
    qsort(order, list.count, sizeof(*order), worst_first);
    struct pf_problem *problems = pf_arena_alloc(arena, (list.count + 1) * sizeof(*problems));
    for (size_t i = 0; i < list.count; i++)
        problems[i] = *order[i];
    sign(arena, problems, list.count);
    *ret_count = list.count;
    return problems;
}
