/*
 * cost: a program handed its work to workers of its own, and spent more on the handing over than on the work.
 * Processor time and counted work tell it, which do not depend on who else uses the machine. Only a warning,
 * since the result is right, but a failure of a scenario, which is there to show it or to be free of it.
 */
#include <inttypes.h>

#include "judge/crew.h"
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

static const char *tell_chat(struct pf_case *c, const struct pf_crew *crew)
{
    uint64_t all = crew->head_ns + crew->worker_ns;
    uint64_t beyond = crew->worker_ns > crew->head_ns ? crew->worker_ns - crew->head_ns : 0;
    uint64_t own = crew->worker_ns - crew->worker_system_ns, work = own < beyond ? own : beyond;
    const char *rest =
        work * 100 > all ? pf_arena_printf(c->scratch, "so all in all %" PRIu64 " times the work", all / work)
                         : "so the work itself does not show";
    return pf_arena_printf(c->scratch,
                           "%s handed over %" PRIu64
                           " tasks one by one, which cost it %s of processor time; its %s spent %s on them, "
                           "taking them and answering included: %s",
                           pf_case_label(c, crew->head->process), crew->answers,
                           pf_phrase_time(c->scratch, crew->head_ns),
                           pf_phrase_count(c->scratch, crew->workers, "worker"),
                           pf_phrase_time(c->scratch, crew->worker_ns), rest);
}

static const char *tell_bulk(struct pf_case *c, const struct pf_crew *crew)
{
    const char *own = "next to nothing";
    if (crew->own_ns * 100 > crew->system_ns)
        own =
            pf_arena_printf(c->scratch, "%s, %.0f %% of the whole", pf_phrase_time(c->scratch, crew->own_ns),
                            100.0 * (double)crew->own_ns / (double)(crew->own_ns + crew->system_ns));
    return pf_arena_printf(c->scratch,
                           "%s and its %s wrote %" PRIu64 " MiB to each other for %" PRIu64
                           " answers. The kernel took %s of processor time for it, and their own code %s",
                           pf_case_label(c, crew->head->process),
                           pf_phrase_count(c->scratch, crew->workers, "worker"), crew->moved >> 20,
                           crew->answers, pf_phrase_time(c->scratch, crew->system_ns), own);
}

void pf_oracle_cost(struct pf_case *c)
{
    struct pf_crew crew;
    enum pf_severity severity = c->begin->scenario ? PF_SEVERITY_FAIL : PF_SEVERITY_WARN;
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!pf_crew_of(c, life, &crew))
            continue;
        bool chatty = pf_crew_is_chatty(&crew);
        if (!chatty && !pf_crew_is_bulky(&crew))
            continue;
        struct pf_finding *finding = pf_case_find(c, PF_FINDING_COST, severity, life->process,
                                                  chatty ? tell_chat(c, &crew) : tell_bulk(c, &crew));
        for (size_t k = 0; k < sizeof(crew.evidence) / sizeof(crew.evidence[0]); k++)
            pf_case_cite(c, finding, crew.evidence[k]);
    }
}
