/* problem.h - what is wrong, one thing after the other, for formats that take a list of remarks on files. */
#ifndef PF_REPORTS_PROBLEM_H
#define PF_REPORTS_PROBLEM_H

#include "reports/told.h"
#include "reports/where.h"

enum pf_problem_level {
    PF_PROBLEM_FAILURE, /* the program's */
    PF_PROBLEM_ERROR,   /* it could not be tested, or trials are missing */
    PF_PROBLEM_WARNING,
    PF_PROBLEM_NOTE, /* it was skipped */
};

struct pf_problem {
    const struct pf_told *told; /* NULL: what is missing */
    const struct pf_finding *finding;
    enum pf_problem_level level;
    const char *rule; /* a kind of finding, or "unexpected", "untested", "skipped", "incomplete" */
    const char *name; /* of the trial; plain */
    const char *message;
    const char *detail; /* the diagnosis, the fix, how to replay it; NULL: nothing more to say. Plain */
    struct pf_place place;
    const char *fingerprint; /* the same in every run that shows the problem; unique in the result */
};

/* Failures and errors come first. Lives in the arena. `directory`: see struct pf_report_options. */
struct pf_problem *pf_problem_list(struct pf_arena *arena, const struct pf_result *result,
                                   const char *directory, size_t *ret_count);

/* What a rule is about, in one sentence. */
const char *pf_problem_rule(const char *rule);

#endif
