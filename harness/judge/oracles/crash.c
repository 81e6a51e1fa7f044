/* crash: a process broke: it died by a signal that only a fault in its own code brings. */
#include <signal.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

bool pf_is_crash_signal(uint64_t number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
           number == SIGABRT || number == SIGSYS || number == SIGTRAP;
}

void pf_oracle_crash(struct pf_case *c)
{
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!life->exit || !life->exit->exit.signaled || !pf_is_crash_signal(life->exit->exit.code))
            continue;
        const struct pf_event *event;
        if (pf_history_cause(c->history, life, &event) == PF_CAUSE_INJECTED)
            continue;
        const char *message =
            pf_arena_printf(c->scratch, "%s crashed: it %s%s", pf_case_label(c, life->process),
                            pf_phrase_end(c, life), life->exit->exit.core ? " and dumped core" : "");
        struct pf_finding *finding =
            pf_case_find(c, PF_FINDING_CRASH, PF_SEVERITY_FAIL, life->process, message);
        pf_case_cite(c, finding, event ? event->seq : 0);
        pf_case_cite(c, finding, life->exit->seq);
    }
}
