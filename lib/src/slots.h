/* The table that owner, guard and workers share: one slot per process. It is mapped before the guard is
 * forked, so it needs no name; its descriptor is for workers that run the program anew. All words are futexes
 * that live as long as the mapping. */
#ifndef MPROC_SLOTS_H
#define MPROC_SLOTS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <mproc/context.h>

enum mproc_slot_state {
    MPROC_SLOT_IDLE,
    MPROC_SLOT_STARTING,  /* asked for; the entry has not begun */
    MPROC_SLOT_CANCELLED, /* the owner gave up waiting for the start; the entry must not begin */
    MPROC_SLOT_RUNNING,
    MPROC_SLOT_LOST,  /* its guard and the keeper died, and so will it; the owner reaps it */
    MPROC_SLOT_ENDED, /* end_code and end_status are valid */
};

struct mproc_slot {
    uint32_t state; /* futex word: who joins sleeps on it */
    uint32_t stop;  /* futex word: the worker's process token */
    uint64_t id;    /* of the start; unique in the context */
    uint32_t generation;
    int32_t pid;
    uint32_t answered; /* the worker has answered the start */
    uint32_t forked;   /* a child of the owner, not of the guard */
    uint32_t drains;   /* the listener of a log */
    int32_t end_code;  /* as in siginfo_t; 0: unknown */
    int32_t end_status;
    uint32_t guard_died;
    uint32_t step;      /* enum mproc_step: what the owner has done to end it */
    uint32_t forwarded; /* level of the shutdown that was passed on */
    uint32_t returned;
    int32_t result;
    char detail[128];
};

struct mproc_slots {
    uint32_t used; /* slots at and above were never used */
    uint32_t ends; /* futex word: steps when a process has ended or is lost; for who watches over many */
    struct mproc_slot slots[MPROC_PROCESSES_MAX];
};

/* `ret_fd` is -1 where RLIMIT_FSIZE leaves no room for a file. Errors: -ENOMEM. */
int mproc_slots_map(struct mproc_slots **ret_slots, int *ret_fd);

/* The table out of a descriptor. Errors: -EBADMSG it is none. */
int mproc_slots_attach(int fd, struct mproc_slots **ret_slots);
void mproc_slots_unmap(struct mproc_slots *slots);

/* An idle slot made STARTING, or NULL: all are in use. Owner only, under its lock. */
struct mproc_slot *mproc_slots_take(struct mproc_slots *slots);

/* The slot of a process that has not ended, or NULL. */
struct mproc_slot *mproc_slots_find(struct mproc_slots *slots, pid_t pid);

/* What waitid() said goes into the slot, and all who join wake. NULL info: unknown. Only the first counts. */
void mproc_slot_end(struct mproc_slots *slots, struct mproc_slot *slot, const siginfo_t *info);

/* The guard of this generation is dead. Its processes that have no record yet are lost, or, when it is known
 * that none is left, ended in a way that nobody saw. Wakes who waits. */
void mproc_slots_lose(struct mproc_slots *slots, uint32_t generation, bool none_is_left);

enum mproc_slot_state mproc_slot_state(const struct mproc_slot *slot);

/* One step of the state, if it is still `from`. */
bool mproc_slot_step(struct mproc_slot *slot, enum mproc_slot_state from, enum mproc_slot_state to);

#endif
