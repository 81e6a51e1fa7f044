/* pace.h - what a thread did in the last stretch of a run that its deadline has ended. */
#ifndef PF_JUDGE_PACE_H
#define PF_JUDGE_PACE_H

#include "judge/case.h"

/* It burns CPU in a loop whose state repeats itself. */
bool pf_pace_spins(const struct pf_ev_pace *pace);
/* It wakes again and again from a timed wait, and has neither read nor written anything. */
bool pf_pace_polls(const struct pf_case *c, const struct pf_ev_pace *pace);
/* The same, but so rarely that it is no loop: a timer of a runtime, a housekeeper. */
bool pf_pace_rests(const struct pf_ev_pace *pace);
/* A timed wait of the thread that was seen in that stretch; NULL: none. */
const struct pf_thread_state *pf_pace_timed_wait(const struct pf_case *c, const struct pf_ev_pace *pace);

#endif
