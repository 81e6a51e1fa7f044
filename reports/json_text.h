/* json_text.h - JSON of any bytes, in ASCII. */
#ifndef PF_REPORTS_JSON_TEXT_H
#define PF_REPORTS_JSON_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* A string made harmless as pf_plain_text and pf_plain_line do; NULL reads as "". */
json_t *pf_json_text(const char *text);
json_t *pf_json_line(const char *text);

/* The value as text, to be freed; NULL: out of memory. */
char *pf_json_dump(const json_t *json);
/*
 * Writes the value and a newline, flushes the file, and releases the value. Returns 0 or -errno; -ENOMEM for
 * NULL.
 */
int pf_json_finish(json_t *json, FILE *file);

#endif
