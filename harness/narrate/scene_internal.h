/* scene_internal.h - between scene.c, which knows lanes and beats, and what it is told by. */
#ifndef PF_NARRATE_SCENE_INTERNAL_H
#define PF_NARRATE_SCENE_INTERNAL_H

#include "narrate/scene.h"

/* Says what the event comes to. Marks of lanes are of this beat. */
enum pf_beat pf_scene_tell_event(struct pf_scene *scene, const struct pf_event *event);
/* Takes over from a snapshot who waits for what. */
enum pf_beat pf_scene_tell_snapshot(struct pf_scene *scene, const struct pf_event *event);
/* Where the thread stood that a fault struck. */
enum pf_beat pf_scene_tell_stack(struct pf_scene *scene, const struct pf_event *event);

struct pf_scene_lane *pf_scene_add_lane(struct pf_scene *scene, const char *id);
/* Says something about a lane at the time of the event, and has it counted: what comes often is a repeat. */
enum pf_beat pf_scene_tell_lane(struct pf_scene *scene, const struct pf_event *event, const char *id,
                                enum pf_tone tone, const char *text);

#endif
