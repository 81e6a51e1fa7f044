#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/stop.h>

#include "error_internal.h"
#include "pool_internal.h"
#include "stop_internal.h"

int mproc_pool_check_open(const struct mproc_pool *pool)
{
    if (pool->broken)
        return mproc_fail(pool->broken, "the pool '%s' has no workers: %s", pool->name, pool->broken_detail);
    if (pool->state != POOL_OPEN)
        return mproc_fail(-EPIPE, "the pool '%s' is closed", pool->name);
    if (mproc_context_current() != pool->context)
        return mproc_fail(-EPIPE, "the context of the pool '%s' is closed, so it has no workers", pool->name);
    return 0;
}

static int fail_wait(int r, const char *what)
{
    if (r == -ECANCELED)
        return mproc_fail(r, "stopped while waiting for %s", what);
    return mproc_fail(r, "no %s until the deadline", what);
}

static bool has_room(void *arg)
{
    const struct mproc_pool *pool = arg;

    return pool->unfinished < pool->max_pending || mproc_pool_check_open(pool);
}

static int make_future(struct mproc_pool *pool, uint32_t entry, const struct mproc_args *args,
                       const struct mproc_task_options *options, struct mproc_future **ret_future)
{
    struct mproc_future *future = calloc(1, sizeof(*future));

    if (!future)
        return mproc_fail(-ENOMEM, "no memory for a task");
    atomic_init(&future->grip.refs, 1);
    future->job =
        (struct pool_job){.pool = pool, .entry = entry, .items = 1, .cell = POOL_NO_CELL, .future = future};
    if (options) {
        future->job.timeout_ns = pool_span_ns(options->timeout_ms);
        future->job.retries = options->retries;
        future->done = options->done;
        future->user = options->user;
    }
    int r = mproc_job_load(&future->job, args);
    if (r) {
        mproc_job_clean(&future->job);
        free(future);
        return r;
    }
    *ret_future = future;
    return 0;
}

static void free_future(struct mproc_future *future)
{
    struct mproc_pool *pool = future->job.pool;

    mproc_view_clean(&future->view);
    mproc_args_end(future->view.values);
    mproc_job_clean(&future->job);
    atomic_store(&future->grip.refs, 0);
    mproc_handle_bury(future);
    mproc_pool_unref(pool);
}

/* Under the lock. */
static int enter(struct mproc_pool *pool, struct mproc_future *future, uint64_t deadline_ns)
{
    int r = 0;

    if (!has_room(pool)) {
        r = mproc_pool_await(pool, has_room, pool, deadline_ns);
        if (r)
            return fail_wait(r, "room for another task (max_pending)");
    }
    r = mproc_pool_check_open(pool);
    if (r == 0)
        r = mproc_job_enter(pool, &future->job);
    if (r)
        return r;
    mproc_job_offer_new(pool, &future->job);
    mproc_pool_pump(pool);
    return 0;
}

int mproc_pool_submit(struct mproc_pool *pool, const char *entry, const struct mproc_args *args,
                      const struct mproc_task_options *options, uint64_t deadline_ns,
                      struct mproc_future **ret_future)
{
    struct mproc_future *future = NULL;
    uint32_t index;
    int r = mproc_handle_check(pool, "pool");

    if (r == 0)
        r = mproc_context_check_owner(pool->context);
    if (r == 0)
        r = mproc_context_find_entry(pool->context, entry, &index);
    if (r == 0)
        r = make_future(pool, index, args, options, &future);
    if (r)
        return r;
    atomic_fetch_add(&pool->refs, 1);
    pthread_mutex_lock(&pool->lock);
    r = enter(pool, future, deadline_ns);
    if (r == 0) {
        /* One that nobody asks for ends by itself, perhaps in the call-backs below. */
        if (ret_future)
            *ret_future = future;
        else if (future->job.state == JOB_FINISHED && !future->done)
            free_future(future);
        else
            future->freed = true;
        mproc_pool_call_back(pool);
    }
    mproc_pool_unlock(pool);
    if (r)
        free_future(future);
    return r;
}

void mproc_future_finish(struct mproc_pool *pool, struct mproc_future *future)
{
    if (future->done) {
        future->next_call = NULL;
        *(pool->calls ? &pool->last_call->next_call : &pool->calls) = future;
        pool->last_call = future;
        future->is_called = true;
    } else if (future->freed) {
        free_future(future);
    }
}

/* Under the lock. */
static const struct mproc_result *read_result(struct mproc_future *future)
{
    size_t offset = 0;

    if (!future->is_read)
        mproc_job_read(&future->job, 0, &offset, &future->view, &future->result);
    future->is_read = true;
    return &future->result;
}

void mproc_pool_call_back(struct mproc_pool *pool)
{
    while (pool->calls) {
        struct mproc_future *future = pool->calls;
        pool->calls = future->next_call;
        const struct mproc_result *result = read_result(future);
        mproc_pool_unlock(pool);
        future->done(future->user, result);
        pthread_mutex_lock(&pool->lock);
        future->is_called = false;
        if (future->freed)
            free_future(future);
    }
}

static bool has_finished(void *arg)
{
    return ((const struct mproc_future *)arg)->job.state == JOB_FINISHED;
}

static int lock_for(const struct mproc_future *future)
{
    int r = mproc_handle_check(future, "future");

    return r ? r : mproc_pool_lock(future->job.pool);
}

int mproc_future_wait(struct mproc_future *future, uint64_t deadline_ns, struct mproc_result *ret_result)
{
    int r = lock_for(future);

    if (r)
        return r;
    struct mproc_pool *pool = future->job.pool;
    if (!has_finished(future))
        r = mproc_pool_await(pool, has_finished, future, deadline_ns);
    if (r == 0 && ret_result)
        *ret_result = *read_result(future);
    mproc_pool_unlock(pool);
    return r ? fail_wait(r, "result of the task") : 0;
}

int mproc_future_cancel(struct mproc_future *future)
{
    int r = lock_for(future);

    if (r)
        return r;
    struct mproc_pool *pool = future->job.pool;
    mproc_pool_pump(pool);
    bool has_ended =
        has_finished(future) || (future->job.state == JOB_IN_CELL &&
                                 hand_phase(mproc_hand_word(pool->hand, future->job.cell)) == HAND_DONE);
    if (!has_ended)
        mproc_job_cancel(pool, &future->job);
    mproc_pool_pump(pool);
    mproc_pool_call_back(pool);
    mproc_pool_unlock(pool);
    return has_ended ? mproc_fail(-EALREADY, "the task has finished; its result stands") : 0;
}

void mproc_future_free(struct mproc_future *future)
{
    if (!future || lock_for(future))
        return;
    struct mproc_pool *pool = future->job.pool;
    mproc_handle_unref(future);
    atomic_fetch_add(&pool->refs, 1);
    if (has_finished(future) && !future->is_called)
        free_future(future);
    else
        future->freed = true;
    mproc_pool_unlock(pool);
    mproc_pool_unref(pool);
}

/* What became of a task as a return value. The values go to the caller. */
static int take_result(struct mproc_future *future, const struct mproc_result *result,
                       struct mproc_args **ret_values)
{
    struct pool_view *view = &future->view;

    if (result->outcome != MPROC_OUTCOME_DONE)
        return mproc_fail(result->error, "%s", result->detail);
    if (!ret_values)
        return 0;
    if (view->parcel) {
        *ret_values = view->parcel;
        view->parcel = NULL;
        return 0;
    }
    /* These lie in the buffer of the job: they get their own. */
    const struct pool_record *record = (const void *)future->job.results;
    return mproc_args_decode(record + 1, record->len, NULL, 0, ret_values);
}

int mproc_pool_apply(struct mproc_pool *pool, const char *entry, const struct mproc_args *args,
                     const struct mproc_task_options *options, uint64_t deadline_ns,
                     struct mproc_args **ret_values)
{
    struct mproc_future *future;
    struct mproc_result result;
    int r = mproc_pool_submit(pool, entry, args, options, deadline_ns, &future);

    if (r)
        return r;
    r = mproc_future_wait(future, deadline_ns, &result);
    if (r) {
        /* Nothing of it may go on when this returns. */
        struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
        bool is_late = mproc_future_cancel(future) != 0;
        int waited = mproc_future_wait(future, MPROC_FOREVER, &result);
        mproc_stop_enter(before);
        if (waited == 0 && is_late && result.outcome == MPROC_OUTCOME_DONE)
            r = 0;
        if (r)
            mproc_fail(r, "'%s' was cancelled: %s", entry,
                       r == -ECANCELED ? "the caller was stopped"
                       : r == -EAGAIN  ? "it was not done at once"
                                       : "the deadline has passed");
    }
    if (r == 0)
        r = take_result(future, &result, ret_values);
    mproc_future_free(future);
    return r;
}
