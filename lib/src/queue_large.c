#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "error_internal.h"
#include "queue_internal.h"

/*
 * Large messages lie in a part of the queue's file that is as sparse as they leave it, each in one piece.
 * Only producers decide about its pages, under their lock: a message starts the area anew when all before it
 * are taken, so that its pages are used again and again, and pages beyond what is still wanted are then given
 * back.
 */

/* Not worth giving back to take again. */
static const uint64_t kept_bytes = UINT64_C(4) << 20;

static bool is_empty(const struct mproc_queue *queue, const struct queue_mark *tail)
{
    return queue->sides[QUEUE_PRODUCERS]->seen.large == tail->large;
}

static uint64_t next_turn(const struct mproc_queue *queue, uint64_t position)
{
    return (position + queue->large_bytes - 1) & ~(queue->large_bytes - 1);
}

static uint64_t within(const struct mproc_queue *queue, uint64_t position)
{
    return position & (queue->large_bytes - 1);
}

bool mproc_queue_large_fits(const struct mproc_queue *queue, const struct queue_mark *tail, uint64_t length,
                            uint64_t *ret_position)
{
    const struct queue_side *side = queue->sides[QUEUE_PRODUCERS];
    uint64_t position = tail->large;
    /* The floor was passed by when the area was empty, so it may be ahead of what consumers have taken. */
    uint64_t oldest = side->large_floor > side->seen.large ? side->large_floor : side->seen.large;

    if (is_empty(queue, tail)) {
        *ret_position = next_turn(queue, position);
        return length <= queue->large_bytes;
    }
    if (within(queue, position) + length > queue->large_bytes)
        position = next_turn(queue, position);
    *ret_position = position;
    return position + length - oldest <= queue->large_bytes;
}

static int write_all(int fd, const unsigned char *data, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, data, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return mproc_fail(-errno, "no memory for a message of %zu more bytes: %s", length,
                              strerrordesc_np(errno));
        data += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return 0;
}

static void give_back_pages(struct mproc_queue *queue, uint64_t wanted)
{
    struct queue_side *side = queue->sides[QUEUE_PRODUCERS];
    uint64_t keep = wanted > kept_bytes ? wanted : kept_bytes;
    uint64_t used = side->large_used;

    if (used <= keep || used > queue->large_bytes)
        return;
    uint64_t start = (keep + queue->segment.page_size - 1) & ~(uint64_t)(queue->segment.page_size - 1);
    if (start < used)
        fallocate(queue->segment.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)(mproc_segment_large_offset(&queue->segment) + start), (off_t)(used - start));
    side->large_used = keep;
}

int mproc_queue_large_write(struct mproc_queue *queue, const struct queue_mark *tail, uint64_t position,
                            const void *data, size_t length)
{
    struct queue_side *side = queue->sides[QUEUE_PRODUCERS];
    uint64_t end = within(queue, position) + length;
    uint64_t offset = mproc_segment_large_offset(&queue->segment) + within(queue, position);
    struct rlimit limit;

    /* Passing this limit would end the process by SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < offset + length)
        return mproc_fail(-EFBIG, "a message of %zu bytes needs RLIMIT_FSIZE %llu, it is %llu", length,
                          (unsigned long long)(offset + length), (unsigned long long)limit.rlim_cur);
    if (is_empty(queue, tail)) {
        give_back_pages(queue, end);
        side->large_floor = position;
    }
    if (side->large_used < end)
        side->large_used = end;
    return write_all(queue->segment.fd, data, length, offset);
}

int mproc_queue_large_read(const struct mproc_queue *queue, const struct queue_large *large, void *ret_data)
{
    uint64_t offset = mproc_segment_large_offset(&queue->segment) + within(queue, large->position);
    unsigned char *data = ret_data;
    uint64_t length = large->length;

    while (length > 0) {
        ssize_t got = pread(queue->segment.fd, data, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return mproc_fail(got < 0 ? -errno : -EBADMSG, "a large message is not where the queue says");
        data += got;
        length -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}
