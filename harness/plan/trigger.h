/* trigger.h - the part of a fault that says when: system calls, a point, start, exit, or a time. */
#ifndef PF_PLAN_TRIGGER_H
#define PF_PLAN_TRIGGER_H

#include "plan/cursor.h"

/* Reads the trigger at the start of a fault, up to ":" or the end. */
int pf_cursor_trigger(struct pf_cursor *cursor, struct pf_trigger *ret_trigger);
/* Reads the trigger that ends a hold: it strikes once, and may say after "@" on which process. */
int pf_cursor_release(struct pf_cursor *cursor, struct pf_trigger *ret_trigger);
/* A pattern of process addresses: "0.2", "0.*". */
int pf_cursor_address(struct pf_cursor *cursor, const char *stops, const char **ret_glob);

#endif
