#include "judge/account.h"

#include <inttypes.h>
#include <string.h>

#include "judge/phrases.h"

enum { OUTPUT_MAX = 64 * 1024, PLACES_MAX = 8, TARGETS_MAX = 16 };

/* One strike may be several events: an action each, or one process each. */
static bool is_same_strike(const struct pf_ev_inject *a, const struct pf_ev_inject *b)
{
    bool same_thread =
        a->thread == b->thread || (a->thread && b->thread && strcmp(a->thread, b->thread) == 0);
    return same_thread && a->occurrence && a->occurrence == b->occurrence;
}

/* "0.1 at write (occurrence 3) in save at app.c:41" */
static const char *place_of(struct pf_case *c, const struct pf_event *event)
{
    const struct pf_ev_inject *inject = &event->inject;
    const char *at = inject->at ? inject->at : "its trigger";
    const char *place = inject->thread ? pf_arena_printf(c->arena, "%s at %s", inject->thread, at)
                                       : pf_arena_printf(c->arena, "at %s", at);
    const char *where = pf_phrase_stack(c, pf_history_strike_stack(c->history, event->seq));
    if (inject->occurrence)
        place = pf_arena_printf(c->arena, "%s (occurrence %" PRIu64 ")", place, inject->occurrence);
    return where ? pf_arena_printf(c->arena, "%s in %s", place, where) : place;
}

static bool names_target(const struct pf_ev_inject *inject)
{
    return inject->target && (!inject->thread || strcmp(inject->target, inject->thread) != 0);
}

static const char *frame_text(struct pf_case *c, const struct pf_frame *frame)
{
    const char *name = frame->function ? frame->function : "?";
    if (frame->file && frame->line)
        return pf_arena_printf(c->arena, "%s at %s:%" PRIu64, name, frame->file, frame->line);
    return frame->module ? pf_arena_printf(c->arena, "%s in %s", name, frame->module)
                         : pf_arena_strdup(c->arena, name);
}

static void add_strike(struct pf_case *c, struct pf_fault_account *account, const struct pf_event *event)
{
    const struct pf_ev_inject *inject = &event->inject;
    const struct pf_ev_stack *stack = pf_history_strike_stack(c->history, event->seq);
    struct pf_strike_account *strike =
        pf_arena_grow(c->arena, &account->strikes, &account->strike_count, sizeof(*strike));
    *strike = (struct pf_strike_account){.thread = pf_arena_strdup(c->arena, inject->thread),
                                         .at = pf_arena_strdup(c->arena, inject->at),
                                         .occurrence = inject->occurrence,
                                         .event = event->seq};
    for (size_t i = 0; stack && i < stack->frame_count; i++)
        *(const char **)pf_arena_grow(c->arena, &strike->stack, &strike->stack_count, sizeof(char *)) =
            frame_text(c, &stack->frames[i]);
    *(const char **)pf_arena_grow(c->arena, &account->where, &account->where_count, sizeof(*account->where)) =
        place_of(c, event);
}

static void add_target(struct pf_case *c, struct pf_fault_account *account, const struct pf_ev_inject *inject)
{
    struct pf_strike_account *strike = &account->strikes[account->strike_count - 1];
    const char **where = &account->where[account->where_count - 1];
    if (!inject->target || strike->target_count == TARGETS_MAX)
        return;
    for (size_t i = 0; i < strike->target_count; i++)
        if (strcmp(strike->targets[i], inject->target) == 0)
            return;
    if (names_target(inject))
        *where = pf_arena_printf(c->arena, "%s, on %s", *where, inject->target);
    *(const char **)pf_arena_grow(c->arena, &strike->targets, &strike->target_count, sizeof(char *)) =
        pf_arena_strdup(c->arena, inject->target);
}

void pf_account_faults(struct pf_case *c)
{
    struct pf_trial_result *trial = c->trial;
    size_t count = c->begin->fault_count;
    const struct pf_ev_inject **last = pf_arena_alloc(c->scratch, (count + 1) * sizeof(*last));
    trial->faults = pf_arena_alloc(c->arena, (count + 1) * sizeof(*trial->faults));
    trial->fault_count = count;
    for (size_t i = 0; i < count; i++)
        trial->faults[i] =
            (struct pf_fault_account){.spec = pf_arena_strdup(c->arena, c->begin->faults[i]), .armed = true};
    const struct pf_event *end = c->history->end;
    for (size_t i = 0; end && i < count && i < end->end.met_count; i++)
        trial->faults[i].met = end->end.met[i];
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_INJECT || event->inject.fault >= count)
            continue;
        const struct pf_ev_inject *inject = &event->inject;
        struct pf_fault_account *account = &trial->faults[inject->fault];
        bool again = last[inject->fault] && is_same_strike(last[inject->fault], inject);
        last[inject->fault] = inject;
        account->fired += !again;
        if (account->fired > PLACES_MAX)
            continue;
        if (!again)
            add_strike(c, account, event);
        add_target(c, account, inject);
    }
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

void pf_account_end(struct pf_case *c)
{
    struct pf_trial_result *trial = c->trial;
    const struct pf_life *root = pf_case_root(c);
    if (root && root->exit) {
        trial->exit = pf_arena_alloc(c->arena, sizeof(*trial->exit));
        *trial->exit = (struct pf_exit){
            .signaled = root->exit->exit.signaled,
            .code = root->exit->exit.code,
            .signal = pf_arena_strdup(c->arena, root->exit->exit.signal),
        };
    }
    const struct pf_event *last = c->trace->events[c->trace->count - 1];
    trial->duration_ms = milliseconds(last->t_ns);
    const struct pf_event *snapshot = c->history->snapshot;
    if (c->proven && !c->begin->attached && c->history->verdict->t_ns > snapshot->snapshot.quiet_since_ns)
        trial->verdict_latency_ms =
            milliseconds(c->history->verdict->t_ns - snapshot->snapshot.quiet_since_ns);
}

static void add_note(struct pf_case *c, const char *text)
{
    *(const char **)pf_arena_grow(c->arena, &c->trial->notes, &c->trial->note_count,
                                  sizeof(*c->trial->notes)) = pf_arena_strdup(c->arena, text);
}

/* Does not cut a UTF-8 character in two. */
static size_t whole_characters(const char *text, size_t room)
{
    while (room > 0 && ((unsigned char)text[room] & 0xC0) == 0x80)
        room--;
    return room;
}

void pf_account_output(struct pf_case *c)
{
    size_t size = 0;
    uint64_t dropped = 0;
    char *text = c->begin->captured ? pf_arena_alloc(c->arena, OUTPUT_MAX + 1) : NULL;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_NOTE && event->note.text)
            add_note(c, event->note.text);
        if (event->kind != PF_EVENT_OUTPUT || !text)
            continue;
        const char *piece = event->output.text ? event->output.text : "";
        size_t length = strlen(piece), room = OUTPUT_MAX - size;
        size_t taken = dropped ? 0 : length <= room ? length : whole_characters(piece, room);
        memcpy(text + size, piece, taken);
        size += taken;
        dropped += event->output.dropped + (length - taken);
    }
    c->trial->output = text;
    if (dropped)
        add_note(c, pf_arena_printf(c->scratch, "%" PRIu64 " bytes of output are not kept here", dropped));
}
