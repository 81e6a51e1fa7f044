/* Processes and their context, as the library sees them. */
#ifndef MPROC_PROCESS_INTERNAL_H
#define MPROC_PROCESS_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mproc/context.h>
#include <mproc/process.h>

#include "channel.h"
#include "handle.h"
#include "slots.h"

enum { MPROC_GROUPS = 16 };

struct mproc_process {
    struct mproc_grip grip; /* the context holds one reference as long as the slot is in use */
    struct mproc_context *context;
    struct mproc_slot *slot;
    pid_t pid;
    int pidfd;
    bool background;
    char name[64];
};

/* The group of a guard that died together with its keeper: what of it came back to the owner is reaped by the
 * group's id. */
struct mproc_group {
    pid_t id;
    uint32_t generation;
};

struct mproc_context {
    struct mproc_grip grip; /* of who has opened it */
    pthread_mutex_t lock;   /* the channel, the groups and the table of handles */
    _Atomic unsigned refs;  /* the open context, and each handle */
    pid_t owner;
    const struct mproc_entry *entries;
    uint32_t nentries;
    struct mproc_slots *slots;
    int slots_fd;    /* -1: there is none, and nothing can be spawned */
    int channel;     /* -1: no guard */
    pid_t guard_pid; /* 0: none, or it has not said hello yet */
    pid_t keeper_pid;
    int keeper_pidfd;
    uint32_t generation;
    uint32_t restarts;
    uint64_t last_id;
    struct mproc_group groups[MPROC_GROUPS];
    unsigned ngroups;
    unsigned nabandoned; /* slots in use without a handle */
    int was_subreaper;
    /* By slot. Mapped, so that they cost what is used of them. */
    struct mproc_process **handles;
    _Atomic int *pidfds; /* the same for signal handlers: pidfd + 1, or 0 */
};

/* Takes the lock, and gives it back. No signal is handled in between: a handler in this thread that wanted
 * the lock too would wait for ever. */
void mproc_context_lock(struct mproc_context *context, sigset_t *ret_mask);
void mproc_context_unlock(struct mproc_context *context, const sigset_t *mask);

/* Under the lock: reads what guards had to say, replaces a dead one, reaps what it left, and gives free slots
 * back. Returns 0, or -EOWNERDEAD: there is no guard and none can be had. */
int mproc_context_refresh(struct mproc_context *context);

/* Under the lock: deals with one answer that belongs to no start under way. */
void mproc_context_hear(struct mproc_context *context, const struct mproc_answer *answer, int pidfd);

/* Under the lock: lets the guard end a worker that has started and that there is no descriptor to hold by. */
void mproc_context_revoke(struct mproc_context *context, uint64_t id);

/* Under the lock: hangs up, which ends a guard that may still be there and everything below it. */
void mproc_context_lose_guard(struct mproc_context *context);

/* Under the lock: finds out how a process ended that nobody but the owner can reap (its guard died, or it is
 * the owner's own fork), if it has. */
void mproc_context_settle(struct mproc_context *context, struct mproc_slot *slot);

/* Refuses a context that was closed, and what is done in a fork of the owner. */
int mproc_context_check(const struct mproc_context *context);

/* Refuses what is done in a fork of the owner. */
int mproc_context_check_owner(const struct mproc_context *context);

void mproc_context_unref(struct mproc_context *context);

/* The open context of this process, or NULL. Async-signal safety: safe. */
struct mproc_context *mproc_context_current(void);

/* Who starts the workers of the open context, for a look at once: the keeper first, whose limits the next
 * guard has, and the guard. Returns how many, 0 where no context is open. */
enum { MPROC_GUARDS = 2 };
size_t mproc_context_get_guards(pid_t ret_pids[MPROC_GUARDS]);

/* In a new worker: the context of the owner is not its own. */
void mproc_context_forget(void);

/* The entry of this name. Returns 0 or -EINVAL with detail. */
int mproc_context_find_entry(const struct mproc_context *context, const char *name, uint32_t *ret_index);

/* mproc_process_start() of one of the library's own entries; the options have a name. */
int mproc_process_start_own(struct mproc_context *context, enum mproc_own_entry entry,
                            const struct mproc_args *args, const struct mproc_process_options *options,
                            struct mproc_process **ret_process);

/* Passes a shutdown on to each process, once for each level: WARM asks, COLD terminates. Async-signal safety:
 * safe. */
void mproc_context_forward(int level);

/* The same for one process, which began while the signal came. */
void mproc_process_forward(struct mproc_process *process, int level);

/* Sends a signal, and stops the token first when `step` is ASK. */
int mproc_process_step(struct mproc_process *process, enum mproc_step step, int signo);

/* Whether its pidfd shows that it has ended, recorded or not. */
bool mproc_process_is_dead(const struct mproc_process *process);

/* Returns when no signal handler looks at processes that it found before. */
void mproc_context_quiesce(void);

/* Ends all processes: joins until the deadline, then by force. -ETIMEDOUT names those who had to be killed.
 */
int mproc_process_end_all(struct mproc_context *context, uint64_t deadline_ns);

/* Under the lock, when everything below was killed: whatever has no status yet gets the best one there is. */
void mproc_process_conclude(struct mproc_context *context);

/* Under the lock: a new handle for a process that has answered. Takes the pidfd on success. */
int mproc_process_new(struct mproc_context *context, struct mproc_slot *slot, int pidfd, const char *name,
                      bool background, struct mproc_process **ret_process);

/* Under the lock: gives back the slots of what has ended and nobody holds. */
void mproc_process_sweep(struct mproc_context *context);

/* The signal that makes a worker look at its stop word. Ignored by default, so it harms none that has become
 * another program. */
enum { MPROC_SIGNAL_ASK = SIGURG };

#endif
