/*
 * Clients of a manager. What a call has returned for is done, and what one was killed or gave up in is done
 * once or never: the counter and the queue tell. Under the lock two values are set one after the other; they
 * agree, or who gets the lock is told that its last owner died. A killed getter has taken at most one value
 * with it.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/args.h>
#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/manager.h>

#include "soak.h"

enum { LIVES = 4096, PER_LIFE = 1 << 14, TRY_MS = 100 };

struct ledger {
    uint32_t added[LIVES];
    uint32_t tried_to_add[LIVES];
    uint32_t put[LIVES];
    uint32_t calls[LIVES];
    uint8_t is_put[LIVES][PER_LIFE];
    uint8_t got[LIVES][PER_LIFE];
};

struct work {
    struct mproc_context *context;
    struct mproc_manager *manager;
    struct mproc_shared *dict, *counter, *queue, *lock;
    struct ledger *ledger;
    uint32_t killed;
};

enum { ADD_FAILS = 10, LOCK_FAILS, DICT_FAILS, UNEVEN, PUT_FAILS, GET_FAILS, STRANGE };

static const char *words(int code)
{
    switch (code) {
    case ADD_FAILS:
        return "the counter cannot be added to";
    case LOCK_FAILS:
        return "the lock is not to be had, or to be given back";
    case DICT_FAILS:
        return "the dictionary cannot be used";
    case UNEVEN:
        return "what the lock protects is half changed, and nobody was told";
    case PUT_FAILS:
        return "a put failed";
    case GET_FAILS:
        return "a get failed";
    case STRANGE:
        return "values that nobody has put";
    default:
        return "?";
    }
}

static uint64_t soon(void)
{
    return mproc_deadline_ms(SOAK_HANG_MS);
}

static void add(struct work *work, uint32_t life)
{
    work->ledger->tried_to_add[life]++;
    int r = mproc_shared_counter_add(work->counter, 1, soon(), NULL);
    soak_must(r == 0 || soak_is_limit(r), ADD_FAILS);
    work->ledger->added[life] += r == 0;
}

/* The number that a key stands for. */
static int read_number(struct work *work, const char *key, int64_t *ret_number)
{
    return mproc_shared_dict_add(work->dict, key, 0, soon(), ret_number);
}

/* Whoever dies, or meets a limit, in between leaves the two uneven; the latter says so by going without
 * giving the lock back. */
static bool change(struct work *work, bool mend)
{
    int64_t left, right;
    int r = read_number(work, "left", &left);

    if (r == 0)
        r = read_number(work, "right", &right);
    if (r == 0 && mend)
        r = mproc_shared_dict_add(work->dict, "right", left - right, soon(), &right);
    if (r == 0)
        soak_must(left == right, UNEVEN);
    if (r == 0)
        r = mproc_shared_dict_add(work->dict, "left", 1, soon(), NULL);
    if (r == 0)
        r = mproc_shared_dict_add(work->dict, "right", 1, soon(), NULL);
    soak_must(r == 0 || soak_is_limit(r), DICT_FAILS);
    return r == 0;
}

static void change_under_lock(struct work *work)
{
    int r = mproc_shared_lock_acquire(work->lock, soon());

    if (soak_is_limit(r))
        return;
    soak_must(r == 0 || r == -EOWNERDEAD, LOCK_FAILS);
    if (!change(work, r == -EOWNERDEAD)) {
        mproc_manager_disconnect(work->manager);
        return;
    }
    r = mproc_shared_lock_release(work->lock, soon());
    if (soak_is_limit(r)) /* given back or not: as if we had died */
        mproc_manager_disconnect(work->manager);
    else
        soak_must(r == 0, LOCK_FAILS);
}

static void put(struct work *work, uint32_t life)
{
    uint32_t number = work->ledger->put[life];
    struct mproc_args *values;

    if (number >= PER_LIFE || mproc_args_new(&values))
        return;
    mproc_args_add_uint(values, life);
    if (mproc_args_add_uint(values, number) == 0) {
        work->ledger->put[life]++;
        int r = mproc_shared_queue_put(work->queue, values, mproc_deadline_ms(TRY_MS));
        soak_must(r == 0 || r == -ETIMEDOUT || soak_is_limit(r), PUT_FAILS);
        work->ledger->is_put[life][number] = r == 0;
    }
    mproc_args_free(values);
}

/* Returns whether there was something. */
static bool get(struct work *work, uint64_t deadline_ns)
{
    struct mproc_args *values;
    uint64_t life, number;
    int r = mproc_shared_queue_get(work->queue, deadline_ns, &values);

    soak_must(r == 0 || r == -ETIMEDOUT || r == -EAGAIN || soak_is_limit(r), GET_FAILS);
    if (r)
        return false;
    soak_must(mproc_args_get_uint(values, 0, &life) == 0 && mproc_args_get_uint(values, 1, &number) == 0 &&
                  life < LIVES && number < PER_LIFE,
              STRANGE);
    __atomic_fetch_add(&work->ledger->got[life][number], 1, __ATOMIC_RELAXED);
    mproc_args_free(values);
    return true;
}

static void run(void *user, unsigned role, uint32_t life)
{
    struct work *work = user;

    while (!soak_is_over()) {
        add(work, life);
        change_under_lock(work);
        if (role % 2)
            put(work, life);
        else
            get(work, mproc_deadline_ms(TRY_MS));
        work->ledger->calls[life]++;
    }
}

static void buried(void *user, unsigned role)
{
    struct work *work = user;

    work->killed += role % 2 == 0;
}

static bool settle_queue(struct soak_round *round, struct work *work, uint32_t lives)
{
    uint64_t lost = 0;

    while (get(work, MPROC_NOW))
        ;
    for (uint32_t life = 0; life < lives; life++) {
        for (uint32_t number = 0; number < work->ledger->put[life]; number++) {
            if (work->ledger->got[life][number] > 1)
                return soak_fail(round, "a value of the queue was got twice");
            lost += work->ledger->is_put[life][number] && work->ledger->got[life][number] == 0;
        }
    }
    if (lost > work->killed)
        return soak_fail(round, "%llu values of the queue lost, %u getters killed", (unsigned long long)lost,
                         work->killed);
    return true;
}

static bool settle(struct soak_round *round, struct work *work, uint32_t lives)
{
    uint64_t added = 0;
    uint64_t tried = 0;
    int64_t sum = 0;

    for (uint32_t life = 0; life < lives; life++) {
        added += work->ledger->added[life];
        tried += work->ledger->tried_to_add[life];
        round->calls += work->ledger->calls[life] * UINT64_C(7);
    }
    if (mproc_shared_counter_add(work->counter, 0, soon(), &sum))
        return soak_fail(round, "the counter cannot be read: %s", mproc_error_detail());
    if ((uint64_t)sum < added || (uint64_t)sum > tried)
        return soak_fail(round, "the counter is %lld, not from %llu to %llu", (long long)sum,
                         (unsigned long long)added, (unsigned long long)tried);
    int r = mproc_shared_lock_acquire(work->lock, soon());
    if (r && r != -EOWNERDEAD)
        return soak_fail(round, "nobody is left, and the lock is not to be had: %s", mproc_error_detail());
    return settle_queue(round, work, lives);
}

/* A context runs something; here the manager alone does. */
static int run_nothing(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static bool open_work(struct soak_round *round, struct work *work)
{
    static const struct mproc_entry entries[] = {{"nothing", run_nothing}, {NULL, NULL}};
    const struct {
        struct mproc_shared_options options;
        struct mproc_shared **ret;
    } wanted[] = {{{.kind = MPROC_SHARED_DICT}, &work->dict},
                  {{.kind = MPROC_SHARED_COUNTER}, &work->counter},
                  {{.kind = MPROC_SHARED_QUEUE, .max_items = soak_random(round, 2) * 8}, &work->queue},
                  {{.kind = MPROC_SHARED_LOCK}, &work->lock}};

    work->ledger = soak_share(sizeof(*work->ledger));
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &work->context) ||
        mproc_manager_start(work->context, NULL, &work->manager))
        return soak_fail(round, "no manager: %s", mproc_error_detail());
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (mproc_shared_open(work->manager, &wanted[i].options, soon(), wanted[i].ret))
            return soak_fail(round, "no object: %s", mproc_error_detail());
    }
    return true;
}

static void close_work(struct work *work)
{
    mproc_shared_unref(work->dict);
    mproc_shared_unref(work->counter);
    mproc_shared_unref(work->queue);
    mproc_shared_unref(work->lock);
    mproc_manager_unref(work->manager);
    mproc_context_close(work->context, MPROC_NOW);
    munmap(work->ledger, sizeof(*work->ledger));
}

bool soak_manager(struct soak_round *round)
{
    struct work work = {0};
    struct soak_victim server;
    struct soak_crew crew = {.count = 2 + soak_random(round, SOAK_CREW_MAX - 1),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .buried = buried,
                             .server = &server,
                             .lives_max = LIVES - SOAK_CREW_MAX};

    if (open_work(round, &work) && soak_victim_open(mproc_manager_pid(work.manager), &server)) {
        bool raged = soak_crew_rage(round, &crew);
        soak_restore(&server, true);
        if (raged && soak_crew_join(round, &crew))
            settle(round, &work, crew.lives);
        soak_victim_close(&server);
    }
    soak_crew_kill(&crew);
    close_work(&work);
    return !round->failure[0];
}
