/*
 * pool-not-closed: workers wait for the next task, and whoever gave them tasks has come to its end without
 * telling them that there are no more: it waits for the workers to end, or has ended and left them behind.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/orphans.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static const char fix[] =
    "Close the pool before the program leaves, on every way out: say that there is no more work (close the "
    "writing end of the queue, or one last task for each worker that means stop), wait for the workers, then "
    "free what they shared (in Python: ProcessPoolExecutor in a with statement, or close() and join()).";

static const char *others(size_t count)
{
    return count == 2 ? "other likewise," : "others likewise,";
}

/* Every thread of the process is there for news. */
static bool is_idle(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *p = &graph->processes[process];
    bool waits = false;
    for (size_t i = 0; i < p->thread_count; i++) {
        if (graph->threads[p->threads[i]].ended)
            continue;
        if (!pf_waits_for_news(graph, p->threads[i]))
            return false;
        waits = true;
    }
    return waits;
}

static bool is_child_of(const struct pf_case *c, size_t process, const char *parent)
{
    const struct pf_life *life = pf_history_life(c->history, c->graph->processes[process].address);
    return life && life->parent && strcmp(life->parent, parent) == 0;
}

/* A thread of the process that waits for the end of another process. */
static size_t joiner_of(const struct pf_graph *graph, size_t parent)
{
    const struct pf_graph_process *p = &graph->processes[parent];
    for (size_t i = 0; i < p->thread_count; i++) {
        struct pf_link link;
        if (pf_graph_stuck(graph, p->threads[i]) && pf_link_first(graph, p->threads[i], &link) &&
            pf_link_is_for_end(graph, &link) && !pf_link_is_internal(graph, &link))
            return p->threads[i];
    }
    return PF_NOWHERE;
}

struct staff {
    size_t count; /* workers */
    size_t
        worker; /* a thread of one, which waits for what its parent could bring and all of them could take */
    const struct pf_object *source; /* where that comes from */
};

/* Could the process take what comes through the object? */
static bool takes_from(const struct pf_object *object, const char *process)
{
    for (size_t i = 0; i < object->holder_count; i++)
        if (object->holders[i].reads && strcmp(object->holders[i].process, process) == 0)
            return true;
    return object->futex && pf_futex_reached_by(object->futex, process);
}

static bool all_take_from(const struct pf_case *c, const struct pf_object *object, const char *parent)
{
    for (size_t i = 0; i < c->graph->process_count; i++)
        if (c->graph->processes[i].thread_count && is_child_of(c, i, parent) &&
            !takes_from(object, c->graph->processes[i].address))
            return false;
    return true;
}

/* The thread is idle for the parent's or its siblings' sake only. Of two that would do, one that waits for
 * data says more than one that waits for his turn at the same queue. */
static bool look_at_worker(const struct pf_case *c, size_t thread, size_t parent, struct staff *staff)
{
    const struct pf_graph *graph = c->graph;
    const char *address = graph->processes[parent].address;
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);) {
        size_t bringer = link.to == PF_NOWHERE ? PF_NOWHERE : graph->threads[link.to].process;
        bool reads = graph->threads[thread].state->wait.kind == PF_WAIT_READ;
        if (bringer == parent && link.waker->object && (staff->worker == PF_NOWHERE || reads) &&
            all_take_from(c, link.waker->object, address)) {
            staff->worker = thread;
            staff->source = link.waker->object;
        }
        if (bringer != parent && (bringer == PF_NOWHERE || !is_child_of(c, bringer, address)))
            return false;
    }
    return true;
}

/* A child that waits for other data than the rest is no worker of theirs, but a stage of a pipeline. */
static bool reads_elsewhere(const struct pf_graph *graph, const struct pf_graph_process *child,
                            const struct pf_object *source)
{
    for (size_t i = 0; i < child->thread_count; i++) {
        const struct pf_wait *wait = &graph->threads[child->threads[i]].state->wait;
        if (wait->kind == PF_WAIT_READ && wait->target_count &&
            pf_graph_object(graph, wait->targets[0].object) != source)
            return true;
    }
    return false;
}

static bool all_read_from(const struct pf_case *c, const char *parent, const struct pf_object *source)
{
    for (size_t i = 0; i < c->graph->process_count; i++)
        if (is_child_of(c, i, parent) && reads_elsewhere(c->graph, &c->graph->processes[i], source))
            return false;
    return true;
}

/* The children of the process, if all of them wait for news, and for those from it or from each other only.
 */
static bool find_staff(const struct pf_case *c, size_t parent, struct staff *ret_staff)
{
    const struct pf_graph *graph = c->graph;
    struct staff staff = {.worker = PF_NOWHERE};
    for (size_t i = 0; i < graph->process_count; i++) {
        const struct pf_graph_process *p = &graph->processes[i];
        if (!p->thread_count || !is_child_of(c, i, graph->processes[parent].address))
            continue;
        if (!is_idle(graph, i))
            return false;
        for (size_t k = 0; k < p->thread_count; k++)
            if (!look_at_worker(c, p->threads[k], parent, &staff))
                return false;
        staff.count++;
    }
    *ret_staff = staff;
    return staff.count >= 2 && staff.worker != PF_NOWHERE &&
           all_read_from(c, graph->processes[parent].address, staff.source);
}

/* The parent waits for workers that wait for it. */
static bool joins_the_idle(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_graph *graph = c->graph;
    for (size_t i = 0; i < graph->process_count; i++) {
        struct staff staff;
        size_t joiner = joiner_of(graph, i);
        if (joiner == PF_NOWHERE || !find_staff(c, i, &staff))
            continue;
        const struct pf_thread_state *joins = graph->threads[joiner].state;
        const struct pf_thread_state *idle = graph->threads[staff.worker].state;
        ret_match->chain = pf_chain_from(graph, joiner);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s %s, and has not told its %zu workers that there is no more work: %s %s, the "
            "%s for the next task, which only %s could bring.",
            pf_case_label(c, joins->thread), pf_phrase_wait(c, joins), staff.count,
            pf_case_label(c, idle->thread), pf_phrase_wait(c, idle), others(staff.count), joins->process);
        ret_match->fix = fix;
        return true;
    }
    return false;
}

/* Something that tasks come through, and that nobody outside could bring any through. */
static bool brings_tasks(const struct pf_object *object)
{
    return object && !object->external && !object->listening &&
           (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
            object->kind == PF_OBJECT_SOCKET || object->kind == PF_OBJECT_MQUEUE ||
            (object->futex && object->futex->shared));
}

/* What the orphan waits for, if it is idle; NULL: it is not. */
static const struct pf_thread_state *idle_thread(const struct pf_case *c, const struct pf_life *orphan,
                                                 const struct pf_object **ret_object)
{
    size_t process = pf_lookup_find(&c->graph->process_index, orphan->process);
    if (process == PF_NOWHERE || !is_idle(c->graph, process))
        return NULL;
    const struct pf_graph_process *p = &c->graph->processes[process];
    for (size_t i = 0; i < p->thread_count; i++) {
        const struct pf_thread_state *state = c->graph->threads[p->threads[i]].state;
        for (size_t k = 0; k < state->wait.target_count; k++) {
            *ret_object = pf_graph_object(c->graph, state->wait.targets[k].object);
            if (brings_tasks(*ret_object))
                return state;
        }
    }
    return NULL;
}

/* All who were left behind are children of the same process, which came to its own end, and wait idly; two of
 * them or more for the same thing. */
static bool leaves_the_idle(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *first = NULL;
    const struct pf_thread_state *waits = NULL;
    const struct pf_object *shared = NULL;
    size_t at = 0, count = 0, together = 0;
    for (const struct pf_life *orphan; (orphan = pf_orphan_next(c, &at));) {
        const struct pf_object *object;
        const struct pf_thread_state *state = idle_thread(c, orphan, &object);
        if (!state || !orphan->parent || (first && strcmp(orphan->parent, first->parent) != 0))
            return false;
        first = first ? first : orphan;
        waits = waits ? waits : state;
        shared = shared ? shared : object;
        together += object == shared;
        count++;
    }
    struct pf_bereft bereft;
    if (together < 2 || !pf_orphans_draw(c, false, &bereft) || bereft.count != count ||
        strcmp(bereft.gone->process, first->parent) != 0)
        return false;
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s %s and left the %zu workers of its pool behind: %s %s, the %s for the next task. "
                        "Nobody is left who could bring one, or tell them that there are no more.",
                        pf_case_label(c, bereft.gone->process), pf_phrase_end(c, bereft.gone), count,
                        pf_case_label(c, waits->thread), pf_phrase_wait(c, waits), others(count));
    ret_match->fix = fix;
    return true;
}

bool pf_rule_pool_not_closed(struct pf_case *c, struct pf_match *ret_match)
{
    if (!c->graph)
        return false;
    return (c->stuck && joins_the_idle(c, ret_match)) || leaves_the_idle(c, ret_match);
}
