/* pace.h - how long a beat stands before the next one comes. */
#ifndef PF_NARRATE_PACE_H
#define PF_NARRATE_PACE_H

#include "narrate/scene.h"

enum pf_pace { PF_PACE_SLOW, PF_PACE_FAST, PF_PACE_STEP, PF_PACE__COUNT };

extern const struct pf_names pf_pace_names;

enum { PF_PACE_KEY = -1 };

/*
 * Milliseconds for a beat of so many words; PF_PACE_KEY: until a key says so. What repeats goes by itself at
 * any pace.
 */
int pf_pace_ms(enum pf_pace pace, enum pf_beat beat, size_t words);
/* Words of what was told from the given tell on. */
size_t pf_pace_words(const struct pf_scene *scene, size_t from);

#endif
