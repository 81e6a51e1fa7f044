/*
 * strikes.h - where in the program a fault struck: the call stacks of the first strikes of each rule.
 *
 * They are taken only if the trial asks for it. A thread in a ptrace stop is read at once. One in a notified
 * call has no registers to start from; it is interrupted before it is answered, and stops when the call
 * returns, with the stack that it had. That is no change for a call that is not made. All others stop for
 * ptrace in such a trial (launch/filter.c).
 */
#ifndef PF_SUPERVISE_STRIKES_H
#define PF_SUPERVISE_STRIKES_H

#include "supervise/grip.h"

enum { PF_STRIKES_AT_ONCE = 4 }; /* rules that may want the stack of one moment */

/* The inject events of one moment. */
struct pf_strikes {
    struct {
        size_t fault;
        uint64_t inject; /* number of the event */
    } each[PF_STRIKES_AT_ONCE];
    size_t count;
};

/* Notes that this rule struck; of several events of one rule the first counts. */
void pf_strikes_add(struct pf_run *run, struct pf_strikes *strikes, size_t fault, uint64_t inject);

/*
 * Takes the stack, or prepares for it. Returns false when it cannot be had. `deadly`: the thread's process is
 * to be killed when its stack has been read; true then means that pf_strikes_take will do it, or that it is
 * done.
 */
bool pf_strikes_want(struct pf_run *run, struct pf_task *task, struct pf_grip *grip,
                     const struct pf_strikes *strikes, bool deadly);

/* The thread stopped: reads the stack if that was wanted. Returns true when its process was killed. */
bool pf_strikes_take(struct pf_run *run, struct pf_task *task);

#endif
