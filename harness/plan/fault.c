/*
 * One line says what goes wrong, when, and for whom:
 *
 *     TRIGGER ":" ACTION [":" ACTION | ":" OPTION]…
 *
 * The grammar is strace's for --inject, so what people know works; README.md describes what is added.
 */
#include <errno.h>
#include <string.h>

#include "plan/fault_value.h"
#include "plan/nearest.h"
#include "plan/trigger.h"

enum option {
    OPTION_WHEN,
    OPTION_PROC,
    OPTION_TO,
    OPTION__COUNT,
};

struct reading {
    struct pf_cursor cursor;
    struct pf_fault fault;
    const char *seen_option[OPTION__COUNT];    /* where; NULL: not given */
    const char *seen_action[PF_ACTION__COUNT]; /* where the first of its kind stands */
};

#define ON(kind)  (1U << PF_TRIGGER_##kind)
#define ON_ANY    (ON(SYSCALL) | ON(POINT) | ON(START) | ON(EXIT) | ON(AFTER))
#define ON_THREAD (ON(SYSCALL) | ON(POINT) | ON(START))

static int read_error(struct reading *reading, struct pf_action *action)
{
    return pf_cursor_errno(&reading->cursor, &action->value);
}

static int read_retval(struct reading *reading, struct pf_action *action)
{
    uint64_t value;
    int result = pf_cursor_number(&reading->cursor, ":", 0, INT64_MAX,
                                  "a number from 0 (for a failure, use error=)", &value);
    if (result == 0)
        action->value = (int64_t)value;
    return result;
}

static int read_signal(struct reading *reading, struct pf_action *action)
{
    return pf_cursor_signal(&reading->cursor, &action->value);
}

static int read_hold(struct reading *reading, struct pf_action *action)
{
    action->until = pf_arena_alloc(reading->cursor.arena, sizeof(*action->until));
    return pf_cursor_release(&reading->cursor, action->until);
}

static int read_limit(struct reading *reading, struct pf_action *action)
{
    struct pf_limit limit;
    int result = pf_cursor_limit(&reading->cursor, ':', ":", &limit);
    if (result < 0)
        return result;
    action->resource = limit.resource;
    action->value = (int64_t)limit.value;
    return 0;
}

static int read_delay(struct reading *reading, struct pf_action *action)
{
    uint64_t ns;
    int result = pf_cursor_duration(&reading->cursor, ":", &ns);
    if (result == 0)
        action->value = (int64_t)ns;
    return result;
}

static const struct action_form {
    const char *name;
    enum pf_action_kind kind;
    int (*read_value)(struct reading *reading, struct pf_action *action); /* NULL: it has none */
    unsigned triggers;
    const char *why_not; /* why it does not go with the others */
} action_forms[] = {
    {"error", PF_ACTION_ERROR, read_error, ON(SYSCALL), "nothing but a system call can fail with an errno"},
    {"retval", PF_ACTION_RETVAL, read_retval, ON(SYSCALL), "nothing but a system call returns a value"},
    {"signal", PF_ACTION_SIGNAL, read_signal, ON_ANY, NULL},
    {"kill", PF_ACTION_KILL, NULL, ON_ANY, NULL},
    {"hold", PF_ACTION_HOLD, read_hold, ON_THREAD,
     "only a thread at a system call, at a point or at its start can be held"},
    {"limit", PF_ACTION_LIMIT, read_limit, ON_ANY & ~ON(EXIT),
     "the process that met this trigger has ended, a limit changes nothing for it"},
    {"delay_enter", PF_ACTION_DELAY, read_delay, ON_THREAD,
     "only a thread at a system call, at a point or at its start can be delayed"},
};

static int read_when(struct reading *reading)
{
    return pf_cursor_when(&reading->cursor, &reading->fault.trigger);
}

static int read_proc(struct reading *reading)
{
    return pf_cursor_address(&reading->cursor, ":", &reading->fault.trigger.proc);
}

static const struct target {
    const char *name;
    enum pf_to_kind kind;
} targets[] = {{"caller", PF_TO_CALLER}, {"group", PF_TO_GROUP}, {"tree", PF_TO_TREE}};

static int read_to(struct reading *reading)
{
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
        return pf_cursor_expected(&ahead, word, nearest.best, "caller, group, tree or a process address");
    reading->fault.to = PF_TO_GLOB;
    return pf_cursor_address(&reading->cursor, ":", &reading->fault.to_glob);
}

static const struct option_form {
    const char *name;
    enum option option;
    int (*read_value)(struct reading *reading);
    unsigned triggers;
    const char *why_not;
} option_forms[] = {
    {"when", OPTION_WHEN, read_when, ON(SYSCALL) | ON(POINT), "this trigger happens once for each process"},
    {"proc", OPTION_PROC, read_proc, ON_ANY & ~ON(AFTER),
     "a time passes for every process alike: say by to= whom it strikes"},
    {"to", OPTION_TO, read_to, ON_ANY, NULL},
};

/* Words of strace's grammar and of later versions that this version knows only to refuse. */
static const char *const unsupported[] = {
    "short", "stop", "delay_exit", "poke", "poke_enter", "poke_exit", "syscall", "fd",
    "prob",  "arg0", "arg1",       "arg2", "arg3",       "arg4",      "arg5",
};

enum {
    ACTION_FORMS = sizeof(action_forms) / sizeof(action_forms[0]),
    OPTION_FORMS = sizeof(option_forms) / sizeof(option_forms[0]),
    UNSUPPORTED = sizeof(unsupported) / sizeof(unsupported[0]),
};

/* The "=" behind a name that has a value, or no "=" behind one that has none. */
static int read_equals(struct pf_cursor *cursor, struct pf_word name, bool has_value)
{
    bool equals = pf_cursor_take(cursor, '=');
    if (equals && !has_value)
        return pf_cursor_refuse(cursor, name.start + name.length, "%.*s takes no value", (int)name.length,
                                name.start);
    if (!equals && has_value)
        return pf_cursor_refuse(cursor, name.start + name.length, "expected \"=\" and a value here: %.*s=…",
                                (int)name.length, name.start);
    return 0;
}

/* When an action or option does not go with the trigger. */
static int refuse_with_trigger(const struct reading *reading, struct pf_word name, const char *verb,
                               const char *why_not)
{
    char quoted[PF_QUOTE_SIZE];
    const char *text = reading->fault.trigger.text;
    pf_word_quote((struct pf_word){.start = text, .length = strlen(text)}, quoted);
    return pf_cursor_refuse(&reading->cursor, name.start, "%.*s %s %s: %s", (int)name.length, name.start,
                            verb, quoted, why_not);
}

static int read_action(struct reading *reading, const struct action_form *form, struct pf_word name)
{
    struct pf_cursor *cursor = &reading->cursor;
    int result = read_equals(cursor, name, form->read_value != NULL);
    if (result < 0)
        return result;
    if (!(form->triggers & (1U << reading->fault.trigger.kind)))
        return refuse_with_trigger(reading, name, "cannot be done at", form->why_not);
    struct pf_action action = {.kind = form->kind};
    result = form->read_value ? form->read_value(reading, &action) : 0;
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

static int read_option(struct reading *reading, const struct option_form *form, struct pf_word name)
{
    struct pf_cursor *cursor = &reading->cursor;
    int result = read_equals(cursor, name, true);
    if (result < 0)
        return result;
    if (reading->seen_option[form->option])
        return pf_cursor_refuse(cursor, name.start, "%s= is given twice", form->name);
    if (!(form->triggers & (1U << reading->fault.trigger.kind)))
        return refuse_with_trigger(reading, name, "does not go with", form->why_not);
    reading->seen_option[form->option] = name.start;
    return form->read_value(reading);
}

static int refuse_item(struct reading *reading, struct pf_word name)
{
    struct pf_nearest nearest = pf_nearest_new(name.start, name.length);
    for (size_t i = 0; i < UNSUPPORTED; i++)
        if (pf_word_is(name, unsupported[i]))
            return pf_cursor_refuse(&reading->cursor, name.start, "%s is not supported by this version",
                                    unsupported[i]);
    for (size_t i = 0; i < ACTION_FORMS; i++)
        pf_nearest_offer(&nearest, action_forms[i].name);
    for (size_t i = 0; i < OPTION_FORMS; i++)
        pf_nearest_offer(&nearest, option_forms[i].name);
    return pf_cursor_expected(
        &reading->cursor, name, nearest.best,
        "error=, retval=, signal=, kill, hold=, limit=, delay_enter=, when=, proc= or to=");
}

static int read_item(struct reading *reading)
{
    struct pf_word name = pf_cursor_word(&reading->cursor, ":=&");
    for (size_t i = 0; i < ACTION_FORMS; i++)
        if (pf_word_is(name, action_forms[i].name))
            return read_action(reading, &action_forms[i], name);
    for (size_t i = 0; i < OPTION_FORMS; i++)
        if (pf_word_is(name, option_forms[i].name))
            return read_option(reading, &option_forms[i], name);
    return refuse_item(reading, name);
}

/* What only the whole line can tell. */
static int check_whole(const struct reading *reading)
{
    const struct pf_cursor *cursor = &reading->cursor;
    const char *const *seen = reading->seen_action;
    const char *sends = seen[PF_ACTION_SIGNAL] ? seen[PF_ACTION_SIGNAL] : seen[PF_ACTION_KILL];
    if (reading->fault.action_count == 0)
        return pf_cursor_refuse(cursor, cursor->at, "expected an action here: nothing would happen");
    if (seen[PF_ACTION_ERROR] && seen[PF_ACTION_RETVAL])
        return pf_cursor_refuse(cursor, seen[PF_ACTION_RETVAL],
                                "a call cannot both fail with error= and return with retval=");
    if (reading->seen_option[OPTION_TO] && !sends)
        return pf_cursor_refuse(cursor, reading->seen_option[OPTION_TO],
                                "to= says whom signal= and kill strike, but there is neither");
    if (sends && reading->fault.trigger.kind == PF_TRIGGER_EXIT && reading->fault.to == PF_TO_CALLER)
        return pf_cursor_refuse(
            cursor, sends, "the process that met this trigger has ended: say by to= whom else to strike");
    return 0;
}

int pf_fault_parse(const char *spec, struct pf_arena *arena, struct pf_fault *ret_fault,
                   struct pf_error *error)
{
    struct reading reading = {.cursor = pf_cursor_new("fault", spec, arena, error)};
    struct pf_cursor *cursor = &reading.cursor;
    int result = pf_cursor_trigger(cursor, &reading.fault.trigger);
    if (result == 0 && *cursor->at == '\0')
        result =
            pf_cursor_refuse(cursor, cursor->at, "expected \":\" and an action here: nothing would happen");
    while (result == 0 && *cursor->at != '\0') {
        if (pf_cursor_take(cursor, ':'))
            result = read_item(&reading);
        else
            result = pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                        "\":\" and an action or option");
    }
    if (result == 0)
        result = check_whole(&reading);
    if (result < 0)
        return result;
    reading.fault.spec = pf_arena_strdup(arena, spec);
    *ret_fault = reading.fault;
    return 0;
}
