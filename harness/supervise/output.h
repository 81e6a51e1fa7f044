/* output.h - the program's captured output, as events. */
#ifndef PF_SUPERVISE_OUTPUT_H
#define PF_SUPERVISE_OUTPUT_H

#include "supervise/run.h"

/* Takes what is there to read; never blocks. */
void pf_output_serve(struct pf_run *run);

#endif
