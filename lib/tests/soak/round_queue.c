/*
 * Putters and getters of one queue. What a put has returned for is got exactly once; what one was killed in
 * is got once or never; nothing is torn, or out of its putter's order. A killed getter has taken at most the
 * messages it was at, which in a queue that redelivers come again.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/pipe.h>
#include <mproc/queue.h>

#include "soak.h"

enum {
    LIVES = 4096,
    PER_LIFE = 1 << 14,
    LONGEST = 6000, /* beyond a quarter of the smallest ring, so a large one */
};

struct ledger {
    uint32_t attempted[LIVES];
    uint32_t put[LIVES];
    uint8_t got[LIVES][PER_LIFE];
};

struct message {
    uint32_t life;
    uint32_t number;
    unsigned char filling[LONGEST];
};

enum { HEAD = offsetof(struct message, filling) };

struct work {
    struct mproc_queue *queue;
    struct ledger *ledger;
    unsigned putters;
    bool redelivers;
    bool polls; /* getters wait for the descriptor alone */
    uint32_t killed_getters;
};

static size_t length_of(uint32_t life, uint32_t number)
{
    uint32_t mix = (life * 2654435761u) ^ (number * 40503u);

    return mix % 64 == 0 ? 4200 + mix % (LONGEST - 4200) : mix % 700;
}

static unsigned char filling_of(uint32_t life, uint32_t number)
{
    return (unsigned char)(life * 31 + number);
}

enum { PUT_FAILS = 10, GET_FAILS, STRANGE, WRONG_LENGTH, TORN, DISORDER, TWICE };

static const char *words(int code)
{
    switch (code) {
    case PUT_FAILS:
        return "a put failed or hung";
    case GET_FAILS:
        return "a get failed or hung";
    case STRANGE:
        return "a message that nobody has put";
    case WRONG_LENGTH:
        return "a message of another length";
    case TORN:
        return "a torn message";
    case DISORDER:
        return "a message out of its putter's order";
    case TWICE:
        return "a message that was got before";
    default:
        return "?";
    }
}

static void put_for_ever(struct work *work, uint32_t life)
{
    struct message message = {.life = life};

    for (uint32_t number = 0; number < PER_LIFE; number++) {
        size_t length = length_of(life, number);
        int err;
        message.number = number;
        memset(message.filling, filling_of(life, number), length);
        __atomic_store_n(&work->ledger->attempted[life], number + 1, __ATOMIC_RELAXED);
        do
            err = mproc_queue_put(work->queue, &message, HEAD + length, mproc_deadline_ms(SOAK_HANG_MS));
        while (soak_is_limit(err));
        if (err)
            _exit(err == -EPIPE ? 0 : PUT_FAILS);
        __atomic_store_n(&work->ledger->put[life], number + 1, __ATOMIC_RELAXED);
    }
    /* Its life is full; the round goes on without it until it is replaced or the queue is closed. */
    while (mproc_queue_put(work->queue, NULL, 0, MPROC_FOREVER) == 0)
        ;
}

static int record(struct work *work, const struct message *message, size_t len, uint32_t *next)
{
    uint32_t life = message->life;
    uint32_t number = message->number;

    if (len == 0)
        return 0;
    if (len < HEAD || life >= LIVES || number >= PER_LIFE)
        return STRANGE;
    if (len != HEAD + length_of(life, number))
        return WRONG_LENGTH;
    for (size_t i = 0; i < len - HEAD; i++) {
        if (message->filling[i] != filling_of(life, number))
            return TORN;
    }
    uint8_t before = __atomic_fetch_add(&work->ledger->got[life][number], 1, __ATOMIC_RELAXED);
    if (work->redelivers)
        return 0;
    if (number < next[life])
        return DISORDER;
    next[life] = number + 1;
    return before == 0 ? 0 : TWICE;
}

static int get_one(struct work *work, struct message *ret_message, size_t *ret_len)
{
    struct mproc_waitable item = {.queue = work->queue};

    if (!work->polls)
        return mproc_queue_get_into(work->queue, mproc_deadline_ms(SOAK_HANG_MS), sizeof(*ret_message),
                                    ret_message, ret_len);
    /* What is not done keeps the others from the end. */
    int err = mproc_queue_done(work->queue, mproc_deadline_ms(SOAK_HANG_MS));
    if (err)
        return err;
    do {
        err = mproc_pipe_wait(&item, 1, mproc_deadline_ms(SOAK_HANG_MS), NULL);
        if (!err)
            err = mproc_queue_get_into(work->queue, MPROC_NOW, sizeof(*ret_message), ret_message, ret_len);
    } while (err == -EAGAIN);
    return err;
}

static void get_for_ever(struct work *work)
{
    static uint32_t next[LIVES];
    static struct message message;

    for (;;) {
        size_t len;
        int err = get_one(work, &message, &len);
        if (soak_is_limit(err))
            continue;
        if (err)
            _exit(err == -EPIPE ? 0 : GET_FAILS);
        int code = record(work, &message, len, next);
        if (code)
            _exit(code);
    }
}

static void run(void *user, unsigned role, uint32_t life)
{
    struct work *work = user;

    if (role < work->putters)
        put_for_ever(work, life);
    else
        get_for_ever(work);
}

static void buried(void *user, unsigned role)
{
    struct work *work = user;

    work->killed_getters += role >= work->putters;
}

static bool settle(struct soak_round *round, const struct work *work, uint32_t lives)
{
    const struct ledger *ledger = work->ledger;
    uint64_t doubled = 0;
    uint64_t lost = 0;

    for (uint32_t life = 0; life < lives; life++) {
        round->messages += ledger->put[life];
        for (uint32_t number = 0; number < ledger->attempted[life]; number++) {
            doubled += ledger->got[life][number] > 1;
            lost += number < ledger->put[life] && ledger->got[life][number] == 0;
        }
    }
    if (lost > (work->redelivers ? 0 : work->killed_getters))
        return soak_fail(round, "%llu messages lost, %u getters killed", (unsigned long long)lost,
                         work->killed_getters);
    if (doubled > (work->redelivers ? work->killed_getters : 0))
        return soak_fail(round, "%llu messages twice, %u getters killed", (unsigned long long)doubled,
                         work->killed_getters);
    return true;
}

bool soak_queue(struct soak_round *round)
{
    struct work work = {.putters = 1 + soak_random(round, 3),
                        .redelivers = soak_random(round, 2),
                        .polls = soak_random(round, 2)};
    struct mproc_queue_options options = {.bytes = 16384u << soak_random(round, 3),
                                          .max_messages = soak_random(round, 3) == 0 ? 4 : 0,
                                          .reader_death = work.redelivers ? MPROC_READER_DEATH_REDELIVERS
                                                                          : MPROC_READER_DEATH_DROPS,
                                          .pollable = work.polls};
    struct soak_crew crew = {.count = work.putters + 1 + soak_random(round, 3),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .buried = buried,
                             .lives_max = LIVES - SOAK_CREW_MAX};

    if (mproc_queue_create(&options, &work.queue))
        return soak_fail(round, "no queue");
    work.ledger = soak_share(sizeof(*work.ledger));
    if (soak_crew_rage(round, &crew)) {
        if (mproc_queue_close(work.queue, mproc_deadline_ms(SOAK_HANG_MS)))
            soak_fail(round, "the queue cannot be closed");
        else if (soak_crew_join(round, &crew))
            settle(round, &work, crew.lives);
    }
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    mproc_queue_unref(work.queue);
    return !round->failure[0];
}
