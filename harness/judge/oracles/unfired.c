/* unfired: a fault of the plan never struck, so the trial did not test what it was meant to test. */
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

struct strikes {
    bool fired;
    const struct pf_event *unmet; /* the hold was given up before what it waited for came */
};

static struct strikes strikes_of(const struct pf_case *c, size_t fault)
{
    struct strikes strikes = {0};
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_INJECT && event->inject.fault == fault)
            strikes.fired = true;
        if (event->kind == PF_EVENT_RELEASE && event->release.fault == fault && !event->release.met)
            strikes.unmet = event;
    }
    return strikes;
}

void pf_oracle_unfired(struct pf_case *c)
{
    for (size_t i = 0; i < c->begin->fault_count; i++) {
        struct strikes strikes = strikes_of(c, i);
        if (strikes.fired && !strikes.unmet)
            continue;
        const struct pf_event *end = c->history->end;
        uint64_t met = end && i < end->end.met_count ? end->end.met[i] : 0;
        const char *what =
            strikes.fired ? "held a thread for something that never happened"
            : met         ? pf_arena_printf(c->scratch,
                                            "never struck: its trigger came %s, but not as the rule wants it",
                                            pf_phrase_count(c->scratch, met, "time"))
                          : "never struck: nothing reached its trigger";
        const char *message = pf_arena_printf(c->scratch, "the fault \"%s\" %s", c->begin->faults[i], what);
        struct pf_finding *finding = pf_case_find(c, PF_FINDING_UNFIRED, PF_SEVERITY_FAIL, NULL, message);
        pf_case_cite(c, finding, strikes.unmet ? strikes.unmet->seq : met ? end->seq : 0);
    }
}
