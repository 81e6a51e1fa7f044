/* picture.h - who waits for what, and who could end it, where nobody is stuck. */
#ifndef PF_JUDGE_PICTURE_H
#define PF_JUDGE_PICTURE_H

#include "judge/case.h"

/* Fills the trial's diagnosis: a node for each thread, an edge for each of those who could end its wait. */
void pf_picture_draw(struct pf_case *c);

#endif
