/*
 * nested-child-join: a process of a process. Either its maker has ended and left it behind with the end of a
 * pipe that somebody above reads to its end; or its maker waits for its end, somebody above waits for the
 * maker's, and nobody ever tells it to stop.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/hold.h"
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The nearest process between the two that has ended, going up from the lower one; NULL: none. */
static const struct pf_life *ended_between(const struct pf_case *c, const char *lower, const char *upper)
{
    const struct pf_life *life = pf_history_life(c->history, lower);
    while (life && life->parent) {
        const struct pf_life *maker = pf_history_life(c->history, life->parent);
        if (!maker || maker >= life || strcmp(maker->process, upper) == 0)
            return NULL;
        if (maker->exit)
            return maker;
        life = maker;
    }
    return NULL;
}

/* Somebody's wait for the end of file, and one of those left behind who hold the other end. */
struct left_behind {
    size_t reader;
    const char *holder;
    const struct pf_life *maker; /* the one that has ended */
    size_t count;
};

static bool is_stream(const struct pf_object *object)
{
    return object && (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_SOCKET);
}

/* All who hold the other end were left behind by a process below the reader that has ended. */
static bool only_left_behind(const struct pf_case *c, struct left_behind *wait)
{
    const struct pf_graph_thread *reader = &c->graph->threads[wait->reader];
    const char *own = c->graph->processes[reader->process].address;
    for (size_t i = 0; i < reader->waker_count; i++) {
        const struct pf_waker *waker = &reader->wakers[i];
        const size_t *holders;
        bool own_end = waker->target && waker->object && waker->target->object &&
                       waker->object->kind == PF_OBJECT_SOCKET &&
                       strcmp(waker->object->id, waker->target->object) == 0;
        if (waker->remote || own_end)
            continue;
        size_t count = is_stream(waker->object) ? pf_waker_processes(waker, &holders) : 0;
        if (!count)
            return false;
        for (size_t k = 0; k < count; k++) {
            const char *holder = c->graph->processes[holders[k]].address;
            const struct pf_life *maker =
                pf_address_descends(holder, own) ? ended_between(c, holder, own) : NULL;
            if (!maker)
                return false;
            wait->holder = holder;
            wait->maker = maker;
            wait->count++;
        }
    }
    return wait->count > 0;
}

static void draw_left_behind(struct pf_case *c, const struct left_behind *wait)
{
    const struct pf_thread_state *reader = c->graph->threads[wait->reader].state;
    const struct pf_thread_state *holder = pf_snapshot_thread(c->graph->snapshot, wait->holder);
    pf_draw_node(c, reader->thread, pf_phrase_wait(c, reader));
    pf_draw_node(c, wait->holder, holder ? pf_phrase_wait(c, holder) : "lives");
    pf_draw_node(c, wait->maker->process, pf_phrase_end(c, wait->maker));
    struct pf_edge *edge =
        pf_draw_edge(c, reader->thread, wait->holder, pf_phrase_resource(c, reader, &reader->wait.targets[0]),
                     pf_arena_printf(c->scratch, "%s holds the other end, which it has from %s, and %s",
                                     pf_case_label(c, wait->holder), wait->maker->process,
                                     holder ? pf_phrase_wait(c, holder) : "lives on"));
    pf_draw_evidence(c, edge, c->history->snapshot->seq);
    edge =
        pf_draw_edge(c, wait->holder, wait->maker->process, "parent",
                     pf_arena_printf(c->scratch, "%s %s and left it behind",
                                     pf_case_label(c, wait->maker->process), pf_phrase_end(c, wait->maker)));
    pf_draw_evidence(c, edge, wait->maker->exit->seq);
}

static bool match_left_behind(struct pf_case *c, struct pf_match *ret_match)
{
    bool over = c->stuck || pf_case_verdict(c) == PF_VERDICT_DEADLINE;
    for (size_t i = 0; over && i < c->graph->snapshot->thread_count; i++) {
        struct left_behind wait = {.reader = i};
        const struct pf_thread_state *state = c->graph->threads[i].state;
        bool reads = state->wait.kind == PF_WAIT_READ && !state->wait.timed;
        if (!reads || (c->stuck && !pf_graph_stuck(c->graph, i)) || !only_left_behind(c, &wait))
            continue;
        draw_left_behind(c, &wait);
        ret_match->summary = pf_arena_printf(c->scratch,
                                             "%s %s, and there will be no end of file: its child %s %s, but "
                                             "%s, which that started, lives on and "
                                             "has the other end open.",
                                             pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                                             pf_case_label(c, wait.maker->process),
                                             pf_phrase_end(c, wait.maker), pf_case_label(c, wait.holder));
        return true;
    }
    return false;
}

/* Whether anything that it waits for is an end: cheaper to ask than to look for a way along such links. */
static bool waits_for_end(const struct pf_graph *graph, size_t thread)
{
    const struct pf_graph_thread *waiter = &graph->threads[thread];
    for (size_t i = 0; i < waiter->waker_count; i++)
        if (pf_link_is_for_end(graph, &(struct pf_link){.from = thread, .waker = &waiter->wakers[i]}))
            return true;
    return false;
}

/* Where the innermost reads what the outermost could close, that tells it to stop. */
static const char *tell_stop(const struct pf_case *c, size_t inner, const char *outer)
{
    const struct pf_thread_state *state = c->graph->threads[inner].state;
    const struct pf_object *object = state->wait.kind == PF_WAIT_READ && state->wait.target_count
                                         ? pf_graph_object(c->graph, state->wait.targets[0].object)
                                         : NULL;
    int64_t fd = object && object->kind == PF_OBJECT_PIPE ? pf_hold_fd(state, object, outer) : -1;
    return fd < 0 ? NULL
                  : pf_arena_printf(c->scratch,
                                    "Close what the innermost reads from (fd %" PRId64
                                    " in %s) before waiting: the end "
                                    "of file is what it stops at. ",
                                    fd, outer);
}

/* The innermost waits for news, its maker for its end, and somebody above for the maker's. */
static bool match_joins(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_graph *graph = c->graph;
    for (size_t i = 0; c->stuck && i < graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *inner = graph->threads[i].state;
        if (!pf_graph_stuck(graph, i) || !pf_waits_for_news(graph, i) ||
            !pf_only_waiters_bring_news(graph, i))
            continue;
        for (size_t k = 0; k < graph->snapshot->thread_count; k++) {
            struct pf_chain *joins = pf_graph_stuck(graph, k) && waits_for_end(graph, k)
                                         ? pf_chain_between(graph, k, i, pf_link_is_for_end)
                                         : NULL;
            if (!joins || joins->count < 2)
                continue;
            const struct pf_thread_state *outer = graph->threads[k].state;
            const struct pf_thread_state *middle = graph->threads[joins->links[1].from].state;
            ret_match->chain = pf_chain_beyond(graph, joins, i);
            ret_match->fix = tell_stop(c, i, outer->process);
            ret_match->summary = pf_arena_printf(c->scratch,
                                                 "%s %s. That %s, and %s %s: nobody is left to tell the "
                                                 "innermost to stop, so none of them ever "
                                                 "ends.",
                                                 pf_case_label(c, outer->thread), pf_phrase_wait(c, outer),
                                                 pf_phrase_wait(c, middle), pf_case_label(c, inner->thread),
                                                 pf_phrase_wait(c, inner));
            return true;
        }
    }
    return false;
}

bool pf_rule_nested_child_join(struct pf_case *c, struct pf_match *ret_match)
{
    if (!c->graph || (!match_left_behind(c, ret_match) && !match_joins(c, ret_match)))
        return false;
    ret_match->fix = pf_arena_printf(
        c->scratch, "%s%s", ret_match->fix ? ret_match->fix : "",
        "Join the tree from the bottom up, each level with a time limit: let every process stop and reap "
        "its own children before it leaves, and close or redirect what they must not keep open.");
    return true;
}
