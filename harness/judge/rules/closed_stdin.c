/*
 * closed-stdin: a process waits for its standard input, and that is a pipe which it is to write to itself.
 * Somebody above had closed descriptor 0 and then made the pipe, which got that number, and handed both ends
 * on.
 */
#include <string.h>

#include "judge/chain.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

/* The pipe that a stuck thread reads as its standard input; NULL: it does something else. */
static const struct pf_object *pipe_on_zero(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    if (wait->kind != PF_WAIT_READ || wait->target_count != 1 || wait->targets[0].fd != 0)
        return NULL;
    const struct pf_object *object = pf_graph_object(graph, wait->targets[0].object);
    return object && object->kind == PF_OBJECT_PIPE ? object : NULL;
}

/* The one above all others who holds the pipe as descriptor 0. */
static const char *maker_of(const struct pf_object *pipe, const char *reader)
{
    const char *maker = reader;
    for (size_t i = 0; i < pipe->holder_count; i++) {
        const struct pf_holder *holder = &pipe->holders[i];
        if (holder->fd == 0 && holder->reads && pf_address_descends(maker, holder->process))
            maker = holder->process;
    }
    return maker;
}

/* Nobody but the maker and those below it has anything of the pipe, and the reader has its other end. */
static bool is_among_themselves(const struct pf_object *pipe, const char *maker, const char *reader)
{
    bool own_end = false;
    for (size_t i = 0; i < pipe->holder_count; i++) {
        const struct pf_holder *holder = &pipe->holders[i];
        if (!pf_address_descends(holder->process, maker))
            return false;
        own_end |= holder->writes && strcmp(holder->process, reader) == 0;
    }
    return own_end;
}

bool pf_rule_closed_stdin(struct pf_case *c, struct pf_match *ret_match)
{
    for (size_t i = 0; c->stuck && i < c->graph->snapshot->thread_count; i++) {
        const struct pf_object *pipe = pf_graph_stuck(c->graph, i) ? pipe_on_zero(c->graph, i) : NULL;
        const struct pf_thread_state *state = c->graph->threads[i].state;
        const char *maker = pipe ? maker_of(pipe, state->process) : NULL;
        if (!maker || strcmp(maker, state->process) == 0 || !is_among_themselves(pipe, maker, state->process))
            continue;
        ret_match->chain = pf_chain_beyond(c->graph, NULL, i);
        ret_match->summary = pf_arena_printf(c->scratch,
                                             "%s %s: its standard input. But that is a pipe to which it is "
                                             "to write itself, so there is no end of file. "
                                             "%s has the same pipe as its descriptor 0: its own standard "
                                             "input was closed, and what it opened next "
                                             "took that place.",
                                             pf_case_label(c, state->thread), pf_phrase_wait(c, state),
                                             pf_case_label(c, maker));
        ret_match->fix =
            "Never leave descriptors 0, 1 and 2 closed: open /dev/null in their place (daemon(3) does, and "
            "subprocess.DEVNULL in Python), and close in a child the end of a pipe that it does not use.";
        return true;
    }
    return false;
}
