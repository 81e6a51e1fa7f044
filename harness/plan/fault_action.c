/* What a fault does: one row an action. */
#include "plan/fault_items.h"

#include <seccomp.h>
#include <stdlib.h>

#include "model/signature.h"
#include "plan/calls.h"
#include "plan/fault_value.h"
#include "plan/trigger.h"

#define ON_ANY    (PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(START) | PF_ON(EXIT) | PF_ON(AFTER) | PF_ON(STEP))
#define ON_THREAD (PF_ON(SYSCALL) | PF_ON(POINT) | PF_ON(START) | PF_ON(STEP))

static int read_error(struct pf_reading *reading, struct pf_action *action)
{
    return pf_cursor_errno(&reading->cursor, &action->value);
}

static int read_retval(struct pf_reading *reading, struct pf_action *action)
{
    return pf_cursor_retval(&reading->cursor, &action->value);
}

static int read_signal(struct pf_reading *reading, struct pf_action *action)
{
    return pf_cursor_signal(&reading->cursor, &action->value);
}

static int read_hold(struct pf_reading *reading, struct pf_action *action)
{
    action->until = pf_arena_alloc(reading->cursor.arena, sizeof(*action->until));
    return pf_cursor_trigger(&reading->cursor, action->until);
}

static int read_limit(struct pf_reading *reading, struct pf_action *action)
{
    struct pf_limit limit;
    int result = pf_cursor_limit(&reading->cursor, ':', ":", &limit);
    if (result < 0)
        return result;
    action->resource = limit.resource;
    action->value = (int64_t)limit.value;
    return 0;
}

static int read_delay(struct pf_reading *reading, struct pf_action *action)
{
    uint64_t ns;
    int result = pf_cursor_delay(&reading->cursor, ":", &ns);
    if (result == 0)
        action->value = (int64_t)ns;
    return result;
}

static int read_stop(struct pf_reading *reading, struct pf_action *action)
{
    uint64_t ns;
    int result = pf_cursor_duration(&reading->cursor, ":", &ns);
    if (result == 0)
        action->value = (int64_t)ns;
    return result;
}

/* Every call of the trigger must say how many bytes it transfers. */
static int read_short(struct pf_reading *reading, struct pf_action *action)
{
    const struct pf_trigger *trigger = &reading->fault.trigger;
    const char *at = reading->cursor.at;
    uint64_t bytes;
    int result =
        pf_cursor_number(&reading->cursor, ":", 1, INT64_MAX,
                         "a number of bytes, 1 or more (for the end of a file, use retval=0),", &bytes);
    for (size_t i = 0; result == 0 && i < trigger->call_count; i++) {
        if (pf_signature_transfers(trigger->calls[i]))
            continue;
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, trigger->calls[i]);
        result = pf_cursor_refuse(&reading->cursor, at,
                                  "%s does not say how many bytes it transfers, as read and write do",
                                  name ? name : "a call");
        free(name);
    }
    if (result == 0)
        action->value = (int64_t)bytes;
    return result;
}

static int read_syscall(struct pf_reading *reading, struct pf_action *action)
{
    return pf_cursor_pure_call(&reading->cursor, &action->value);
}

static int read_poke(struct pf_reading *reading, struct pf_action *action)
{
    return pf_cursor_pokes(&reading->cursor, &action->pokes, &action->poke_count);
}

struct pf_action_form {
    const char *name;
    enum pf_action_kind kind;
    int (*read_value)(struct pf_reading *reading, struct pf_action *action); /* NULL: it has none */
    unsigned triggers;
    const char *why_not; /* why it does not go with the others */
};

#define ONLY_HELD "only a thread at a system call, a point, an instruction or its start can be "

static const struct pf_action_form forms[] = {
    {"error", PF_ACTION_ERROR, read_error, PF_ON(SYSCALL),
     "nothing but a system call can fail with an errno"},
    {"retval", PF_ACTION_RETVAL, read_retval, PF_ON(SYSCALL), "nothing but a system call returns a value"},
    {"short", PF_ACTION_SHORT, read_short, PF_ON(SYSCALL), "nothing but a system call transfers bytes"},
    {"syscall", PF_ACTION_SYSCALL, read_syscall, PF_ON(SYSCALL),
     "there is no call that another could be made instead of"},
    {"signal", PF_ACTION_SIGNAL, read_signal, ON_ANY, NULL},
    {"kill", PF_ACTION_KILL, NULL, ON_ANY, NULL},
    {"stop", PF_ACTION_STOP, read_stop, ON_ANY, NULL},
    {"hold", PF_ACTION_HOLD, read_hold, ON_THREAD, ONLY_HELD "held"},
    {"limit", PF_ACTION_LIMIT, read_limit, ON_ANY & ~PF_ON(EXIT),
     "the process that met this trigger has ended, a limit changes nothing for it"},
    {"delay_enter", PF_ACTION_DELAY_ENTER, read_delay, ON_THREAD, ONLY_HELD "delayed"},
    {"delay_exit", PF_ACTION_DELAY_EXIT, read_delay, PF_ON(SYSCALL), "nothing but a system call has an exit"},
    {"poke_enter", PF_ACTION_POKE_ENTER, read_poke, PF_ON(SYSCALL),
     "nothing but a system call has arguments"},
    {"poke_exit", PF_ACTION_POKE_EXIT, read_poke, PF_ON(SYSCALL), "nothing but a system call has arguments"},
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };
_Static_assert(FORMS == (int)PF_ACTION__COUNT, "a name for every action");

const struct pf_action_form *pf_action_form_find(struct pf_word name)
{
    for (size_t i = 0; i < FORMS; i++)
        if (pf_word_is(name, forms[i].name))
            return &forms[i];
    return NULL;
}

void pf_action_names_offer(struct pf_nearest *nearest)
{
    for (size_t i = 0; i < FORMS; i++)
        pf_nearest_offer(nearest, forms[i].name);
}

int pf_action_read(struct pf_reading *reading, const struct pf_action_form *form, struct pf_word name)
{
    struct pf_cursor *cursor = &reading->cursor;
    int result = pf_reading_equals(reading, name, form->read_value != NULL);
    if (result == 0)
        result = pf_reading_suits(reading, name, form->triggers, "cannot be done at", form->why_not);
    struct pf_action action = {.kind = form->kind};
    if (result == 0 && form->read_value)
        result = form->read_value(reading, &action);
    if (result < 0)
        return result;
    action.text = pf_cursor_since(cursor, name.start);
    if (!reading->seen_action[form->kind])
        reading->seen_action[form->kind] = name.start;
    struct pf_action *slot =
        pf_arena_grow(cursor->arena, &reading->fault.actions, &reading->fault.action_count, sizeof(action));
    *slot = action;
    return 0;
}
