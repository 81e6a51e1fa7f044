/* keep.h - callers that are held until something happens or for a time, and processes that are stopped for a
 * time. */
#ifndef PF_SUPERVISE_KEEP_H
#define PF_SUPERVISE_KEEP_H

#include "supervise/grip.h"

void pf_keep_init(struct pf_run *run);

/* Keeps the thread until the trigger is met elsewhere, or for a time. */
void pf_keep_until(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip, size_t fault,
                   const struct pf_trigger *until);
void pf_keep_for(struct pf_run *run, struct pf_task *task, const struct pf_grip *grip, size_t fault,
                 uint64_t ns);
/* The process has been sent SIGSTOP: it gets SIGCONT when the time is over. */
void pf_keep_stopped(struct pf_run *run, struct pf_process *process, size_t fault, uint64_t ns);

/* Lets go whoever waits for this trigger. */
void pf_keep_met(struct pf_run *run, const struct pf_trigger *until);
/* Lets go those whose time is over. */
void pf_keep_tick(struct pf_run *run);
/* When pf_keep_tick has something to do next, on the trace's clock; UINT64_MAX: never. */
uint64_t pf_keep_due(const struct pf_run *run);

/* Is anybody held until something happens? */
bool pf_keep_holds(const struct pf_run *run);
/* Is anybody held or stopped only for a time? */
bool pf_keep_times(const struct pf_run *run);
/* Lets everybody go: nothing that they wait for can happen any more. why: "never" or "end". */
void pf_keep_release_all(struct pf_run *run, const char *why);
/* A held thread has ended. */
void pf_keep_forget(struct pf_run *run, const struct pf_task *task);

#endif
