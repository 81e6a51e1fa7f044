/* output.h - the program's captured output, as events. */
#ifndef PF_SUPERVISE_OUTPUT_H
#define PF_SUPERVISE_OUTPUT_H

#include "supervise/run.h"

void pf_output_init(struct pf_run *run);
void pf_output_free(struct pf_run *run);

/* Takes what is there to read; never blocks. */
void pf_output_serve(struct pf_run *run);

/* When nobody is left to write: what standard output was as a whole. */
void pf_output_finish(struct pf_run *run);

#endif
