#include "wait_fd.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "descriptor.h"
#include "stop_internal.h"

/*
 * A stop token is a futex word, which poll(2) cannot wait for. So a thread that polls takes one of these
 * bells and hangs it up for its word; whoever raises the word rings it. A bell is never closed, because a
 * ringer may be about to write to it; it is made when more threads poll than ever before.
 */
struct bell {
    const uint32_t *_Atomic word; /* NULL: free */
    _Atomic int fd;               /* + 1; 0: not made yet */
    _Atomic pid_t pid;            /* whose it is: a fork makes its own */
};

enum { BELLS = 256, ITEMS = 16 };

/* Without a bell, and for a word that was written by a process whose signal did not come through. */
static const uint64_t slice_ns = UINT64_C(5) * 1000 * 1000;
static const uint64_t nap_ns = UINT64_C(500) * 1000 * 1000;

static struct bell bells[BELLS];

static int fd_of(const struct bell *bell)
{
    return atomic_load(&bell->fd) - 1;
}

/* Returns NULL where there is none to be had. */
static struct bell *hang_up(const uint32_t *word)
{
    for (struct bell *bell = bells; bell < bells + BELLS; bell++) {
        const uint32_t *nobody = NULL;
        if (atomic_load_explicit(&bell->word, memory_order_relaxed) ||
            !atomic_compare_exchange_strong(&bell->word, &nobody, word))
            continue;
        if (atomic_load(&bell->fd) != 0 && atomic_load(&bell->pid) == getpid())
            return bell;
        int fd = mproc_fd_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (fd >= 0) {
            int of_parent = fd_of(bell);
            atomic_store(&bell->fd, fd + 1);
            atomic_store(&bell->pid, getpid());
            if (of_parent >= 0)
                close(of_parent);
            return bell;
        }
        atomic_store(&bell->word, NULL);
        return NULL;
    }
    return NULL;
}

/* Who looks at the word afterwards misses nothing: it is raised before the bell is rung. A ring for whom had
 * the bell before is a false alarm. */
static void silence(const struct bell *bell)
{
    uint64_t count;

    while (read(fd_of(bell), &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

void mproc_poll_kick(const uint32_t *word)
{
    const uint64_t one = 1;

    for (struct bell *bell = bells; bell < bells + BELLS; bell++) {
        if (atomic_load(&bell->word) != word || atomic_load(&bell->fd) == 0)
            continue;
        while (write(fd_of(bell), &one, sizeof(one)) < 0 && errno == EINTR)
            ;
    }
}

void mproc_poll_forget(void)
{
    for (struct bell *bell = bells; bell < bells + BELLS; bell++) {
        atomic_store(&bell->word, NULL);
        atomic_store(&bell->fd, 0);
    }
}

static int sleep_until(struct pollfd *items, size_t count, uint64_t until_ns)
{
    uint64_t now_ns = mproc_clock_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    const struct timespec left = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
    int ready = ppoll(items, count, &left, NULL);

    return ready < 0 && errno == EINTR ? 0 : ready < 0 ? -errno : ready;
}

static int poll_under(struct pollfd *all, size_t count, const uint32_t *word, uint64_t deadline_ns)
{
    struct bell *bell = hang_up(word);
    uint64_t longest_ns = bell ? nap_ns : slice_ns;
    int ready = 0;

    all[count] = (struct pollfd){.fd = bell ? fd_of(bell) : -1, .events = POLLIN};
    while (ready == 0) {
        uint64_t now_ns = mproc_clock_ns();
        bool stopped = __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0;
        /* One look more at the descriptors: what is there goes before a stop or the end of the time. */
        bool is_last = stopped || now_ns >= deadline_ns;
        ready = sleep_until(all, count + 1,
                            is_last                             ? 0
                            : deadline_ns - now_ns < longest_ns ? deadline_ns
                                                                : now_ns + longest_ns);
        if (ready > 0 && all[count].revents) {
            silence(bell);
            ready--;
        }
        if (ready == 0 && is_last)
            ready = stopped ? -ECANCELED : deadline_ns == MPROC_NOW ? -EAGAIN : -ETIMEDOUT;
    }
    if (bell)
        atomic_store(&bell->word, NULL);
    return ready;
}

int mproc_poll(struct pollfd *items, size_t count, uint64_t deadline_ns)
{
    struct pollfd few[ITEMS + 1];
    struct pollfd *all = few;
    int saved_errno = errno;
    int ready;

    if (count > ITEMS) {
        all = calloc(count + 1, sizeof(*all));
        if (!all)
            return -ENOMEM;
    }
    if (count > 0)
        memcpy(all, items, count * sizeof(*all));
    ready = poll_under(all, count, mproc_stop_word(), deadline_ns);
    if (ready > 0)
        memcpy(items, all, count * sizeof(*all));
    if (all != few)
        free(all);
    errno = saved_errno;
    return ready;
}

int mproc_poll_for(int fd, short events, uint64_t deadline_ns)
{
    struct pollfd item = {.fd = fd, .events = events};
    int ready = mproc_poll(&item, 1, deadline_ns);

    return ready > 0 ? 0 : ready;
}
