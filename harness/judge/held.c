#include "judge/held.h"

#include <string.h>

static bool is_of(const struct pf_event *event, const char *thread, bool released)
{
    return event->kind == PF_EVENT_OPEN && event->open.released == released &&
           strcmp(event->open.thread, thread) == 0;
}

bool pf_held_next(const struct pf_case *c, size_t *at, struct pf_held *ret_held)
{
    while (*at < c->trace->count) {
        const struct pf_event *event = c->trace->events[(*at)++];
        if (event->kind != PF_EVENT_OPEN || event->open.released)
            continue;
        struct pf_held held = {.thread = event->open.thread, .held = event};
        held.life = pf_history_life(c->history, pf_process_of(held.thread, c->scratch));
        for (size_t i = *at; i < c->trace->count && !held.released && held.life; i++)
            if (is_of(c->trace->events[i], held.thread, true))
                held.released = c->trace->events[i];
        if (!held.life)
            continue;
        *ret_held = held;
        return true;
    }
    return false;
}
