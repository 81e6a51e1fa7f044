/*
 * plain.h - bytes from other programs, made harmless for a terminal, an XML parser and a log.
 *
 * Whatever a program under test prints, is called or answers ends up in reports. It may hold escape
 * sequences, broken UTF-8 or characters that turn the line around; none of these may reach the reader raw.
 */
#ifndef PF_REPORTS_PLAIN_H
#define PF_REPORTS_PLAIN_H

#include "model/arena.h"

/*
 * A copy that is valid UTF-8 and has no control characters but newline and tab: any other is shown as "\x1b"
 * or "\u202e". NULL reads as "".
 */
const char *pf_plain_text(struct pf_arena *arena, const char *text);

/* The same on one line: newlines and tabs are shown as "\n" and "\t". */
const char *pf_plain_line(struct pf_arena *arena, const char *text);

/* The columns that valid UTF-8 takes up on a terminal, one for each character. */
int pf_plain_columns(const char *text, size_t length);

/* The words joined by blanks on one line. */
const char *pf_plain_words(struct pf_arena *arena, const char *const *words, size_t count);

#endif
