/* hang: the time was up, or supervision gave up, and the program had not ended; nothing is proven. */
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

enum { TOLD = 8 };

/* "0 (main) waits for …; 0.1 (worker) runs"; threads that have ended have nothing to tell. */
static const char *tell_waits(struct pf_case *c)
{
    const char *text = "";
    size_t told = 0, left = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_graph_thread *thread = &c->graph->threads[i];
        if (thread->ended)
            continue;
        if (told == TOLD) {
            left++;
            continue;
        }
        text = pf_arena_printf(c->scratch, "%s%s%s %s%s", text, told++ ? "; " : "",
                               pf_case_label(c, thread->state->thread), pf_phrase_wait(c, thread->state),
                               pf_phrase_doubt(c, thread));
    }
    return left ? pf_arena_printf(c->scratch, "%s; and %s more", text,
                                  pf_phrase_count(c->scratch, left, "thread"))
                : text;
}

static const char *tell_unknown(struct pf_case *c)
{
    const struct pf_snapshot *snapshot = c->graph->snapshot;
    return snapshot->unknown_count
               ? pf_arena_printf(c->scratch, ". Not known: %s",
                                 pf_phrase_list(c->scratch, snapshot->unknown, snapshot->unknown_count))
               : "";
}

/* What was not seen of a tree that was found, and might yet end what looks stuck. */
static const char *tell_unseen(struct pf_case *c)
{
    const struct pf_snapshot *snapshot = c->graph->snapshot;
    bool alarm = false;
    for (size_t i = 0; i < snapshot->process_count; i++)
        alarm |= snapshot->processes[i].alarm_unseen;
    const char *strangers =
        snapshot->stranger_count
            ? pf_arena_printf(c->scratch, "what is held by %s outside the tree, which may not be read",
                              pf_phrase_list(c->scratch, snapshot->strangers, snapshot->stranger_count))
            : "";
    return pf_arena_printf(c->scratch, "%s%s%s", alarm ? "whether an alarm is pending (root sees more)" : "",
                           alarm && *strangers ? ", and " : "", strangers);
}

/* A tree that was looked at, and would be a proven deadlock but for what could not be seen. */
static void find_likely(struct pf_case *c)
{
    const char **stuck = pf_arena_alloc(c->scratch, (c->graph->stuck_count + 1) * sizeof(*stuck));
    size_t count = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++)
        if (pf_graph_stuck(c->graph, i))
            stuck[count++] = pf_case_label(c, c->graph->threads[i].state->thread);
    const char *message = pf_arena_printf(
        c->scratch,
        "%s %s likely to be stuck for good: nothing that was seen could ever wake %s. Not seen: %s",
        pf_phrase_list(c->scratch, stuck, count), count == 1 ? "is" : "are",
        count == 1 ? "it" : "any of them", tell_unseen(c));
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_HANG, PF_SEVERITY_FAIL, NULL, message);
    pf_case_cite(c, finding, c->history->snapshot->seq);
    pf_case_cite(c, finding, c->history->verdict->seq);
}

void pf_oracle_hang(struct pf_case *c)
{
    if (c->stuck && !c->proven) {
        find_likely(c);
        return;
    }
    const struct pf_life *root = pf_case_root(c);
    bool late = pf_case_verdict(c) == PF_VERDICT_DEADLINE;
    bool doubted = pf_case_verdict(c) == PF_VERDICT_PROVEN && !c->proven;
    if ((!late && !doubted) || !root || root->exit || pf_case_found(c, PF_FINDING_BUSY_LOOP))
        return;
    const struct pf_event *verdict = c->history->verdict;
    const char *message =
        pf_arena_printf(c->scratch, "still running after %s", pf_phrase_time(c->scratch, verdict->t_ns));
    if (c->graph)
        message = pf_arena_printf(c->scratch, "%s, and no deadlock is proven: %s%s", message, tell_waits(c),
                                  tell_unknown(c));
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_HANG, PF_SEVERITY_FAIL, NULL, message);
    if (c->graph)
        pf_case_cite(c, finding, c->history->snapshot->seq);
    pf_case_cite(c, finding, verdict->seq);
}
