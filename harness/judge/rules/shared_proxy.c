/*
 * shared-proxy: a thread got the answer to what another thread of its process had asked, and the process has
 * one connection only, which both must have used: the answers come in the order of the questions, and go to
 * whoever reads first.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/held.h"
#include "judge/phrases.h"
#include "judge/replies.h"
#include "judge/rules/rule.h"

/* A look at the process at which it had one socket. */
static const struct pf_event *one_connection(const struct pf_case *c, const char *process)
{
    struct pf_held held;
    for (size_t at = 0; pf_held_next(c, &at, &held);) {
        uint64_t sockets = 0;
        for (size_t i = 0; i < held.held->open.open_count; i++)
            if (held.held->open.open[i].kind == PF_OBJECT_SOCKET)
                sockets += held.held->open.open[i].count;
        if (strcmp(held.life->process, process) == 0 && sockets == 1)
            return held.held;
    }
    return NULL;
}

bool pf_rule_shared_proxy(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_stray_reply stray;
    for (size_t at = 0; pf_replies_next_stray(c, &at, &stray);) {
        const char *process = pf_process_of(stray.asked->ledger.thread, c->scratch);
        const struct pf_event *whose = pf_replies_whose(c, &stray), *look = one_connection(c, process);
        if (!whose || !look || strcmp(pf_process_of(whose->ledger.thread, c->scratch), process) != 0)
            continue;
        const char *reader = stray.asked->ledger.thread, *other = whose->ledger.thread;
        pf_draw_node(c, reader, pf_arena_printf(c->scratch, "asked for %" PRIu64, stray.asked->ledger.id));
        pf_draw_node(c, other, pf_arena_printf(c->scratch, "asked for %" PRIu64, whose->ledger.id));
        struct pf_edge *edge = pf_draw_edge(c, reader, other, "the one connection of their process",
                                            "it read the answer that was meant for the other thread");
        pf_draw_evidence(c, edge, whose->seq);
        pf_draw_evidence(c, edge, stray.answered->seq);
        pf_draw_evidence(c, edge, look->seq);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s asked for %" PRIu64 " and read the answer to %" PRIu64
            ", which %s had asked for before it and not yet "
            "read. Both are threads of %s, which has one connection only: answers come in the order in which "
            "the questions were sent, and go to whoever reads first.",
            pf_case_label(c, reader), stray.asked->ledger.id, stray.answered->ledger.id,
            pf_case_label(c, other), pf_case_label(c, process));
        ret_match->fix =
            "Hold a lock from the sending of a question until its answer has been read; or give each "
            "thread a connection of its own; or number the questions, and let one reader hand the "
            "answers out by number.";
        return true;
    }
    return false;
}
