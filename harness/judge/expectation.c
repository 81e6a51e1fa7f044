#include "judge/expectation.h"

#include <string.h>

#include "judge/phrases.h"

static void decide(struct pf_case *c, enum pf_verdict verdict, const char *reason)
{
    c->trial->verdict = verdict;
    c->trial->reason = pf_arena_strdup(c->arena, reason);
}

static const char *kind_name(enum pf_finding_kind kind)
{
    return pf_names_get(&pf_finding_kind_names, (int)kind);
}

/* Is the word one of the comma-separated list? */
static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at;) {
        at += strspn(at, ", ");
        size_t item = strcspn(at, ", ");
        if (item == length && strncmp(at, word, length) == 0)
            return true;
        at += item;
    }
    return false;
}

/* The first kind of the list that was not found, or NULL. */
static const char *missing(struct pf_case *c, const char *list)
{
    for (const char *at = list; *at;) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        const char *word = pf_arena_strndup(c->scratch, at, length);
        int kind = pf_names_find(&pf_finding_kind_names, word);
        if (length && (kind < 0 || !pf_case_found(c, (enum pf_finding_kind)kind)))
            return word;
        at += length;
    }
    return NULL;
}

static const struct pf_finding *first_failure(const struct pf_case *c, const char *allowed)
{
    for (size_t i = 0; i < c->trial->finding_count; i++) {
        const struct pf_finding *finding = &c->trial->findings[i];
        if (finding->severity == PF_SEVERITY_FAIL && !(allowed && listed(allowed, kind_name(finding->kind))))
            return finding;
    }
    return NULL;
}

static const char *what_was_found(struct pf_case *c)
{
    const struct pf_finding *failure = first_failure(c, NULL);
    return failure ? pf_arena_printf(c->scratch, "found %s: %s", kind_name(failure->kind), failure->message)
                   : "nothing was found";
}

/* Could somebody outside come to a thing that the tree waits for, but by its name only? */
static bool is_open_by_name(const struct pf_graph *graph)
{
    for (size_t i = 0; graph && i < graph->snapshot->object_count; i++)
        if (graph->snapshot->objects[i].external && graph->snapshot->objects[i].by_name)
            return true;
    return false;
}

/* All is as expected, but for the proof: that takes namespaces, in which names are the tree's own. */
static bool lacks_namespaces(struct pf_case *c, const struct pf_expect *expect)
{
    const char *level = c->begin->environment.containment;
    const struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    const char *allowed = pf_arena_printf(c->scratch, "%s,hang", expect->finding);
    return level && strcmp(level, "subreaper") == 0 && listed(expect->finding, "deadlock") &&
           pf_case_found(c, PF_FINDING_HANG) && !first_failure(c, allowed) && is_open_by_name(c->graph) &&
           expect->diagnosis && diagnosis && diagnosis->pitfall &&
           strcmp(diagnosis->pitfall, expect->diagnosis) == 0;
}

/* A trial that is meant to show a finding. */
static void judge_demonstration(struct pf_case *c, const struct pf_expect *expect)
{
    const char *named = c->trial->diagnosis ? c->trial->diagnosis->pitfall : NULL;
    const char *absent = missing(c, expect->finding);
    const struct pf_finding *other = first_failure(c, expect->finding);
    if (absent && lacks_namespaces(c, expect))
        decide(c, PF_SKIP,
               "the diagnosis is as expected, but a proof takes namespaces: without them somebody else might "
               "come to what is waited for by its name");
    else if (absent)
        decide(c, PF_FAIL,
               pf_arena_printf(c->scratch, "expected the finding %s, but %s", absent, what_was_found(c)));
    else if (other)
        decide(c, PF_FAIL,
               pf_arena_printf(c->scratch, "beside what was expected, found %s: %s", kind_name(other->kind),
                               other->message));
    else if (expect->diagnosis && (!named || strcmp(named, expect->diagnosis) != 0))
        decide(c, PF_FAIL,
               pf_arena_printf(c->scratch, "expected the diagnosis %s, but it was %s", expect->diagnosis,
                               named ? named : "none of the catalogue's"));
    else
        decide(c, PF_PASS, NULL);
}

void pf_expectation_judge(struct pf_case *c)
{
    const struct pf_event *end = c->history->end;
    const struct pf_finding *unfired = pf_case_found(c, PF_FINDING_UNFIRED);
    const struct pf_finding *failure = first_failure(c, NULL);
    if (end && end->end.error)
        decide(c, PF_ERROR,
               pf_arena_printf(c->scratch, "the trial could not be carried out: %s", end->end.error));
    else if (unfired)
        decide(c, PF_ERROR, pf_arena_printf(c->scratch, "not tested: %s", unfired->message));
    else if (!c->history->verdict)
        decide(c, PF_ERROR, "the trace does not say why the trial ended");
    else if (pf_case_verdict(c) == PF_VERDICT_INTERRUPTED)
        decide(c, PF_ERROR, "the trial was interrupted before it was over");
    else if (c->begin->expect.finding)
        judge_demonstration(c, &c->begin->expect);
    else if (failure)
        decide(c, PF_FAIL, failure->message);
    else
        decide(c, PF_PASS, NULL);
}
