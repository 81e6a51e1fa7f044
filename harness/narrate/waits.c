/* Who waits for what, in the judge's words. */
#include <string.h>

#include "judge/phrases.h"
#include "narrate/scene_internal.h"
#include "reports/plain.h"

/* The judge's view of the trace so far, as its phrases ask for it. */
static struct pf_case case_of(const struct pf_scene *scene, const struct pf_history *history)
{
    return (struct pf_case){.trace = scene->trace,
                            .begin = pf_trace_begin(scene->trace),
                            .history = history,
                            .scratch = scene->arena,
                            .arena = scene->arena};
}

/* The trace as it is at this event: a live one has gone on. */
static struct pf_history *history_at(const struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_trace *so_far = pf_arena_alloc(scene->arena, sizeof(*so_far));
    *so_far = *scene->trace;
    so_far->count = event->seq;
    return pf_history_new(so_far, scene->arena);
}

static void take_thread(struct pf_scene *scene, const struct pf_case *c, const struct pf_event *event,
                        const struct pf_thread_state *thread)
{
    struct pf_scene_lane *lane = pf_scene_lane(scene, thread->thread);
    if (!lane || !lane->now || lane->now == PF_CELL_HELD)
        return;
    lane->now = pf_wait_is_real(thread->wait.kind) ? PF_CELL_WAITS : PF_CELL_RUNS;
    lane->state =
        lane->now == PF_CELL_WAITS ? pf_plain_line(scene->arena, pf_phrase_wait(c, thread)) : "runs";
    if (lane->now != PF_CELL_WAITS)
        return;
    struct pf_tell *tell =
        pf_scene_tell(scene, PF_TONE_PLAIN,
                      pf_arena_printf(scene->arena, "%s %s", pf_scene_label(scene, lane->id), lane->state));
    tell->timed = true;
    tell->t_ns = event->t_ns;
    tell->in_lanes = true;
}

enum pf_beat pf_scene_tell_snapshot(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_snapshot *snapshot = &event->snapshot;
    struct pf_history *history = history_at(scene, event);
    history->snapshot = event;
    struct pf_case c = case_of(scene, history);
    static const char *const words[PF_SNAPSHOT__COUNT] = {
        [PF_SNAPSHOT_QUIET] = "Nothing moves",
        [PF_SNAPSHOT_PARTIAL] = "Some have not moved for a while",
        [PF_SNAPSHOT_DEADLINE] = "The time that the run may take is over",
        [PF_SNAPSHOT_ASKED] = "Somebody asks who waits for what",
    };
    enum pf_beat beat = pf_scene_tell_lane(scene, event, "0", PF_TONE_ODD, words[snapshot->reason]);
    for (size_t i = 0; i < snapshot->thread_count; i++)
        take_thread(scene, &c, event, &snapshot->threads[i]);
    return beat;
}

enum pf_beat pf_scene_tell_stack(struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_ev_stack stack = event->stack;
    /* The call that marks a point is ours: the program stands where it was made. */
    for (size_t i = 0; i < stack.frame_count; i++)
        if (stack.frames[i].function && strcmp(stack.frames[i].function, "pitfall_point") == 0) {
            stack.frames += i + 1;
            stack.frame_count -= i + 1;
            break;
        }
    if (!stack.inject || !stack.frame_count)
        return PF_BEAT_NONE;
    struct pf_case c = case_of(scene, history_at(scene, event));
    const char *where = pf_phrase_stack(&c, &stack);
    if (!where)
        return PF_BEAT_NONE;
    return pf_scene_tell_lane(
        scene, event, stack.thread, PF_TONE_PLAIN,
        pf_arena_printf(scene->arena, "%s stands in %s", pf_scene_label(scene, stack.thread), where));
}
