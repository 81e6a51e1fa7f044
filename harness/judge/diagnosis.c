#include "judge/diagnosis.h"

#include <string.h>

#include "judge/drawing.h"
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

/* The main thread nearest to the root is where a reader starts to ask. */
static size_t start_of(const struct pf_graph *graph)
{
    size_t best = PF_NOWHERE, best_depth = 0;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(graph, i))
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

static const char *plain_summary(const struct pf_case *c, const struct pf_chain *chain)
{
    const struct pf_link *last = &chain->links[chain->count - 1];
    const char *waits = pf_diagnosis_tell(c, chain);
    if (chain->closes_at == PF_NOWHERE)
        return pf_arena_printf(c->scratch, "%s. This can never end: %s.", waits, pf_draw_why(c, last, NULL));
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
        c->scratch, "%s. That closes a circle: the last waits for %s, and so none of them can ever go on.",
        waits, pf_case_label(c, first));
}

static void explain(struct pf_case *c, const char *pitfall, const struct pf_match *match)
{
    struct pf_diagnosis *diagnosis = c->trial->diagnosis;
    diagnosis->pitfall = pitfall;
    diagnosis->proven = c->proven;
    diagnosis->certainty = c->proven ? PF_PROVEN : PF_LIKELY;
    diagnosis->summary = pf_arena_strdup(c->arena, match->summary);
    diagnosis->fix = pf_arena_strdup(c->arena, match->fix);
    if (match->chain)
        pf_draw_chain(c, match->chain, match->dead);
    if (c->stuck)
        pf_draw_others(c);
}

void pf_diagnose(struct pf_case *c)
{
    struct pf_diagnosis *diagnosis = pf_arena_alloc(c->arena, sizeof(*diagnosis));
    c->trial->diagnosis = diagnosis;
    for (const struct pf_rule *rule = pf_rules; rule->pitfall; rule++) {
        struct pf_match match = {0};
        if (rule->match(c, &match)) {
            explain(c, rule->pitfall, &match);
            return;
        }
    }
    if (!c->stuck && pf_case_verdict(c) == PF_VERDICT_OBSERVED && c->graph) {
        pf_picture_draw(c);
        return;
    }
    if (!c->stuck) {
        c->trial->diagnosis = NULL;
        return;
    }
    const struct pf_chain *chain = pf_chain_from(c->graph, start_of(c->graph));
    struct pf_match plain = {.chain = chain, .summary = plain_summary(c, chain), .fix = pf_remedy(c, chain)};
    explain(c, NULL, &plain);
}
