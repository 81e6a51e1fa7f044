/*
 * sweep.h - find the faults that break a program: record where they could strike, try them, and reduce what
 * failed to few and small cases.
 */
#ifndef PF_SWEEP_SWEEP_H
#define PF_SWEEP_SWEEP_H

#include "model/result.h"
#include "plan/shard.h"
#include "sweep/recorded.h"

enum pf_sweep_phase {
    PF_SWEEP_RECORDING,  /* runs without faults */
    PF_SWEEP_TRYING,     /* the trials of the plan */
    PF_SWEEP_MINIMISING, /* of what failed: what is needed for it, and does it fail again? */
};

/* How far a sweep is. */
struct pf_sweep_progress {
    enum pf_sweep_phase phase;
    size_t done, total; /* of this phase; total 0: not known */
    uint64_t outcomes[PF_OUTCOME__COUNT];
};

struct pf_sweep_request {
    const struct pf_trial
        *base; /* command, limits, base faults, expectation; PF_SWEEP_DEADLINE: choose one */
    struct pf_sweep_scope scope;
    const int *calls; /* system calls to strike, ascending; NULL: all that faults are known for */
    size_t call_count;
    const struct pf_fault *steps; /* strike as this does, at every instruction of the call; NULL: at calls */
    const struct pf_recorded *recorded; /* its plan is carried out, and nothing is recorded; or NULL */
    size_t jobs;
    struct pf_shard shard;
    uint64_t budget_ns; /* 0: as long as it takes */
    const struct pf_result
        *resume; /* what was tried before, to be completed; it must outlive the result. Or NULL */
    void *context;
    void (*show)(void *context, const struct pf_sweep_progress *progress); /* NULL: nobody watches */
};

/* In place of a deadline: some times what a run without faults takes. */
#define PF_SWEEP_DEADLINE UINT64_MAX

/*
 * Runs the program without faults, and plans. A program that fails so has no plan: *ret_recorded is NULL
 * then, and the result has that run. The command is the request's, and must outlive what is recorded. Errors:
 * as below.
 */
int pf_sweep_record(const struct pf_sweep_request *request, struct pf_result *result,
                    struct pf_recorded **ret_recorded, struct pf_error *error);

/*
 * Carries out a sweep and adds its trials to the result. Interrupts must have been installed; the first one
 * keeps what is done. A program that fails without any fault is not swept: the result then has that run as
 * its only trial, and no `sweep`. Returns 0, or -errno with a message when the harness could not; -ENOENT:
 * the function that was asked for is not there, or never called; -EINVAL: what is to be resumed is of another
 * plan.
 */
int pf_sweep_run(const struct pf_sweep_request *request, struct pf_result *result, struct pf_error *error);

#endif
