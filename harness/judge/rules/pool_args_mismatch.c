/*
 * pool-args-mismatch: a process waits for answers that nobody but itself could send, while the workers that
 * it gives tasks to are idle, have nothing of that pipe, and have never written a byte: it came after them,
 * and what stood for it in the tasks meant nothing to them.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Who else has hold of the object? */
static bool is_held_alone(const struct pf_object *object, const char *process)
{
    bool writes = false;
    for (size_t i = 0; i < object->holder_count; i++) {
        if (strcmp(object->holders[i].process, process) != 0)
            return false;
        writes |= object->holders[i].writes;
    }
    return writes;
}

/* The pipe that the thread reads, if all of it is in its own process; NULL: it is not. */
static const struct pf_object *own_pipe(const struct pf_graph *graph, size_t thread)
{
    const struct pf_thread_state *state = graph->threads[thread].state;
    const struct pf_object *object = state->wait.kind == PF_WAIT_READ && state->wait.target_count
                                         ? pf_graph_object(graph, state->wait.targets[0].object)
                                         : NULL;
    bool pipe = object && (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO);
    return pipe && is_held_alone(object, state->process) ? object : NULL;
}

static bool is_brought_by(const struct pf_graph *graph, size_t thread, size_t process)
{
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);)
        if (link.to != PF_NOWHERE && graph->threads[link.to].process == process && link.waker->object)
            return true;
    return false;
}

/* A pool of Python's is at work in the process: it has threads that hand tasks over and take results. */
static bool runs_python_pool(const struct pf_case *c, size_t process)
{
    static const char handler[] = "Pool._handle_";
    const struct pf_graph_process *p = &c->graph->processes[process];
    for (size_t i = 0; i < p->thread_count; i++) {
        uint64_t seq;
        const struct pf_ev_stack *stack =
            pf_history_stack(c->history, c->graph->threads[p->threads[i]].state->thread, &seq);
        for (size_t k = 0; stack && k < stack->frame_count; k++) {
            const struct pf_frame *frame = &stack->frames[k];
            if (frame->language && frame->module && frame->function &&
                strncmp(frame->function, handler, sizeof(handler) - 1) == 0)
                return true;
        }
    }
    return false;
}

/* The children of the process, if all are idle and mute; one at least waits for its tasks and has had some.
 */
static bool find_workers(const struct pf_case *c, size_t process, const char **ret_names)
{
    const struct pf_graph *graph = c->graph;
    const char **names = NULL;
    size_t count = 0;
    bool fed = false, tasked = runs_python_pool(c, process);
    for (size_t i = 0; i < graph->process_count; i++) {
        const struct pf_graph_process *p = &graph->processes[i];
        const struct pf_life *life = pf_history_life(c->history, p->address);
        if (!p->thread_count || !life || !life->parent ||
            strcmp(life->parent, graph->processes[process].address) != 0)
            continue;
        if (!p->state || !p->state->wrote_nothing)
            return false;
        tasked |= p->state->has_read;
        for (size_t k = 0; k < p->thread_count; k++) {
            if (graph->threads[p->threads[k]].ended)
                continue;
            if (!pf_graph_stuck(graph, p->threads[k]) || !pf_waits_for_news(graph, p->threads[k]))
                return false;
            fed |= is_brought_by(graph, p->threads[k], process);
        }
        *(const char **)pf_arena_grow(c->scratch, &names, &count, sizeof(*names)) =
            pf_case_label(c, p->address);
    }
    *ret_names = pf_phrase_list(c->scratch, names, count);
    return count && fed && tasked;
}

bool pf_rule_pool_args_mismatch(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *state = c->graph->threads[i].state;
        const char *workers;
        if (!pf_graph_stuck(c->graph, i) || !own_pipe(c->graph, i) ||
            !find_workers(c, c->graph->threads[i].process, &workers))
            continue;
        ret_match->chain = pf_chain_to_nobody(c->graph, NULL, i);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s %s, which is open in %s alone. Of those who work for it, %s, nobody has that pipe, or has "
            "ever "
            "written a byte: all wait for their next task. A handle in the bytes of a task means nothing in "
            "a process "
            "that was started before: only the number arrives, if anything does.",
            pf_case_label(c, state->thread), pf_phrase_wait(c, state), state->process, workers);
        ret_match->fix =
            "Give workers what they are to use when they are started, or send a descriptor as a descriptor "
            "(SCM_RIGHTS over a Unix socket) and not as a number (in Python: initializer and initargs of the "
            "Pool, or a queue of a Manager; and call get() on each AsyncResult: it raises what went wrong).";
        return true;
    }
    return false;
}
