#include <errno.h>
#include <string.h>

#include "error_internal.h"
#include "queue_internal.h"

static int fail_damaged(uint64_t position)
{
    return mproc_fail(-EBADMSG, "the queue's memory is damaged at position %llu",
                      (unsigned long long)position);
}

int mproc_queue_find(const struct mproc_queue *queue, uint64_t position, uint64_t end,
                     struct queue_found *ret_found)
{
    const struct queue_record *where = queue_record_at(queue, position);
    uint64_t available = end - position;
    struct queue_record record;
    struct queue_found found;

    if (available > queue->ring_bytes || available < sizeof(record) || position % QUEUE_RECORD_ALIGN != 0)
        return fail_damaged(position);
    memcpy(&record, where, sizeof(record));
    found = (struct queue_found){
        .size = queue_record_size(record.length),
        .length = record.length,
        .lease = record.state & QUEUE_LEASE_MASK,
        .data = (const unsigned char *)(where + 1),
    };
    if (found.size > available)
        return fail_damaged(position);
    if (record.state & QUEUE_LARGE) {
        if (record.length != sizeof(found.large))
            return fail_damaged(position);
        memcpy(&found.large, found.data, sizeof(found.large));
        if (found.large.length > queue->large_bytes ||
            (found.large.position & (queue->large_bytes - 1)) > queue->large_bytes - found.large.length)
            return fail_damaged(position);
        found.length = found.large.length;
        found.data = NULL;
    }
    *ret_found = found;
    return 0;
}

void mproc_queue_pass(struct queue_mark *mark, const struct queue_found *found)
{
    mark->ring += found->size;
    mark->messages++;
    if (!found->data)
        mark->large = found->large.position + found->large.length;
}
