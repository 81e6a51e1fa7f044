#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

#include "error_internal.h"
#include "pool_internal.h"

/* How long a chunk shall take, when the caller leaves that to us: much longer than its hand-over, and short
 * enough that no worker waits long for the last one. */
static const uint64_t chunk_ns = 200 * 1000;

enum { GROWTH = 4, JOBS_MIN = 64, JOBS_PER_WORKER = 8 };

struct mproc_map {
    struct mproc_grip grip;
    struct mproc_pool *pool;
    uint32_t entry;
    mproc_feed_fn *feed;
    void *user;
    struct mproc_map_options options;
    /* Feeding. */
    struct mproc_args *scratch;
    bool is_carried; /* the scratch has a task for which there was no room */
    bool is_fed;     /* there is no more, or no more can be taken */
    int error;       /* then why, if that is not the end */
    char detail[400];
    uint64_t next_index;
    uint64_t task_ns; /* what a task takes, about; 0: not known yet */
    uint32_t last_chunk;
    /* Jobs: all in order, or those that have finished. */
    struct pool_job *first, *last;
    struct pool_job *spare;
    uint32_t jobs; /* fed and not taken to their end */
    uint64_t tasks;
    uint64_t finished;
    uint64_t told;
    /* Where in the first job the next result is. */
    uint32_t item;
    size_t offset;
    struct pool_view view;
};

static void append(struct mproc_map *map, struct pool_job *job)
{
    job->next = NULL;
    *(map->first ? &map->last->next : &map->first) = job;
    map->last = job;
}

void mproc_map_finish(struct pool_job *job)
{
    struct mproc_map *map = job->map;
    uint64_t task_ns = job->spent_ns / job->items + 1;

    map->finished += job->items;
    map->task_ns = map->task_ns ? (3 * map->task_ns + task_ns) / 4 : task_ns;
    if (map->options.unordered)
        append(map, job);
}

static uint32_t jobs_max(const struct mproc_map *map)
{
    uint32_t most = JOBS_PER_WORKER * map->pool->nworkers;

    most = most < JOBS_MIN ? JOBS_MIN : most;
    return most < map->pool->hand->cells / 2 ? most : map->pool->hand->cells / 2;
}

/* How many tasks the next chunk shall have; 0: enough are on their way. */
static uint32_t choose_chunk(const struct mproc_map *map)
{
    const struct mproc_map_options *options = &map->options;
    uint64_t most = MPROC_HAND_ITEMS_MAX;

    if (options->window ? map->tasks >= options->window : map->jobs >= jobs_max(map))
        return 0;
    if (options->window && most > options->window - map->tasks)
        most = options->window - map->tasks;
    if (options->chunk)
        return options->chunk < most ? options->chunk : (uint32_t)most;
    uint64_t wanted = map->task_ns ? chunk_ns / map->task_ns : 1;
    if (wanted > (uint64_t)GROWTH * map->last_chunk)
        wanted = (uint64_t)GROWTH * map->last_chunk;
    /* Towards the end smaller ones, so that all workers end together. */
    if (options->count) {
        uint64_t share = (options->count - map->next_index) / (2 * map->pool->nworkers);
        wanted = wanted < share ? wanted : share;
    }
    wanted = wanted < most ? wanted : most;
    return wanted > 0 ? (uint32_t)wanted : 1;
}

static void stop_feeding(struct mproc_map *map, int error)
{
    map->is_fed = true;
    map->error = error;
    if (error)
        snprintf(map->detail, sizeof(map->detail), "%s", mproc_error_detail());
}

/* The feed has failed. What a call of the library said in it is the reason only where it gave the same error.
 */
static void stop_by_feed(struct mproc_map *map, int error)
{
    const char *why = mproc_detail_of(error);

    if (!why[0] && error < 0)
        why = mproc_strerror(error);
    map->is_fed = true;
    map->error = error;
    snprintf(map->detail, sizeof(map->detail), "the feed returned %d at task %llu%s%s", error,
             (unsigned long long)map->next_index, why[0] ? ": " : "", why);
}

/* The task in the scratch cannot be handed over. */
static void stop_at_task(struct mproc_map *map, int error)
{
    map->is_carried = false;
    map->is_fed = true;
    map->error = error;
    snprintf(map->detail, sizeof(map->detail), "task %llu of the map: %s",
             (unsigned long long)map->next_index - 1, mproc_error_detail());
}

/* Brings a task into the scratch. Returns whether there is one. */
static bool fetch(struct mproc_map *map)
{
    if (map->is_carried)
        return true;
    if (map->is_fed)
        return false;
    if (map->options.count && map->next_index == map->options.count) {
        stop_feeding(map, 0);
        return false;
    }
    mproc_forget_detail();
    mproc_args_clear(map->scratch);
    int r = map->feed(map->user, map->next_index, map->scratch);
    if (r == 0)
        map->next_index++;
    else if (r == MPROC_FEED_END)
        stop_feeding(map, 0);
    else
        stop_by_feed(map, r);
    map->is_carried = r == 0;
    return map->is_carried;
}

/* A task that does not go into a cell: a job of its own. Returns whether there is one. */
static bool load_alone(struct mproc_map *map, struct pool_job *job)
{
    int r = mproc_job_load(job, map->scratch);
    if (r) {
        stop_at_task(map, r);
        return false;
    }
    map->is_carried = false;
    job->items = 1;
    return true;
}

/* Fills a cell with so many tasks, or as many as there are and as fit. Returns whether there is one. */
static bool fill(struct mproc_map *map, struct pool_job *job, uint32_t most)
{
    struct mproc_hand *hand = map->pool->hand;
    unsigned char *body = mproc_hand_args(hand, job->cell);
    uint32_t at = 0;

    for (job->items = 0; job->items < most && fetch(map); job->items++) {
        struct hand_record record = {0};
        unsigned nfds;
        size_t len;
        int r = mproc_args_measure(map->scratch, &len, &nfds);
        if (r) {
            stop_at_task(map, r);
            break;
        }
        if (nfds > 0 || at + hand_record_size(len) > hand->body_bytes / 2) {
            if (job->items == 0 && !load_alone(map, job))
                return false;
            break;
        }
        record.len = (uint32_t)len;
        memcpy(body + at, &record, sizeof(record));
        mproc_args_write(map->scratch, body + at + sizeof(record));
        at += (uint32_t)hand_record_size(len);
        map->is_carried = false;
    }
    hand->cell[job->cell].args_len = at;
    return job->items > 0;
}

static struct pool_job *new_job(struct mproc_map *map)
{
    struct pool_job *job = map->spare;
    struct pool_job fresh = {.pool = map->pool,
                             .entry = map->entry,
                             .retries = map->options.retries,
                             .timeout_ns = pool_span_ns(map->options.timeout_ms),
                             .map = map,
                             .cell = POOL_NO_CELL};

    if (job) {
        map->spare = job->next;
        fresh.results = job->results;
        fresh.results_room = job->results_room;
    } else {
        job = malloc(sizeof(*job));
        if (!job)
            return NULL;
    }
    *job = fresh;
    return job;
}

static void spare(struct mproc_map *map, struct pool_job *job)
{
    job->next = map->spare;
    map->spare = job;
}

static bool has_workers(const struct mproc_pool *pool)
{
    return !pool->broken && pool->state < POOL_ENDING &&
           !__atomic_load_n(&pool->hand->shared->closing, __ATOMIC_RELAXED);
}

/* Nobody would run what is left. */
static void end_feeding(struct mproc_map *map)
{
    const struct mproc_pool *pool = map->pool;

    map->is_carried = false;
    if (pool->broken)
        stop_feeding(map, mproc_pool_check_open(pool));
    else
        stop_feeding(map, mproc_fail(-EPIPE, "the pool '%s' ended before all tasks were fed", pool->name));
}

/* Whether it goes on feeding. */
static bool may_feed(struct mproc_map *map)
{
    if (map->is_fed && !map->is_carried)
        return false;
    if (has_workers(map->pool))
        return true;
    end_feeding(map);
    return false;
}

/* Feeds one chunk. Under the lock, which is given up while the feed runs. Returns whether one was fed. */
static bool feed_chunk(struct mproc_map *map, uint32_t most)
{
    struct mproc_pool *pool = map->pool;
    uint32_t cell = mproc_pool_take_cell(pool);
    struct pool_job *job = cell == POOL_NO_CELL ? NULL : new_job(map);

    if (!job) {
        if (cell != POOL_NO_CELL) {
            mproc_pool_free_cell(pool, cell);
            stop_feeding(map, mproc_fail(-ENOMEM, "no memory for the tasks of a map"));
        }
        return false;
    }
    job->cell = cell;
    job->first = map->next_index - (map->is_carried ? 1 : 0);
    pool->feeds++;
    mproc_pool_unlock(pool);
    bool is_filled = fill(map, job, most);
    pthread_mutex_lock(&pool->lock);
    pool->feeds--;
    if (is_filled && !has_workers(pool)) {
        end_feeding(map); /* the pool has ended meanwhile */
        is_filled = false;
    }
    if (is_filled && mproc_job_enter(pool, job)) {
        stop_feeding(map, -ENOMEM);
        is_filled = false;
    }
    if (!is_filled) {
        mproc_pool_free_cell(pool, cell);
        mproc_job_clean(job);
        free(job);
        return false;
    }
    map->last_chunk = job->items;
    map->jobs++;
    map->tasks += job->items;
    if (!map->options.unordered)
        append(map, job);
    mproc_job_offer(pool, job);
    return true;
}

static void feed(struct mproc_map *map)
{
    while (may_feed(map) && map->pool->nfree > 0) {
        uint32_t most = choose_chunk(map);
        if (most == 0 || !feed_chunk(map, most))
            break;
    }
    if (map->pool->hand && map->pool->offered > 0) {
        mproc_hand_wake(map->pool->hand, map->pool->offered);
        map->pool->offered = 0;
    }
}

static bool has_result(const struct mproc_map *map)
{
    return map->first && map->first->state == JOB_FINISHED;
}

static void tell_progress(struct mproc_map *map)
{
    if (!map->options.progress || map->told == map->finished)
        return;
    map->told = map->finished;
    map->options.progress(map->options.user, map->finished, map->options.count);
}

/* Whether waiting is over: there is a result, or something to do first. */
static bool is_ready(void *arg)
{
    struct mproc_map *map = arg;

    tell_progress(map);
    return has_result(map) || map->jobs == 0 ||
           (may_feed(map) && map->pool->nfree > 0 && choose_chunk(map) > 0);
}

static void take(struct mproc_map *map, struct mproc_result *ret_result)
{
    struct pool_job *job = map->first;

    mproc_job_read(job, map->item, &map->offset, &map->view, ret_result);
    map->tasks--;
    if (++map->item < job->items)
        return;
    /* The values of the last result lie in its buffer until the next call. */
    map->first = job->next;
    map->jobs--;
    map->item = 0;
    map->offset = 0;
    spare(map, job);
}

/* Whether so much has been taken that feeding again is worth while. */
static bool is_low(const struct mproc_map *map)
{
    return map->options.window ? map->tasks <= map->options.window / 2 : map->jobs <= jobs_max(map) / 2;
}

static int next(struct mproc_map *map, uint64_t deadline_ns, struct mproc_result *ret_result)
{
    struct mproc_pool *pool = map->pool;
    int r = 0;

    if (pool->hand && (is_low(map) || !has_result(map))) {
        mproc_pool_pump(pool);
        feed(map);
        tell_progress(map);
    }
    while (r == 0 && !has_result(map)) {
        if (map->jobs == 0 && map->is_fed && !map->is_carried)
            return map->error ? mproc_fail(map->error, "%s", map->detail)
                              : mproc_fail(-ENODATA, "all results of the map have been taken");
        r = mproc_pool_await(pool, is_ready, map, deadline_ns);
        feed(map);
    }
    if (has_result(map)) {
        take(map, ret_result);
        return 0;
    }
    return mproc_fail(r, r == -ECANCELED ? "stopped while waiting for a result of a map"
                                         : "no result of the map until the deadline");
}

int mproc_map_next(struct mproc_map *map, uint64_t deadline_ns, struct mproc_result *ret_result)
{
    int r = mproc_handle_check(map, "map");

    if (r == 0)
        r = mproc_pool_lock(map->pool);
    if (r)
        return r;
    r = next(map, deadline_ns, ret_result);
    mproc_pool_unlock(map->pool);
    return r;
}

int mproc_pool_imap(struct mproc_pool *pool, const char *entry, mproc_feed_fn *feed_fn, void *user,
                    const struct mproc_map_options *options, struct mproc_map **ret_map)
{
    uint32_t index;
    int r = mproc_pool_enter(pool);

    if (r)
        return r;
    r = mproc_pool_check_open(pool);
    mproc_pool_unlock(pool);
    if (r == 0)
        r = mproc_context_find_entry(pool->context, entry, &index);
    if (r == 0 && !feed_fn)
        r = mproc_fail(-EINVAL, "a map without a feed has no tasks");
    if (r)
        return r;
    struct mproc_map *map = calloc(1, sizeof(*map));
    if (!map || mproc_args_new(&map->scratch)) {
        free(map);
        return mproc_fail(-ENOMEM, "no memory for a map");
    }
    atomic_init(&map->grip.refs, 1);
    map->pool = pool;
    map->entry = index;
    map->feed = feed_fn;
    map->user = user;
    map->last_chunk = 1;
    if (options)
        map->options = *options;
    atomic_fetch_add(&pool->refs, 1);
    *ret_map = map;
    return 0;
}

static void free_jobs(struct pool_job *job)
{
    while (job) {
        struct pool_job *next_job = job->next;
        if (job->state == JOB_FINISHED) {
            mproc_job_clean(job);
            free(job);
        }
        job = next_job;
    }
}

/* Nobody waits for it any more: what has not begun never will. */
static void abandon(struct mproc_pool *pool, struct pool_job *job)
{
    job->map = NULL;
    if (job->state == JOB_PENDING) {
        mproc_pool_remove_pending(pool, job);
        mproc_job_give_up(pool, job, MPROC_OUTCOME_CANCELLED);
    } else if (mproc_hand_revoke(pool->hand, job->cell)) {
        mproc_job_note_out_of_cell(pool, job);
        mproc_job_give_up(pool, job, MPROC_OUTCOME_CANCELLED);
    } else {
        job->rest = MPROC_OUTCOME_CANCELLED;
    }
}

void mproc_map_free(struct mproc_map *map)
{
    if (!map || mproc_handle_check(map, "map") || mproc_pool_lock(map->pool))
        return;
    struct mproc_pool *pool = map->pool;
    mproc_handle_unref(map);
    free_jobs(map->first);
    free_jobs(map->spare);
    struct pool_job *next_job;
    for (struct pool_job *job = pool->pending; job; job = next_job) {
        next_job = job->after;
        if (job->map == map)
            abandon(pool, job);
    }
    for (uint32_t i = 0; pool->hand && i < pool->hand->cells; i++) {
        struct pool_job *job = pool->in_cell[i];
        if (job && job->map == map)
            abandon(pool, job);
    }
    mproc_pool_unlock(pool);
    mproc_view_clean(&map->view);
    mproc_args_end(map->view.values);
    mproc_args_free(map->scratch);
    mproc_handle_bury(map);
    mproc_pool_unref(pool);
}

int mproc_pool_map(struct mproc_pool *pool, const char *entry, mproc_feed_fn *feed_fn, void *user,
                   const struct mproc_map_options *options, mproc_result_fn *each, void *each_user,
                   uint64_t deadline_ns)
{
    struct mproc_result result;
    struct mproc_map *map;
    char detail[400] = "";
    int first_error = 0;
    int r = mproc_pool_imap(pool, entry, feed_fn, user, options, &map);

    if (r)
        return r;
    while ((r = mproc_map_next(map, deadline_ns, &result)) == 0) {
        if (each)
            each(each_user, &result);
        if (result.error && !first_error) {
            first_error = result.error;
            snprintf(detail, sizeof(detail), "task %llu: %s", (unsigned long long)result.index,
                     result.detail);
        }
    }
    mproc_map_free(map);
    if (r != -ENODATA)
        return r;
    return first_error ? mproc_fail(first_error, "%s", detail) : 0;
}
