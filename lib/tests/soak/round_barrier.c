/*
 * Parties of a barrier. Of each meeting one was the last to come, and all came; where one is killed the
 * others are told, and the first that is resets the barrier for its successor.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/barrier.h>

#include "soak.h"

enum { TRY_MS = 200 };

struct ledger {
    uint64_t passed;
    uint64_t last;
};

struct work {
    struct mproc_barrier *barrier;
    struct ledger *ledger;
};

enum { WAIT_FAILS = 10, RESET_FAILS, HANGS };

static const char *words(int code)
{
    switch (code) {
    case WAIT_FAILS:
        return "a wait failed";
    case RESET_FAILS:
        return "the barrier cannot be reset";
    case HANGS:
        return "nobody came, and nobody was said to be dead";
    default:
        return "?";
    }
}

static void run(void *user, unsigned role, uint32_t life)
{
    const struct work *work = user;
    uint64_t patient_until_ns = mproc_deadline_ms(SOAK_HANG_MS);

    (void)role;
    (void)life;
    while (!soak_is_over()) {
        bool is_last = false;
        int r = mproc_barrier_wait(work->barrier, mproc_deadline_ms(TRY_MS), &is_last);
        if (r == -ETIMEDOUT || soak_is_limit(r)) {
            soak_must(mproc_clock_ns() < patient_until_ns, HANGS);
            continue;
        }
        if (r == 0) {
            __atomic_fetch_add(&work->ledger->passed, 1, __ATOMIC_RELAXED);
            __atomic_fetch_add(&work->ledger->last, is_last, __ATOMIC_RELAXED);
            patient_until_ns = mproc_deadline_ms(SOAK_HANG_MS);
            continue;
        }
        soak_must(r == -EOWNERDEAD || r == -EUSERS, WAIT_FAILS);
        r = mproc_barrier_reset(work->barrier);
        soak_must(r == 0 || r == -ETIMEDOUT || soak_is_limit(r), RESET_FAILS);
    }
}

/* Who was killed may have passed and not said so. */
static bool settle(struct soak_round *round, const struct work *work, const struct soak_crew *crew)
{
    uint64_t parties = crew->count, killed = crew->killed;
    uint64_t passed = work->ledger->passed;
    uint64_t last = work->ledger->last;

    round->meetings += last;
    if (passed > parties * (last + killed) || passed + killed < parties * last)
        return soak_fail(round, "%llu parties met: %llu came, %llu were the last to, and %llu were killed",
                         (unsigned long long)parties, (unsigned long long)passed, (unsigned long long)last,
                         (unsigned long long)killed);
    return true;
}

bool soak_barrier(struct soak_round *round)
{
    struct work work = {0};
    struct soak_crew crew = {.count = 2 + soak_random(round, SOAK_CREW_MAX - 2),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .lives_max = UINT32_MAX};

    if (mproc_barrier_create(crew.count, &work.barrier))
        return soak_fail(round, "no barrier");
    work.ledger = soak_share(sizeof(*work.ledger));
    if (soak_crew_rage(round, &crew) && soak_crew_join(round, &crew))
        settle(round, &work, &crew);
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    mproc_barrier_unref(work.barrier);
    return !round->failure[0];
}
