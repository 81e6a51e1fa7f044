/* told.h - traces of the catalogue's programs, recorded once, and scenes of them. */
#ifndef PF_TESTS_NARRATE_TOLD_H
#define PF_TESTS_NARRATE_TOLD_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "narrate/scene.h"

static inline struct pf_trace *read_trace(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/traces/%s.jsonl", TEST_DATA, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    int r = pf_trace_read(file, name, &trace, &error);
    fclose(file);
    cr_assert_eq(r, 0, "%s", error.message);
    return trace;
}

static inline struct pf_scene *open_scene(const struct pf_trace *trace)
{
    struct pf_scene *scene = pf_scene_new(trace);
    scene->heading = "pitfall demo: an-id";
    scene->act = "1 of 2: broken, which falls in";
    scene->title = "A title";
    return scene;
}

/* Takes all events; returns the beats. */
static inline size_t take_all(struct pf_scene *scene)
{
    size_t beats = 0;
    while (scene->taken < scene->trace->count)
        beats += pf_scene_take(scene) != PF_BEAT_NONE;
    return beats;
}

/* How many tells contain this. */
static inline size_t tells_with(const struct pf_scene *scene, const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < scene->tell_count; i++)
        count += strstr(scene->tells[i].text, words) != NULL;
    return count;
}

#endif
