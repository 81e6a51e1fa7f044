/*
 * interrupts.h - Ctrl-C: the first asks for a warm end, the second for a cold one.
 *
 * SIGINT, SIGTERM and SIGHUP only count; the loops look at the count. It lies in memory that forked trials
 * share, so that a Ctrl-C which the terminal sends to everybody is counted once, by the command itself.
 */
#ifndef PF_SWEEP_INTERRUPTS_H
#define PF_SWEEP_INTERRUPTS_H

#include <signal.h>

#include "model/error.h"

/* Starts counting. A signal that the caller had set to be ignored stays ignored. Returns 0 or -errno. */
int pf_interrupts_install(struct pf_error *error);

/* How many there were so far. Fits pf_watcher.interrupts; the context is not used. */
int pf_interrupts_count(void *context);

/* Holds the signals back; ret_before is the mask to wait and to restore with. */
void pf_interrupts_block(sigset_t *ret_before);

/*
 * SIGQUIT asks what is going on, as of a Java program. It does so also where the caller ignores it: a shell
 * without job control does that for whatever it starts in the background, where questions come from.
 */
void pf_questions_install(void);
/* How often it was asked. Fits pf_watcher.questions; the context is not used. */
int pf_questions_count(void *context);

/* In a forked trial: from now on the signals only wake it up, the count is the parent's. */
void pf_interrupts_follow(void);

#endif
