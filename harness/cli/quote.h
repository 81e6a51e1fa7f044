/* quote.h - words as a shell would read them back. */
#ifndef PF_CLI_QUOTE_H
#define PF_CLI_QUOTE_H

#include "model/arena.h"

/* The word as it is when it needs no quotes, else '…', or $'…' when it holds control characters. */
const char *pf_quote(struct pf_arena *arena, const char *word);

#endif
