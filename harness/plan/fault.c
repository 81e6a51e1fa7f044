/*
 * One line says what goes wrong, when, and for whom:
 *
 *     TRIGGER ":" ACTION [":" ACTION | ":" OPTION]…
 *
 * The grammar is strace's for --inject, so what people know works; README.md describes what is added.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "plan/fault_items.h"
#include "plan/trigger.h"

int pf_reading_equals(struct pf_reading *reading, struct pf_word name, bool has_value)
{
    struct pf_cursor *cursor = &reading->cursor;
    bool equals = pf_cursor_take(cursor, '=');
    if (equals && !has_value)
        return pf_cursor_refuse(cursor, name.start + name.length, "%.*s takes no value", (int)name.length,
                                name.start);
    if (!equals && has_value)
        return pf_cursor_refuse(cursor, name.start + name.length, "expected \"=\" and a value here: %.*s=…",
                                (int)name.length, name.start);
    return 0;
}

int pf_reading_suits(const struct pf_reading *reading, struct pf_word name, unsigned triggers,
                     const char *verb, const char *why_not)
{
    char quoted[PF_QUOTE_SIZE];
    const char *text = reading->fault.trigger.text;
    if (triggers & (1U << reading->fault.trigger.kind))
        return 0;
    pf_word_quote((struct pf_word){.start = text, .length = strlen(text)}, quoted);
    return pf_cursor_refuse(&reading->cursor, name.start, "%.*s %s %s: %s", (int)name.length, name.start,
                            verb, quoted, why_not);
}

static int refuse_item(struct pf_reading *reading, struct pf_word name)
{
    if (name.length > 3 && strncmp(name.start, "arg", 3) == 0 && isdigit((unsigned char)name.start[3]))
        return pf_cursor_refuse(&reading->cursor, name.start,
                                "a call has the arguments arg1 to arg6, counted as in strace's @arg1");
    struct pf_nearest nearest = pf_nearest_new(name.start, name.length);
    pf_action_names_offer(&nearest);
    pf_option_names_offer(&nearest);
    return pf_cursor_expected(
        &reading->cursor, name, nearest.best,
        "error=, retval=, short=, syscall=, signal=, kill, stop=, hold=, limit=, delay_enter=, delay_exit=, "
        "poke_enter=, poke_exit=, when=, proc=, to=, fd=, prob= or arg1== to arg6==");
}

static int read_item(struct pf_reading *reading)
{
    struct pf_word name = pf_cursor_word(&reading->cursor, ":=&!<>");
    const struct pf_action_form *action = pf_action_form_find(name);
    const struct pf_option_form *option = pf_option_form_find(name);
    if (action)
        return pf_action_read(reading, action, name);
    return option ? pf_option_read(reading, option, name) : refuse_item(reading, name);
}

/* Whom the fault strikes, where that is not the process that met the trigger. */
static int check_targets(const struct pf_reading *reading)
{
    static const enum pf_action_kind sending[] = {PF_ACTION_SIGNAL, PF_ACTION_KILL, PF_ACTION_STOP};
    const struct pf_cursor *cursor = &reading->cursor;
    const char *sends = NULL;
    for (size_t i = 0; i < sizeof(sending) / sizeof(sending[0]); i++)
        if (!sends)
            sends = reading->seen_action[sending[i]];
    if (reading->seen_option[PF_FAULT_TO] && !sends)
        return pf_cursor_refuse(cursor, reading->seen_option[PF_FAULT_TO],
                                "to= says whom signal=, kill and stop= strike, but there is none of them");
    if (sends && reading->fault.trigger.kind == PF_TRIGGER_EXIT && reading->fault.to == PF_TO_CALLER)
        return pf_cursor_refuse(
            cursor, sends, "the process that met this trigger has ended: say by to= whom else to strike");
    return 0;
}

/* What only the whole line can tell. */
static int check_whole(const struct pf_reading *reading)
{
    const struct pf_cursor *cursor = &reading->cursor;
    const char *const *seen = reading->seen_action;
    const char *skips = seen[PF_ACTION_ERROR] ? seen[PF_ACTION_ERROR] : seen[PF_ACTION_RETVAL];
    if (reading->fault.action_count == 0)
        return pf_cursor_refuse(cursor, cursor->at, "expected an action here: nothing would happen");
    if (seen[PF_ACTION_ERROR] && seen[PF_ACTION_RETVAL])
        return pf_cursor_refuse(cursor, seen[PF_ACTION_RETVAL],
                                "a call cannot both fail with error= and return with retval=");
    if (seen[PF_ACTION_SHORT] && (skips || seen[PF_ACTION_SYSCALL]))
        return pf_cursor_refuse(cursor, seen[PF_ACTION_SHORT], "a call that is not made transfers nothing");
    const char *holds = seen[PF_ACTION_HOLD] ? seen[PF_ACTION_HOLD] : seen[PF_ACTION_DELAY_ENTER];
    if (reading->fault.trigger.asleep && holds)
        return pf_cursor_refuse(cursor, holds, "a thread that sleeps in a system call is there already");
    return check_targets(reading);
}

int pf_fault_parse(const char *spec, struct pf_arena *arena, struct pf_fault *ret_fault,
                   struct pf_error *error)
{
    struct pf_reading reading = {.cursor = pf_cursor_new("fault", spec, arena, error)};
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
