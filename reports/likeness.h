/* likeness.h - texts that say the same of different processes. */
#ifndef PF_REPORTS_LIKENESS_H
#define PF_REPORTS_LIKENESS_H

#include "model/arena.h"

/*
 * The text with each mention of a process or thread, given by its address, replaced by what stands in no
 * text: two that are equal then differ in nothing but whom they are about. "" for no text.
 */
const char *pf_likeness(struct pf_arena *arena, const char *text, const char *id);

/* "0.1, 0.2, 0.3 and 7 more". */
const char *pf_likeness_names(struct pf_arena *arena, const char *const *names, size_t count);

#endif
