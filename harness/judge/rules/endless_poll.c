/*
 * endless-poll: somebody looks again and again whether there is something to do, and whoever could bring it
 * was killed. Each wait is short, and there is no end to them.
 */
#include <string.h>

#include "judge/drawing.h"
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Of the threads that went round in circles, one whose process has lost a relative. */
static const char *bereft_poller(const struct pf_case *c, const struct pf_life **ret_dead)
{
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_PACE || event->pace.wakes == 0)
            continue;
        *ret_dead = pf_killed_relative(c, pf_process_of(event->pace.thread, c->scratch));
        if (*ret_dead)
            return event->pace.thread;
    }
    return NULL;
}

static void draw(struct pf_case *c, const char *poller, const struct pf_life *dead)
{
    pf_draw_node(c, poller, "looks for something to do, again and again");
    pf_draw_node(c, dead->process, pf_phrase_end(c, dead));
    struct pf_edge *edge =
        pf_draw_edge(c, poller, dead->process, "what it looks for",
                     pf_arena_printf(c->scratch, "%s could have brought it, and %s",
                                     pf_case_label(c, dead->process), pf_phrase_killed(c, dead)));
    pf_draw_evidence(c, edge, dead->exit->seq);
    pf_draw_evidence(c, edge, c->history->verdict->seq);
}

bool pf_rule_endless_poll(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *dead;
    const char *poller = pf_case_found(c, PF_FINDING_BUSY_LOOP) ? bereft_poller(c, &dead) : NULL;
    if (!poller)
        return false;
    draw(c, poller, dead);
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s goes round in circles: it looks whether there is something for it, and there is not. %s, which "
        "could have brought it, %s, and nobody else does anything: it looks for ever.",
        pf_case_label(c, poller), pf_case_label(c, dead->process), pf_phrase_killed(c, dead));
    ret_match->fix =
        "Make the end of whoever brings the news a part of the wait: the end of file of a pipe, or a pidfd "
        "in "
        "the same poll. Where it must be polled, ask in each round whether the other still lives (waitpid "
        "with WNOHANG; in Python is_alive() on Empty), and bound the whole loop and not only the single "
        "wait.";
    return true;
}
