/*
 * The context: where the processes of a program come from and who watches over them.
 *
 * Opening it starts the guard, a small single-threaded process that forks the workers (so a start costs the
 * same however large or threaded the program has become), reaps them, and outlives the program by the few
 * milliseconds that it takes to kill whatever the program left behind, however the program died. Should the
 * guard itself be killed, its workers die with it, the keeper above it cleans up and forks another, and later
 * starts work as before; and the other way round.
 *
 *     program (owner) ── keeper ── guard ─┬─ worker …
 *
 * The context makes the owner a subreaper, so that what guard and keeper leave when both are killed at once
 * comes back to it, and puts the guard and all workers into a process group of their own: Ctrl-C on the
 * terminal reaches the owner only, who passes it on once (<mproc/shutdown.h>). Guard and keeper leave signals
 * that ask them to end alone, for a service manager sends them to everybody: they end with the owner.
 */
#ifndef MPROC_CONTEXT_H
#define MPROC_CONTEXT_H

#include <stdint.h>
#include <sys/types.h>

#include <mproc/args.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_context;

/* What a process can run, by name. What it returns is its result, see struct mproc_status; where that is 0
 * and what it has printed cannot be written, the result is why. */
struct mproc_entry {
    const char *name;
    int (*run)(struct mproc_args *args);
};

struct mproc_context_options {
    const struct mproc_entry *entries; /* ends with a NULL name; must live as long as the context */
};

struct mproc_context_info {
    pid_t guard_pid; /* 0: there is none at the moment */
    pid_t keeper_pid;
    uint32_t restarts; /* how often guard or keeper died and was replaced */
    uint32_t running;  /* processes that have not ended */
};

enum {
    MPROC_PROCESSES_MAX = 4096, /* of one context that have not ended, or whose handle is not freed */
};

/**
 * Opens the context of this process: call it early in main(), before the first thread.
 *
 * The guard keeps the environment, working directory, umask, limits and user that the process has now;
 * workers start with them. Standard descriptors that are closed are opened on /dev/null: whatever is opened
 * next would take their place.
 *
 * In a process that was started by the method spawn this runs its entry, and does not return.
 *
 * @param options  what can be run
 *
 * Returns: 0.
 * Errors: -EDEADLK: the process has threads already; -EBUSY: it has an open context (a worker may open one of
 * its own); -EINVAL: no entries, or two of one name; -EAGAIN, -ENOMEM, -EMFILE: the guard could not be
 * started.
 * Ownership: the caller's, ends with mproc_context_close().
 * Threads: the only one.
 */
MPROC_EXPORT int mproc_context_open(const struct mproc_context_options *options,
                                    struct mproc_context **ret_context);

/**
 * Ends all processes of the context and the guard, and then the context. NULL is a no-op.
 *
 * Joins the processes that are not background ones until the deadline; those that remain are killed.
 * Background processes are then asked and terminated, and killed 100 ms later. Nothing is left behind,
 * grandchildren included. Handles of processes stay valid until they are freed. A stop does not cancel it.
 *
 * @param deadline_ns  for the processes that are not background ones; MPROC_NOW kills at once
 *
 * Returns: 0.
 * Errors: -ETIMEDOUT: some had to be killed (the detail names them); the context is closed all the same.
 * -EPERM: called in a fork of the owner.
 * Threads: no other may use the context any more. Blocking: until the deadline and about 100 ms more; a
 * process the kernel cannot kill costs a second.
 */
MPROC_EXPORT int mproc_context_close(struct mproc_context *context, uint64_t deadline_ns);

/**
 * How the context is doing. Notices a guard that died, and reaps what it left.
 *
 * Returns: 0.
 * Errors: -EPERM: called in a fork of the owner.
 * Threads: any. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_context_get_info(struct mproc_context *context, struct mproc_context_info *ret_info);

#ifdef __cplusplus
}
#endif

#endif
