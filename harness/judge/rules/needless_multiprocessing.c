/*
 * needless-multiprocessing: a program hands thousands of tasks to workers of its own, one by one, and its
 * workers spend no more on one than handing it over costs.
 */
#include <inttypes.h>

#include "judge/crew.h"
#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

bool pf_rule_needless_multiprocessing(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *cost = pf_case_found(c, PF_FINDING_COST);
    const struct pf_life *head = cost ? pf_history_life(c->history, cost->process) : NULL;
    struct pf_crew crew;
    if (!head || !pf_crew_of(c, head, &crew) || !pf_crew_is_chatty(&crew))
        return false;
    uint64_t all = crew.head_ns + crew.worker_ns;
    const char *process = head->process;
    pf_draw_node(c, process,
                 pf_arena_printf(c->scratch, "hands over, %s", pf_phrase_time(c->scratch, crew.head_ns)));
    pf_crew_draw(c, &crew, pf_arena_printf(c->scratch, "%" PRIu64 " tasks and answers", crew.answers),
                 "taking a task and answering costs as much as doing it");
    ret_match->summary = pf_arena_printf(c->scratch,
                                         "%s. Each task goes through two system calls and a change of "
                                         "processes on its way, and its answer again: "
                                         "%" PRIu64 " ns of processor time altogether, whatever the task is.",
                                         cost->message, all / crew.answers);
    ret_match->fix =
        "Do it in one process; or hand over hundreds of tasks at a time, so that one hand-over takes a "
        "small part of the time of the work (in Python: chunksize=, or arguments that are lists).";
    return true;
}
