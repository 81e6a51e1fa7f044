#include "judge/idle.h"

#include <string.h>

#include "judge/pace.h"

static void add(const struct pf_case *c, const char ***threads, size_t *count, const char *thread)
{
    *(const char **)pf_arena_grow(c->scratch, threads, count, sizeof(**threads)) = thread;
}

const struct pf_graph *pf_idle_graph(const struct pf_case *c)
{
    const char **threads = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_PACE)
            continue;
        if (!pf_pace_polls(c, &event->pace) && !pf_pace_rests(&event->pace))
            return NULL;
        if (pf_pace_timed_wait(c, &event->pace))
            add(c, &threads, &count, event->pace.thread);
    }
    /* Whose time has not come in all that while rests as well. */
    for (size_t i = 0; threads && i < c->graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *state = c->graph->threads[i].state;
        if (state->wait.timed || state->wait.kind == PF_WAIT_SLEEP)
            add(c, &threads, &count, state->thread);
    }
    return threads ? pf_graph_seclude(c->graph->snapshot, threads, count, c->scratch) : NULL;
}

/* Does a circle run through several processes, for an end or for room? What waits for data alone may be idle.
 */
static bool is_of_processes(const struct pf_graph *graph, const struct pf_chain *chain)
{
    bool several = false, strong = false;
    for (size_t i = chain->closes_at; i < chain->count; i++) {
        several |= !pf_link_is_internal(graph, &chain->links[i]);
        strong |=
            !pf_link_is_internal(graph, &chain->links[i]) &&
            (pf_link_is_for_end(graph, &chain->links[i]) || pf_link_is_for_room(graph, &chain->links[i]));
    }
    return several && strong;
}

bool pf_idle_circle(const struct pf_graph *graph)
{
    size_t first = pf_lookup_find(&graph->thread_index, "0");
    if (first == PF_NOWHERE || !pf_graph_stuck(graph, first))
        return false;
    const struct pf_chain *chain = pf_chain_from(graph, first);
    return chain && chain->closes_at != PF_NOWHERE && is_of_processes(graph, chain);
}

static const struct pf_graph_thread *idle_thread_of(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *it = &graph->processes[process];
    for (size_t i = 0; i < it->thread_count; i++)
        if (graph->threads[it->threads[i]].inert)
            return &graph->threads[it->threads[i]];
    return NULL;
}

const struct pf_graph_thread *pf_idle_culprit(const struct pf_graph *graph, struct pf_chain *chain)
{
    const struct pf_link *last = &chain->links[chain->count - 1];
    const struct pf_graph_thread *waiter = &graph->threads[last->from];
    if (waiter->inert && chain->count > 1 && !pf_link_is_for_end(graph, last - 1)) {
        chain->count--;
        return waiter;
    }
    for (size_t i = 0; last->to == PF_NOWHERE && i < waiter->waker_count; i++) {
        const struct pf_waker *waker = &waiter->wakers[i];
        const struct pf_link link = {.from = last->from, .waker = waker, .to = PF_NOWHERE};
        const size_t *processes;
        size_t count = pf_link_is_for_room(graph, &link) ? pf_waker_processes(waker, &processes) : 0;
        for (size_t k = 0; k < count; k++) {
            const struct pf_graph_thread *idle = idle_thread_of(graph, processes[k]);
            if (idle && processes[k] != waiter->process)
                return idle;
        }
    }
    return NULL;
}

/* Whoever has the other end is the waiter's own process, in which nobody else lives. */
static bool is_lost(const struct pf_graph *graph, size_t thread)
{
    const struct pf_graph_thread *it = &graph->threads[thread];
    struct pf_link link;
    if (!pf_graph_stuck(graph, thread) || it->state->wait.kind == PF_WAIT_SIGNAL ||
        it->state->wait.kind == PF_WAIT_STOPPED || pf_link_first(graph, thread, &link))
        return false;
    for (size_t i = 0; i < it->waker_count; i++) {
        const size_t *processes;
        size_t count = pf_waker_processes(&it->wakers[i], &processes);
        if (it->wakers[i].kind == PF_WAKER_ANYONE)
            return false;
        for (size_t k = 0; k < count; k++)
            if (processes[k] != it->process || idle_thread_of(graph, processes[k]))
                return false;
    }
    return true;
}

const struct pf_graph *pf_idle_lost(const struct pf_case *c)
{
    const char **living = NULL, **others = NULL;
    size_t living_count = 0, other_count = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++)
        if (c->graph->threads[i].base == PF_GRADE_ALIVE)
            add(c, &living, &living_count, c->graph->threads[i].state->thread);
    const struct pf_graph *graph = pf_graph_seclude(c->graph->snapshot, living, living_count, c->scratch);
    for (size_t i = 0; i < graph->snapshot->thread_count; i++)
        if (!is_lost(graph, i) || c->graph->threads[i].base != PF_GRADE_STUCK)
            add(c, &others, &other_count, graph->threads[i].state->thread);
    if (!others || other_count == graph->snapshot->thread_count)
        return NULL;
    return pf_graph_seclude(c->graph->snapshot, others, other_count, c->scratch);
}
