#include "judge/orphans.h"

#include "judge/drawing.h"
#include "judge/phrases.h"

/* Parents are born before their children; a trace that says otherwise is not followed in circles. */
static const struct pf_life *parent_of(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_life *parent = pf_history_life(c->history, life->parent);
    return parent && parent < life ? parent : NULL;
}

const struct pf_life *pf_orphan_next(const struct pf_case *c, size_t *finding)
{
    while (*finding < c->trial->finding_count) {
        const struct pf_finding *at = &c->trial->findings[(*finding)++];
        const struct pf_life *life =
            at->kind == PF_FINDING_ORPHAN ? pf_history_life(c->history, at->process) : NULL;
        if (life)
            return life;
    }
    return NULL;
}

/* The nearest ancestor that has ended, in whatever way; NULL: none. */
static const struct pf_life *gone_ancestor(const struct pf_case *c, const struct pf_life *orphan)
{
    const struct pf_life *at = parent_of(c, orphan);
    while (at && !at->exit)
        at = parent_of(c, at);
    return at;
}

void pf_orphan_draw(struct pf_case *c, const struct pf_life *orphan, const struct pf_life *gone)
{
    const struct pf_thread_state *thread =
        c->graph ? pf_snapshot_thread(c->graph->snapshot, orphan->process) : NULL;
    pf_draw_node(c, orphan->process, thread ? pf_phrase_wait(c, thread) : "lives");
    pf_draw_node(c, gone->process, pf_phrase_end(c, gone));
    struct pf_edge *edge = pf_draw_edge(
        c, orphan->process, gone->process, "parent",
        pf_arena_printf(c->scratch, "%s %s while %s lived: nobody is left to stop it or to wait for it",
                        pf_case_label(c, gone->process), pf_phrase_end(c, gone),
                        pf_case_label(c, orphan->process)));
    pf_draw_evidence(c, edge, orphan->fork->seq);
    pf_draw_evidence(c, edge, gone->exit->seq);
}

bool pf_orphans_draw(struct pf_case *c, bool signaled, struct pf_bereft *ret_bereft)
{
    struct pf_bereft bereft = {0};
    size_t at = 0;
    for (const struct pf_life *orphan; (orphan = pf_orphan_next(c, &at));) {
        const struct pf_life *gone = gone_ancestor(c, orphan);
        if (!gone || gone->exit->exit.signaled != signaled)
            continue;
        pf_orphan_draw(c, orphan, gone);
        if (bereft.count++ == 0) {
            bereft.first = orphan;
            bereft.gone = gone;
        }
    }
    if (bereft.count)
        *ret_bereft = bereft;
    return bereft.count > 0;
}
