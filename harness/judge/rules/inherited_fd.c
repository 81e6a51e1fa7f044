/*
 * inherited-fd: somebody waits for data or for the end of file, and the ends that could bring it are open
 * only in processes that got them by inheritance: in the reader itself, or in relatives of its that have no
 * use for them and are stuck as well. Whoever made the pipe has closed its own end, and thinks that was all.
 * Or it has not: a child that wrote to the pipe has ended, and the reader waits for an end of file that its
 * own copy of the writing end keeps from coming.
 *
 * The same for file locks: whoever took the lock has ended, and the lock lives on in the descriptor that a
 * child of its inherited.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/hold.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* A stuck thread, and those through whom alone its wait could end. */
struct wait_on_heirs {
    size_t thread;
    const struct pf_waker *waker; /* the way there, for the picture */
    size_t *heirs;
    size_t heir_count;
    const struct pf_life *gone; /* the child that could write to the reader, where only that itself is left */
};

static void add_heir(struct pf_case *c, struct wait_on_heirs *wait, size_t process)
{
    *(size_t *)pf_arena_grow(c->scratch, &wait->heirs, &wait->heir_count, sizeof(process)) = process;
}

static bool is_stream(const struct pf_object *object)
{
    return object && (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
                      object->kind == PF_OBJECT_SOCKET);
}

/* A pipe that the waiter reads by a descriptor which writes as well: it was opened for both, and has no other
 * end to be closed. */
static bool is_open_for_both(const struct pf_thread_state *waiter, const struct pf_waker *waker)
{
    const struct pf_object *object = waker->object;
    for (size_t i = 0; object->kind != PF_OBJECT_SOCKET && waker->target && i < object->holder_count; i++)
        if (object->holders[i].fd == waker->target->fd && object->holders[i].writes &&
            strcmp(object->holders[i].process, waiter->process) == 0)
            return true;
    return false;
}

/* Does this waker stand for the other end of what the thread reads? */
static bool is_other_end(const struct pf_wait *wait, const struct pf_waker *waker)
{
    bool reads = wait->kind == PF_WAIT_READ || (waker->target && waker->target->readable);
    if (waker->remote || !reads || !is_stream(waker->object))
        return false;
    /* A socket's own end is a waker as well: whoever holds it can shut it down. */
    return waker->object->kind != PF_OBJECT_SOCKET || !waker->target ||
           strcmp(waker->object->id, waker->target->object) != 0;
}

/* Somebody above both can do the same: who shares an end with its ancestor has it from there. */
static bool has_elder(const struct pf_graph *graph, const struct pf_waker *waker, size_t process)
{
    const size_t *sharers;
    size_t count = pf_waker_processes(waker, &sharers);
    for (size_t i = 0; i < count; i++)
        if (sharers[i] != process &&
            pf_address_descends(graph->processes[process].address, graph->processes[sharers[i]].address))
            return true;
    return false;
}

/* Does a thread of the process wait for something that the other process, and nobody above it, would do? */
static bool needs(const struct pf_graph *graph, size_t process, size_t other)
{
    const struct pf_graph_process *p = &graph->processes[process];
    for (size_t i = 0; i < p->thread_count; i++) {
        struct pf_link_walk walk = {.from = p->threads[i]};
        for (struct pf_link link; pf_link_next(graph, &walk, &link);)
            if (link.waker->object && graph->threads[link.to].process == other &&
                !has_elder(graph, link.waker, other))
                return true;
    }
    return false;
}

/* It has the object under numbers only that a program which was executed knows nothing of, unless it is told.
 */
static bool is_beyond_standard(const struct pf_object *object, const char *process)
{
    for (size_t i = 0; i < object->holder_count; i++)
        if (object->holders[i].writes && object->holders[i].fd <= 2 &&
            strcmp(object->holders[i].process, process) == 0)
            return false;
    return true;
}

/*
 * Another program came by the end through exec. A reader that is another program as well reads what it was
 * given as its standard input, and may have the other end of that itself.
 */
static bool is_carried_on(const struct pf_case *c, const struct pf_waker *waker, size_t holder, size_t reader)
{
    const struct pf_graph_process *held_by = &c->graph->processes[holder];
    const struct pf_life *life = pf_history_life(c->history, held_by->address);
    if (!life || pf_history_keeps_image(c->history, life) ||
        !is_beyond_standard(waker->object, held_by->address))
        return false;
    if (holder == reader)
        return waker->target && waker->target->fd >= 0 && waker->target->fd <= 2;
    return held_by->state->wrote_nothing;
}

/* The last child to end of those that could have inherited what the process has open now; NULL: none. */
static const struct pf_life *last_child(const struct pf_case *c, const char *process)
{
    const struct pf_life *last = NULL;
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (life->parent && strcmp(life->parent, process) == 0 && life->exit &&
            pf_history_is_of_image(c->history, life) && (!last || life->exit->seq > last->exit->seq))
            last = life;
    }
    return last;
}

/* It never wrote anything, and another child of its parent, which has ended, could have. */
static bool has_a_sibling_that_wrote(const struct pf_case *c, const struct pf_graph_process *process)
{
    const struct pf_life *life = pf_history_life(c->history, process->address);
    return life && life->parent && process->state->wrote_nothing &&
           pf_history_keeps_image(c->history, life) && last_child(c, life->parent);
}

/*
 * It came by the end through fork, it never wrote anything, and nothing of what it does now is about the
 * reader. A reader that shares its end with a sibling must have got something from somebody else: the sibling
 * could be its partner otherwise, who has not begun to write yet.
 */
static bool is_heir(const struct pf_case *c, const struct pf_waker *waker, size_t holder, size_t reader)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_graph_process *held_by = &graph->processes[holder], *read_by = &graph->processes[reader];
    const struct pf_life *life = pf_history_life(c->history, read_by->address);
    if (!held_by->state || !read_by->state || !life)
        return false;
    bool carried = is_carried_on(c, waker, holder, reader);
    bool kept = held_by->state->wrote_nothing && pf_history_keeps_image(c->history, life);
    if (holder == reader)
        return carried || kept;
    if (!read_by->state->has_read || pf_address_descends(read_by->address, held_by->address) ||
        needs(graph, holder, reader))
        return false;
    if (pf_address_descends(held_by->address, read_by->address))
        return has_a_sibling_that_wrote(c, held_by);
    return carried || kept;
}

static bool reads_from_heirs(struct pf_case *c, struct wait_on_heirs *wait)
{
    const struct pf_graph_thread *thread = &c->graph->threads[wait->thread];
    for (size_t i = 0; i < thread->waker_count; i++) {
        const size_t *holders;
        if (!is_other_end(&thread->state->wait, &thread->wakers[i]))
            continue;
        if (is_open_for_both(thread->state, &thread->wakers[i]))
            return false;
        size_t count = pf_waker_processes(&thread->wakers[i], &holders);
        for (size_t k = 0; k < count; k++) {
            if (!is_heir(c, &thread->wakers[i], holders[k], thread->process))
                return false;
            add_heir(c, wait, holders[k]);
        }
        wait->waker = &thread->wakers[i];
    }
    return wait->heir_count > 0;
}

static bool is_alone(const struct pf_graph *graph, size_t process)
{
    const struct pf_graph_process *p = &graph->processes[process];
    size_t living = 0;
    for (size_t i = 0; i < p->thread_count; i++)
        living += !graph->threads[p->threads[i]].ended;
    return living == 1;
}

/* Nobody but the reader itself has the other end open, and it once had a child that could have written there.
 */
static bool reads_from_itself(struct pf_case *c, struct wait_on_heirs *wait)
{
    const struct pf_graph_thread *thread = &c->graph->threads[wait->thread];
    for (size_t i = 0; i < thread->waker_count; i++) {
        const size_t *holders;
        if (!is_other_end(&thread->state->wait, &thread->wakers[i]))
            continue;
        if (is_open_for_both(thread->state, &thread->wakers[i]))
            return false;
        size_t count = pf_waker_processes(&thread->wakers[i], &holders);
        if (count != 1 || holders[0] != thread->process || wait->heir_count)
            return false;
        add_heir(c, wait, holders[0]);
        wait->waker = &thread->wakers[i];
    }
    wait->gone =
        wait->heir_count && thread->state->wait.kind == PF_WAIT_READ && is_alone(c->graph, thread->process)
            ? last_child(c, thread->state->process)
            : NULL;
    return wait->gone != NULL;
}

/* Every lock in the way is carried by somebody who did not take it. */
static bool locked_out_by_heirs(struct pf_case *c, struct wait_on_heirs *wait)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_wait *state = &graph->threads[wait->thread].state->wait;
    const struct pf_object *object = state->kind == PF_WAIT_LOCK && state->target_count
                                         ? pf_graph_object(graph, state->targets[0].object)
                                         : NULL;
    for (size_t i = 0; object && i < object->lock_count; i++) {
        size_t carrier = pf_lookup_find(&graph->process_index, object->locks[i].process);
        if (!object->locks[i].inherited || carrier == PF_NOWHERE)
            return false;
        add_heir(c, wait, carrier);
    }
    return wait->heir_count > 0;
}

/* The wait itself, and then why the heir waits: mostly for the reader. A reader that is its own heir is a
 * circle of one. */
static const struct pf_chain *draw(const struct pf_graph *graph, const struct wait_on_heirs *wait)
{
    struct pf_chain *chain = pf_arena_alloc(graph->arena, sizeof(*chain));
    chain->links = pf_arena_alloc(graph->arena, sizeof(*chain->links));
    chain->links[0] = (struct pf_link){.from = wait->thread, .waker = wait->waker, .to = wait->thread};
    chain->count = 1;
    struct pf_link_walk walk = {.from = wait->thread};
    for (struct pf_link link; pf_link_next(graph, &walk, &link);) {
        bool leads = graph->threads[link.to].process == wait->heirs[0];
        if (!leads || link.to == wait->thread || (wait->waker && link.waker != wait->waker))
            continue;
        chain->links[0] = link;
        chain->closes_at = PF_NOWHERE;
        return pf_chain_beyond(graph, chain, link.to);
    }
    return wait->waker ? chain : pf_chain_to_nobody(graph, NULL, wait->thread);
}

/* "0.1 itself (fd 4) and 0.2 (cat) (fd 4)"; the numbers only where there is an object. */
static const char *list_heirs(const struct pf_case *c, const struct wait_on_heirs *wait,
                              const struct pf_object *object)
{
    const struct pf_graph *graph = c->graph;
    const struct pf_graph_thread *reader = &graph->threads[wait->thread];
    const char **names = pf_arena_alloc(c->scratch, (wait->heir_count + 1) * sizeof(*names));
    for (size_t i = 0; i < wait->heir_count; i++) {
        const char *address = graph->processes[wait->heirs[i]].address;
        int64_t fd = object ? pf_hold_fd(reader->state, object, address) : -1;
        names[i] = wait->heirs[i] == reader->process ? pf_arena_printf(c->scratch, "%s itself", address)
                                                     : pf_case_label(c, address);
        if (fd >= 0)
            names[i] = pf_arena_printf(c->scratch, "%s as fd %" PRId64, names[i], fd);
    }
    return pf_phrase_list(c->scratch, names, wait->heir_count);
}

/* "fd 4 in 0.1 and fd 4 in 0.2" */
static const char *list_surplus(const struct pf_case *c, const struct wait_on_heirs *wait)
{
    const struct pf_thread_state *state = c->graph->threads[wait->thread].state;
    const char **names = pf_arena_alloc(c->scratch, (wait->heir_count + 1) * sizeof(*names));
    for (size_t i = 0; i < wait->heir_count; i++) {
        const char *address = c->graph->processes[wait->heirs[i]].address;
        names[i] = pf_arena_printf(c->scratch, "fd %" PRId64 " in %s",
                                   pf_hold_fd(state, wait->waker->object, address), address);
    }
    return pf_phrase_list(c->scratch, names, wait->heir_count);
}

static void tell_stream(struct pf_case *c, const struct wait_on_heirs *wait, struct pf_match *ret_match)
{
    const struct pf_thread_state *state = c->graph->threads[wait->thread].state;
    const struct pf_object *object = wait->waker->object;
    const char *reader = pf_case_label(c, state->thread), *heirs = list_heirs(c, wait, object);
    ret_match->summary =
        wait->gone
            ? pf_arena_printf(
                  c->scratch,
                  "%s %s. The other end is open only in %s. %s, a child of its that could write to it, "
                  "%s; but while the reader's own copy is open there is no end of file.",
                  reader, pf_phrase_wait(c, state), heirs, pf_case_label(c, wait->gone->process),
                  pf_phrase_end(c, wait->gone))
            : pf_arena_printf(
                  c->scratch,
                  "%s %s%s. The other end is open only in %s, by inheritance: nobody there will write "
                  "to it, and while it is open there is no end of file either.",
                  reader, pf_phrase_wait(c, state), pf_hold_origin(c, object), heirs);
    ret_match->fix = pf_arena_printf(c->scratch,
                                     "Close what was not closed: %s. Every process closes right after fork "
                                     "the ends that it has no use for, "
                                     "the reader too; descriptors that are opened with O_CLOEXEC (pipe2, "
                                     "SOCK_CLOEXEC) are carried on by no "
                                     "exec.",
                                     list_surplus(c, wait));
}

static void tell_lock(struct pf_case *c, const struct wait_on_heirs *wait, struct pf_match *ret_match)
{
    const struct pf_thread_state *state = c->graph->threads[wait->thread].state;
    const struct pf_object *file = pf_graph_object(c->graph, state->wait.targets[0].object);
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s %s. Whoever took the lock has ended, but the lock belongs to the open file, and "
                        "that is still open in "
                        "%s, by inheritance.",
                        pf_case_label(c, state->thread), pf_phrase_wait(c, state), list_heirs(c, wait, file));
    ret_match->fix = "Open lock files with O_CLOEXEC and close them in every child (in a shell: `command "
                     "9>&-`), or unlock "
                     "with LOCK_UN before leaving, which releases the lock for all who inherited it.";
}

bool pf_rule_inherited_fd(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        struct wait_on_heirs stream = {.thread = i}, own = {.thread = i}, lock = {.thread = i};
        if (!pf_graph_stuck(c->graph, i))
            continue;
        if (reads_from_heirs(c, &stream) || reads_from_itself(c, &own)) {
            const struct wait_on_heirs *wait = own.gone ? &own : &stream;
            ret_match->chain = draw(c->graph, wait);
            tell_stream(c, wait, ret_match);
            return true;
        }
        if (locked_out_by_heirs(c, &lock)) {
            ret_match->chain = draw(c->graph, &lock);
            tell_lock(c, &lock, ret_match);
            return true;
        }
    }
    return false;
}
