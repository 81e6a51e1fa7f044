/* trigger.h - the part of a fault that says when: system calls, a point, start, exit, or a time. */
#ifndef PF_PLAN_TRIGGER_H
#define PF_PLAN_TRIGGER_H

#include "plan/cursor.h"

/*
 * Reads the trigger at the start of a fault, or the one that ends a hold, up to ":" or the end. It may say
 * after "@" for which process it counts.
 */
int pf_cursor_trigger(struct pf_cursor *cursor, struct pf_trigger *ret_trigger);
/* A pattern of addresses of processes or threads: "0.2", "0.*", "0.2/t*". */
int pf_cursor_address(struct pf_cursor *cursor, const char *stops, const char **ret_glob);

#endif
