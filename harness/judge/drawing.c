#include "judge/drawing.h"

#include <string.h>

#include "judge/hold.h"
#include "judge/phrases.h"

enum { OTHERS_DRAWN = 24 };
#define NOBODY "nobody"

static const struct pf_object *waited_object(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_wait *wait = &graph->threads[link->from].state->wait;
    if (link->waker)
        return link->waker->object;
    return wait->target_count ? pf_graph_object(graph, wait->targets[0].object) : NULL;
}

static const struct pf_target *waited_target(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_wait *wait = &graph->threads[link->from].state->wait;
    if (link->waker && link->waker->target)
        return link->waker->target;
    return wait->target_count ? &wait->targets[0] : NULL;
}

static const struct pf_life *life_of(const struct pf_case *c, const char *address)
{
    return pf_history_life(c->history, pf_process_of(address, c->scratch));
}

/* Whom the last link of a chain points to when nobody living could end the wait. */
static const char *dead_end(const struct pf_case *c, const struct pf_link *link, const char *dead)
{
    const struct pf_object *object = waited_object(c->graph, link);
    const char *owner = object && object->futex ? pf_case_dead_owner(c, object->futex) : NULL;
    return owner ? owner : dead ? dead : NOBODY;
}

void pf_draw_node(struct pf_case *c, const char *id, const char *state)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (strcmp(diagnosis->nodes[i].id, id) == 0)
            return;
    const char *where = pf_phrase_where(c, id);
    struct pf_node *node = pf_arena_grow(c->arena, &diagnosis->nodes, &diagnosis->node_count, sizeof(*node));
    *node = (struct pf_node){
        .id = pf_arena_strdup(c->arena, id),
        .label = pf_arena_strdup(c->arena, strcmp(id, NOBODY) == 0 ? NOBODY : pf_case_label(c, id)),
        .state = pf_arena_strdup(c->arena, state),
        .where = pf_arena_strdup(c->arena, where),
    };
}

struct pf_edge *pf_draw_edge(struct pf_case *c, const char *from, const char *to, const char *resource,
                             const char *why)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    struct pf_edge *edge = pf_arena_grow(c->arena, &diagnosis->edges, &diagnosis->edge_count, sizeof(*edge));
    edge->from = pf_arena_strdup(c->arena, from);
    edge->to = pf_arena_strdup(c->arena, to);
    edge->resource = pf_arena_strdup(c->arena, resource);
    edge->why = pf_arena_strdup(c->arena, why);
    return edge;
}

void pf_draw_evidence(struct pf_case *c, struct pf_edge *edge, uint64_t seq)
{
    if (seq)
        *(uint64_t *)pf_arena_grow(c->arena, &edge->evidence, &edge->evidence_count, sizeof(seq)) = seq;
}

static bool same_part(const struct pf_waker *a, const struct pf_waker *b)
{
    return !a->remote && a->kind == b->kind && a->object == b->object;
}

/* Who could do what this waker could: how many other processes, and whether the waiter's own is among them.
 */
struct crowd {
    size_t others;
    bool itself;
};

static struct crowd crowd_of(const struct pf_case *c, const struct pf_graph_thread *thread,
                             const struct pf_waker *waker)
{
    bool *counted = pf_arena_alloc(c->scratch, c->graph->process_count * sizeof(*counted));
    struct crowd crowd = {0};
    for (size_t i = 0; i < thread->waker_count; i++) {
        const size_t *processes;
        size_t count =
            same_part(&thread->wakers[i], waker) ? pf_waker_processes(&thread->wakers[i], &processes) : 0;
        for (size_t k = 0; k < count; k++) {
            crowd.others += processes[k] != thread->process && !counted[processes[k]];
            crowd.itself |= processes[k] == thread->process;
            counted[processes[k]] = true;
        }
    }
    return crowd;
}

/* "0.1 (b) was killed by SIGKILL", of a process or of one of its threads. */
static const char *how_it_ended(const struct pf_case *c, const char *address)
{
    const struct pf_life *life = life_of(c, address);
    return strchr(address, '/') || !life || !life->exit ? "ended" : pf_phrase_end(c, life);
}

/* " (0/t1 has ended)": the last thread of the process that has; empty where there was none, in the image it
 * has now. */
static const char *tell_ended_thread(const struct pf_case *c, const char *process)
{
    const struct pf_life *life = pf_history_life(c->history, process);
    uint64_t begin = life && life->exec ? life->exec->seq : 0;
    for (size_t i = c->trace->count; i > begin; i--) {
        const struct pf_event *event = c->trace->events[i - 1];
        bool before = !c->history->verdict || event->seq < c->history->verdict->seq;
        if (event->kind == PF_EVENT_THREAD_EXIT && before &&
            strcmp(pf_process_of(event->thread_exit.thread, c->scratch), process) == 0)
            return pf_arena_printf(c->scratch, " (%s has ended)", event->thread_exit.thread);
    }
    return "";
}

/* It lives, and only wakes to wait again. */
static bool is_inert(const struct pf_case *c, const char *address)
{
    size_t thread = pf_lookup_find(&c->graph->thread_index, address);
    return thread != PF_NOWHERE && c->graph->threads[thread].inert;
}

static const char *why_nobody(const struct pf_case *c, const struct pf_link *link, const char *dead)
{
    const struct pf_graph_thread *thread = &c->graph->threads[link->from];
    const struct pf_object *object = waited_object(c->graph, link);
    const char *deed = pf_phrase_deed(thread->state, waited_target(c->graph, link), object);
    const char *end = dead_end(c, link, dead);
    bool owned = object && object->futex && pf_case_dead_owner(c, object->futex);
    if (is_inert(c, end))
        return pf_arena_printf(c->scratch, "%s could %s, but it only wakes to look, and waits again",
                               pf_case_label(c, end), deed);
    if (strcmp(end, NOBODY) != 0) {
        const char *how = how_it_ended(c, end);
        return owned ? pf_arena_printf(c->scratch, "%s %s while it held it, so nobody can %s any more",
                                       pf_case_label(c, end), how, deed)
                     : pf_arena_printf(c->scratch, "nobody who lives will %s; %s, which could have, %s", deed,
                                       pf_case_label(c, end), how);
    }
    if (object && object->futex && object->futex->owner_elsewhere && object->futex->shared)
        return "who does not have the memory of the lock any more cannot unlock it, and nobody else may";
    if (object && object->futex && object->futex->owner_elsewhere)
        return "only the thread that locked it could unlock it, and this process has no such thread";
    if (object && object->futex && object->futex->process_only)
        return pf_arena_printf(c->scratch,
                               "it was not made for several processes, so that only %s itself could %s, and "
                               "who does so in another process wakes nobody here",
                               thread->state->process, deed);
    bool alone = thread->waker_count && thread->wakers[0].kind != PF_WAKER_ANYONE &&
                 !crowd_of(c, thread, &thread->wakers[0]).others;
    return alone
               ? pf_arena_printf(c->scratch, "only %s itself could %s, and it has no thread left to do so%s",
                                 thread->state->process, deed, tell_ended_thread(c, thread->state->process))
               : pf_arena_printf(c->scratch, "nobody who lives could %s", deed);
}

const char *pf_draw_why(const struct pf_case *c, const struct pf_link *link, const char *dead)
{
    if (link->to == PF_NOWHERE)
        return why_nobody(c, link, dead);
    const struct pf_graph_thread *thread = &c->graph->threads[link->from];
    const struct pf_thread_state *to = c->graph->threads[link->to].state;
    const char *deed = pf_phrase_deed(thread->state, waited_target(c->graph, link), link->waker->object);
    const char *state = pf_link_is_to_peer(c->graph, link)  ? "waits for the same"
                        : c->graph->threads[link->to].inert ? "only wakes to look, and waits again"
                                                            : pf_phrase_wait(c, to);
    const char *label = pf_case_label(c, to->thread);
    if (strcmp(deed, "end") == 0)
        return pf_arena_printf(c->scratch, "%s cannot end: it %s", label, state);
    if (c->graph->threads[link->to].ended)
        return pf_arena_printf(c->scratch, "only %s could %s, and that thread has ended", label, deed);
    if (link->to == link->from)
        return pf_arena_printf(c->scratch, "only %s itself could %s, but it waits", label, deed);
    if (link->waker->kind == PF_WAKER_THREAD)
        return pf_arena_printf(c->scratch, "only %s could %s, but it %s", label, deed, state);
    struct crowd crowd = crowd_of(c, thread, link->waker);
    const char *own = thread->state->process;
    if (!crowd.others)
        return pf_arena_printf(c->scratch, "only threads of %s itself could %s, and all are stuck%s: %s %s",
                               own, deed, tell_ended_thread(c, own), label, state);
    bool inside = pf_link_is_internal(c->graph, link), single = crowd.others == 1 && !inside;
    const char *hold = pf_hold_phrase(c, thread->state, link->waker->object, single ? to->process : NULL,
                                      crowd.itself ? own : NULL);
    if (hold)
        deed = pf_arena_printf(c->scratch, "%s (%s)", deed, hold);
    const char *itself = crowd.itself ? pf_arena_printf(c->scratch, ", beside %s itself,", own) : "";
    if (single)
        return pf_arena_printf(c->scratch, "only %s%s could %s, but it %s", label, itself, deed, state);
    return pf_arena_printf(c->scratch, "%s%s could %s, but all are stuck: %s %s",
                           crowd.others == 1 ? "1 process"
                                             : pf_arena_printf(c->scratch, "%zu processes", crowd.others),
                           itself, deed, label, state);
}

static void draw_link(struct pf_case *c, const struct pf_link *link, const char *dead)
{
    const struct pf_thread_state *from = c->graph->threads[link->from].state;
    const char *to =
        link->to == PF_NOWHERE ? dead_end(c, link, dead) : c->graph->threads[link->to].state->thread;
    const struct pf_life *life = link->to == PF_NOWHERE ? life_of(c, to) : NULL;
    pf_draw_node(c, from->thread, pf_phrase_wait(c, from));
    if (link->to != PF_NOWHERE)
        pf_draw_node(c, to, pf_phrase_wait(c, c->graph->threads[link->to].state));
    else
        pf_draw_node(c, to,
                     life && life->exit        ? pf_phrase_end(c, life)
                     : is_inert(c, to)         ? "looks for something, again and again"
                     : strcmp(to, NOBODY) == 0 ? "there is nobody who could end this wait"
                                               : "has ended");
    struct pf_edge *edge =
        pf_draw_edge(c, from->thread, to, pf_phrase_resource(c, from, waited_target(c->graph, link)),
                     pf_draw_why(c, link, dead));
    uint64_t stack = 0;
    pf_history_stack(c->history, from->thread, &stack);
    pf_draw_evidence(c, edge, c->history->snapshot->seq);
    pf_draw_evidence(c, edge, stack);
    pf_draw_evidence(c, edge, life && life->exit ? life->exit->seq : 0);
}

void pf_draw_chain(struct pf_case *c, const struct pf_chain *chain, const char *dead)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    for (size_t i = 0; i < chain->count; i++)
        draw_link(c, &chain->links[i], dead);
    for (size_t i = chain->closes_at; chain->closes_at != PF_NOWHERE && i < chain->count; i++)
        *(const char **)pf_arena_grow(c->arena, &diagnosis->cycle, &diagnosis->cycle_count,
                                      sizeof(*diagnosis->cycle)) =
            pf_arena_strdup(c->arena, c->graph->threads[chain->links[i].from].state->thread);
}

static bool has_edge_from(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        if (strcmp(diagnosis->edges[i].from, id) == 0)
            return true;
    return false;
}

void pf_draw_others(struct pf_case *c)
{
    size_t drawn = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count && drawn < OTHERS_DRAWN; i++) {
        if (!pf_graph_stuck(c->graph, i) ||
            has_edge_from(c->trial->diagnosis, c->graph->threads[i].state->thread))
            continue;
        struct pf_link link;
        if (!pf_link_first(c->graph, i, &link))
            link = (struct pf_link){.from = i, .to = PF_NOWHERE};
        draw_link(c, &link, NULL);
        drawn++;
    }
}
