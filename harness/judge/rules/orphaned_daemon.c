/* orphaned-daemon: the program came to its own end and left processes behind that nobody waits for. */
#include "judge/orphans.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The nearest ancestor that has ended; NULL when it did not end by itself. */
static const struct pf_life *gone_ancestor(const struct pf_case *c, const struct pf_life *orphan)
{
    const struct pf_life *gone = pf_orphan_gone_ancestor(c, orphan);
    return gone && !gone->exit->exit.signaled ? gone : NULL;
}

bool pf_rule_orphaned_daemon(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *first = NULL;
    size_t count = 0, at = 0;
    for (const struct pf_life *orphan; (orphan = pf_orphan_next(c, &at));) {
        const struct pf_life *gone = gone_ancestor(c, orphan);
        if (!gone)
            continue;
        pf_orphan_draw(c, orphan, gone);
        first = first ? first : orphan;
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
