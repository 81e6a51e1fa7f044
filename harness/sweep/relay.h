/*
 * relay.h - one trial, carried out by a process of its own, whose events come over a pipe as they happen.
 *
 * So whoever watches may take as long as it likes over each event: the program runs at its own speed. It must
 * only go on reading.
 */
#ifndef PF_SWEEP_RELAY_H
#define PF_SWEEP_RELAY_H

#include <signal.h>
#include <sys/types.h>

#include "model/trace.h"
#include "model/trial.h"

struct pf_relay {
    pid_t pid; /* 0: there is none */
    int pidfd;
    int fd;     /* to wait on for news; -1: all has been read */
    char *rest; /* the beginning of a line whose end has not come yet */
    size_t length, room;
};

/* Starts the trial. `mask` is the signal mask for it. Returns 0 or -errno. */
int pf_relay_start(const struct pf_trial *trial, const sigset_t *mask, struct pf_relay *ret_relay,
                   struct pf_error *error);
/*
 * Appends the events that have come to the trace, without waiting. When the last one has been read, fd is -1.
 * Returns 0, or -errno: what came was no trace, or it broke off before its end.
 */
int pf_relay_read(struct pf_relay *relay, struct pf_trace *trace, struct pf_error *error);
/* Ends the trial, if it still runs, with all its processes. */
void pf_relay_end(struct pf_relay *relay);

#endif
