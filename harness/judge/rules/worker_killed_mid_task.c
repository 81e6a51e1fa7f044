/*
 * worker-killed-mid-task: a parent waits for what its workers send, one of them was killed, and the others
 * have nothing to do: they wait for work. What the dead one had in hand died with it, and nobody does it
 * again.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Could another process have brought it? */
static bool comes_from_others(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object = pf_graph_object(graph, wait->targets[i].object);
        if (object && (!object->futex || object->futex->shared))
            return true;
    }
    return false;
}

/* A thread of the process that waits for news from others; PF_NOWHERE: none, or one that waits for an end. */
static size_t listener(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *p = &graph->processes[process];
    size_t found = PF_NOWHERE;
    for (size_t i = 0; i < p->thread_count; i++) {
        struct pf_link link;
        size_t thread = p->threads[i];
        if (!pf_graph_stuck(graph, thread))
            continue;
        if (pf_link_first(graph, thread, &link) && pf_link_is_for_end(graph, &link))
            return PF_NOWHERE;
        if (found == PF_NOWHERE && pf_waits_for_news(graph, thread) && comes_from_others(graph, thread))
            found = thread;
    }
    return found;
}

static bool is_child_of(const struct pf_case *c, size_t process, const struct pf_life *parent)
{
    const struct pf_life *life = pf_history_life(c->history, c->graph->processes[process].address);
    return life && pf_history_life(c->history, life->parent) == parent;
}

/* Nobody among the dead one's living siblings has anything to do. */
static bool siblings_idle(const struct pf_case *c, const struct pf_life *parent, size_t *ret_count)
{
    const struct pf_graph *graph = c->graph;
    *ret_count = 0;
    for (size_t i = 0; i < graph->process_count; i++) {
        if (!is_child_of(c, i, parent) || !graph->processes[i].thread_count)
            continue;
        ++*ret_count;
        for (size_t k = 0; k < graph->processes[i].thread_count; k++) {
            size_t thread = graph->processes[i].threads[k];
            if (!graph->threads[thread].ended &&
                (!pf_graph_stuck(graph, thread) || !pf_waits_for_news(graph, thread)))
                return false;
        }
    }
    return true;
}

static const char *tell_siblings(const struct pf_case *c, size_t count)
{
    if (count == 0)
        return "no other worker is left";
    return count == 1 ? "its only living sibling waits for work"
                      : pf_arena_printf(c->scratch, "its %zu living siblings wait for work", count);
}

static const char fix[] =
    "Watch the workers while waiting for their results (a pidfd or sentinel of each in the same poll), know "
    "who "
    "has which task, and run the task again or fail it with the worker's exit reason (in Python: "
    "concurrent.futures raises BrokenProcessPool where multiprocessing.Pool hangs).";

/* The last child that a signal ended, or that says by its status that it failed. */
static const struct pf_life *failed_child(const struct pf_case *c, const char *process)
{
    const struct pf_life *last = pf_killed_child(c, process);
    for (size_t i = 0; !last && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (life->parent && strcmp(life->parent, process) == 0 && life->exit && life->exit->exit.code)
            last = life;
    }
    return last;
}

/* A pipe, FIFO or message queue that is full, and that only the process itself has open to read from. */
static bool is_read_by_itself_alone(const struct pf_graph *graph, size_t thread)
{
    const struct pf_thread_state *state = graph->threads[thread].state;
    const struct pf_object *object = state->wait.kind == PF_WAIT_WRITE && state->wait.target_count
                                         ? pf_graph_object(graph, state->wait.targets[0].object)
                                         : NULL;
    bool reads = false;
    if (!object || (object->kind != PF_OBJECT_PIPE && object->kind != PF_OBJECT_FIFO &&
                    object->kind != PF_OBJECT_MQUEUE))
        return false;
    for (size_t i = 0; i < object->holder_count; i++) {
        bool own = strcmp(object->holders[i].process, state->process) == 0;
        if (object->holders[i].reads && !own)
            return false;
        reads |= object->holders[i].reads;
    }
    return reads;
}

static void tell_fed(struct pf_case *c, const struct pf_thread_state *state, const struct pf_life *dead,
                     struct pf_match *ret_match)
{
    const struct pf_object *object = pf_graph_object(c->graph, state->wait.targets[0].object);
    bool queue = object->kind == PF_OBJECT_MQUEUE;
    const char *why =
        queue ? pf_arena_printf(c->scratch,
                                "a queue does not tell that its receiver is gone, so that %s waits for ever",
                                state->process)
              : pf_arena_printf(
                    c->scratch,
                    "the reading end is open only in %s itself, which does not read it either. While it is "
                    "open there, the write does not fail (EPIPE) but waits for ever",
                    state->process);
    ret_match->summary =
        pf_arena_printf(c->scratch, "%s %s. %s, one of its workers, %s and reads no more; %s.",
                        pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                        pf_case_label(c, dead->process), pf_phrase_killed(c, dead), why);
    ret_match->fix = pf_arena_printf(
        c->scratch, "%s %s",
        queue ? "Send with a time limit (mq_timedsend), and look then whether the receiver still lives."
              : "Close the reading end in the process that writes, once the workers have theirs: then "
                "the write fails when the last of them has gone.",
        fix);
}

/*
 * Tasks are written to a worker that has gone. Its own copy of the reading end keeps the write of the parent
 * from failing, so that it waits for room where nobody reads any more.
 */
static bool feeds_the_dead(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *state = c->graph->threads[i].state;
        const struct pf_life *dead = pf_graph_stuck(c->graph, i) && is_read_by_itself_alone(c->graph, i)
                                         ? failed_child(c, state->process)
                                         : NULL;
        if (!dead)
            continue;
        ret_match->chain = pf_chain_to_nobody(c->graph, NULL, i);
        ret_match->dead = dead->process;
        tell_fed(c, state, dead, ret_match);
        return true;
    }
    return false;
}

/* Nobody but the process itself has the other end of what it reads. */
static bool reads_only_from_itself(const struct pf_case *c, size_t thread)
{
    const struct pf_graph_thread *reader = &c->graph->threads[thread];
    bool own = false;
    for (size_t i = 0; i < reader->waker_count; i++) {
        const size_t *processes;
        size_t count = reader->wakers[i].remote ? 0 : pf_waker_processes(&reader->wakers[i], &processes);
        for (size_t k = 0; k < count; k++) {
            if (processes[k] != reader->process)
                return false;
            own = true;
        }
    }
    return own && reader->state->wait.kind == PF_WAIT_READ;
}

bool pf_rule_worker_killed_mid_task(struct pf_case *c, struct pf_match *ret_match)
{
    if (c->stuck && feeds_the_dead(c, ret_match))
        return true;
    for (size_t i = 0; c->stuck && i < c->graph->process_count; i++) {
        const struct pf_life *parent = pf_history_life(c->history, c->graph->processes[i].address);
        const struct pf_life *dead = parent ? pf_killed_child(c, parent->process) : NULL;
        size_t siblings, thread = dead ? listener(c->graph, i) : PF_NOWHERE;
        if (thread == PF_NOWHERE || !siblings_idle(c, parent, &siblings))
            continue;
        const struct pf_thread_state *state = c->graph->threads[thread].state;
        ret_match->chain = pf_chain_beyond(c->graph, NULL, thread);
        ret_match->summary = pf_arena_printf(c->scratch,
                                             "%s %s. %s, one of its workers, %s: what it had in hand died "
                                             "with it, and %s. What is waited for is "
                                             "never sent.",
                                             pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                                             pf_case_label(c, dead->process), pf_phrase_killed(c, dead),
                                             tell_siblings(c, siblings));
        ret_match->fix =
            reads_only_from_itself(c, thread)
                ? pf_arena_printf(c->scratch,
                                  "Close in %s, right after the workers were made, the end that only they "
                                  "write to: then the wait ends, with an end of file (in Python: EOFError), "
                                  "when the last of them does. %s",
                                  state->process, fix)
                : fix;
        return true;
    }
    return false;
}
