/*
 * terminate-with-lock: a process was killed by a signal while it held a lock that others need. For a mutex
 * the owner is written in it and the case is certain; a semaphore or a plain word does not say who holds it,
 * so there it takes a death of one who could have.
 */
#include <string.h>

#include "judge/news.h"
#include "judge/oracles/oracle.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* Killed by somebody's signal; a crash is another story. */
static bool was_killed(const struct pf_life *life)
{
    return life && life->exit && life->exit->exit.signaled && !pf_is_crash_signal(life->exit->exit.code);
}

static bool kin(const struct pf_life *dead, const struct pf_life *mapper)
{
    if (pf_address_descends(dead->process, mapper->process) ||
        pf_address_descends(mapper->process, dead->process))
        return true;
    return dead->parent && mapper->parent && strcmp(dead->parent, mapper->parent) == 0;
}

/* Could the dead one have reached this memory? By inheritance, unless it replaced its image; or by a name. */
static bool could_reach(const struct pf_case *c, const struct pf_futex *futex, const struct pf_life *dead)
{
    bool named = futex->place && futex->place[0] == '/';
    for (size_t i = 0; i < futex->process_count; i++) {
        const struct pf_life *mapper = pf_history_life(c->history, futex->processes[i]);
        if (!mapper || mapper == dead || !kin(dead, mapper))
            continue;
        bool above = pf_address_descends(mapper->process, dead->process);
        const struct pf_life *heir = above ? mapper : dead;
        bool kept = (!heir->exec || (!above && !heir->parent)) && pf_history_is_of_image(c->history, heir);
        if (named || kept)
            return true;
    }
    return false;
}

/* A sibling of the dead one that can reach the lock and does not wait for it, but sits idle: it may well hold
 * it while it waits for work. */
static bool may_be_held_by_the_living(const struct pf_case *c, const struct pf_futex *futex,
                                      const struct pf_life *dead)
{
    const struct pf_graph *graph = c->graph;
    for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
        const struct pf_thread_state *state = graph->threads[i].state;
        const struct pf_life *life = pf_history_life(c->history, state->process);
        bool sibling = life && life->parent && dead->parent && strcmp(life->parent, dead->parent) == 0;
        if (sibling && state->wait.kind == PF_WAIT_READ && pf_futex_reached_by(futex, state->process))
            return true;
    }
    return false;
}

/* The last killed process that could have held it, or NULL. */
static const struct pf_life *suspect(const struct pf_case *c, const struct pf_futex *futex)
{
    const struct pf_life *last = NULL;
    for (size_t i = 0; futex->shared && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (was_killed(life) && life->exit->seq < c->history->snapshot->seq && could_reach(c, futex, life) &&
            !may_be_held_by_the_living(c, futex, life) && (!last || life->exit->seq > last->exit->seq))
            last = life;
    }
    return last;
}

static const struct pf_life *holder(struct pf_case *c, const struct pf_futex *futex, const char *waiter,
                                    bool *ret_certain)
{
    bool tells_owner = futex->kind == PF_FUTEX_MUTEX || futex->kind == PF_FUTEX_RWLOCK;
    if (tells_owner && futex->dead_owner) {
        const struct pf_life *life =
            pf_history_life(c->history, pf_process_of(futex->dead_owner, c->scratch));
        *ret_certain = true;
        return was_killed(life) ? life : NULL;
    }
    bool silent = futex->kind == PF_FUTEX_SEMAPHORE || futex->kind == PF_FUTEX_PLAIN ||
                  (tells_owner && !futex->owner && !futex->owner_elsewhere);
    *ret_certain = false;
    return silent && !pf_stands_in_condition(c, waiter) ? suspect(c, futex) : NULL;
}

/* Who could have held what the thread waits for, and was killed; NULL: nobody. */
static const struct pf_life *lost_holder(struct pf_case *c, size_t thread, bool *ret_certain)
{
    const struct pf_thread_state *state = c->graph->threads[thread].state;
    const struct pf_futex *futex = pf_graph_futex(c->graph, thread);
    *ret_certain = false;
    if (!pf_graph_stuck(c->graph, thread))
        return NULL;
    /* A System V semaphore can be reached by whoever knows its number: children and siblings do. */
    if (state->wait.kind == PF_WAIT_SEMAPHORE)
        return pf_killed_relative(c, state->process);
    return futex ? holder(c, futex, state->thread, ret_certain) : NULL;
}

static void tell(struct pf_case *c, size_t waiter, const struct pf_life *dead, bool certain,
                 struct pf_match *ret_match)
{
    const struct pf_thread_state *state = c->graph->threads[waiter].state;
    const char *victim = pf_case_label(c, dead->process);
    const char *death = pf_phrase_killed(c, dead);
    const char *waits =
        pf_arena_printf(c->scratch, "%s %s.", pf_case_label(c, state->thread), pf_phrase_wait(c, state));
    ret_match->summary =
        certain
            ? pf_arena_printf(
                  c->scratch,
                  "%s %s %s while it held the lock. The dead unlock nothing, and nobody else may: "
                  "everybody who needs the lock waits for ever.",
                  waits, victim, death)
            : pf_arena_printf(c->scratch,
                              "%s Of all who can reach it none is left to release it: each is stuck itself. "
                              "%s, which could have held it, %s: a lock that its holder takes to the grave "
                              "stays locked for ever.",
                              waits, victim, death);
    ret_match->fix =
        "Do not end a process by force while it may hold a lock: ask it to stop and join it. Where "
        "a holder may die all the same, use a robust mutex (PTHREAD_MUTEX_ROBUST) and repair what "
        "it guards when EOWNERDEAD tells, or a lock that the kernel releases (flock; System V semaphores "
        "with "
        "SEM_UNDO).";
}

bool pf_rule_terminate_with_lock(struct pf_case *c, struct pf_match *ret_match)
{
    size_t found = PF_NOWHERE;
    const struct pf_life *found_dead = NULL;
    bool found_certain = false;
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count && !found_certain; i++) {
        bool certain;
        const struct pf_life *dead = lost_holder(c, i, &certain);
        if (dead && (!found_dead || certain)) {
            found = i;
            found_dead = dead;
            found_certain = certain;
        }
    }
    if (!found_dead)
        return false;
    ret_match->chain = pf_chain_to_nobody(c->graph, NULL, found);
    ret_match->dead = found_dead->process;
    tell(c, found, found_dead, found_certain, ret_match);
    return true;
}
