#include "judge/chain.h"

#include <string.h>

enum { CIRCLES_TRIED = 64 }; /* of how many threads the shortest circle is looked for */

/* The next stuck thread of the process at which the walk stands; false when there is no other. */
static bool next_in_process(const struct pf_graph *graph, size_t index, struct pf_link_walk *walk,
                            struct pf_link *ret_link)
{
    const struct pf_graph_process *process = &graph->processes[index];
    while (walk->thread < process->thread_count) {
        size_t to = process->threads[walk->thread++];
        if (to == walk->from || !pf_graph_stuck(graph, to))
            continue;
        ret_link->to = to;
        return true;
    }
    return false;
}

static bool next_of_waker(const struct pf_graph *graph, const struct pf_waker *waker,
                          struct pf_link_walk *walk, struct pf_link *ret_link)
{
    const size_t *processes;
    size_t count = pf_waker_processes(waker, &processes);
    for (; walk->process < count; walk->process++, walk->thread = 0)
        if (next_in_process(graph, processes[walk->process], walk, ret_link))
            return true;
    return false;
}

bool pf_link_next(const struct pf_graph *graph, struct pf_link_walk *walk, struct pf_link *ret_link)
{
    const struct pf_graph_thread *waiter = &graph->threads[walk->from];
    for (; walk->waker < waiter->waker_count; walk->waker++, walk->process = walk->thread = 0) {
        const struct pf_waker *waker = &waiter->wakers[walk->waker];
        *ret_link = (struct pf_link){.from = walk->from, .waker = waker, .to = waker->index};
        if (waker->remote)
            continue;
        if (waker->kind == PF_WAKER_THREAD && walk->thread++ == 0)
            return true; /* it may be the waiter itself: who locks what it has locked */
        if (next_of_waker(graph, waker, walk, ret_link))
            return true;
    }
    return false;
}

bool pf_link_first(const struct pf_graph *graph, size_t thread, struct pf_link *ret_link)
{
    struct pf_link_walk walk = {.from = thread};
    return pf_link_next(graph, &walk, ret_link);
}

/* Breadth-first; came_by[t] is the link by which t was first reached. */
struct search {
    const struct pf_graph *graph;
    struct pf_arena *scratch; /* rules search from every thread: what a search took must go with it */
    struct pf_link *came_by;
    bool *reached;
    size_t *queue;
    size_t head, tail;
};

static struct search search_from(const struct pf_graph *graph, size_t start)
{
    size_t count = graph->snapshot->thread_count;
    struct search search = {
        .graph = graph,
        .scratch = pf_arena_new(),
    };
    search.came_by = pf_arena_alloc(search.scratch, count * sizeof(struct pf_link));
    search.reached = pf_arena_alloc(search.scratch, count * sizeof(bool));
    search.queue = pf_arena_alloc(search.scratch, (count + 1) * sizeof(size_t));
    search.queue[search.tail++] = start;
    return search;
}

static void reach(struct search *search, const struct pf_link *link)
{
    if (search->reached[link->to])
        return;
    search->reached[link->to] = true;
    search->came_by[link->to] = *link;
    search->queue[search->tail++] = link->to;
}

/* The way from the start to `to`, read backwards from the links that reached it. */
static struct pf_chain *way_to(const struct search *search, size_t start, size_t to)
{
    const struct pf_graph *graph = search->graph;
    struct pf_chain *chain = pf_arena_alloc(graph->arena, sizeof(*chain));
    size_t count = 0;
    for (size_t at = to; count == 0 || at != start; at = search->came_by[at].from)
        count++;
    chain->links = pf_arena_alloc(graph->arena, (count + 1) * sizeof(*chain->links));
    chain->count = count;
    chain->closes_at = PF_NOWHERE;
    for (size_t at = to, i = count; i > 0; at = search->came_by[at].from)
        chain->links[--i] = search->came_by[at];
    return chain;
}

struct pf_chain *pf_chain_between(const struct pf_graph *graph, size_t from, size_t to,
                                  pf_link_filter *filter)
{
    struct pf_link first;
    if (!pf_link_first(graph, from, &first))
        return NULL;
    struct search search = search_from(graph, from);
    while (search.head < search.tail && !search.reached[to]) {
        struct pf_link_walk walk = {.from = search.queue[search.head++]};
        for (struct pf_link link; !search.reached[to] && pf_link_next(graph, &walk, &link);)
            if ((link.to != from || to == from) && (!filter || filter(graph, &link)))
                reach(&search, &link);
    }
    struct pf_chain *way = search.reached[to] ? way_to(&search, from, to) : NULL;
    pf_arena_free(search.scratch);
    return way;
}

static void close_chain(struct pf_chain *chain)
{
    size_t last = chain->links[chain->count - 1].to;
    chain->closes_at = PF_NOWHERE;
    for (size_t i = 0; i < chain->count && last != PF_NOWHERE; i++)
        if (chain->links[i].from == last) {
            chain->closes_at = i;
            return;
        }
}

/* The second may run through threads of the first: the story ends where it first comes back. */
struct pf_chain *pf_chain_join(const struct pf_graph *graph, const struct pf_chain *first,
                               const struct pf_chain *second)
{
    struct pf_chain *chain = pf_arena_alloc(graph->arena, sizeof(*chain));
    chain->links = pf_arena_alloc(graph->arena, (first->count + second->count) * sizeof(*chain->links));
    if (first->count)
        memcpy(chain->links, first->links, first->count * sizeof(*chain->links));
    chain->count = first->count;
    chain->closes_at = PF_NOWHERE;
    for (size_t i = 0; i < second->count && chain->closes_at == PF_NOWHERE; i++) {
        chain->links[chain->count++] = second->links[i];
        close_chain(chain);
    }
    return chain;
}

static bool dead_end(const struct pf_graph *graph, size_t thread)
{
    struct pf_link link;
    return !pf_link_first(graph, thread, &link);
}

static bool left_by_the_dead(const struct pf_graph *graph, size_t thread)
{
    const struct pf_graph_thread *waiter = &graph->threads[thread];
    return waiter->hard && waiter->waker_count == 0;
}

struct pf_chain *pf_chain_to_nobody(const struct pf_graph *graph, const struct pf_chain *way, size_t last)
{
    struct pf_chain *chain = pf_arena_alloc(graph->arena, sizeof(*chain));
    size_t count = way ? way->count : 0;
    chain->links = pf_arena_alloc(graph->arena, (count + 1) * sizeof(*chain->links));
    if (count)
        memcpy(chain->links, way->links, count * sizeof(*chain->links));
    chain->links[count] = (struct pf_link){.from = last, .to = PF_NOWHERE};
    chain->count = count + 1;
    chain->closes_at = PF_NOWHERE;
    return chain;
}

struct pf_chain *pf_chain_beyond(const struct pf_graph *graph, struct pf_chain *way, size_t last)
{
    if (way && way->closes_at != PF_NOWHERE)
        return way;
    struct pf_chain *circle = pf_chain_between(graph, last, last, NULL);
    if (!circle)
        return pf_chain_to_nobody(graph, way, last);
    const struct pf_chain none = {0};
    return pf_chain_join(graph, way ? way : &none, circle);
}

/* A word that any thread of the process may wake says little about who should, and no more does an event that
 * it has for itself. */
static bool is_vague(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_object *object = link->waker ? link->waker->object : NULL;
    return object && (object->futex || object->kind == PF_OBJECT_EVENTFD) &&
           link->waker->kind != PF_WAKER_THREAD && pf_link_is_internal(graph, link);
}

/* Who waits for the end of a thread does not wake it: a circle of these two says nothing. */
static bool is_hollow(const struct pf_graph *graph, const struct pf_link *link)
{
    struct pf_link back;
    return is_vague(graph, link) && pf_link_first(graph, link->to, &back) && back.to == link->from &&
           pf_link_is_for_end(graph, &back);
}

/* How good a story is: it ends at a cause, says of few links only that any thread could help, and is short.
 */
struct worth {
    bool cause;
    size_t vague, length;
};

static struct worth worth_of(const struct pf_graph *graph, const struct pf_chain *chain, bool cause)
{
    struct worth worth = {.cause = cause, .length = chain->count};
    for (size_t i = 0; i < chain->count; i++)
        worth.vague += (is_vague(graph, &chain->links[i]) || pf_link_is_to_peer(graph, &chain->links[i])) +
                       (size_t)is_hollow(graph, &chain->links[i]);
    return worth;
}

static bool is_better(const struct worth *a, const struct worth *b)
{
    if (a->cause != b->cause)
        return a->cause;
    return a->vague != b->vague ? a->vague < b->vague : a->length < b->length;
}

bool pf_link_is_to_peer(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_object *object = link->waker ? link->waker->object : NULL;
    if (!object || !object->futex || link->to == PF_NOWHERE || link->waker->kind == PF_WAKER_THREAD)
        return false;
    const struct pf_wait *wait = &graph->threads[link->to].state->wait;
    return wait->kind == PF_WAIT_FUTEX && wait->target_count == 1 && wait->targets[0].object &&
           strcmp(wait->targets[0].object, object->id) == 0;
}

static bool is_to_another(const struct pf_graph *graph, const struct pf_link *link)
{
    return !pf_link_is_to_peer(graph, link);
}

/* The way back to where it starts. Who waits for the very same word brings no news: others first. */
static struct pf_chain *circle_at(const struct pf_graph *graph, size_t at)
{
    struct pf_chain *circle = pf_chain_between(graph, at, at, is_to_another);
    return circle ? circle : pf_chain_between(graph, at, at, NULL);
}

/* The story that ends at thread `at`, to which `way` leads (NULL: it is the start itself); NULL: there is
 * none. */
static struct pf_chain *story_at(const struct pf_graph *graph, const struct pf_chain *way, size_t at)
{
    if (dead_end(graph, at) || left_by_the_dead(graph, at))
        return pf_chain_to_nobody(graph, way, at);
    struct pf_chain *circle = circle_at(graph, at);
    if (circle && way)
        return pf_chain_join(graph, way, circle);
    if (circle)
        close_chain(circle);
    return circle;
}

struct pf_chain *pf_chain_from(const struct pf_graph *graph, size_t start)
{
    struct search search = search_from(graph, start);
    struct pf_chain *best = NULL;
    struct worth worth = {0};
    for (size_t tried = 0; search.head < search.tail; tried++) {
        size_t at = search.queue[search.head++];
        struct pf_chain *way = at == start ? NULL : way_to(&search, start, at);
        bool cause = left_by_the_dead(graph, at);
        struct pf_link_walk walk = {.from = at};
        for (struct pf_link link; pf_link_next(graph, &walk, &link);)
            if (link.to != start)
                reach(&search, &link);
        bool shorter = !best || worth.vague || (way ? way->count : 0) + 1 < worth.length;
        struct pf_chain *found = cause || dead_end(graph, at) || (tried < CIRCLES_TRIED && shorter)
                                     ? story_at(graph, way, at)
                                     : NULL;
        struct worth its = found ? worth_of(graph, found, cause) : worth;
        if (found && (!best || is_better(&its, &worth))) {
            best = found;
            worth = its;
        }
    }
    pf_arena_free(search.scratch);
    return best;
}

bool pf_link_is_for_end(const struct pf_graph *graph, const struct pf_link *link)
{
    (void)graph;
    const struct pf_object *object = link->waker ? link->waker->object : NULL;
    if (!link->waker)
        return false;
    if (!object)
        return link->waker->kind == PF_WAKER_PROCESS; /* by its end */
    return object->kind == PF_OBJECT_FUTEX && object->futex->kind == PF_FUTEX_JOIN;
}

static bool writes_only(const struct pf_object *object, const char *process)
{
    bool holds = false;
    for (size_t i = 0; i < object->holder_count; i++) {
        if (strcmp(object->holders[i].process, process) != 0)
            continue;
        if (object->holders[i].reads)
            return false;
        holds = true;
    }
    return holds;
}

bool pf_link_is_for_room(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_thread_state *from = graph->threads[link->from].state;
    const struct pf_object *object = link->waker ? link->waker->object : NULL;
    const struct pf_target *target = link->waker ? link->waker->target : NULL;
    if (!object || (object->kind != PF_OBJECT_PIPE && object->kind != PF_OBJECT_FIFO &&
                    object->kind != PF_OBJECT_SOCKET && object->kind != PF_OBJECT_MQUEUE))
        return false;
    if (from->wait.kind == PF_WAIT_WRITE)
        return true;
    if (from->wait.kind != PF_WAIT_POLL)
        return false;
    const struct pf_object *polled = target ? pf_graph_object(graph, target->object) : NULL;
    if (polled && polled->kind != PF_OBJECT_EPOLL)
        return target->writable && !target->readable;
    /* What a member of an epoll set is watched for is not told, but which end of a full pipe it is. */
    return object->queued && writes_only(object, from->process);
}

bool pf_link_is_internal(const struct pf_graph *graph, const struct pf_link *link)
{
    return link->to != PF_NOWHERE && graph->threads[link->from].process == graph->threads[link->to].process;
}

bool pf_link_leads_to_end(const struct pf_graph *graph, const struct pf_link *link)
{
    return pf_link_is_for_end(graph, link) || pf_link_is_internal(graph, link);
}
