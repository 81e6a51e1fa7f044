/*
 * Processes: start, watch, join and stop them. No bare pid is ever acted upon: a handle holds a pidfd.
 *
 * A process inherits no descriptor but its three standard ones, those in its arguments, and one that the
 * library knows its owner by; standard input is /dev/null. It is killed when its owner dies, whatever the
 * owner died of. Its exit is always known, and it never stays a zombie.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never. What
 * only the process that opened the context can do is refused with -EPERM in its forks.
 *
 * Source: multiprocessing.Process of Python; pidfd_open(2), prctl(2).
 */
#ifndef MPROC_PROCESS_H
#define MPROC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <mproc/args.h>
#include <mproc/context.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_process;

enum mproc_start_method {
    MPROC_START_FORKSERVER, /* forked by the guard: fast, and sound however many threads the owner has */
    MPROC_START_FORK,       /* forked by the caller, with a copy of its memory; refused when it has threads */
    MPROC_START_SPAWN, /* by the guard too, but it runs the program anew, with the arguments that it was run
                        * with, up to mproc_context_open(), which does not return there: nothing is
                        * inherited but what was asked for. main() must open the context before all else */
    MPROC_START__COUNT,
};

/* In place of a descriptor for standard input, output or error. 0 takes the default: /dev/null for standard
 * input, the owner's for the others. To give a process the owner's standard input as its own, write
 * MPROC_STDIO_INHERIT. */
enum { MPROC_STDIO_DEFAULT = 0, MPROC_STDIO_NULL = -1, MPROC_STDIO_INHERIT = -2 };

struct mproc_process_limit {
    int resource; /* RLIMIT_… */
    struct rlimit limit;
};

/* Zero everywhere is a sensible process. Nothing of it need outlive the start. */
struct mproc_process_options {
    const char *name; /* for people, also in ps; NULL: the entry's. Cut at 63 bytes, in ps at 15 */
    enum mproc_start_method method;
    bool background;        /* serves the others: closing the context does not wait for it */
    int stdio[3];           /* a descriptor above 0, or one of MPROC_STDIO_… */
    const char *cwd;        /* NULL: that of the owner when it opened the context */
    bool clear_env;         /* begin with an empty environment */
    const char *const *env; /* "NAME=VALUE" sets, "NAME" unsets; no name is empty; ends with NULL */
    const struct mproc_process_limit *limits; /* set in this order */
    size_t nlimits;
    const int *cpus; /* the numbers of those that it may run on; NULL: those that the owner had when it opened
                      * the context, or, for MPROC_START_FORK, that the caller has */
    size_t ncpus;
    int nice;             /* added to the niceness */
    uint64_t deadline_ns; /* for the start; 0: ten seconds from now */
};

enum mproc_end {
    MPROC_END_NONE,    /* it runs */
    MPROC_END_EXIT,    /* its entry returned, or it called exit */
    MPROC_END_SIGNAL,  /* a signal killed it */
    MPROC_END_UNKNOWN, /* another part of the program reaped it behind the library's back (wait(-1), SIGCHLD
                          ignored) */
    MPROC_END__COUNT,
};

/* What the owner did to end it, at most; each step implies the ones above. */
enum mproc_step {
    MPROC_STEP_NONE,
    MPROC_STEP_ASK,       /* its stop token was stopped */
    MPROC_STEP_INTERRUPT, /* SIGINT */
    MPROC_STEP_TERMINATE, /* SIGTERM */
    MPROC_STEP_KILL,      /* SIGKILL */
    MPROC_STEP__COUNT,
};

struct mproc_status {
    enum mproc_end end;
    int code;   /* EXIT: the exit code, 0 to 255 */
    int signal; /* SIGNAL: which */
    bool core_dumped;
    bool returned; /* its entry returned `result`; the exit code is then that, or 1 where it does not fit */
    int result;
    enum mproc_step step; /* what the owner had done by then */
    bool guard_died;      /* it died with its guard */
    char detail[128]; /* mproc_error_detail() of the process when its entry returned something other than 0 */
};

/* Who has started a worker: the process that opened its context. */
struct mproc_parent {
    pid_t pid;     /* for people; by the time it is used it may be another's */
    int sentinel;  /* a pidfd: polls readable (POLLIN) once that process has ended */
    char name[64]; /* its mproc_process_own_name() */
};

/* Milliseconds that mproc_process_stop() gives each step. */
struct mproc_stop_steps {
    uint64_t ask_ms;
    uint64_t terminate_ms;
    uint64_t kill_ms;
};

/**
 * Starts a process that runs one of the context's entries.
 *
 * When this returns, the process is set up and its entry runs or is about to: what could not be done (a
 * directory, a limit, an argument) is an error here and not an exit code there. Signals that come meanwhile
 * are held in both.
 *
 * A process ends when its entry returns; then what it has printed is written, and nothing else runs. One
 * whose entry calls exit() also runs what was registered with atexit(): by itself, and by the owner before
 * the process got its copy of the memory: before the context was opened or, by method fork, until now.
 *
 * By method fork the process is also killed when the thread that started it ends, even where the owner's
 * other threads go on, because the kernel's PR_SET_PDEATHSIG is about that thread. So main() is not to be
 * left by pthread_exit() while one runs.
 *
 * @param entry        name of the entry
 * @param args         what it gets; NULL for none. Not changed, not taken
 * @param options      NULL for the defaults
 * @param ret_process  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL: no such entry, or an option is wrong, or it cannot run on one of its CPUs; those of args;
 * -EDEADLK: method fork in a process with threads; -ECANCELED: the thread's token is stopped, nothing new
 * begins; -EAGAIN: MPROC_PROCESSES_MAX or RLIMIT_NPROC reached; -EMFILE: it does not run; -ENOMEM;
 * -ETIMEDOUT: the guard did not answer (is it stopped?); -EOWNERDEAD: the guard and its spare are gone, and
 * with threads running no new one can be had; -EIO: its answer could not be read, so that it and all that it
 * had started have been ended; -EPERM: called in a fork of the owner; -EBADF: the context was closed, or a
 * descriptor of `stdio` is not open; -ECHILD: it died before it was set up, or, spawned, ended without
 * opening the context; -ENOTSUP: spawn with a context that was opened under an RLIMIT_FSIZE of less than a
 * megabyte; what setting it up gave. Ownership: the caller's, ends with mproc_process_free(). Threads: any.
 * Async-signal safety: not safe. Blocking: until the deadline of the options, also when the thread is stopped
 * meanwhile; about 0.2 ms as a rule.
 */
MPROC_EXPORT int mproc_process_start(struct mproc_context *context, const char *entry,
                                     const struct mproc_args *args,
                                     const struct mproc_process_options *options,
                                     struct mproc_process **ret_process);

/**
 * Takes one more reference.
 *
 * Returns: the same handle.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_process *mproc_process_ref(struct mproc_process *process);

/**
 * Gives a handle back. A process that still runs goes on, as the context's alone. NULL is a no-op. Whoever
 * uses the handle afterwards gets -EBADF, until a thousand other handles have been given back.
 *
 * Threads: any; the sentinel goes with the last reference. In a fork of the owner it does nothing.
 * Async-signal safety: not safe. Blocking: while another thread starts a process of this context.
 */
MPROC_EXPORT void mproc_process_free(struct mproc_process *process);

/**
 * Waits for a process to end. Never depends on anybody reading what the process wrote.
 *
 * @param deadline_ns  when to give up; MPROC_NOW, MPROC_FOREVER
 * @param ret_status   how it ended; may be NULL
 *
 * Returns: 0 once it has ended, also when asked again.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW): it runs, or it has ended and the guard, which is stopped, has
 * not told how: see the detail; -ECANCELED: the caller was stopped; -EBADF: the handle was given back;
 * -EPERM: called in a fork of the owner.
 * Threads: any, several at once. Async-signal safety: not safe.
 * Blocking: until the deadline; when the sentinel shows the end, also with MPROC_NOW, for the moment that the
 * guard takes to record it: up to half a second where the guard gets no processor, and none while it is
 * stopped.
 */
MPROC_EXPORT int mproc_process_join(struct mproc_process *process, uint64_t deadline_ns,
                                    struct mproc_status *ret_status);

/**
 * Whether a process runs.
 *
 * Returns: false once it has ended and its status is known, and for a handle that was given back; in a fork
 * of the owner, which cannot know it, true.
 * Threads: any.
 */
MPROC_EXPORT bool mproc_process_alive(struct mproc_process *process);

/**
 * Name, pid, and a descriptor that polls readable (POLLIN) once the process has ended: a pidfd, not to be
 * closed.
 *
 * The pid is for people; by the time it is used it may be another's.
 *
 * Returns: the value; of a handle that was given back "", 0 and -EBADF.
 * Ownership: the handle's; valid as long as it.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_process_name(const struct mproc_process *process);
MPROC_EXPORT pid_t mproc_process_pid(const struct mproc_process *process);
MPROC_EXPORT int mproc_process_sentinel(const struct mproc_process *process);

/**
 * Asks a process to end: stops its stop token, which cancels its waits in this library and interrupts its
 * system calls. Interrupt, terminate and kill send SIGINT, SIGTERM and SIGKILL; signal sends any.
 *
 * Returns: 0; also when it has ended already.
 * Errors: -EINVAL: no such signal; -EPERM: it has become another user's, or called in a fork of the owner;
 * -EBADF: the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: never.
 */
MPROC_EXPORT int mproc_process_ask(struct mproc_process *process);
MPROC_EXPORT int mproc_process_interrupt(struct mproc_process *process);
MPROC_EXPORT int mproc_process_terminate(struct mproc_process *process);
MPROC_EXPORT int mproc_process_kill(struct mproc_process *process);
MPROC_EXPORT int mproc_process_signal(struct mproc_process *process, int signo);

/**
 * Ends a process for certain: asks, then SIGTERM, then SIGKILL, each with its time. A stop of the caller does
 * not cancel it.
 *
 * @param steps       how long each step may take; NULL for one second each. 0 for ask or terminate skips that
 * step
 * @param ret_status  how it ended, `step` says what it took; may be NULL
 *
 * Returns: 0 once it has ended.
 * Errors: -ETIMEDOUT: not even SIGKILL ended it in time: it hangs inside the kernel; or it has ended and the
 * guard, which is stopped, has not told how; -EPERM: it has become another user's, or called in a fork of the
 * owner; -EBADF: the handle was given back.
 * Threads: any. Async-signal safety: not safe. Blocking: the sum of the steps at most.
 */
MPROC_EXPORT int mproc_process_stop(struct mproc_process *process, const struct mproc_stop_steps *steps,
                                    struct mproc_status *ret_status);

/**
 * The processes of a context that have not ended.
 *
 * @param ret_processes  room for `max` handles, each to be freed
 * @param max            at most this many; 0 only counts
 *
 * Returns: how many there are, which may be more than `max`; 0 for a context that was closed, and in a fork
 * of the owner.
 * Ownership: the handles are the caller's, each ends with mproc_process_free().
 * Threads: any. Async-signal safety: not safe. Blocking: as mproc_context_get_info().
 */
MPROC_EXPORT size_t mproc_process_active(struct mproc_context *context, struct mproc_process **ret_processes,
                                         size_t max);

/**
 * Says in words how a process ended: "exit code 3", "returned -5" where its entry returned what is no exit
 * code, "killed by SIGSEGV", "killed by SIGTERM (terminated by its owner)".
 *
 * @param ret_text  where to; always ends with a NUL
 * @param size      its size in bytes, 96 is enough
 *
 * Returns: `ret_text`.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_status_describe(const struct mproc_status *status, char *ret_text,
                                               size_t size);

/**
 * Says whether a process has done what it was started for: its entry returned 0, or it exited with 0.
 *
 * Returns: 0 if it has.
 * Errors: what its entry returned, which may be a positive number, with the detail that it had there;
 * -ECHILD: a signal killed it, or it exited with another code; -EAGAIN: it runs.
 * Threads: any.
 */
MPROC_EXPORT int mproc_status_check(const struct mproc_status *status);

/**
 * In a worker: the name it was started under.
 *
 * Returns: the name; empty in a process that this library did not start.
 * Threads: any.
 */
MPROC_EXPORT const char *mproc_process_own_name(void);

/**
 * In a worker: who has started it.
 *
 * That is the owner of the context, and not the guard that has forked it; also where the owner is a worker
 * itself. Who has to do something when the owner ends has little time: all that it has started is killed.
 *
 * Returns: 0.
 * Errors: -ECHILD: this process is not one that the library has started, or a fork of one.
 * Ownership: the sentinel is the library's, and open as long as the process lives; not to be closed. Not open
 * in a program that the process executes.
 * Threads: any.
 */
MPROC_EXPORT int mproc_process_parent(struct mproc_parent *ret_parent);

#ifdef __cplusplus
}
#endif

#endif
