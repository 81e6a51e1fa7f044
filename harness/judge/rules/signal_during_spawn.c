/*
 * signal-during-spawn: a parent that was told to end did end its children, but not the last one: the signal
 * came when that had been made and was not yet on the parent's list.
 */
#include <string.h>

#include "judge/orphans.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The last request to end that reached the process. */
static const struct pf_event *request(const struct pf_life *life)
{
    for (size_t i = life->signal_count; i > 0; i--)
        if (life->signals[i - 1]->kind == PF_EVENT_SIGNAL &&
            pf_asks_to_end(life->signals[i - 1]->signal.number))
            return life->signals[i - 1];
    return NULL;
}

/* Did `by` send the process something to end it, after `since`? */
static bool was_ended_by(const struct pf_case *c, const struct pf_life *life, const struct pf_life *by,
                         uint64_t since)
{
    for (size_t i = 0; i < life->signal_count; i++) {
        const struct pf_event *event = life->signals[i];
        const char *sender = event->kind == PF_EVENT_SIGNAL ? event->signal.sender
                             : event->kind == PF_EVENT_KILL ? pf_process_of(event->kill.thread, c->scratch)
                                                            : NULL;
        if (event->seq > since && sender && strcmp(sender, by->process) == 0)
            return true;
    }
    return false;
}

/* Of the parent's children the orphan is the last, and others before it were ended by the parent. */
static bool only_the_last_is_left(const struct pf_case *c, const struct pf_life *orphan,
                                  const struct pf_life *parent, uint64_t since)
{
    bool ended = false;
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!life->parent || strcmp(life->parent, parent->process) != 0 || life == orphan)
            continue;
        if (life > orphan)
            return false;
        ended |= was_ended_by(c, life, parent, since);
    }
    return ended && !was_ended_by(c, orphan, parent, since);
}

bool pf_rule_signal_during_spawn(struct pf_case *c, struct pf_match *ret_match)
{
    size_t at = 0;
    for (const struct pf_life *orphan; (orphan = pf_orphan_next(c, &at));) {
        const struct pf_life *parent = pf_history_life(c->history, orphan->parent);
        const struct pf_event *event = parent && parent->exit ? request(parent) : NULL;
        if (!event || event->seq < orphan->fork->seq || event->seq > parent->exit->seq ||
            !only_the_last_is_left(c, orphan, parent, event->seq))
            continue;
        pf_orphan_draw(c, orphan, parent);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s reached %s when it had just made %s. It ended the children that it had made before, and then "
            "itself; the last one was not yet on its list, and lives on.",
            event->signal.name, pf_case_label(c, parent->process), pf_case_label(c, orphan->process));
        ret_match->fix =
            "Block the signals that end the program while a child is made, until it is noted (sigprocmask "
            "around fork; in Python pthread_sigmask around start), or let the handler only set a flag and "
            "end "
            "the children in the main loop.";
        return true;
    }
    return false;
}
