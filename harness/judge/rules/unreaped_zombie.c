/*
 * unreaped-zombie: children ended and their parent, which lives and does other things, has not waited for
 * them: until they took up the processes that it may have; or for long, and that is all that is wrong.
 */
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Where something else went wrong, the zombies are what was left of it. */
static bool nothing_else_failed(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trial->finding_count; i++)
        if (c->trial->findings[i].kind != PF_FINDING_ZOMBIE &&
            c->trial->findings[i].severity == PF_SEVERITY_FAIL)
            return false;
    return true;
}

bool pf_rule_unreaped_zombie(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *zombies = pf_case_found(c, PF_FINDING_ZOMBIE);
    const struct pf_life *parent = zombies ? pf_history_life(c->history, zombies->process) : NULL;
    bool harmful = zombies && zombies->severity == PF_SEVERITY_FAIL;
    if (!parent || (!harmful && !nothing_else_failed(c)))
        return false;
    const struct pf_event *last = pf_history_event(c->history, zombies->evidence[0]);
    pf_draw_node(c, parent->process, "goes on, and does not wait for its children");
    if (last && last->kind == PF_EVENT_EXIT) {
        pf_draw_node(c, last->exit.process, "ended, and was not reaped");
        struct pf_edge *edge = pf_draw_edge(c, last->exit.process, parent->process, "exit status",
                                            "only its parent can take it, and does not");
        pf_draw_evidence(c, edge, last->seq);
    }
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s. Each keeps its place in the process table until its parent asks how it ended, or ends itself%s.",
        zombies->message,
        harmful ? "" : "; a parent that goes on like this runs into the limit of processes");
    ret_match->fix =
        "Wait for every child: waitpid where its result is needed, or with WNOHANG after SIGCHLD, or a pidfd "
        "in the "
        "event loop; where nobody wants to know, SA_NOCLDWAIT (in Python: join() or wait() on every one).";
    return true;
}
