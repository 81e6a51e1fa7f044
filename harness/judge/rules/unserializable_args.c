/*
 * unserializable-args: a process died reaching for an address at which another one has private memory:
 * somebody sent a pointer to a process that does not share the address space.
 */
#include <inttypes.h>

#include "judge/foreign.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_unserializable_args(struct pf_case *c, struct pf_match *ret_match)
{
    const char *process;
    const struct pf_event *event = pf_foreign_address(c, false, &process);
    if (!event)
        return false;
    pf_foreign_draw(c, process, event, "the memory there is private: no other process can reach it");
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s died reaching for 0x%" PRIx64
        ". Nothing is there in its memory, but private memory of %s is: a pointer was "
        "sent from one process to another, where it points to nothing.",
        pf_case_label(c, process), event->signal.address, pf_case_label(c, event->signal.mapped_in));
    ret_match->fix = "Send what the pointer points to, and not the pointer: its bytes through the pipe or "
                     "queue, or the memory "
                     "itself as a descriptor (memfd_create) that the other maps.";
    return true;
}
