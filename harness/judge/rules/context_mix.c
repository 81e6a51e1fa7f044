/*
 * context-mix: a process died reaching for an address at which another one has shared memory: an object that
 * is passed on by fork was given to a process that was not forked from its owner, but began a program anew.
 */
#include <inttypes.h>

#include "judge/foreign.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_context_mix(struct pf_case *c, struct pf_match *ret_match)
{
    const char *process;
    const struct pf_event *event = pf_foreign_address(c, true, &process);
    if (!event)
        return false;
    pf_foreign_draw(c, process, event,
                    "the shared memory there is passed on by fork, and gone after an exec");
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s died reaching for 0x%" PRIx64
        ". Nothing is there in its memory, but shared memory of %s is: an object that "
        "forked children share was handed, by its address, to a process that does not have it.",
        pf_case_label(c, process), event->signal.address, pf_case_label(c, event->signal.mapped_in));
    ret_match->fix =
        "Pass shared objects by descriptor or by name, and map them where they arrive; an address holds only "
        "in "
        "the process that has it and in what is forked from that (in Python: objects of one context, "
        "as arguments, to processes of the same context).";
    return true;
}
