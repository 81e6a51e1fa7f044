/*
 * step.h - triggers inside a function: step=FUNCTION+N.
 *
 * A thread is stopped where the function begins by a debug register of its own, and taken from there by
 * single steps until the instruction in question, or to the end of the call when it is to be written down.
 * Nothing is written into the program's memory. README.md says what counts as an instruction of a call.
 */
#ifndef PF_SUPERVISE_STEP_H
#define PF_SUPERVISE_STEP_H

#include "supervise/run.h"

/* Sets up what run->trial wants to know of functions; run->step stays NULL when that is nothing. */
void pf_step_init(struct pf_run *run);
void pf_step_free(struct pf_run *run);

/* A process has a new program in it, and stands before its first instruction. */
void pf_step_exec(struct pf_run *run, struct pf_task *task);
/* A new thread, or the only one of a new process, is in its first stop. */
void pf_step_born(struct pf_run *run, struct pf_task *task);
/* A stop in which nothing happened: the occasion to hand a thread the places that became known meanwhile. */
void pf_step_refresh(struct pf_run *run, struct pf_task *task);
/* A signal is about to be delivered to a thread. */
void pf_step_signal(struct pf_run *run, struct pf_task *task);
/* A thread has ended. */
void pf_step_forget(struct pf_run *run, struct pf_task *task);

/* A SIGTRAP. Returns false when it is the program's own; else everything has been done about it. */
bool pf_step_take(struct pf_run *run, struct pf_task *task);
/* The end of a system call that supervision itself wanted to see is over: the thread goes on. */
void pf_step_call_ended(struct pf_run *run, struct pf_task *task);
/* Does the thread go on by a single step? */
bool pf_step_single(const struct pf_task *task);

/* Threads that are stepped take turns with everything else: a turn begins. */
void pf_step_turn(struct pf_run *run);
/* Has one taken so many steps that it is the others' turn? */
bool pf_step_turn_over(const struct pf_run *run);

/* Looks whether calls that are to be struck while they sleep have fallen asleep. */
void pf_step_tick(struct pf_run *run);
/* When pf_step_tick has something to do next, on the trace's clock; UINT64_MAX: never. */
uint64_t pf_step_due(const struct pf_run *run);

/* After the run: was every function found that the plan names? Errors: -ENOENT, -ENOTSUP. */
int pf_step_check(const struct pf_run *run, struct pf_error *error);

#endif
