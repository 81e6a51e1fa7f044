/* What a new worker does about the threads of the process it was forked from. */
#ifndef MPROC_THREAD_INTERNAL_H
#define MPROC_THREAD_INTERNAL_H

/* The threads of the owner do not exist here. */
void mproc_thread_forget(void);

#endif
