/*
 * no-second-signal: a program that was asked to end, twice or more, waits for the end of one of its own
 * without a limit, and no further signal changes anything.
 */
#include <string.h>

#include "judge/phrases.h"
#include "judge/rules/rule.h"

static size_t requests(const struct pf_life *life, const char **ret_name)
{
    size_t count = 0;
    for (size_t i = 0; i < life->signal_count; i++) {
        const struct pf_event *event = life->signals[i];
        if (event->kind != PF_EVENT_SIGNAL || !pf_asks_to_end(event->signal.number))
            continue;
        *ret_name = event->signal.name;
        count++;
    }
    return count;
}

static bool waits_for_end(const struct pf_graph *graph, size_t thread)
{
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);)
        if (pf_link_is_for_end(graph, &link))
            return true;
    return false;
}

bool pf_rule_no_second_signal(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *state = c->graph->threads[i].state;
        const struct pf_life *life = pf_history_life(c->history, state->process);
        const char *name = NULL;
        size_t count = life ? requests(life, &name) : 0;
        if (count < 2 || !pf_graph_stuck(c->graph, i) || !waits_for_end(c->graph, i))
            continue;
        ret_match->chain = pf_chain_from(c->graph, i);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s was asked to end %zu times (%s), and lives. It %s, without a limit, and whatever its handler "
            "does, it does not end that wait: no further signal will either.",
            pf_case_label(c, state->thread), count, name, pf_phrase_wait(c, state));
        ret_match->fix =
            "Let the first signal ask and the second insist: end the children that did not listen, or put "
            "SIG_DFL back so that the second one ends the program; and give every wait of a shutdown a "
            "limit.";
        return true;
    }
    return false;
}
