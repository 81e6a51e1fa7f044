#include "judge/diagnosis.h"

#include <string.h>

#include "judge/drawing.h"
#include "judge/idle.h"
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/picture.h"
#include "judge/remedy.h"
#include "judge/rules/rule.h"

const char *pf_diagnosis_tell(const struct pf_case *c, const struct pf_chain *chain)
{
    const char *text = "";
    for (size_t i = 0; i < chain->count; i++) {
        const struct pf_thread_state *from = c->graph->threads[chain->links[i].from].state;
        text = pf_arena_printf(c->scratch, "%s%s%s %s", text, i ? "; " : "", pf_case_label(c, from->thread),
                               pf_phrase_wait(c, from));
    }
    return text;
}

/* It only waits to be told something: of one who is stuck that explains nothing. */
static bool is_idle(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    return (wait->kind == PF_WAIT_SIGNAL && !wait->pending) || wait->kind == PF_WAIT_STOPPED;
}

/* The main thread nearest to the root is where a reader starts to ask. */
static size_t start_of(const struct pf_graph *graph)
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

/* Do all of a circle wait for one and the same word, and each for the others? */
static bool is_of_peers(const struct pf_graph *graph, const struct pf_chain *chain)
{
    for (size_t i = chain->closes_at; i < chain->count; i++)
        if (!pf_link_is_to_peer(graph, &chain->links[i]))
            return false;
    return true;
}

/* Of a semaphore nothing tells who has it. Of those who could, one may have ended on a way that forgets it.
 */
static const char *tell_gone(const struct pf_case *c, const struct pf_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct pf_thread_state *from = c->graph->threads[chain->links[i].from].state;
        const struct pf_futex *futex = pf_graph_futex(c->graph, chain->links[i].from);
        /* Of those who have a rwlock for reading there is only a number, which dead ones stay in. */
        bool counted = futex && futex->shared && futex->kind == PF_FUTEX_RWLOCK && futex->readers;
        bool silent = counted || from->wait.kind == PF_WAIT_SEMAPHORE ||
                      (futex && futex->shared && futex->kind == PF_FUTEX_SEMAPHORE);
        const struct pf_life *gone = silent ? pf_gone_relative(c, from->process) : NULL;
        bool reached = gone && (!futex || (futex->place && futex->place[0] == '/') ||
                                pf_history_keeps_image(c->history, gone));
        if (reached && (counted || gone->exit->exit.code))
            return pf_arena_printf(c->scratch, " %s, which may have had it, %s.",
                                   pf_case_label(c, gone->process), pf_phrase_killed(c, gone));
    }
    return "";
}

static const char *plain_summary(const struct pf_case *c, const struct pf_chain *chain)
{
    const struct pf_link *last = &chain->links[chain->count - 1];
    const char *waits = pf_diagnosis_tell(c, chain);
    if (chain->closes_at == PF_NOWHERE)
        return pf_arena_printf(c->scratch, "%s. %s: %s.%s", waits,
                               c->sober ? "Nobody in the tree will end that" : "This can never end",
                               pf_draw_why(c, last, NULL), tell_gone(c, chain));
    if (chain->count - chain->closes_at == 1)
        return pf_arena_printf(c->scratch, "%s. That is itself, so it can never go on.", waits);
    if (is_of_peers(c->graph, chain)) {
        const struct pf_thread_state *waiter = c->graph->threads[last->from].state;
        return pf_arena_printf(c->scratch,
                               "%s. Whoever lives and could %s waits there as well: nobody ever will.", waits,
                               pf_phrase_deed(waiter, last->waker->target, last->waker->object));
    }
    const char *first = c->graph->threads[chain->links[chain->closes_at].from].state->thread;
    return pf_arena_printf(
        c->scratch, "%s. That closes a circle: the last waits for %s, and so none of them %s.%s", waits,
        pf_case_label(c, first), c->sober ? "goes on by itself" : "can ever go on", tell_gone(c, chain));
}

/* "0/t6 and 7 more" who wake for their time only; NULL: nobody was left out for that. */
static const char *tell_idle(const struct pf_case *c)
{
    const char *first = NULL;
    size_t more = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        more += first && c->graph->threads[i].inert;
        first = !first && c->graph->threads[i].inert ? c->graph->threads[i].state->thread : first;
    }
    if (!first)
        return NULL;
    return more ? pf_arena_printf(c->scratch, "%s and %zu more still wake now and then; but they have",
                                  pf_case_label(c, first), more)
                : pf_arena_printf(c->scratch, "%s still wakes now and then; but it has",
                                  pf_case_label(c, first));
}

/* What the diagnosis has supposed: that those who wake do nothing else, or that nobody outside lets one of
 * them go on. */
static const char *tell_supposed(const struct pf_case *c)
{
    const char *idle = c->sober ? tell_idle(c) : NULL;
    if (idle)
        return pf_arena_printf(c->scratch, " That is no proof, for %s neither read nor written anything.",
                               idle);
    for (size_t i = 0; c->sober && i < c->sober->snapshot->thread_count; i++) {
        const struct pf_graph_thread *thread = &c->sober->threads[i];
        if (pf_graph_stuck(c->graph, i) && thread->base > PF_GRADE_STUCK && thread->why)
            return pf_arena_printf(c->scratch, " That is no proof, for of %s it holds that %s.",
                                   pf_case_label(c, thread->state->thread), thread->why);
    }
    return "";
}

static void explain(struct pf_case *c, const char *pitfall, const struct pf_match *match)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    diagnosis->pitfall = pitfall;
    diagnosis->proven = c->proven;
    diagnosis->certainty = c->proven ? PF_PROVEN : PF_LIKELY;
    diagnosis->summary = pf_arena_printf(c->arena, "%s%s", match->summary, tell_supposed(c));
    diagnosis->fix = pf_arena_strdup(c->arena, match->fix);
    if (match->chain)
        pf_draw_chain(c, match->chain, match->dead);
    if (c->stuck)
        pf_draw_others(c);
}

static bool explain_by_rule(struct pf_case *c)
{
    for (const struct pf_rule *rule = pf_rules; rule->pitfall; rule++) {
        struct pf_match match = {0};
        if (rule->match(c, &match)) {
            explain(c, rule->pitfall, &match);
            return true;
        }
    }
    return false;
}

static void explain_by_chain(struct pf_case *c, size_t start)
{
    const struct pf_chain *chain = pf_chain_from(c->graph, start);
    struct pf_match plain = {.chain = chain, .summary = plain_summary(c, chain), .fix = pf_remedy(c, chain)};
    explain(c, NULL, &plain);
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

static void suppose(struct pf_case *c, const struct pf_graph *secluded)
{
    c->sober = c->graph;
    c->graph = secluded;
    c->stuck = true;
}

static void be_sober(struct pf_case *c)
{
    c->graph = c->sober;
    c->sober = NULL;
    c->stuck = false;
}

/* Time was up, and nothing is proven: what if nobody outside does anything, as nobody has done? */
static bool explain_by_supposing(struct pf_case *c)
{
    const struct pf_graph *secluded = pf_graph_seclude(c->graph->snapshot, NULL, 0, c->scratch);
    size_t count;
    const char *const *idle =
        is_more_than_idle(secluded) || !pf_idle_circle(c) ? NULL : pf_idle_threads(c, &count);
    if (idle)
        secluded = pf_graph_seclude(c->graph->snapshot, idle, count, c->scratch);
    if (!is_more_than_idle(secluded))
        return false;
    suppose(c, secluded);
    if (!explain_by_rule(c))
        explain_by_chain(c, start_of(c->graph));
    be_sober(c);
    return true;
}

static const char *culprit_fix(const struct pf_case *c, const struct pf_chain *chain)
{
    return pf_graph_futex(c->graph, chain->links[chain->count - 1].from)
               ? "Do not look for what takes a lock while holding that lock: give it back for each wait, or "
                 "wait "
                 "on a condition, which does."
               : "Take out what the others put in while waiting for them: poll() the descriptor along with "
                 "what is "
                 "waited for, or read it in another thread (in Python Popen.communicate(), or stdout=DEVNULL "
                 "where "
                 "nobody wants it).";
}

/* Does somebody wait for what only the poller could do? */
static bool blame_poller(struct pf_case *c)
{
    const struct pf_graph_thread *culprit = NULL;
    for (size_t i = 0; i < c->graph->snapshot->thread_count && !culprit; i++) {
        struct pf_chain *chain = pf_graph_stuck(c->graph, i) ? pf_chain_from(c->graph, i) : NULL;
        culprit = chain ? pf_idle_culprit(c->graph, chain) : NULL;
        if (!culprit)
            continue;
        const char *poller = culprit->state->thread;
        struct pf_match match = {.chain = chain, .dead = poller, .fix = culprit_fix(c, chain)};
        match.summary = pf_arena_printf(c->scratch, "%s looks for something again and again, while %s: %s.",
                                        pf_case_label(c, poller), pf_diagnosis_tell(c, chain),
                                        pf_draw_why(c, &chain->links[chain->count - 1], poller));
        explain(c, NULL, &match);
    }
    return culprit;
}

/* Somebody polls for ever. What if others are stuck, by the poller or for good? */
static bool explain_by_polling(struct pf_case *c)
{
    size_t count;
    const char *const *idle = pf_idle_threads(c, &count);
    if (!idle)
        return false;
    suppose(c, pf_graph_seclude(c->graph->snapshot, idle, count, c->scratch));
    size_t lost = pf_idle_lost(c->graph);
    if (lost != PF_NOWHERE && !explain_by_rule(c))
        explain_by_chain(c, lost);
    bool explained = lost != PF_NOWHERE || blame_poller(c);
    be_sober(c);
    return explained;
}

/* A picture of a tree that was looked at, and what will stay as it is if nobody outside does anything: that
 * may well be all right. */
static void draw_picture(struct pf_case *c)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    pf_picture_draw(c);
    const struct pf_graph *secluded = pf_graph_seclude(c->graph->snapshot, NULL, 0, c->scratch);
    if (!is_more_than_idle(secluded))
        return;
    suppose(c, secluded);
    const struct pf_chain *chain = pf_chain_from(c->graph, start_of(c->graph));
    diagnosis->summary = pf_arena_printf(c->arena, "%s Unless somebody outside does something: %s%s",
                                         diagnosis->summary, plain_summary(c, chain), tell_supposed(c));
    be_sober(c);
}

/* Does anybody wait for something? Of those who run or sleep there is nothing more to tell. */
static bool is_anybody_waiting(const struct pf_graph *graph)
{
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        enum pf_wait_kind kind = graph->threads[i].state->wait.kind;
        if (!graph->threads[i].ended && kind != PF_WAIT_NONE && kind != PF_WAIT_SLEEP && kind != PF_WAIT_HELD)
            return true;
    }
    return false;
}

void pf_diagnose(struct pf_case *c)
{
    bool hung = pf_case_verdict(c) == PF_VERDICT_DEADLINE && pf_case_found(c, PF_FINDING_HANG) && c->graph;
    bool polling = pf_case_found(c, PF_FINDING_BUSY_LOOP) && c->graph;
    bool observed = pf_case_verdict(c) == PF_VERDICT_OBSERVED && c->graph;
    c->trial->diagnosis = pf_arena_alloc(c->arena, sizeof(*c->trial->diagnosis));
    if (explain_by_rule(c))
        return;
    if (c->stuck)
        explain_by_chain(c, start_of(c->graph));
    else if ((hung && explain_by_supposing(c)) || (polling && explain_by_polling(c)))
        return;
    else if (observed)
        draw_picture(c);
    else if (hung && is_anybody_waiting(c->graph))
        pf_picture_draw(c);
    else
        c->trial->diagnosis = NULL;
}
