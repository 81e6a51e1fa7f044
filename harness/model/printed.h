/* printed.h - what the program printed, as far as the trace has it. */
#ifndef PF_MODEL_PRINTED_H
#define PF_MODEL_PRINTED_H

#include "model/trace.h"

/* All of standard output that is kept; *ret_dropped counts the bytes that are not. */
const char *pf_printed_text(const struct pf_trace *trace, struct pf_arena *arena, uint64_t *ret_dropped);
/* What standard output was as a whole, or NULL: it was not captured. */
const struct pf_event *pf_printed_stream(const struct pf_trace *trace);
/* Standard output for other runs to be compared with (pf_expect.printed), or NULL: it was not captured. */
const struct pf_content *pf_printed_content(const struct pf_trace *trace, struct pf_arena *arena);

#endif
