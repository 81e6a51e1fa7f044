#include "model/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pf_trace *pf_trace_new(void)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        abort();
    trace->arena = arena;
    return trace;
}

void pf_trace_free(struct pf_trace *trace)
{
    if (!trace)
        return;
    pf_arena_free(trace->arena);
    free(trace);
}

static void write_line(struct pf_trace *trace, const struct pf_event *event)
{
    json_t *json = pf_event_to_json(event);
    if (json_dumpf(json, trace->sink, JSON_COMPACT) < 0 || fputc('\n', trace->sink) == EOF ||
        fflush(trace->sink) == EOF)
        trace->sink_error = errno ? -errno : -EIO;
    json_decref(json);
}

const struct pf_event *pf_trace_append(struct pf_trace *trace, const struct pf_event *event)
{
    struct pf_event *copy = pf_arena_alloc(trace->arena, sizeof(*copy));
    *copy = *event;
    struct pf_event **slot = pf_arena_grow(trace->arena, &trace->events, &trace->count, sizeof(*slot));
    *slot = copy;
    copy->seq = trace->count;
    if (trace->sink && !trace->sink_error)
        write_line(trace, copy);
    return copy;
}

const struct pf_ev_begin *pf_trace_begin(const struct pf_trace *trace)
{
    return &trace->events[0]->begin;
}

int pf_trace_read_line(struct pf_trace *trace, const char *line, size_t length, struct pf_error *error)
{
    json_error_t where;
    json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, &where);
    if (!json)
        return pf_error_set(error, -EBADMSG, "column %d: %s", where.column, where.text);
    struct pf_event event;
    int r = pf_event_from_json(json, trace->arena, &event, error);
    json_decref(json);
    if (r < 0)
        return -EBADMSG;
    if (event.seq != trace->count + 1)
        return pf_error_set(error, -EBADMSG, "event %zu was expected here, found %llu", trace->count + 1,
                            (unsigned long long)event.seq);
    if ((event.kind == PF_EVENT_BEGIN) != (trace->count == 0))
        return pf_error_set(error, -EBADMSG, "a trace starts with its one \"begin\" event");
    if (event.kind == PF_EVENT_BEGIN && strcmp(event.begin.schema, PF_TRACE_SCHEMA) != 0)
        return pf_error_set(error, -EBADMSG, "this is a trace of \"%s\", this version reads \"%s\"",
                            event.begin.schema, PF_TRACE_SCHEMA);
    pf_trace_append(trace, &event);
    return 0;
}

static int read_all(FILE *file, const char *name, struct pf_trace *trace, struct pf_error *error)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    int r = 0;
    for (ssize_t length; r == 0 && (length = getline(&line, &size, file)) >= 0;) {
        number++;
        struct pf_error inner = {""};
        r = pf_trace_read_line(trace, line, (size_t)length, &inner);
        if (r < 0)
            pf_error_set(error, r, "%s:%zu: %s", name, number, inner.message);
    }
    if (r == 0 && ferror(file))
        r = pf_error_set(error, -EIO, "%s: cannot be read: %s", name, strerror(errno));
    free(line);
    return r;
}

int pf_trace_read(FILE *file, const char *name, struct pf_trace **ret_trace, struct pf_error *error)
{
    struct pf_trace *trace = pf_trace_new();
    int r = read_all(file, name, trace, error);
    if (r == 0 && trace->count == 0)
        r = pf_error_set(error, -EBADMSG,
                         "%s: is empty; a trace is made by `pitfall run --trace FILE -- CMD`", name);
    if (r == 0 && trace->events[trace->count - 1]->kind != PF_EVENT_END)
        r = pf_error_set(error, -EBADMSG, "%s:%zu: the trace is cut off here: it has no \"end\" event", name,
                         trace->count);
    if (r < 0) {
        pf_trace_free(trace);
        return r;
    }
    *ret_trace = trace;
    return 0;
}
