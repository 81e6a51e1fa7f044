/* alarms.h - could an alarm that was set before we came still go off? */
#ifndef PF_PROBE_ALARMS_H
#define PF_PROBE_ALARMS_H

#include "probe/survey.h"

/* Sets timer and alarm_unseen of a living process of a tree that was found. */
void pf_alarms_describe(struct pf_survey *survey, const struct pf_site *site, struct pf_process_state *state);

#endif
