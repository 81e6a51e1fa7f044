/*
 * unserializable-args: a process died reaching for an address at which another one has private memory:
 * somebody sent a pointer to a process that does not share the address space.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The crash of a process for an address at which another one has private memory; NULL: it was not so. */
static const struct pf_event *foreign_address(const struct pf_case *c, const char *process)
{
    const struct pf_life *life = pf_history_life(c->history, process);
    for (size_t i = life ? life->signal_count : 0; i > 0; i--) {
        const struct pf_event *event = life->signals[i - 1];
        if (event->kind == PF_EVENT_SIGNAL && event->signal.mapped_in && !event->signal.mapped_shared)
            return event;
    }
    return NULL;
}

bool pf_rule_unserializable_args(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *crash = pf_case_found(c, PF_FINDING_CRASH);
    const struct pf_event *event = crash && crash->process ? foreign_address(c, crash->process) : NULL;
    if (!event)
        return false;
    const char *owner = event->signal.mapped_in;
    pf_draw_node(c, crash->process, "reached for an address that means nothing there");
    pf_draw_node(c, owner, "has private memory at that address");
    struct pf_edge *edge = pf_draw_edge(
        c, crash->process, owner, pf_arena_printf(c->scratch, "address 0x%" PRIx64, event->signal.address),
        "the memory there is private: no other process can reach it");
    pf_draw_evidence(c, edge, event->seq);
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s died reaching for 0x%" PRIx64
                        ". Nothing is there in its memory, but private memory of %s is: a pointer was "
                        "sent from one process to another, where it points to nothing.",
                        pf_case_label(c, crash->process), event->signal.address, pf_case_label(c, owner));
    ret_match->fix = "Send what the pointer points to, and not the pointer: its bytes through the pipe or "
                     "queue, or the memory "
                     "itself as a descriptor (memfd_create) that the other maps.";
    return true;
}
