#include "judge/suppose.h"

#include "judge/diagnosis.h"
#include "judge/drawing.h"
#include "judge/idle.h"
#include "judge/phrases.h"

/* It only waits to be told something: of one who is stuck that explains nothing. */
static bool is_idle(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    return (wait->kind == PF_WAIT_SIGNAL && !wait->pending) || wait->kind == PF_WAIT_STOPPED;
}

size_t pf_suppose_start(const struct pf_graph *graph)
{
    size_t best = PF_NOWHERE, best_depth = 0;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(graph, i) || (graph->secluded && is_idle(graph, i)))
            continue;
        size_t depth = 0;
        for (const char *at = graph->threads[i].state->thread; *at; at++)
            depth += *at == '.' || *at == '/';
        if (best == PF_NOWHERE || depth < best_depth) {
            best = i;
            best_depth = depth;
        }
    }
    return best;
}

/* Is there somebody stuck who waits for what others of the tree would do? Who only waits to be told something
 * from outside is idle. */
static bool is_more_than_idle(const struct pf_graph *graph)
{
    for (size_t i = 0; i < graph->snapshot->thread_count; i++)
        if (pf_graph_stuck(graph, i) && !is_idle(graph, i))
            return true;
    return false;
}

static void suppose(struct pf_case *c, const struct pf_graph *graph, const char *supposed)
{
    c->sober = c->graph;
    c->graph = graph;
    c->supposed = supposed;
    c->stuck = true;
}

void pf_suppose_no_more(struct pf_case *c)
{
    c->graph = c->sober;
    c->sober = NULL;
    c->supposed = NULL;
    c->stuck = false;
}

/* Who outside could still let one of the stuck go on. */
static const char *tell_outside(const struct pf_case *c, const struct pf_graph *secluded)
{
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_graph_thread *thread = &c->graph->threads[i];
        if (pf_graph_stuck(secluded, i) && thread->base > PF_GRADE_STUCK && thread->why)
            return pf_arena_printf(c->scratch, " That is no proof, for of %s it holds that %s.",
                                   pf_case_label(c, thread->state->thread), thread->why);
    }
    return "";
}

/* " That is no proof, for 0/t6 and 7 more …": of those who are left out of the graph, or of all who live on.
 */
static const char *tell_living(const struct pf_case *c, const struct pf_graph *left_out, const char *one,
                               const char *several)
{
    const char *first = NULL;
    size_t more = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_graph_thread *thread = &c->graph->threads[i];
        if (left_out ? !left_out->threads[i].inert : thread->base != PF_GRADE_ALIVE)
            continue;
        more += first != NULL;
        first = first ? first : thread->state->thread;
    }
    if (!first)
        return "";
    const char *others = more ? pf_arena_printf(c->scratch, " and %zu more", more) : "";
    return pf_arena_printf(c->scratch, " That is no proof, for %s%s %s.", pf_case_label(c, first), others,
                           more ? several : one);
}

bool pf_suppose_nobody_comes(struct pf_case *c)
{
    const struct pf_graph *secluded = pf_graph_seclude(c->graph->snapshot, NULL, 0, c->scratch);
    if (!is_more_than_idle(secluded))
        return false;
    suppose(c, secluded, tell_outside(c, secluded));
    return true;
}

static void suppose_idle(struct pf_case *c, const struct pf_graph *graph)
{
    suppose(c, graph,
            tell_living(c, graph, "still wakes now and then; but it has neither read nor written anything",
                        "still wake now and then; but they have neither read nor written anything"));
}

/* Those who only wake for their time do nothing else, and the rest is a circle. */
static bool suppose_housekeepers(struct pf_case *c)
{
    const struct pf_graph *graph = pf_idle_graph(c);
    if (!graph || !pf_idle_circle(graph))
        return false;
    suppose_idle(c, graph);
    return true;
}

/* Whoever lives on ends nobody by a signal. Only the lost are looked at: what others wait for, the living may
 * bring. */
static bool suppose_no_signal(struct pf_case *c)
{
    const struct pf_graph *lost = pf_idle_lost(c);
    if (!lost)
        return false;
    suppose(
        c, lost,
        tell_living(c, NULL, "goes on, and could end it by a signal", "go on, and could end it by a signal"));
    return true;
}

static bool explain(struct pf_case *c)
{
    if (!pf_explain_by_rule(c))
        pf_explain_by_chain(c, pf_suppose_start(c->graph));
    pf_suppose_no_more(c);
    return true;
}

static const char *culprit_fix(const struct pf_case *c, const struct pf_chain *chain)
{
    if (pf_graph_futex(c->graph, chain->links[chain->count - 1].from))
        return "Do not look for what takes a lock while holding that lock: give it back for each wait, or "
               "wait on a condition, which does.";
    return "Take out what the others put in while waiting for them: poll() the descriptor along with what "
           "is waited for, or read it in another thread (in Python Popen.communicate(), or stdout=DEVNULL "
           "where nobody wants it).";
}

static void blame(struct pf_case *c, const struct pf_chain *chain, const char *poller)
{
    struct pf_match match = {.chain = chain, .dead = poller, .fix = culprit_fix(c, chain)};
    match.summary = pf_arena_printf(c->scratch, "%s looks for something again and again, while %s: %s.",
                                    pf_case_label(c, poller), pf_diagnosis_tell(c, chain),
                                    pf_draw_why(c, &chain->links[chain->count - 1], poller));
    pf_explain(c, NULL, &match);
}

/* Somebody polls for ever: does somebody else wait for what only the poller could do? */
static bool blame_poller(struct pf_case *c)
{
    const struct pf_graph *graph = pf_case_found(c, PF_FINDING_BUSY_LOOP) ? pf_idle_graph(c) : NULL;
    const struct pf_graph_thread *culprit = NULL;
    if (!graph)
        return false;
    suppose_idle(c, graph);
    for (size_t i = 0; i < c->graph->snapshot->thread_count && !culprit; i++) {
        struct pf_chain *chain = pf_graph_stuck(c->graph, i) ? pf_chain_from(c->graph, i) : NULL;
        culprit = chain ? pf_idle_culprit(c->graph, chain) : NULL;
        if (culprit)
            blame(c, chain, culprit->state->thread);
    }
    pf_suppose_no_more(c);
    return culprit;
}

bool pf_explain_by_supposing(struct pf_case *c)
{
    if (pf_case_found(c, PF_FINDING_HANG) && pf_case_verdict(c) == PF_VERDICT_DEADLINE &&
        (pf_suppose_nobody_comes(c) || suppose_housekeepers(c) || suppose_no_signal(c)))
        return explain(c);
    if (pf_case_found(c, PF_FINDING_BUSY_LOOP) && suppose_no_signal(c))
        return explain(c);
    return blame_poller(c);
}
