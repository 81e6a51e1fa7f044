/*
 * hung-thread: a thread waits for something that will never come, and all who could bring it wait for that
 * very thread to end: the one who joins it, and the parent who waits for the process.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static bool joins(const struct pf_graph *graph, size_t thread, size_t *ret_joined)
{
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);)
        if (pf_link_is_for_end(graph, &link) && pf_link_is_internal(graph, &link)) {
            *ret_joined = link.to;
            return true;
        }
    return false;
}

/* Every thread of the process waits for news or joins: nobody is caught in a lock. */
static bool process_is_idle(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *p = &graph->processes[process];
    size_t joined;
    for (size_t i = 0; i < p->thread_count; i++)
        if (!graph->threads[p->threads[i]].ended &&
            (!pf_graph_stuck(graph, p->threads[i]) ||
             (!pf_waits_for_news(graph, p->threads[i]) && !joins(graph, p->threads[i], &joined))))
            return false;
    return true;
}

static bool private_futex(const struct pf_graph *graph, size_t thread)
{
    const struct pf_futex *futex = pf_graph_futex(graph, thread);
    return futex && !futex->shared && pf_waits_for_news(graph, thread);
}

/* Does a stuck thread of another process wait for the end of this one? */
static bool is_awaited(const struct pf_graph *graph, size_t process)
{
    for (size_t i = 0; i < graph->snapshot->thread_count; i++)
        for (size_t k = 0; pf_graph_stuck(graph, i) && k < graph->threads[i].waker_count; k++) {
            const struct pf_waker *waker = &graph->threads[i].wakers[k];
            if (waker->kind == PF_WAKER_PROCESS && waker->index == process && !waker->object &&
                !waker->remote)
                return true;
        }
    return false;
}

/*
 * A runtime that joins its threads at exit (CPython does, by a lock per thread) leaves only this to be seen:
 * the main thread waits on a private word while another thread of the process waits for news. A condition
 * variable is no join, where the stack tells.
 */
static bool joins_at_exit(const struct pf_case *c, size_t thread, size_t *ret_joined)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_thread_state *state = graph->threads[thread].state;
    const struct pf_graph_process *process = &graph->processes[graph->threads[thread].process];
    if (strcmp(state->thread, state->process) != 0 || !private_futex(graph, thread) ||
        !is_awaited(graph, graph->threads[thread].process) || pf_stands_in_condition(c, state->thread))
        return false;
    for (size_t i = 0; i < process->thread_count; i++)
        if (process->threads[i] != thread && pf_graph_stuck(graph, process->threads[i])) {
            *ret_joined = process->threads[i];
            return true;
        }
    return false;
}

/* Who else waits, from the outermost parent down to the one who joins. */
static const struct pf_chain *whole_story(const struct pf_graph *graph, size_t joiner, size_t joined)
{
    struct pf_chain *join = pf_chain_between(graph, joiner, joined, pf_link_is_internal);
    struct pf_chain *story = join, *longest = NULL;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(graph, i) || graph->threads[i].process == graph->threads[joiner].process)
            continue;
        struct pf_chain *way = pf_chain_between(graph, i, joiner, pf_link_is_for_end);
        if (way && (!longest || way->count > longest->count))
            longest = way;
    }
    if (longest)
        story = pf_chain_join(graph, longest, join);
    return pf_chain_beyond(graph, story, joined);
}

static void tell(struct pf_case *c, const struct pf_chain *story, size_t joiner, size_t joined, bool certain,
                 struct pf_match *ret_match)
{
    const struct pf_thread_state *hung = c->graph->threads[joined].state;
    const struct pf_thread_state *waiter = c->graph->threads[joiner].state;
    const struct pf_thread_state *outer = c->graph->threads[story->links[0].from].state;
    const char *parent = outer->process == waiter->process || strcmp(outer->process, waiter->process) == 0
                             ? ""
                             : pf_arena_printf(c->scratch, " %s %s, and so waits for ever too.",
                                               pf_case_label(c, outer->thread), pf_phrase_wait(c, outer));
    const char *wait =
        certain ? pf_phrase_wait(c, waiter)
                : pf_arena_printf(c->scratch, "%s, as a runtime does that joins its threads at exit",
                                  pf_phrase_wait(c, waiter));
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "Thread %s %s, and nobody is left who could end that: it never ends. %s %s, so process %s can never "
        "end.%s",
        pf_case_label(c, hung->thread), pf_phrase_wait(c, hung), pf_case_label(c, waiter->thread), wait,
        waiter->process, parent);
    ret_match->fix =
        "Give every thread a way to be told to stop (an event that it also waits on, or a closed "
        "queue), tell it before joining it, and join with a time limit; mark threads that may be "
        "dropped as daemons or detach them.";
}

bool pf_rule_hung_thread(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        size_t joined;
        if (!pf_graph_stuck(c->graph, i))
            continue;
        bool certain = joins(c->graph, i, &joined);
        if (!certain && !joins_at_exit(c, i, &joined))
            continue;
        if (!pf_waits_for_news(c->graph, joined) || !pf_only_waiters_bring_news(c->graph, joined) ||
            !process_is_idle(c->graph, c->graph->threads[i].process))
            continue;
        ret_match->chain = whole_story(c->graph, i, joined);
        tell(c, ret_match->chain, i, joined, certain, ret_match);
        return true;
    }
    return false;
}
