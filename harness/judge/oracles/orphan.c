/* orphan: the program has ended, and processes that it left behind live on. */
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

static bool survives(const struct pf_ev_verdict *verdict, const char *process)
{
    for (size_t i = 0; process && i < verdict->survivor_count; i++)
        if (strcmp(verdict->survivors[i], process) == 0)
            return true;
    return false;
}

static const char *doing(struct pf_case *c, const char *process)
{
    const struct pf_thread_state *thread = c->graph ? pf_snapshot_thread(c->graph->snapshot, process) : NULL;
    return thread ? pf_arena_printf(c->scratch, "; it %s", pf_phrase_wait(c, thread)) : "";
}

static size_t survivors_below(const struct pf_ev_verdict *verdict, const char *top)
{
    size_t below = 0;
    for (size_t i = 0; i < verdict->survivor_count; i++)
        below += pf_address_descends(verdict->survivors[i], top);
    return below - 1;
}

static void report(struct pf_case *c, const char *process)
{
    const struct pf_event *verdict = c->history->verdict;
    const struct pf_life *root = pf_case_root(c), *life = pf_history_life(c->history, process);
    size_t below = survivors_below(&verdict->verdict, process);
    const char *others = below ? pf_arena_printf(c->scratch, " with %s of its own",
                                                 pf_phrase_count(c->scratch, below, "descendant"))
                               : "";
    const char *message = pf_arena_printf(
        c->scratch, "%s was still alive%s %s after the program had ended (%s %s)%s",
        pf_case_label(c, process), others, pf_phrase_time(c->scratch, verdict->t_ns - root->exit->t_ns),
        root->process, pf_phrase_end(c, root), doing(c, process));
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_ORPHAN, PF_SEVERITY_FAIL, process, message);
    pf_case_cite(c, finding, life ? life->fork->seq : 0);
    pf_case_cite(c, finding, root->exit->seq);
    pf_case_cite(c, finding, verdict->seq);
}

void pf_oracle_orphan(struct pf_case *c)
{
    const struct pf_life *root = pf_case_root(c);
    enum pf_verdict_kind kind = pf_case_verdict(c);
    if (c->begin->expect.daemon)
        return;
    if ((kind != PF_VERDICT_ABANDONED && kind != PF_VERDICT_DEADLINE) || !root || !root->exit)
        return;
    const struct pf_ev_verdict *verdict = &c->history->verdict->verdict;
    for (size_t i = 0; i < verdict->survivor_count; i++) {
        const struct pf_life *life = pf_history_life(c->history, verdict->survivors[i]);
        if (!survives(verdict, life ? life->parent : NULL))
            report(c, verdict->survivors[i]);
    }
}
