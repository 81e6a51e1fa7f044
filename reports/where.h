/* where.h - places in the source, as stacks name them: "produce at /src/app/feeder.c:31 (in Queue.get)". */
#ifndef PF_REPORTS_WHERE_H
#define PF_REPORTS_WHERE_H

#include <stddef.h>

#include "model/arena.h"

struct pf_place {
    const char *file; /* relative to `directory`, if it lies in it; NULL: not known */
    size_t line;      /* from 1 */
};

/* No file, if none is named. `directory`: see struct pf_report_options. */
struct pf_place pf_place_of(struct pf_arena *arena, const char *where, const char *directory);

/* The files that a text has named already; starts as {0}. */
struct pf_where_told {
    const char **files;
    size_t count;
};

/*
 * The same for a text that names many: files below the directory relative to it, and one that was named
 * already by the last part of its name, where that can mean no other. Plain.
 */
const char *pf_where_tell(struct pf_arena *arena, const char *where, const char *directory,
                          struct pf_where_told *told);

#endif
