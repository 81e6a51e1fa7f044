/* select.h - does something that happened meet a trigger of the plan? */
#ifndef PF_SUPERVISE_SELECT_H
#define PF_SUPERVISE_SELECT_H

#include "supervise/inject.h"

/* All but when= and prob=. */
bool pf_select_matches(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence);
/* Are its occurrences counted for each thread by itself? */
bool pf_select_by_thread(const struct pf_trigger *trigger);
/* when=first..last+step */
bool pf_select_is_due(const struct pf_trigger *trigger, uint64_t count);
/* prob=: the same rule, address and occurrence have the same luck in every run with this seed. */
bool pf_select_by_chance(const struct pf_trigger *trigger, uint64_t seed, size_t fault, const char *address,
                         uint64_t count);

#endif
