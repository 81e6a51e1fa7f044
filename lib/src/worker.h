/* The first moments of a worker: from fork to its entry, and from its entry to its end. */
#ifndef MPROC_WORKER_H
#define MPROC_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "channel.h"
#include "slots.h"

/* Who opened the context of a worker. */
struct mproc_owner {
    pid_t pid;
    int pidfd;        /* the same process; a negative errno: there is none */
    const char *name; /* its mproc_process_own_name() */
};

/* What a worker needs, as the guard received it or as the owner has it in memory. */
struct mproc_worker {
    const struct mproc_order *order;
    const unsigned char *body; /* NULL: it is in body_fd */
    int body_fd;
    int stdio[3]; /* -1: /dev/null; its own number: what is there */
    const int *fds;
    unsigned nfds;
    const struct mproc_entry *entries; /* of the context */
    uint32_t nentries;
    const struct mproc_entry *entry; /* what it runs */
    struct mproc_slot *slot;
    int answer_fd;
    int slots_fd; /* -1: there is none */
    pid_t parent; /* the guard, or the owner itself */
    struct mproc_owner owner;
    pid_t group; /* to join; 0: stays where it is */
};

/* In a worker: what mproc_process_parent() says from here on. The owner's pidfd stays open. */
void mproc_parent_keep(const struct mproc_owner *owner, pid_t self);

/* The library's own entries, by enum mproc_own_entry. */
extern const struct mproc_entry *const mproc_own_entries[MPROC_OWN__COUNT];

/* Once in a process that is forked from the owner: it has no context, subscription or thread. */
void mproc_worker_forget_owner(void);

/* Runs in the new process, with all signals held and no handler set. */
_Noreturn void mproc_worker_run(const struct mproc_worker *worker);

/* The same from where the program, run anew, has taken the start up. */
_Noreturn void mproc_worker_go_on(const struct mproc_worker *worker);

/* There: tells the owner that it cannot, with the detail of this error. */
_Noreturn void mproc_worker_refuse(const struct mproc_worker *worker, int err);

/* In a worker: the entries of the context it was started from. */
const struct mproc_entry *mproc_worker_entries(uint32_t *ret_count);

/* "setting its working directory", for messages. */
const char *mproc_stage_name(enum mproc_stage stage);

#endif
