/*
 * calls.h - what a thread waits for, from the number and arguments of the system call it is blocked in.
 *
 * The table in calls.c has a row for each call that this version can read: a decoder, the kind of wait, and
 * where the time limit is. A decoder fills in `wait`, whose call, kind and time are set already. Whatever
 * it cannot tell for certain becomes PF_WAIT_UNKNOWN.
 */
#ifndef PF_PROBE_CALLS_H
#define PF_PROBE_CALLS_H

#include "probe/survey.h"

struct pf_call;

/* A thread blocked in a system call. */
struct pf_blocked {
    struct pf_survey *survey;
    const struct pf_probe_thread *thread;
    struct pf_site *site;
    const struct pf_task_call *call;
    const struct pf_call *row;
    struct pf_wait *wait;
};

enum pf_call_clock {
    PF_CLOCK_NONE,         /* the call has no time limit */
    PF_CLOCK_MILLISECONDS, /* an int; negative: for ever */
    PF_CLOCK_TIMESPEC,     /* a pointer, NULL: for ever */
    PF_CLOCK_TIMEVAL,
    PF_CLOCK_DEADLINE, /* a pointer to an absolute time, NULL: for ever */
};

struct pf_call {
    void (*decode)(struct pf_blocked *blocked);
    enum pf_wait_kind kind;
    enum pf_call_clock clock;
    unsigned char clock_arg;
    const char *detail; /* what else the decoder must know */
};

/* Decodes the call into blocked->wait, all of it. */
void pf_call_decode(struct pf_blocked *blocked);

void pf_wait_set_unknown(struct pf_blocked *blocked, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct pf_target *pf_wait_add_target(struct pf_blocked *blocked, const char *object, int64_t fd);
/* Reads memory of the blocked thread's process; on failure the wait is unknown and the answer false. */
bool pf_blocked_memory(struct pf_blocked *blocked, uint64_t address, void *buffer, size_t size);

/* The decoders, by topic; each says in its file what it reads. */
void pf_decode_descriptor(struct pf_blocked *blocked); /* waits_io.c */
void pf_decode_connect(struct pf_blocked *blocked);
void pf_decode_sendto(struct pf_blocked *blocked);
void pf_decode_splice(struct pf_blocked *blocked);
void pf_decode_vmsplice(struct pf_blocked *blocked);
void pf_decode_queue(struct pf_blocked *blocked);
void pf_decode_open(struct pf_blocked *blocked); /* waits_open.c */
void pf_decode_creat(struct pf_blocked *blocked);
void pf_decode_openat(struct pf_blocked *blocked);
void pf_decode_poll(struct pf_blocked *blocked); /* waits_poll.c */
void pf_decode_select(struct pf_blocked *blocked);
void pf_decode_wait4(struct pf_blocked *blocked); /* waits_child.c */
void pf_decode_waitid(struct pf_blocked *blocked);
void pf_decode_vfork(struct pf_blocked *blocked);
void pf_decode_futex(struct pf_blocked *blocked); /* waits_futex.c */
void pf_decode_futex_waitv(struct pf_blocked *blocked);
void pf_decode_futex_wait(struct pf_blocked *blocked);
void pf_decode_flock(struct pf_blocked *blocked); /* locks.c */
void pf_decode_fcntl(struct pf_blocked *blocked);
void pf_decode_sysv(struct pf_blocked *blocked);    /* waits_io.c */
void pf_decode_nothing(struct pf_blocked *blocked); /* kind and clock say it all */
void pf_decode_signal(struct pf_blocked *blocked);  /* calls.c */
void pf_decode_restart(struct pf_blocked *blocked);

#endif
