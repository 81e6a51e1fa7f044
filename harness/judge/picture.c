#include "judge/picture.h"

#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"

enum { NODES = 64, EDGES = 3 }; /* drawn in all, and for each node */

/* The reason why a wait may still end, where the wait does not say so itself. */
static const char *state_of(const struct pf_case *c, const struct pf_graph_thread *thread)
{
    const char *wait = pf_phrase_wait(c, thread->state);
    const char *doubt = pf_phrase_doubt(c, thread);
    return *doubt ? pf_arena_printf(c->scratch, "%s%s", wait, doubt) : wait;
}

static size_t main_thread(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *p = &graph->processes[process];
    return p->thread_count ? p->threads[0] : PF_NOWHERE;
}

static void draw_edge(struct pf_case *c, size_t from, const struct pf_waker *waker, size_t to)
{
    const struct pf_graph_thread *waiter = &c->graph->threads[from], *other = &c->graph->threads[to];
    const char *deed = pf_phrase_deed(waiter->state, waker->target, waker->object);
    const char *why =
        pf_arena_printf(c->scratch, "it could %s; it %s", deed, pf_phrase_wait(c, other->state));
    struct pf_edge *edge = pf_draw_edge(c, waiter->state->thread, other->state->thread,
                                        pf_phrase_resource(c, waiter->state, waker->target), why);
    pf_draw_evidence(c, edge, c->history->snapshot->seq);
}

static void draw_edges(struct pf_case *c, size_t from)
{
    const struct pf_graph_thread *waiter = &c->graph->threads[from];
    size_t drawn = 0;
    for (size_t i = 0; i < waiter->waker_count; i++) {
        const struct pf_waker *waker = &waiter->wakers[i];
        const size_t *processes;
        size_t count = waker->remote ? 0 : pf_waker_processes(waker, &processes);
        if (waker->kind == PF_WAKER_THREAD && drawn++ < EDGES)
            draw_edge(c, from, waker, waker->index);
        for (size_t k = 0; k < count && drawn < EDGES; k++) {
            size_t to = main_thread(c->graph, processes[k]);
            if (processes[k] == waiter->process || to == PF_NOWHERE)
                continue;
            draw_edge(c, from, waker, to);
            drawn++;
        }
    }
}

static const char *summary(struct pf_case *c, size_t living)
{
    size_t running = 0, processes = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++)
        running += c->graph->threads[i].state->wait.kind == PF_WAIT_NONE;
    for (size_t i = 0; i < c->graph->process_count; i++)
        processes += !(c->graph->processes[i].state && c->graph->processes[i].state->zombie);
    const char *state = running == 0        ? living == 1 ? "which waits" : "all of them waiting"
                        : running == living ? "running"
                                            : pf_arena_printf(c->scratch, "%zu of them running", running);
    const char *text =
        pf_arena_printf(c->scratch, "Nothing is known to be stuck: %zu process%s, %s, %s.", processes,
                        processes == 1 ? "" : "es", pf_phrase_count(c->scratch, living, "thread"), state);
    if (living > NODES)
        text = pf_arena_printf(c->scratch, "%s The first %d are shown.", text, NODES);
    const struct pf_snapshot *snapshot = c->graph->snapshot;
    if (snapshot->unknown_count)
        text = pf_arena_printf(c->scratch, "%s Not known: %s.", text,
                               pf_phrase_list(c->scratch, snapshot->unknown, snapshot->unknown_count));
    return text;
}

void pf_picture_draw(struct pf_case *c)
{
    size_t living = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_graph_thread *thread = &c->graph->threads[i];
        if (thread->ended || living++ >= NODES)
            continue;
        pf_draw_node(c, thread->state->thread, state_of(c, thread));
        draw_edges(c, i);
    }
    c->trial->diagnosis->certainty = PF_UNKNOWN;
    c->trial->diagnosis->summary = pf_arena_strdup(c->arena, summary(c, living));
}
