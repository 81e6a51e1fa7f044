#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>

#include "error_internal.h"
#include "letter.h"
#include "pool_internal.h"

/* How long arguments are sent again and again to whom the system does not let them through. */
static const uint64_t refusal_ms = 2000;

uint32_t mproc_pool_take_cell(struct mproc_pool *pool)
{
    return pool->nfree > 0 ? pool->free_cells[--pool->nfree] : POOL_NO_CELL;
}

void mproc_pool_free_cell(struct mproc_pool *pool, uint32_t cell)
{
    pool->in_cell[cell] = NULL;
    pool->free_cells[pool->nfree++] = cell;
}

static int copy_fds(struct pool_job *job, const int *fds, unsigned nfds)
{
    if (nfds == 0)
        return 0;
    job->fds = malloc(nfds * sizeof(*job->fds));
    if (!job->fds)
        return mproc_fail(-ENOMEM, "no memory for %u descriptors of a task", nfds);
    for (; job->nfds < nfds; job->nfds++) {
        int fd = fcntl(fds[job->nfds], F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return mproc_fail(-errno, "a descriptor of a task cannot be duplicated: %s (RLIMIT_NOFILE?)",
                              strerrordesc_np(errno));
        job->fds[job->nfds] = fd;
    }
    return 0;
}

int mproc_job_load(struct pool_job *job, const struct mproc_args *args)
{
    struct mproc_args_wire wire;
    int r = mproc_args_encode(args, &wire);

    if (r)
        return r;
    job->args = wire.bytes;
    job->args_len = wire.len;
    job->by_letter = wire.nfds > 0 || hand_record_size(wire.len) > job->pool->hand->body_bytes / 2;
    return copy_fds(job, wire.fds, wire.nfds);
}

static void drop_args(struct pool_job *job)
{
    for (unsigned i = 0; i < job->nfds; i++)
        close(job->fds[i]);
    free(job->fds);
    free(job->args);
    job->fds = NULL;
    job->nfds = 0;
    job->args = NULL;
}

void mproc_job_clean(struct pool_job *job)
{
    drop_args(job);
    free(job->results);
    job->results = NULL;
    while (job->parcels) {
        struct pool_parcel *parcel = job->parcels;
        job->parcels = parcel->next;
        mproc_args_free(parcel->values);
        free(parcel);
    }
}

int mproc_job_enter(struct mproc_pool *pool, struct pool_job *job)
{
    int r = mproc_job_reserve(job);

    if (r)
        return r;
    job->attempt = 1;
    pool->unfinished += job->items;
    return 0;
}

static void make_pending(struct mproc_pool *pool, struct pool_job *job)
{
    job->state = JOB_PENDING;
    job->after = NULL;
    job->before = pool->last_pending;
    if (pool->last_pending)
        pool->last_pending->after = job;
    else
        pool->pending = job;
    pool->last_pending = job;
}

void mproc_pool_remove_pending(struct mproc_pool *pool, struct pool_job *job)
{
    *(job->before ? &job->before->after : &pool->pending) = job->after;
    *(job->after ? &job->after->before : &pool->last_pending) = job->before;
}

void mproc_job_note_in_cell(struct mproc_pool *pool, struct pool_job *job)
{
    job->state = JOB_IN_CELL;
    job->seen_ns = 0;
    pool->letters += job->by_letter;
    if (job->timeout_ns) {
        pool->timed++;
        mproc_pool_due(pool, mproc_clock_ns() + job->timeout_ns);
    }
}

void mproc_job_note_out_of_cell(struct mproc_pool *pool, struct pool_job *job)
{
    pool->letters -= job->by_letter;
    if (job->timeout_ns)
        pool->timed--;
}

static bool try_offer(struct mproc_pool *pool, struct pool_job *job)
{
    struct hand_cell *cell = &pool->hand->cell[job->cell];

    job->refusal = 0;
    cell->entry = job->entry;
    cell->items = job->items - job->resolved;
    cell->attempt = job->attempt;
    cell->parcel = 0;
    pool->in_cell[job->cell] = job;
    if (job->by_letter)
        return mproc_job_bind(pool, job);
    if (!mproc_hand_offer(pool->hand, job->cell))
        return false;
    mproc_job_note_in_cell(pool, job);
    pool->offered++;
    return true;
}

static void finish(struct mproc_pool *pool, struct pool_job *job)
{
    job->state = JOB_FINISHED;
    if (job->cell != POOL_NO_CELL)
        mproc_pool_free_cell(pool, job->cell);
    job->cell = POOL_NO_CELL;
    drop_args(job);
    pool->news = true;
    if (job->future) {
        mproc_future_finish(pool, job->future);
    } else if (job->map) {
        mproc_map_finish(job);
    } else {
        mproc_job_clean(job);
        free(job);
    }
}

/* It could not be offered: later, or never. */
static void put_off(struct mproc_pool *pool, struct pool_job *job)
{
    const char *why = mproc_error_detail();
    struct pool_record record = {.len = (uint32_t)strlen(why),
                                 .error = job->refusal,
                                 .outcome = MPROC_OUTCOME_NOT_RUN,
                                 .worker = -1,
                                 .attempts = job->attempt - 1};

    if (!job->refusal || mproc_clock_ns() - job->refused_ns < refusal_ms * 1000000) {
        make_pending(pool, job);
        return;
    }
    mproc_job_record(pool, job, &record, why);
    finish(pool, job);
}

void mproc_job_offer(struct mproc_pool *pool, struct pool_job *job)
{
    if (!try_offer(pool, job))
        put_off(pool, job);
}

/* The arguments of a job that has waited, into the cell that it has now. */
static void fill_cell(struct mproc_pool *pool, struct pool_job *job)
{
    struct hand_record record = {.len = (uint32_t)job->args_len};
    unsigned char *body = mproc_hand_args(pool->hand, job->cell);

    pool->hand->cell[job->cell].args_len = 0;
    if (job->by_letter)
        return;
    memcpy(body, &record, sizeof(record));
    memcpy(body + sizeof(record), job->args, job->args_len);
    pool->hand->cell[job->cell].args_len = (uint32_t)hand_record_size(job->args_len);
    drop_args(job);
}

void mproc_job_offer_new(struct mproc_pool *pool, struct pool_job *job)
{
    if (pool->pending || pool->nfree == 0) {
        make_pending(pool, job);
        return;
    }
    job->cell = mproc_pool_take_cell(pool);
    fill_cell(pool, job);
    mproc_job_offer(pool, job);
}

void mproc_pool_dispatch(struct mproc_pool *pool)
{
    struct pool_job *next;

    for (struct pool_job *job = pool->pending; job; job = next) {
        next = job->after;
        /* One that waits for a worker of its own does not hold up the others. */
        if (job->by_letter && !mproc_pool_can_bind(pool))
            continue;
        if (job->cell == POOL_NO_CELL) {
            job->cell = mproc_pool_take_cell(pool);
            if (job->cell == POOL_NO_CELL)
                return;
            fill_cell(pool, job);
        }
        mproc_pool_remove_pending(pool, job);
        if (!try_offer(pool, job)) {
            put_off(pool, job);
            return;
        }
    }
}

/* What is left of the job goes on in the same cell. */
static void go_on(struct mproc_pool *pool, struct pool_job *job, uint32_t passed)
{
    struct hand_cell *cell = &pool->hand->cell[job->cell];
    unsigned char *body = mproc_hand_args(pool->hand, job->cell);
    struct hand_record record;
    size_t at = 0;

    if (job->resolved == job->items) {
        finish(pool, job);
        return;
    }
    for (uint32_t i = 0; i < passed && !job->by_letter; i++) {
        if (mproc_hand_read_record(body, cell->args_len, at, &record) || (record.len & HAND_PARCEL))
            break; /* the worker that gets it will say so */
        at += hand_record_size(record.len);
    }
    at = at < cell->args_len ? at : cell->args_len;
    memmove(body, body + at, cell->args_len - at);
    cell->args_len -= (uint32_t)at;
    mproc_job_offer(pool, job);
}

static int take_parcel(struct mproc_pool *pool, struct pool_job *job, uint64_t word)
{
    struct pool_parcel *parcel = calloc(1, sizeof(*parcel));

    if (!parcel)
        return mproc_fail(-ENOMEM, "no memory for a result");
    int r = mproc_letter_fetch(pool->workers[hand_lane(word)].channel, job->cell, hand_generation(word),
                               &parcel->values);
    if (r) {
        free(parcel);
        return r;
    }
    if (!job->parcels)
        job->last_parcel = &job->parcels;
    *job->last_parcel = parcel;
    job->last_parcel = &parcel->next;
    return 0;
}

/* The record of an item that ran, and whose result is lost here: the task is not to blame. */
static void record_loss(struct mproc_pool *pool, struct pool_job *job, const struct pool_record *record,
                        int error)
{
    const char *why = mproc_error_detail();
    struct pool_record lost = *record;

    lost.outcome = MPROC_OUTCOME_FAILED;
    lost.error = error;
    lost.in_parcel = false;
    lost.is_lost = true;
    lost.len = (uint32_t)strlen(why);
    mproc_job_record(pool, job, &lost, why);
}

/* Results of the items before `count` of this hand-over; they are whole. */
static void absorb(struct mproc_pool *pool, struct pool_job *job, uint64_t word, uint32_t count)
{
    const struct hand_cell *cell = &pool->hand->cell[job->cell];
    const unsigned char *body = mproc_hand_args(pool->hand, job->cell);
    size_t at = mproc_hand_results_at(cell->args_len);
    uint32_t left = job->items - job->resolved;

    job->spent_ns += __atomic_load_n(&cell->spent_ns, __ATOMIC_RELAXED);

    for (uint32_t i = 0; i < count && i < left; i++) {
        struct pool_record kept = {.worker = (int16_t)hand_lane(word), .attempts = job->attempt};
        struct hand_record record;
        const void *bytes = body + at + sizeof(record);
        int r = mproc_hand_read_record(body, pool->hand->body_bytes, at, &record);
        kept.in_parcel = r == 0 && (record.len & HAND_PARCEL);
        if (r == 0 && !kept.in_parcel)
            kept.len = record.len;
        if (kept.in_parcel)
            r = take_parcel(pool, job, word);
        if (r) {
            record_loss(pool, job, &kept, r);
        } else {
            kept.error = record.code;
            kept.outcome = kept.error ? MPROC_OUTCOME_FAILED : MPROC_OUTCOME_DONE;
            mproc_job_record(pool, job, &kept, bytes);
        }
        job->attempt = 1;
        at += hand_record_size(kept.len);
    }
}

void mproc_job_collect(struct mproc_pool *pool, struct pool_job *job, uint64_t word)
{
    uint32_t count = hand_item(word);

    mproc_job_note_out_of_cell(pool, job);
    /* None done is not what a sound worker hands back: it would go round for ever. */
    absorb(pool, job, word, count > 0 ? count : 1);
    if (job->rest != MPROC_OUTCOME_DONE)
        mproc_job_give_up(pool, job, job->rest);
    else
        go_on(pool, job, count);
}

static int error_of(enum mproc_outcome outcome)
{
    static const int errors[MPROC_OUTCOME__COUNT] = {
        [MPROC_OUTCOME_DIED] = -ECHILD,
        [MPROC_OUTCOME_TIMED_OUT] = -ETIMEDOUT,
        [MPROC_OUTCOME_CANCELLED] = -ECANCELED,
        [MPROC_OUTCOME_NOT_RUN] = -ENOTRECOVERABLE,
    };

    return errors[outcome];
}

void mproc_job_give_up(struct mproc_pool *pool, struct pool_job *job, enum mproc_outcome outcome)
{
    while (job->resolved < job->items) {
        struct pool_record record = {.error = error_of(outcome),
                                     .outcome = (uint8_t)outcome,
                                     .worker = -1,
                                     .attempts = job->attempt - 1};
        mproc_job_record(pool, job, &record, NULL);
        job->attempt = 1;
    }
    finish(pool, job);
}

void mproc_job_bury(struct mproc_pool *pool, struct pool_job *job, uint64_t word,
                    const struct pool_death *death)
{
    uint32_t item = hand_item(word);
    enum mproc_outcome outcome = job->doom != MPROC_OUTCOME_DONE ? job->doom : MPROC_OUTCOME_DIED;

    mproc_job_note_out_of_cell(pool, job);
    absorb(pool, job, word, item);
    if (job->resolved == job->items) {
        finish(pool, job);
        return;
    }
    if (outcome == MPROC_OUTCOME_DIED && job->attempt <= job->retries && job->rest == MPROC_OUTCOME_DONE) {
        job->attempt++;
        pool->stat.retries++;
        go_on(pool, job, item);
        return;
    }
    struct pool_record record = {.len = sizeof(*death),
                                 .error = error_of(outcome),
                                 .outcome = (uint8_t)outcome,
                                 .worker = (int16_t)hand_lane(word),
                                 .attempts = job->attempt};
    mproc_job_record(pool, job, &record, death);
    job->attempt = 1;
    if (job->rest != MPROC_OUTCOME_DONE) {
        mproc_job_give_up(pool, job, job->rest);
        return;
    }
    job->doom = MPROC_OUTCOME_DONE;
    go_on(pool, job, item + 1);
}
