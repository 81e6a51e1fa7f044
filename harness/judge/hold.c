#include "judge/hold.h"

#include <inttypes.h>
#include <string.h>

/* Who waits for a lock has opened the file for that: what it wants is in the hands of other descriptors. */
static bool is_for_the_wait(const struct pf_thread_state *waiter, const struct pf_holder *holder)
{
    return waiter->wait.kind == PF_WAIT_LOCK && waiter->wait.target_count &&
           waiter->wait.targets[0].fd == holder->fd && strcmp(waiter->process, holder->process) == 0;
}

/* The end that could end the wait: of a pipe that is read the one that is written to. */
static bool is_end(const struct pf_thread_state *waiter, const struct pf_holder *holder)
{
    if (is_for_the_wait(waiter, holder))
        return false;
    if (waiter->wait.kind == PF_WAIT_READ)
        return holder->writes;
    return waiter->wait.kind != PF_WAIT_WRITE || holder->reads;
}

static const struct pf_holder *hold_of(const struct pf_thread_state *waiter, const struct pf_object *object,
                                       const char *process)
{
    for (size_t i = 0; process && i < object->holder_count; i++)
        if (strcmp(object->holders[i].process, process) == 0 && is_end(waiter, &object->holders[i]))
            return &object->holders[i];
    return NULL;
}

/* A child begins with the descriptors of its parent, under the same numbers. */
static const char *giver_of(const struct pf_case *c, const struct pf_thread_state *waiter,
                            const struct pf_object *object, const struct pf_holder *hold)
{
    const struct pf_life *life = pf_history_life(c->history, hold->process);
    for (size_t i = 0; life && life->parent && i < object->holder_count; i++) {
        const struct pf_holder *holder = &object->holders[i];
        if (strcmp(holder->process, life->parent) == 0 && holder->fd == hold->fd && is_end(waiter, holder))
            return life->parent;
    }
    return NULL;
}

static const char *own_part(const struct pf_case *c, const struct pf_thread_state *waiter,
                            const struct pf_object *object, const struct pf_holder *hold)
{
    const char *giver = giver_of(c, waiter, object, hold);
    return giver ? pf_arena_printf(c->scratch, "%s inherited that end from %s as fd %" PRId64, hold->process,
                                   giver, hold->fd)
                 : pf_arena_printf(c->scratch, "%s has that end as fd %" PRId64, hold->process, hold->fd);
}

const char *pf_hold_phrase(const struct pf_case *c, const struct pf_thread_state *waiter,
                           const struct pf_object *object, const char *other, const char *own)
{
    if (!object || (object->kind != PF_OBJECT_PIPE && object->kind != PF_OBJECT_FIFO) ||
        (waiter->wait.kind != PF_WAIT_READ && waiter->wait.kind != PF_WAIT_WRITE))
        return NULL;
    const struct pf_holder *theirs = hold_of(waiter, object, other), *ours = hold_of(waiter, object, own);
    const char *first = theirs ? pf_arena_printf(c->scratch, "by its fd %" PRId64, theirs->fd) : "";
    const char *second = ours ? own_part(c, waiter, object, ours) : "";
    if (!theirs && !ours)
        return NULL;
    return pf_arena_printf(c->scratch, "%s%s%s", first, theirs && ours ? "; " : "", second);
}

int64_t pf_hold_fd(const struct pf_thread_state *waiter, const struct pf_object *object, const char *process)
{
    const struct pf_holder *hold = hold_of(waiter, object, process);
    return hold ? hold->fd : -1;
}

/* How much of two addresses is a common ancestor: 3 for "0.1.2" and "0.1.3". */
static size_t common(const char *a, size_t a_length, const char *b)
{
    size_t whole = 0;
    for (size_t i = 0; i <= a_length; i++) {
        char of_a = i < a_length ? a[i] : '\0', of_b = b[i];
        bool a_ends = !of_a || of_a == '.', b_ends = !of_b || of_b == '.';
        if (a_ends && b_ends)
            whole = i;
        if (of_a != of_b || !of_a)
            break;
    }
    return whole;
}

static bool share_a_number(const struct pf_object *object)
{
    for (size_t i = 0; i < object->holder_count; i++)
        for (size_t k = 0; k < i; k++)
            if (object->holders[i].fd == object->holders[k].fd &&
                strcmp(object->holders[i].process, object->holders[k].process) != 0)
                return true;
    return false;
}

const char *pf_hold_origin(const struct pf_case *c, const struct pf_object *object)
{
    if (object->kind != PF_OBJECT_PIPE || object->external || !object->holder_count)
        return "";
    const char *first = object->holders[0].process;
    size_t length = strlen(first);
    for (size_t i = 1; i < object->holder_count; i++)
        length = common(first, length, object->holders[i].process);
    const char *ancestor = pf_arena_strndup(c->scratch, first, length);
    bool holds = false, several = false, root = strcmp(ancestor, "0") == 0;
    for (size_t i = 0; i < object->holder_count; i++) {
        holds |= strcmp(object->holders[i].process, ancestor) == 0;
        several |= strcmp(object->holders[i].process, first) != 0;
    }
    if (!length || !several || (!holds && !root && !share_a_number(object)))
        return "";
    return pf_arena_printf(c->scratch, "%s %s%s", root ? ", made by" : ", which comes from", ancestor,
                           holds ? "" : ", which has closed its own ends");
}
