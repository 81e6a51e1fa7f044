#include "pool_hand.h"

#include <errno.h>
#include <stdlib.h>

#include "error_internal.h"

enum { CELLS_MIN = 256, CELLS_PER_LANE = 4, BODY_MIN = 4096 };

static uint32_t cells_for(uint32_t lanes)
{
    uint32_t cells = CELLS_MIN;

    while (cells < lanes * CELLS_PER_LANE)
        cells *= 2;
    return cells;
}

/* Everything but the bodies. */
static size_t overhead(uint32_t cells, uint32_t lanes)
{
    return sizeof(struct hand_shared) + 2 * cells * sizeof(uint32_t) + lanes * sizeof(struct hand_lane) +
           (size_t)lanes * cells * sizeof(uint32_t) + cells * sizeof(struct hand_cell);
}

static void lay_out(struct mproc_hand *hand)
{
    unsigned char *at = mproc_segment_ring(&hand->segment);
    size_t size = (size_t)hand->segment.shape.ring_bytes;

    hand->shared = (struct hand_shared *)(void *)at;
    at += sizeof(*hand->shared);
    hand->lane = (struct hand_lane *)(void *)at;
    at += hand->lanes * sizeof(*hand->lane);
    hand->cell = (struct hand_cell *)(void *)at;
    at += hand->cells * sizeof(*hand->cell);
    hand->ring = (uint32_t *)(void *)at;
    at += 2 * hand->cells * sizeof(*hand->ring);
    hand->done = (uint32_t *)(void *)at;
    at += (size_t)hand->lanes * hand->cells * sizeof(*hand->done);
    hand->body = at;
    hand->body_bytes = (size - overhead(hand->cells, hand->lanes)) / hand->cells & ~(size_t)63;
}

static int wrap(const struct mproc_segment *segment, uint32_t cells, uint32_t lanes,
                struct mproc_hand **ret_hand)
{
    struct mproc_hand *hand = malloc(sizeof(*hand));

    if (!hand)
        return mproc_fail(-ENOMEM, "no memory for a handle");
    *hand = (struct mproc_hand){.segment = *segment, .cells = cells, .lanes = lanes};
    lay_out(hand);
    *ret_hand = hand;
    return 0;
}

int mproc_hand_create(uint32_t lanes, struct mproc_hand **ret_hand)
{
    struct mproc_segment_shape shape = {.kind = MPROC_SEGMENT_POOL, .controls = 1, .ring_bytes = 4096};
    uint32_t cells = cells_for(lanes);
    struct mproc_segment segment;

    while (shape.ring_bytes < overhead(cells, lanes) + (size_t)cells * BODY_MIN)
        shape.ring_bytes *= 2;
    int r = mproc_segment_create("mproc-pool", &shape, &segment);
    if (r)
        return r;
    r = wrap(&segment, cells, lanes, ret_hand);
    if (r) {
        mproc_segment_close(&segment);
        return r;
    }
    (*ret_hand)->shared->cells = cells;
    (*ret_hand)->shared->lanes = lanes;
    return 0;
}

void mproc_hand_free(struct mproc_hand *hand)
{
    if (!hand)
        return;
    mproc_segment_close(&hand->segment);
    free(hand);
}

static int pack_hand(const void *object, struct mproc_parcel *ret_parcel)
{
    return mproc_segment_pack(&((const struct mproc_hand *)object)->segment, ret_parcel);
}

static int unpack_hand(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_segment segment;
    struct mproc_hand *hand;
    int r = mproc_segment_unpack(parcel, MPROC_SEGMENT_POOL, 1, &segment);

    if (r)
        return r;
    const struct hand_shared *shared = (const void *)mproc_segment_ring(&segment);
    uint32_t cells = shared->cells;
    uint32_t lanes = shared->lanes;
    if (lanes == 0 || lanes > MPROC_HAND_LANES_MAX || cells != cells_for(lanes) ||
        segment.shape.ring_bytes < overhead(cells, lanes) + (size_t)cells * BODY_MIN)
        r = mproc_fail(-EBADMSG, "the memory of the pool is damaged: %u cells for %u workers", cells, lanes);
    if (r == 0)
        r = wrap(&segment, cells, lanes, &hand);
    if (r) {
        mproc_segment_unmap(&segment);
        return r;
    }
    *ret_object = hand;
    return 0;
}

static void unref_hand(void *object)
{
    mproc_hand_free(object);
}

const struct mproc_class mproc_hand_class = {"pool", pack_hand, unpack_hand, unref_hand};
