#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <mproc/deadline.h>

#include "stop_internal.h"

/* Without futex_waitv (before Linux 5.16, or filtered) the other words are looked at this often. */
static const uint64_t slice_ns = 5 * 1000 * 1000;

uint64_t mproc_nap_ns = UINT64_C(500) * 1000 * 1000;

static bool waitv_missing;

static struct timespec to_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

static int sleep_on_all(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns)
{
    struct futex_waitv waiters[MPROC_WAIT_WORDS + 1] = {0};
    struct timespec deadline = to_timespec(deadline_ns);

    for (size_t i = 0; i < count; i++) {
        waiters[i].uaddr = (uintptr_t)words[i].word;
        waiters[i].val = words[i].expected;
        waiters[i].flags = FUTEX_32;
    }
    if (syscall(SYS_futex_waitv, waiters, (unsigned)count, 0U,
                deadline_ns == MPROC_FOREVER ? NULL : &deadline, CLOCK_MONOTONIC) >= 0)
        return 0;
    return -errno;
}

static int sleep_on_first(const struct mproc_wait_word *words, uint64_t deadline_ns)
{
    struct timespec deadline = to_timespec(deadline_ns);

    if (syscall(SYS_futex, words[0].word, FUTEX_WAIT_BITSET, words[0].expected,
                deadline_ns == MPROC_FOREVER ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
        return 0;
    return -errno;
}

static int sleep_on(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns)
{
    int err;

    if (count == 1)
        return sleep_on_first(words, deadline_ns);
    if (!__atomic_load_n(&waitv_missing, __ATOMIC_RELAXED)) {
        err = sleep_on_all(words, count, deadline_ns);
        if (err != -ENOSYS && err != -EPERM)
            return err;
        __atomic_store_n(&waitv_missing, true, __ATOMIC_RELAXED);
    }
    uint64_t slice_end_ns = mproc_clock_ns() + slice_ns;
    if (slice_end_ns >= deadline_ns)
        return sleep_on_first(words, deadline_ns);
    err = sleep_on_first(words, slice_end_ns);
    return err == -ETIMEDOUT ? -EINTR : err;
}

static bool differs(const struct mproc_wait_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (__atomic_load_n(words[i].word, __ATOMIC_ACQUIRE) != words[i].expected)
            return true;
    }
    return false;
}

int mproc_wait(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns)
{
    static const uint32_t never_stops;
    struct mproc_wait_word all[MPROC_WAIT_WORDS + 1];
    const uint32_t *stop = mproc_stop_word();
    int saved_errno = errno;
    size_t total = count;
    int err;

    if (count > MPROC_WAIT_WORDS)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        all[i] = words[i];
    if (stop || count == 0)
        all[total++] = (struct mproc_wait_word){stop ? stop : &never_stops, 0};

    do {
        if (differs(words, count))
            err = 0;
        else if (stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0)
            err = -ECANCELED;
        else if (deadline_ns == MPROC_NOW)
            err = -EAGAIN;
        else
            err = sleep_on(all, total, deadline_ns);
    } while (err == -EINTR);

    /* -EAGAIN out of the kernel: a word differed. When it was the stop word, say so now. */
    if (err == 0 || (err == -EAGAIN && deadline_ns != MPROC_NOW)) {
        bool stopped = stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
        err = stopped && !differs(words, count) ? -ECANCELED : 0;
    }
    errno = saved_errno;
    return err;
}

int mproc_wait_nap(const struct mproc_wait_word *words, size_t count, uint64_t deadline_ns)
{
    uint64_t nap_end_ns = mproc_clock_ns() + mproc_nap_ns;

    if (nap_end_ns >= deadline_ns)
        return mproc_wait(words, count, deadline_ns);
    int err = mproc_wait(words, count, nap_end_ns);
    return err == -ETIMEDOUT ? 0 : err;
}

int mproc_wait_one(const uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    return mproc_wait(&(struct mproc_wait_word){word, expected}, 1, deadline_ns);
}

void mproc_wake(const uint32_t *word)
{
    int saved_errno = errno;

    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    errno = saved_errno;
}

bool mproc_wake_op(uint32_t *word, unsigned operation)
{
    int saved_errno = errno;
    long woken = syscall(SYS_futex, word, FUTEX_WAKE_OP, INT_MAX, (void *)0, word, operation);

    errno = saved_errno;
    return woken >= 0;
}
