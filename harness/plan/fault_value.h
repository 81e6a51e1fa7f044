/* fault_value.h - the values of a fault's actions and options. Each reads up to ":" or the end. */
#ifndef PF_PLAN_FAULT_VALUE_H
#define PF_PLAN_FAULT_VALUE_H

#include "plan/cursor.h"

int pf_cursor_errno(struct pf_cursor *cursor, int64_t *ret_number);
int pf_cursor_signal(struct pf_cursor *cursor, int64_t *ret_number);
/* when=F, F+, F+S, F..L, F..L+, F..L+S */
int pf_cursor_when(struct pf_cursor *cursor, struct pf_trigger *trigger);

#endif
