#include <mproc/deadline.h>

#include "pool_internal.h"

void mproc_pool_stop_worker(struct mproc_pool *pool, uint32_t lane)
{
    struct pool_worker *worker = &pool->workers[lane];

    if (!worker->process || worker->kill_at_ns)
        return;
    worker->kill_at_ns = mproc_deadline_ms(pool->grace_ms);
    mproc_pool_due(pool, worker->kill_at_ns);
    mproc_process_ask(worker->process);
}

/* Condemns the task that a worker is at, if it still is. */
static bool condemn(struct mproc_pool *pool, struct pool_job *job, uint64_t word, enum mproc_outcome outcome)
{
    uint32_t lane = hand_lane(word);

    if (lane >= pool->nworkers || !mproc_hand_condemn(pool->hand, job->cell, word))
        return false;
    job->doom = outcome;
    pool->workers[lane].condemned = true;
    mproc_pool_stop_worker(pool, lane);
    return true;
}

/* Ends a job that has not finished. Its rest, too, when it is at one of several tasks. */
static void end_job(struct mproc_pool *pool, struct pool_job *job, enum mproc_outcome outcome)
{
    if (job->state == JOB_PENDING) {
        mproc_pool_remove_pending(pool, job);
        mproc_job_give_up(pool, job, outcome);
        return;
    }
    if (mproc_hand_revoke(pool->hand, job->cell)) {
        mproc_job_note_out_of_cell(pool, job);
        mproc_job_give_up(pool, job, outcome);
        return;
    }
    /* One that its worker is just done with is collected with the others. */
    job->rest = outcome;
    uint64_t word = mproc_hand_word(pool->hand, job->cell);
    while (hand_phase(word) == HAND_TAKEN && !condemn(pool, job, word, outcome))
        word = mproc_hand_word(pool->hand, job->cell);
}

void mproc_job_cancel(struct mproc_pool *pool, struct pool_job *job)
{
    end_job(pool, job, MPROC_OUTCOME_CANCELLED);
}

void mproc_pool_fail_all(struct mproc_pool *pool, enum mproc_outcome outcome)
{
    while (pool->pending)
        end_job(pool, pool->pending, outcome);
    for (uint32_t i = 0; i < pool->hand->cells; i++) {
        struct pool_job *job = pool->in_cell[i];
        if (job && job->state == JOB_IN_CELL)
            end_job(pool, job, outcome);
    }
}

/* When the task that a job is at has run long enough. */
static uint64_t expiry(const struct mproc_pool *pool, struct pool_job *job, uint64_t word, uint64_t now_ns)
{
    uint64_t begun_ns = __atomic_load_n(&pool->hand->cell[job->cell].begun_ns, __ATOMIC_RELAXED);

    if (hand_phase(word) != HAND_TAKEN)
        return now_ns + job->timeout_ns;
    if (begun_ns == 0 || begun_ns > now_ns) {
        /* Claimed, and the worker has not said when: since now, as far as is known. */
        if (job->seen_ns == 0)
            job->seen_ns = now_ns;
        begun_ns = job->seen_ns;
    }
    return begun_ns + job->timeout_ns;
}

void mproc_pool_check_timeouts(struct mproc_pool *pool, uint64_t now_ns)
{
    for (uint32_t i = 0; i < pool->hand->cells && pool->timed > 0; i++) {
        struct pool_job *job = pool->in_cell[i];
        if (!job || job->state != JOB_IN_CELL || job->timeout_ns == 0)
            continue;
        uint64_t word = mproc_hand_word(pool->hand, i);
        if (hand_phase(word) == HAND_CONDEMNED || hand_phase(word) == HAND_DONE)
            continue;
        uint64_t expiry_ns = expiry(pool, job, word, now_ns);
        /* Should the worker be faster in the end, the word has changed, and nothing happens to it. */
        if (expiry_ns > now_ns || !condemn(pool, job, word, MPROC_OUTCOME_TIMED_OUT))
            mproc_pool_due(pool, expiry_ns > now_ns ? expiry_ns : now_ns + job->timeout_ns);
    }
}
