/*
 * event-never-set: somebody waits in a condition variable, at a barrier or at an eventfd, and a relative that
 * could have set it was killed or ended before it did; of those who live nobody will. Or who could set it
 * lives, but waits for the end of the one who waits for it.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/rules/rule.h"

#include "judge/phrases.h"

/* An eventfd, or an epoll set that watches nothing else. */
static bool is_eventfd(const struct pf_graph *graph, const struct pf_object *object)
{
    if (object && object->kind == PF_OBJECT_EVENTFD)
        return true;
    size_t members = object && object->kind == PF_OBJECT_EPOLL ? object->member_count : 0;
    for (size_t i = 0; i < members; i++) {
        const struct pf_object *member = pf_graph_object(graph, object->members[i]);
        if (!member || member->kind != PF_OBJECT_EVENTFD)
            return false;
    }
    return members > 0;
}

static bool waits_at_eventfd(const struct pf_graph *graph, const struct pf_wait *wait)
{
    for (size_t i = 0; i < wait->target_count && wait->kind != PF_WAIT_WRITE; i++)
        if (is_eventfd(graph, pf_graph_object(graph, wait->targets[i].object)))
            return true;
    return false;
}

static bool is_shared_word(const struct pf_graph *graph, size_t thread)
{
    const struct pf_futex *futex = pf_graph_futex(graph, thread);
    return futex && futex->shared;
}

static bool is_at_barrier(const struct pf_graph *graph, size_t thread)
{
    const struct pf_futex *futex = pf_graph_futex(graph, thread);
    return futex && futex->kind == PF_FUTEX_BARRIER;
}

static bool waits_for_event(const struct pf_case *c, size_t thread)
{
    const struct pf_thread_state *state = c->graph->threads[thread].state;
    if (!pf_waits_for_news(c->graph, thread) && !is_at_barrier(c->graph, thread))
        return false;
    return waits_at_eventfd(c->graph, &state->wait) ||
           (is_shared_word(c->graph, thread) && pf_stands_in_condition(c, state->thread));
}

#define WAIT_FOR_BOTH                                                                                        \
    "Wait for the event and for the end of whoever is to bring it, whichever comes first (a pidfd in the "   \
    "same poll), or give the wait a time limit, and treat the end as an answer."

static bool has_no_setter(struct pf_case *c, size_t thread, struct pf_match *ret_match)
{
    const struct pf_thread_state *state = c->graph->threads[thread].state;
    const struct pf_life *dead = waits_for_event(c, thread) ? pf_gone_relative(c, state->process) : NULL;
    if (!dead)
        return false;
    bool remembers = waits_at_eventfd(c->graph, &state->wait);
    ret_match->chain = pf_chain_to_nobody(c->graph, NULL, thread);
    ret_match->dead = dead->process;
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s %s: it is there for an event%s. %s, which could have brought it, %s, and "
        "of those who live nobody will: what is waited for never comes.",
        pf_case_label(c, state->thread), pf_phrase_wait(c, state), remembers ? "" : ", or until others come",
        pf_case_label(c, dead->process), pf_phrase_killed(c, dead));
    ret_match->fix = remembers ? WAIT_FOR_BOTH
                               : WAIT_FOR_BOTH " A condition remembers nothing: ask under its lock, before "
                                               "each wait, whether it has come already.";
    return true;
}

/* The way from somebody above who waits for the end of the waiter's process; NULL: there is none. */
static const struct pf_chain *joined_from_above(const struct pf_graph *graph, size_t thread)
{
    const char *process = graph->threads[thread].state->process;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        const char *other = graph->threads[i].state->process;
        const struct pf_chain *way =
            pf_graph_stuck(graph, i) && strcmp(other, process) != 0 && pf_address_descends(process, other)
                ? pf_chain_between(graph, i, thread, pf_link_is_for_end)
                : NULL;
        if (way)
            return way;
    }
    return NULL;
}

/* All who could set it wait for it as well, or for the end of the process that does. */
static bool only_joiners_set(const struct pf_graph *graph, size_t thread)
{
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);)
        if (!pf_link_is_internal(graph, &link) && !pf_link_is_to_peer(graph, &link) &&
            !pf_chain_between(graph, link.to, thread, pf_link_leads_to_end))
            return false;
    return true;
}

/* Who could set it lives, but waits for the end of him who waits for it. */
static bool has_a_setter_that_joins(struct pf_case *c, size_t thread, struct pf_match *ret_match)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_thread_state *state = graph->threads[thread].state;
    if (!is_shared_word(graph, thread) || !pf_stands_in_event(c, state->thread) ||
        !only_joiners_set(graph, thread))
        return false;
    const struct pf_chain *join = joined_from_above(graph, thread);
    if (!join)
        return false;
    const struct pf_thread_state *joiner = graph->threads[join->links[0].from].state;
    ret_match->chain = pf_chain_join(graph, join, pf_chain_between(graph, thread, join->links[0].from, NULL));
    ret_match->summary = pf_arena_printf(c->scratch,
                                         "%s %s: it is there for an event. %s, which could set it, has not, "
                                         "and %s: what is waited for never comes.",
                                         pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                                         pf_case_label(c, joiner->thread), pf_phrase_wait(c, joiner));
    ret_match->fix =
        "Set the event on every way out, also where an exception leads there (in a finally clause), before "
        "those are joined who wait for it; or give the wait a time limit.";
    return true;
}

bool pf_rule_event_never_set(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++)
        if (pf_graph_stuck(c->graph, i) &&
            (has_no_setter(c, i, ret_match) || has_a_setter_that_joins(c, i, ret_match)))
            return true;
    return false;
}
