#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <mproc/process.h>

#include "error_internal.h"
#include "pipe_internal.h"
#include "queue_internal.h"
#include "wait.h"
#include "wait_fd.h"

enum { FEW = 16 };

static bool has_frame(struct mproc_pipe *pipe)
{
    pthread_mutex_lock(&pipe->hand);
    bool is_there = pipe->frame.is_there;
    pthread_mutex_unlock(&pipe->hand);
    return is_there;
}

/* What no descriptor tells. */
static bool is_ready(const struct mproc_waitable *item)
{
    return (item->pipe && has_frame(item->pipe)) || (item->queue && mproc_queue_needs_a_look(item->queue));
}

/* Errors: -EBADF, -EINVAL. */
static int fd_of(const struct mproc_waitable *item, size_t index)
{
    if (!!item->pipe + !!item->listener + !!item->process + !!item->queue > 1)
        return mproc_fail(-EINVAL, "item %zu is several things at once; make an item for each", index);
    if (item->pipe)
        return mproc_pipe_fd(item->pipe);
    if (item->listener)
        return mproc_listener_fd(item->listener);
    if (item->process)
        return mproc_process_sentinel(item->process);
    if (item->queue)
        return mproc_queue_fd(item->queue);
    if (fcntl(item->fd, F_GETFD) < 0)
        return mproc_fail(-EINVAL, "item %zu is descriptor %d, which is not open", index, item->fd);
    return item->fd;
}

/* What to poll. `ret_ready` says how many need not be waited for, `ret_naps` whether there may come to be
 * some of which no descriptor tells. */
static int prepare(struct mproc_waitable *items, size_t count, struct pollfd *fds, size_t *ret_ready,
                   bool *ret_naps)
{
    size_t ready = 0;
    bool naps = false;

    for (size_t i = 0; i < count; i++) {
        int fd = fd_of(&items[i], i);
        if (fd < 0)
            return fd;
        fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
        ready += is_ready(&items[i]);
        naps = naps || (items[i].queue && items[i].queue->redelivers);
    }
    *ret_ready = ready;
    *ret_naps = naps;
    return 0;
}

static int fail_wait(int err, size_t count)
{
    return mproc_fail(err,
                      err == -ECANCELED ? "stopped while waiting for several things"
                      : err == -ETIMEDOUT || err == -EAGAIN
                          ? "none of the %zu things to wait for was ready until the deadline"
                          : "cannot wait for %zu things",
                      count);
}

/* Only when it has succeeded are the items touched. Nothing is ready when another thread has taken the frame
 * that was in a hand, or after a nap: then one looks again. */
static int wait_for(struct mproc_waitable *items, size_t count, struct pollfd *fds, uint64_t deadline_ns,
                    size_t *ret_ready)
{
    size_t in_hand;
    size_t total = 0;
    bool naps;
    int err = prepare(items, count, fds, &in_hand, &naps);

    if (err)
        return err;
    uint64_t nap_end_ns = naps ? mproc_clock_ns() + mproc_nap_ns : MPROC_FOREVER;
    uint64_t until_ns = nap_end_ns < deadline_ns ? nap_end_ns : deadline_ns;
    int ready = mproc_poll(fds, count, in_hand > 0 ? MPROC_NOW : until_ns);
    bool has_napped = ready == -ETIMEDOUT && until_ns < deadline_ns;
    if (ready < 0 && in_hand == 0 && !has_napped)
        return fail_wait(ready, count);
    for (size_t i = 0; i < count; i++) {
        items[i].ready = (ready > 0 && fds[i].revents != 0) || is_ready(&items[i]);
        total += items[i].ready;
    }
    *ret_ready = total;
    return 0;
}

int mproc_pipe_wait(struct mproc_waitable *items, size_t count, uint64_t deadline_ns, size_t *ret_ready)
{
    struct pollfd few[FEW];
    struct pollfd *fds = count > FEW ? calloc(count, sizeof(*fds)) : few;
    size_t ready;

    if (!fds)
        return mproc_fail(-ENOMEM, "no memory to wait for %zu things", count);
    int err = 0;
    for (ready = 0; ready == 0 && !err;)
        err = wait_for(items, count, fds, deadline_ns, &ready);
    if (!err && ret_ready)
        *ret_ready = ready;
    if (fds != few)
        free(fds);
    return err;
}
