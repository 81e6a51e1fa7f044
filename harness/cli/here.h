/* here.h - what of a plan can be shown on this machine. */
#ifndef PF_CLI_HERE_H
#define PF_CLI_HERE_H

#include <stddef.h>

#include "model/error.h"
#include "model/trial.h"

/*
 * Gives a reason to skip to the trials that show something only in namespaces of their own, where those
 * cannot be had: a limit of processes counts what the user runs elsewhere too, and what a program leaves
 * behind would be left behind on the machine. A scenario may say so as well. Builds a containment to know, if
 * any trial needs it.
 *
 * Returns 0 or a negative errno with a message.
 */
int pf_here_mark(struct pf_trial **trials, size_t count, struct pf_error *error);

#endif
