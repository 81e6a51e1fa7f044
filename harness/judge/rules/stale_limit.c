/*
 * stale-limit: a process ran into the limit that it was born with, after the limit of its parent had been
 * raised: whoever raised it raised it for those to come.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The process has the limit with which the whole tree began, and has not changed it. */
static bool is_first_limit(const struct pf_case *c, const struct pf_ev_limit *limit)
{
    for (size_t i = 0; i < c->begin->limit_count; i++)
        if (limit->resource && strcmp(c->begin->limits[i].resource, limit->resource) == 0)
            return c->begin->limits[i].value == limit->value;
    return false;
}

bool pf_rule_stale_limit(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; i < c->trace->count && c->trace->events[i] != c->history->verdict; i++) {
        const struct pf_event *event = c->trace->events[i];
        const struct pf_ev_limit *limit = &event->limit;
        if (event->kind != PF_EVENT_LIMIT || limit->parents <= limit->value || !is_first_limit(c, limit))
            continue;
        const struct pf_life *life = pf_history_life(c->history, pf_process_of(limit->thread, c->scratch));
        if (!life || !life->parent)
            continue;
        pf_draw_node(c, life->process, pf_arena_printf(c->scratch, "has a limit of %" PRIu64, limit->value));
        pf_draw_node(c, life->parent, pf_arena_printf(c->scratch, "has a limit of %" PRIu64, limit->parents));
        struct pf_edge *edge = pf_draw_edge(
            c, life->process, life->parent, pf_arena_printf(c->scratch, "limit %s", limit->resource),
            "it was copied at the birth of the one, and raised for the other after that");
        pf_draw_evidence(c, edge, life->fork->seq);
        pf_draw_evidence(c, edge, event->seq);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s ran into its limit %s of %" PRIu64
            ": %s failed with %s. The limit of %s, which had made it, is %" PRIu64
            " by now: it was raised after that birth, and a process that runs keeps the limit that it has.",
            pf_case_label(c, life->process), limit->resource, limit->value,
            limit->call ? limit->call : "a call", limit->error ? limit->error : "an error",
            pf_case_label(c, life->parent), limit->parents);
        ret_match->fix = "Look at the limits of the process that needs them (/proc/PID/limits, prlimit), and "
                         "raise them there "
                         "(prlimit --pid), or start it anew after raising its parent's.";
        return true;
    }
    return false;
}
