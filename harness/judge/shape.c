#include "judge/shape.h"

#include <string.h>

static bool counts(const struct pf_case *c, size_t thread)
{
    const struct pf_graph_thread *node = &c->graph->threads[thread];
    return c->proven ? pf_graph_stuck(c->graph, thread)
                     : !node->ended && node->state->wait.kind != PF_WAIT_NONE;
}

/* The kind of what the wait is for; PF_OBJECT__COUNT when it is for no object. */
static int object_kind(const struct pf_case *c, const struct pf_wait *wait)
{
    for (size_t i = 0; i < wait->target_count; i++) {
        const struct pf_object *object =
            wait->targets[i].object ? pf_graph_object(c->graph, wait->targets[i].object) : NULL;
        if (object)
            return (int)object->kind;
    }
    return PF_OBJECT__COUNT;
}

static const char *name(const struct pf_case *c, int wait, int object)
{
    const char *waits = pf_names_get(&pf_wait_kind_names, wait);
    return object == PF_OBJECT__COUNT
               ? waits
               : pf_arena_printf(c->scratch, "%s:%s", waits, pf_names_get(&pf_object_kind_names, object));
}

void pf_shape_describe(struct pf_case *c)
{
    bool seen[PF_WAIT__COUNT][PF_OBJECT__COUNT + 1] = {{false}};
    if (!c->graph)
        return;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++) {
        const struct pf_wait *wait = &c->graph->threads[i].state->wait;
        if (counts(c, i))
            seen[wait->kind][object_kind(c, wait)] = true;
    }
    const char *text = "";
    for (int wait = 0; wait < PF_WAIT__COUNT; wait++)
        for (int object = 0; object <= PF_OBJECT__COUNT; object++)
            if (seen[wait][object])
                text = pf_arena_printf(c->scratch, "%s%s%s", text, *text ? "+" : "", name(c, wait, object));
    c->trial->shape = *text ? pf_arena_strdup(c->arena, text) : NULL;
}
