/* files.h - what an isolated trial did to files, as events. */
#ifndef PF_SUPERVISE_FILES_H
#define PF_SUPERVISE_FILES_H

#include "supervise/run.h"

/* When nobody is left to write: reads the layers that the trial has written to. */
void pf_files_finish(struct pf_run *run);

#endif
