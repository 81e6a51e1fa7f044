#include "model/baseline.h"

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

static const struct pf_content *copy_content(const struct pf_content *content, struct pf_arena *arena)
{
    struct pf_content *copy = pf_content_outline(content, arena);
    if (copy)
        copy->text = pf_arena_strdup(arena, content->text);
    return copy;
}

/* The text of the trace is what was printed, byte by byte, unless it is binary. */
static const struct pf_content *printed_content(const struct pf_trace *trace, struct pf_arena *arena)
{
    const struct pf_ev_stream *stream = &pf_printed_stream(trace)->stream;
    uint64_t dropped;
    const char *text = pf_printed_text(trace, arena, &dropped);
    struct pf_content *content = pf_arena_alloc(arena, sizeof(*content));
    content->size = stream->size;
    content->digest = pf_arena_strdup(arena, stream->digest);
    if (stream->binary)
        return content;
    content->text = !dropped && content->size <= PF_CONTENT_TEXT_MAX ? text : NULL;
    content->bytes = text;
    content->held = content->size - dropped;
    return content;
}

static bool printed_the_same(const struct pf_trace *first, const struct pf_trace *second)
{
    const struct pf_event *a = pf_printed_stream(first), *b = pf_printed_stream(second);
    return a && b && a->stream.size == b->stream.size && strcmp(a->stream.digest, b->stream.digest) == 0;
}

static bool same_file(const struct pf_ev_file *a, const struct pf_ev_file *b)
{
    return strcmp(a->path, b->path) == 0 && strcmp(a->change, b->change) == 0 &&
           strcmp(a->type, b->type) == 0 &&
           (a->content && b->content ? pf_content_same(a->content, b->content) : a->content == b->content);
}

static bool does_the_same(const struct pf_trace *trace, const struct pf_ev_file *file)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_FILE && same_file(&trace->events[i]->file, file))
            return true;
    return false;
}

bool pf_is_leftover(const struct pf_ev_file *file)
{
    return strcmp(file->change, "created") == 0 &&
           (file->temporary || strcmp(file->type, "socket") == 0 || strcmp(file->type, "fifo") == 0);
}

static uint64_t count_leftovers(const struct pf_trace *trace)
{
    uint64_t count = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        count += event->kind == PF_EVENT_FILE && pf_is_leftover(&event->file);
    }
    return count;
}

static const struct pf_event *end_of(const struct pf_trace *trace, const char *process)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_EXIT && strcmp(trace->events[i]->exit.process, process) == 0)
            return trace->events[i];
    return NULL;
}

/* What a process had open at its end, or NULL: it was not looked at. */
static const struct pf_ev_descriptors *open_at_end(const struct pf_trace *trace, const char *process)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_ev_descriptors *event = &trace->events[i]->descriptors;
        if (trace->events[i]->kind == PF_EVENT_DESCRIPTORS && !event->limit &&
            strcmp(event->process, process) == 0)
            return event;
    }
    return NULL;
}

uint64_t pf_descriptors_count(const struct pf_descriptors *open, size_t open_count, enum pf_object_kind kind)
{
    uint64_t count = 0;
    for (size_t i = 0; i < open_count; i++)
        if (open[i].kind == kind || kind == PF_OBJECT__COUNT)
            count += open[i].count;
    return count;
}

/* The process ended in both runs in the same way, with as many descriptors of each kind. */
static bool ends_the_same(const struct pf_event *a, const struct pf_event *b,
                          const struct pf_ev_descriptors *open_a, const struct pf_ev_descriptors *open_b)
{
    if (!a || !b || !open_a || !open_b || a->exit.signaled || b->exit.signaled ||
        a->exit.code != b->exit.code)
        return false;
    for (int kind = 0; kind < PF_OBJECT__COUNT; kind++)
        if (pf_descriptors_count(open_a->open, open_a->open_count, (enum pf_object_kind)kind) !=
            pf_descriptors_count(open_b->open, open_b->open_count, (enum pf_object_kind)kind))
            return false;
    return true;
}

static void expect_process(const struct pf_ev_descriptors *event, uint64_t code, struct pf_arena *arena,
                           struct pf_expect *expect)
{
    struct pf_expect_process *process =
        pf_arena_grow(arena, &expect->processes, &expect->process_count, sizeof(*process));
    *process = (struct pf_expect_process){.process = pf_arena_strdup(arena, event->process), .code = code};
    for (size_t i = 0; i < event->open_count; i++) {
        struct pf_descriptors *open =
            pf_arena_grow(arena, &process->open, &process->open_count, sizeof(*open));
        *open = event->open[i];
        open->path = pf_arena_strdup(arena, open->path);
    }
}

static void expect_processes(const struct pf_trace *first, const struct pf_trace *second,
                             struct pf_arena *arena, struct pf_expect *expect)
{
    for (size_t i = 0; i < first->count; i++) {
        const struct pf_ev_descriptors *event = &first->events[i]->descriptors;
        if (first->events[i]->kind != PF_EVENT_DESCRIPTORS || event->limit)
            continue;
        const struct pf_event *end = end_of(first, event->process);
        if (ends_the_same(end, end_of(second, event->process), event, open_at_end(second, event->process)))
            expect_process(event, end->exit.code, arena, expect);
    }
}

void pf_baseline_expect(const struct pf_trace *first, const struct pf_trace *second, struct pf_arena *arena,
                        struct pf_expect *expect)
{
    uint64_t leftovers[] = {count_leftovers(first), count_leftovers(second)};
    expect->baseline = true;
    expect->leftovers = leftovers[leftovers[1] > leftovers[0]];
    if (printed_the_same(first, second))
        expect->printed = printed_content(first, arena);
    expect_processes(first, second, arena, expect);
    for (size_t i = 0; i < first->count; i++) {
        const struct pf_ev_file *file = &first->events[i]->file;
        if (first->events[i]->kind != PF_EVENT_FILE || strcmp(file->type, "file") != 0 ||
            !does_the_same(second, file))
            continue;
        struct pf_expect_file *slot =
            pf_arena_grow(arena, &expect->files, &expect->file_count, sizeof(*slot));
        slot->path = pf_arena_strdup(arena, file->path);
        slot->change = pf_arena_strdup(arena, file->change);
        slot->content = copy_content(file->content, arena);
    }
}
