#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "slots.h"
#include "wait.h"

/* A file of that size, or -1. */
static int make_file(void)
{
    struct rlimit limit;

    /* Passing this limit would end the process by SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < sizeof(struct mproc_slots))
        return -1;
    int fd = mproc_fd_above(memfd_create("mproc-slots", MFD_CLOEXEC));
    if (fd >= 0 && ftruncate(fd, sizeof(struct mproc_slots)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

int mproc_slots_map(struct mproc_slots **ret_slots, int *ret_fd)
{
    int fd = make_file();
    void *map = mmap(NULL, sizeof(struct mproc_slots), PROT_READ | PROT_WRITE,
                     fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        if (fd >= 0)
            close(fd);
        return mproc_fail(-ENOMEM, "no memory for a table of %d processes", MPROC_PROCESSES_MAX);
    }
    *ret_slots = map;
    *ret_fd = fd;
    return 0;
}

int mproc_slots_attach(int fd, struct mproc_slots **ret_slots)
{
    struct stat status;
    void *map = MAP_FAILED;

    if (fstat(fd, &status) == 0 && status.st_size == sizeof(struct mproc_slots))
        map = mmap(NULL, sizeof(struct mproc_slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return mproc_fail(-EBADMSG, "the table of processes is not to be had");
    *ret_slots = map;
    return 0;
}

void mproc_slots_unmap(struct mproc_slots *slots)
{
    if (slots)
        munmap(slots, sizeof(*slots));
}

enum mproc_slot_state mproc_slot_state(const struct mproc_slot *slot)
{
    return (enum mproc_slot_state)__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

bool mproc_slot_step(struct mproc_slot *slot, enum mproc_slot_state from, enum mproc_slot_state to)
{
    uint32_t expected = from;

    return __atomic_compare_exchange_n(&slot->state, &expected, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

struct mproc_slot *mproc_slots_take(struct mproc_slots *slots)
{
    for (uint32_t i = 0; i < MPROC_PROCESSES_MAX; i++) {
        struct mproc_slot *slot = &slots->slots[i];
        if (mproc_slot_state(slot) != MPROC_SLOT_IDLE)
            continue;
        memset(slot, 0, sizeof(*slot));
        if (i >= slots->used)
            __atomic_store_n(&slots->used, i + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&slot->state, MPROC_SLOT_STARTING, __ATOMIC_RELEASE);
        return slot;
    }
    return NULL;
}

static bool is_open(enum mproc_slot_state state)
{
    return state != MPROC_SLOT_IDLE && state != MPROC_SLOT_ENDED;
}

struct mproc_slot *mproc_slots_find(struct mproc_slots *slots, pid_t pid)
{
    uint32_t used = __atomic_load_n(&slots->used, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < used && i < MPROC_PROCESSES_MAX; i++) {
        struct mproc_slot *slot = &slots->slots[i];
        if (__atomic_load_n(&slot->pid, __ATOMIC_ACQUIRE) == pid && is_open(mproc_slot_state(slot)))
            return slot;
    }
    return NULL;
}

static void tell_of_an_end(struct mproc_slots *slots)
{
    __atomic_fetch_add(&slots->ends, 1, __ATOMIC_RELEASE);
    mproc_wake(&slots->ends);
}

void mproc_slot_end(struct mproc_slots *slots, struct mproc_slot *slot, const siginfo_t *info)
{
    uint32_t state = mproc_slot_state(slot);

    if (!is_open((enum mproc_slot_state)state))
        return;
    slot->end_code = info ? info->si_code : 0;
    slot->end_status = info ? info->si_status : 0;
    __atomic_store_n(&slot->state, MPROC_SLOT_ENDED, __ATOMIC_RELEASE);
    mproc_wake(&slot->state);
    tell_of_an_end(slots);
}

void mproc_slots_lose(struct mproc_slots *slots, uint32_t generation, bool none_is_left)
{
    uint32_t used = __atomic_load_n(&slots->used, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < used && i < MPROC_PROCESSES_MAX; i++) {
        struct mproc_slot *slot = &slots->slots[i];
        uint32_t state = mproc_slot_state(slot);
        if (slot->forked || slot->generation != generation || !is_open((enum mproc_slot_state)state))
            continue;
        __atomic_store_n(&slot->guard_died, 1, __ATOMIC_RELAXED);
        if (none_is_left) {
            mproc_slot_end(slots, slot, NULL);
            continue;
        }
        while (is_open((enum mproc_slot_state)state) && state != MPROC_SLOT_LOST) {
            if (mproc_slot_step(slot, (enum mproc_slot_state)state, MPROC_SLOT_LOST))
                break;
            state = mproc_slot_state(slot);
        }
        mproc_wake(&slot->state);
        tell_of_an_end(slots);
    }
}
