/* What is said of each event. */
#include <inttypes.h>
#include <string.h>

#include "judge/phrases.h"
#include "narrate/scene_internal.h"
#include "reports/plain.h"

/* Of what a program prints at once, so much is shown. */
enum { LINES_MOST = 4 };

/* "1st", "22nd", "113th". */
static const char *ordinal(struct pf_arena *arena, uint64_t number)
{
    static const char *const suffixes[] = {"th", "st", "nd", "rd"};
    uint64_t last = number % 10;
    bool teen = number / 10 % 10 == 1;
    return pf_arena_printf(arena, "%" PRIu64 "%s", number, suffixes[teen || last > 3 ? 0 : last]);
}

static const char *name_of(struct pf_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return pf_plain_line(arena, slash && slash[1] ? slash + 1 : path);
}

static enum pf_beat tell_fork(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_ev_fork *born = &event->fork;
    const struct pf_scene_lane *parent = born->parent ? pf_scene_lane(scene, born->parent) : NULL;
    const char *name = parent ? parent->name : NULL;
    pf_scene_add_lane(scene, born->process)->name = name;
    if (!born->parent)
        return PF_BEAT_NONE; /* its exec is the beginning */
    return pf_scene_tell_lane(
        scene, event, born->parent, PF_TONE_PLAIN,
        pf_arena_printf(scene->arena, "%s starts %s", pf_scene_label(scene, born->parent), born->process));
}

static enum pf_beat tell_thread(struct pf_scene *scene, const struct pf_event *event)
{
    pf_scene_add_lane(scene, event->thread.thread)->name = "thread";
    const char *by = event->thread.by ? event->thread.by : "somebody";
    return pf_scene_tell_lane(scene, event, by, PF_TONE_PLAIN,
                              pf_arena_printf(scene->arena, "%s starts thread %s", pf_scene_label(scene, by),
                                              event->thread.thread));
}

static enum pf_beat tell_exec(struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_scene_lane *lane = pf_scene_lane(scene, event->exec.process);
    if (!lane || !event->exec.path)
        return PF_BEAT_NONE;
    lane->name = name_of(scene->arena, event->exec.path);
    return pf_scene_tell_lane(scene, event, lane->id, PF_TONE_PLAIN,
                              pf_arena_printf(scene->arena, "%s executes %s", lane->id, lane->name));
}

static const char *sender(const struct pf_scene *scene, const char *from)
{
    if (!from)
        return "somebody";
    if (strcmp(from, "pitfall") == 0)
        return "the fault plan";
    if (strcmp(from, "kernel") == 0)
        return "the kernel";
    return strcmp(from, "outside") == 0 ? "outside" : pf_scene_label(scene, from);
}

static enum pf_beat tell_signal(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_ev_signal *signal = &event->signal;
    struct pf_scene_lane *lane = pf_scene_lane(scene, signal->thread);
    if (!lane || !lane->now)
        return PF_BEAT_NONE;
    lane->mark = PF_CELL_SIGNAL;
    return pf_scene_tell_lane(
        scene, event, lane->id, PF_TONE_ODD,
        pf_arena_printf(scene->arena, "%s gets %s from %s", pf_scene_label(scene, lane->id),
                        signal->name ? signal->name : "a signal", sender(scene, signal->sender)));
}

/* A kill that finds nobody is a precaution, and no news. */
static enum pf_beat tell_kill(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_scene_lane *target =
        event->kill.process ? pf_scene_lane(scene, event->kill.process) : NULL;
    if (!target || !target->now)
        return PF_BEAT_NONE;
    return pf_scene_tell_lane(scene, event, event->kill.thread, PF_TONE_ODD,
                              pf_arena_printf(scene->arena, "%s sends SIGKILL to %s",
                                              pf_scene_label(scene, event->kill.thread),
                                              pf_scene_label(scene, target->id)));
}

static enum pf_beat tell_point(struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_scene_lane *lane = pf_scene_lane(scene, event->point.thread);
    if (!lane)
        return PF_BEAT_NONE;
    const char *name = pf_plain_line(scene->arena, event->point.name);
    lane->now = PF_CELL_RUNS;
    lane->state = event->point.count > 1
                      ? pf_arena_printf(scene->arena, "at %s, %" PRIu64 " times", name, event->point.count)
                      : pf_arena_printf(scene->arena, "at %s", name);
    if (lane->visits++)
        return PF_BEAT_NONE;
    return pf_scene_tell_lane(
        scene, event, lane->id, PF_TONE_PLAIN,
        pf_arena_printf(scene->arena, "%s comes to the point %s", pf_scene_label(scene, lane->id), name));
}

static enum pf_beat tell_ledger(struct pf_scene *scene, const struct pf_event *event)
{
    const char *name = pf_plain_line(scene->arena, event->ledger.book);
    struct pf_scene_book *book = NULL;
    for (size_t i = 0; i < scene->book_count && !book; i++)
        if (strcmp(scene->books[i].name, name) == 0)
            book = &scene->books[i];
    if (!book) {
        book = pf_arena_grow(scene->arena, &scene->books, &scene->book_count, sizeof(*book));
        book->name = name;
    }
    book->entries++;
    return PF_BEAT_NONE;
}

static enum pf_beat tell_limit(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_ev_limit *limit = &event->limit;
    struct pf_scene_lane *lane = pf_scene_lane(scene, limit->thread);
    if (!lane)
        return PF_BEAT_NONE;
    bool first = !lane->told[event->kind];
    lane->mark = PF_CELL_LIMIT;
    lane->struck = true;
    enum pf_beat beat = pf_scene_tell_lane(
        scene, event, lane->id, PF_TONE_BAD,
        pf_arena_printf(scene->arena, "%s%s: %s fails with %s, for the limit %s is %" PRIu64,
                        first ? "A LIMIT IS MET. " : "", pf_scene_label(scene, lane->id), limit->call,
                        limit->error, limit->resource, limit->value));
    return first ? PF_BEAT_LARGE : beat;
}

static enum pf_beat tell_inject(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_ev_inject *fault = &event->inject;
    const char *whom = fault->thread ? fault->thread : fault->target;
    struct pf_scene_lane *lane = whom ? pf_scene_lane(scene, whom) : NULL;
    bool first = lane ? !lane->told[event->kind] : true;
    if (lane) {
        lane->mark = PF_CELL_FAULT;
        lane->struck = true;
        lane->now = fault->action && strncmp(fault->action, "hold=", 5) == 0 ? PF_CELL_HELD : lane->now;
        lane->state = lane->now == PF_CELL_HELD ? "is held by the fault plan" : lane->state;
    }
    struct pf_scene_lane *target = fault->target ? pf_scene_lane(scene, fault->target) : NULL;
    if (target && target != lane) {
        target->mark = PF_CELL_FAULT;
        target->struck = true;
    }
    const char *to = fault->target && (!fault->thread || strcmp(fault->target, fault->thread) != 0)
                         ? pf_arena_printf(scene->arena, " to %s", pf_scene_label(scene, fault->target))
                         : "";
    const char *when = fault->occurrence > 1
                           ? pf_arena_printf(scene->arena, ", which it reaches for the %s time",
                                             ordinal(scene->arena, fault->occurrence))
                           : "";
    enum pf_beat beat = pf_scene_tell_lane(
        scene, event, whom ? whom : "", PF_TONE_BAD,
        pf_arena_printf(scene->arena, "THE FAULT STRIKES%s%s at %s%s: %s%s", fault->thread ? " " : "",
                        fault->thread ? pf_scene_label(scene, fault->thread) : "",
                        fault->at ? pf_plain_line(scene->arena, fault->at) : "its time", when,
                        fault->action ? pf_plain_line(scene->arena, fault->action) : "a fault", to));
    return first ? PF_BEAT_LARGE : beat;
}

static enum pf_beat tell_release(struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_scene_lane *lane = pf_scene_lane(scene, event->release.thread);
    if (!lane || !lane->now)
        return PF_BEAT_NONE;
    lane->now = PF_CELL_RUNS;
    lane->state = "runs";
    return pf_scene_tell_lane(
        scene, event, lane->id, PF_TONE_ODD,
        pf_arena_printf(scene->arena, "%s is let go, and goes on", pf_scene_label(scene, lane->id)));
}

static enum pf_beat tell_output(struct pf_scene *scene, const struct pf_event *event)
{
    const char *text = event->output.text ? event->output.text : "";
    enum pf_beat beat = PF_BEAT_NONE;
    size_t lines = 0;
    for (; *text; lines++) {
        size_t length = strcspn(text, "\n");
        const char *line = pf_plain_line(scene->arena, pf_arena_strndup(scene->arena, text, length));
        text += length + (text[length] == '\n');
        if (lines >= LINES_MOST)
            continue;
        beat = pf_scene_tell_lane(scene, event, "0", PF_TONE_DIM,
                                  pf_arena_printf(scene->arena, "prints: %s", line));
    }
    if (lines > LINES_MOST)
        pf_scene_tell_lane(
            scene, event, "0", PF_TONE_DIM,
            pf_arena_printf(scene->arena, "prints %zu more lines", (size_t)(lines - LINES_MOST)));
    return beat;
}

static void end_lane(struct pf_scene_lane *lane, bool killed, const char *how)
{
    if (!lane || !lane->now)
        return;
    lane->now = PF_CELL_NONE;
    lane->mark = killed ? PF_CELL_KILLED : PF_CELL_ENDED;
    lane->state = how;
}

static enum pf_beat tell_thread_exit(struct pf_scene *scene, const struct pf_event *event)
{
    struct pf_scene_lane *lane = pf_scene_lane(scene, event->thread_exit.thread);
    if (!lane || !lane->now)
        return PF_BEAT_NONE;
    end_lane(lane, false, "ended");
    return pf_scene_tell_lane(scene, event, lane->id, PF_TONE_PLAIN,
                              pf_arena_printf(scene->arena, "Thread %s ends", lane->id));
}

static enum pf_beat tell_exit(struct pf_scene *scene, const struct pf_event *event)
{
    const struct pf_ev_exit *end = &event->exit;
    struct pf_scene_lane *lane = pf_scene_lane(scene, end->process);
    if (!lane)
        return PF_BEAT_NONE;
    const char *how = end->signaled ? pf_arena_printf(scene->arena, "was killed by %s", end->signal)
                                    : pf_arena_printf(scene->arena, "ended with status %" PRIu64, end->code);
    const char *said =
        end->signaled ? how : pf_arena_printf(scene->arena, "ends with status %" PRIu64, end->code);
    size_t length = strlen(lane->id);
    for (size_t i = 0; i < scene->lane_count; i++)
        if (strncmp(scene->lanes[i].id, lane->id, length) == 0 && scene->lanes[i].id[length] == '/')
            end_lane(&scene->lanes[i], end->signaled, "ended with its process");
    end_lane(lane, end->signaled, how);
    /* It is its parent's children that who watches has seen end before. */
    size_t parent = (size_t)(strrchr(lane->id, '.') ? strrchr(lane->id, '.') - lane->id : 0);
    const char *counted = parent ? pf_arena_strndup(scene->arena, lane->id, parent) : lane->id;
    enum pf_beat beat =
        pf_scene_tell_lane(scene, event, counted, end->signaled ? PF_TONE_ODD : PF_TONE_PLAIN,
                           pf_arena_printf(scene->arena, "%s %s", pf_scene_label(scene, lane->id), said));
    return end->signaled || !parent ? PF_BEAT_STEP : beat;
}

static enum pf_beat tell_bond(struct pf_scene *scene, const struct pf_event *event)
{
    if (!event->bond.number)
        return PF_BEAT_NONE;
    return pf_scene_tell_lane(scene, event, event->bond.process, PF_TONE_DIM,
                              pf_arena_printf(scene->arena,
                                              "%s asks the kernel to be killed when its parent ends",
                                              pf_scene_label(scene, event->bond.process)));
}

static enum pf_beat tell_note(struct pf_scene *scene, const struct pf_event *event)
{
    return pf_scene_tell_lane(scene, event, "0", PF_TONE_DIM,
                              pf_arena_printf(scene->arena, "Note: %s", event->note.text));
}

enum pf_beat pf_scene_tell_event(struct pf_scene *scene, const struct pf_event *event)
{
    static enum pf_beat (*const tellers[PF_EVENT__COUNT])(struct pf_scene *, const struct pf_event *) = {
        [PF_EVENT_FORK] = tell_fork,
        [PF_EVENT_THREAD] = tell_thread,
        [PF_EVENT_EXEC] = tell_exec,
        [PF_EVENT_SIGNAL] = tell_signal,
        [PF_EVENT_KILL] = tell_kill,
        [PF_EVENT_BOND] = tell_bond,
        [PF_EVENT_POINT] = tell_point,
        [PF_EVENT_LEDGER] = tell_ledger,
        [PF_EVENT_LIMIT] = tell_limit,
        [PF_EVENT_INJECT] = tell_inject,
        [PF_EVENT_RELEASE] = tell_release,
        [PF_EVENT_OUTPUT] = tell_output,
        [PF_EVENT_THREAD_EXIT] = tell_thread_exit,
        [PF_EVENT_EXIT] = tell_exit,
        [PF_EVENT_SNAPSHOT] = pf_scene_tell_snapshot,
        [PF_EVENT_STACK] = pf_scene_tell_stack,
        [PF_EVENT_NOTE] = tell_note,
    };
    scene->over |= event->kind == PF_EVENT_VERDICT;
    return tellers[event->kind] ? tellers[event->kind](scene, event) : PF_BEAT_NONE;
}
