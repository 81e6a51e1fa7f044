/*
 * resource-collected-early: a process looked for a semaphore or for shared memory by a name that another one
 * of the tree had removed already, and failed.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static bool anything_failed(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trial->finding_count; i++)
        if (c->trial->findings[i].severity == PF_SEVERITY_FAIL)
            return true;
    return false;
}

/* The last time that somebody else removed the name, before the search. */
static const struct pf_event *removal_before(const struct pf_case *c, const struct pf_event *search)
{
    const char *seeker = pf_process_of(search->name.thread, c->scratch);
    for (uint64_t seq = search->seq - 1; seq > 0; seq--) {
        const struct pf_event *event = pf_history_event(c->history, seq);
        if (event->kind == PF_EVENT_NAME && event->name.removed &&
            strcmp(event->name.name, search->name.name) == 0)
            return strcmp(pf_process_of(event->name.thread, c->scratch), seeker) == 0 ? NULL : event;
    }
    return NULL;
}

static bool failed_after(const struct pf_life *life, uint64_t seq)
{
    return life && life->exit && life->exit->seq > seq &&
           (life->exit->exit.signaled || life->exit->exit.code);
}

static void tell(struct pf_case *c, const struct pf_life *seeker, const struct pf_event *search,
                 const struct pf_event *removal, struct pf_match *ret_match)
{
    const char *remover = pf_process_of(removal->name.thread, c->scratch);
    const char *name = search->name.name;
    pf_draw_node(c, seeker->process, pf_phrase_end(c, seeker));
    pf_draw_node(c, remover, pf_arena_printf(c->scratch, "removed %s", name));
    struct pf_edge *edge = pf_draw_edge(c, seeker->process, remover, name,
                                        "it was removed before all who need it had opened it");
    pf_draw_evidence(c, edge, removal->seq);
    pf_draw_evidence(c, edge, search->seq);
    pf_draw_evidence(c, edge, seeker->exit->seq);
    ret_match->summary = pf_arena_printf(
        c->scratch, "%s wanted to open %s, which was not there any more: %s had removed it%s. %s %s.",
        pf_case_label(c, seeker->process), name, pf_case_label(c, remover),
        removal->seq > seeker->fork->seq ? " while the other was on its way" : " before the other was made",
        pf_case_label(c, seeker->process), pf_phrase_end(c, seeker));
    ret_match->fix = "Keep the name until all who need it have opened it: remove it when they have said so, "
                     "or have ended. "
                     "Or pass no name but a descriptor, which needs none (in Python: keep a reference to "
                     "locks, queues and "
                     "values until the process that got them has been joined).";
}

bool pf_rule_resource_collected_early(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; anything_failed(c) && i < c->trace->count; i++) {
        const struct pf_event *search = c->trace->events[i];
        if (search->kind != PF_EVENT_NAME || search->name.removed)
            continue;
        const struct pf_life *seeker =
            pf_history_life(c->history, pf_process_of(search->name.thread, c->scratch));
        const struct pf_event *removal = removal_before(c, search);
        if (!removal || !failed_after(seeker, search->seq))
            continue;
        tell(c, seeker, search, removal, ret_match);
        return true;
    }
    return false;
}
