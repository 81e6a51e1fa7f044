/* deadlock: the run was ended as stuck, and the graph over that snapshot agrees. */
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

void pf_oracle_deadlock(struct pf_case *c)
{
    if (!c->proven)
        return;
    const char **stuck = pf_arena_alloc(c->scratch, (c->graph->stuck_count + 1) * sizeof(*stuck));
    size_t count = 0;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++)
        if (pf_graph_stuck(c->graph, i))
            stuck[count++] = pf_case_label(c, c->graph->threads[i].state->thread);
    const char *message =
        pf_arena_printf(c->scratch, "%s %s stuck for good: nothing in the tree can ever wake %s%s",
                        pf_phrase_list(c->scratch, stuck, count), count == 1 ? "is" : "are",
                        count == 1 ? "it" : "any of them",
                        c->graph->anyone == PF_GRADE_ALIVE ? "; others run on, and could only kill" : "");
    struct pf_finding *finding = pf_case_find(c, PF_FINDING_DEADLOCK, PF_SEVERITY_FAIL, NULL, message);
    pf_case_cite(c, finding, c->history->snapshot->seq);
    pf_case_cite(c, finding, c->history->verdict->seq);
}
