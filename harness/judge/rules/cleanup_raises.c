/*
 * cleanup-raises: a call by which a program lets go of something failed, and after that it joins a thread
 * that was not told to stop: what stood behind the failing step was never done.
 */
#include <string.h>

#include "judge/phrases.h"
#include "judge/rules/rule.h"
#include "judge/untold.h"

/* Calls of a clean-up. */
static bool lets_go(const char *call)
{
    static const char *const calls[] = {"close",     "fsync",    "fdatasync", "msync",  "munmap",
                                        "unlink",    "unlinkat", "rmdir",     "flock",  "shutdown",
                                        "mq_unlink", "shmctl",   "semctl",    "msgctl", "umount2",
                                        "syncfs",    "rename",   "renameat2"};
    for (size_t i = 0; call && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(call, calls[i]) == 0)
            return true;
    return false;
}

/* The last such call of the process that failed; NULL: none is known. */
static const struct pf_event *failed_step(const struct pf_case *c, const char *process)
{
    const struct pf_event *last = NULL;
    for (size_t i = 0; i < c->trace->count && c->trace->events[i] != c->history->verdict; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_INJECT && event->inject.thread && event->inject.action &&
            strncmp(event->inject.action, "error=", strlen("error=")) == 0 && lets_go(event->inject.at) &&
            strcmp(pf_process_of(event->inject.thread, c->scratch), process) == 0)
            last = event;
    }
    return last;
}

bool pf_rule_cleanup_raises(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_untold untold;
    if (!pf_untold_find(c, &untold))
        return false;
    const struct pf_thread_state *joiner = c->graph->threads[untold.joiner].state;
    const struct pf_thread_state *joined = c->graph->threads[untold.joined].state;
    const struct pf_event *failed = failed_step(c, joiner->process);
    if (!failed)
        return false;
    ret_match->chain = pf_untold_story(c->graph, &untold);
    ret_match->summary =
        pf_arena_printf(c->scratch,
                        "%s of %s failed (%s), and the clean-up did not go on from there: %s was not told to "
                        "stop and %s, and "
                        "%s %s.",
                        failed->inject.at, pf_case_label(c, failed->inject.thread), failed->inject.action,
                        pf_case_label(c, joined->thread), pf_phrase_wait(c, joined),
                        pf_case_label(c, joiner->thread), pf_phrase_wait(c, joiner));
    ret_match->fix =
        "Let a clean-up do every step whatever came of the one before, and return the first error at the "
        "end; "
        "tell threads to stop before anything that can fail, and join them with a time limit (in Python: "
        "contextlib.ExitStack).";
    return true;
}
