/* zombie: children that ended long ago and that their living parent has not reaped. Only a warning: a program
 * that is about to end may leave it to the kernel. */
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

#define TOLERATED_NS 1000000000ULL

struct tally {
    const char *parent;
    size_t count;
    uint64_t oldest_ns;
    uint64_t snapshot, exit; /* evidence: where it was seen, the oldest death */
};

static void count_zombies(struct pf_case *c, const struct pf_event *event, const char *parent,
                          struct tally *ret_tally)
{
    struct tally tally = {.parent = parent, .snapshot = event->seq};
    for (size_t i = 0; i < event->snapshot.process_count; i++) {
        const struct pf_process_state *process = &event->snapshot.processes[i];
        const struct pf_life *life = pf_history_life(c->history, process->process);
        if (!process->zombie || !process->parent || strcmp(process->parent, parent) != 0 || !life ||
            !life->exit || life->exit->t_ns + TOLERATED_NS > event->t_ns)
            continue;
        uint64_t age = event->t_ns - life->exit->t_ns;
        tally.count++;
        if (age > tally.oldest_ns) {
            tally.oldest_ns = age;
            tally.exit = life->exit->seq;
        }
    }
    if (tally.count >= ret_tally->count && tally.count)
        *ret_tally = tally;
}

/* The snapshot with the most of them counts; of equals the last. */
static struct tally worst_of(struct pf_case *c, const char *parent)
{
    struct tally worst = {0};
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event == c->history->verdict)
            break;
        if (event->kind == PF_EVENT_SNAPSHOT)
            count_zombies(c, event, parent, &worst);
    }
    return worst;
}

static bool had_zombie(const struct pf_case *c, const char *parent)
{
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        for (size_t k = 0; event->kind == PF_EVENT_SNAPSHOT && k < event->snapshot.process_count; k++) {
            const struct pf_process_state *process = &event->snapshot.processes[k];
            if (process->zombie && process->parent && strcmp(process->parent, parent) == 0)
                return true;
        }
    }
    return false;
}

void pf_oracle_zombie(struct pf_case *c)
{
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *parent = &c->history->lives[i];
        if (!had_zombie(c, parent->process))
            continue;
        struct tally tally = worst_of(c, parent->process);
        if (!tally.count)
            continue;
        const char *message = pf_arena_printf(
            c->scratch, "%s has not waited for %s that ended; the oldest has been a zombie for %s",
            pf_case_label(c, parent->process),
            tally.count == 1 ? "1 child" : pf_arena_printf(c->scratch, "%zu children", tally.count),
            pf_phrase_time(c->scratch, tally.oldest_ns));
        struct pf_finding *finding =
            pf_case_find(c, PF_FINDING_ZOMBIE, PF_SEVERITY_WARN, parent->process, message);
        pf_case_cite(c, finding, tally.exit);
        pf_case_cite(c, finding, tally.snapshot);
    }
}
