/* timeline.h - the trace as lanes, spans and marks. */
#ifndef PF_JUDGE_TIMELINE_H
#define PF_JUDGE_TIMELINE_H

#include "model/result.h"
#include "model/trace.h"

/* Gives the trial, which lives in the arena, the timeline of its trace. */
void pf_timeline_draw(const struct pf_trace *trace, struct pf_arena *arena, struct pf_trial_result *trial);

#endif
