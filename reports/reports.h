/*
 * reports.h - one result model, many formats. Each format is one file here.
 */
#ifndef PF_REPORTS_REPORTS_H
#define PF_REPORTS_REPORTS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/result.h"

struct pf_report_options {
    bool colour;       /* terminal escapes may be used */
    int width;         /* columns for text; 0: 80 */
    bool show_output;  /* text: print captured program output of trials that did not pass */
    bool brief;        /* text: a single trial without findings is one line */
    const char *title; /* "pitfall check", "pitfall run" */
    const char
        *directory; /* of the project: files below it are named relative to it; NULL: all stay as they are */
};

struct pf_report_format {
    const char *name;        /* "text", "json" */
    const char *description; /* one line for --help */
    bool log;                /* lines of a log: another such report may stand before it on standard output */
    /* Writes the whole report. Returns 0 or -errno (a full disk is -ENOSPC, a closed pipe -EPIPE). */
    int (*write)(const struct pf_result *result, const struct pf_report_options *options, FILE *file);
};

/* All formats, ended by an entry without a name. */
extern const struct pf_report_format pf_report_formats[];
const struct pf_report_format *pf_report_find(const char *name);

/*
 * Flushes the file and tells whether all that was written to it has arrived. Returns 0 or -errno; every
 * format ends with it.
 */
int pf_report_flush(FILE *file);

#endif
