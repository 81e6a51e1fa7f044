/*
 * bulk-shared-state: a program sends large amounts of data to workers of its own, through the kernel and back
 * out of it, task by task, and most of its processor time goes into that.
 */
#include <inttypes.h>

#include "judge/crew.h"
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_bulk_shared_state(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *cost = pf_case_found(c, PF_FINDING_COST);
    const struct pf_life *head = cost ? pf_history_life(c->history, cost->process) : NULL;
    struct pf_crew crew;
    if (!head || !pf_crew_of(c, head, &crew) || !pf_crew_is_bulky(&crew))
        return false;
    pf_draw_node(c, head->process, "sends data");
    pf_crew_draw(c, &crew, pf_arena_printf(c->scratch, "%" PRIu64 " MiB", crew.moved >> 20),
                 "all of it is copied into the kernel and out of it");
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s. That is %" PRIu64 " KiB for each answer: every task pays for the size of the data that it is "
        "sent, however little of it it looks at.",
        cost->message, (crew.moved >> 10) / crew.answers);
    ret_match->fix =
        "Put the data into memory that both have (MAP_SHARED, a memfd; in Python "
        "multiprocessing.shared_memory), or give it to the workers once, as they start; send what tells "
        "where to look.";
    return true;
}
