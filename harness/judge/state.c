#include "judge/state.h"

#include <string.h>

/* "threshold" for "set:threshold"; NULL: it is another kind of entry. */
static const char *variable_of(const struct pf_event *event, const char *book)
{
    size_t length = strlen(book);
    return event->kind == PF_EVENT_LEDGER && event->ledger.book &&
                   strncmp(event->ledger.book, book, length) == 0 && event->ledger.book[length]
               ? event->ledger.book + length
               : NULL;
}

/* What the variable was set to last, before this event. */
static const struct pf_event *last_set(const struct pf_case *c, const char *name, uint64_t before)
{
    const struct pf_event *last = NULL;
    for (size_t i = 0; i < c->trace->count && c->trace->events[i]->seq < before; i++) {
        const char *variable = variable_of(c->trace->events[i], "set:");
        if (variable && strcmp(variable, name) == 0)
            last = c->trace->events[i];
    }
    return last;
}

bool pf_state_next_stale(const struct pf_case *c, size_t *at, struct pf_stale_read *ret_stale)
{
    while (*at < c->trace->count) {
        const struct pf_event *read = c->trace->events[(*at)++];
        const char *name = variable_of(read, "read:");
        const struct pf_life *reader =
            name ? pf_history_life(c->history, pf_process_of(read->ledger.thread, c->scratch)) : NULL;
        if (!reader)
            continue;
        /* Set once more since its birth: it may have seen that or not. */
        const struct pf_event *born_with = last_set(c, name, reader->fork->seq);
        if (!born_with || last_set(c, name, read->seq) != born_with ||
            born_with->ledger.id == read->ledger.id)
            continue;
        *ret_stale = (struct pf_stale_read){.name = name, .set = born_with, .read = read};
        return true;
    }
    return false;
}
