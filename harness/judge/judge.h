/*
 * judge.h - from a trace to findings, a diagnosis and a verdict.
 *
 * Everything here is a pure function of the trace: no clock, no kernel, no privileges. The same trace gives
 * the same bytes, live or from a file, years later.
 */
#ifndef PF_JUDGE_JUDGE_H
#define PF_JUDGE_JUDGE_H

#include "model/result.h"
#include "model/trace.h"

/* Judges one whole trace and adds the trial to the result (whose arena owns what is added). */
void pf_judge_trace(const struct pf_trace *trace, struct pf_result *result);

/*
 * Adds a trial that holds nothing but a picture of who waits for what in a snapshot of a trace that still
 * goes on, as its diagnosis.
 */
void pf_judge_moment(const struct pf_trace *trace, const struct pf_event *snapshot, struct pf_result *result);

/*
 * Does the snapshot, read with the trace so far, prove a deadlock: a set of threads that nothing inside the
 * tree can ever wake, and that nothing outside it is known to be able to?
 */
bool pf_judge_is_stuck(const struct pf_trace *trace, const struct pf_snapshot *snapshot);

#endif
