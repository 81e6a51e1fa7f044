/* zombie: children that ended long ago and that their living parent has not reaped. Only a warning: a program
 * that is about to end may leave it to the kernel. */
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

#define TOLERATED_NS 1000000000ULL

struct tally {
    size_t count;
    uint64_t oldest_ns;
    uint64_t snapshot, exit; /* evidence: where it was seen, the oldest death */
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

void pf_oracle_zombie(struct pf_case *c)
{
    size_t size = (c->history->life_count + 1) * sizeof(struct tally);
    struct tallies tallies = {pf_arena_alloc(c->scratch, size), pf_arena_alloc(c->scratch, size)};
    for (size_t i = 0; i < c->trace->count && c->trace->events[i] != c->history->verdict; i++) {
        const struct pf_event *event = c->trace->events[i];
        for (size_t k = 0; event->kind == PF_EVENT_SNAPSHOT && k < event->snapshot.process_count; k++)
            count_one(c, event, &event->snapshot.processes[k], &tallies);
    }
    for (size_t i = 0; i < c->history->life_count; i++)
        if (tallies.worst[i].count)
            report(c, &c->history->lives[i], &tallies.worst[i]);
}
