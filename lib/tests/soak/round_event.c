/*
 * An event that one process has promised to set, and sets and clears over and over; the others wait for it.
 * Each of its steps is announced and confirmed, so that whoever looks in between two steps knows what the
 * event must be. A wait ends: because the event is set, or because the one who had promised is dead.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/event.h>

#include "soak.h"

enum { STEPS = 4 };

/* The remainder of a step by STEPS. */
enum { IS_SET, CLEARING, IS_CLEAR, SETTING };

struct ledger {
    uint64_t step; /* of who has promised */
    uint64_t waits;
    uint64_t orphaned; /* waits that were told of a death */
};

struct work {
    struct mproc_event *event;
    struct ledger *ledger;
    uint32_t killed; /* who had promised */
};

enum { PROMISE_FAILS = 10, SET_FAILS, WAIT_FAILS, NOT_SET, NOT_CLEAR };

static const char *words(int code)
{
    switch (code) {
    case PROMISE_FAILS:
        return "a promise was refused";
    case SET_FAILS:
        return "the event cannot be set or cleared";
    case WAIT_FAILS:
        return "a wait failed or hung";
    case NOT_SET:
        return "the event was set, and is not";
    case NOT_CLEAR:
        return "the event was cleared, and is set";
    default:
        return "?";
    }
}

static void go_to(struct ledger *ledger, unsigned step)
{
    uint64_t now = ledger->step;

    __atomic_store_n(&ledger->step, now + (step + STEPS - now % STEPS) % STEPS, __ATOMIC_SEQ_CST);
}

static void set_and_clear(struct work *work)
{
    int r;

    while ((r = mproc_event_promise(work->event)) != 0 && soak_is_limit(r))
        ;
    soak_must(r == 0, PROMISE_FAILS);
    while (!soak_is_over()) {
        go_to(work->ledger, SETTING);
        soak_must(mproc_event_set(work->event) == 0, SET_FAILS);
        go_to(work->ledger, IS_SET);
        go_to(work->ledger, CLEARING);
        soak_must(mproc_event_clear(work->event) == 0, SET_FAILS);
        go_to(work->ledger, IS_CLEAR);
    }
    go_to(work->ledger, SETTING);
    soak_must(mproc_event_set(work->event) == 0, SET_FAILS);
}

static void look(const struct work *work)
{
    uint64_t before = __atomic_load_n(&work->ledger->step, __ATOMIC_SEQ_CST);
    bool is_set = mproc_event_is_set(work->event);
    uint64_t after = __atomic_load_n(&work->ledger->step, __ATOMIC_SEQ_CST);

    if (before != after || before == 0)
        return;
    soak_must(is_set || before % STEPS != IS_SET, NOT_SET);
    soak_must(!is_set || before % STEPS != IS_CLEAR, NOT_CLEAR);
}

static void wait_for_it(struct work *work)
{
    while (!soak_is_over()) {
        int r = mproc_event_wait(work->event, mproc_deadline_ms(SOAK_HANG_MS));
        soak_must(r == 0 || r == -EOWNERDEAD || soak_is_limit(r), WAIT_FAILS);
        __atomic_fetch_add(&work->ledger->waits, r == 0, __ATOMIC_RELAXED);
        __atomic_fetch_add(&work->ledger->orphaned, r == -EOWNERDEAD, __ATOMIC_RELAXED);
        look(work);
    }
}

static void run(void *user, unsigned role, uint32_t life)
{
    (void)life;
    if (role == 0)
        set_and_clear(user);
    else
        wait_for_it(user);
}

static void buried(void *user, unsigned role)
{
    struct work *work = user;

    work->killed += role == 0;
}

bool soak_event(struct soak_round *round)
{
    struct work work = {0};
    struct soak_crew crew = {.count = 2 + soak_random(round, SOAK_CREW_MAX - 2),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .buried = buried,
                             .lives_max = UINT32_MAX};

    if (mproc_event_create(&work.event))
        return soak_fail(round, "no event");
    work.ledger = soak_share(sizeof(*work.ledger));
    if (soak_crew_rage(round, &crew) && soak_crew_join(round, &crew) && work.ledger->orphaned > 0 &&
        work.killed == 0)
        soak_fail(round, "waits were told of a death, and nobody has died");
    round->meetings += work.ledger->waits;
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    mproc_event_unref(work.event);
    return !round->failure[0];
}
