/* orphaned-daemon: the program came to its own end and left processes behind that nobody waits for. */
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Parents are born before their children; a trace that says otherwise is not followed in circles. */
static const struct pf_life *parent_of(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_life *parent = pf_history_life(c->history, life->parent);
    return parent && parent < life ? parent : NULL;
}

/* The nearest ancestor that has ended; NULL when it did not end by itself. */
static const struct pf_life *gone_ancestor(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_life *at = parent_of(c, life);
    while (at && !at->exit)
        at = parent_of(c, at);
    return at && !at->exit->exit.signaled ? at : NULL;
}

static void draw(struct pf_case *c, const struct pf_life *orphan, const struct pf_life *gone)
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

bool pf_rule_orphaned_daemon(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->trial->finding_count; i++) {
        const struct pf_finding *finding = &c->trial->findings[i];
        const struct pf_life *life =
            finding->kind == PF_FINDING_ORPHAN ? pf_history_life(c->history, finding->process) : NULL;
        const struct pf_life *gone = life ? gone_ancestor(c, life) : NULL;
        if (!gone)
            continue;
        draw(c, life, gone);
        first = first ? first : life;
        count++;
    }
    if (!first)
        return false;
    const struct pf_life *gone = gone_ancestor(c, first);
    const char *more = count > 1 ? pf_arena_printf(c->scratch, " (and %zu more)", count - 1) : "";
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s%s was started by %s and lives on although %s %s: nobody in the tree is left to "
                        "end it, or to learn "
                        "how it ends.",
                        pf_case_label(c, first->process), more, pf_case_label(c, first->parent),
                        gone->process, pf_phrase_end(c, gone));
    ret_match->fix =
        "Let every process have an owner that ends and reaps it: stop and join background processes "
        "before leaving, let them watch a pipe from their parent for end of file (or use "
        "PR_SET_PDEATHSIG), or start what must outlive the program as a service of its own.";
    return true;
}
