/*
 * interleaved-log: the output has the right bytes in the wrong lines, nobody was killed, and several
 * processes were at work at the same time: each wrote its records in more than one piece, and others came
 * between the pieces.
 */
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Torn output, as against torn messages of a ledger: that one tells whose output it is. */
static const struct pf_finding *torn_output(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trial->finding_count; i++)
        if (c->trial->findings[i].kind == PF_FINDING_TORN && c->trial->findings[i].process)
            return &c->trial->findings[i];
    return NULL;
}

static bool overlap(const struct pf_life *a, const struct pf_life *b)
{
    return (!a->exit || a->exit->seq > b->fork->seq) && (!b->exit || b->exit->seq > a->fork->seq);
}

/* Two processes below the root, neither the other's parent, that lived at the same time. */
static bool two_at_once(const struct pf_case *c, const struct pf_life **ret_a, const struct pf_life **ret_b)
{
    const struct pf_history *history = c->history;
    for (size_t i = 1; i < history->life_count; i++)
        for (size_t k = i + 1; k < history->life_count; k++) {
            *ret_a = &history->lives[i];
            *ret_b = &history->lives[k];
            if (!pf_address_descends((*ret_b)->process, (*ret_a)->process) && overlap(*ret_a, *ret_b))
                return true;
        }
    return false;
}

bool pf_rule_interleaved_log(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *a, *b;
    if (!torn_output(c) || !two_at_once(c, &a, &b))
        return false;
    for (size_t i = 0; i < c->history->life_count; i++)
        if (c->history->lives[i].exit && c->history->lives[i].exit->exit.signaled)
            return false;
    pf_draw_node(c, a->process, "wrote");
    pf_draw_node(c, b->process, "wrote at the same time");
    struct pf_edge *edge = pf_draw_edge(c, a->process, b->process, "the same output",
                                        "both had it open, and nothing kept their records apart");
    pf_draw_evidence(c, edge, a->fork->seq);
    pf_draw_evidence(c, edge, b->fork->seq);
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "The output has all its bytes, in the wrong lines: %s and %s wrote to it at the same "
                        "time, each record in "
                        "more than one piece, and pieces of one came between pieces of the other.",
                        pf_case_label(c, a->process), pf_case_label(c, b->process));
    ret_match->fix = "Write a record with one call (O_APPEND for files, at most PIPE_BUF bytes for pipes), "
                     "or hold a lock over "
                     "the whole record, or send all records to one process that writes them.";
    return true;
}
