/* fault_value.h - the values of a fault's actions and options. Each reads up to ":" or the end. */
#ifndef PF_PLAN_FAULT_VALUE_H
#define PF_PLAN_FAULT_VALUE_H

#include "plan/cursor.h"

int pf_cursor_errno(struct pf_cursor *cursor, int64_t *ret_number);
int pf_cursor_signal(struct pf_cursor *cursor, int64_t *ret_number);
/* Any 64 bits, but not what would be an error. */
int pf_cursor_retval(struct pf_cursor *cursor, int64_t *ret_value);
/* "@arg1=0000DEAD,@arg3=00" */
int pf_cursor_pokes(struct pf_cursor *cursor, struct pf_poke **ret_pokes, size_t *ret_count);
/* "pipe", "socket", "file", "tty" or a pattern of paths */
int pf_cursor_fd(struct pf_cursor *cursor, struct pf_trigger *trigger);
/* "0.25", more than 0 and at most 1 */
int pf_cursor_chance(struct pf_cursor *cursor, double *ret_chance);
/* Behind the name "arg1": "==5", "!=5", "&0x400", "<5", ">5"; adds to the trigger's tests. */
int pf_cursor_test(struct pf_cursor *cursor, struct pf_word name, struct pf_trigger *trigger);
/* when=F, F+, F+S, F..L, F..L+, F..L+S */
int pf_cursor_when(struct pf_cursor *cursor, struct pf_trigger *trigger);

#endif
