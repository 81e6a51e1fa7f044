#include "judge/wakers_internal.h"

void pf_wakers_raise(struct pf_graph_thread *thread, enum pf_grade grade, const char *why)
{
    if (grade > thread->base) {
        thread->base = grade;
        thread->why = why;
    }
}

struct pf_waker *pf_wakers_add(const struct pf_waker_search *search, enum pf_waker_kind kind, size_t index,
                               const struct pf_object *object)
{
    struct pf_graph_thread *thread = search->thread;
    struct pf_waker *waker =
        pf_arena_grow(search->graph->arena, &thread->wakers, &thread->waker_count, sizeof(*waker));
    *waker = (struct pf_waker){.kind = kind, .index = index, .target = search->target, .object = object};
    return waker;
}

void pf_wakers_add_remote(const struct pf_waker_search *search, size_t process)
{
    pf_wakers_add(search, PF_WAKER_PROCESS, process, NULL)->remote = true;
}

void pf_wakers_add_process(const struct pf_waker_search *search, const char *address,
                           const struct pf_object *object, bool remote)
{
    size_t index = pf_lookup_find(&search->graph->process_index, address);
    if (index == PF_NOWHERE)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "somebody unseen could end it");
    else
        pf_wakers_add(search, PF_WAKER_PROCESS, index, object)->remote = remote;
}

void pf_wakers_add_anyone(const struct pf_waker_search *search, const struct pf_object *object)
{
    pf_wakers_add(search, PF_WAKER_ANYONE, 0, object);
}

static void join_party(struct pf_graph *graph, struct pf_party *party, const char *address)
{
    size_t process = pf_lookup_find(&graph->process_index, address);
    if (process == PF_NOWHERE)
        party->unseen = true;
    else if (!party->count || party->processes[party->count - 1] != process)
        *(size_t *)pf_arena_grow(graph->arena, &party->processes, &party->count, sizeof(size_t)) = process;
}

static struct pf_party *new_party(struct pf_graph *graph, const struct pf_object *object, enum pf_end end)
{
    struct pf_party *party = pf_arena_alloc(graph->arena, sizeof(*party));
    for (size_t i = 0; end != PF_END_MAPPERS && i < object->holder_count; i++) {
        const struct pf_holder *holder = &object->holders[i];
        if (end == PF_END_HOLDERS || (end == PF_END_READERS ? holder->reads : holder->writes))
            join_party(graph, party, holder->process);
    }
    for (size_t i = 0; end == PF_END_MAPPERS && i < object->futex->process_count; i++)
        join_party(graph, party, object->futex->processes[i]);
    return party;
}

struct pf_waker *pf_wakers_add_party(const struct pf_waker_search *search, const struct pf_object *object,
                                     enum pf_end end)
{
    struct pf_graph *graph = search->graph;
    size_t slot = (size_t)(object - graph->snapshot->objects) * PF_END__COUNT + (size_t)end;
    if (!graph->parties[slot])
        graph->parties[slot] = new_party(graph, object, end);
    const struct pf_party *party = graph->parties[slot];
    if (party->unseen)
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "somebody unseen could end it");
    if (!party->count)
        return NULL;
    struct pf_waker *waker = pf_wakers_add(search, PF_WAKER_PARTY, PF_NOWHERE, object);
    waker->party = party;
    return waker;
}

void pf_wakers_end_of_process(const struct pf_waker_search *search, const char *address)
{
    size_t index = pf_lookup_find(&search->graph->process_index, address);
    const struct pf_process_state *state = index == PF_NOWHERE ? NULL : search->graph->processes[index].state;
    if (index == PF_NOWHERE || (state && state->zombie))
        pf_wakers_raise(search->thread, PF_GRADE_ALIVE, "what it waits for has just ended");
    else
        pf_wakers_add(search, PF_WAKER_PROCESS, index, NULL);
}

void pf_wakers_by_anybody(const struct pf_waker_search *search, const struct pf_object *object,
                          const char *why)
{
    pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE, why);
    pf_wakers_add_anyone(search, object);
}

void pf_wakers_by_insiders(const struct pf_waker_search *search, const struct pf_object *object,
                           const char *why)
{
    if (!search->graph->secluded)
        pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE, why);
    pf_wakers_add_anyone(search, object);
}

/* Is it reached from outside only by who comes to its name, and does the graph suppose that nobody does? A
 * socket or a file that is watched has its name for those outside. */
static bool is_left_alone(const struct pf_waker_search *search, const struct pf_object *object)
{
    return search->graph->secluded && object->by_name && object->kind != PF_OBJECT_SOCKET &&
           object->kind != PF_OBJECT_INOTIFY;
}

void pf_wakers_by_reach(const struct pf_waker_search *search, const struct pf_object *object,
                        const char *otherwise)
{
    if (object->external && !is_left_alone(search, object))
        pf_wakers_raise(search->thread, PF_GRADE_OUTSIDE,
                        object->external_why ? object->external_why : otherwise);
}
