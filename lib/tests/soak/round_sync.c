/*
 * Locks of each kind around counters that must agree whenever nobody is inside, or whoever was has died and
 * the next one is told; a condition whose tokens are given and taken; and a bounded semaphore whose units are
 * all there in the end.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/sync.h>

#include "soak.h"

enum { ROLES = 6, UNITS = 2, SPIN = 40 };

struct ledger {
    /* Under the mutex. */
    uint64_t total;
    uint64_t own[ROLES];
    uint64_t given;
    uint64_t taken;
    uint64_t tokens;
    /* Under the rwlock. */
    uint64_t left;
    uint64_t right;
};

struct work {
    struct mproc_mutex *mutex;
    struct mproc_condition *condition;
    struct mproc_rwlock *rwlock;
    struct mproc_semaphore *semaphore;
    struct ledger *ledger;
};

enum { LOCK_FAILS = 10, UNEVEN, WAIT_FAILS, NO_TOKEN, RW_FAILS, RW_UNEVEN, UNIT_FAILS };

static const char *words(int code)
{
    switch (code) {
    case LOCK_FAILS:
        return "the mutex was not to be had, or given back";
    case UNEVEN:
        return "what the mutex protects is half changed, and nobody was told";
    case WAIT_FAILS:
        return "a wait for the condition failed or hung";
    case NO_TOKEN:
        return "the mutex let two in";
    case RW_FAILS:
        return "the rwlock was not to be had, or given back";
    case RW_UNEVEN:
        return "a reader saw half a write";
    case UNIT_FAILS:
        return "no unit of the semaphore was to be had, or given back";
    default:
        return "?";
    }
}

/* Long enough to be killed in. */
static void linger(void)
{
    for (volatile int i = 0; i < SPIN; i = i + 1)
        ;
}

static uint64_t sum(const struct ledger *ledger)
{
    uint64_t total = 0;

    for (int i = 0; i < ROLES; i++)
        total += ledger->own[i];
    return total;
}

/* The mutex is held with the news of a death: what can be told from one half mends the other. */
static void mend(struct work *work)
{
    work->ledger->total = sum(work->ledger);
    work->ledger->tokens = work->ledger->given - work->ledger->taken;
    soak_must(mproc_mutex_consistent(work->mutex) == 0, LOCK_FAILS);
}

static void enter(struct work *work)
{
    int r = mproc_mutex_lock(work->mutex, mproc_deadline_ms(SOAK_HANG_MS));

    if (r == -EOWNERDEAD)
        mend(work);
    else
        soak_must(r == 0, LOCK_FAILS);
    soak_must(work->ledger->total == sum(work->ledger), UNEVEN);
    soak_must(work->ledger->tokens == work->ledger->given - work->ledger->taken, UNEVEN);
}

static void leave(struct work *work)
{
    soak_must(mproc_mutex_unlock(work->mutex) == 0, LOCK_FAILS);
}

static void add(struct work *work, unsigned role)
{
    enter(work);
    uint64_t before = work->ledger->total;
    work->ledger->total = before + 1;
    linger();
    work->ledger->own[role]++;
    soak_must(work->ledger->total == before + 1, NO_TOKEN);
    leave(work);
}

static void give(struct work *work)
{
    enter(work);
    work->ledger->given++;
    linger();
    work->ledger->tokens++;
    soak_must(mproc_condition_notify(work->condition, 1) == 0, WAIT_FAILS);
    leave(work);
}

static void take(struct work *work)
{
    enter(work);
    while (work->ledger->tokens == 0 && !soak_is_over()) {
        int r = mproc_condition_wait(work->condition, mproc_deadline_ms(SOAK_HANG_MS));
        if (r == -EOWNERDEAD)
            mend(work);
        else
            soak_must(r == 0 || soak_is_limit(r), WAIT_FAILS);
    }
    if (work->ledger->tokens > 0) {
        work->ledger->tokens--;
        linger();
        work->ledger->taken++;
    }
    leave(work);
}

static void mend_halves(struct work *work)
{
    work->ledger->right = work->ledger->left;
    soak_must(mproc_rwlock_consistent(work->rwlock) == 0, RW_FAILS);
}

static void write_halves(struct work *work)
{
    int r = mproc_rwlock_write(work->rwlock, mproc_deadline_ms(SOAK_HANG_MS));

    if (soak_is_limit(r))
        return;
    if (r == -EOWNERDEAD)
        mend_halves(work);
    else
        soak_must(r == 0, RW_FAILS);
    work->ledger->left++;
    linger();
    work->ledger->right++;
    soak_must(mproc_rwlock_unlock(work->rwlock) == 0, RW_FAILS);
}

static void read_halves(struct work *work)
{
    int r = mproc_rwlock_read(work->rwlock, mproc_deadline_ms(SOAK_HANG_MS));

    if (soak_is_limit(r))
        return;
    if (r == -EOWNERDEAD)
        mend_halves(work);
    else
        soak_must(r == 0, RW_FAILS);
    soak_must(work->ledger->left == work->ledger->right, RW_UNEVEN);
    soak_must(mproc_rwlock_unlock(work->rwlock) == 0, RW_FAILS);
}

static void use_unit(struct work *work)
{
    int r = mproc_semaphore_acquire(work->semaphore, mproc_deadline_ms(SOAK_HANG_MS));

    if (soak_is_limit(r))
        return;
    soak_must(r == 0 || r == -EOWNERDEAD, UNIT_FAILS);
    linger();
    soak_must(mproc_semaphore_release(work->semaphore) == 0, UNIT_FAILS);
}

static void run(void *user, unsigned role, uint32_t life)
{
    struct work *work = user;

    (void)life;
    while (!soak_is_over()) {
        add(work, role);
        if (role % 2 == 0) {
            give(work);
            write_halves(work);
        } else {
            take(work);
            read_halves(work);
        }
        use_unit(work);
    }
}

static bool settle(struct soak_round *round, struct work *work)
{
    const struct ledger *ledger = work->ledger;
    int r = mproc_mutex_lock(work->mutex, mproc_deadline_ms(SOAK_HANG_MS));

    if (r != 0 && r != -EOWNERDEAD)
        return soak_fail(round, "nobody is left, and the mutex is not to be had");
    if (r == -EOWNERDEAD)
        mend(work);
    mproc_mutex_unlock(work->mutex);
    if (ledger->total != sum(ledger) || ledger->tokens != ledger->given - ledger->taken)
        return soak_fail(round, "the counters do not agree in the end");
    /* The dead give their units back when somebody looks. */
    for (int i = 0; i < UNITS; i++) {
        r = mproc_semaphore_acquire(work->semaphore, mproc_deadline_ms(SOAK_HANG_MS));
        if (r != 0 && r != -EOWNERDEAD)
            return soak_fail(round, "nobody is left, and only %d of %d units are there", i, UNITS);
    }
    round->sections += ledger->total + ledger->given + ledger->taken + ledger->left;
    return true;
}

static bool open_work(struct work *work)
{
    struct mproc_semaphore_options units = {.units = UNITS, .bounded = true};

    work->ledger = soak_share(sizeof(*work->ledger));
    return mproc_mutex_create(&work->mutex) == 0 &&
           mproc_condition_create(work->mutex, &work->condition) == 0 &&
           mproc_rwlock_create(&work->rwlock) == 0 && mproc_semaphore_create(&units, &work->semaphore) == 0;
}

/* Who waits for a token is told that there will be none. */
static bool end(struct soak_round *round, struct work *work)
{
    int r = mproc_mutex_lock(work->mutex, mproc_deadline_ms(SOAK_HANG_MS));

    if (r == -EOWNERDEAD)
        mend(work);
    else if (r)
        return soak_fail(round, "the mutex is not to be had any more");
    soak_call_off();
    mproc_condition_notify_all(work->condition);
    mproc_mutex_unlock(work->mutex);
    return true;
}

bool soak_sync(struct soak_round *round)
{
    struct work work = {0};
    struct soak_crew crew = {
        .count = ROLES, .run = run, .user = &work, .words = words, .lives_max = UINT32_MAX};

    if (!open_work(&work))
        return soak_fail(round, "no locks");
    if (soak_crew_rage(round, &crew) && end(round, &work) && soak_crew_join(round, &crew))
        settle(round, &work);
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    mproc_semaphore_unref(work.semaphore);
    mproc_rwlock_unref(work.rwlock);
    mproc_condition_unref(work.condition);
    mproc_mutex_unref(work.mutex);
    return !round->failure[0];
}
