/*
 * Pools: worker processes that run tasks, and give back exactly one result for each.
 *
 * A task is an entry of the context, called by name with typed arguments (<mproc/args.h>), which stay the
 * pool's: they end with the task. What it adds to mproc_task_result() is its result; what it returns says
 * whether it succeeded. Handles of the library and descriptors travel in both.
 *
 * Descriptors in a result need room in the owner, in the call on the pool that collects it; so does a result
 * that is too large for the shared memory, for one. Beyond RLIMIT_NOFILE such a result is lost: the task has
 * run, its outcome is MPROC_OUTCOME_FAILED with -EMFILE, and the detail says so.
 *
 *     static int square(struct mproc_args *args)
 *     {
 *         int64_t number;
 *         int r = mproc_args_get_int(args, 0, &number);
 *         return r ? r : mproc_args_add_int(mproc_task_result(), number * number);
 *     }
 *
 * Workers draw tasks by themselves, and any of them may be killed at any instruction: that costs at most the
 * task it was at, which is run again where the caller allowed it (`retries`) and otherwise fails with the
 * reason of the death. All other tasks run once. A worker that is gone is replaced.
 *
 * There is no hidden thread. Workers go on by themselves with what they were handed (a few hundred tasks);
 * everything else (collecting results, timeouts, replacing workers, callbacks) happens inside the calls on
 * the pool, in the threads that make them: any call that blocks does all of it, for everybody, while it
 * waits. A program that does other things meanwhile calls mproc_pool_collect() now and then.
 *
 * Every function that returns an error refuses a handle that was given back with -EBADF, and a fork of the
 * owner with -EPERM. Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking:
 * never; but any call on the pool may have to replace a worker, which takes about 0.3 ms, and up to two
 * seconds while the guard does not answer, or to wait for another thread that does so or whose feed runs; and
 * it runs the callbacks that are due.
 *
 * Source: multiprocessing.Pool and concurrent.futures of Python, mpire; deaths and retries: own design.
 */
#ifndef MPROC_POOL_H
#define MPROC_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/args.h>
#include <mproc/context.h>
#include <mproc/deadline.h>
#include <mproc/export.h>
#include <mproc/process.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_pool;
struct mproc_future;
struct mproc_map;

enum {
    MPROC_POOL_WORKERS_MAX = 1024,
    MPROC_POOL_PENDING = 65536, /* default of max_pending */
};

/* Zero everywhere is a sensible pool. Strings and arguments need not outlive the call, but `process` and what
 * it points to must live as long as the pool: workers are replaced. */
struct mproc_pool_options {
    const char *name; /* workers are called "NAME/0" and so on; NULL: "pool" */
    unsigned workers; /* how many; 0: one for each CPU the caller may run on */
    const char *init; /* entry that a worker runs first; NULL: none. When it fails, the worker ends */
    const struct mproc_args *init_args; /* for it */
    const char *exit;                   /* entry that a worker runs last, unless it is killed; NULL: none */
    uint64_t max_tasks;                 /* a worker is replaced after so many; 0: never */
    uint64_t max_bytes; /* a worker whose resident memory is larger after a task is replaced; 0: never */
    size_t max_pending; /* bound of tasks submitted and not finished; 0: MPROC_POOL_PENDING */
    uint64_t grace_ms;  /* between asking a worker to stop and killing it; 0: 100 */
    bool pin;           /* each worker runs on one CPU alone, in turn of those the caller may run on */
    const int *cpus;    /* the same, in turn of these */
    size_t ncpus;
    const struct mproc_process_options *process; /* environment, limits and so on of the workers; NULL: the
                                                  * defaults. Name, method, background and deadline_ns are not
                                                  * used, and with `pin` or `cpus` not its CPUs */
};

enum mproc_outcome {
    MPROC_OUTCOME_DONE,      /* the task returned 0 */
    MPROC_OUTCOME_FAILED,    /* it returned something else, or the owner had no room for its result */
    MPROC_OUTCOME_DIED,      /* its worker died in it, and no retry was left */
    MPROC_OUTCOME_TIMED_OUT, /* it ran longer than it may; it does not run any more */
    MPROC_OUTCOME_CANCELLED, /* by the caller, or because the pool was terminated; it does not run any more */
    MPROC_OUTCOME_NOT_RUN,   /* workers cannot be started, or end in their init hook every time; or the system
                                did not let its arguments out for 2 s */
    MPROC_OUTCOME__COUNT,
};

struct mproc_result {
    uint64_t index; /* of the task in its map, from 0 */
    enum mproc_outcome outcome;
    int error;         /* DONE: 0; FAILED: what the task returned, or -EMFILE, -ENOMEM: its result is lost;
                          else -ECHILD, -ETIMEDOUT, -ECANCELED, -ENOTRECOVERABLE, or why its arguments did not
                          go out */
    unsigned attempts; /* how often it was begun */
    int worker;        /* where, the last time; -1: nowhere */
    struct mproc_status status;      /* DIED: how the worker ended */
    const struct mproc_args *values; /* DONE: the result; NULL otherwise */
    const char *detail; /* a sentence about what went wrong, with the reason of a death; "" for DONE */
};

/* Called with a result, in a thread that is inside a call on the pool, without any lock: it may use the pool.
 * The result is valid until it returns. */
typedef void mproc_result_fn(void *user, const struct mproc_result *result);

struct mproc_task_options {
    uint64_t timeout_ms;   /* of one run; 0: none. Only time in a worker counts */
    unsigned retries;      /* how often it is run again after the death of its worker */
    mproc_result_fn *done; /* called once when it has finished; NULL: nothing */
    void *user;            /* passed to it */
};

/**
 * Makes a pool and starts its workers.
 *
 * @param context   whose entries are the tasks; must stay open as long as the pool is used
 * @param options   NULL for the defaults
 * @param ret_pool  the handle
 *
 * Returns: 0. Init hooks may still be running.
 * Errors: -EINVAL: no such entry, CPU or number of workers; -EMFILE, -EAGAIN: limits leave no room (checked
 * before anything starts; the detail names limit and need); those of mproc_process_start() and
 * mproc_queue_create(); -EBADF the context was closed.
 * Ownership: the caller's, ends with mproc_pool_free(). Takes two descriptors for each worker and one more.
 * Threads: any. Blocking: about 0.3 ms for each worker.
 */
MPROC_EXPORT int mproc_pool_create(struct mproc_context *context, const struct mproc_pool_options *options,
                                   struct mproc_pool **ret_pool);

/**
 * Hands a task over. Args are as they are now; they can be changed and used again.
 *
 * @param entry        name of the task
 * @param args         what it gets; NULL for none
 * @param options      NULL for the defaults
 * @param deadline_ns  until when to wait while max_pending tasks are unfinished; MPROC_NOW, MPROC_FOREVER
 * @param ret_future   the handle of the result; NULL when nobody asks for it
 *
 * Returns: 0: the task will have exactly one result.
 * Errors: it will not be run: -EINVAL no such entry; those of args; -EPIPE closed; -ENOTRECOVERABLE the pool
 * has no workers and can have none; -ETIMEDOUT (-EAGAIN for MPROC_NOW) no room; -ECANCELED the thread's stop
 * token was stopped while it waited; -ENOMEM; -EPERM called in a fork of the owner; -EBADF the pool was
 * given back.
 * A thread that is stopped submits as others do where there is room: nothing waits then, and no process
 * begins. Its task runs if there is a worker for it: those that a warm shutdown has asked end after the task
 * that they are at, and stopped threads start no others in their place.
 * Ownership: the future is the caller's, ends with mproc_future_free().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pool_submit(struct mproc_pool *pool, const char *entry, const struct mproc_args *args,
                                   const struct mproc_task_options *options, uint64_t deadline_ns,
                                   struct mproc_future **ret_future);

/**
 * Runs one task and waits for its result.
 *
 * @param deadline_ns  when to give up: the task is then cancelled, with MPROC_NOW unless it is done at once
 * @param ret_values   its result, if it is done; may be NULL
 *
 * Returns: 0.
 * Errors: those of mproc_pool_submit(); what the task returned, which may be a positive number; -ECHILD: its
 * worker died (the detail tells of what); -ETIMEDOUT: its timeout or the deadline (-EAGAIN for MPROC_NOW);
 * -ECANCELED; -ENOTRECOVERABLE.
 * Ownership: the values are the caller's, who frees them with mproc_args_free().
 * Threads: any. Blocking: until the deadline, and the pool's grace when the task has to be cancelled.
 */
MPROC_EXPORT int mproc_pool_apply(struct mproc_pool *pool, const char *entry, const struct mproc_args *args,
                                  const struct mproc_task_options *options, uint64_t deadline_ns,
                                  struct mproc_args **ret_values);

/**
 * Waits for a result.
 *
 * @param deadline_ns  when to give up; the task goes on. MPROC_NOW, MPROC_FOREVER
 * @param ret_result   what became of the task; may be NULL
 *
 * Returns: 0 once the task has finished, however: see ret_result->outcome.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW): it has not; -ECANCELED: the caller was stopped; -EPERM; -EBADF:
 * the future was given back.
 * Ownership: values and detail are the future's, valid until it is freed.
 * Threads: any, several at once. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_future_wait(struct mproc_future *future, uint64_t deadline_ns,
                                   struct mproc_result *ret_result);

/**
 * Cancels a task: one that has not begun never will; of one that runs the worker is asked to stop, killed
 * after the pool's grace, and replaced. No other task suffers.
 *
 * Returns: 0: the outcome is, or after the grace will be, MPROC_OUTCOME_CANCELLED, unless the task timed out
 * or died before.
 * Errors: -EALREADY: it has finished, its result stands; -EPERM; -EBADF: the future was given back.
 * Threads: any. Blocking: never.
 */
MPROC_EXPORT int mproc_future_cancel(struct mproc_future *future);

/**
 * Gives a future back. Its task goes on, and `done` is called when it has finished. NULL is a no-op.
 *
 * Threads: any; no other may be inside a call with it.
 */
MPROC_EXPORT void mproc_future_free(struct mproc_future *future);

/**
 * Adds the arguments of task `index` of a map to an empty set: as many as the task takes, so that this is
 * starmap, too.
 *
 * Returns: 0; MPROC_FEED_END when there are no more tasks; a negative errno ends the map with it, and the
 * detail names it and the task.
 * Threads: runs inside mproc_map_next() or mproc_pool_map(), in the thread that calls it. It must not use the
 * pool.
 */
typedef int mproc_feed_fn(void *user, uint64_t index, struct mproc_args *args);

enum { MPROC_FEED_END = 1 };

struct mproc_map_options {
    uint64_t count;      /* how many tasks; 0: until the feed says MPROC_FEED_END */
    bool unordered;      /* results as they come, not in the order of the tasks */
    unsigned chunk;      /* tasks in one hand-over; 0: as their duration suggests; 1: one by one */
    unsigned window;     /* bound of tasks fed whose results were not taken; 0: what keeps all workers busy */
    uint64_t timeout_ms; /* of one run of one task; 0: none */
    unsigned retries;    /* of each task, after the death of its worker */
    /* Called inside the calls on the map when more tasks have finished; NULL: nothing. It must not use the
     * pool. `count` is that of the options. */
    void (*progress)(void *user, uint64_t finished, uint64_t count);
    void *user; /* passed to it, not to the feed */
};

/**
 * Begins a map: one task for each call of the feed that returns 0. Nothing is fed yet.
 *
 * Results are taken with mproc_map_next(). Tasks are fed as results are taken, so that a map without an end
 * needs bounded memory. A chunk of several tasks is handed over at once but is no unit: a death costs one
 * task of it, each has its own timeout and result; their results come when the last of them has finished.
 *
 * Returns: 0.
 * Errors: -EINVAL: no such entry, no feed; -EPIPE: closed; -ENOTRECOVERABLE; -ENOMEM; -EPERM; -EBADF.
 * Ownership: the caller's, ends with mproc_map_free(); feed and user must live as long.
 * Threads: one at a time for each map.
 */
MPROC_EXPORT int mproc_pool_imap(struct mproc_pool *pool, const char *entry, mproc_feed_fn *feed, void *user,
                                 const struct mproc_map_options *options, struct mproc_map **ret_map);

/**
 * Takes the next result of a map.
 *
 * @param deadline_ns  when to give up; the map goes on. MPROC_NOW, MPROC_FOREVER
 * @param ret_result   what became of the task
 *
 * Returns: 0.
 * Errors: -ENODATA: there are no more; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED: the caller was
 * stopped; what the feed returned, after the results of what was fed; -EPIPE: the pool was terminated or
 * joined before all was fed; -EPERM; -EBADF: the map was given back.
 * Ownership: values and detail are the map's, valid until the next call with it.
 * Threads: one at a time for each map. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_map_next(struct mproc_map *map, uint64_t deadline_ns, struct mproc_result *ret_result);

/**
 * Ends a map. Tasks that have not begun never will; those that run go on, and their results are dropped. NULL
 * is a no-op.
 *
 * Threads: one at a time for each map.
 */
MPROC_EXPORT void mproc_map_free(struct mproc_map *map);

/**
 * Runs a whole map: each result is given to `each`, in order unless the options say otherwise.
 *
 * @param each         called with each result; NULL: nothing
 * @param each_user    passed to it
 * @param deadline_ns  when to give up; what has not begun then never will
 *
 * Returns: 0: all tasks are done.
 * Errors: what the first task that was not done has as `error`; all others were run nevertheless, and `each`
 * was told. -ETIMEDOUT (-EAGAIN for MPROC_NOW), -ECANCELED: not all have finished; those of mproc_pool_imap()
 * and mproc_map_next().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pool_map(struct mproc_pool *pool, const char *entry, mproc_feed_fn *feed, void *user,
                                const struct mproc_map_options *options, mproc_result_fn *each,
                                void *each_user, uint64_t deadline_ns);

/**
 * Does what is to be done for a pool: collects, calls back, enforces timeouts, replaces workers. Waits until
 * a task has finished that had not before the call.
 *
 * Returns: 0: at least one task has finished since the call.
 * Errors: -ENODATA: no task is unfinished; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED; -EPERM; -EBADF.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pool_collect(struct mproc_pool *pool, uint64_t deadline_ns);

/**
 * Takes no new tasks from now on. What was submitted goes on.
 *
 * Returns: 0, also when it is closed already.
 * Errors: -EPERM; -EBADF.
 * Threads: any. Blocking: never.
 */
MPROC_EXPORT int mproc_pool_close(struct mproc_pool *pool);

/**
 * Waits until all tasks of a closed pool have finished, and then until its workers have ended.
 *
 * @param deadline_ns  when to give up; the pool goes on
 *
 * Returns: 0.
 * Errors: -EINVAL: the pool is open: close it first; -ETIMEDOUT (-EAGAIN for MPROC_NOW): the detail says what
 * is missing; -ECANCELED; -EPERM; -EBADF.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_pool_join(struct mproc_pool *pool, uint64_t deadline_ns);

/**
 * Ends a pool: all tasks that have not finished are cancelled, workers are asked to stop, and killed at the
 * deadline. A stop of the caller does not cancel it.
 *
 * @param deadline_ns  for the workers to end by themselves; MPROC_NOW kills at once
 *
 * Returns: 0: no worker is left.
 * Errors: -ETIMEDOUT: some hang inside the kernel a second after they were killed, or the guard is stopped
 * and does not tell of their ends; -EPERM; -EBADF.
 * Threads: any. Blocking: until the deadline and a second more.
 */
MPROC_EXPORT int mproc_pool_terminate(struct mproc_pool *pool, uint64_t deadline_ns);

/**
 * Gives a pool back; one that has not ended is terminated with its grace as the deadline. NULL is a no-op.
 *
 * Futures and maps stay valid until they are freed; the outcome of what had not finished is
 * MPROC_OUTCOME_CANCELLED. In a fork of the owner it does nothing.
 *
 * Threads: any; no other may be inside a call with it. Blocking: for the grace and a second at most.
 */
MPROC_EXPORT void mproc_pool_free(struct mproc_pool *pool);

enum mproc_worker_state {
    MPROC_WORKER_GONE, /* to be replaced, or the pool has ended */
    MPROC_WORKER_STARTING,
    MPROC_WORKER_IDLE,
    MPROC_WORKER_BUSY,
    MPROC_WORKER_ENDING, /* asked to stop, or has done its share */
    MPROC_WORKER__COUNT,
};

/* Of one place for a worker, and all who have filled it. */
struct mproc_worker_stat {
    enum mproc_worker_state state;
    pid_t pid;         /* 0: gone */
    uint64_t tasks;    /* run to their end */
    uint64_t busy_ns;  /* in tasks */
    uint64_t idle_ns;  /* waiting for tasks */
    uint64_t since_ns; /* for how long it is busy or idle now; 0 in other states */
    uint32_t restarts; /* how often it was replaced */
    uint32_t retired;  /* how often of these because of max_tasks or max_bytes */
    uint32_t deaths;   /* how often of these it died of itself, in a task or idle */
    const char *entry; /* the task it is at; NULL: none, or not known */
    char why[96];      /* how the last one ended, in words; empty: none has */
};

struct mproc_pool_stat {
    uint32_t workers; /* alive */
    uint64_t pending; /* tasks not finished and not in a worker */
    uint64_t running;
    uint64_t finished[MPROC_OUTCOME__COUNT]; /* tasks, by outcome */
    uint64_t retries;                        /* runs that were repeated after a death */
    uint32_t restarts;                       /* of workers */
    uint32_t deaths;
    bool closed;
};

/**
 * How a pool, or the worker in one place of it, is doing at this moment.
 *
 * @param index  from 0; below the number of workers
 *
 * Returns: 0.
 * Errors: -EINVAL: no such worker; -EPERM; -EBADF.
 * Threads: any. Blocking: never.
 */
MPROC_EXPORT int mproc_pool_get_stat(struct mproc_pool *pool, struct mproc_pool_stat *ret_stat);
MPROC_EXPORT int mproc_pool_get_worker(struct mproc_pool *pool, unsigned index,
                                       struct mproc_worker_stat *ret_stat);

/**
 * In a task: the set that takes its result. It belongs to the library, and is empty when a task begins.
 *
 * Returns: the set; NULL outside of tasks and hooks of a pool.
 * Threads: the one that runs the task.
 */
MPROC_EXPORT struct mproc_args *mproc_task_result(void);

/**
 * In a worker: what its tasks share, as set by the init hook; what to do with it at the end is up to the exit
 * hook.
 *
 * Returns: the state; NULL before it is set.
 * Threads: the one that runs the tasks.
 */
MPROC_EXPORT void *mproc_task_state(void);
MPROC_EXPORT void mproc_task_set_state(void *state);

/**
 * In a task: the place of its worker in the pool, from 0; and which attempt this is, from 1.
 *
 * Returns: the number; -1 and 0 outside of a pool.
 * Threads: any.
 */
MPROC_EXPORT int mproc_task_worker(void);
MPROC_EXPORT unsigned mproc_task_attempt(void);

#ifdef __cplusplus
}
#endif

#endif
