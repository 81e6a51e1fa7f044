/*
 * Users of a queue are killed at random instants under load, inside system calls too, and replaced. A ledger
 * in shared memory must balance: what a put has returned for is got exactly once; what one was killed in is
 * got once or never; nothing is got twice, torn, or out of its putter's order; a killed getter has taken at
 * most the one message it was at, which in a queue that redelivers comes again; and all who live go on.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/queue.h>
#include <mproc/stop.h>

enum {
    PUTTERS = 3,
    GETTERS = 3,
    LIVES = 8192,       /* of putters, in one run */
    PER_LIFE = 1 << 14, /* messages of one life */
    LONGEST = 6000,     /* beyond a quarter of the ring, so a large one */
    RING = 16384,
    HANG_MS = 10000,
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

enum { MESSAGE_HEAD = offsetof(struct message, filling) };

struct storm {
    struct mproc_queue *queue;
    struct ledger *ledger;
    uint32_t lives;
    long kills_of_getters;
    long kills;
    bool redelivers;
    bool polls;
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

static _Noreturn void put_for_ever(struct storm *storm, uint32_t life)
{
    struct message message = {.life = life};

    for (uint32_t number = 0; number < PER_LIFE; number++) {
        size_t length = length_of(life, number);
        message.number = number;
        memset(message.filling, filling_of(life, number), length);
        __atomic_store_n(&storm->ledger->attempted[life], number + 1, __ATOMIC_RELAXED);
        int err = mproc_queue_put(storm->queue, &message, MESSAGE_HEAD + length, mproc_deadline_ms(HANG_MS));
        if (err)
            _exit(err == -EPIPE ? 0 : 10);
        __atomic_store_n(&storm->ledger->put[life], number + 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

static int record(struct storm *storm, const struct message *message, size_t len, uint32_t *ret_next)
{
    uint32_t life = message->life;
    uint32_t number = message->number;

    if (len < MESSAGE_HEAD || life >= LIVES || number >= PER_LIFE)
        return 20;
    if (len != MESSAGE_HEAD + length_of(life, number))
        return 21;
    for (size_t i = 0; i < len - MESSAGE_HEAD; i++) {
        if (message->filling[i] != filling_of(life, number))
            return 22;
    }
    uint8_t before = __atomic_fetch_add(&storm->ledger->got[life][number], 1, __ATOMIC_RELAXED);
    if (storm->redelivers)
        return 0;
    if (number < ret_next[life])
        return 23;
    ret_next[life] = number + 1;
    return before == 0 ? 0 : 24;
}

/* Has nothing but the descriptor to wake it, as long as putters go on. */
static int poll_and_get(struct storm *storm, struct message *ret_message, size_t *ret_len)
{
    struct pollfd item = {.fd = mproc_queue_fd(storm->queue), .events = POLLIN};
    struct mproc_waitable waitable = {.queue = storm->queue};
    int err = storm->redelivers ? mproc_queue_done(storm->queue, mproc_deadline_ms(HANG_MS)) : 0;

    /* What is not done keeps the others from the end. */
    if (err)
        return err;
    do {
        /* No descriptor tells of a reader's death. */
        if (storm->redelivers)
            err = mproc_pipe_wait(&waitable, 1, mproc_deadline_ms(HANG_MS), NULL);
        else
            err = poll(&item, 1, HANG_MS) == 1 ? 0 : -ETIMEDOUT;
        if (!err)
            err = mproc_queue_get_into(storm->queue, MPROC_NOW, sizeof(*ret_message), ret_message, ret_len);
    } while (err == -EAGAIN);
    return err;
}

static _Noreturn void get_for_ever(struct storm *storm)
{
    static uint32_t next[LIVES];
    static struct message message;

    for (;;) {
        size_t len;
        int err = storm->polls ? poll_and_get(storm, &message, &len)
                               : mproc_queue_get_into(storm->queue, mproc_deadline_ms(HANG_MS),
                                                      sizeof(message), &message, &len);
        if (err)
            _exit(err == -EPIPE ? 0 : 11);
        int code = record(storm, &message, len, next);
        if (code)
            _exit(code);
    }
}

static pid_t start(struct storm *storm, int role)
{
    uint32_t life = role < PUTTERS ? storm->lives++ : 0;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (role < PUTTERS)
        put_for_ever(storm, life);
    get_for_ever(storm);
}

/* Ends a user, which must not have ended by itself except for its work's end. */
static void end(struct storm *storm, pid_t pid, int role)
{
    int status;

    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "role %d ended with %d", role,
              WEXITSTATUS(status));
    if (WIFSIGNALED(status)) {
        storm->kills++;
        storm->kills_of_getters += role >= PUTTERS;
    }
}

static void settle(const struct storm *storm)
{
    const struct ledger *ledger = storm->ledger;
    long doubled = 0;
    long lost = 0;
    long put = 0;

    for (uint32_t life = 0; life < storm->lives; life++) {
        put += ledger->put[life];
        for (uint32_t number = 0; number < ledger->attempted[life]; number++) {
            doubled += ledger->got[life][number] > 1;
            lost += number < ledger->put[life] && ledger->got[life][number] == 0;
        }
    }
    cr_log_info("%ld kills (%ld of getters), %ld messages put, %ld died with their getter, %ld came again",
                storm->kills, storm->kills_of_getters, put, lost, doubled);
    cr_assert_leq(lost, storm->redelivers ? 0 : storm->kills_of_getters);
    cr_assert_leq(doubled, storm->redelivers ? storm->kills_of_getters : 0);
    cr_assert_gt(put, storm->kills);
}

static void rage(struct storm *storm, uint64_t storm_ms, unsigned seed)
{
    uint64_t end_ns = mproc_deadline_ms(storm_ms);
    pid_t users[PUTTERS + GETTERS];

    for (int role = 0; role < PUTTERS + GETTERS; role++)
        users[role] = start(storm, role);
    while (mproc_clock_ns() < end_ns && storm->lives < LIVES - PUTTERS) {
        int victim = rand_r(&seed) % (PUTTERS + GETTERS);
        mproc_stop_sleep(mproc_clock_ns() + (uint64_t)(rand_r(&seed) % 1500000));
        end(storm, users[victim], victim);
        users[victim] = start(storm, victim);
    }
    cr_assert_eq(mproc_queue_close(storm->queue, mproc_deadline_ms(HANG_MS)), 0, "%s", mproc_error_detail());
    for (int role = 0; role < PUTTERS + GETTERS; role++) {
        int status;
        cr_assert_eq(waitpid(users[role], &status, 0), users[role]);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "role %d ended with status %x", role,
                  status);
    }
}

/* MPROC_STORM_MS makes it longer. */
static void weather(enum mproc_reader_death reader_death, bool polls)
{
    const char *wanted = getenv("MPROC_STORM_MS");
    struct storm storm = {.redelivers = reader_death == MPROC_READER_DEATH_REDELIVERS, .polls = polls};
    struct mproc_queue_options options = {.bytes = RING, .reader_death = reader_death, .pollable = polls};

    cr_assert_eq(mproc_queue_create(&options, &storm.queue), 0, "%s", mproc_error_detail());
    storm.ledger = mmap(NULL, sizeof(*storm.ledger), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert(storm.ledger != MAP_FAILED);
    rage(&storm, wanted ? strtoul(wanted, NULL, 10) : 4000, (unsigned)mproc_clock_ns());
    settle(&storm);
    munmap(storm.ledger, sizeof(*storm.ledger));
    mproc_queue_unref(storm.queue);
}

Test(queue_storm, balances_where_messages_die_with_their_reader, .timeout = 280)
{
    weather(MPROC_READER_DEATH_DROPS, false);
}

Test(queue_storm, balances_where_messages_come_again, .timeout = 280)
{
    weather(MPROC_READER_DEATH_REDELIVERS, false);
}

Test(queue_storm, balances_where_readers_poll, .timeout = 280)
{
    weather(MPROC_READER_DEATH_DROPS, true);
}

Test(queue_storm, balances_where_messages_come_again_to_who_polls, .timeout = 280)
{
    weather(MPROC_READER_DEATH_REDELIVERS, true);
}
