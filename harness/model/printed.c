#include "model/printed.h"

#include <string.h>

static bool is_stdout(const struct pf_event *event)
{
    return event->kind == PF_EVENT_OUTPUT && strcmp(event->output.stream, "stdout") == 0;
}

const char *pf_printed_text(const struct pf_trace *trace, struct pf_arena *arena, uint64_t *ret_dropped)
{
    size_t size = 1;
    uint64_t dropped = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        if (!is_stdout(event))
            continue;
        size += event->output.text ? strlen(event->output.text) : 0;
        dropped += event->output.dropped;
    }
    char *text = pf_arena_alloc(arena, size), *at = text;
    for (size_t i = 0; i < trace->count; i++)
        if (is_stdout(trace->events[i]) && trace->events[i]->output.text)
            at = stpcpy(at, trace->events[i]->output.text);
    *ret_dropped = dropped;
    return text;
}

const struct pf_event *pf_printed_stream(const struct pf_trace *trace)
{
    for (size_t i = trace->count; i-- > 0;) {
        const struct pf_event *event = trace->events[i];
        if (event->kind == PF_EVENT_STREAM && strcmp(event->stream.stream, "stdout") == 0)
            return event;
    }
    return NULL;
}

const struct pf_content *pf_printed_content(const struct pf_trace *trace, struct pf_arena *arena)
{
    const struct pf_event *event = pf_printed_stream(trace);
    if (!event)
        return NULL;
    uint64_t dropped;
    const char *text = pf_printed_text(trace, arena, &dropped);
    struct pf_content *content = pf_arena_alloc(arena, sizeof(*content));
    content->size = event->stream.size;
    content->digest = pf_arena_strdup(arena, event->stream.digest);
    if (event->stream.binary)
        return content;
    content->text = !dropped && content->size <= PF_CONTENT_TEXT_MAX ? text : NULL;
    content->bytes = text;
    content->held = content->size - dropped;
    return content;
}
