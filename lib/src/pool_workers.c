#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/error.h>

#include "descriptor.h"
#include "error_internal.h"
#include "letter.h"
#include "pool_internal.h"
#include "pool_serve.h"

/* How often is made sure that no death was missed. */
static const uint64_t look_ms = 250;
/* The same while a worker's death is known and its end is not. */
static const uint64_t hurry_ms = 10;
/* Between attempts to start a worker when that fails. */
static const uint64_t retry_ms = 100;
static const uint64_t start_ms = 2000;

enum { FAILURES_MAX = 10, KILLS_MORE = 5 };

void mproc_pool_due(struct mproc_pool *pool, uint64_t at_ns)
{
    if (at_ns < pool->next_due_ns)
        pool->next_due_ns = at_ns;
}

static int make_args(const struct mproc_pool *pool, uint32_t lane, int channel, struct mproc_args **ret_args)
{
    struct mproc_args *args;
    int r = mproc_args_new(&args);

    if (r)
        return r;
    if ((r = mproc_args_add_object(args, &mproc_hand_class, pool->hand)) ||
        (r = mproc_args_add_uint(args, lane)) || (r = mproc_args_add_fd(args, channel)) ||
        (r = mproc_args_add_int(args, pool->init)) || (r = mproc_args_add_int(args, pool->exit)) ||
        (r = mproc_args_add_uint(args, pool->max_tasks)) ||
        (r = mproc_args_add_uint(args, pool->max_bytes)) ||
        (r = mproc_args_add_int(args, pool->ncpus ? pool->cpus[lane % pool->ncpus] : -1))) {
        mproc_args_free(args);
        return r;
    }
    *ret_args = args;
    return 0;
}

static int start_process(struct mproc_pool *pool, uint32_t lane, int channel,
                         struct mproc_process **ret_process)
{
    struct mproc_process_options options = pool->process;
    struct mproc_args *args;
    char name[64];
    int r = make_args(pool, lane, channel, &args);

    if (r)
        return r;
    snprintf(name, sizeof(name), "%s/%u", pool->name, lane);
    options.name = name;
    options.method = MPROC_START_FORKSERVER;
    options.background = true; /* an idle worker must not hold up the closing of the context */
    options.deadline_ns = mproc_deadline_ms(start_ms);
    r = mproc_process_start_own(pool->context, MPROC_OWN_POOL_WORKER, args, &options, ret_process);
    mproc_args_free(args);
    return r;
}

int mproc_pool_start_worker(struct mproc_pool *pool, uint32_t lane)
{
    const struct mproc_args_wire *init = &pool->init_wire;
    struct pool_worker *worker = &pool->workers[lane];
    struct mproc_process *process;
    int ends[2];
    int r = 0;

    if (mproc_socketpair(0, ends))
        return mproc_fail(-errno, "no socket for a worker of the pool: %s", strerrordesc_np(errno));
    /* Only the worker may wait for room. */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (pool->init >= 0)
        r = mproc_letter_send(ends[0], LETTER_INIT, 0, init->bytes, init->len, init->fds, init->nfds);
    if (r == 0)
        r = start_process(pool, lane, ends[1], &process);
    close(ends[1]);
    if (r) {
        close(ends[0]);
        return r;
    }
    worker->process = process;
    worker->channel = ends[0];
    worker->condemned = false;
    worker->kill_at_ns = 0;
    pool->alive++;
    return 0;
}

/* There are no workers and will be none. */
static void break_pool(struct mproc_pool *pool, const char *why)
{
    if (pool->broken)
        return;
    pool->broken = -ENOTRECOVERABLE;
    snprintf(pool->broken_detail, sizeof(pool->broken_detail), "%s", why);
    mproc_pool_fail_all(pool, MPROC_OUTCOME_NOT_RUN);
}

static bool any_serves(const struct mproc_pool *pool)
{
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        if (pool->workers[i].process &&
            __atomic_load_n(&pool->hand->lane[i].stage, __ATOMIC_ACQUIRE) == HAND_SERVING)
            return true;
    }
    return false;
}

/* How many workers in a row may end before they serve. Who is killed may be innocent: then it is somebody
 * outside, or memory that is short for a while. */
static unsigned deaths_allowed(const struct mproc_pool *pool, const struct mproc_status *status)
{
    unsigned deaths = pool->nworkers > 3 ? pool->nworkers : 3;

    return status->end == MPROC_END_SIGNAL && status->signal == SIGKILL ? KILLS_MORE * deaths : deaths;
}

/* Why there are none: how the last one ended before it served. */
static void explain_ends(const struct mproc_pool *pool, uint32_t lane, const struct mproc_status *status,
                         char *ret_why, size_t size)
{
    const char *hook = pool->init >= 0 ? pool->context->entries[pool->init].name : NULL;
    const char *meaning = status->returned && status->result < 0 ? mproc_strerror(status->result) : "";

    snprintf(ret_why, size, "workers end %s%.40s%s, the last was '%s/%u': %s%s%s%s%s%s",
             hook ? "in their init hook '" : "before they serve", hook ? hook : "", hook ? "'" : "",
             pool->name, lane, pool->workers[lane].past.why, meaning[0] ? " (" : "", meaning,
             meaning[0] ? ")" : "", status->detail[0] ? ": " : "", status->detail);
}

static void note_end(struct mproc_pool *pool, uint32_t lane, const struct mproc_status *status)
{
    const struct hand_lane *own = &pool->hand->lane[lane];
    struct pool_worker *worker = &pool->workers[lane];
    struct mproc_worker_stat *past = &worker->past;
    uint32_t stage = __atomic_load_n(&own->stage, __ATOMIC_ACQUIRE);
    bool is_meant = worker->kill_at_ns || status->step != MPROC_STEP_NONE ||
                    __atomic_load_n(&pool->hand->shared->closing, __ATOMIC_RELAXED);
    char why[sizeof(pool->broken_detail)];

    past->tasks += __atomic_load_n(&own->tasks, __ATOMIC_RELAXED);
    past->busy_ns += __atomic_load_n(&own->busy_ns, __ATOMIC_RELAXED);
    past->idle_ns += __atomic_load_n(&own->idle_ns, __ATOMIC_RELAXED);
    if (stage == HAND_RETIRING && status->end == MPROC_END_EXIT)
        past->retired++;
    else if (!is_meant) {
        past->deaths++;
        pool->stat.deaths++;
    }
    mproc_status_describe(status, past->why, sizeof(past->why));
    worker->start_at_ns = 0;
    if (stage != HAND_STARTING) {
        pool->failures = 0;
    } else if (!is_meant && ++pool->failures >= deaths_allowed(pool, status)) {
        worker->start_at_ns = mproc_deadline_ms(retry_ms);
        explain_ends(pool, lane, status, why, sizeof(why));
        if (!any_serves(pool))
            break_pool(pool, why);
    }
}

/* Everything that a dead worker had in its hands. */
static void bury(struct mproc_pool *pool, uint32_t lane, const struct pool_death *death)
{
    mproc_pool_collect_lane(pool, lane);
    for (uint32_t i = 0; i < pool->hand->cells; i++) {
        struct pool_job *job = pool->in_cell[i];
        uint64_t word = mproc_hand_word(pool->hand, i);
        if (!job || job->state != JOB_IN_CELL || hand_lane(word) != lane)
            continue;
        switch (hand_phase(word)) {
        case HAND_TAKEN:
        case HAND_CONDEMNED:
            mproc_job_bury(pool, job, word, death);
            break;
        case HAND_DONE:
            mproc_job_collect(pool, job, word);
            break;
        case HAND_BOUND:
            /* It never began: another worker gets it. */
            if (mproc_hand_revoke(pool->hand, i)) {
                mproc_job_note_out_of_cell(pool, job);
                mproc_job_offer(pool, job);
            }
            break;
        default:
            break;
        }
    }
}

static void reap(struct mproc_pool *pool, uint32_t lane)
{
    struct pool_worker *worker = &pool->workers[lane];
    struct mproc_process *process = worker->process;
    struct pool_death death = {.pid = mproc_process_pid(process)};

    if (mproc_process_join(process, MPROC_NOW, &death.status))
        return;
    /* Not to be found any more by who looks for a worker to bind. */
    worker->process = NULL;
    pool->alive--;
    bury(pool, lane, &death);
    note_end(pool, lane, &death.status);
    close(worker->channel);
    mproc_process_free(process);
    worker->channel = -1;
    worker->kill_at_ns = 0;
    worker->head = 0;
    mproc_hand_reset_lane(pool->hand, lane);
    /* It may have been woken for a task that it did not live to claim. */
    mproc_hand_wake(pool->hand, pool->nworkers);
}

static bool wants_workers(const struct mproc_pool *pool)
{
    return !pool->broken &&
           (pool->state == POOL_OPEN || (pool->state == POOL_CLOSED && pool->unfinished > 0)) &&
           mproc_context_current() == pool->context;
}

static void restart(struct mproc_pool *pool, uint32_t lane, uint64_t now_ns)
{
    struct pool_worker *worker = &pool->workers[lane];
    char why[sizeof(pool->broken_detail)];

    if (worker->start_at_ns > now_ns) {
        mproc_pool_due(pool, worker->start_at_ns);
        return;
    }
    int r = mproc_pool_start_worker(pool, lane);
    if (r == 0) {
        worker->past.restarts++;
        pool->stat.restarts++;
        return;
    }
    worker->start_at_ns = now_ns + retry_ms * 1000000;
    mproc_pool_due(pool, worker->start_at_ns);
    /* A thread that is stopped starts nothing; that is no failure of the pool. */
    if (r == -ECANCELED || pool->alive > 0 || ++pool->failures < FAILURES_MAX)
        return;
    snprintf(why, sizeof(why), "no worker can be started: %.200s", mproc_error_detail());
    break_pool(pool, why);
}

void mproc_pool_look_after(struct mproc_pool *pool, uint64_t now_ns)
{
    uint32_t ends = __atomic_load_n(&pool->context->slots->ends, __ATOMIC_ACQUIRE);
    bool is_time = now_ns >= pool->next_look_ns;
    bool is_lost = false;

    if (ends == pool->ends_seen && !is_time && pool->alive == pool->nworkers)
        return;
    pool->ends_seen = ends;
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        struct pool_worker *worker = &pool->workers[i];
        if (!worker->process)
            continue;
        enum mproc_slot_state state = mproc_slot_state(worker->process->slot);
        if (state == MPROC_SLOT_ENDED ||
            ((is_time || state == MPROC_SLOT_LOST) && !mproc_process_alive(worker->process)))
            reap(pool, i);
        else
            is_lost = is_lost || state == MPROC_SLOT_LOST;
    }
    for (uint32_t i = 0; i < pool->nworkers && pool->alive < pool->nworkers && wants_workers(pool); i++) {
        if (!pool->workers[i].process)
            restart(pool, i, now_ns);
    }
    if (pool->alive == 0 && pool->unfinished > 0 && mproc_context_current() != pool->context)
        break_pool(pool, "its context was closed");
    if (is_time || is_lost)
        pool->next_look_ns = now_ns + (is_lost ? hurry_ms : look_ms) * 1000000;
    /* Whoever was woken for a task may be stopped: then another may have it. */
    if (is_time && pool->unfinished > 0)
        mproc_hand_wake(pool->hand, pool->nworkers);
}

static void kill_overdue(struct mproc_pool *pool, uint64_t now_ns)
{
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        struct pool_worker *worker = &pool->workers[i];
        if (!worker->process || worker->kill_at_ns == 0)
            continue;
        if (worker->kill_at_ns > now_ns) {
            mproc_pool_due(pool, worker->kill_at_ns);
            continue;
        }
        mproc_process_kill(worker->process);
        worker->kill_at_ns = MPROC_FOREVER;
    }
}

void mproc_pool_do_due(struct mproc_pool *pool, uint64_t now_ns)
{
    if (now_ns < pool->next_due_ns)
        return;
    pool->next_due_ns = MPROC_FOREVER;
    mproc_pool_check_timeouts(pool, now_ns);
    kill_overdue(pool, now_ns);
}
