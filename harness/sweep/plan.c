#include "sweep/plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plan/errnos.h"
#include "plan/plan.h"

/* A storm of interruptions: more than a loop that counts its retries would bear, and not for ever. */
enum { STORM = 20 };

/* Which of the occurrences of one place a point is. */
enum turn {
    TURN_ONLY_IN_ALL, /* neither */
    TURN_FIRST,
    TURN_LAST,
};

struct planning {
    struct pf_sweep_plan *plan;
    const struct pf_sweep_scope *scope;
    /* Of the point that is being planned: */
    const struct pf_point *point;
    const struct pf_call_profile *profile; /* NULL: a named point */
    enum turn turn;
    size_t round;
    size_t *rounds; /* per planned fault: its place among those of its point */
    size_t round_count;
};

static const struct {
    const char *name;
    enum pf_sweep_kind kind;
} kinds[] = {
    {"errno", PF_SWEEP_ERRNO},   {"short", PF_SWEEP_SHORT}, {"eintr", PF_SWEEP_EINTR},
    {"signal", PF_SWEEP_SIGNAL}, {"kill", PF_SWEEP_KILL},   {"stop", PF_SWEEP_STOP},
    {"limit", PF_SWEEP_LIMIT},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

int pf_sweep_kinds_parse(const char *text, unsigned *ret_kinds, struct pf_error *error)
{
    unsigned found = 0;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ","), i = 0;
        while (i < KINDS && (strlen(kinds[i].name) != length || strncmp(kinds[i].name, at, length) != 0))
            i++;
        if (i == KINDS)
            return pf_error_set(
                error, -EINVAL,
                "\"%.*s\" is no kind of fault; there are errno, short, eintr, signal, kill, stop, limit",
                (int)length, at);
        found |= kinds[i].kind;
        at += length + (at[length] == ',');
    }
    if (!found)
        return pf_error_set(error, -EINVAL,
                            "a list was expected, of errno, short, eintr, signal, kill, stop, limit");
    *ret_kinds = found;
    return 0;
}

const char *pf_strike_text(const struct pf_strike *strike, struct pf_arena *arena)
{
    const char *text =
        pf_arena_printf(arena, "%s:%s:when=%" PRIu64, strike->at, strike->action, strike->first);
    if (strike->last == 0)
        text = pf_arena_printf(arena, "%s+", text);
    else if (strike->last != strike->first)
        text = pf_arena_printf(arena, "%s..%" PRIu64, text, strike->last);
    return strike->proc ? pf_arena_printf(arena, "%s:proc=%s", text, strike->proc) : text;
}

/* A fault at the point that is being planned, for so many occurrences; 0: from there on for ever. */
static void strike(struct planning *planning, const char *action, uint64_t times)
{
    struct pf_arena *arena = planning->plan->arena;
    const struct pf_point *point = planning->point;
    struct pf_planned *planned = pf_arena_grow(arena, &planning->plan->planned, &planning->plan->count,
                                               sizeof(*planning->plan->planned));
    planned->point = point;
    planned->strike = (struct pf_strike){
        .at = point->call ? point->call : pf_arena_printf(arena, "point=%s", point->name),
        .action = action,
        .first = point->occurrence,
        .last = times ? point->occurrence + times - 1 : 0,
        .proc = point->process,
    };
    *(size_t *)pf_arena_grow(arena, &planning->rounds, &planning->round_count, sizeof(*planning->rounds)) =
        planning->round++;
}

static bool wants(const struct planning *planning, enum pf_sweep_kind kind)
{
    return planning->scope->kinds & (unsigned)kind;
}

/* A failure from here on is another one only where something comes after it. */
static void fail_with(struct planning *planning, const char *names)
{
    struct pf_arena *arena = planning->plan->arena;
    for (const char *at = names; at && *at;) {
        size_t length = strcspn(at, " ");
        const char *action = pf_arena_printf(arena, "error=%.*s", (int)length, at);
        strike(planning, action, 1);
        if (planning->turn != TURN_LAST)
            strike(planning, action, 0);
        at += length + (at[length] == ' ');
    }
}

static bool may_be_interrupted(const struct planning *planning)
{
    const char *on = planning->point->on;
    if (!planning->profile->blocks)
        return false;
    return !on || (strcmp(on, "file") != 0 && strcmp(on, "directory") != 0 && strcmp(on, "device") != 0);
}

/* One byte for once; half of what it was, every time: byte by byte would take too long. A message goes
 * whole. */
static void plan_short(struct planning *planning)
{
    const char *on = planning->point->on;
    uint64_t whole = planning->point->transferred;
    if (!planning->profile->transfers || whole < 2 || (on && strcmp(on, "message socket") == 0))
        return;
    strike(planning, "short=1", 1);
    if (planning->turn != TURN_LAST)
        strike(planning, pf_arena_printf(planning->plan->arena, "short=%" PRIu64, whole / 2), 0);
}

static void plan_call(struct planning *planning)
{
    const struct pf_call_profile *profile = planning->profile;
    if (wants(planning, PF_SWEEP_ERRNO)) {
        fail_with(planning, pf_call_profile_errnos(profile, planning->point->on));
        fail_with(planning, profile->any);
    }
    if (wants(planning, PF_SWEEP_SHORT))
        plan_short(planning);
    if (wants(planning, PF_SWEEP_EINTR) && may_be_interrupted(planning)) {
        strike(planning, "error=EINTR", 1);
        strike(planning, "error=EINTR", STORM);
    }
    if (wants(planning, PF_SWEEP_LIMIT) && profile->makes_fd)
        strike(planning, "limit=nofile:3", 1);
    if (wants(planning, PF_SWEEP_LIMIT) && profile->makes_process && !planning->scope->root)
        strike(planning, "limit=nproc:0", 1);
}

static void plan_point(struct planning *planning)
{
    planning->round = 0;
    planning->profile = planning->point->call ? pf_call_profile_find(planning->point->call) : NULL;
    if (planning->profile)
        plan_call(planning);
    if (wants(planning, PF_SWEEP_KILL))
        strike(planning, "kill", 1);
    if (wants(planning, PF_SWEEP_STOP))
        strike(planning, "stop=50ms", 1);
    if (wants(planning, PF_SWEEP_SIGNAL))
        strike(planning, "signal=TERM", 1);
}

/* Points that share a place stand together, in their order. */
static int by_place(const void *left, const void *right)
{
    const struct pf_point *const *a = left, *const *b = right;
    if ((*a)->place != (*b)->place)
        return (*a)->place < (*b)->place ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

/* Says for each point which turn of its place it is. */
static enum turn *find_turns(const struct pf_point *const *points, size_t count,
                             const struct pf_point *origin, struct pf_arena *arena, size_t total)
{
    enum turn *turns = pf_arena_alloc(arena, (total + 1) * sizeof(*turns));
    const struct pf_point **sorted = pf_arena_alloc(arena, (count + 1) * sizeof(*sorted));
    memcpy(sorted, points, count * sizeof(*sorted));
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), by_place);
    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 || sorted[i - 1]->place != sorted[i]->place;
        bool last = i + 1 == count || sorted[i + 1]->place != sorted[i]->place;
        turns[sorted[i] - origin] = first ? TURN_FIRST : last ? TURN_LAST : TURN_ONLY_IN_ALL;
    }
    return turns;
}

/* A pattern of threads chooses among threads, and one of processes takes all threads of each. */
static bool in_scope(const struct pf_sweep_scope *scope, const struct pf_point *point, struct pf_arena *arena)
{
    if (!scope->proc || fnmatch(scope->proc, point->process, 0) == 0)
        return true;
    if (strchr(scope->proc, '/'))
        return false;
    const char *process = pf_arena_strndup(arena, point->process, strcspn(point->process, "/"));
    return fnmatch(scope->proc, process, 0) == 0;
}

struct ranked {
    struct pf_planned planned;
    size_t round, order;
};

static int by_round(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->round != b->round)
        return a->round < b->round ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* First one fault at every point, then the second at every point, …: whatever the time, it is spread well. */
static void deal(struct planning *planning)
{
    struct pf_sweep_plan *plan = planning->plan;
    struct ranked *ranked = pf_arena_alloc(plan->arena, (plan->count + 1) * sizeof(*ranked));
    for (size_t i = 0; i < plan->count; i++)
        ranked[i] = (struct ranked){.planned = plan->planned[i], .round = planning->rounds[i], .order = i};
    if (plan->count > 1)
        qsort(ranked, plan->count, sizeof(*ranked), by_round);
    for (size_t i = 0; i < plan->count; i++)
        plan->planned[i] = ranked[i].planned;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return XXH3_64bits_withSeed(text, strlen(text) + 1, seed);
}

const char *pf_sweep_plan_fingerprint(const struct pf_sweep_plan *plan, const struct pf_trial *base,
                                      struct pf_arena *arena)
{
    uint64_t hash = pf_plan_fingerprint(base, 0);
    for (size_t i = 0; i < plan->count; i++)
        hash = hash_text(pf_strike_text(&plan->planned[i].strike, arena), hash);
    return pf_arena_printf(arena, "%016" PRIx64, hash);
}

struct pf_sweep_plan *pf_sweep_plan_new(const struct pf_points *points, const struct pf_sweep_scope *scope,
                                        const struct pf_trial *base)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_sweep_plan *plan = pf_arena_alloc(arena, sizeof(*plan));
    plan->arena = arena;
    struct planning planning = {.plan = plan, .scope = scope};
    const struct pf_point **chosen = pf_arena_alloc(arena, (points->count + 1) * sizeof(*chosen));
    size_t count = 0;
    for (size_t i = 0; i < points->count; i++) {
        const struct pf_point *point = &points->points[i];
        if (!in_scope(scope, point, arena))
            continue;
        if (point->startup && !scope->all)
            plan->startup++;
        else
            chosen[count++] = point;
    }
    plan->points = count;
    enum turn *turns = find_turns(chosen, count, points->points, arena, points->count);
    for (size_t i = 0; i < count; i++) {
        planning.point = chosen[i];
        planning.turn = turns[chosen[i] - points->points];
        if (planning.turn == TURN_ONLY_IN_ALL && !scope->all)
            plan->repetitions++;
        else
            plan_point(&planning);
    }
    deal(&planning);
    plan->fingerprint = pf_sweep_plan_fingerprint(plan, base, arena);
    return plan;
}

static void strike_step(struct pf_sweep_plan *plan, const struct pf_point *point, const char *suffix,
                        const char *action)
{
    struct pf_planned *planned =
        pf_arena_grow(plan->arena, &plan->planned, &plan->count, sizeof(*plan->planned));
    planned->point = point;
    planned->strike = (struct pf_strike){.at = pf_arena_printf(plan->arena, "step=%s%s", point->step, suffix),
                                         .action = action,
                                         .first = point->occurrence,
                                         .last = point->occurrence,
                                         .proc = point->process};
}

struct pf_sweep_plan *pf_sweep_plan_steps(const struct pf_points *points, const char *action,
                                          const struct pf_trial *base)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_sweep_plan *plan = pf_arena_alloc(arena, sizeof(*plan));
    plan->arena = arena;
    plan->points = points->count;
    for (size_t i = 0; i < points->count; i++) {
        strike_step(plan, &points->points[i], "", action);
        if (points->points[i].sleeps)
            strike_step(plan, &points->points[i], "/asleep", action);
    }
    plan->fingerprint = pf_sweep_plan_fingerprint(plan, base, arena);
    return plan;
}

void pf_sweep_plan_free(struct pf_sweep_plan *plan)
{
    if (plan)
        pf_arena_free(plan->arena);
}
