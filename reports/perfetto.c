/*
 * The timelines of all trials as Chrome's trace event JSON, which Perfetto (ui.perfetto.dev) and
 * chrome://tracing open: a group of lanes for each process, a lane for each thread, a slice for a life and
 * for each wait in it, instants for faults, signals and the verdict, and flow arrows from whoever could end a
 * wait to whoever waits, from parents to children, and from the sender of a signal to its target.
 */
#include "reports/formats.h"

#include <string.h>

#include "reports/json_text.h"
#include "reports/plain.h"
#include "reports/view.h"

enum { TRIAL_PIDS = 1000 }; /* lanes of one trial are at most PF_LANES_MOST */

struct track {
    int64_t pid, tid;
};

struct writer {
    FILE *file;
    struct pf_arena *arena;
    bool any;
    uint64_t flows;
};

/* One event to a line, written at once: there may be many trials. */
static void put(struct writer *w, json_t *event)
{
    fputs(w->any ? ",\n" : "\n", w->file);
    json_dumpf(event, w->file, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(event);
    w->any = true;
}

static json_t *event_of(const char *phase, const char *category, const char *name, struct track track,
                        uint64_t t_ns)
{
    json_t *event = json_pack("{s:s, s:s, s:I, s:I, s:f}", "ph", phase, "cat", category, "pid",
                              (json_int_t)track.pid, "tid", (json_int_t)track.tid, "ts", (double)t_ns / 1000);
    json_object_set_new(event, "name", pf_json_line(name));
    return event;
}

static void set_argument(json_t *event, const char *name, json_t *value)
{
    json_t *arguments = json_object_get(event, "args");
    if (!arguments) {
        arguments = json_object();
        json_object_set_new(event, "args", arguments);
    }
    json_object_set_new(arguments, name, value);
}

static void put_name(struct writer *w, const char *what, struct track track, const char *name)
{
    json_t *event = json_pack("{s:s, s:s, s:I, s:I}", "ph", "M", "name", what, "pid", (json_int_t)track.pid,
                              "tid", (json_int_t)track.tid);
    set_argument(event, "name", pf_json_line(name));
    put(w, event);
}

static bool is_thread(const char *id)
{
    return strchr(id, '/') != NULL;
}

static size_t lane_index(const struct pf_timeline *timeline, const char *id)
{
    size_t i = 0;
    while (i < timeline->lane_count && !(id && strcmp(timeline->lanes[i].id, id) == 0))
        i++;
    return i;
}

/* A thread is shown with its process, as long as that has a lane. */
static struct track track_of(struct writer *w, const struct pf_timeline *timeline, size_t trial, size_t lane)
{
    const char *id = timeline->lanes[lane].id;
    size_t process = lane;
    if (is_thread(id))
        process = lane_index(timeline, pf_arena_strndup(w->arena, id, strcspn(id, "/")));
    process = process < timeline->lane_count ? process : lane;
    return (struct track){.pid = (int64_t)(trial * TRIAL_PIDS + process + 2),
                          .tid = (int64_t)(trial * TRIAL_PIDS + lane + 2)};
}

static struct track trial_track(size_t trial)
{
    int64_t id = (int64_t)(trial * TRIAL_PIDS + 1);
    return (struct track){id, id};
}

/* An arrow ends in the slice that is open at its point. */
static void put_arrow(struct writer *w, const char *name, struct track from, uint64_t from_ns,
                      struct track to, uint64_t to_ns)
{
    w->flows++;
    json_t *begin = event_of("s", "flow", name, from, from_ns), *end = event_of("f", "flow", name, to, to_ns);
    json_object_set_new(begin, "id", json_integer((json_int_t)w->flows));
    json_object_set_new(end, "id", json_integer((json_int_t)w->flows));
    json_object_set_new(end, "bp", json_string("e"));
    put(w, begin);
    put(w, end);
}

static void put_slice(struct writer *w, const char *category, const char *name, struct track track,
                      uint64_t from_ns, uint64_t to_ns, uint64_t event_number)
{
    json_t *event = event_of("X", category, name, track, from_ns);
    json_object_set_new(event, "dur", json_real(to_ns > from_ns ? (double)(to_ns - from_ns) / 1000 : 0));
    if (event_number)
        set_argument(event, "event", json_integer((json_int_t)event_number));
    put(w, event);
}

static void put_lanes(struct writer *w, const struct pf_timeline *timeline, size_t trial, const char *name)
{
    for (size_t i = 0; i < timeline->lane_count; i++) {
        const struct pf_lane *lane = &timeline->lanes[i];
        struct track track = track_of(w, timeline, trial, i);
        if (!is_thread(lane->id))
            put_name(w, "process_name", track, pf_arena_printf(w->arena, "%s: %s", name, lane->name));
        put_name(w, "thread_name", track, lane->name);
        put_slice(w, "life", lane->end ? pf_arena_printf(w->arena, "%s %s", lane->id, lane->end) : lane->id,
                  track, lane->from_ns, lane->to_ns, lane->event);
        size_t by = lane_index(timeline, lane->by);
        if (by < timeline->lane_count)
            put_arrow(w, "makes", track_of(w, timeline, trial, by), lane->from_ns, track, lane->from_ns);
    }
}

static void put_spans(struct writer *w, const struct pf_timeline *timeline, size_t trial)
{
    for (size_t i = 0; i < timeline->span_count; i++) {
        const struct pf_span *span = &timeline->spans[i];
        size_t lane = lane_index(timeline, span->lane);
        if (lane < timeline->lane_count)
            put_slice(w, span->held ? "held" : "wait", span->text, track_of(w, timeline, trial, lane),
                      span->from_ns, span->to_ns, span->event);
    }
}

static void put_marks(struct writer *w, const struct pf_timeline *timeline, size_t trial)
{
    for (size_t i = 0; i < timeline->mark_count; i++) {
        const struct pf_mark *mark = &timeline->marks[i];
        size_t lane = lane_index(timeline, mark->lane), from = lane_index(timeline, mark->from);
        bool own = lane < timeline->lane_count;
        struct track track = own ? track_of(w, timeline, trial, lane) : trial_track(trial);
        json_t *event =
            event_of("i", pf_names_get(&pf_mark_kind_names, (int)mark->kind), mark->text, track, mark->t_ns);
        json_object_set_new(event, "s", json_string(own ? "t" : "g"));
        set_argument(event, "event", json_integer((json_int_t)mark->event));
        put(w, event);
        if (own && from < timeline->lane_count && from != lane)
            put_arrow(w, mark->text, track_of(w, timeline, trial, from), mark->t_ns, track, mark->t_ns);
    }
}

/* The last wait of a lane: it is the one that the diagnosis explains. */
static const struct pf_span *last_wait(const struct pf_timeline *timeline, const char *lane)
{
    for (size_t i = timeline->span_count; i-- > 0;)
        if (strcmp(timeline->spans[i].lane, lane) == 0)
            return &timeline->spans[i];
    return NULL;
}

/* From whoever could end the wait: while it lives, for the dead end nothing. */
static void put_edges(struct writer *w, const struct pf_trial_result *trial, size_t number)
{
    const struct pf_timeline *timeline = trial->timeline;
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        size_t waiter = lane_index(timeline, edge->from), waker = lane_index(timeline, edge->to);
        if (waiter == timeline->lane_count || waker == timeline->lane_count || waiter == waker)
            continue;
        const struct pf_span *span = last_wait(timeline, edge->from);
        uint64_t t_ns = span ? span->from_ns : timeline->lanes[waiter].to_ns;
        uint64_t end_ns = timeline->lanes[waker].to_ns;
        put_arrow(w, edge->resource ? edge->resource : "waits for", track_of(w, timeline, number, waker),
                  end_ns < t_ns ? end_ns : t_ns, track_of(w, timeline, number, waiter), t_ns);
    }
}

/* Without a timeline the trial has one lane, which says why. Of a sweep that are those that passed: they
 * would only hide the others. */
static void put_trial(struct writer *w, const struct pf_result *result, size_t number)
{
    const struct pf_trial_result *trial = &result->trials[number];
    const struct pf_timeline *timeline = trial->timeline;
    if (!timeline && result->sweep)
        return;
    const char *name = pf_view_name(w->arena, trial);
    const char *faults = result->sweep ? pf_view_faults(w->arena, trial) : NULL;
    name = faults ? faults : name;
    put_name(w, "process_name", trial_track(number),
             pf_arena_printf(w->arena, "%s: %s", name, pf_names_get(&pf_verdict_names, (int)trial->verdict)));
    put_slice(w, "trial", trial->reason ? trial->reason : name, trial_track(number), 0,
              timeline ? timeline->end_ns : (uint64_t)(trial->duration_ms * 1e6), 0);
    if (!timeline)
        return;
    put_lanes(w, timeline, number, name);
    put_spans(w, timeline, number);
    put_marks(w, timeline, number);
    put_edges(w, trial, number);
}

int pf_perfetto_write(const struct pf_result *result, const struct pf_report_options *options, FILE *file)
{
    struct pf_arena *arena = pf_arena_new();
    struct writer w = {.file = file, .arena = arena};
    size_t without = 0;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", file);
    for (size_t i = 0; i < result->trial_count; i++) {
        /* A name for each lane of thousands of trials would add up. */
        w.arena = pf_arena_new();
        put_trial(&w, result, i);
        without += !result->trials[i].timeline;
        pf_arena_free(w.arena);
    }
    json_t *about = json_object();
    const char *lack = pf_view_lack(arena, result);
    json_object_set_new(about, "title", pf_json_line(pf_view_title(arena, result, options->title)));
    json_object_set_new(about, "totals", pf_json_line(pf_view_totals(arena, &result->totals)));
    json_object_set_new(about, "environment", pf_json_line(pf_view_environment(arena, &result->environment)));
    json_object_set_new(about, "trials without a timeline", json_integer((json_int_t)without));
    if (lack)
        json_object_set_new(about, "lack", pf_json_line(lack));
    fputs("\n],\"otherData\":", file);
    json_dumpf(about, file, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputs("}\n", file);
    json_decref(about);
    pf_arena_free(arena);
    return pf_report_flush(file);
}
