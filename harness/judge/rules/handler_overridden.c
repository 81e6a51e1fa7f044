/*
 * handler-overridden: a signal came that a program had a handler for, but another one had been put in its
 * place; and what the program had made for its processes to talk with was left behind.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"
#include "model/path.h"

/* Handlers of one signal in one process, the one in force on top. Who is put back is in force again, and
 * those that were set meanwhile are no longer there. */
struct handlers {
    const struct pf_event **set;
    size_t count;
};

static bool is_same(const struct pf_ev_handler *a, const struct pf_ev_handler *b)
{
    return a->address == b->address && strcmp(a->does, b->does) == 0;
}

static void set(struct pf_case *c, struct handlers *handlers, const struct pf_event *event)
{
    for (size_t i = 0; i < handlers->count; i++)
        if (is_same(&handlers->set[i]->handler, &event->handler)) {
            handlers->count = i + 1;
            return;
        }
    *(const struct pf_event **)pf_arena_grow(c->scratch, &handlers->set, &handlers->count, sizeof(event)) =
        event;
}

static const char *process_of(const struct pf_case *c, const struct pf_event *event)
{
    switch (event->kind) {
    case PF_EVENT_HANDLER:
        return pf_process_of(event->handler.thread, c->scratch);
    case PF_EVENT_EXEC:
        return event->exec.process;
    default:
        return "";
    }
}

/* What the process had set when the signal came, with what it had from its parent when it was born. */
static void collect(struct pf_case *c, const struct pf_life *life, const struct pf_event *signal,
                    struct handlers *handlers)
{
    const struct pf_life *parent = pf_history_life(c->history, life->parent);
    if (parent && parent < life) {
        struct pf_event birth = {.seq = life->fork->seq, .signal = signal->signal};
        collect(c, parent, &birth, handlers);
    }
    for (uint64_t seq = life->fork->seq; seq < signal->seq; seq++) {
        const struct pf_event *event = pf_history_event(c->history, seq);
        if (!event || strcmp(process_of(c, event), life->process) != 0)
            continue;
        if (event->kind == PF_EVENT_EXEC)
            handlers->count = 0;
        else if (event->handler.number == signal->signal.number)
            set(c, handlers, event);
    }
}

static bool is_function(const struct pf_event *event)
{
    return strcmp(event->handler.does, "function") == 0;
}

/* "clean_up at store.c:14" */
static const char *name_of(const struct pf_case *c, const struct pf_ev_handler *handler)
{
    const struct pf_frame *function = &handler->function;
    if (!function->function)
        return pf_arena_printf(c->scratch, "a function at 0x%" PRIx64, handler->address);
    if (!function->file || !function->line)
        return function->function;
    return pf_arena_printf(c->scratch, "%s at %s:%" PRIu64, function->function, pf_path_name(function->file),
                           function->line);
}

static void tell(struct pf_case *c, const struct pf_event *signal, const struct pf_event *lost,
                 const struct pf_event *ran, struct pf_match *ret_match)
{
    const char *process = pf_process_of(signal->signal.thread, c->scratch);
    const char *name = signal->signal.name;
    const struct pf_finding *left = pf_case_found(c, PF_FINDING_IPC_LEAK);
    pf_draw_node(c, process, pf_arena_printf(c->scratch, "got %s", name));
    struct pf_edge *edge =
        pf_draw_edge(c, process, process, name,
                     pf_arena_printf(c->scratch, "its handler was %s; %s, set before, was not there any more",
                                     name_of(c, &ran->handler), name_of(c, &lost->handler)));
    pf_draw_evidence(c, edge, lost->seq);
    pf_draw_evidence(c, edge, ran->seq);
    pf_draw_evidence(c, edge, signal->seq);
    ret_match->summary = pf_arena_printf(
        c->scratch,
        "%s reached %s. Its handler for that had been %s, but %s was set later, in its place: only the last "
        "one runs, and what the first was there for is not done. %s.",
        name, pf_case_label(c, process), name_of(c, &lost->handler), name_of(c, &ran->handler),
        left->message);
    ret_match->fix =
        "Let a handler that is set later call the one it replaces: sigaction and signal.signal tell which "
        "that "
        "was. Better: let one place of the program own its signals, with a list of what is to be done; "
        "a library sets no handlers unasked.";
}

bool pf_rule_handler_overridden(struct pf_case *c, struct pf_match *ret_match)
{
    const struct pf_finding *left = pf_case_found(c, PF_FINDING_IPC_LEAK);
    for (size_t i = 0; left && left->severity == PF_SEVERITY_FAIL && i < c->trace->count; i++) {
        const struct pf_event *signal = c->trace->events[i];
        if (signal->kind != PF_EVENT_SIGNAL || !pf_asks_to_end(signal->signal.number))
            continue;
        const struct pf_life *life =
            pf_history_life(c->history, pf_process_of(signal->signal.thread, c->scratch));
        struct handlers handlers = {0};
        if (!life || !life->exit)
            continue;
        collect(c, life, signal, &handlers);
        if (!handlers.count || !is_function(handlers.set[handlers.count - 1]))
            continue;
        for (size_t k = handlers.count - 1; k-- > 0;)
            if (is_function(handlers.set[k])) {
                tell(c, signal, handlers.set[k], handlers.set[handlers.count - 1], ret_match);
                return true;
            }
    }
    return false;
}
