/*
 * points.h - where faults could strike a program: what a recording run has come by.
 *
 * A point is one use of a system call, or of a named point, by one process: "the third write of 0.1". Of a
 * process that makes threads, by one thread.
 */
#ifndef PF_SWEEP_POINTS_H
#define PF_SWEEP_POINTS_H

#include "model/trace.h"
#include "model/trial.h"

struct pf_point {
    const char *process;  /* address; of a thread, where there are several: "0/t0" is the main one */
    const char *call;     /* "write"; NULL: a named point */
    const char *name;     /* "lock-held", of a named point */
    uint64_t occurrence;  /* of the call, or of the named point, in its process or thread */
    uint64_t occurrences; /* how many there are of it in its process or thread */
    const char *on;       /* what its descriptor is, or NULL */
    bool failed;          /* the call failed in the recording */
    uint64_t transferred; /* bytes, of a call that moves some; else what it returned */
    bool startup;         /* of the dynamic loader */
    const char **stack;   /* the frames in words, innermost first; shared by all points that have it */
    size_t stack_count;
    bool chance; /* of runs without faults not all come by it, or not there: it depends on who is first */
    const char *step;                   /* "libqueue.so:put+17", of an instruction of a call; or NULL */
    uint64_t instruction, instructions; /* ... its number from 0, and how many there are */
    bool cut;                           /* ... there are more, which nobody has followed */
    bool sleeps;                        /* ... it is a system call that may sleep */
    struct pf_waypoint waypoint;        /* ... from which it is not far; or occurrence 0 */
    uint64_t place;                     /* equal for points of one call and one stack */
};

struct pf_points {
    struct pf_arena *arena;  /* owns everything below */
    struct pf_point *points; /* in the order in which processes, and in them the calls, came */
    size_t count;
    size_t places; /* different call stacks */
};

/*
 * Reads the trace of a recording; it may be freed then. again: another one, which tells what depends on
 * chance; NULL: there is none.
 */
struct pf_points *pf_points_new(const struct pf_trace *trace, const struct pf_trace *again);
/*
 * The same for the instructions of the calls that were stepped through; steps: the trigger that named them.
 * again: another such trace; the waypoints that a call passed in both, before it went another way, are good
 * for a third. NULL: there is none.
 */
struct pf_points *pf_points_of_steps(const struct pf_trace *trace, const struct pf_trace *again,
                                     const struct pf_trigger *steps);
void pf_points_free(struct pf_points *points);

#endif
