/*
 * join-before-drain: somebody waits for the end of a process (or of a thread) that cannot end before what it
 * writes is read, and whoever should read it is the one who waits, or waits for it.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Is the thread blocked on a pipe, socket or queue that is full? Returns the object. */
static const struct pf_object *full_object(const struct pf_case *c, size_t thread)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    const struct pf_futex *places = pf_graph_futex(graph, thread);
    /* A queue of Python with a limit counts its free places with a semaphore. */
    if (places && places->shared && places->kind == PF_FUTEX_SEMAPHORE &&
        pf_stands_in_method(c, graph->threads[thread].state->thread, "Queue.put"))
        return pf_graph_object(graph, wait->targets[0].object);
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_target *target = &wait->targets[i];
        const struct pf_object *object = pf_graph_object(graph, target->object);
        bool polls = wait->kind == PF_WAIT_POLL && target->writable && !target->readable;
        /* A poll of a pipe that is not full waits for its readers to go away. */
        bool writes = wait->kind == PF_WAIT_WRITE ||
                      (polls && object && (object->queued || object->kind == PF_OBJECT_SOCKET));
        if (writes && object &&
            (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
             object->kind == PF_OBJECT_SOCKET))
            return object;
    }
    return NULL;
}

/* Another thread of the waiter's process waits for room towards the writer's: there each fills the other's
 * pipe, and the wait for the end stands only beside that. */
static bool is_filled_in_turn(const struct pf_graph *graph, size_t waiter, size_t writer)
{
    const struct pf_graph_process *process = &graph->processes[graph->threads[waiter].process];
    for (size_t i = 0; i < process->thread_count; i++) {
        struct pf_link_walk walk = {.from = process->threads[i]};
        for (struct pf_link link; walk.from != waiter && pf_link_next(graph, &walk, &link);)
            if (link.to == writer && pf_link_is_for_room(graph, &link))
                return true;
    }
    return false;
}

/* From the writer to the one who waits for its end: by a reader of what is full, and only so. */
static struct pf_chain *way_by_readers(const struct pf_graph *graph, size_t writer, size_t waiter)
{
    struct pf_link_walk walk = {.from = writer};
    struct pf_chain *best = NULL;
    for (struct pf_link link; pf_link_next(graph, &walk, &link);) {
        const struct pf_chain step = {.links = &link, .count = 1, .closes_at = PF_NOWHERE}, none = {0};
        const struct pf_chain *rest = &none;
        if (link.to != waiter)
            rest = link.to == writer ? NULL : pf_chain_between(graph, link.to, waiter, pf_link_leads_to_end);
        struct pf_chain *way = rest ? pf_chain_join(graph, &step, rest) : NULL;
        if (way && (!best || way->count < best->count))
            best = way;
    }
    return best;
}

/* The wait for the end that leads from the waiter to the writer. */
static struct pf_chain *way_to_writer(const struct pf_graph *graph, size_t waiter, size_t writer)
{
    struct pf_chain *way = pf_chain_between(graph, waiter, writer, pf_link_leads_to_end);
    return way && pf_link_is_for_end(graph, &way->links[0]) ? way : NULL;
}

static const char *who_cannot_end(const struct pf_case *c, const struct pf_thread_state *waiter,
                                  const struct pf_thread_state *blocked)
{
    bool whole = strcmp(waiter->process, blocked->process) != 0;
    return pf_arena_printf(c->scratch, "%s %s", whole ? "process" : "thread",
                           whole ? blocked->process : blocked->thread);
}

static void tell(struct pf_case *c, const struct pf_chain *way, size_t writer, struct pf_match *ret_match)
{
    const struct pf_thread_state *waiter = c->graph->threads[way->links[0].from].state;
    const struct pf_thread_state *blocked = c->graph->threads[writer].state;
    const struct pf_object *object = full_object(c, writer);
    const char *size = object->capacity
                           ? pf_arena_printf(c->scratch, " There is room for %s in it, and no more.",
                                             pf_phrase_count(c->scratch, object->capacity, "byte"))
                           : "";
    const char *last = pf_case_label(c, waiter->thread);
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s %s. But %s %s, and %s cannot end before that is read.%s %s should read it, and "
                        "will not before the "
                        "other has ended: both wait for ever.",
                        last, pf_phrase_wait(c, waiter), pf_case_label(c, blocked->thread),
                        pf_phrase_wait(c, blocked), who_cannot_end(c, waiter, blocked), size, last);
    ret_match->fix =
        "Read everything first and wait for the end afterwards: drain the queue or the pipe until "
        "end of file, then join. Where both must happen at once, read in a thread or with poll "
        "(in Python: communicate() instead of wait()).";
}

bool pf_rule_join_before_drain(struct pf_case *c, struct pf_match *ret_match)
{
    if (!c->stuck)
        return false;
    struct pf_chain *best = NULL;
    size_t best_writer = PF_NOWHERE, best_back = 0;
    for (size_t writer = 0; writer < c->graph->snapshot->thread_count; writer++) {
        if (!pf_graph_stuck(c->graph, writer) || !full_object(c, writer))
            continue;
        for (size_t waiter = 0; waiter < c->graph->snapshot->thread_count; waiter++) {
            if (waiter == writer || !pf_graph_stuck(c->graph, waiter) ||
                is_filled_in_turn(c->graph, waiter, writer))
                continue;
            struct pf_chain *way = way_to_writer(c->graph, waiter, writer);
            struct pf_chain *back = way ? way_by_readers(c->graph, writer, waiter) : NULL;
            struct pf_chain *circle = back ? pf_chain_join(c->graph, way, back) : NULL;
            /* Of those who wait for each other's ends, the one who should read. */
            if (circle && (!best || circle->count < best->count ||
                           (circle->count == best->count && back->count < best_back))) {
                best = circle;
                best_writer = writer;
                best_back = back->count;
            }
        }
    }
    if (!best)
        return false;
    ret_match->chain = best;
    tell(c, best, best_writer, ret_match);
    return true;
}
