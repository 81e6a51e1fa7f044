/*
 * The bell of a pollable queue: an eventfd that is readable when a get may find something.
 *
 * poll(2) cannot look into shared memory, so the bell is set beforehand. Who puts rings it before the commit;
 * only who has found the queue empty hushes it, and looks again before; both under the producers' lock. So
 * wherever somebody dies there is no message without the bell, but there may be a bell without a message.
 *
 * A word says what the eventfd is, so that only the first message of many costs a system call. It is unsure
 * while somebody is at the eventfd, and stays so when that one dies: the next one does it again.
 *
 * In a queue that redelivers a death makes messages available, too, and the kernel rings no bell for that;
 * nor for the end, when who brought it about was held up at the lock. Who looks, in a get, a join or
 * mproc_pipe_wait(), sees it and rings for all others.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "descriptor.h"
#include "error_internal.h"
#include "queue_internal.h"

static uint32_t *bell_of(const struct mproc_queue *queue)
{
    return &queue->sides[QUEUE_PRODUCERS]->bell;
}

int mproc_queue_bell_create(int *ret_fd)
{
    int fd = mproc_fd_above(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));

    if (fd < 0)
        return mproc_fail(-errno, "no descriptor for a queue to be polled: %s", strerrordesc_np(errno));
    *ret_fd = fd;
    return 0;
}

int mproc_queue_bell_check(int fd)
{
    const uint64_t nothing = 0;
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    bool is_possible = flags >= 0 && (flags & O_ACCMODE) == O_RDWR && (flags & O_NONBLOCK) &&
                       fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;

    /* Of what has no type an eventfd alone can be told to add nothing, and that changes nothing. */
    if (!is_possible || (write(fd, &nothing, sizeof(nothing)) != (ssize_t)sizeof(nothing) && errno != EAGAIN))
        return mproc_fail(-EBADMSG, "a queue whose descriptor to poll is no eventfd of this library");
    return 0;
}

int mproc_queue_bell_ring(struct mproc_queue *queue)
{
    const uint64_t one = 1;

    if (__atomic_load_n(bell_of(queue), __ATOMIC_RELAXED) == QUEUE_BELL_RINGS)
        return 0;
    __atomic_store_n(bell_of(queue), QUEUE_BELL_UNSURE, __ATOMIC_RELEASE);
    /* It refuses only what would be too much, and is readable then. */
    if (write(queue->bell_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        return mproc_fail(-errno, "descriptor %d of the queue cannot be written: %s; was it closed?",
                          queue->bell_fd, strerrordesc_np(errno));
    __atomic_store_n(bell_of(queue), QUEUE_BELL_RINGS, __ATOMIC_RELEASE);
    return 0;
}

/* Must not sleep with the lock held, though another process may have made the descriptor a blocking one. */
static void hush(struct mproc_queue *queue)
{
    uint64_t count;
    struct iovec into = {&count, sizeof(count)};

    __atomic_store_n(bell_of(queue), QUEUE_BELL_UNSURE, __ATOMIC_RELEASE);
    /* Before Linux 5.8 there is no such call for an eventfd. */
    if (preadv2(queue->bell_fd, &into, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
        (void)!read(queue->bell_fd, &count, sizeof(count));
    __atomic_store_n(bell_of(queue), QUEUE_BELL_SILENT, __ATOMIC_RELEASE);
}

/* Whether there is something to get, or the end to be told of. Under the producers' lock, what consumers do
 * meanwhile only makes it less, but for deaths, and for the end, which they see to themselves. */
static bool has_something(const struct mproc_queue *queue)
{
    struct queue_mark head;
    struct queue_mark tail;
    uint32_t commit = mproc_queue_side_read(queue->sides[QUEUE_PRODUCERS], &tail);

    mproc_queue_side_read(queue->sides[QUEUE_CONSUMERS], &head);
    if (head.ring == tail.ring)
        return (commit & QUEUE_CLOSED) != 0;
    return !queue->redelivers || mproc_queue_lease_taken(queue) != tail.ring ||
           mproc_queue_lease_dead(queue) != 0;
}

/* Makes the bell what it should be. Returns whether it may ring. */
static bool tend(struct mproc_queue *queue)
{
    /* Who is inside a put and does not go on may have rung. */
    if (mproc_queue_side_seize(queue, QUEUE_PRODUCERS, MPROC_NOW) != 0)
        return true;
    bool rings = has_something(queue);
    if (rings)
        mproc_queue_bell_ring(queue);
    else
        hush(queue);
    mproc_queue_side_unlock(queue, QUEUE_PRODUCERS);
    return rings;
}

bool mproc_queue_bell_is_early(struct mproc_queue *queue)
{
    if (!queue_is_pollable(queue) || __atomic_load_n(bell_of(queue), __ATOMIC_RELAXED) == QUEUE_BELL_SILENT)
        return false;
    return tend(queue);
}

void mproc_queue_bell_pass_on(struct mproc_queue *queue)
{
    uint32_t commit = __atomic_load_n(&queue->sides[QUEUE_PRODUCERS]->commit, __ATOMIC_RELAXED);

    if (queue_is_pollable(queue) &&
        ((commit & QUEUE_CLOSED) || (queue->redelivers && mproc_queue_lease_dead(queue) != 0)))
        tend(queue);
}

bool mproc_queue_needs_a_look(const struct mproc_queue *queue)
{
    return queue->redelivers && has_something(queue);
}

int mproc_queue_fd(const struct mproc_queue *queue)
{
    int err = mproc_handle_check(queue, "queue");

    if (err)
        return err;
    if (!queue_is_pollable(queue))
        return mproc_fail(-EINVAL, "the queue has no descriptor to poll: make it with .pollable = true");
    return queue->bell_fd;
}
