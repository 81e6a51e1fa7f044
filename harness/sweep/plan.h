/*
 * plan.h - which faults a sweep tries at which points: a pure function of a recording.
 *
 * The same recording and the same scope give the same plan, in the same order: so it can be divided into
 * shards, stopped, and taken up again.
 */
#ifndef PF_SWEEP_PLAN_H
#define PF_SWEEP_PLAN_H

#include "model/trial.h"
#include "sweep/points.h"

/* Kinds of fault, as bits. */
enum pf_sweep_kind {
    PF_SWEEP_ERRNO = 1 << 0,  /* the call fails, once or from then on */
    PF_SWEEP_EINTR = 1 << 1,  /* a call that may wait is interrupted, once or 20 times */
    PF_SWEEP_SIGNAL = 1 << 2, /* SIGTERM arrives */
    PF_SWEEP_KILL = 1 << 3,   /* SIGKILL */
    PF_SWEEP_LIMIT = 1 << 4,  /* no more descriptors or processes from then on */
    PF_SWEEP_SHORT = 1 << 5,  /* a call transfers a part of what it was asked for, once or every time */
    PF_SWEEP_STOP = 1 << 6,   /* the process is stopped, and goes on a moment later */
    PF_SWEEP_EVERY = (1 << 7) - 1,
};

struct pf_sweep_scope {
    unsigned kinds;   /* enum pf_sweep_kind bits */
    const char *proc; /* glob on process addresses; NULL: all */
    bool all;         /* every occurrence, and the dynamic loader too */
    bool root;        /* the limit nproc binds nobody */
};

/* A fault, in parts: so that it can be made simpler. */
struct pf_strike {
    const char *at;     /* "write", "point=lock-held" */
    const char *action; /* "error=ENOSPC" */
    uint64_t first;     /* occurrence */
    uint64_t last;      /* 0: no end */
    const char *proc;   /* NULL: any process */
};

struct pf_planned {
    const struct pf_point *point;
    struct pf_strike strike;
};

struct pf_sweep_plan {
    struct pf_arena *arena; /* owns everything below; what it says of points is theirs */
    struct pf_planned *planned;
    size_t count;
    size_t points;      /* that were looked at */
    size_t startup;     /* that were left out as the dynamic loader's */
    size_t repetitions; /* that were left out because others have their call stack */
    const char *fingerprint;
};

struct pf_sweep_plan *pf_sweep_plan_new(const struct pf_points *points, const struct pf_sweep_scope *scope,
                                        const struct pf_trial *base);
/* One strike at every instruction, and one in every system call that may sleep. */
struct pf_sweep_plan *pf_sweep_plan_steps(const struct pf_points *points, const char *action,
                                          const struct pf_trial *base);
/* A number that tells plans apart: of the command, its options, and all faults. */
const char *pf_sweep_plan_fingerprint(const struct pf_sweep_plan *plan, const struct pf_trial *base,
                                      struct pf_arena *arena);
void pf_sweep_plan_free(struct pf_sweep_plan *plan);

/* "write:error=ENOSPC:when=3+:proc=0.1" */
const char *pf_strike_text(const struct pf_strike *strike, struct pf_arena *arena);

/* Reads "errno,kill". Returns 0, or -EINVAL with a message. */
int pf_sweep_kinds_parse(const char *text, unsigned *ret_kinds, struct pf_error *error);

#endif
