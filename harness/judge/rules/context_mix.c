/*
 * context-mix: a process died reaching for an address at which another one has shared memory: an object that
 * is passed on by fork was given to a process that was not forked from its owner, but began a program anew.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The crash of a process for an address at which another one has shared memory; NULL: it was not so. */
static const struct pf_event *foreign_address(const struct pf_case *c, const char *process)
{
    const struct pf_life *life = pf_history_life(c->history, process);
    for (size_t i = life ? life->signal_count : 0; i > 0; i--) {
        const struct pf_event *event = life->signals[i - 1];
        if (event->kind == PF_EVENT_SIGNAL && event->signal.mapped_in && event->signal.mapped_shared)
            return event;
    }
    return NULL;
}

bool pf_rule_context_mix(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *crash = pf_case_found(c, PF_FINDING_CRASH);
    const struct pf_event *event = crash && crash->process ? foreign_address(c, crash->process) : NULL;
    if (!event)
        return false;
    const char *owner = event->signal.mapped_in;
    pf_draw_node(c, crash->process, "reached for an address that means nothing there");
    pf_draw_node(c, owner, "has shared memory at that address");
    struct pf_edge *edge = pf_draw_edge(
        c, crash->process, owner, pf_arena_printf(c->scratch, "address 0x%" PRIx64, event->signal.address),
        "the shared memory there is passed on by fork, and gone after an exec");
    pf_draw_evidence(c, edge, event->seq);
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s died reaching for 0x%" PRIx64
        ". Nothing is there in its memory, but shared memory of %s is: an object that "
        "forked children share was handed, by its address, to a process that does not have it.",
        pf_case_label(c, crash->process), event->signal.address, pf_case_label(c, owner));
    ret_match->fix =
        "Pass shared objects by descriptor or by name, and map them where they arrive; an address holds only "
        "in "
        "the process that has it and in what is forked from that (in Python: objects of one context, "
        "as arguments, to processes of the same context).";
    return true;
}
