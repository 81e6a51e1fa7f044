/*
 * errnos.h - which system calls a fault can plausibly strike, and how they fail in real life.
 *
 * From the man pages, few for each call: what happens on machines that are full, shared, slow or on a
 * network, and not what only a mistake in the program could cause (EBADF, EINVAL, EFAULT).
 */
#ifndef PF_PLAN_ERRNOS_H
#define PF_PLAN_ERRNOS_H

#include <stdbool.h>
#include <stddef.h>

struct pf_call_profile {
    const char *call;
    bool blocks;        /* it may wait, and then be interrupted by a signal */
    bool transfers;     /* it may do a part of what it was asked for, and says how much */
    bool makes_fd;      /* it is bound by the limit nofile */
    bool makes_process; /* it is bound by the limit nproc */
    bool contention;    /* it is made only where threads get into each other's way */
    const char *any;    /* errors that do not depend on what the descriptor is: "EMFILE EACCES"; NULL: none */
    const char *file, *pipe, *socket; /* further ones, where it is one of these */
};

extern const struct pf_call_profile pf_call_profiles[];
extern const size_t pf_call_profile_count;

/* NULL: no fault is known to strike it. */
const struct pf_call_profile *pf_call_profile_find(const char *call);
/* The errors for one kind of descriptor ("file", "pipe", "socket", "message socket", … or NULL) beside `any`,
 * or NULL. */
const char *pf_call_profile_errnos(const struct pf_call_profile *profile, const char *on);

#endif
