/*
 * cursor.h - a place in a line of text that somebody typed, and how to say what is wrong just there.
 *
 * Every small grammar of this room (faults, limits, durations, shares) is read with one of these, so every
 * message has one shape:
 *
 *     fault, column 13: expected an errno (a name such as EINTR, or 1 to 4095) here, not "EINTRR"; did you …
 *       write:error=EINTRR
 *                   ^
 */
#ifndef PF_PLAN_CURSOR_H
#define PF_PLAN_CURSOR_H

#include <stdbool.h>

#include "plan/plan.h"

struct pf_cursor {
    const char *what; /* what messages call the text: "fault" */
    const char *text;
    const char *at;         /* next character to be read, within text */
    struct pf_arena *arena; /* what is read is copied there; NULL where nothing is */
    struct pf_error *error; /* may be NULL */
};

/* A piece of the text; not terminated. */
struct pf_word {
    const char *start;
    size_t length;
};

struct pf_cursor pf_cursor_new(const char *what, const char *text, struct pf_arena *arena,
                               struct pf_error *error);

/* The text from the cursor up to (not including) the first of the characters in `stops`, or the end; the
 * cursor moves there. */
struct pf_word pf_cursor_word(struct pf_cursor *cursor, const char *stops);
/* Reads the one character, or leaves the cursor where it is. */
bool pf_cursor_take(struct pf_cursor *cursor, char character);
/* From `start` to the cursor, copied. */
const char *pf_cursor_since(const struct pf_cursor *cursor, const char *start);

enum { PF_QUOTE_SIZE = 168 };
/* The word as a message may show it: shortened, and nothing in it that a terminal would obey. */
const char *pf_word_quote(struct pf_word word, char ret_quoted[PF_QUOTE_SIZE]);

bool pf_word_is(struct pf_word word, const char *name);
bool pf_word_is_any_case(struct pf_word word, const char *name);

/*
 * Both write the message with the caret under the place and return -EINVAL. What the format inserts of the
 * text must have been quoted.
 */
int pf_cursor_expected(const struct pf_cursor *cursor, struct pf_word found, const char *suggestion,
                       const char *expected);
int pf_cursor_refuse(const struct pf_cursor *cursor, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A decimal or 0x number from `least` to `most`; `expected` says in words what must stand here. */
int pf_cursor_number(struct pf_cursor *cursor, const char *stops, uint64_t least, uint64_t most,
                     const char *expected, uint64_t *ret_number);
/* The same of a word that was read before. */
bool pf_word_number(struct pf_word word, uint64_t *ret_number);
/* A number as C writes it: decimal, 0x…, octal with a leading 0, or any of them with a minus. */
bool pf_word_value(struct pf_word word, uint64_t *ret_value, bool *ret_negative);
/* "250ms". */
int pf_cursor_duration(struct pf_cursor *cursor, const char *stops, uint64_t *ret_ns);
/* The same as strace(1) writes it: "1.5ms"; without a unit it is microseconds. */
int pf_cursor_delay(struct pf_cursor *cursor, const char *stops, uint64_t *ret_ns);
/* "nofile=32" with the separator given. */
int pf_cursor_limit(struct pf_cursor *cursor, char separator, const char *stops, struct pf_limit *ret_limit);
/* Fails unless the whole text has been read. */
int pf_cursor_end(struct pf_cursor *cursor, const char *expected);

#endif
