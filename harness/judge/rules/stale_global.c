/*
 * stale-global: a process that began a program anew read a variable which its maker had set before: what exec
 * gave it is a global of its own, as it was compiled.
 */
#include <inttypes.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"
#include "judge/state.h"

bool pf_rule_stale_global(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_stale_read stale;
    for (size_t at = 0; pf_state_next_stale(c, &at, &stale);) {
        const char *reader = pf_process_of(stale.read->ledger.thread, c->scratch);
        const char *setter = pf_process_of(stale.set->ledger.thread, c->scratch);
        const struct pf_life *life = pf_history_life(c->history, reader);
        /* Where execs are not followed, that it differs tells: a copy made after the set would have the
         * value. */
        if (pf_history_keeps_image(c->history, life))
            continue;
        pf_draw_node(c, reader, pf_arena_printf(c->scratch, "read %" PRIu64, stale.read->ledger.id));
        pf_draw_node(c, setter, pf_arena_printf(c->scratch, "set %" PRIu64, stale.set->ledger.id));
        struct pf_edge *edge =
            pf_draw_edge(c, reader, setter, stale.name,
                         "each has a variable of its own: the reader began its program anew");
        pf_draw_evidence(c, edge, stale.set->seq);
        pf_draw_evidence(c, edge, life->exec ? life->exec->seq : life->fork->seq);
        pf_draw_evidence(c, edge, stale.read->seq);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s set \"%s\" to %" PRIu64 ". %s, started after that, read %" PRIu64
            ": it began a program anew, with the "
            "globals as they are at its beginning, and nothing that is set in another process changes them.",
            pf_case_label(c, setter), stale.name, stale.set->ledger.id, pf_case_label(c, reader),
            stale.read->ledger.id);
        ret_match->fix = "Pass to a process what it has to know: as arguments, in the environment or through "
                         "a descriptor (in "
                         "Python: args= and initargs=); leave to globals what is constant.";
        return true;
    }
    return false;
}
