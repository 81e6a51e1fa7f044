#include "sweep/points.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "model/path.h"
#include "plan/errnos.h"

/* A call stack of the trace, in words. */
struct stack {
    const char **frames;
    size_t count;
};

/* So often a thread has come by something. */
struct tally {
    const char *thread;
    const char *what;
    uint64_t count;
};

struct reading {
    struct pf_points *points;
    const char **threaded; /* addresses of processes that ever had more than one thread */
    size_t threaded_count;
    struct tally *tallies;
    size_t tally_count;
    struct stack *stacks; /* by their number less one */
    size_t stack_count;
};

/* "flush at out.c:12", "write (libc.so.6)", "sort+0x4f20". */
static const char *frame_text(struct pf_arena *arena, const struct pf_frame *frame)
{
    const char *file = pf_path_name(frame->file);
    const char *module = frame->module ? frame->module : "?";
    if (frame->function && file)
        return pf_arena_printf(arena, "%s at %s:%" PRIu64, frame->function, file, frame->line);
    if (frame->function)
        return pf_arena_printf(arena, "%s (%s)", frame->function, module);
    return pf_arena_printf(arena, "%s+0x%" PRIx64, module, frame->offset);
}

static void take_stack(struct reading *reading, const struct pf_ev_call *call)
{
    struct pf_arena *arena = reading->points->arena;
    if (!call->frame_count)
        return;
    struct stack stack = {.frames = pf_arena_alloc(arena, call->frame_count * sizeof(*stack.frames)),
                          .count = call->frame_count};
    for (size_t i = 0; i < call->frame_count; i++)
        stack.frames[i] = frame_text(arena, &call->frames[i]);
    while (reading->stack_count < call->stack)
        *(struct stack *)pf_arena_grow(arena, &reading->stacks, &reading->stack_count, sizeof(stack)) =
            (struct stack){0};
    reading->stacks[call->stack - 1] = stack;
}

static struct pf_point *add(struct reading *reading)
{
    struct pf_points *points = reading->points;
    return pf_arena_grow(points->arena, &points->points, &points->count, sizeof(*points->points));
}

/* The process of a thread address: "0.2" for "0.2/t1". */
static size_t process_length(const char *thread)
{
    return strcspn(thread, "/");
}

static bool is_threaded(const struct reading *reading, const char *thread)
{
    size_t length = process_length(thread);
    for (size_t i = 0; i < reading->threaded_count; i++)
        if (strlen(reading->threaded[i]) == length && strncmp(reading->threaded[i], thread, length) == 0)
            return true;
    return false;
}

static uint64_t count(struct reading *reading, const char *thread, const char *what)
{
    for (size_t i = 0; i < reading->tally_count; i++)
        if (strcmp(reading->tallies[i].thread, thread) == 0 && strcmp(reading->tallies[i].what, what) == 0)
            return ++reading->tallies[i].count;
    *(struct tally *)pf_arena_grow(reading->points->arena, &reading->tallies, &reading->tally_count,
                                   sizeof(*reading->tallies)) =
        (struct tally){.thread = pf_arena_strdup(reading->points->arena, thread),
                       .what = pf_arena_strdup(reading->points->arena, what),
                       .count = 1};
    return 1;
}

/*
 * Whose doing it is, and the how-manieth of its kind. Where a process has threads, each counts for itself:
 * which of them is first differs from run to run, what each of them does in turn does not. A thread's events
 * stand in the trace in their order.
 */
static const char *owner_of(struct reading *reading, const char *thread, const char *what,
                            uint64_t *occurrence)
{
    struct pf_arena *arena = reading->points->arena;
    if (!is_threaded(reading, thread))
        return pf_arena_strdup(arena, thread);
    *occurrence = count(reading, thread, what);
    return strchr(thread, '/') ? pf_arena_strdup(arena, thread) : pf_arena_printf(arena, "%s/t0", thread);
}

static void find_threads(struct reading *reading, const struct pf_trace *trace)
{
    struct pf_arena *arena = reading->points->arena;
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        if (event->kind == PF_EVENT_THREAD && !is_threaded(reading, event->thread.thread))
            *(const char **)pf_arena_grow(arena, &reading->threaded, &reading->threaded_count,
                                          sizeof(*reading->threaded)) =
                pf_arena_strndup(arena, event->thread.thread, process_length(event->thread.thread));
    }
}

static void add_call(struct reading *reading, const struct pf_ev_call *call)
{
    struct pf_arena *arena = reading->points->arena;
    uint64_t occurrence = call->occurrence;
    const char *process = owner_of(reading, call->thread, call->call, &occurrence);
    struct stack none = {0};
    const struct stack *stack =
        call->stack && call->stack <= reading->stack_count ? &reading->stacks[call->stack - 1] : &none;
    *add(reading) = (struct pf_point){
        .process = process,
        .call = pf_arena_strdup(arena, call->call),
        .occurrence = occurrence,
        .on = pf_arena_strdup(arena, call->on),
        .failed = call->result<0, .transferred = call->result> 0 ? (uint64_t)call->result : 0,
        .startup = call->startup,
        .stack = stack->frames,
        .stack_count = stack->count,
    };
}

static void add_named(struct reading *reading, const struct pf_ev_point *point)
{
    uint64_t occurrence = point->count;
    const char *what = pf_arena_printf(reading->points->arena, "point=%s", point->name);
    const char *process = owner_of(reading, point->thread, what, &occurrence);
    *add(reading) = (struct pf_point){
        .process = process,
        .name = pf_arena_strdup(reading->points->arena, point->name),
        .occurrence = occurrence,
    };
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return text ? XXH3_64bits_withSeed(text, strlen(text) + 1, seed) : seed;
}

static uint64_t place_of(const struct pf_point *point)
{
    uint64_t hash = hash_text(point->name, hash_text(point->call, 0));
    for (size_t i = 0; i < point->stack_count; i++)
        hash = hash_text(point->stack[i], hash);
    /* What cannot be told apart by its stack is told apart by its process. */
    return point->stack_count || point->name ? hash : hash_text(point->process, hash);
}

/* Calls are written down as they return: put those of a process back into the order in which they began. */
static int by_birth(const void *left, const void *right)
{
    const struct pf_point *a = left, *b = right;
    int order = strverscmp(a->process, b->process);
    if (order)
        return order;
    if (!a->call != !b->call)
        return a->call ? -1 : 1;
    order = a->call ? strcmp(a->call, b->call) : strcmp(a->name, b->name);
    if (order)
        return order;
    return a->occurrence < b->occurrence ? -1 : a->occurrence > b->occurrence;
}

static int by_place(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static size_t count_places(const struct pf_points *points)
{
    uint64_t *places = calloc(points->count + 1, sizeof(*places));
    size_t count = 0;
    if (!places)
        abort();
    for (size_t i = 0; i < points->count; i++)
        places[i] = points->points[i].place;
    qsort(places, points->count, sizeof(*places), by_place);
    for (size_t i = 0; i < points->count; i++)
        count += i == 0 || places[i] != places[i - 1];
    free(places);
    return count;
}

/* The last of the first `count` waypoints that is not behind the instruction. */
static struct pf_waypoint waypoint_before(const struct pf_ev_steps *steps, size_t count, uint64_t instruction)
{
    struct pf_waypoint last = {0};
    for (size_t i = 0; i < count && steps->waypoints[i].instruction <= instruction; i++)
        last = steps->waypoints[i];
    return last;
}

/* One line of the source, or one function called from one line: what is done there fails together. */
static void add_spot(struct reading *reading, const struct pf_ev_steps *steps,
                     const struct pf_step_spot *spot, const char *function, size_t steady)
{
    struct pf_arena *arena = reading->points->arena;
    const struct pf_call_profile *profile = spot->call ? pf_call_profile_find(spot->call) : NULL;
    const char **stack = pf_arena_alloc(arena, 2 * sizeof(*stack));
    /* Static functions of a stripped library have no names: one is as good as the other. */
    stack[0] = spot->at.function ? frame_text(arena, &spot->at)
                                 : pf_arena_printf(arena, "a function without a name (%s)",
                                                   spot->at.module ? spot->at.module : "?");
    if (spot->from.file)
        stack[1] = frame_text(arena, &spot->from);
    const char *process = pf_arena_strndup(arena, steps->thread, process_length(steps->thread));
    for (uint64_t i = spot->first; i < spot->first + spot->count; i++)
        *add(reading) = (struct pf_point){
            .process = process,
            .occurrence = steps->call,
            .stack = stack,
            .stack_count = spot->from.file ? 2 : 1,
            .step = pf_arena_printf(arena, "%s+%" PRIu64, function, i),
            .instruction = i,
            .instructions = steps->instructions,
            .cut = steps->ended && strcmp(steps->ended, "cut") == 0,
            .sleeps = profile && profile->blocks,
            .waypoint = waypoint_before(steps, steady, i),
        };
}

static size_t passed_by_both(const struct pf_ev_steps *one, const struct pf_ev_steps *other)
{
    size_t count = 0;
    while (count < one->waypoint_count && count < other->waypoint_count &&
           memcmp(&one->waypoints[count], &other->waypoints[count], sizeof(*one->waypoints)) == 0)
        count++;
    return count;
}

/* How many waypoints the call has passed in another run as well, before it went another way. */
static size_t steady_waypoints(const struct pf_ev_steps *steps, const struct pf_trace *again)
{
    for (size_t i = 0; again && i < again->count; i++) {
        const struct pf_ev_steps *other = &again->events[i]->steps;
        if (again->events[i]->kind == PF_EVENT_STEPS && strcmp(other->thread, steps->thread) == 0 &&
            other->call == steps->call && strcmp(other->function, steps->function) == 0)
            return passed_by_both(steps, other);
    }
    return 0;
}

struct pf_points *pf_points_of_steps(const struct pf_trace *trace, const struct pf_trace *again,
                                     const struct pf_trigger *steps)
{
    struct pf_arena *arena = pf_arena_new();
    struct reading reading = {.points = pf_arena_alloc(arena, sizeof(*reading.points))};
    reading.points->arena = arena;
    const char *function = steps->module ? pf_arena_printf(arena, "%s:%s", steps->module, steps->function)
                                         : pf_arena_strdup(arena, steps->function);
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        if (event->kind != PF_EVENT_STEPS)
            continue;
        size_t steady = steady_waypoints(&event->steps, again);
        for (size_t k = 0; k < event->steps.spot_count; k++)
            add_spot(&reading, &event->steps, &event->steps.spots[k], function, steady);
    }
    return reading.points;
}

/* Points are in order: the last of each kind knows how many there are. */
static void count_occurrences(struct pf_points *points)
{
    for (size_t i = points->count; i-- > 0;) {
        struct pf_point *point = &points->points[i];
        const struct pf_point *next = i + 1 < points->count ? point + 1 : NULL;
        bool same =
            next && strcmp(next->process, point->process) == 0 && !next->call == !point->call &&
            strcmp(point->call ? next->call : next->name, point->call ? point->call : point->name) == 0;
        point->occurrences = same ? next->occurrences : point->occurrence;
    }
}

void pf_points_free(struct pf_points *points)
{
    if (points)
        pf_arena_free(points->arena);
}

static struct pf_points *read_points(const struct pf_trace *trace)
{
    struct pf_arena *arena = pf_arena_new();
    struct reading reading = {.points = pf_arena_alloc(arena, sizeof(*reading.points))};
    reading.points->arena = arena;
    find_threads(&reading, trace);
    /* A stack is told where it was first entered, and calls stand in the order of their returns. */
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_CALL)
            take_stack(&reading, &trace->events[i]->call);
    for (size_t i = 0; i < trace->count; i++) {
        const struct pf_event *event = trace->events[i];
        if (event->kind == PF_EVENT_CALL)
            add_call(&reading, &event->call);
        else if (event->kind == PF_EVENT_POINT)
            add_named(&reading, &event->point);
    }
    struct pf_points *points = reading.points;
    for (size_t i = 0; i < points->count; i++)
        points->points[i].place = place_of(&points->points[i]);
    if (points->count > 1)
        qsort(points->points, points->count, sizeof(*points->points), by_birth);
    points->places = count_places(points);
    count_occurrences(points);
    return points;
}

/* Does the other recording come by the same place with its same use? What only happens where threads get into
 * each other's way does so by chance, whatever two runs did. */
static bool is_of_chance(const struct pf_point *point, const struct pf_points *again)
{
    const struct pf_call_profile *profile = point->call ? pf_call_profile_find(point->call) : NULL;
    if (profile && profile->contention)
        return true;
    const struct pf_point *same =
        bsearch(point, again->points, again->count, sizeof(*again->points), by_birth);
    return !same || same->place != point->place;
}

struct pf_points *pf_points_new(const struct pf_trace *trace, const struct pf_trace *again)
{
    struct pf_points *points = read_points(trace);
    struct pf_points *others = again ? read_points(again) : NULL;
    for (size_t i = 0; others && i < points->count; i++)
        points->points[i].chance = is_of_chance(&points->points[i], others);
    pf_points_free(others);
    return points;
}
