#include "plan/fault_value.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "model/nearest.h"

enum {
    ERRNO_LAST = 4095, /* the kernel takes results from -4095 to -1 for errors */
    ERRNO_NAMED = 256, /* no errno above has a name */
    POKE_MAX = 1024,   /* bytes, as in strace(1) */
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
    return pf_cursor_number(cursor, ".+:", least, INT64_MAX, expected, ret_count);
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

int pf_cursor_retval(struct pf_cursor *cursor, int64_t *ret_value)
{
    struct pf_word word = pf_cursor_word(cursor, ":");
    uint64_t value;
    bool negative;
    if (!pf_word_value(word, &value, &negative) ||
        ((int64_t)value < 0 && (int64_t)value >= -(int64_t)ERRNO_LAST))
        return pf_cursor_expected(cursor, word, NULL,
                                  "a number that is no error (for a failure, use error=)");
    *ret_value = (int64_t)value;
    return 0;
}

/* An even number of hexadecimal digits, up to "," or ":" or the end. */
static int read_bytes(struct pf_cursor *cursor, struct pf_poke *poke)
{
    struct pf_word word = pf_cursor_word(cursor, ",:");
    unsigned char *bytes = pf_arena_alloc(cursor->arena, word.length / 2 + 1);
    bool good = word.length > 0 && word.length % 2 == 0 && word.length / 2 <= POKE_MAX;
    for (size_t i = 0; good && i < word.length / 2; i++) {
        uint64_t byte;
        char digits[] = {'0', 'x', word.start[2 * i], word.start[2 * i + 1]};
        good = pf_word_number((struct pf_word){.start = digits, .length = sizeof(digits)}, &byte);
        bytes[i] = (unsigned char)byte;
    }
    if (!good)
        return pf_cursor_expected(cursor, word, NULL, "1 to 1024 bytes, two hexadecimal digits each,");
    poke->bytes = bytes;
    poke->size = word.length / 2;
    return 0;
}

int pf_cursor_pokes(struct pf_cursor *cursor, struct pf_poke **ret_pokes, size_t *ret_count)
{
    struct pf_poke *pokes = NULL;
    size_t count = 0;
    do {
        const char *start = cursor->at;
        struct pf_word word = pf_cursor_word(cursor, "=,:");
        unsigned argument = word.length == 5 ? (unsigned)word.start[4] - '0' : 0;
        if (word.length != 5 || strncmp(word.start, "@arg", 4) != 0 || argument < 1 ||
            argument > PF_CALL_ARGUMENTS)
            return pf_cursor_expected(cursor, word, NULL,
                                      "@arg1= to @arg6= and the bytes, as in @arg2=0a00,");
        if (!pf_cursor_take(cursor, '='))
            return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                      "\"=\" and the bytes");
        for (size_t i = 0; i < count; i++)
            if (pokes[i].argument == argument)
                return pf_cursor_refuse(cursor, start, "@arg%u is overwritten twice", argument);
        struct pf_poke poke = {.argument = argument};
        int result = read_bytes(cursor, &poke);
        if (result < 0)
            return result;
        *(struct pf_poke *)pf_arena_grow(cursor->arena, &pokes, &count, sizeof(poke)) = poke;
    } while (pf_cursor_take(cursor, ','));
    *ret_pokes = pokes;
    *ret_count = count;
    return 0;
}

int pf_cursor_fd(struct pf_cursor *cursor, struct pf_trigger *trigger)
{
    static const struct {
        const char *name;
        enum pf_fd_kind kind;
    } kinds[] = {{"pipe", PF_FD_PIPE}, {"socket", PF_FD_SOCKET}, {"file", PF_FD_FILE}, {"tty", PF_FD_TTY}};
    struct pf_word word = pf_cursor_word(cursor, ":");
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (pf_word_is(word, kinds[i].name)) {
            trigger->fd = kinds[i].kind;
            return 0;
        }
        pf_nearest_offer(&nearest, kinds[i].name);
    }
    if (word.length == 0 || !strchr("/*", word.start[0]))
        return pf_cursor_expected(cursor, word, nearest.best,
                                  "pipe, socket, file, tty, or a pattern of paths such as /etc/* or *.log");
    trigger->fd = PF_FD_PATH;
    trigger->fd_path = pf_arena_strndup(cursor->arena, word.start, word.length);
    return 0;
}

int pf_cursor_chance(struct pf_cursor *cursor, double *ret_chance)
{
    static const char expected[] = "a probability such as 0.25, more than 0 and at most 1,";
    struct pf_word word = pf_cursor_word(cursor, ":");
    double chance = 0, place = 1;
    bool point = false, good = word.length > 0;
    for (size_t i = 0; good && i < word.length; i++) {
        char c = word.start[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        good = c >= '0' && c <= '9';
        place = point ? place / 10 : place;
        chance = point ? chance + (c - '0') * place : chance * 10 + (c - '0');
    }
    if (!good || !(chance > 0 && chance <= 1))
        return pf_cursor_expected(cursor, word, NULL, expected);
    *ret_chance = chance;
    return 0;
}

int pf_cursor_test(struct pf_cursor *cursor, struct pf_word name, struct pf_trigger *trigger)
{
    static const struct {
        const char *sign;
        enum pf_test_kind kind;
    } signs[] = {{"==", PF_TEST_EQUAL},
                 {"!=", PF_TEST_DIFFERENT},
                 {"&", PF_TEST_BITS},
                 {"<", PF_TEST_LESS},
                 {">", PF_TEST_MORE}};
    struct pf_test test = {.argument = (unsigned)name.start[3] - '0', .kind = PF_TEST__COUNT};
    for (size_t i = 0; test.kind == PF_TEST__COUNT && i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strncmp(cursor->at, signs[i].sign, strlen(signs[i].sign)) != 0)
            continue;
        test.kind = signs[i].kind;
        cursor->at += strlen(signs[i].sign);
    }
    if (test.kind == PF_TEST__COUNT)
        return pf_cursor_expected(cursor, (struct pf_word){.start = cursor->at}, NULL,
                                  "==, !=, &, < or > and a number");
    struct pf_word word = pf_cursor_word(cursor, ":");
    if (!pf_word_value(word, &test.value, &test.negative) || (test.kind == PF_TEST_BITS && test.value == 0))
        return pf_cursor_expected(cursor, word, NULL,
                                  test.kind == PF_TEST_BITS
                                      ? "the bits, a number other than 0 (64, 0x40, 0100),"
                                      : "a number (64, 0x40, 0100 or -1)");
    *(struct pf_test *)pf_arena_grow(cursor->arena, &trigger->tests, &trigger->test_count, sizeof(test)) =
        test;
    return 0;
}
