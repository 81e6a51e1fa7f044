/*
 * content.h - what a stream or a file holds: known by size and digest, and word by word where it is short.
 */
#ifndef PF_MODEL_CONTENT_H
#define PF_MODEL_CONTENT_H

#include "model/record.h"

/* A text longer than this is known by its digest only. */
#define PF_CONTENT_TEXT_MAX (64 * 1024)

struct pf_content {
    const char *name; /* where it was taken from: a file; NULL: a run without faults */
    uint64_t size;
    const char *digest; /* "xxh3:…", of all of it */
    const char *text;   /* all of it, where it is UTF-8 without zero bytes and short enough */
    /* Only in the process that read it: not in its record. */
    const char *bytes; /* its beginning, to be compared with as it comes; NULL: not at hand */
    uint64_t held;     /* how many bytes of it */
};

extern const struct pf_record pf_content_record;

/* The bytes must live as long as the content. */
struct pf_content pf_content_new(const char *name, const char *bytes, size_t size, struct pf_arena *arena);
/* What its digest tells, without the content itself. NULL stays NULL. */
struct pf_content *pf_content_outline(const struct pf_content *content, struct pf_arena *arena);
/* An XXH3 hash of 64 bits as it is written in a digest. */
const char *pf_content_digest(uint64_t hash, struct pf_arena *arena);
/* The same bytes, as far as size and digest tell. */
bool pf_content_same(const struct pf_content *a, const struct pf_content *b);
/* UTF-8 without zero bytes: what a trace keeps letter by letter. */
bool pf_is_text(const char *bytes, size_t size);

#endif
