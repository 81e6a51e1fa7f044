/* exit: the root ended by itself, but not with the status that was expected of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

static bool as_expected(const struct pf_case *c, const struct pf_ev_exit *end)
{
    const char *expected = c->begin->expect.exit ? c->begin->expect.exit : "0";
    char status[24];
    snprintf(status, sizeof(status), "%" PRIu64, pf_case_status(end));
    return strcmp(expected, "any") == 0 || strcmp(expected, status) == 0;
}

/* One cause, one finding: a crash or an unmeant signal has been reported already. */
static bool reported(const struct pf_case *c, const char *process)
{
    for (size_t i = 0; i < c->trial->finding_count; i++) {
        const struct pf_finding *finding = &c->trial->findings[i];
        if ((finding->kind == PF_FINDING_CRASH || finding->kind == PF_FINDING_KILLED) && finding->process &&
            strcmp(finding->process, process) == 0)
            return true;
    }
    return false;
}

void pf_oracle_exit(struct pf_case *c)
{
    const struct pf_life *root = pf_case_root(c);
    /* Whoever interrupts a run knows why it ended. */
    if (pf_case_verdict(c) == PF_VERDICT_INTERRUPTED)
        return;
    if (!root || !root->exit || as_expected(c, &root->exit->exit) || reported(c, root->process))
        return;
    const struct pf_event *event = NULL;
    if (root->exit->exit.signaled && pf_history_cause(c->history, root, &event) == PF_CAUSE_INJECTED)
        return;
    const char *message =
        pf_arena_printf(c->scratch, "the program %s; status %s was expected", pf_phrase_end(c, root),
                        c->begin->expect.exit ? c->begin->expect.exit : "0");
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_EXIT, PF_SEVERITY_FAIL, root->process, message);
    pf_case_cite(c, finding, event ? event->seq : 0);
    pf_case_cite(c, finding, root->exit->seq);
}
