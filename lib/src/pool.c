#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/limits.h>

#include "error_internal.h"
#include "pool_internal.h"

static const uint64_t default_grace_ms = 100;

static void free_init(struct mproc_pool *pool)
{
    for (unsigned i = 0; i < pool->init_wire.nfds; i++)
        close(pool->init_fds[i]);
    free(pool->init_fds);
    free(pool->init_wire.bytes);
}

static void destroy(struct mproc_pool *pool)
{
    free_init(pool);
    mproc_hand_free(pool->hand);
    free(pool->workers);
    free(pool->in_cell);
    free(pool->free_cells);
    free(pool->cpus);
    pthread_mutex_destroy(&pool->lock);
    mproc_context_unref(pool->context);
    atomic_store(&pool->grip.refs, 0);
    mproc_handle_bury(pool);
}

void mproc_pool_unref(struct mproc_pool *pool)
{
    if (atomic_fetch_sub(&pool->refs, 1) == 1)
        destroy(pool);
}

/* Keeps what the init hook of every worker to come shall get. */
static int keep_init(struct mproc_pool *pool, const struct mproc_args *args)
{
    struct mproc_args_wire wire;
    int r = mproc_args_encode(args, &wire);

    if (r)
        return r;
    unsigned nfds = wire.nfds;
    wire.nfds = 0;
    pool->init_wire = wire;
    pool->init_fds = malloc((nfds + 1) * sizeof(*pool->init_fds));
    if (!pool->init_fds)
        return mproc_fail(-ENOMEM, "no memory for the arguments of '%s'", "init");
    pool->init_wire.fds = pool->init_fds;
    for (; pool->init_wire.nfds < nfds; pool->init_wire.nfds++) {
        int fd = fcntl(wire.fds[pool->init_wire.nfds], F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return mproc_fail(-errno, "a descriptor for the init hook cannot be duplicated: %s",
                              strerrordesc_np(errno));
        pool->init_fds[pool->init_wire.nfds] = fd;
    }
    return 0;
}

static int find_hook(struct mproc_pool *pool, const char *name, int64_t *ret_entry)
{
    uint32_t index;

    *ret_entry = -1;
    if (!name)
        return 0;
    int r = mproc_context_find_entry(pool->context, name, &index);
    if (r == 0)
        *ret_entry = index;
    return r;
}

static int choose_cpus(struct mproc_pool *pool, const struct mproc_pool_options *options,
                       const cpu_set_t *allowed)
{
    pool->ncpus = options->ncpus ? options->ncpus : options->pin ? (size_t)CPU_COUNT(allowed) : 0;
    if (pool->ncpus == 0)
        return 0;
    if (options->ncpus && !options->cpus)
        return mproc_fail(-EINVAL, "%zu CPUs at NULL", options->ncpus);
    pool->cpus = malloc(pool->ncpus * sizeof(*pool->cpus));
    if (!pool->cpus)
        return mproc_fail(-ENOMEM, "no memory for a list of CPUs");
    size_t count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && options->ncpus == 0; cpu++) {
        if (CPU_ISSET((size_t)cpu, allowed))
            pool->cpus[count++] = cpu;
    }
    for (; count < options->ncpus; count++) {
        int cpu = options->cpus[count];
        if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed))
            return mproc_fail(-EINVAL, "no worker can run on CPU %d: it is not among those of this process",
                              cpu);
        pool->cpus[count] = cpu;
    }
    return 0;
}

static int choose(struct mproc_pool *pool, const struct mproc_pool_options *options)
{
    cpu_set_t allowed;

    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        CPU_SET(0, &allowed);
    if (options->workers > MPROC_POOL_WORKERS_MAX)
        return mproc_fail(-EINVAL, "%u workers; a pool has %d at most", options->workers,
                          MPROC_POOL_WORKERS_MAX);
    pool->nworkers = options->workers ? options->workers : (uint32_t)CPU_COUNT(&allowed);
    snprintf(pool->name, sizeof(pool->name), "%s", options->name ? options->name : "pool");
    pool->max_tasks = options->max_tasks;
    pool->max_bytes = options->max_bytes;
    pool->max_pending = options->max_pending ? options->max_pending : MPROC_POOL_PENDING;
    pool->grace_ms = options->grace_ms ? options->grace_ms : default_grace_ms;
    if (options->process)
        pool->process = *options->process;
    int r = choose_cpus(pool, options, &allowed);
    if (r == 0)
        r = find_hook(pool, options->init, &pool->init);
    if (r == 0)
        r = find_hook(pool, options->exit, &pool->exit);
    return r ? r : keep_init(pool, options->init_args);
}

static int make_tables(struct mproc_pool *pool)
{
    int r = mproc_hand_create(pool->nworkers, &pool->hand);

    if (r)
        return r;
    pool->workers = calloc(pool->nworkers, sizeof(*pool->workers));
    pool->in_cell = calloc(pool->hand->cells, sizeof(*pool->in_cell));
    pool->free_cells = calloc(pool->hand->cells, sizeof(*pool->free_cells));
    if (!pool->workers || !pool->in_cell || !pool->free_cells)
        return mproc_fail(-ENOMEM, "no memory for a pool of %u workers", pool->nworkers);
    /* The last one freed is taken first: that is the one the caches know. */
    for (uint32_t i = pool->hand->cells; i > 0; i--)
        pool->free_cells[pool->nfree++] = i - 1;
    for (uint32_t i = 0; i < pool->nworkers; i++)
        pool->workers[i].channel = -1;
    return 0;
}

static int start_workers(struct mproc_pool *pool)
{
    struct mproc_need need = {.workers = pool->nworkers, .fds = pool->nworkers + 3};
    int r = mproc_limits_preflight(&need);

    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->nworkers && r == 0; i++)
        r = mproc_pool_start_worker(pool, i);
    pthread_mutex_unlock(&pool->lock);
    return r;
}

int mproc_pool_create(struct mproc_context *context, const struct mproc_pool_options *options,
                      struct mproc_pool **ret_pool)
{
    static const struct mproc_pool_options defaults;
    int r = mproc_context_check(context);
    struct mproc_pool *pool = r ? NULL : calloc(1, sizeof(*pool));

    if (r)
        return r;
    if (!pool)
        return mproc_fail(-ENOMEM, "no memory for a pool");
    pool->context = context;
    atomic_fetch_add(&context->refs, 1);
    atomic_init(&pool->grip.refs, 1);
    atomic_init(&pool->refs, 1);
    pthread_mutex_init(&pool->lock, NULL);
    pool->next_due_ns = MPROC_FOREVER;
    r = choose(pool, options ? options : &defaults);
    if (r == 0)
        r = make_tables(pool);
    if (r == 0)
        r = start_workers(pool);
    if (r && pool->alive > 0) {
        char why[256];
        snprintf(why, sizeof(why), "%s", mproc_error_detail());
        mproc_pool_terminate(pool, MPROC_NOW);
        mproc_fail(r, "%s", why);
    }
    if (r) {
        mproc_pool_unref(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}
