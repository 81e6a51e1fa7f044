/* shm.h - names in /dev/shm, of semaphores and shared memory: who removes them, and who looks for them in
 * vain. */
#ifndef PF_SUPERVISE_SHM_H
#define PF_SUPERVISE_SHM_H

#include "supervise/grip.h"
#include "supervise/run.h"

/* A thread is about to open a file or to remove one. */
void pf_shm_note_open(struct pf_run *run, const struct pf_task *task, const struct pf_call *call);
void pf_shm_note_remove(struct pf_run *run, const struct pf_task *task, const struct pf_call *call);

#endif
