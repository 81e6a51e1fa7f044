/*
 * The owner's side of a pool. All of it is under the lock of the pool, in private memory of the owner; what
 * workers see is in pool_hand.h.
 *
 * A job is what a hand-over makes of the tasks of one submit (one item) or of one chunk of a map (several).
 * It waits in the list of pending ones until there is a cell for it, is in a cell until all its items have a
 * record, and has finished then:
 *
 *     submit, map ─► pending ─► cell ─► finished ─► future, map
 *                       ▲         │ a worker died, or gave the rest back
 *                       └─────────┘
 */
#ifndef MPROC_POOL_INTERNAL_H
#define MPROC_POOL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/pool.h>

#include "args_internal.h"
#include "handle.h"
#include "pool_hand.h"
#include "process_internal.h"

#define POOL_NO_CELL UINT32_MAX

/* A result as the owner keeps it; `len` bytes follow: the values of DONE, the detail of FAILED and of
 * NOT_RUN, a pool_death of others that were begun. One that is lost is of a task that ran; its bytes say why
 * the owner could not take what it gave. */
struct pool_record {
    uint32_t len;
    int32_t error;
    uint8_t outcome;
    bool in_parcel : 1;
    bool is_lost : 1;
    int16_t worker;
    uint32_t attempts;
};

struct pool_death {
    struct mproc_status status;
    pid_t pid;
};

/* A result that came through a channel. */
struct pool_parcel {
    struct pool_parcel *next;
    struct mproc_args *values;
};

enum pool_job_state { JOB_NEW, JOB_PENDING, JOB_IN_CELL, JOB_FINISHED };

struct pool_job {
    struct mproc_pool *pool;
    struct pool_job *before, *after; /* among the pending ones */
    struct pool_job *next;           /* among the map's, or its spare ones */
    enum pool_job_state state;
    uint32_t entry;
    uint32_t items;
    uint32_t resolved; /* items that have a record; the others' arguments are in the cell */
    uint32_t attempt;  /* of the first that has none, from 1 */
    uint32_t retries;
    uint64_t timeout_ns;
    uint32_t cell;
    uint64_t seen_ns;        /* when its current item was first seen without a time of its own */
    enum mproc_outcome doom; /* of the item for which its worker was condemned; DONE: it was not */
    enum mproc_outcome rest; /* of the items that have not begun; DONE: they go on */
    /* Arguments that are in no cell: of a job that waits, or that go through a channel. */
    unsigned char *args;
    size_t args_len;
    int *fds;
    unsigned nfds;
    bool by_letter;
    int refusal;         /* why the last attempt to send them failed; 0: it did not, or was not made */
    uint64_t refused_ns; /* since when */
    unsigned char *results;
    size_t results_len;
    size_t results_room;
    struct pool_parcel *parcels;
    struct pool_parcel **last_parcel;
    uint64_t first;    /* index of its first item in the map */
    uint64_t spent_ns; /* in workers */
    struct mproc_future *future;
    struct mproc_map *map; /* neither: nobody asks any more */
};

/* What a mproc_result points to. */
struct pool_view {
    struct mproc_args *values;
    struct mproc_args *parcel; /* in place of these */
    char detail[400];
};

struct mproc_future {
    struct mproc_grip grip;
    struct pool_job job;
    mproc_result_fn *done;
    void *user;
    struct mproc_future *next_call;
    bool freed; /* by its user */
    bool is_called;
    bool is_read; /* result and view are valid */
    struct mproc_result result;
    struct pool_view view;
};

struct pool_worker {
    struct mproc_process *process; /* NULL: gone */
    int channel;
    uint32_t head; /* what was read of its list */
    bool condemned;
    uint64_t kill_at_ns;           /* 0: it was not asked to stop */
    uint64_t start_at_ns;          /* not before, when it is gone */
    struct mproc_worker_stat past; /* of all who were in this place */
};

enum pool_state { POOL_OPEN, POOL_CLOSED, POOL_ENDING, POOL_ENDED };

struct mproc_pool {
    struct mproc_grip grip; /* of who has made it */
    pthread_mutex_t lock;
    _Atomic unsigned refs; /* the handle, each future and each map */
    struct mproc_context *context;
    struct mproc_hand *hand;
    enum pool_state state;
    int broken; /* why there are no workers and never will be: -ENOTRECOVERABLE */
    char broken_detail[384];
    /* Options. */
    char name[48];
    int64_t init, exit;
    struct mproc_args_wire init_wire;
    int *init_fds;
    uint64_t max_tasks, max_bytes, max_pending, grace_ms;
    int *cpus;
    size_t ncpus;
    struct mproc_process_options process;
    /* Workers. */
    struct pool_worker *workers;
    uint32_t nworkers;
    uint32_t alive;
    uint32_t failures;     /* of starts and init hooks, since one went well */
    uint32_t ends_seen;    /* of the context's word */
    uint64_t next_look_ns; /* at all workers */
    uint64_t next_due_ns;  /* a timeout, a kill or a start */
    /* Tasks. */
    struct pool_job **in_cell;
    uint32_t *free_cells;
    uint32_t nfree;
    struct pool_job *pending, *last_pending;
    uint64_t unfinished; /* items */
    uint64_t finished;   /* items, ever */
    uint32_t timed;      /* jobs in cells that have a timeout */
    uint32_t letters;    /* jobs in cells whose arguments went through a channel */
    uint32_t feeds;      /* that run now, each filling a cell without the lock */
    uint32_t offered;    /* cells, since workers were last woken */
    bool news;           /* something has finished that others may wait for */
    struct mproc_future *calls, *last_call;
    struct mproc_pool_stat stat;
};

int mproc_pool_lock(struct mproc_pool *pool);

/* The same for who has the handle of the pool. Errors: -EBADF it was given back. */
int mproc_pool_enter(struct mproc_pool *pool);
void mproc_pool_unlock(struct mproc_pool *pool);
void mproc_pool_unref(struct mproc_pool *pool);

/* A time in nanoseconds that can be added to a moment without overflow. */
static inline uint64_t pool_span_ns(uint64_t ms)
{
    const uint64_t most_ns = UINT64_MAX / 4;

    return ms < most_ns / 1000000 ? ms * 1000000 : most_ns;
}

/* Whether tasks are taken. Errors: -EPIPE, -ENOTRECOVERABLE, with detail. */
int mproc_pool_check_open(const struct mproc_pool *pool);

/* pool_job.c: jobs, their cells and their records. */

/* Gives the arguments of a job of one item to it. Errors: those of mproc_args_encode(); -ENOMEM, -EMFILE. */
int mproc_job_load(struct pool_job *job, const struct mproc_args *args);

/* Of a job: its buffers. */
void mproc_job_clean(struct pool_job *job);

/* A free cell; POOL_NO_CELL when there is none. */
uint32_t mproc_pool_take_cell(struct mproc_pool *pool);
void mproc_pool_free_cell(struct mproc_pool *pool, uint32_t cell);

/* The job's tasks begin to count. Errors: -ENOMEM. */
int mproc_job_enter(struct mproc_pool *pool, struct pool_job *job);

/* Offers the cell of a job, which is filled; makes it pending when that is not possible now. */
void mproc_job_offer(struct mproc_pool *pool, struct pool_job *job);

/* The first time: gets a cell for what was loaded, if there is one and nobody waits for it. */
void mproc_job_offer_new(struct mproc_pool *pool, struct pool_job *job);

/* It is in a cell that workers can see from now on, or not any more. */
void mproc_job_note_in_cell(struct mproc_pool *pool, struct pool_job *job);
void mproc_job_note_out_of_cell(struct mproc_pool *pool, struct pool_job *job);

/* pool_bind.c: jobs that go to one worker. */

/* Sends the arguments and binds the cell to who will get them. Returns false when that is not possible now.
 */
bool mproc_job_bind(struct mproc_pool *pool, struct pool_job *job);

/* Whether there is a worker that could be bound. */
bool mproc_pool_can_bind(const struct mproc_pool *pool);

/* Gives what is bound to workers that are at other tasks to those that have nothing to do; if it is time to
 * look at all workers, also what one has not begun that may be stopped. */
void mproc_pool_rebind(struct mproc_pool *pool, bool is_time);

/* Hands over what is pending as far as there are cells. */
void mproc_pool_dispatch(struct mproc_pool *pool);

/* Its cell is DONE. */
void mproc_job_collect(struct mproc_pool *pool, struct pool_job *job, uint64_t word);

/* The worker that had it is dead, `word` says how far it was. */
void mproc_job_bury(struct mproc_pool *pool, struct pool_job *job, uint64_t word,
                    const struct pool_death *death);

/* It is in no worker: its tasks that have no record get this one. */
void mproc_job_give_up(struct mproc_pool *pool, struct pool_job *job, enum mproc_outcome outcome);

void mproc_pool_remove_pending(struct mproc_pool *pool, struct pool_job *job);

/* pool_result.c: from records to results. */

/* Makes room for a record of each item without bytes. Errors: -ENOMEM. */
int mproc_job_reserve(struct pool_job *job);

/* Appends a record. When there is no memory it is one without its bytes. */
void mproc_job_record(struct mproc_pool *pool, struct pool_job *job, const struct pool_record *record,
                      const void *bytes);

/* Reads the record at `*offset`, of item `item`, and passes it. */
void mproc_job_read(struct pool_job *job, uint32_t item, size_t *offset, struct pool_view *view,
                    struct mproc_result *ret_result);

void mproc_view_clean(struct pool_view *view);

/* pool_submit.c */

/* Its job has finished. */
void mproc_future_finish(struct mproc_pool *pool, struct mproc_future *future);

/* Runs the callbacks of what has finished. Gives up the lock meanwhile. */
void mproc_pool_call_back(struct mproc_pool *pool);

/* pool_map.c */
void mproc_map_finish(struct pool_job *job);

/* pool_collect.c */

/* Does all there is to do. */
void mproc_pool_pump(struct mproc_pool *pool);

/* Pumps until `is_over` says so. Gives up the lock meanwhile. Errors: -ETIMEDOUT, -EAGAIN, -ECANCELED. */
int mproc_pool_await(struct mproc_pool *pool, bool (*is_over)(void *arg), void *arg, uint64_t deadline_ns);

void mproc_pool_collect_lane(struct mproc_pool *pool, uint32_t lane);

/* pool_workers.c */
int mproc_pool_start_worker(struct mproc_pool *pool, uint32_t lane);

/* Deals with those that have ended, and starts others in their place. */
void mproc_pool_look_after(struct mproc_pool *pool, uint64_t now_ns);

/* What is due by now: timeouts, kills, starts. */
void mproc_pool_do_due(struct mproc_pool *pool, uint64_t now_ns);
void mproc_pool_due(struct mproc_pool *pool, uint64_t at_ns);

/* pool_cancel.c */

/* Ends a job wherever it is; tasks that run are condemned. */
void mproc_job_cancel(struct mproc_pool *pool, struct pool_job *job);

/* The worker has been condemned: asks it to stop, and sees to it that it is killed. */
void mproc_pool_stop_worker(struct mproc_pool *pool, uint32_t lane);

/* Condemns whoever has run too long. */
void mproc_pool_check_timeouts(struct mproc_pool *pool, uint64_t now_ns);

/* Every unfinished job gets this outcome; those that run are condemned. */
void mproc_pool_fail_all(struct mproc_pool *pool, enum mproc_outcome outcome);

#endif
