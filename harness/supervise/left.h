/* left.h - what the tree has left behind, as events. */
#ifndef PF_SUPERVISE_LEFT_H
#define PF_SUPERVISE_LEFT_H

#include "supervise/run.h"

/* When a tree that ended by itself is gone: what its init has seen last. */
void pf_left_finish(struct pf_run *run);

#endif
