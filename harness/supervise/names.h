/* names.h - names of system calls, signals and errors. */
#ifndef PF_SUPERVISE_NAMES_H
#define PF_SUPERVISE_NAMES_H

/* "write"; kept for the life of the program. */
const char *pf_call_name(int number);
/* "SIGTERM"; static. */
const char *pf_signal_name(int number);

#endif
