/* view.h - the tree as supervision knows it, put in the form in which the probe asks for it. */
#ifndef PF_SUPERVISE_VIEW_H
#define PF_SUPERVISE_VIEW_H

#include "probe/probe.h"
#include "supervise/run.h"

/* Fills a request from the living tasks, the given candidates for zombies and the dead. All in the arena. */
void pf_view_request(struct pf_run *run, struct pf_process *const *ended, size_t ended_count,
                     struct pf_arena *arena, struct pf_probe_request *ret_request);

/* Is the process a zombie of a living process of the tree? */
bool pf_view_is_zombie(const struct pf_run *run, const struct pf_process *process);

#endif
