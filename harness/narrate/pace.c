#include "narrate/pace.h"

#include <string.h>

static const char *const names[] = {"slow", "fast", "step"};
const struct pf_names pf_pace_names = {names, PF_PACE__COUNT};

struct tempo {
    int repeat, step, large; /* ms */
    int word;                /* ... and for each word that is to be read */
    int most;
};

/* Slow is the speed at which a class reads from a projector, some five words a second. */
static const struct tempo tempos[PF_PACE__COUNT] = {
    [PF_PACE_SLOW] = {.repeat = 60, .step = 400, .large = 1800, .word = 190, .most = 20000},
    [PF_PACE_FAST] = {.repeat = 10, .step = 60, .large = 500, .word = 35, .most = 4000},
    [PF_PACE_STEP] = {.repeat = 60},
};

int pf_pace_ms(enum pf_pace pace, enum pf_beat beat, size_t words)
{
    const struct tempo *tempo = &tempos[pace];
    if (beat == PF_BEAT_NONE)
        return 0;
    if (beat == PF_BEAT_REPEAT)
        return tempo->repeat;
    if (pace == PF_PACE_STEP)
        return PF_PACE_KEY;
    int base = beat == PF_BEAT_LARGE ? tempo->large : tempo->step;
    if (words >= (size_t)(tempo->most / tempo->word))
        return tempo->most;
    int ms = base + (int)words * tempo->word;
    return ms < tempo->most ? ms : tempo->most;
}

size_t pf_pace_words(const struct pf_scene *scene, size_t from)
{
    static const char blanks[] = " \t\n";
    size_t words = 0;
    for (size_t i = from; i < scene->tell_count; i++)
        for (const char *at = scene->tells[i].text; *(at += strspn(at, blanks)); words++)
            at += strcspn(at, blanks);
    return words;
}
