/*
 * terminal.h - the program owns the terminal while it runs, as in a shell: Ctrl-C, Ctrl-Z and reading from it
 * work.
 */
#ifndef PF_SUPERVISE_TERMINAL_H
#define PF_SUPERVISE_TERMINAL_H

#include "supervise/run.h"

/* Hands the terminal to the root's process group, if the harness has it and the program is not captured. */
void pf_terminal_give(struct pf_run *run);
/* Takes it back. */
void pf_terminal_take(struct pf_run *run);
/* Job control stopped the root: the harness stops too, so that the user's shell gets its prompt, and goes on
 * with it. */
void pf_terminal_stopped(struct pf_run *run);

#endif
