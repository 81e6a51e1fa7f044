/*
 * An event is one word:  generation, 30 bits | sleeper | set
 *
 * Setting is one step, also where somebody sleeps: FUTEX_WAKE_OP ORs the bit and wakes. It may be repeated
 * without harm, so there is no lock, and nothing that a kill could leave half done. Clearing steps the
 * generation, by which who slept knows that it was set in between. A promise is a seat.
 */
#include <errno.h>
#include <linux/futex.h>

#include "error_internal.h"
#include "event_internal.h"
#include "handle.h"
#include "seats.h"

#define EVENT_SET            UINT32_C(1)
#define EVENT_SLEEPER        UINT32_C(2)
#define EVENT_GENERATION_ONE UINT32_C(4)

struct event_shared {
    uint32_t word;
    struct mproc_seats seats;
};

struct mproc_event {
    struct mproc_handle handle;
    struct event_shared *shared;
};

/* Who could set an event that is not set. */
enum hope {
    HOPE_ANYBODY, /* nobody has promised, so anybody may */
    HOPE_OTHERS,  /* another thread that lives has promised */
    HOPE_MYSELF,
    HOPE_NOBODY, /* who had promised has died */
};

static struct mproc_event *finish_handle(struct mproc_event *event)
{
    event->shared = mproc_segment_body(&event->handle.segment);
    return event;
}

int mproc_event_create(struct mproc_event **ret_event)
{
    static const struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_EVENT, .controls = 1, .seats = MPROC_EVENT_PROMISES_MAX};
    struct mproc_event *event;
    int err = mproc_handle_create("mproc-event", &shape, sizeof(*event), &event);

    if (!err)
        *ret_event = finish_handle(event);
    return err;
}

struct mproc_event *mproc_event_ref(struct mproc_event *event)
{
    mproc_handle_ref(event);
    return event;
}

static uint32_t my_seat(const struct mproc_event *event)
{
    return mproc_seats_mine(&event->handle.segment, &event->shared->seats);
}

void mproc_event_unref(struct mproc_event *event)
{
    if (!mproc_handle_unref(event))
        return;
    uint32_t seat = my_seat(event);
    if (seat != MPROC_NO_SEAT)
        mproc_seats_leave(&event->handle.segment, seat, true);
    mproc_handle_end(event);
}

static uint32_t load_word(const struct mproc_event *event)
{
    return __atomic_load_n(&event->shared->word, __ATOMIC_ACQUIRE);
}

static bool step_word(struct mproc_event *event, uint32_t *expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(&event->shared->word, expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

int mproc_event_set(struct mproc_event *event)
{
    int err = mproc_handle_check(event, "event");

    if (err)
        return err;
    uint32_t word = load_word(event);
    while (!(word & (EVENT_SET | EVENT_SLEEPER))) {
        if (step_word(event, &word, word | EVENT_SET))
            return 0;
    }
    if ((word & EVENT_SET) ||
        mproc_wake_op(&event->shared->word, FUTEX_OP(FUTEX_OP_OR, 1, FUTEX_OP_CMP_EQ, 0)))
        return 0;
    __atomic_fetch_or(&event->shared->word, EVENT_SET, __ATOMIC_ACQ_REL);
    mproc_wake(&event->shared->word);
    return 0;
}

int mproc_event_clear(struct mproc_event *event)
{
    int err = mproc_handle_check(event, "event");

    if (err)
        return err;
    uint32_t word = load_word(event);
    while ((word & EVENT_SET) &&
           !step_word(event, &word, (word + EVENT_GENERATION_ONE) & ~(EVENT_SET | EVENT_SLEEPER)))
        ;
    return 0;
}

bool mproc_event_is_set(const struct mproc_event *event)
{
    return mproc_handle_check(event, "event") == 0 && (load_word(event) & EVENT_SET) != 0;
}

static enum hope look_for_hope(const struct mproc_event *event, uint64_t dead)
{
    const struct mproc_segment *segment = &event->handle.segment;
    enum hope hope = dead ? HOPE_NOBODY : HOPE_ANYBODY;

    for (uint32_t seat = 0; seat < mproc_seats_used(segment, &event->shared->seats); seat++) {
        if (!mproc_seat_is_taken(mproc_seat_word(segment, seat)))
            continue;
        if (!mproc_robust_is_mine(mproc_segment_seat(segment, seat)))
            return HOPE_OTHERS;
        hope = HOPE_MYSELF;
    }
    return hope;
}

/* Sleeps once, unless there is no hope. */
static int sleep_on_event(struct mproc_event *event, uint32_t word, uint64_t deadline_ns)
{
    struct mproc_wait_word words[MPROC_SEATS_MAX + 2] = {{&event->shared->word, word | EVENT_SLEEPER}};
    struct event_shared *shared = event->shared;
    uint64_t dead = mproc_seats_dead(&event->handle.segment, &shared->seats);
    size_t count = mproc_seats_watch(&event->handle.segment, &shared->seats, dead, words, 1);
    enum hope hope = look_for_hope(event, dead);

    if (load_word(event) != word)
        return 0;
    if (hope == HOPE_NOBODY) {
        /* The kernel may have woken this waiter alone. */
        mproc_wake(&shared->word);
        return mproc_fail(-EOWNERDEAD, "all threads that had promised to set the event have ended");
    }
    if (hope == HOPE_MYSELF)
        return mproc_fail(-EDEADLK, "only the waiting thread itself has promised to set the event");
    if (deadline_ns == MPROC_NOW)
        return -EAGAIN;
    if (!(word & EVENT_SLEEPER) && !step_word(event, &word, word | EVENT_SLEEPER))
        return 0;
    return hope == HOPE_OTHERS ? mproc_wait_nap(words, count, deadline_ns)
                               : mproc_wait(words, count, deadline_ns);
}

static bool was_set(uint32_t word, uint32_t since)
{
    return (word & EVENT_SET) || word / EVENT_GENERATION_ONE != since / EVENT_GENERATION_ONE;
}

int mproc_event_wait(struct mproc_event *event, uint64_t deadline_ns)
{
    int err = mproc_handle_check(event, "event");

    if (err)
        return err;
    uint32_t since = load_word(event);
    uint32_t word = since;
    while (!was_set(word, since) && !err) {
        err = sleep_on_event(event, word, deadline_ns);
        word = load_word(event);
    }
    if (!err || was_set(word, since))
        return 0;
    if (err == -ETIMEDOUT)
        return mproc_fail(err, "the event was not set until the deadline");
    return err;
}

int mproc_event_promise(struct mproc_event *event)
{
    const struct mproc_segment *segment = &event->handle.segment;
    int err = mproc_handle_check(event, "event");

    if (err)
        return err;
    if (my_seat(event) != MPROC_NO_SEAT)
        return 0;
    for (uint32_t seat = 0; seat < segment->shape.seats; seat++) {
        /* That of a dead one is as good as any: now there is somebody again who will set the event. */
        if (mproc_seat_is_taken(mproc_seat_word(segment, seat)))
            continue;
        err = mproc_seats_take(segment, &event->shared->seats, seat);
        if (err != -EAGAIN)
            return err == -EOWNERDEAD ? 0 : err;
    }
    return mproc_fail(-EUSERS,
                      "%u threads have promised to set this event, and there is no room for one more",
                      segment->shape.seats);
}

int mproc_event_withdraw(struct mproc_event *event)
{
    int err = mproc_handle_check(event, "event");

    if (err)
        return err;
    uint32_t seat = my_seat(event);
    if (seat == MPROC_NO_SEAT || !mproc_segment_own_seat(&event->handle.segment, seat, false))
        return mproc_fail(-EPERM, "this thread has not promised to set the event through this handle");
    mproc_seats_leave(&event->handle.segment, seat, false);
    return 0;
}

static int unpack_event(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_event *event;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_EVENT, 1, sizeof(*event), &event);

    if (err)
        return err;
    if (event->handle.segment.shape.seats != MPROC_EVENT_PROMISES_MAX)
        return mproc_handle_reject(event, "an event has other seats");
    *ret_object = finish_handle(event);
    return 0;
}

static void unref_event(void *object)
{
    mproc_event_unref(object);
}

const struct mproc_class mproc_event_class = {"event", mproc_handle_pack, unpack_event, unref_event};
const struct mproc_class mproc_event_promise_class = {"promised event", mproc_handle_pack, unpack_event,
                                                      unref_event};
