/*
 * event-never-set: somebody waits in a condition variable, at a barrier or at an eventfd, and a relative that
 * could have set it was killed or ended before it did; of those who live nobody will.
 */
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

bool pf_rule_event_never_set(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(c->graph, i) || !waits_for_event(c, i))
            continue;
        const struct pf_thread_state *state = c->graph->threads[i].state;
        const struct pf_life *dead = pf_gone_relative(c, state->process);
        if (!dead)
            continue;
        ret_match->chain = pf_chain_to_nobody(c->graph, NULL, i);
        ret_match->dead = dead->process;
        ret_match->summary =
            pf_arena_printf(c->scratch,
                            "%s %s: it is there for an event, or until others come. %s, which "
                            "could have brought it, %s, and of those who live nobody will: "
                            "what is waited for never comes.",
                            pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                            pf_case_label(c, dead->process), pf_phrase_killed(c, dead));
        ret_match->fix = "Wait for the event and for the end of whoever is to bring it, whichever comes "
                         "first (a pidfd in the "
                         "same poll), or give the wait a time limit, and treat the end as an answer. A "
                         "condition remembers "
                         "nothing: ask under its lock, before each wait, whether it has come already.";
        return true;
    }
    return false;
}
