/*
 * group-signal: one signal reached a parent and its child, as those of a terminal do. The parent had a way to
 * end well; the child ended for it on the spot, and what it had in hand is lost.
 */
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The first such signal that reached a process and that nobody in the tree sent. */
static const struct pf_event *signal_from_above(const struct pf_case *c, const char *process)
{
    static const char *const senders[] = {"kernel", "pitfall", "outside"};
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_SIGNAL || !pf_asks_to_end(event->signal.number) ||
            !event->signal.sender || strcmp(pf_process_of(event->signal.thread, c->scratch), process) != 0)
            continue;
        for (size_t k = 0; k < sizeof(senders) / sizeof(senders[0]); k++)
            if (strcmp(event->signal.sender, senders[k]) == 0)
                return event;
    }
    return NULL;
}

/* A child that ended after the signal, of it or badly, while its parent had the same and went on. */
struct victim {
    const struct pf_life *child, *parent;
    const struct pf_event *own, *parents;
};

static bool find_victim(const struct pf_case *c, struct victim *victim)
{
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        const struct pf_life *parent = pf_history_life(c->history, life->parent);
        if (!life->exit || !parent || (parent->exit && parent->exit->seq < life->exit->seq) ||
            (!life->exit->exit.signaled && life->exit->exit.code == 0))
            continue;
        *victim = (struct victim){.child = life,
                                  .parent = parent,
                                  .own = signal_from_above(c, life->process),
                                  .parents = signal_from_above(c, parent->process)};
        bool ended_by_it =
            victim->own && victim->own->seq < life->exit->seq &&
            (!life->exit->exit.signaled || life->exit->exit.code == victim->own->signal.number);
        if (ended_by_it && victim->parents && victim->parents->signal.number == victim->own->signal.number &&
            (!parent->exit || !parent->exit->exit.signaled))
            return true;
    }
    return false;
}

bool pf_rule_group_signal(struct pf_case *c, struct pf_match *ret_match)
{
    struct victim victim;
    bool damage = pf_case_found(c, PF_FINDING_LOST) || pf_case_found(c, PF_FINDING_TORN);
    if (!damage || !find_victim(c, &victim))
        return false;
    const char *name = victim.own->signal.name;
    pf_draw_node(c, victim.parent->process, pf_arena_printf(c->scratch, "got %s, and went on", name));
    pf_draw_node(c, victim.child->process, pf_phrase_end(c, victim.child));
    struct pf_edge *edge = pf_draw_edge(
        c, victim.parent->process, victim.child->process, "what it had in hand",
        pf_arena_printf(c->scratch, "the same %s reached %s, which %s", name,
                        pf_case_label(c, victim.child->process), pf_phrase_end(c, victim.child)));
    pf_draw_evidence(c, edge, victim.parents->seq);
    pf_draw_evidence(c, edge, victim.own->seq);
    pf_draw_evidence(c, edge, victim.child->exit->seq);
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s reached %s and also %s, its child. The parent handled it, and went on to end in good order; the "
        "child %s in the middle of its work, and what it had in hand is lost.",
        name, pf_case_label(c, victim.parent->process), pf_case_label(c, victim.child->process),
        pf_phrase_end(c, victim.child));
    ret_match->fix =
        "Let one process decide how the program ends: put workers into a process group of their own "
        "(setpgid), or let them ignore the signals of the terminal, and tell them through their queue or an "
        "event to stop, after what they have in hand.";
    return true;
}
