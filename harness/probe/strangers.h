/*
 * strangers.h - who else on the machine holds what a tree that was found waits on.
 *
 * A tree that was launched shares with the world only what it was given, and that is known. One that was
 * found may share anything with anybody: the shell that made its pipes, the other programs of its pipeline, a
 * parent that keeps the far end of a socket.
 */
#ifndef PF_PROBE_STRANGERS_H
#define PF_PROBE_STRANGERS_H

#include "probe/survey.h"

/* Makes external whatever a process outside the tree holds, and names those that may hold something but
 * cannot be read. */
void pf_strangers_look(struct pf_survey *survey);

#endif
