/*
 * log-sentinel-lost: a listener takes messages until somebody tells it to stop, others wait for it to end,
 * and whoever was to tell it was killed. Of those who live nobody will.
 */
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Somebody else who is stuck until this thread, or its process, has ended; PF_NOWHERE: nobody. */
static size_t joiner(const struct pf_graph *graph, size_t listener)
{
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        struct pf_link_walk walk = {.from = i};
        if (!pf_graph_stuck(graph, i))
            continue;
        for (struct pf_link link; pf_link_next(graph, &walk, &link);)
            if (link.to == listener && i != listener && pf_link_is_for_end(graph, &link))
                return i;
    }
    return PF_NOWHERE;
}

static bool reads_messages(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object = pf_graph_object(graph, wait->targets[i].object);
        if (object && (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
                       object->kind == PF_OBJECT_SOCKET || object->kind == PF_OBJECT_MQUEUE))
            return pf_waits_for_news(graph, thread);
    }
    return false;
}

bool pf_rule_log_sentinel_lost(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_graph *graph = c->graph;
    for (size_t i = 0; c->stuck && i < graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(graph, i) || !reads_messages(graph, i) || !pf_only_waiters_bring_news(graph, i))
            continue;
        const struct pf_thread_state *state = graph->threads[i].state;
        const struct pf_life *dead = pf_killed_relative(c, state->process);
        size_t waiter = dead ? joiner(graph, i) : PF_NOWHERE;
        if (waiter == PF_NOWHERE)
            continue;
        struct pf_chain *join = pf_chain_between(graph, waiter, i, pf_link_is_for_end);
        const struct pf_thread_state *joins = graph->threads[waiter].state;
        ret_match->chain = pf_chain_beyond(graph, join, i);
        ret_match->summary = pf_arena_printf(c->scratch,
                                             "%s %s, until somebody tells it to stop. %s, which could have "
                                             "told it, %s, and nobody who lives will. "
                                             "%s %s, and so waits for ever too.",
                                             pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                                             pf_case_label(c, dead->process), pf_phrase_killed(c, dead),
                                             pf_case_label(c, joins->thread), pf_phrase_wait(c, joins));
        ret_match->fix = "Let the listener end when every sender has closed or died, not when a message says "
                         "so: close all "
                         "write ends that are not in use, so that the last sender's death is the end of "
                         "file, or watch the "
                         "senders' pidfds beside the queue.";
        return true;
    }
    return false;
}
