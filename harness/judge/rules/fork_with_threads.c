/*
 * fork-with-threads: fork copies the memory of a process and only the thread that called it. A lock that
 * another thread held at that moment is locked in the copy, and nobody is there to unlock it. A mutex tells
 * that its owner is a thread of another process; other locks do not say who holds them, so there it takes a
 * process that never had a second thread and was forked from one that did.
 */
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static const struct pf_futex *private_futex(const struct pf_graph *graph, size_t thread)
{
    const struct pf_futex *futex = pf_graph_futex(graph, thread);
    return futex && !futex->shared && !futex->process_only ? futex : NULL;
}

static bool tells_no_owner(const struct pf_futex *futex)
{
    return !futex->owner && !futex->dead_owner &&
           (futex->kind == PF_FUTEX_PLAIN || futex->kind == PF_FUTEX_SEMAPHORE ||
            futex->kind == PF_FUTEX_MUTEX || futex->kind == PF_FUTEX_RWLOCK);
}

/* Was the lock that this thread waits for copied by fork while somebody held it? */
static bool is_copied(const struct pf_case *c, size_t thread, const struct pf_life *life, bool *ret_certain)
{
    const struct pf_futex *futex = private_futex(c->graph, thread);
    if (!futex || !life || !life->parents_threads || !pf_history_keeps_image(c->history, life))
        return false;
    *ret_certain = futex->owner_elsewhere;
    return futex->owner_elsewhere || (!life->made_threads && tells_no_owner(futex));
}

static void tell(struct pf_case *c, size_t thread, const struct pf_life *life, bool certain,
                 struct pf_match *ret_match)
{
    const struct pf_thread_state *state = c->graph->threads[thread].state;
    const char *waits =
        pf_arena_printf(c->scratch, "%s %s.", pf_case_label(c, state->thread), pf_phrase_wait(c, state));
    const char *threads = pf_phrase_count(c->scratch, life->parents_threads + 1, "thread");
    ret_match->summary =
        certain
            ? pf_arena_printf(c->scratch,
                              "%s Process %s is that copy of %s, and the thread that would unlock it was "
                              "left behind there.",
                              waits, life->process, pf_case_label(c, life->parent))
            : pf_arena_printf(c->scratch,
                              "%s Process %s has only this thread, so nobody can ever release it. It is a "
                              "copy that fork made of %s, which had %s then: a lock that another thread "
                              "holds at that moment is copied locked, and the thread that would unlock it "
                              "is not copied.",
                              waits, life->process, pf_case_label(c, life->parent), threads);
    ret_match->fix =
        "Do not fork a process that has threads, unless the child execs at once: start children before "
        "threads, or from a process without threads (posix_spawn; in Python the start methods spawn and "
        "forkserver). A library that must survive fork takes its locks around it with pthread_atfork.";
}

bool pf_rule_fork_with_threads(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        bool certain;
        const struct pf_life *life = pf_graph_stuck(c->graph, i)
                                         ? pf_history_life(c->history, c->graph->threads[i].state->process)
                                         : NULL;
        if (!is_copied(c, i, life, &certain))
            continue;
        ret_match->chain = pf_chain_to_nobody(c->graph, NULL, i);
        tell(c, i, life, certain, ret_match);
        return true;
    }
    return false;
}
