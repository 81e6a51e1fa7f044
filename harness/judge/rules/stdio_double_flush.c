/*
 * stdio-double-flush: lines came out more than once, and processes that are copies of the writer, made by
 * fork and without an exec, ended by themselves: each had a copy of what was not yet written, and wrote it at
 * its end.
 */
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Repeated output, as against repeated messages of a ledger: that one tells whose output it is. */
static const struct pf_finding *repeated_output(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trial->finding_count; i++)
        if (c->trial->findings[i].kind == PF_FINDING_DUPLICATE && c->trial->findings[i].process)
            return &c->trial->findings[i];
    return NULL;
}

bool pf_rule_stdio_double_flush(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *repeated = repeated_output(c);
    const struct pf_life *first = NULL;
    size_t copies = 0;
    for (size_t i = 0; repeated && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (!life->exit || life->exit->exit.signaled || !pf_history_keeps_image(c->history, life))
            continue;
        first = first ? first : life;
        copies++;
        pf_draw_node(c, life->process, "is a copy, and ended by itself");
        struct pf_edge *edge = pf_draw_edge(c, life->process, life->parent, "output that was not yet written",
                                            "fork copied the buffer with the rest of the memory");
        pf_draw_evidence(c, edge, life->fork->seq);
        pf_draw_evidence(c, edge, life->exit->seq);
    }
    if (!first)
        return false;
    pf_draw_node(c, first->parent, "had output in its buffer");
    const char *others = copies == 1 ? ""
                                     : pf_arena_printf(c->scratch, " and %s",
                                                       pf_phrase_count(c->scratch, copies - 1, "other"));
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "Lines came out more than once. %s%s %s made by fork from a process with output in "
                        "its buffer, and had the "
                        "buffer too: each that ended through exit wrote it out.",
                        pf_case_label(c, first->process), others, copies == 1 ? "was" : "were");
    ret_match->fix =
        "Flush before fork (fflush(NULL)), and leave a forked child with _exit, after flushing what is "
        "its own (in Python: sys.stdout.flush() before os.fork(), os._exit() in the child).";
    return true;
}
