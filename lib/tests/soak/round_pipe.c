/*
 * Connections, each with a process at one end that sends and one at the other that receives; whoever is
 * killed is replaced at the same end. Frames come whole, once, and in their sender's order. A killed receiver
 * has taken at most the frame it was at, and one for whose descriptor there was no room says that it was
 * dropped.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/pipe.h>

#include "soak.h"

enum {
    LIVES = 4096,
    PER_LIFE = 1 << 14,
    PAIRS_MAX = SOAK_CREW_MAX / 2,
    LONGEST = 70000, /* beyond a packet, so with a file that goes along */
    TRY_MS = 100,
};

struct ledger {
    uint64_t dropped;
    uint32_t attempted[LIVES];
    uint32_t sent[LIVES];
    uint8_t got[LIVES][PER_LIFE];
};

struct frame {
    uint32_t life;
    uint32_t number;
    unsigned char filling[LONGEST];
};

enum { HEAD = offsetof(struct frame, filling) };

struct work {
    struct mproc_pipe *senders[PAIRS_MAX], *receivers[PAIRS_MAX];
    struct ledger *ledger;
    uint32_t killed_receivers;
};

enum { SEND_FAILS = 10, RECEIVE_FAILS, STRANGE, TORN, DISORDER };

static const char *words(int code)
{
    switch (code) {
    case SEND_FAILS:
        return "a send failed or hung";
    case RECEIVE_FAILS:
        return "a receive failed";
    case STRANGE:
        return "a frame that nobody has sent, or of another length";
    case TORN:
        return "a torn frame";
    case DISORDER:
        return "a frame out of its sender's order, or for a second time";
    default:
        return "?";
    }
}

static size_t length_of(uint32_t life, uint32_t number)
{
    uint32_t mix = (life * 2654435761u) ^ (number * 40503u);

    return mix % 64 == 0 ? LONGEST - mix % 9000 : mix % 700;
}

static unsigned char filling_of(uint32_t life, uint32_t number)
{
    return (unsigned char)(life * 31 + number);
}

static void send_frames(struct work *work, unsigned pair, uint32_t life)
{
    static struct frame frame;

    frame.life = life;
    for (uint32_t number = 0; number < PER_LIFE && !soak_is_over(); number++) {
        size_t length = length_of(life, number);
        int r;
        frame.number = number;
        memset(frame.filling, filling_of(life, number), length);
        work->ledger->attempted[life] = number + 1;
        do
            r = mproc_pipe_send(work->senders[pair], &frame, HEAD + length, mproc_deadline_ms(TRY_MS));
        while ((r == -ETIMEDOUT || r == -ETOOMANYREFS || soak_is_limit(r)) && !soak_is_over());
        if (r && soak_is_over())
            return;
        soak_must(r == 0, SEND_FAILS);
        work->ledger->sent[life] = number + 1;
    }
    /* Its life is full: it waits for its end. */
    while (!soak_is_over())
        usleep(1000);
}

static int record(struct work *work, const struct frame *frame, size_t len, uint32_t *next)
{
    if (len < HEAD || frame->life >= LIVES || frame->number >= PER_LIFE ||
        len != HEAD + length_of(frame->life, frame->number))
        return STRANGE;
    for (size_t i = 0; i < len - HEAD; i++) {
        if (frame->filling[i] != filling_of(frame->life, frame->number))
            return TORN;
    }
    if (frame->number < next[frame->life])
        return DISORDER;
    next[frame->life] = frame->number + 1;
    __atomic_fetch_add(&work->ledger->got[frame->life][frame->number], 1, __ATOMIC_RELAXED);
    return 0;
}

static void receive_frames(struct work *work, unsigned pair)
{
    static uint32_t next[LIVES];
    static struct frame frame;
    size_t len;

    while (!soak_is_over()) {
        int r = mproc_pipe_receive_into(work->receivers[pair], mproc_deadline_ms(TRY_MS), sizeof(frame),
                                        &frame, &len);
        if (r == -EMFILE)
            __atomic_fetch_add(&work->ledger->dropped, 1, __ATOMIC_RELAXED);
        soak_must(r == 0 || r == -ETIMEDOUT || soak_is_limit(r), RECEIVE_FAILS);
        int code = r == 0 ? record(work, &frame, len, next) : 0;
        soak_must(code == 0, code);
    }
}

static void run(void *user, unsigned role, uint32_t life)
{
    if (role % 2)
        receive_frames(user, role / 2);
    else
        send_frames(user, role / 2, life);
}

static void buried(void *user, unsigned role)
{
    struct work *work = user;

    work->killed_receivers += role % 2;
}

/* Takes what is still under way. */
static bool drain(struct soak_round *round, struct work *work, unsigned pairs)
{
    static struct frame frame;
    size_t len;

    for (unsigned pair = 0; pair < pairs; pair++) {
        uint32_t *next = soak_share(LIVES * sizeof(*next));
        int code = 0;
        while (code == 0 &&
               mproc_pipe_receive_into(work->receivers[pair], MPROC_NOW, sizeof(frame), &frame, &len) == 0)
            code = record(work, &frame, len, next);
        munmap(next, LIVES * sizeof(*next));
        if (code)
            return soak_fail(round, "%s", words(code));
    }
    return true;
}

static bool settle(struct soak_round *round, const struct work *work, uint32_t lives)
{
    const struct ledger *ledger = work->ledger;
    uint64_t lost = 0;

    for (uint32_t life = 0; life < lives; life++) {
        round->frames += ledger->sent[life];
        for (uint32_t number = 0; number < ledger->attempted[life]; number++) {
            if (ledger->got[life][number] > 1)
                return soak_fail(round, "a frame came twice");
            lost += number < ledger->sent[life] && ledger->got[life][number] == 0;
        }
    }
    if (lost > work->killed_receivers + ledger->dropped)
        return soak_fail(round, "%llu frames lost, %u receivers killed, %llu frames dropped",
                         (unsigned long long)lost, work->killed_receivers,
                         (unsigned long long)ledger->dropped);
    return true;
}

bool soak_pipe(struct soak_round *round)
{
    unsigned pairs = 1 + soak_random(round, PAIRS_MAX);
    struct work work = {0};
    struct soak_crew crew = {.count = 2 * pairs,
                             .run = run,
                             .user = &work,
                             .words = words,
                             .buried = buried,
                             .lives_max = LIVES - SOAK_CREW_MAX};
    bool opened = true;

    for (unsigned i = 0; i < pairs && opened; i++)
        opened = mproc_pipe_create(NULL, &work.receivers[i], &work.senders[i]) == 0 ||
                 soak_fail(round, "no connection");
    work.ledger = soak_share(sizeof(*work.ledger));
    if (opened && soak_crew_rage(round, &crew) && soak_crew_join(round, &crew) && drain(round, &work, pairs))
        settle(round, &work, crew.lives);
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    for (unsigned i = 0; i < pairs; i++) {
        mproc_pipe_unref(work.senders[i]);
        mproc_pipe_unref(work.receivers[i]);
    }
    return !round->failure[0];
}
