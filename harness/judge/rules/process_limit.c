/*
 * process-limit: a process or thread could not be made, because there may be no more of them; whatever had
 * been started before is left where it was.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static const struct pf_event *first_shortage(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trace->count && c->trace->events[i] != c->history->verdict; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_LIMIT && event->limit.resource &&
            strcmp(event->limit.resource, "nproc") == 0)
            return event;
    }
    return NULL;
}

/* Children of the process that lived when it failed, and lived to the end. */
static size_t left_over(struct pf_case *c, const struct pf_event *event, const char *process)
{
    size_t count = 0;
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!life->parent || strcmp(life->parent, process) != 0 || life->exit || life->fork->seq > event->seq)
            continue;
        const struct pf_thread_state *state =
            c->graph ? pf_snapshot_thread(c->graph->snapshot, life->process) : NULL;
        pf_draw_node(c, life->process, state ? pf_phrase_wait(c, state) : "lives");
        struct pf_edge *edge = pf_draw_edge(c, process, life->process, "started before the limit was met",
                                            "not ended when the others could not be started");
        pf_draw_evidence(c, edge, life->fork->seq);
        pf_draw_evidence(c, edge, event->seq);
        count++;
    }
    return count;
}

bool pf_rule_process_limit(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_event *event = first_shortage(c);
    if (!event)
        return false;
    const struct pf_ev_limit *limit = &event->limit;
    const char *process = pf_process_of(limit->thread, c->scratch);
    const char *bound = limit->value ? pf_arena_printf(c->scratch, " of %" PRIu64, limit->value) : "";
    pf_draw_node(c, process, "could start no more");
    size_t left = left_over(c, event, process);
    const char *others =
        left ? pf_arena_printf(c->scratch, " %s that it had started before %s on without the others.",
                               left == 1 ? "A process" : pf_arena_printf(c->scratch, "%zu processes", left),
                               left == 1 ? "lives" : "live")
             : "";
    ret_match->summary = pf_arena_printf(
        c->scratch, "%s could start no more: %s failed with %s at the limit of processes and threads%s.%s",
        pf_case_label(c, process), limit->call ? limit->call : "a system call",
        limit->error ? limit->error : "EAGAIN", bound, others);
    ret_match->fix =
        "Start all or none: work out beforehand how many processes and threads are needed, compare that with "
        "RLIMIT_NPROC and the cgroup's pids.max, and when one start fails all the same, end those that are "
        "there.";
    return true;
}
