/* calls.h - sets of system calls as strace(1) writes them. */
#ifndef PF_PLAN_CALLS_H
#define PF_PLAN_CALLS_H

#include "model/nearest.h"
#include "plan/cursor.h"

struct pf_call_set {
    const char *name;  /* "%file" */
    const char *calls; /* names, one space between two */
};

extern const struct pf_call_set pf_call_sets[];
extern const size_t pf_call_set_count;

/*
 * Reads "read,%file,?openat2,/^p?write/", or "!" and such a list, up to one of ":@" or the end, and returns
 * the numbers on this machine, ascending and each once. `also` are further names that could have stood here;
 * a mistyped word is compared with them too.
 */
int pf_cursor_calls(struct pf_cursor *cursor, const char *const *also, int **ret_calls, size_t *ret_count);

/* A call that does nothing and cannot fail (%pure), up to ":" or the end. */
int pf_cursor_pure_call(struct pf_cursor *cursor, int64_t *ret_call);

#endif
