#include "judge/diagnosis.h"

#include <string.h>

#include "judge/drawing.h"
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/picture.h"
#include "judge/remedy.h"
#include "judge/rules/rule.h"
#include "judge/suppose.h"

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

void pf_explain(struct pf_case *c, const char *pitfall, const struct pf_match *match)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    diagnosis->pitfall = pitfall;
    diagnosis->proven = c->proven;
    diagnosis->certainty = c->proven ? PF_PROVEN : PF_LIKELY;
    diagnosis->summary = pf_arena_printf(c->arena, "%s%s", match->summary, c->supposed ? c->supposed : "");
    diagnosis->fix = pf_arena_strdup(c->arena, match->fix);
    if (match->chain)
        pf_draw_chain(c, match->chain, match->dead);
    if (c->stuck)
        pf_draw_others(c);
}

bool pf_explain_by_rule(struct pf_case *c)
{
    for (const struct pf_rule *rule = pf_rules; rule->pitfall; rule++) {
        struct pf_match match = {0};
        if (rule->match(c, &match)) {
            pf_explain(c, rule->pitfall, &match);
            return true;
        }
    }
    return false;
}

void pf_explain_by_chain(struct pf_case *c, size_t start)
{
    const struct pf_chain *chain = pf_chain_from(c->graph, start);
    struct pf_match plain = {.chain = chain, .summary = plain_summary(c, chain), .fix = pf_remedy(c, chain)};
    pf_explain(c, NULL, &plain);
}

/* Who waits beside those that go round in circles. */
static void draw_around(struct pf_case *c, const struct pf_finding *circles)
{
    pf_picture_draw(c);
    c->trial->diagnosis->summary = circles->message;
}

/* A picture of a tree that was looked at, and what will stay as it is if nobody outside does anything: that
 * may well be all right. */
static void draw_picture(struct pf_case *c)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    pf_picture_draw(c);
    if (!pf_suppose_nobody_comes(c))
        return;
    const struct pf_chain *chain = pf_chain_from(c->graph, pf_suppose_start(c->graph));
    diagnosis->summary = pf_arena_printf(c->arena, "%s Unless somebody outside does something: %s%s",
                                         diagnosis->summary, plain_summary(c, chain), c->supposed);
    pf_suppose_no_more(c);
}

/* Does anybody wait for something? Of those who run or sleep there is nothing more to tell; nor, where
 * somebody goes round in circles, of those who wait for a time only. */
static bool is_anybody_waiting(const struct pf_case *c)
{
    const struct pf_finding *circles = pf_case_found(c, PF_FINDING_BUSY_LOOP);
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_wait *wait = &c->graph->threads[i].state->wait;
        if (!c->graph->threads[i].ended && wait->kind != PF_WAIT_NONE && wait->kind != PF_WAIT_SLEEP &&
            wait->kind != PF_WAIT_HELD && !(circles && wait->timed))
            return true;
    }
    return false;
}

void pf_diagnose(struct pf_case *c)
{
    const struct pf_finding *circles = pf_case_found(c, PF_FINDING_BUSY_LOOP);
    bool hung = pf_case_verdict(c) == PF_VERDICT_DEADLINE && pf_case_found(c, PF_FINDING_HANG) && c->graph;
    bool observed = pf_case_verdict(c) == PF_VERDICT_OBSERVED && c->graph;
    c->trial->diagnosis = pf_arena_alloc(c->arena, sizeof(*c->trial->diagnosis));
    if (pf_explain_by_rule(c))
        return;
    if (c->stuck)
        pf_explain_by_chain(c, pf_suppose_start(c->graph));
    else if (c->graph && pf_explain_by_supposing(c))
        return;
    else if (observed)
        draw_picture(c);
    else if (hung && is_anybody_waiting(c))
        pf_picture_draw(c);
    else if (circles && is_anybody_waiting(c))
        draw_around(c, circles);
    else
        c->trial->diagnosis = NULL;
}
