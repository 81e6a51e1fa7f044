/*
 * timeline.h - what a trial looked like over time: the trace, made small enough to travel in a result.
 *
 * Times are nanoseconds since the trial began. A thread that is in no span is not known to have waited.
 */
#ifndef PF_MODEL_TIMELINE_H
#define PF_MODEL_TIMELINE_H

#include "model/record.h"

/* The life of a process, or of a thread beside the main one. */
struct pf_lane {
    const char *id;   /* process or thread address */
    const char *name; /* "0.1 (worker)" */
    const char *by;   /* whose doing it is that it lives; NULL: the harness', or not known */
    uint64_t from_ns;
    uint64_t to_ns;
    const char *end; /* "was killed by SIGTERM"; NULL: it lived when the trial was over */
    uint64_t event;  /* with which it begins; 0: it was there before */
    uint64_t end_event;
};

/* Somebody waits. */
struct pf_span {
    const char *lane;
    uint64_t from_ns; /* at the latest */
    uint64_t to_ns;   /* when it was last seen to, or the trial was over */
    const char *text; /* "waits for data from a pipe (fd 4)" */
    bool held;        /* by the harness, for a fault */
    uint64_t event;   /* the snapshot, or the inject event, that says so */
};

enum pf_mark_kind {
    PF_MARK_EXEC,
    PF_MARK_SIGNAL, /* reaches it */
    PF_MARK_KILL,   /* sends SIGKILL */
    PF_MARK_POINT,
    PF_MARK_LIMIT,
    PF_MARK_FAULT,
    PF_MARK_VERDICT, /* of the whole trial: the moment of proof, or the deadline */
    PF_MARK__COUNT,
};

struct pf_mark {
    enum pf_mark_kind kind;
    const char *lane; /* NULL: the whole trial */
    uint64_t t_ns;
    const char *text; /* "SIGTERM from pitfall" */
    const char *from; /* lane that it comes from, or NULL */
    uint64_t event;
};

struct pf_timeline {
    uint64_t end_ns; /* of the trial, as far as it counts: what comes behind is the harness clearing up */
    struct pf_lane *lanes;
    size_t lane_count;
    struct pf_span *spans;
    size_t span_count;
    struct pf_mark *marks;
    size_t mark_count;
    uint64_t left_out; /* lanes, spans and marks beyond what a timeline may hold */
};

enum { PF_LANES_MOST = 100, PF_SPANS_MOST = 400, PF_MARKS_MOST = 400 };

extern const struct pf_names pf_mark_kind_names;
extern const struct pf_record pf_timeline_record;

#endif
