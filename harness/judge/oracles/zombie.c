/*
 * zombie: children that ended and that their living parent has not reaped.
 *
 * Every child is a zombie for a moment, and a batch that is waited for at its end is one for long: while all
 * goes well it is a warning at most, once they are a second old. It is a failure when it does harm: the limit
 * of processes was met, and half of the places or more were taken by what one parent had not waited for.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

#define TOLERATED_NS 1000000000ULL

struct tally {
    size_t count;
    uint64_t oldest_ns;
    uint64_t snapshot, exit; /* evidence: where it was seen (or the limit met), the oldest death */
};

/* Per parent: what the snapshot at hand says, and the worst that any said; of equals the last. */
struct tallies {
    struct tally *now, *worst;
};

/* A parent that runs, or is in a call that reaps, gets round to it. */
static bool is_about_to_reap(const struct pf_snapshot *snapshot, const char *parent)
{
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        enum pf_wait_kind kind = snapshot->threads[i].wait.kind;
        if (strcmp(snapshot->threads[i].process, parent) == 0 &&
            (kind == PF_WAIT_NONE || kind == PF_WAIT_CHILD))
            return true;
    }
    return false;
}

static void count_one(struct pf_case *c, const struct pf_event *event, const struct pf_process_state *process,
                      struct tallies *tallies)
{
    size_t parent = pf_lookup_find(&c->history->index, process->parent);
    const struct pf_life *life = pf_history_life(c->history, process->process);
    if (!process->zombie || parent == PF_NOWHERE || !life || !life->exit ||
        life->exit->t_ns + TOLERATED_NS > event->t_ns || is_about_to_reap(&event->snapshot, process->parent))
        return;
    struct tally *now = &tallies->now[parent];
    if (now->snapshot != event->seq)
        *now = (struct tally){.snapshot = event->seq};
    uint64_t age = event->t_ns - life->exit->t_ns;
    now->count++;
    if (age > now->oldest_ns) {
        now->oldest_ns = age;
        now->exit = life->exit->seq;
    }
    if (now->count >= tallies->worst[parent].count)
        tallies->worst[parent] = *now;
}

static void report(struct pf_case *c, const struct pf_life *parent, const struct tally *tally)
{
    const char *children =
        tally->count == 1 ? "1 child" : pf_arena_printf(c->scratch, "%zu children", tally->count);
    const char *message = pf_arena_printf(
        c->scratch, "%s has not waited for %s that ended; the oldest has been a zombie for %s",
        pf_case_label(c, parent->process), children, pf_phrase_time(c->scratch, tally->oldest_ns));
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_ZOMBIE, PF_SEVERITY_WARN, parent->process, message);
    pf_case_cite(c, finding, tally->exit);
    pf_case_cite(c, finding, tally->snapshot);
}

/* When the limit was met, how many of the places did the zombies of each parent take? */
static void count_at_limit(struct pf_case *c, const struct pf_ev_zombie *zombie, struct tally *tallies)
{
    const struct pf_life *life = pf_history_life(c->history, zombie->process);
    size_t parent = life ? pf_lookup_find(&c->history->index, life->parent) : PF_NOWHERE;
    if (!zombie->limit || parent == PF_NOWHERE || !life->exit)
        return;
    struct tally *tally = &tallies[parent];
    if (tally->count++ == 0)
        *tally = (struct tally){.count = 1, .snapshot = zombie->limit, .exit = life->exit->seq};
}

static bool report_at_limit(struct pf_case *c, const struct pf_life *parent, const struct tally *tally)
{
    const struct pf_event *event = pf_history_event(c->history, tally->snapshot);
    if (!event || event->kind != PF_EVENT_LIMIT || tally->count * 2 < event->limit.value)
        return false;
    const char *message = pf_arena_printf(
        c->scratch,
        "%s has not waited for %s that ended, and each still counts as a process: they take %zu of the "
        "%" PRIu64 " places that there are, and no more could be made",
        pf_case_label(c, parent->process),
        tally->count == 1 ? "1 child" : pf_arena_printf(c->scratch, "%zu children", tally->count),
        tally->count, event->limit.value);
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_ZOMBIE, PF_SEVERITY_FAIL, parent->process, message);
    pf_case_cite(c, finding, tally->exit);
    pf_case_cite(c, finding, tally->snapshot);
    return true;
}

void pf_oracle_zombie(struct pf_case *c)
{
    size_t size = (c->history->life_count + 1) * sizeof(struct tally);
    struct tallies tallies = {pf_arena_alloc(c->scratch, size), pf_arena_alloc(c->scratch, size)};
    struct tally *at_limit = pf_arena_alloc(c->scratch, size);
    for (size_t i = 0; i < c->trace->count && c->trace->events[i] != c->history->verdict; i++) {
        const struct pf_event *event = c->trace->events[i];
        for (size_t k = 0; event->kind == PF_EVENT_SNAPSHOT && k < event->snapshot.process_count; k++)
            count_one(c, event, &event->snapshot.processes[k], &tallies);
        if (event->kind == PF_EVENT_ZOMBIE)
            count_at_limit(c, &event->zombie, at_limit);
    }
    for (size_t i = 0; i < c->history->life_count; i++)
        if (!(at_limit[i].count && report_at_limit(c, &c->history->lives[i], &at_limit[i])) &&
            tallies.worst[i].count)
            report(c, &c->history->lives[i], &tallies.worst[i]);
}
