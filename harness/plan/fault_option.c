/* What a fault strikes: one row an option. */
#include "plan/fault_items.h"

#include <string.h>

#include "plan/fault_value.h"
#include "plan/trigger.h"

static int read_when(struct pf_reading *reading, struct pf_word name)
{
    (void)name;
    return pf_cursor_when(&reading->cursor, &reading->fault.trigger);
}

static int read_proc(struct pf_reading *reading, struct pf_word name)
{
    if (reading->fault.trigger.proc)
        return pf_cursor_refuse(&reading->cursor, name.start,
                                "\"@\" behind the trigger has named the process already");
    return pf_cursor_address(&reading->cursor, ":", &reading->fault.trigger.proc);
}

static const struct target {
    const char *name;
    enum pf_to_kind kind;
} targets[] = {
    {"caller", PF_TO_CALLER}, {"group", PF_TO_GROUP},   {"terminal", PF_TO_TERMINAL},
    {"tree", PF_TO_TREE},     {"sender", PF_TO_SENDER},
};

static int read_to(struct pf_reading *reading, struct pf_word name)
{
    (void)name;
    struct pf_cursor ahead = reading->cursor;
    struct pf_word word = pf_cursor_word(&ahead, ":");
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (pf_word_is(word, targets[i].name)) {
            reading->fault.to = targets[i].kind;
            reading->cursor = ahead;
            return 0;
        }
        pf_nearest_offer(&nearest, targets[i].name);
    }
    if (nearest.best)
        return pf_cursor_expected(&ahead, word, nearest.best,
                                  "caller, group, terminal, tree, sender or an address");
    if (memchr(word.start, '/', word.length))
        return pf_cursor_refuse(&ahead, word.start,
                                "whole processes are struck: leave out the thread behind \"/\"");
    reading->fault.to = PF_TO_GLOB;
    return pf_cursor_address(&reading->cursor, ":", &reading->fault.to_glob);
}

static int read_fd(struct pf_reading *reading, struct pf_word name)
{
    (void)name;
    return pf_cursor_fd(&reading->cursor, &reading->fault.trigger);
}

static int read_prob(struct pf_reading *reading, struct pf_word name)
{
    (void)name;
    return pf_cursor_chance(&reading->cursor, &reading->fault.trigger.chance);
}

static int read_argument(struct pf_reading *reading, struct pf_word name)
{
    return pf_cursor_test(&reading->cursor, name, &reading->fault.trigger);
}

struct pf_option_form {
    const char *name;
    enum pf_option_kind option;
    int (*read_value)(struct pf_reading *reading, struct pf_word name);
    unsigned triggers;
    const char *why_not;
    bool compares; /* it is no NAME= but a comparison, and may be given many times */
    bool again;    /* given again, the last one counts, as in strace(1) */
};

#define NO_ARGUMENTS "nothing but a system call has arguments"

static const struct pf_option_form forms[] = {
    {"when", PF_FAULT_WHEN, read_when, PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(STEP),
     "this trigger happens once for each process", false, true},
    {"proc", PF_FAULT_PROC, read_proc,
     PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(START) | PF_ON(EXIT) | PF_ON(STEP),
     "a time passes for every process alike: say by to= whom it strikes", false, false},
    {"to", PF_FAULT_TO, read_to,
     PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(START) | PF_ON(EXIT) | PF_ON(AFTER) | PF_ON(STEP), NULL, false,
     false},
    {"fd", PF_FAULT_FD, read_fd, PF_ON(SYSCALL), NO_ARGUMENTS, false, false},
    {"prob", PF_FAULT_PROB, read_prob, PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(STEP),
     "this trigger happens once for each process: leave it to chance by --seed and when=", false, false},
    {"arg1", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
    {"arg2", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
    {"arg3", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
    {"arg4", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
    {"arg5", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
    {"arg6", PF_FAULT_ARGUMENT, read_argument, PF_ON(SYSCALL), NO_ARGUMENTS, true, false},
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

const struct pf_option_form *pf_option_form_find(struct pf_word name)
{
    for (size_t i = 0; i < FORMS; i++)
        if (pf_word_is(name, forms[i].name))
            return &forms[i];
    return NULL;
}

void pf_option_names_offer(struct pf_nearest *nearest)
{
    for (size_t i = 0; i < FORMS; i++)
        pf_nearest_offer(nearest, forms[i].name);
}

int pf_option_read(struct pf_reading *reading, const struct pf_option_form *form, struct pf_word name)
{
    struct pf_cursor *cursor = &reading->cursor;
    int result = form->compares ? 0 : pf_reading_equals(reading, name, true);
    if (result < 0)
        return result;
    if (reading->seen_option[form->option] && !form->again && !form->compares)
        return pf_cursor_refuse(cursor, name.start, "%s= is given twice", form->name);
    result = pf_reading_suits(reading, name, form->triggers, "does not go with", form->why_not);
    if (result < 0)
        return result;
    reading->seen_option[form->option] = name.start;
    return form->read_value(reading, name);
}
