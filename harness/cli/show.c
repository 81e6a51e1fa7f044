#include "cli/show.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "judge/judge.h"
#include "narrate/outcome.h"

void pf_show_open(struct pf_show *show, const struct pf_trace *trace, const char *heading, const char *act,
                  const char *title)
{
    show->scene = pf_scene_new(trace);
    show->scene->heading = heading;
    show->scene->act = act;
    show->scene->title = title;
    show->printed = 0;
}

void pf_show_close(struct pf_show *show)
{
    pf_scene_free(show->scene);
    show->scene = NULL;
}

static const char *keys_of(const struct pf_show *show)
{
    if (!show->stage.keys)
        return NULL;
    return show->stepping ? "space: go on  p: by itself  q: quit" : "space: go on  p: hold  q: quit";
}

static bool render(struct pf_show *show)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_screen screen;
    bool written;
    if (show->stage.draws) {
        screen = pf_screen_draw(show->scene, &show->stage.style, arena);
        written = pf_stage_draw(&show->stage, &screen);
    } else {
        screen = pf_screen_tells(show->scene, show->printed, &show->stage.style, arena);
        written = pf_stage_write(&show->stage, &screen);
    }
    show->printed = show->scene->tell_count;
    pf_arena_free(arena);
    return written;
}

static bool draw(struct pf_show *show)
{
    show->stage.style.keys = keys_of(show);
    return render(show);
}

bool pf_show_last(struct pf_show *show)
{
    show->stage.style.keys = NULL;
    return render(show);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits, and meanwhile takes in what the run says. Returns false when it is over. */
static bool wait_for_news(struct pf_show *show, int ms, enum pf_stage_news *ret_news)
{
    *ret_news = pf_stage_wait(&show->stage, show->relay ? show->relay->fd : -1, ms);
    switch (*ret_news) {
    case PF_STAGE_READY:
        return pf_relay_read(show->relay, show->trace, &show->error) == 0;
    case PF_STAGE_TOGGLE:
        show->stepping = !show->stepping;
        show->pace = show->pace == PF_PACE_STEP ? PF_PACE_SLOW : show->pace;
        return draw(show);
    case PF_STAGE_REDRAW:
        return draw(show);
    default:
        return *ret_news != PF_STAGE_QUIT;
    }
}

bool pf_show_beat(struct pf_show *show, enum pf_beat beat, size_t from)
{
    size_t words = pf_pace_words(show->scene, from);
    uint64_t start = now_ms();
    if (!draw(show))
        return false;
    for (;;) {
        int ms = pf_pace_ms(show->stepping ? PF_PACE_STEP : show->pace, beat, words);
        uint64_t gone = now_ms() - start;
        int rest = !show->stage.waits     ? 0
                   : ms == PF_PACE_KEY    ? -1
                   : gone >= (uint64_t)ms ? 0
                                          : ms - (int)gone;
        enum pf_stage_news news;
        if (!wait_for_news(show, rest, &news))
            return false;
        if (news == PF_STAGE_NEXT || news == PF_STAGE_TIME)
            return true;
        if (news == PF_STAGE_READY && rest == 0)
            return true;
    }
}

/* Tells the events of the run as they come. */
static bool play(struct pf_show *show)
{
    struct pf_scene *scene = show->scene;
    for (;;) {
        while (scene->taken < show->trace->count) {
            size_t from = scene->tell_count;
            enum pf_beat beat = pf_scene_take(scene);
            if (beat != PF_BEAT_NONE && !pf_show_beat(show, beat, from))
                return false;
        }
        if (show->relay->fd < 0)
            return true;
        enum pf_stage_news news;
        if (!wait_for_news(show, -1, &news))
            return false;
    }
}

static bool tell_outcome(struct pf_show *show, const struct pf_trial_result *trial)
{
    for (size_t step = 0;; step++) {
        size_t from = show->scene->tell_count;
        enum pf_beat beat = pf_outcome_tell(show->scene, trial, step);
        if (beat == PF_BEAT_NONE)
            return true;
        if (!pf_show_beat(show, beat, from))
            return false;
    }
}

bool pf_show_run(struct pf_show *show, const struct pf_trial *trial, struct pf_trace *trace,
                 struct pf_result *result)
{
    struct pf_relay relay;
    if (pf_relay_start(trial, &show->stage.mask, &relay, &show->error) < 0)
        return false;
    show->relay = &relay;
    show->trace = trace;
    bool goes_on = play(show);
    pf_relay_end(&relay);
    show->relay = NULL;
    if (!goes_on)
        return false;
    pf_judge_trace(trace, result);
    pf_result_finish(result);
    return tell_outcome(show, &result->trials[0]);
}
