#include "judge/timeline.h"

#include <inttypes.h>
#include <string.h>

#include "judge/phrases.h"

/* Of each kind of mark that a program can make as many of as it likes, the first and the last ones are kept.
 */
enum { POINTS_KEPT_AT_AN_END = 60, OTHERS_KEPT_AT_AN_END = 100 };

struct drawing {
    struct pf_case *c;
    struct pf_timeline *timeline;
    struct pf_lookup lanes;
    size_t many, seen; /* marks of the kind that is being added: all of them, and so far */
};

static struct pf_lane *lane_of(const struct drawing *d, const char *id)
{
    size_t index = pf_lookup_find(&d->lanes, id);
    return index == PF_NOWHERE ? NULL : &d->timeline->lanes[index];
}

static struct pf_lane *add_lane(struct drawing *d, const char *id, const char *by,
                                const struct pf_event *event)
{
    struct pf_timeline *timeline = d->timeline;
    if (timeline->lane_count == PF_LANES_MOST) {
        timeline->left_out++;
        return NULL;
    }
    struct pf_lane *lane = pf_arena_grow(d->c->arena, &timeline->lanes, &timeline->lane_count, sizeof(*lane));
    *lane = (struct pf_lane){.id = pf_arena_strdup(d->c->arena, id),
                             .name = pf_arena_strdup(d->c->arena, pf_case_label(d->c, id)),
                             .by = pf_arena_strdup(d->c->arena, by),
                             .from_ns = event->t_ns,
                             .to_ns = timeline->end_ns,
                             .event = event->seq};
    pf_lookup_put(&d->lanes, lane->id, timeline->lane_count - 1);
    return lane;
}

static void end_lane(struct drawing *d, const char *id, const char *how, const struct pf_event *event)
{
    struct pf_lane *lane = lane_of(d, id);
    if (!lane || lane->end)
        return;
    lane->to_ns = event->t_ns;
    lane->end = pf_arena_strdup(d->c->arena, how);
    lane->end_event = event->seq;
}

/* A process that ends takes its threads with it. */
static void end_process(struct drawing *d, const struct pf_event *event)
{
    const char *process = event->exit.process;
    const struct pf_life *life = pf_history_life(d->c->history, process);
    end_lane(d, process, life ? pf_phrase_end(d->c, life) : "ended", event);
    size_t length = strlen(process);
    for (size_t i = 0; i < d->timeline->lane_count; i++) {
        const char *id = d->timeline->lanes[i].id;
        if (strncmp(id, process, length) == 0 && id[length] == '/')
            end_lane(d, id, "ended with its process", event);
    }
}

static void draw_lives(struct drawing *d)
{
    for (size_t i = 0; i < d->c->trace->count; i++) {
        const struct pf_event *event = d->c->trace->events[i];
        if (d->c->history->verdict && event->seq > d->c->history->verdict->seq)
            break;
        if (event->kind == PF_EVENT_FORK)
            add_lane(d, event->fork.process, event->fork.parent, event);
        else if (event->kind == PF_EVENT_THREAD)
            add_lane(d, event->thread.thread, event->thread.by, event);
        else if (event->kind == PF_EVENT_THREAD_EXIT)
            end_lane(d, event->thread_exit.thread, "ended", event);
        else if (event->kind == PF_EVENT_EXIT)
            end_process(d, event);
    }
}

static void add_span(struct drawing *d, const struct pf_span *span)
{
    struct pf_timeline *timeline = d->timeline;
    for (size_t i = timeline->span_count; i-- > 0;) {
        struct pf_span *last = &timeline->spans[i];
        if (strcmp(last->lane, span->lane) != 0)
            continue;
        if (last->to_ns < span->from_ns || strcmp(last->text, span->text) != 0)
            break;
        last->to_ns = span->to_ns; /* the same wait, seen once more */
        last->event = span->event;
        return;
    }
    if (timeline->span_count == PF_SPANS_MOST) {
        timeline->left_out++;
        return;
    }
    struct pf_span *slot = pf_arena_grow(d->c->arena, &timeline->spans, &timeline->span_count, sizeof(*slot));
    *slot = *span;
    slot->text = pf_arena_strdup(d->c->arena, span->text);
}

static void draw_snapshot(struct drawing *d, const struct pf_event *event)
{
    const struct pf_snapshot *snapshot = &event->snapshot;
    /* Phrases name the objects of the snapshot that the history stands at. */
    struct pf_history history = *d->c->history;
    struct pf_case c = *d->c;
    history.snapshot = event;
    c.history = &history;
    bool partial = snapshot->reason != PF_SNAPSHOT_QUIET;
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const struct pf_thread_state *thread = &snapshot->threads[i];
        struct pf_lane *lane = lane_of(d, thread->thread);
        if (!lane || !pf_wait_is_real(thread->wait.kind))
            continue;
        uint64_t since =
            partial || snapshot->quiet_since_ns > event->t_ns ? event->t_ns : snapshot->quiet_since_ns;
        bool last = event == d->c->history->snapshot;
        add_span(d, &(struct pf_span){.lane = lane->id,
                                      .from_ns = since > lane->from_ns ? since : lane->from_ns,
                                      .to_ns = last ? lane->to_ns : event->t_ns,
                                      .text = pf_phrase_wait(&c, thread),
                                      .event = event->seq});
    }
}

/* From the strike that holds a thread until it is let go. */
static void draw_release(struct drawing *d, const struct pf_event *event)
{
    const struct pf_lane *lane = lane_of(d, event->release.thread);
    for (size_t i = d->c->trace->count; lane && i-- > 0;) {
        const struct pf_event *strike = d->c->trace->events[i];
        if (strike->seq >= event->seq || strike->kind != PF_EVENT_INJECT ||
            strike->inject.fault != event->release.fault || !strike->inject.thread ||
            strcmp(strike->inject.thread, event->release.thread) != 0)
            continue;
        add_span(d, &(struct pf_span){.lane = lane->id,
                                      .from_ns = strike->t_ns,
                                      .to_ns = event->t_ns < lane->to_ns ? event->t_ns : lane->to_ns,
                                      .text = "is held by the fault plan",
                                      .held = true,
                                      .event = strike->seq});
        return;
    }
}

static void draw_waits(struct drawing *d)
{
    for (size_t i = 0; i < d->c->trace->count; i++) {
        const struct pf_event *event = d->c->trace->events[i];
        if (event->kind == PF_EVENT_SNAPSHOT)
            draw_snapshot(d, event);
        else if (event->kind == PF_EVENT_RELEASE)
            draw_release(d, event);
    }
}

static bool is_kept(struct drawing *d, size_t at_an_end)
{
    size_t place = d->seen++;
    bool kept = place < at_an_end || place + at_an_end >= d->many;
    kept = kept && d->timeline->mark_count < PF_MARKS_MOST;
    d->timeline->left_out += !kept;
    return kept;
}

static void add_mark(struct drawing *d, const struct pf_event *event, enum pf_mark_kind kind,
                     const char *lane, const char *text, const char *from)
{
    const struct pf_lane *on = lane_of(d, lane), *source = lane_of(d, from);
    struct pf_timeline *timeline = d->timeline;
    struct pf_mark *mark = pf_arena_grow(d->c->arena, &timeline->marks, &timeline->mark_count, sizeof(*mark));
    *mark = (struct pf_mark){.kind = kind,
                             .lane = on ? on->id : NULL,
                             .t_ns = event->t_ns,
                             .text = pf_arena_strdup(d->c->arena, text),
                             .from = source ? source->id : NULL,
                             .event = event->seq};
}

static const char *fault_text(struct drawing *d, const struct pf_ev_inject *inject)
{
    const char *action = inject->action ? inject->action : "fault";
    return inject->at ? pf_arena_printf(d->c->scratch, "fault: %s at %s", action, inject->at)
                      : pf_arena_printf(d->c->scratch, "fault: %s", action);
}

static const char *verdict_text(struct drawing *d, enum pf_verdict_kind kind)
{
    static const char *const texts[] = {
        [PF_VERDICT_FINISHED] = "everything has ended",
        [PF_VERDICT_PROVEN] = "proven: nothing can ever wake those that wait",
        [PF_VERDICT_ABANDONED] = "the root has ended, others live on",
        [PF_VERDICT_DEADLINE] = "the time is up",
        [PF_VERDICT_OVERGROWN] = "there are too many processes",
        [PF_VERDICT_INTERRUPTED] = "interrupted",
        [PF_VERDICT_OBSERVED] = "looked at",
    };
    return kind == PF_VERDICT_PROVEN && !d->c->proven ? "taken for stuck" : texts[kind];
}

static void draw_mark(struct drawing *d, const struct pf_event *event)
{
    switch (event->kind) {
    case PF_EVENT_EXEC:
        add_mark(d, event, PF_MARK_EXEC, event->exec.process,
                 pf_arena_printf(d->c->scratch, "executes %s", event->exec.path ? event->exec.path : "?"),
                 NULL);
        break;
    case PF_EVENT_SIGNAL:
        add_mark(d, event, PF_MARK_SIGNAL, event->signal.thread,
                 pf_arena_printf(d->c->scratch, "%s from %s",
                                 event->signal.name ? event->signal.name : "signal",
                                 event->signal.sender ? event->signal.sender : "somebody"),
                 event->signal.sender);
        break;
    case PF_EVENT_KILL:
        add_mark(d, event, PF_MARK_KILL, event->kill.thread,
                 pf_arena_printf(d->c->scratch, "sends SIGKILL to %s",
                                 event->kill.process ? event->kill.process : "others"),
                 NULL);
        break;
    case PF_EVENT_LIMIT:
        add_mark(d, event, PF_MARK_LIMIT, event->limit.thread,
                 pf_arena_printf(d->c->scratch, "%s fails with %s", event->limit.call, event->limit.error),
                 NULL);
        break;
    case PF_EVENT_POINT:
        add_mark(d, event, PF_MARK_POINT, event->point.thread,
                 pf_arena_printf(d->c->scratch, "%s (%" PRIu64 ")", event->point.name, event->point.count),
                 NULL);
        break;
    case PF_EVENT_INJECT:
        add_mark(d, event, PF_MARK_FAULT,
                 event->inject.target && lane_of(d, event->inject.target) ? event->inject.target
                                                                          : event->inject.thread,
                 fault_text(d, &event->inject), event->inject.thread);
        break;
    default:
        add_mark(d, event, PF_MARK_VERDICT, NULL, verdict_text(d, event->verdict.kind), NULL);
        break;
    }
}

/* The verdict and the faults come first: of the others some may not find room. */
static void draw_marks(struct drawing *d)
{
    static const struct {
        enum pf_event_kind kind;
        size_t at_an_end;
    } kinds[] = {{PF_EVENT_VERDICT, OTHERS_KEPT_AT_AN_END}, {PF_EVENT_INJECT, OTHERS_KEPT_AT_AN_END},
                 {PF_EVENT_KILL, OTHERS_KEPT_AT_AN_END},    {PF_EVENT_LIMIT, POINTS_KEPT_AT_AN_END},
                 {PF_EVENT_SIGNAL, POINTS_KEPT_AT_AN_END},  {PF_EVENT_EXEC, POINTS_KEPT_AT_AN_END},
                 {PF_EVENT_POINT, POINTS_KEPT_AT_AN_END}};
    const struct pf_event *verdict = d->c->history->verdict;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        d->many = d->seen = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < d->c->trace->count; i++) {
                const struct pf_event *event = d->c->trace->events[i];
                if (event->kind != kinds[k].kind || (verdict && event->seq > verdict->seq))
                    continue;
                if (pass == 0)
                    d->many++;
                else if (is_kept(d, kinds[k].at_an_end))
                    draw_mark(d, event);
            }
    }
}

void pf_timeline_draw(const struct pf_trace *trace, struct pf_arena *arena, struct pf_trial_result *trial)
{
    struct pf_arena *scratch = pf_arena_new();
    const struct pf_history *history = pf_history_new(trace, scratch);
    struct pf_case c = {.trace = trace,
                        .begin = pf_trace_begin(trace),
                        .history = history,
                        .proven = trial->diagnosis && trial->diagnosis->proven,
                        .scratch = scratch,
                        .arena = arena,
                        .trial = trial};
    struct drawing d = {.c = &c, .timeline = pf_arena_alloc(arena, sizeof(*d.timeline))};
    const struct pf_event *end = history->verdict ? history->verdict : trace->events[trace->count - 1];
    d.timeline->end_ns = end->t_ns;
    pf_lookup_init(&d.lanes, scratch, PF_LANES_MOST);
    draw_lives(&d);
    draw_waits(&d);
    draw_marks(&d);
    trial->timeline = d.timeline;
    pf_arena_free(scratch);
}
