#include "judge/replies.h"

#include <string.h>

/* "" or "jobs" for "asked" and "asked:jobs"; NULL: it is another kind of entry. */
static const char *stream_of(const struct pf_event *event, const char *book)
{
    size_t length = strlen(book);
    const char *name = event->kind == PF_EVENT_LEDGER ? event->ledger.book : NULL;
    if (!name || strncmp(name, book, length) != 0 || (name[length] && name[length] != ':'))
        return NULL;
    return name[length] ? name + length + 1 : "";
}

static bool is_entry(const struct pf_event *event, const char *book, const char *stream, const char *thread)
{
    const char *name = stream_of(event, book);
    return name && strcmp(name, stream) == 0 && (!thread || strcmp(event->ledger.thread, thread) == 0);
}

/* A thread's questions are answered in their order. */
static const struct pf_event *question_of(const struct pf_case *c, const struct pf_event *answered,
                                          const char *stream)
{
    const struct pf_event *asked = NULL;
    const char *thread = answered->ledger.thread;
    size_t answers = 0;
    for (size_t i = 0; c->trace->events[i] != answered; i++)
        answers += is_entry(c->trace->events[i], "answered", stream, thread);
    for (size_t i = 0; c->trace->events[i] != answered && !asked; i++)
        if (is_entry(c->trace->events[i], "asked", stream, thread) && answers-- == 0)
            asked = c->trace->events[i];
    return asked;
}

bool pf_replies_next_stray(const struct pf_case *c, size_t *at, struct pf_stray_reply *ret_stray)
{
    while (*at < c->trace->count) {
        const struct pf_event *answered = c->trace->events[(*at)++];
        const char *stream = stream_of(answered, "answered");
        const struct pf_event *asked = stream ? question_of(c, answered, stream) : NULL;
        if (!asked || asked->ledger.id == answered->ledger.id)
            continue;
        *ret_stray = (struct pf_stray_reply){asked, answered};
        return true;
    }
    return false;
}

const struct pf_event *pf_replies_whose(const struct pf_case *c, const struct pf_stray_reply *stray)
{
    const char *stream = stream_of(stray->answered, "answered");
    for (size_t i = 0; c->trace->events[i] != stray->answered; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (is_entry(event, "asked", stream, NULL) && event->ledger.id == stray->answered->ledger.id &&
            strcmp(event->ledger.thread, stray->answered->ledger.thread) != 0)
            return event;
    }
    return NULL;
}
