#include "plan/cursor.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    WINDOW_COLUMNS = 76, /* of the text that are shown at most */
    WINDOW_BEFORE = 50,  /* of them before the caret at most */
    QUOTE_COLUMNS = 40,
    CHARACTER_BYTES = 4,
};

#define ELLIPSIS "…"

struct pf_cursor pf_cursor_new(const char *what, const char *text, struct pf_arena *arena,
                               struct pf_error *error)
{
    return (struct pf_cursor){.what = what, .text = text, .at = text, .arena = arena, .error = error};
}

struct pf_word pf_cursor_word(struct pf_cursor *cursor, const char *stops)
{
    struct pf_word word = {.start = cursor->at, .length = strcspn(cursor->at, stops)};
    cursor->at += word.length;
    return word;
}

bool pf_cursor_take(struct pf_cursor *cursor, char character)
{
    if (*cursor->at != character)
        return false;
    cursor->at++;
    return true;
}

const char *pf_cursor_since(const struct pf_cursor *cursor, const char *start)
{
    return pf_arena_strndup(cursor->arena, start, (size_t)(cursor->at - start));
}

bool pf_word_is(struct pf_word word, const char *name)
{
    return strlen(name) == word.length && memcmp(word.start, name, word.length) == 0;
}

bool pf_word_is_any_case(struct pf_word word, const char *name)
{
    return strlen(name) == word.length && strncasecmp(word.start, name, word.length) == 0;
}

static bool is_hex(struct pf_word word)
{
    return word.length > 2 && word.start[0] == '0' && (word.start[1] == 'x' || word.start[1] == 'X');
}

static bool read_digits(struct pf_word word, unsigned base, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (word.length == 0)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        unsigned char c = (unsigned char)word.start[i];
        unsigned digit = isdigit(c) ? c - 0U - '0' : isxdigit(c) ? (unsigned)tolower(c) - 'a' + 10 : base;
        if (digit >= base || __builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *ret_number = number;
    return true;
}

static struct pf_word without(struct pf_word word, size_t prefix)
{
    return (struct pf_word){.start = word.start + prefix, .length = word.length - prefix};
}

bool pf_word_number(struct pf_word word, uint64_t *ret_number)
{
    return is_hex(word) ? read_digits(without(word, 2), 16, ret_number) : read_digits(word, 10, ret_number);
}

bool pf_word_value(struct pf_word word, uint64_t *ret_value, bool *ret_negative)
{
    bool negative = word.length > 0 && word.start[0] == '-';
    struct pf_word digits = negative ? without(word, 1) : word;
    bool octal = digits.length > 1 && digits.start[0] == '0' && !is_hex(digits);
    uint64_t number;
    if (octal ? !read_digits(digits, 8, &number) : !pf_word_number(digits, &number))
        return false;
    if (negative && number > (uint64_t)INT64_MAX + 1)
        return false;
    *ret_value = negative ? 0 - number : number;
    *ret_negative = negative && number != 0;
    return true;
}

int pf_cursor_number(struct pf_cursor *cursor, const char *stops, uint64_t least, uint64_t most,
                     const char *expected, uint64_t *ret_number)
{
    struct pf_word word = pf_cursor_word(cursor, stops);
    uint64_t number;
    if (!pf_word_number(word, &number) || number < least || number > most)
        return pf_cursor_expected(cursor, word, NULL, expected);
    *ret_number = number;
    return 0;
}

int pf_cursor_end(struct pf_cursor *cursor, const char *expected)
{
    if (*cursor->at == '\0')
        return 0;
    return pf_cursor_expected(cursor, pf_cursor_word(cursor, ""), NULL, expected);
}

/* Bytes of the well-formed UTF-8 character at `at`, or 0; reads nothing behind a terminating zero. */
static size_t character_length(const char *at)
{
    unsigned char lead = (unsigned char)*at;
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                    : lead >= 0xe0 && lead < 0xf0 ? 3
                    : lead >= 0xf0 && lead < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* What may be written to a terminal for the character at `*at`, which moves to the next one. */
static struct pf_word next_character(const char **at)
{
    size_t length = character_length(*at);
    struct pf_word shown = {.start = *at, .length = length};
    bool control = length == 1 && iscntrl((unsigned char)**at);
    bool control_c1 = length == 2 && (unsigned char)(*at)[0] == 0xc2 && (unsigned char)(*at)[1] < 0xa0;
    if (length == 0 || control || control_c1)
        shown = (struct pf_word){.start = "?", .length = 1};
    *at += length ? length : 1;
    return shown;
}

static size_t columns_between(const char *from, const char *to)
{
    size_t columns = 0;
    while (from < to && *from) {
        next_character(&from);
        columns++;
    }
    return columns;
}

/* Appends up to `columns` characters of the text to the buffer, which has room for them and an ellipsis. */
static void show(const char *from, const char *end, size_t columns, char *buffer)
{
    buffer += strlen(buffer);
    for (; columns > 0 && from < end; columns--) {
        struct pf_word shown = next_character(&from);
        buffer = mempcpy(buffer, shown.start, shown.length);
    }
    strcpy(buffer, from < end ? ELLIPSIS : "");
}

const char *pf_word_quote(struct pf_word word, char ret_quoted[PF_QUOTE_SIZE])
{
    _Static_assert(PF_QUOTE_SIZE >= QUOTE_COLUMNS * CHARACTER_BYTES + sizeof(ELLIPSIS), "room for a quote");
    ret_quoted[0] = '\0';
    show(word.start, word.start + word.length, QUOTE_COLUMNS, ret_quoted);
    return ret_quoted;
}

int pf_cursor_refuse(const struct pf_cursor *cursor, const char *at, const char *format, ...)
{
    char message[sizeof(((struct pf_error *)NULL)->message) / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    size_t column = columns_between(cursor->text, at), skipped = 0;
    const char *from = cursor->text;
    for (; column - skipped > WINDOW_BEFORE; skipped++)
        next_character(&from);
    char line[WINDOW_COLUMNS * CHARACTER_BYTES + 2 * sizeof(ELLIPSIS)] = "";
    if (skipped > 0)
        strcpy(line, ELLIPSIS);
    show(from, from + strlen(from), WINDOW_COLUMNS, line);
    int caret = (int)(column - skipped) + (skipped > 0 ? 1 : 0);
    return pf_error_set(cursor->error, -EINVAL, "%s, column %zu: %s\n  %s\n  %*s^", cursor->what, column + 1,
                        message, line, caret, "");
}

int pf_cursor_expected(const struct pf_cursor *cursor, struct pf_word found, const char *suggestion,
                       const char *expected)
{
    char quoted[PF_QUOTE_SIZE];
    if (found.length == 0 && found.start[0] != '\0')
        found.length = 1;
    if (found.length == 0)
        return pf_cursor_refuse(cursor, found.start, "expected %s here, not the end", expected);
    pf_word_quote(found, quoted);
    if (!suggestion)
        return pf_cursor_refuse(cursor, found.start, "expected %s here, not \"%s\"", expected, quoted);
    return pf_cursor_refuse(cursor, found.start, "expected %s here, not \"%s\"; did you mean \"%s\"?",
                            expected, quoted, suggestion);
}
