/* sample.h - one result with everything a report must cope with. */
#ifndef PF_REPORTS_TESTS_SAMPLE_H
#define PF_REPORTS_TESTS_SAMPLE_H

#include "reports/reports.h"

/* Index of each trial in the sample. */
enum sample_trial {
    SAMPLE_DEADLOCK, /* a broken program that fell in as expected: pass with a diagnosis */
    SAMPLE_CLEAN,    /* its safe twin */
    SAMPLE_FAIL,     /* a failure with hostile bytes in every string */
    SAMPLE_ERROR,
    SAMPLE_SKIP,
    SAMPLE__COUNT,
};

/* Bytes that no report may pass on: an escape sequence, broken UTF-8, the end of a CDATA section, markup, a
 * character that turns the line around, C1's CSI. */
#define SAMPLE_HOSTILE                                                                                       \
    "\033[31mred\033[0m \xff\xc0\xaf ]]> <b>&amp; \"'\a \xe2\x80\xae \xc2\x9b"                               \
    "1m #end\\"

struct pf_result *sample_result(void);
/* The same program `count` times; every `bad`-th one fails (0: none). */
struct pf_result *sample_repeats(size_t count, size_t bad);
/* One trial of a command outside the catalogue. */
struct pf_result *sample_run(enum sample_trial like);
/* A sweep of two shards, stopped half-way: one failure, and a trial that passed. */
struct pf_result *sample_sweep(void);

/* The report of one format as one string; the test fails when it cannot be written. Free it. */
char *sample_write(const char *format, const struct pf_result *result,
                   const struct pf_report_options *options, size_t *ret_size);

#endif
