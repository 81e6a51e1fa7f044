/* trace.h - the list of events of one trial, in memory and as JSON Lines. */
#ifndef PF_MODEL_TRACE_H
#define PF_MODEL_TRACE_H

#include <stdio.h>

#include "model/event.h"

struct pf_trace {
    struct pf_arena *arena; /* owns every string and array of the events */
    struct pf_event **events;
    size_t count;
    uint64_t start_ns; /* CLOCK_MONOTONIC at the begin event; 0 for a trace that was read from a file */
    FILE *sink;        /* every event is also written here as one line; NULL: nowhere. Not owned */
    int sink_error;    /* -errno of the first failed write */
};

struct pf_trace *pf_trace_new(void);
void pf_trace_free(struct pf_trace *trace);

/*
 * Appends a copy of the event with the next sequence number and returns it. Strings and arrays of the event
 * are not copied: they must live in trace->arena or be static. t_ns is taken as given.
 */
const struct pf_event *pf_trace_append(struct pf_trace *trace, const struct pf_event *event);

/*
 * Reads a trace. `name` is what messages call it. Returns 0, -errno, or -EBADMSG with a message that says the
 * line and what is wrong there: not JSON, another schema, out of sequence, or cut off before its end event.
 */
int pf_trace_read(FILE *file, const char *name, struct pf_trace **ret_trace, struct pf_error *error);

/*
 * Appends the event that one line of a trace holds. Returns 0, or -EBADMSG with a message that says what is
 * wrong: not JSON, another schema, out of sequence.
 */
int pf_trace_read_line(struct pf_trace *trace, const char *line, size_t length, struct pf_error *error);

/* The begin event's content; every trace has one. */
const struct pf_ev_begin *pf_trace_begin(const struct pf_trace *trace);

#endif
