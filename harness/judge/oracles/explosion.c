/*
 * process-explosion: processes make processes without end. Told by how the tree grows, not by its size alone:
 * each generation of one program makes the next. A pool, a parallel make or a shell with a thousand children
 * is wide or long-lived, but not deep.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

enum {
    DEPTH_AT_LIMIT = 5, /* generations, when the tree ran into a limit of processes */
    DEPTH_ALIVE = 32,   /* generations alive at once, when nothing stopped it */
    DEPTH_BY_FORK = 64, /* ... where it is not known which of them are the same program */
    SHARE = 2,          /* who made half of all is the one that makes them */
};

struct generation {
    const char *program;
    size_t depth;  /* generations of this program up to here, this one included */
    size_t before; /* index of the generation before, or PF_NOWHERE */
    size_t children;
};

static struct generation *trace_generations(struct pf_case *c)
{
    const struct pf_history *history = c->history;
    struct generation *all = pf_arena_alloc(c->scratch, (history->life_count + 1) * sizeof(*all));
    for (size_t i = 0; i < history->life_count; i++) {
        const struct pf_life *life = &history->lives[i];
        size_t parent = pf_lookup_find(&history->index, life->parent);
        struct generation *own = &all[i];
        *own = (struct generation){.depth = 1, .before = PF_NOWHERE};
        if (parent != PF_NOWHERE)
            all[parent].children++;
        own->program = life->exec ? life->exec->exec.path : parent != PF_NOWHERE ? all[parent].program : NULL;
        /* A shell between two generations does not hide that they are of one program. */
        for (size_t at = parent; at != PF_NOWHERE && own->program;
             at = pf_lookup_find(&history->index, history->lives[at].parent))
            if (all[at].program && strcmp(all[at].program, own->program) == 0) {
                own->before = at;
                own->depth = all[at].depth + 1;
                break;
            }
    }
    return all;
}

/* How many of the generations up to this one lived when it was born. */
static size_t count_alive(const struct pf_case *c, const struct generation *all, size_t youngest)
{
    uint64_t born = c->history->lives[youngest].fork->seq;
    size_t alive = 0;
    for (size_t at = youngest; at != PF_NOWHERE; at = all[at].before) {
        const struct pf_event *end = c->history->lives[at].exit;
        alive += !end || end->seq > born;
    }
    return alive;
}

static const struct pf_event *limit_met(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_LIMIT && event->limit.resource &&
            strcmp(event->limit.resource, "nproc") == 0)
            return event;
    }
    return NULL;
}

static void report(struct pf_case *c, const char *process, const char *message, const struct pf_event *end,
                   size_t youngest)
{
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_PROCESS_EXPLOSION, PF_SEVERITY_FAIL, process, message);
    pf_case_cite(c, finding, youngest != PF_NOWHERE ? c->history->lives[youngest].fork->seq : 0);
    pf_case_cite(c, finding, end ? end->seq : 0);
}

static const char *tell_depth(struct pf_case *c, const struct generation *all, size_t youngest)
{
    size_t oldest = youngest;
    while (all[oldest].before != PF_NOWHERE)
        oldest = all[oldest].before;
    return pf_arena_printf(c->scratch, "%zu generations of %s, each made by the one before, from %s to %s",
                           all[youngest].depth, all[youngest].program ? all[youngest].program : "one program",
                           pf_case_label(c, c->history->lives[oldest].process),
                           pf_case_label(c, c->history->lives[youngest].process));
}

/* The tree was ended because it had grown over the bound. */
static void report_overgrown(struct pf_case *c, const struct generation *all, size_t deepest, size_t widest)
{
    const struct pf_event *verdict = c->history->verdict;
    const char *how = "";
    if (all[widest].children * SHARE >= c->history->life_count)
        how = pf_arena_printf(c->scratch, ": %s made %zu of them",
                              pf_case_label(c, c->history->lives[widest].process), all[widest].children);
    else if (all[deepest].depth >= DEPTH_AT_LIMIT)
        how = pf_arena_printf(c->scratch, ": %s", tell_depth(c, all, deepest));
    report(c, NULL,
           pf_arena_printf(c->scratch, "%zu processes were alive at once, and the run was ended for it%s",
                           verdict->verdict.survivor_count, how),
           verdict, deepest);
}

void pf_oracle_explosion(struct pf_case *c)
{
    size_t deepest = 0, widest = 0;
    if (!c->history->life_count)
        return;
    const struct generation *all = trace_generations(c);
    for (size_t i = 1; i < c->history->life_count; i++) {
        deepest = all[i].depth > all[deepest].depth ? i : deepest;
        widest = all[i].children > all[widest].children ? i : widest;
    }
    const struct pf_event *limit = limit_met(c);
    size_t alive = c->begin->no_execs ? DEPTH_BY_FORK : DEPTH_ALIVE;
    if (pf_case_verdict(c) == PF_VERDICT_OVERGROWN)
        report_overgrown(c, all, deepest, widest);
    else if (limit && all[deepest].depth >= DEPTH_AT_LIMIT)
        report(c, NULL,
               pf_arena_printf(c->scratch, "processes made processes until the limit nproc was met: %s",
                               tell_depth(c, all, deepest)),
               limit, deepest);
    else if (all[deepest].depth >= alive && count_alive(c, all, deepest) >= alive)
        report(c, NULL,
               pf_arena_printf(c->scratch, "processes made processes and waited for them: %s",
                               tell_depth(c, all, deepest)),
               NULL, deepest);
}
