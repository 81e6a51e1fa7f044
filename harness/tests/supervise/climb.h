/* climb.h - in libclimb.so, which stepper is linked with and libclimb_later.so, which it opens. */
#ifndef PF_TESTS_CLIMB_H
#define PF_TESTS_CLIMB_H

void climb(volatile int *rungs);

#endif
