/* lines.h - two texts, line by line: which lines of the one are not in the other. */
#ifndef PF_JUDGE_LINES_H
#define PF_JUDGE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/arena.h"

struct pf_line {
    const char *text; /* with its newline, unless it is the last one and has none */
    size_t length;
    size_t number; /* from 1 */
};

struct pf_lines {
    struct pf_line *lines;
    size_t count;
};

/* What the texts do not have in common; a line that stands twice must be there twice. In the order of the
 * text. */
struct pf_lines_difference {
    struct pf_lines missing; /* of the expected text, not in the other */
    struct pf_lines extra;   /* not expected */
    struct pf_lines copies;  /* of the extra ones, those that are expected, but not so often */
};

struct pf_lines_difference pf_lines_compare(const char *expected, const char *text, struct pf_arena *arena);

/*
 * Are these the same bytes, cut into other lines: what several writers make of one stream when their writes
 * are not whole lines? Also a line of which only the beginning came before another whole line began.
 */
bool pf_lines_torn(const struct pf_lines_difference *difference);

#endif
