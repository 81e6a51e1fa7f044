/*
 * parent-killed: the program, or a parent in it, was ended by a signal, and no line of its clean-up ran: what
 * it had started lives on.
 */
#include "judge/news.h"
#include "judge/orphans.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_parent_killed(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_bereft bereft;
    if (!pf_orphans_draw(c, true, &bereft))
        return false;
    const char *more = bereft.count > 1 ? pf_arena_printf(c->scratch, " and %zu more", bereft.count - 1) : "";
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s %s, so nothing of its clean-up was carried out. %s%s, which it had started, did not hear of "
        "that and %s on: the end of a parent means nothing to its children unless they ask for it.",
        pf_case_label(c, bereft.gone->process), pf_phrase_killed(c, bereft.gone),
        pf_case_label(c, bereft.first->process), more, bereft.count > 1 ? "live" : "lives");
    ret_match->fix =
        "Let somebody else than the parent see to it: children ask for PR_SET_PDEATHSIG and check getppid() "
        "afterwards, or wait for the end of file of a pipe that only the parent can write to (in Python: "
        "parent_process().sentinel) beside their work; or a guard, a cgroup or a PID namespace ends what is "
        "left.";
    return true;
}
