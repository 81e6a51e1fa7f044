/*
 * readings.h - the two looks at each thread between which a snapshot is made.
 */
#ifndef PF_PROBE_READINGS_H
#define PF_PROBE_READINGS_H

#include "probe/survey.h"

/* One thread while it is read. */
struct pf_reading {
    int stat_fd, counters_fd; /* -1: not open */
    bool borrowed;            /* they are the sampler's */
    bool gone;
    int refused; /* the error that kept it from being read, 0: none */
    struct pf_task_stat stat;
    struct pf_counters counters;
    struct pf_task_call call;
};

/* The first look. Files that the request's sampler does not have are opened, and stay so for the last look if
 * `keep` is set. */
void pf_reading_begin(const struct pf_probe_thread *thread, const struct pf_probe_request *request, bool keep,
                      struct pf_reading *ret_reading);
/* The last look: whether the thread has run, woken or ended since; false where the caller checks that. Closes
 * the files. */
bool pf_reading_end(const struct pf_probe_thread *thread, const struct pf_probe_request *request,
                    struct pf_reading *reading);

/* Fills survey->sites: the thread to read each process through, its parent, and what its threads know of it.
 */
void pf_survey_read_sites(struct pf_survey *survey, const struct pf_reading *readings);

#endif
