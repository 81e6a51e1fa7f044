/* baseline.h - what the program made, as far as the trace has it, and what of it others are to make too. */
#ifndef PF_MODEL_BASELINE_H
#define PF_MODEL_BASELINE_H

#include "model/trace.h"

/* All of standard output that is kept; *ret_dropped counts the bytes that are not. */
const char *pf_printed_text(const struct pf_trace *trace, struct pf_arena *arena, uint64_t *ret_dropped);
/* What standard output was as a whole, or NULL: it was not captured. */
const struct pf_event *pf_printed_stream(const struct pf_trace *trace);

/* Created and still there, although it is temporary or of no use to others: a socket or FIFO without a
 * process. */
bool pf_is_leftover(const struct pf_ev_file *file);

/* So many descriptors are of that kind; PF_OBJECT__COUNT: of any. */
uint64_t pf_descriptors_count(const struct pf_descriptors *open, size_t open_count, enum pf_object_kind kind);

/*
 * From two runs without faults: what both printed and did to files, and how their processes ended, is
 * expected of others. What
 * differs from one to the other (times, pids, random names) is not. Output is compared if both runs captured
 * it, files if both were isolated, and what
 * processes leave open if both noted it. Strings go to the arena; what `expect` says of other things stays.
 */
void pf_baseline_expect(const struct pf_trace *first, const struct pf_trace *second, struct pf_arena *arena,
                        struct pf_expect *expect);

#endif
