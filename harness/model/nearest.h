/* nearest.h - which of the known names somebody who mistyped one probably meant. */
#ifndef PF_MODEL_NEAREST_H
#define PF_MODEL_NEAREST_H

#include <stddef.h>

enum { PF_NEAREST_LENGTH = 40 }; /* longer words are not guessed at */

struct pf_nearest {
    const char *word;
    size_t length;
    size_t distance; /* of the best name so far */
    const char *best;
};

/* A search for the word; nothing has been offered yet. */
struct pf_nearest pf_nearest_new(const char *word, size_t length);
/* Keeps the name when it is near enough and nearer than all before. It must outlive the search. */
void pf_nearest_offer(struct pf_nearest *nearest, const char *name);

#endif
