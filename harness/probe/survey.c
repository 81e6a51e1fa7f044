#include "probe/survey.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void pf_survey_unknown(struct pf_survey *survey, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct pf_snapshot *snapshot = survey->snapshot;
    for (size_t i = 0; i < snapshot->unknown_count; i++)
        if (strcmp(snapshot->unknown[i], text) == 0)
            return;
    const char **line =
        pf_arena_grow(survey->arena, &snapshot->unknown, &snapshot->unknown_count, sizeof(*line));
    *line = pf_arena_strdup(survey->arena, text);
}

struct pf_site *pf_survey_site(struct pf_survey *survey, pid_t pid)
{
    for (size_t i = 0; i < survey->request->process_count; i++)
        if (survey->sites[i].process->pid == pid)
            return &survey->sites[i];
    return NULL;
}

struct pf_site *pf_survey_site_at(struct pf_survey *survey, const char *address)
{
    for (size_t i = 0; i < survey->request->process_count; i++)
        if (strcmp(survey->sites[i].process->address, address) == 0)
            return &survey->sites[i];
    return NULL;
}

struct pf_site *pf_survey_site_in_tree(struct pf_survey *survey, pid_t tree_pid)
{
    for (size_t i = 0; i < survey->request->process_count; i++)
        if (survey->sites[i].process->tree_pid == tree_pid)
            return &survey->sites[i];
    return NULL;
}

const struct pf_probe_thread *pf_survey_thread_in_tree(struct pf_survey *survey, pid_t tree_tid)
{
    const struct pf_probe_request *request = survey->request;
    for (size_t i = 0; i < request->thread_count; i++)
        if (request->threads[i].tree_tid == tree_tid)
            return &request->threads[i];
    return NULL;
}

const struct pf_probe_dead *pf_survey_dead(struct pf_survey *survey, pid_t tree_tid)
{
    /* The latest is the last: numbers are used again. */
    for (size_t i = survey->request->dead_count; i-- > 0;)
        if (survey->request->dead[i].tree_tid == tree_tid)
            return &survey->request->dead[i];
    return NULL;
}

struct pf_object *pf_survey_object(struct pf_survey *survey, const char *id)
{
    for (size_t i = 0; i < survey->object_count; i++)
        if (strcmp(survey->objects[i]->id, id) == 0)
            return survey->objects[i];
    return NULL;
}

struct pf_object *pf_survey_add(struct pf_survey *survey, enum pf_object_kind kind, const char *id)
{
    struct pf_object *object = pf_arena_alloc(survey->arena, sizeof(*object));
    object->kind = kind;
    object->id = id;
    struct pf_object **slot =
        pf_arena_grow(survey->arena, &survey->objects, &survey->object_count, sizeof(struct pf_object *));
    *slot = object;
    if (pf_survey_is_given(survey, id))
        pf_object_set_external(object, "given by the caller of pitfall");
    return object;
}

bool pf_survey_is_given(const struct pf_survey *survey, const char *id)
{
    for (size_t i = 0; i < survey->request->outside_count; i++)
        if (strcmp(survey->request->outside[i], id) == 0)
            return true;
    return false;
}

void pf_object_set_external(struct pf_object *object, const char *why)
{
    object->by_name = false;
    if (object->external)
        return;
    object->external = true;
    object->external_why = why;
}
