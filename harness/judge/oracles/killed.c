/* killed: a process died by a signal that nobody meant for it, neither the tree itself nor the fault plan. */
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

void pf_oracle_killed(struct pf_case *c)
{
    if (pf_case_verdict(c) == PF_VERDICT_INTERRUPTED)
        return; /* by whoever interrupted the run */
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!life->exit || !life->exit->exit.signaled || pf_is_crash_signal(life->exit->exit.code))
            continue;
        const struct pf_event *event;
        enum pf_cause cause = pf_history_cause(c->history, life, &event);
        if (cause == PF_CAUSE_TREE || cause == PF_CAUSE_INJECTED)
            continue;
        const char *who = cause == PF_CAUSE_KERNEL    ? "the kernel sent it"
                          : cause == PF_CAUSE_OUTSIDE ? "it came from outside the tree"
                                                      : "nobody in the tree sent it";
        const char *message = pf_arena_printf(c->scratch, "%s %s, and %s", pf_case_label(c, life->process),
                                              pf_phrase_end(c, life), who);
        struct pf_finding *finding =
            pf_case_find(c, PF_FINDING_KILLED, PF_SEVERITY_FAIL, life->process, message);
        pf_case_cite(c, finding, event ? event->seq : 0);
        pf_case_cite(c, finding, life->exit->seq);
    }
}
