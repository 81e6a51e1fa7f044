#include "judge/case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct pf_finding *pf_case_find(struct pf_case *c, enum pf_finding_kind kind, enum pf_severity severity,
                                const char *process, const char *message)
{
    struct pf_finding *finding =
        pf_arena_grow(c->arena, &c->trial->findings, &c->trial->finding_count, sizeof(*finding));
    finding->kind = kind;
    finding->severity = severity;
    finding->process = pf_arena_strdup(c->arena, process);
    finding->message = pf_arena_strdup(c->arena, message);
    return finding;
}

void pf_case_cite(struct pf_case *c, struct pf_finding *finding, uint64_t seq)
{
    if (seq)
        *(uint64_t *)pf_arena_grow(c->arena, &finding->evidence, &finding->evidence_count, sizeof(seq)) = seq;
}

const struct pf_finding *pf_case_found(const struct pf_case *c, enum pf_finding_kind kind)
{
    for (size_t i = 0; i < c->trial->finding_count; i++)
        if (c->trial->findings[i].kind == kind)
            return &c->trial->findings[i];
    return NULL;
}

enum pf_verdict_kind pf_case_verdict(const struct pf_case *c)
{
    return c->history->verdict ? c->history->verdict->verdict.kind : PF_VERDICT__COUNT;
}

const struct pf_life *pf_case_root(const struct pf_case *c)
{
    return c->history->life_count ? &c->history->lives[0] : NULL;
}

uint64_t pf_case_status(const struct pf_ev_exit *end)
{
    return end->signaled ? 128 + end->code : end->code;
}

bool pf_case_ended_well(const struct pf_case *c)
{
    const struct pf_life *root = pf_case_root(c);
    const char *expected = c->begin->expect.exit;
    if (pf_case_verdict(c) != PF_VERDICT_FINISHED || !root || !root->exit)
        return false;
    char status[24];
    snprintf(status, sizeof(status), "%" PRIu64, pf_case_status(&root->exit->exit));
    return strcmp(status, !expected || strcmp(expected, "any") == 0 ? "0" : expected) == 0;
}

const char *pf_case_dead_owner(const struct pf_case *c, const struct pf_futex *futex)
{
    const struct pf_thread_state *owner =
        futex->owner && c->history->snapshot
            ? pf_snapshot_thread(&c->history->snapshot->snapshot, futex->owner)
            : NULL;
    bool ended = owner && owner->wait.kind == PF_WAIT_EXIT && futex->kind != PF_FUTEX_JOIN;
    return ended ? futex->owner : futex->dead_owner;
}

const char *pf_case_label(const struct pf_case *c, const char *address)
{
    const struct pf_thread_state *thread =
        c->history->snapshot ? pf_snapshot_thread(&c->history->snapshot->snapshot, address) : NULL;
    const struct pf_life *life = pf_history_life(c->history, pf_process_of(address, c->scratch));
    const char *name = life ? life->name : NULL;
    if (strchr(address, '/') && thread && thread->name)
        name = pf_longer_name(name, thread->name);
    /* Of a tree that was found the reader knows the numbers: he asked by one. */
    if (c->begin->attached && life && name)
        return pf_arena_printf(c->scratch, "%s (%s %" PRIu64 ")", address, name,
                               strchr(address, '/') && thread ? thread->tid : life->fork->fork.pid);
    return name ? pf_arena_printf(c->scratch, "%s (%s)", address, name) : address;
}
