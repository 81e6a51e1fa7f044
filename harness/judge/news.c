#include "judge/news.h"

#include <string.h>

#include "judge/chain.h"
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

static bool is_no_lock(const struct pf_object *object)
{
    if (!object || !object->futex)
        return false;
    switch (object->futex->kind) {
    case PF_FUTEX_PLAIN:
    case PF_FUTEX_SEMAPHORE:
    case PF_FUTEX_CONDITION:
        return true;
    default:
        return false;
    }
}

bool pf_waits_for_news(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    if (wait->kind == PF_WAIT_READ || wait->kind == PF_WAIT_SEMAPHORE)
        return true;
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object = pf_graph_object(graph, wait->targets[i].object);
        if (wait->kind == PF_WAIT_POLL &&
            (wait->targets[i].writable || !object || object->kind == PF_OBJECT_PIDFD))
            return false;
        if (wait->kind == PF_WAIT_FUTEX && !is_no_lock(object))
            return false;
    }
    return wait->kind == PF_WAIT_POLL || wait->kind == PF_WAIT_FUTEX;
}

bool pf_only_waiters_bring_news(const struct pf_graph *graph, size_t thread)
{
    struct pf_link_walk walk = {.from = thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);)
        if (!pf_link_is_internal(graph, &link) &&
            !pf_chain_between(graph, link.to, thread, pf_link_leads_to_end))
            return false;
    return true;
}

static bool is_one_of(const char *function, const char *const *names)
{
    for (; function && *names; names++)
        if (strstr(function, *names))
            return true;
    return false;
}

bool pf_stands_in_condition(const struct pf_case *c, const char *thread)
{
    static const char *const functions[] = {
        "pthread_cond_",        "cnd_wait", "cnd_timedwait", "Condition.wait", "Event.wait",
        "pthread_barrier_wait", NULL};
    static const char *const methods[] = {"Condition.wait", "Event.wait", "Barrier.wait", NULL};
    size_t index = c->graph ? pf_lookup_find(&c->graph->thread_index, thread) : PF_NOWHERE;
    const struct pf_futex *futex = index == PF_NOWHERE ? NULL : pf_graph_futex(c->graph, index);
    if (futex && (futex->kind == PF_FUTEX_BARRIER || futex->kind == PF_FUTEX_CONDITION))
        return true;
    uint64_t seq;
    const struct pf_ev_stack *stack = pf_history_stack(c->history, thread, &seq);
    for (size_t i = 0; stack && i < stack->frame_count; i++) {
        const struct pf_frame *frame = &stack->frames[i];
        bool script = frame->language != NULL;
        if (script && !frame->module)
            continue; /* the program's own, whatever it is called */
        if (is_one_of(frame->function, script ? methods : functions))
            return true;
    }
    return false;
}

bool pf_stands_in_event(const struct pf_case *c, const char *thread)
{
    uint64_t seq;
    const struct pf_ev_stack *stack = pf_history_stack(c->history, thread, &seq);
    for (size_t i = 0; stack && i < stack->frame_count; i++) {
        const struct pf_frame *frame = &stack->frames[i];
        if (frame->language && frame->module && frame->function && strcmp(frame->function, "Event.wait") == 0)
            return true;
    }
    return false;
}

/* The innermost frame of Python, or NULL. */
static const struct pf_frame *innermost_script(const struct pf_case *c, const char *thread)
{
    uint64_t seq;
    const struct pf_ev_stack *stack = pf_history_stack(c->history, thread, &seq);
    for (size_t i = 0; stack && i < stack->frame_count; i++)
        if (stack->frames[i].language)
            return &stack->frames[i];
    return NULL;
}

bool pf_stands_in_python(const struct pf_case *c, const char *thread)
{
    return innermost_script(c, thread) != NULL;
}

bool pf_stands_in_method(const struct pf_case *c, const char *thread, const char *method)
{
    const struct pf_frame *frame = innermost_script(c, thread);
    return frame && frame->module && frame->function && strcmp(frame->function, method) == 0;
}

bool pf_stands_at_lock(const struct pf_case *c, const char *thread)
{
    const struct pf_frame *frame = innermost_script(c, thread);
    return frame && !frame->module;
}

bool pf_stands_in_python_join(const struct pf_case *c, const char *thread)
{
    static const char *const functions[] = {"Thread.join", "_shutdown", "threading._shutdown"};
    uint64_t seq;
    const struct pf_ev_stack *stack = pf_history_stack(c->history, thread, &seq);
    for (size_t i = 0; stack && i < stack->frame_count; i++)
        for (size_t k = 0; stack->frames[i].language && k < sizeof(functions) / sizeof(functions[0]); k++)
            if (stack->frames[i].function && strcmp(stack->frames[i].function, functions[k]) == 0)
                return true;
    return false;
}

/* The later of the two. */
static const struct pf_life *later(const struct pf_life *a, const struct pf_life *b)
{
    return !a || (b && b->exit->seq > a->exit->seq) ? b : a;
}

static const struct pf_life *last_killed(const struct pf_case *c, const char *parent, bool crashes)
{
    const struct pf_life *last = NULL;
    for (size_t i = 0; parent && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        bool child = life->parent && strcmp(life->parent, parent) == 0;
        if (child && life->exit && life->exit->exit.signaled && pf_history_is_of_image(c->history, life) &&
            (crashes || !pf_is_crash_signal(life->exit->exit.code)))
            last = later(last, life);
    }
    return last;
}

const struct pf_life *pf_killed_child(const struct pf_case *c, const char *process)
{
    return last_killed(c, process, true);
}

static const struct pf_life *last_ended(const struct pf_case *c, const char *parent, const char *beside)
{
    const struct pf_life *last = NULL;
    for (size_t i = 0; parent && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        bool child = life->parent && strcmp(life->parent, parent) == 0 && strcmp(life->process, beside) != 0;
        /* Where execs are not followed, nobody knows what an ended process last was. */
        bool same = (!life->name || pf_history_keeps_image(c->history, life)) &&
                    pf_history_is_of_image(c->history, life);
        if (child && life->exit && !life->exec && same)
            last = later(last, life);
    }
    return last;
}

const struct pf_life *pf_gone_relative(const struct pf_case *c, const char *process)
{
    const struct pf_life *killed = pf_killed_relative(c, process);
    const struct pf_life *life = pf_history_life(c->history, process);
    return killed || !life ? killed
                           : later(last_ended(c, process, process), last_ended(c, life->parent, process));
}

const struct pf_life *pf_killed_relative(const struct pf_case *c, const char *process)
{
    const struct pf_life *life = pf_history_life(c->history, process);
    return life ? later(last_killed(c, process, false), last_killed(c, life->parent, false)) : NULL;
}

const char *pf_phrase_killed(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_event *event;
    enum pf_cause cause = pf_history_cause(c->history, life, &event);
    const char *by = "";
    if (cause == PF_CAUSE_INJECTED)
        by = " (the injected fault)";
    else if (cause == PF_CAUSE_TREE && event && event->kind == PF_EVENT_KILL)
        by = pf_arena_printf(c->scratch, " (sent by %s)", pf_case_label(c, event->kill.thread));
    else if (cause == PF_CAUSE_TREE && event && event->kind == PF_EVENT_SIGNAL)
        by = pf_arena_printf(c->scratch, " (sent by %s)", pf_case_label(c, event->signal.sender));
    return pf_arena_printf(c->scratch, "%s%s", pf_phrase_end(c, life), by);
}
