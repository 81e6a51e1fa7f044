/*
 * terminate-mid-write: messages arrived that nobody had sent, and one of those who send had been killed: half
 * of its last message stayed in the stream, and what came behind it was taken for the other half.
 */
#include <string.h>

#include "judge/drawing.h"
#include "judge/news.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static bool is_book_of(const struct pf_event *event, const char *book)
{
    return event->kind == PF_EVENT_LEDGER && event->ledger.book &&
           strncmp(event->ledger.book, book, strlen(book)) == 0;
}

/* The last message of the process, if that was killed after it; NULL: no. */
static const struct pf_event *last_words(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_event *last = NULL;
    if (!life->exit || !life->exit->exit.signaled)
        return NULL;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (is_book_of(event, "sent") &&
            strcmp(pf_process_of(event->ledger.thread, c->scratch), life->process) == 0)
            last = event;
    }
    return last;
}

static const char *receiver_of(const struct pf_case *c)
{
    for (size_t i = c->trace->count; i > 0; i--)
        if (is_book_of(c->trace->events[i - 1], "received"))
            return pf_process_of(c->trace->events[i - 1]->ledger.thread, c->scratch);
    return NULL;
}

bool pf_rule_terminate_mid_write(struct pf_case *c, struct pf_match *ret_match)
{
    const char *receiver = pf_case_found(c, PF_FINDING_TORN) ? receiver_of(c) : NULL;
    for (size_t i = 0; receiver && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        const struct pf_event *last = last_words(c, life);
        if (!last)
            continue;
        pf_draw_node(c, life->process, pf_phrase_end(c, life));
        pf_draw_node(c, receiver, "received what nobody had sent");
        struct pf_edge *edge = pf_draw_edge(c, receiver, life->process, "half a message",
                                            "its last message was begun and not ended when it was killed");
        pf_draw_evidence(c, edge, last->seq);
        pf_draw_evidence(c, edge, life->exit->seq);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s received messages that nobody had sent. %s, which writes them, %s in the middle of one: half "
            "of "
            "it stayed in the stream, and what others wrote behind it was taken for the other half.",
            pf_case_label(c, receiver), pf_case_label(c, life->process), pf_phrase_killed(c, life));
        ret_match->fix =
            "Make a message in one step: one write of at most PIPE_BUF bytes, or a SOCK_SEQPACKET socket; "
            "give "
            "every writer a pipe of its own that goes with it, or use a queue in which an unfinished message "
            "does not exist.";
        return true;
    }
    return false;
}
