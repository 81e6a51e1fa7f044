/*
 * A block whose numbers are all the same whenever nobody is inside its lock, or the next one is told that
 * whoever was has died. Beside it, each process makes blocks of its own and attaches to the common one anew,
 * under limits, and leaves no descriptor behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mproc/shm.h>

#include "soak.h"

enum { NUMBERS = 700 };

struct ledger {
    uint64_t sections;
    uint64_t told; /* of a death */
};

struct work {
    struct mproc_shm *shm;
    struct ledger *ledger;
};

enum { LOCK_FAILS = 10, UNEVEN, BLOCK_FAILS, NOT_ZERO, LEAK };

static const char *words(int code)
{
    switch (code) {
    case LOCK_FAILS:
        return "the block cannot be locked or unlocked";
    case UNEVEN:
        return "the block is half changed, and nobody was told";
    case BLOCK_FAILS:
        return "a block cannot be made or attached to";
    case NOT_ZERO:
        return "a new block is not zero";
    case LEAK:
        return "a block that was given back has left a descriptor";
    default:
        return "?";
    }
}

static void change(const struct work *work)
{
    int64_t *numbers;
    size_t count;
    int r = mproc_shm_lock(work->shm, mproc_deadline_ms(SOAK_HANG_MS));

    soak_must(r == 0 || r == -EOWNERDEAD, LOCK_FAILS);
    soak_must(mproc_shm_get(work->shm, &numbers, &count) == 0 && count == NUMBERS, BLOCK_FAILS);
    for (size_t i = 1; i < count && r == 0; i++)
        soak_must(numbers[i] == numbers[0], UNEVEN);
    int64_t next = numbers[0] + 1;
    for (size_t i = 0; i < count; i++)
        ((volatile int64_t *)numbers)[i] = next;
    if (r == -EOWNERDEAD) {
        __atomic_fetch_add(&work->ledger->told, 1, __ATOMIC_RELAXED);
        soak_must(mproc_shm_consistent(work->shm) == 0, LOCK_FAILS);
    }
    soak_must(mproc_shm_unlock(work->shm) == 0, LOCK_FAILS);
    __atomic_fetch_add(&work->ledger->sections, 1, __ATOMIC_RELAXED);
}

/* Returns whether there was no limit in the way. */
static bool use_others(const struct work *work)
{
    const struct mproc_shm_options options = {.type = MPROC_SHM_DOUBLE, .count = NUMBERS};
    struct mproc_shm *mine, *again;
    double *numbers;
    size_t count;
    int r = mproc_shm_create(&options, &mine);

    soak_must(r == 0 || soak_is_limit(r), BLOCK_FAILS);
    if (r)
        return false;
    soak_must(mproc_shm_get(mine, &numbers, &count) == 0 && count == NUMBERS, BLOCK_FAILS);
    for (size_t i = 0; i < count; i++)
        soak_must(numbers[i] == 0, NOT_ZERO);
    mproc_shm_unref(mine);
    r = mproc_shm_attach(mproc_shm_fd(work->shm), &again);
    soak_must(r == 0 || soak_is_limit(r), BLOCK_FAILS);
    if (r == 0)
        mproc_shm_unref(again);
    return r == 0;
}

static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd;
}

static void run(void *user, unsigned role, uint32_t life)
{
    const struct work *work = user;
    int free_fd = -1;

    (void)role;
    (void)life;
    while (!soak_is_over()) {
        change(work);
        bool went_well = use_others(work);
        int now = went_well ? next_descriptor() : -1;
        soak_must(now < 0 || free_fd < 0 || now == free_fd, LEAK);
        free_fd = now >= 0 ? now : free_fd;
    }
}

bool soak_shm(struct soak_round *round)
{
    const struct mproc_shm_options options = {.type = MPROC_SHM_INT64, .count = NUMBERS};
    struct work work = {0};
    struct soak_crew crew = {.count = 2 + soak_random(round, SOAK_CREW_MAX - 2),
                             .run = run,
                             .user = &work,
                             .words = words,
                             .lives_max = UINT32_MAX};

    if (mproc_shm_create(&options, &work.shm))
        return soak_fail(round, "no block");
    work.ledger = soak_share(sizeof(*work.ledger));
    if (soak_crew_rage(round, &crew) && soak_crew_join(round, &crew) && work.ledger->told > crew.killed)
        soak_fail(round, "more deaths were told of than there were");
    round->sections += work.ledger->sections;
    soak_crew_kill(&crew);
    munmap(work.ledger, sizeof(*work.ledger));
    mproc_shm_unref(work.shm);
    return !round->failure[0];
}
