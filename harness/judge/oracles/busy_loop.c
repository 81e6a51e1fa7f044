/*
 * busy-loop: the time was up, and whoever still ran did nothing but run in circles: it burns CPU in a loop
 * whose state repeats itself, or wakes again and again from a timed wait and has read and written nothing. A
 * program that computes, or whose pace is not known, is a hang; and so is one whose first thread stands in a
 * circle of processes that those who wake are no part of.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/idle.h"
#include "judge/oracles/oracle.h"
#include "judge/pace.h"
#include "judge/phrases.h"

enum { TOLD = 6 };

/* Something that a program does when it gets on. */
static bool is_progress(const struct pf_event *event)
{
    switch (event->kind) {
    case PF_EVENT_FORK:
    case PF_EVENT_THREAD:
    case PF_EVENT_EXEC:
    case PF_EVENT_POINT:
    case PF_EVENT_LEDGER:
    case PF_EVENT_OUTPUT:
    case PF_EVENT_EXIT:
        return true;
    default:
        return false;
    }
}

static bool got_on(const struct pf_case *c, uint64_t since_ns)
{
    for (size_t i = c->trace->count; i-- > 0;) {
        const struct pf_event *event = c->trace->events[i];
        if (event->seq < c->history->verdict->seq && event->t_ns < since_ns)
            return false;
        if (event->seq < c->history->verdict->seq && is_progress(event))
            return true;
    }
    return false;
}

static const char *tell(struct pf_case *c, const struct pf_ev_pace *pace)
{
    const char *where = pf_phrase_where(c, pace->thread);
    const char *label = pf_case_label(c, pace->thread);
    const char *place = where ? pf_arena_printf(c->scratch, ", in %s", where) : "";
    const char *window = pf_phrase_time(c->scratch, pace->window_ns);
    if (pf_pace_spins(pace))
        return pf_arena_printf(
            c->scratch,
            "%s used %s of CPU time in the last %s, in a loop that repeats itself (%" PRIu64
            " states in %" PRIu64 " looks)%s",
            label, pf_phrase_time(c->scratch, pace->run_ns), window, pace->states, pace->looks, place);
    const char *call = pf_pace_timed_wait(c, pace)->wait.call;
    return pf_arena_printf(
        c->scratch, "%s polls: it woke %s from %s in the last %s, and neither read nor wrote anything%s",
        label, pf_phrase_count(c->scratch, pace->wakes, "time"), call ? call : "a timed wait", window, place);
}

struct circle {
    const char *words;
    size_t told;
    uint64_t evidence[TOLD];
    const char *process; /* NULL: several */
    bool several;
};

static void add(struct pf_case *c, struct circle *circle, const struct pf_event *event)
{
    const char *process = pf_process_of(event->pace.thread, c->scratch);
    circle->several |= circle->process && strcmp(circle->process, process) != 0;
    circle->process = process;
    if (circle->told == TOLD)
        return;
    const char *words = tell(c, &event->pace);
    circle->words = circle->told ? pf_arena_printf(c->scratch, "%s; %s", circle->words, words) : words;
    circle->evidence[circle->told++] = event->seq;
}

void pf_oracle_busy_loop(struct pf_case *c)
{
    struct circle circle = {0};
    const struct pf_life *root = pf_case_root(c);
    if (pf_case_verdict(c) != PF_VERDICT_DEADLINE || !c->graph || !root || root->exit)
        return;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_PACE)
            continue;
        if (got_on(c, c->history->verdict->t_ns - event->pace.window_ns))
            return;
        if (pf_pace_spins(&event->pace) || pf_pace_polls(c, &event->pace))
            add(c, &circle, event);
        else if (!pf_pace_rests(&event->pace))
            return; /* somebody does something else */
    }
    const struct pf_graph *rest = circle.told ? pf_idle_graph(c) : NULL;
    if (!circle.told || (rest && pf_idle_circle(rest)))
        return;
    const char *message =
        pf_arena_printf(c->scratch, "still running after %s, and going round in circles: %s",
                        pf_phrase_time(c->scratch, c->history->verdict->t_ns), circle.words);
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_BUSY_LOOP, PF_SEVERITY_FAIL,
                                              circle.several ? NULL : circle.process, message);
    pf_case_cite(c, finding, c->history->snapshot->seq);
    pf_case_cite(c, finding, c->history->verdict->seq);
    for (size_t i = 0; i < circle.told; i++)
        pf_case_cite(c, finding, circle.evidence[i]);
}
