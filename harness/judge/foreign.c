#include "judge/foreign.h"

#include <inttypes.h>

#include "judge/drawing.h"

const struct pf_event *pf_foreign_address(const struct pf_case *c, bool shared, const char **ret_process)
{
    const struct pf_finding *crash = pf_case_found(c, PF_FINDING_CRASH);
    const struct pf_life *life = crash && crash->process ? pf_history_life(c->history, crash->process) : NULL;
    for (size_t i = life ? life->signal_count : 0; i > 0; i--) {
        const struct pf_event *event = life->signals[i - 1];
        if (event->kind == PF_EVENT_SIGNAL && event->signal.mapped_in &&
            event->signal.mapped_shared == shared) {
            *ret_process = crash->process;
            return event;
        }
    }
    return NULL;
}

void pf_foreign_draw(struct pf_case *c, const char *process, const struct pf_event *event, const char *why)
{
    const char *owner = event->signal.mapped_in;
    pf_draw_node(c, process, "reached for an address that means nothing there");
    pf_draw_node(c, owner,
                 event->signal.mapped_shared ? "has shared memory at that address"
                                             : "has private memory at that address");
    struct pf_edge *edge = pf_draw_edge(
        c, process, owner, pf_arena_printf(c->scratch, "address 0x%" PRIx64, event->signal.address), why);
    pf_draw_evidence(c, edge, event->seq);
}
