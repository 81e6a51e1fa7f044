/*
 * main-reimport: a program runs itself again, and what it does at its beginning is to run itself again. Each
 * generation executed the same program anew; a copy made by fork alone would be another story.
 */
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static size_t depth_of(const char *address)
{
    size_t depth = 0;
    for (; *address; address++)
        depth += *address == '.';
    return depth;
}

static const char *path_of(const struct pf_life *life)
{
    return life && life->exec ? life->exec->exec.path : NULL;
}

/* The nearest ancestor that began the same program, a shell between the two aside; NULL: none. */
static const struct pf_life *generation_before(const struct pf_case *c, const struct pf_life *life)
{
    const char *own = path_of(life);
    for (const struct pf_life *at = life; own && at->parent;) {
        const struct pf_life *above = pf_history_life(c->history, at->parent);
        if (!above || above >= at)
            return NULL;
        if (path_of(above) && strcmp(path_of(above), own) == 0)
            return above;
        at = above;
    }
    return NULL;
}

bool pf_rule_main_reimport(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_life *deepest = NULL;
    if (!pf_case_found(c, PF_FINDING_PROCESS_EXPLOSION))
        return false;
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        bool deeper = !deepest || depth_of(life->process) > depth_of(deepest->process);
        if (deeper && generation_before(c, life))
            deepest = life;
    }
    if (!deepest)
        return false;
    size_t generations = 1;
    const struct pf_life *first = deepest;
    for (const struct pf_life *life = deepest, *before; (before = generation_before(c, life));
         life = before) {
        pf_draw_node(c, life->process, "began the program anew");
        struct pf_edge *edge = pf_draw_edge(c, before->process, life->process, "exec",
                                            "it executed the same program, which did the same");
        pf_draw_evidence(c, edge, life->exec->seq);
        generations++;
        first = before;
    }
    pf_draw_node(c, first->process, "began the program");
    ret_match->summary = pf_arena_printf(c->scratch,
                                         "Each process runs %s again from its beginning, and the beginning "
                                         "is to run it again: %zu generations, "
                                         "down to %s, and nothing in it comes to an end.",
                                         path_of(deepest), generations, pf_case_label(c, deepest->process));
    ret_match->fix =
        "Decide from the arguments in which role a process was started before anything is started in it (in "
        "Python: under if __name__ == \"__main__\"), or give the child a program of its own.";
    return true;
}
