/* orphaned-daemon: the program came to its own end and left processes behind that nobody waits for. */
#include "judge/orphans.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_orphaned_daemon(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_bereft bereft;
    if (!pf_orphans_draw(c, false, &bereft))
        return false;
    const char *more =
        bereft.count > 1 ? pf_arena_printf(c->scratch, " (and %zu more)", bereft.count - 1) : "";
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s%s was started by %s and lives on although %s %s: nobody in the tree is left to "
                        "end it, or to learn "
                        "how it ends.",
                        pf_case_label(c, bereft.first->process), more, pf_case_label(c, bereft.first->parent),
                        bereft.gone->process, pf_phrase_end(c, bereft.gone));
    ret_match->fix =
        "Let every process have an owner that ends and reaps it: stop and join background processes "
        "before leaving, let them watch a pipe from their parent for end of file (or use "
        "PR_SET_PDEATHSIG), or start what must outlive the program as a service of its own.";
    return true;
}
