/* show.h - a demonstration under way: one run after the other, told beat by beat on a stage. */
#ifndef PF_CLI_SHOW_H
#define PF_CLI_SHOW_H

#include "cli/stage.h"
#include "narrate/pace.h"
#include "plan/plan.h"
#include "sweep/relay.h"

struct pf_show {
    struct pf_stage stage;
    enum pf_pace pace;
    bool stepping; /* it goes on by key only */
    struct pf_scene *scene;
    size_t printed; /* tells of the scene that are out, where lines are written */
    /* The run that is shown; NULL between runs. */
    struct pf_relay *relay;
    struct pf_trace *trace;
    struct pf_error error; /* why it cannot go on; empty: it can, or who watches has seen enough */
};

/* Begins another scene, of a trace or of text alone (NULL). */
void pf_show_open(struct pf_show *show, const struct pf_trace *trace, const char *heading, const char *act,
                  const char *title);
void pf_show_close(struct pf_show *show);

/* Shows what was told since the tell `from`, for as long as the pace has it. Returns false when it is over.
 */
bool pf_show_beat(struct pf_show *show, enum pf_beat beat, size_t from);
/* Draws what there is, and goes on at once. */
bool pf_show_last(struct pf_show *show);
/* Runs the trial in a scene that is open, and tells it; the result is the judge's. The same return. */
bool pf_show_run(struct pf_show *show, const struct pf_trial *trial, struct pf_trace *trace,
                 struct pf_result *result);

#endif
