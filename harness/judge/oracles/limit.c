/* limit: a system call failed for want of a limited resource; one finding per process and resource. */
#include <inttypes.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

struct shortage {
    const char *process;
    const char *resource;
    const struct pf_event *first;
    uint64_t last;
    uint64_t count;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct shortage *shortage_of(struct pf_case *c, struct shortage **list, size_t *count,
                                    const struct pf_event *event)
{
    const char *process = pf_process_of(event->limit.thread, c->scratch);
    for (size_t i = 0; i < *count; i++)
        if (same_text((*list)[i].process, process) && same_text((*list)[i].resource, event->limit.resource))
            return &(*list)[i];
    struct shortage *shortage = pf_arena_grow(c->scratch, list, count, sizeof(**list));
    *shortage = (struct shortage){.process = process, .resource = event->limit.resource, .first = event};
    return shortage;
}

static void report(struct pf_case *c, const struct shortage *shortage)
{
    const struct pf_ev_limit *limit = &shortage->first->limit;
    const char *bound = limit->value ? pf_arena_printf(c->scratch, " of %" PRIu64, limit->value) : "";
    const char *message = pf_arena_printf(
        c->scratch, "%s ran into the limit %s%s: %s failed with %s, %s", pf_case_label(c, shortage->process),
        limit->resource ? limit->resource : "(unknown)", bound, limit->call ? limit->call : "a system call",
        limit->error ? limit->error : "an error", pf_phrase_count(c->scratch, shortage->count, "time"));
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_LIMIT, PF_SEVERITY_FAIL, shortage->process, message);
    pf_case_cite(c, finding, shortage->first->seq);
    pf_case_cite(c, finding, shortage->last != shortage->first->seq ? shortage->last : 0);
}

void pf_oracle_limit(struct pf_case *c)
{
    struct shortage *list = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event == c->history->verdict)
            break;
        if (event->kind != PF_EVENT_LIMIT)
            continue;
        struct shortage *shortage = shortage_of(c, &list, &count, event);
        shortage->count++;
        shortage->last = event->seq;
    }
    for (size_t i = 0; i < count; i++)
        report(c, &list[i]);
}
