/*
 * hung-thread: a thread waits for something that will never come, and all who could bring it wait for that
 * very thread to end: the one who joins it, and the parent who waits for the process.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"
#include "judge/untold.h"

static void tell(struct pf_case *c, const struct pf_chain *story, const struct pf_untold *untold,
                 struct pf_match *ret_match)
{
    const struct pf_thread_state *hung = c->graph->threads[untold->joined].state;
    const struct pf_thread_state *waiter = c->graph->threads[untold->joiner].state;
    const struct pf_thread_state *outer = c->graph->threads[story->links[0].from].state;
    const char *parent = outer->process == waiter->process || strcmp(outer->process, waiter->process) == 0
                             ? ""
                             : pf_arena_printf(c->scratch, " %s %s, and so waits for ever too.",
                                               pf_case_label(c, outer->thread), pf_phrase_wait(c, outer));
    const char *wait = pf_phrase_wait(c, waiter);
    if (strcmp(wait, pf_phrase_wait(c, hung)) == 0)
        wait = "waits in the same way";
    if (!untold->certain && !pf_stands_in_python_join(c, waiter->thread))
        wait = pf_arena_printf(c->scratch, "%s, as a runtime does that joins its threads at exit", wait);
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "Thread %s %s, and nobody is left who could end that: it never ends. %s %s, so process %s can never "
        "end.%s",
        pf_case_label(c, hung->thread), pf_phrase_wait(c, hung), pf_case_label(c, waiter->thread), wait,
        waiter->process, parent);
    ret_match->fix =
        "Give every thread a way to be told to stop (an event that it also waits on, or a closed "
        "queue), tell it before joining it, and join with a time limit; mark threads that may be "
        "dropped as daemons or detach them.";
}

bool pf_rule_hung_thread(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_untold untold;
    if (!pf_untold_find(c, &untold))
        return false;
    ret_match->chain = pf_untold_story(c->graph, &untold);
    tell(c, ret_match->chain, &untold, ret_match);
    return true;
}
