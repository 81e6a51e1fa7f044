#include "plan/fault_value.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "plan/nearest.h"

enum {
    ERRNO_LAST = 4095, /* the kernel takes results from -4095 to -1 for errors */
    ERRNO_NAMED = 256, /* no errno above has a name */
};

/* Names that glibc does not give back for a number, as another name has it. */
static const struct alias {
    const char *name;
    int number;
} signal_aliases[] = {{"IOT", SIGIOT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}};

int pf_cursor_errno(struct pf_cursor *cursor, int64_t *ret_number)
{
    struct pf_word word = pf_cursor_word(cursor, ":");
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    uint64_t number;
    if (pf_word_number(word, &number) && number >= 1 && number <= ERRNO_LAST) {
        *ret_number = (int64_t)number;
        return 0;
    }
    for (int i = 1; i < ERRNO_NAMED; i++) {
        const char *name = strerrorname_np(i);
        if (!name)
            continue;
        if (pf_word_is_any_case(word, name)) {
            *ret_number = i;
            return 0;
        }
        pf_nearest_offer(&nearest, name);
    }
    return pf_cursor_expected(cursor, word, nearest.best, "an errno (a name such as EINTR, or 1 to 4095)");
}

int pf_cursor_signal(struct pf_cursor *cursor, int64_t *ret_number)
{
    struct pf_word word = pf_cursor_word(cursor, ":"), name = word;
    uint64_t number;
    if (pf_word_number(word, &number) && number >= 1 && number < _NSIG) {
        *ret_number = (int64_t)number;
        return 0;
    }
    if (word.length > 3 && strncasecmp(word.start, "SIG", 3) == 0)
        name = (struct pf_word){.start = word.start + 3, .length = word.length - 3};
    struct pf_nearest nearest = pf_nearest_new(name.start, name.length);
    for (int i = 1; i < _NSIG; i++) {
        const char *known = sigabbrev_np(i);
        if (!known)
            continue;
        if (pf_word_is_any_case(name, known)) {
            *ret_number = i;
            return 0;
        }
        pf_nearest_offer(&nearest, known);
    }
    for (size_t i = 0; i < sizeof(signal_aliases) / sizeof(signal_aliases[0]); i++) {
        if (pf_word_is_any_case(name, signal_aliases[i].name)) {
            *ret_number = signal_aliases[i].number;
            return 0;
        }
    }
    return pf_cursor_expected(cursor, word, nearest.best, "a signal (a name such as TERM, or 1 to 64)");
}

static int read_count(struct pf_cursor *cursor, uint64_t least, const char *expected, uint64_t *ret_count)
{
    return pf_cursor_number(cursor, ".+:", least, UINT32_MAX, expected, ret_count);
}

int pf_cursor_when(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    uint64_t first, last, step = 1;
    int result =
        read_count(cursor, 1, "an occurrence, counted from 1 (when=F, F+, F+S, F..L or F..L+S),", &first);
    if (result < 0)
        return result;
    last = first;
    if (strncmp(cursor->at, "..", 2) == 0) {
        cursor->at += 2;
        result = read_count(cursor, first, "the last occurrence, not before the first,", &last);
        if (result < 0)
            return result;
    } else if (*cursor->at == '+') {
        last = 0;
    }
    if (pf_cursor_take(cursor, '+') && *cursor->at != '\0' && *cursor->at != ':') {
        result = read_count(cursor, 1, "a step of 1 or more", &step);
        if (result < 0)
            return result;
    }
    if (*cursor->at != '\0' && *cursor->at != ':')
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                  "when=F, F+, F+S, F..L or F..L+S, which ends");
    trigger->first = first;
    trigger->last = last;
    trigger->step = step;
    return 0;
}
