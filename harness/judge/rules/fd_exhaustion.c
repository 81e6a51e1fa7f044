/* fd-exhaustion: a process used up its descriptors. */
#include <inttypes.h>
#include <string.h>

#include "judge/phrases.h"
#include "judge/rules/rule.h"

static const struct pf_event *first_shortage(const struct pf_case *c)
{
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event == c->history->verdict)
            break;
        if (event->kind == PF_EVENT_LIMIT && event->limit.resource &&
            strcmp(event->limit.resource, "nofile") == 0)
            return event;
    }
    return NULL;
}

bool pf_rule_fd_exhaustion(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_event *event = first_shortage(c);
    if (!event)
        return false;
    const struct pf_ev_limit *limit = &event->limit;
    const char *lost =
        pf_case_found(c, PF_FINDING_LOST)
            ? " Work was lost on the way: the books of what was sent and received do not agree."
            : "";
    const char *bound = limit->value ? pf_arena_printf(c->scratch, " of %" PRIu64, limit->value) : "";
    ret_match->summary = pf_arena_printf(
        c->scratch, "%s used up its descriptors: %s failed with %s at the limit%s.%s",
        pf_case_label(c, pf_process_of(limit->thread, c->scratch)),
        limit->call ? limit->call : "a system call", limit->error ? limit->error : "EMFILE", bound, lost);
    ret_match->fix =
        "Close both ends of a pipe as soon as they are not needed any more, on the error path too; "
        "check the need against RLIMIT_NOFILE before starting work, and raise the soft limit or "
        "refuse at once with a clear message.";
    return true;
}
