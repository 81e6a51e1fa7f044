/* call_name.h - system calls in which a thread may be for long, by name. */
#ifndef MPROC_SRC_CALL_NAME_H
#define MPROC_SRC_CALL_NAME_H

/* For messages: "read", "futex, for a lock, …". NULL for a call in which nobody waits. */
const char *mproc_call_name(long number);

#endif
