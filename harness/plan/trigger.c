#include "plan/trigger.h"

#include "plan/calls.h"

#include <errno.h>
#include <string.h>

enum { POINT_LENGTH = 63 }; /* as in pitfall/point.h */

static int read_point(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    struct pf_word name = pf_cursor_word(cursor, ":@");
    if (name.length == 0)
        return pf_cursor_expected(cursor, name, NULL, "the name of a point");
    if (name.length > POINT_LENGTH)
        return pf_cursor_refuse(cursor, name.start, "the name of a point has at most %d bytes", POINT_LENGTH);
    trigger->point = pf_arena_strndup(cursor->arena, name.start, name.length);
    return 0;
}

static int read_after(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    return pf_cursor_duration(cursor, ":@", &trigger->after_ns);
}

/* "+17" or "+17/asleep" at the end of the word; a name may have a "+" of its own (libstdc++.so.6). */
static bool split_instruction(struct pf_word word, struct pf_word *ret_name, struct pf_word *ret_number,
                              bool *ret_asleep)
{
    static const char suffix[] = "/asleep";
    size_t end = word.length, tail = strlen(suffix);
    bool asleep = end > tail && strncmp(word.start + end - tail, suffix, tail) == 0;
    if (asleep)
        end -= tail;
    size_t digits = 0;
    while (digits < end && word.start[end - digits - 1] >= '0' && word.start[end - digits - 1] <= '9')
        digits++;
    if (digits == 0 || digits >= end || word.start[end - digits - 1] != '+')
        return false;
    *ret_name = (struct pf_word){.start = word.start, .length = end - digits - 1};
    *ret_number = (struct pf_word){.start = word.start + end - digits, .length = digits};
    *ret_asleep = asleep;
    return true;
}

/* "put+17", "libqueue.so:put+17", "put+17/asleep" */
static int read_step(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    struct pf_word first = pf_cursor_word(cursor, ":@"), word = first, name, number;
    if (!split_instruction(word, &name, &number, &trigger->asleep) && *cursor->at == ':') {
        trigger->module = pf_arena_strndup(cursor->arena, word.start, word.length);
        pf_cursor_take(cursor, ':');
        word = pf_cursor_word(cursor, ":@");
    }
    if (!split_instruction(word, &name, &number, &trigger->asleep) || name.length == 0)
        return pf_cursor_expected(
            cursor, first, NULL,
            "a function and how many instructions of its call come before (put+0, libqueue.so:put+17)");
    if (!pf_word_number(number, &trigger->instruction))
        return pf_cursor_refuse(cursor, number.start, "no call of a function has that many instructions");
    trigger->function = pf_arena_strndup(cursor->arena, name.start, name.length);
    return 0;
}

static int read_calls(struct pf_cursor *cursor, struct pf_trigger *trigger);

/* Triggers with a name of their own; every other word is a set of system calls. */
static const struct form {
    const char *name;
    enum pf_trigger_kind kind;
    int (*read_value)(struct pf_cursor *cursor, struct pf_trigger *trigger); /* NULL: it has none */
    const char *value;                                                       /* what must follow the name */
} forms[] = {
    {"point", PF_TRIGGER_POINT, read_point, "\"=\" and the name of a point"},
    {"after", PF_TRIGGER_AFTER, read_after, "\"=\" and a time"},
    {"step", PF_TRIGGER_STEP, read_step, "\"=\" and a function with an instruction, as in step=put+17"},
    {"start", PF_TRIGGER_START, NULL, NULL},
    {"exit", PF_TRIGGER_EXIT, NULL, NULL},
};

static const struct form calls_form = {NULL, PF_TRIGGER_SYSCALL, read_calls, NULL};
static const char *const form_names[] = {"point", "after", "step", "start", "exit", NULL};

static int read_calls(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    return pf_cursor_calls(cursor, form_names, &trigger->calls, &trigger->call_count);
}

static const struct form *find_form(struct pf_word word)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (pf_word_is(word, forms[i].name))
            return &forms[i];
    return &calls_form;
}

static int read_trigger(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    const char *start = cursor->at;
    struct pf_word word = pf_cursor_word(cursor, ",:@=");
    /* "exit,write" is a list, so there `exit` is the system call of that name. */
    const struct form *form = *cursor->at == ',' ? &calls_form : find_form(word);
    *trigger = (struct pf_trigger){.kind = form->kind, .first = 1, .step = 1};
    if (form == &calls_form)
        cursor->at = start;
    else if (form->read_value && !pf_cursor_take(cursor, '='))
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL, form->value);
    int result = form->read_value ? form->read_value(cursor, trigger) : 0;
    trigger->text = pf_cursor_since(cursor, start);
    return result;
}

int pf_cursor_trigger(struct pf_cursor *cursor, struct pf_trigger *ret_trigger)
{
    struct pf_trigger trigger;
    int result = read_trigger(cursor, &trigger);
    if (result < 0)
        return result;
    if (*cursor->at == '@' && trigger.kind == PF_TRIGGER_AFTER)
        return pf_cursor_refuse(cursor, cursor->at, "a time passes for every process alike: leave out \"@\"");
    if (pf_cursor_take(cursor, '@')) {
        result = pf_cursor_address(cursor, ":", &trigger.proc);
        if (result < 0)
            return result;
    }
    *ret_trigger = trigger;
    return 0;
}

int pf_cursor_address(struct pf_cursor *cursor, const char *stops, const char **ret_glob)
{
    struct pf_word word = pf_cursor_word(cursor, stops);
    size_t valid = strspn(word.start, "0123456789.*?[]!-/t");
    if (word.length == 0 || valid < word.length)
        return pf_cursor_expected(cursor, word, NULL,
                                  "an address such as 0, 0.2 or 0.2/t1, or a pattern such as 0.*");
    *ret_glob = pf_arena_strndup(cursor->arena, word.start, word.length);
    return 0;
}
