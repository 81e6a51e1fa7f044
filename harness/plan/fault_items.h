/* fault_items.h - the actions and options of a fault, each table in a file of its own; read by fault.c. */
#ifndef PF_PLAN_FAULT_ITEMS_H
#define PF_PLAN_FAULT_ITEMS_H

#include "model/nearest.h"
#include "plan/cursor.h"

enum pf_option_kind {
    PF_FAULT_WHEN,
    PF_FAULT_PROC,
    PF_FAULT_TO,
    PF_FAULT_FD,
    PF_FAULT_PROB,
    PF_FAULT_ARGUMENT,
    PF_FAULT_OPTION__COUNT,
};

/* A fault that has been read up to the cursor. */
struct pf_reading {
    struct pf_cursor cursor;
    struct pf_fault fault;
    const char *seen_option[PF_FAULT_OPTION__COUNT]; /* where; NULL: not given */
    const char *seen_action[PF_ACTION__COUNT];       /* where the first of its kind stands */
};

#define PF_ON(kind) (1U << PF_TRIGGER_##kind)

/* An action by its name; NULL when there is none of that name. */
struct pf_action_form;
const struct pf_action_form *pf_action_form_find(struct pf_word name);
void pf_action_names_offer(struct pf_nearest *nearest);
/* The cursor is behind the name. */
int pf_action_read(struct pf_reading *reading, const struct pf_action_form *form, struct pf_word name);

struct pf_option_form;
const struct pf_option_form *pf_option_form_find(struct pf_word name);
void pf_option_names_offer(struct pf_nearest *nearest);
int pf_option_read(struct pf_reading *reading, const struct pf_option_form *form, struct pf_word name);

/* The "=" behind a name that has a value, or no "=" behind one that has none. */
int pf_reading_equals(struct pf_reading *reading, struct pf_word name, bool has_value);
/* Refuses an item that does not go with the trigger; 0 when it does. verb: "cannot be done at". */
int pf_reading_suits(const struct pf_reading *reading, struct pf_word name, unsigned triggers,
                     const char *verb, const char *why_not);

#endif
