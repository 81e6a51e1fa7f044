/* What a new worker does about the shutdown of the process it was forked from. */
#ifndef MPROC_SHUTDOWN_INTERNAL_H
#define MPROC_SHUTDOWN_INTERNAL_H

/* Subscriptions and the level of the owner are not the worker's: its handlers have been reset already. */
void mproc_shutdown_forget(void);

#endif
