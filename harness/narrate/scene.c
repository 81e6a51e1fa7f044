#include "narrate/scene_internal.h"

#include <stdlib.h>
#include <string.h>

/* What a lane has done so often is known to who watches. */
enum { NEWS_MOST = 3 };
enum { INDEX_ROOM = 64 };

struct pf_scene *pf_scene_new(const struct pf_trace *trace)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_scene *scene = pf_arena_alloc(arena, sizeof(*scene));
    scene->arena = arena;
    scene->trace = trace;
    scene->index_room = INDEX_ROOM;
    pf_lookup_init(&scene->index, arena, scene->index_room);
    return scene;
}

void pf_scene_free(struct pf_scene *scene)
{
    if (scene)
        pf_arena_free(scene->arena);
}

struct pf_tell *pf_scene_tell(struct pf_scene *scene, enum pf_tone tone, const char *text)
{
    struct pf_tell *tell =
        pf_arena_grow(scene->arena, &scene->tells, &scene->tell_count, sizeof(*scene->tells));
    tell->tone = tone;
    tell->text = pf_arena_strdup(scene->arena, text);
    return tell;
}

void pf_scene_turn(struct pf_scene *scene)
{
    scene->page = scene->tell_count;
}

struct pf_scene_lane *pf_scene_lane(const struct pf_scene *scene, const char *id)
{
    size_t index = pf_lookup_find(&scene->index, id);
    return index == PF_NOWHERE ? NULL : &scene->lanes[index];
}

const char *pf_scene_label(const struct pf_scene *scene, const char *id)
{
    const struct pf_scene_lane *lane = pf_scene_lane(scene, id);
    return lane && lane->name ? pf_arena_printf(scene->arena, "%s (%s)", id, lane->name) : id;
}

/* An index has room for so many, and a program starts as many as it likes. */
static void index_lane(struct pf_scene *scene)
{
    if (scene->lane_count <= scene->index_room) {
        pf_lookup_put(&scene->index, scene->lanes[scene->lane_count - 1].id, scene->lane_count - 1);
        return;
    }
    scene->index_room *= 2;
    pf_lookup_init(&scene->index, scene->arena, scene->index_room);
    for (size_t i = 0; i < scene->lane_count; i++)
        pf_lookup_put(&scene->index, scene->lanes[i].id, i);
}

struct pf_scene_lane *pf_scene_add_lane(struct pf_scene *scene, const char *id)
{
    struct pf_scene_lane *lane =
        pf_arena_grow(scene->arena, &scene->lanes, &scene->lane_count, sizeof(*scene->lanes));
    lane->id = pf_arena_strdup(scene->arena, id);
    lane->state = "runs";
    lane->now = PF_CELL_RUNS;
    lane->mark = PF_CELL_BORN;
    lane->first = scene->beats;
    index_lane(scene);
    return lane;
}

enum pf_beat pf_scene_tell_lane(struct pf_scene *scene, const struct pf_event *event, const char *id,
                                enum pf_tone tone, const char *text)
{
    struct pf_tell *tell = pf_scene_tell(scene, tone, text);
    tell->timed = true;
    tell->t_ns = event->t_ns;
    struct pf_scene_lane *lane = pf_scene_lane(scene, id);
    return lane && ++lane->told[event->kind] > NEWS_MOST ? PF_BEAT_REPEAT : PF_BEAT_STEP;
}

/* A column for what has just been told. */
static void add_column(struct pf_scene *scene)
{
    for (size_t i = 0; i < scene->lane_count; i++) {
        struct pf_scene_lane *lane = &scene->lanes[i];
        enum pf_cell cell = lane->mark ? lane->mark : lane->now;
        lane->mark = PF_CELL_NONE;
        if (cell)
            *(unsigned char *)pf_arena_grow(scene->arena, &lane->cells, &lane->cell_count,
                                            sizeof(*lane->cells)) = (unsigned char)cell;
    }
    scene->beats++;
}

enum pf_beat pf_scene_take(struct pf_scene *scene)
{
    const struct pf_event *event = scene->trace->events[scene->taken++];
    if (scene->over)
        return PF_BEAT_NONE;
    scene->now_ns = event->t_ns;
    enum pf_beat beat = pf_scene_tell_event(scene, event);
    if (beat != PF_BEAT_NONE)
        add_column(scene);
    return beat;
}
