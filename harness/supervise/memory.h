/* memory.h - whose memory is at an address that a process was refused. */
#ifndef PF_SUPERVISE_MEMORY_H
#define PF_SUPERVISE_MEMORY_H

#include <signal.h>

#include "supervise/run.h"

/* Of a SIGSEGV or SIGBUS for an address: fills in the address, and who else has memory there. */
void pf_memory_look(struct pf_run *run, const struct pf_process *process, const siginfo_t *info,
                    struct pf_ev_signal *signal);

#endif
