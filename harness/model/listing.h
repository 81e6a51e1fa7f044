/*
 * listing.h - the source of a program, with the lines that matter: it travels in the result, so that a report
 * can show it where the program is not.
 */
#ifndef PF_MODEL_LISTING_H
#define PF_MODEL_LISTING_H

#include "model/record.h"

/* A line that makes the program fall in, or that saves it. */
struct pf_mark_line {
    uint64_t line;    /* from 1 */
    const char *note; /* what it does; NULL: nothing is said of it, or below the next one */
};

struct pf_listing {
    const char *scenario, *variant;
    const char *finding; /* what the program is expected to show; NULL: nothing, it is safe */
    const char *file;    /* its name, without folders */
    const char *text;
    bool cut;                   /* the file is longer */
    struct pf_mark_line *marks; /* by line */
    size_t mark_count;
};

enum { PF_LISTING_MOST = 65536 }; /* bytes of text */

extern const struct pf_record pf_listing_record;

#endif
