/*
 * finalizer-order: an exit handler or a finalizer joins a thread that nobody has told to stop, or can tell
 * any more: what it would have been told through has been finalized before.
 */
#include <string.h>

#include "judge/phrases.h"
#include "judge/rules/rule.h"
#include "judge/untold.h"

/*
 * Code of Python that the main thread runs for no module: what was left to the end of the interpreter.
 * Joining its threads is its own doing.
 */
static bool runs_at_end_of_python(const struct pf_ev_stack *stack)
{
    const char *outermost = NULL;
    for (size_t i = 0; i < stack->frame_count; i++)
        if (stack->frames[i].language && stack->frames[i].function)
            outermost = stack->frames[i].function;
    return outermost && strcmp(outermost, "<module>") != 0 && strcmp(outermost, "_shutdown") != 0;
}

/* Does the thread stand in an exit handler of the C library, or in a finalizer of Python? */
static const char *finalizer_of(const struct pf_case *c, const char *thread)
{
    uint64_t seq;
    const struct pf_ev_stack *stack = pf_history_stack(c->history, thread, &seq);
    if (stack && !strchr(thread, '/') && runs_at_end_of_python(stack))
        return "a finalizer";
    for (size_t i = 0; stack && i < stack->frame_count; i++) {
        const struct pf_frame *frame = &stack->frames[i];
        const char *function = frame->function ? frame->function : "";
        if (frame->language) {
            const char *dot = strrchr(function, '.');
            if (strcmp(dot ? dot + 1 : function, "__del__") == 0)
                return "the finalizer __del__";
        } else if (strcmp(function, "exit") == 0 || strcmp(function, "__run_exit_handlers") == 0 ||
                   strcmp(function, "_dl_fini") == 0 || strcmp(function, "__cxa_finalize") == 0 ||
                   strcmp(function, "atexit_callfuncs") == 0) {
            return "an exit handler";
        }
    }
    return NULL;
}

bool pf_rule_finalizer_order(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_untold untold;
    if (!pf_untold_find(c, &untold))
        return false;
    const struct pf_thread_state *joiner = c->graph->threads[untold.joiner].state;
    const struct pf_thread_state *joined = c->graph->threads[untold.joined].state;
    const char *finalizer = finalizer_of(c, joiner->thread);
    if (!finalizer)
        return false;
    const char *stands = pf_phrase_wait(c, joiner), *wait = pf_phrase_wait(c, joined);
    if (strcmp(wait, stands) == 0)
        wait = "waits in the same way";
    ret_match->chain = pf_untold_story(c->graph, &untold);
    ret_match->summary = pf_arena_printf(c->scratch,
                                         "%s is ending, and stands in %s that %s. %s %s, and the only one "
                                         "who could still tell it to stop is "
                                         "the one who joins it: the program never gets to its end.",
                                         pf_case_label(c, joiner->thread), finalizer, stands,
                                         pf_case_label(c, joined->thread), wait);
    ret_match->fix =
        "End threads in main (in Python: in a with block), in an order that can be read: first no more "
        "messages, then nobody who reads them, then what they came through. Leave to exit handlers and "
        "finalizers only what depends on nothing else.";
    return true;
}
