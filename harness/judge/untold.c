#include "judge/untold.h"

#include <string.h>

#include "judge/chain.h"
#include "judge/news.h"

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

/* Which lock of Python the thread is at, or NULL. A get() that is written in C (a SimpleQueue's) looks alike.
 */
static const struct pf_futex *lock_of_python(const struct pf_case *c, size_t thread)
{
    return pf_stands_at_lock(c, c->graph->threads[thread].state->thread) ? pf_graph_futex(c->graph, thread)
                                                                         : NULL;
}

/* Two threads at two of them: that is hardly news that they wait for. */
static bool are_caught_in_locks(const struct pf_case *c, const struct pf_graph_process *process)
{
    const struct pf_futex *first = NULL;
    for (size_t i = 0; i < process->thread_count; i++) {
        const struct pf_futex *lock = lock_of_python(c, process->threads[i]);
        if (first && lock && lock != first)
            return true;
        first = first ? first : lock;
    }
    return false;
}

/* Every thread of the process waits for news or joins: nobody is caught in a lock. */
static bool process_is_idle(const struct pf_case *c, size_t process)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_graph_process *p = &graph->processes[process];
    size_t joined;
    for (size_t i = 0; i < p->thread_count; i++)
        if (!graph->threads[p->threads[i]].ended &&
            (!pf_graph_stuck(graph, p->threads[i]) ||
             (!pf_waits_for_news(graph, p->threads[i]) && !joins(graph, p->threads[i], &joined))))
            return false;
    return !are_caught_in_locks(c, p);
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
        pf_stands_in_condition(c, state->thread) ||
        (!is_awaited(graph, graph->threads[thread].process) && !pf_stands_in_python_join(c, state->thread)))
        return false;
    for (size_t i = 0; i < process->thread_count; i++)
        if (process->threads[i] != thread && pf_graph_stuck(graph, process->threads[i])) {
            *ret_joined = process->threads[i];
            return true;
        }
    return false;
}

bool pf_untold_find(const struct pf_case *c, struct pf_untold *ret_untold)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        size_t joined;
        if (!pf_graph_stuck(c->graph, i))
            continue;
        bool certain = joins(c->graph, i, &joined);
        if (!certain && !joins_at_exit(c, i, &joined))
            continue;
        if (!pf_waits_for_news(c->graph, joined) || !pf_only_waiters_bring_news(c->graph, joined) ||
            !process_is_idle(c, c->graph->threads[i].process))
            continue;
        *ret_untold = (struct pf_untold){.joiner = i, .joined = joined, .certain = certain};
        return true;
    }
    return false;
}

/* From the outermost parent down to the one who joins. */
const struct pf_chain *pf_untold_story(const struct pf_graph *graph, const struct pf_untold *untold)
{
    struct pf_chain *join = pf_chain_between(graph, untold->joiner, untold->joined, pf_link_is_internal);
    struct pf_chain *story = join, *longest = NULL;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(graph, i) || graph->threads[i].process == graph->threads[untold->joiner].process)
            continue;
        struct pf_chain *way = pf_chain_between(graph, i, untold->joiner, pf_link_is_for_end);
        if (way && (!longest || way->count > longest->count))
            longest = way;
    }
    if (longest)
        story = pf_chain_join(graph, longest, join);
    return pf_chain_beyond(graph, story, untold->joined);
}
