/* shape.h - which kinds of wait were left at the end, as one word: to tell whether two hangs are one. */
#ifndef PF_JUDGE_SHAPE_H
#define PF_JUDGE_SHAPE_H

#include "judge/case.h"

/*
 * Sets the trial's shape when the run ended on a snapshot: "child+read:pipe". Each kind of wait with the kind
 * of object it is for, once, in the order of the enums; of the threads that are stuck when that is proven,
 * else of all that wait. Neither addresses nor how many are part of it.
 */
void pf_shape_describe(struct pf_case *c);

#endif
