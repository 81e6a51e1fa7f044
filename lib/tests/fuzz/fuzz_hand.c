/* The memory of a pool, which a worker that is not sound scribbles over between the steps of the owner and of
 * a sound worker: no step goes out of bounds, and none goes on for ever. */
#include "input.h"
#include "pool_hand.h"

enum { LANES = 2, STEPS_MAX = 32, RECORDS = 1 << 10 };

static struct mproc_hand *hand;
static uint32_t heads[LANES];

/* Everything in front of the bodies as it is in a new pool. */
static void renew(void)
{
    if (!hand)
        MUST(mproc_hand_create(LANES, &hand) == 0);
    uint32_t cells = hand->cells;
    memset(hand->shared, 0, (size_t)(hand->body - (unsigned char *)hand->shared));
    memset(hand->body, 0, RECORDS);
    hand->shared->cells = cells;
    hand->shared->lanes = LANES;
    memset(heads, 0, sizeof(heads));
}

static void scribble(struct input *input)
{
    switch (input_byte(input) % 6) {
    case 0:
        input_scribble(input, hand->shared, sizeof(*hand->shared));
        break;
    case 1:
        input_scribble(input, hand->lane, LANES * sizeof(*hand->lane));
        break;
    case 2:
        input_scribble(input, hand->cell, 4 * sizeof(*hand->cell));
        break;
    case 3:
        input_scribble(input, hand->ring, 8 * sizeof(*hand->ring));
        break;
    case 4:
        input_scribble(input, hand->done, 8 * sizeof(*hand->done));
        break;
    default:
        input_scribble(input, hand->body, RECORDS);
        break;
    }
}

static void read_records(size_t offset)
{
    struct hand_record record;

    while (mproc_hand_read_record(hand->body, RECORDS, offset, &record) == 0) {
        size_t len = record.len & HAND_PARCEL ? 0 : record.len;
        MUST(offset + sizeof(record) + len <= RECORDS);
        offset += hand_record_size(len);
    }
}

static void collect(uint32_t lane)
{
    uint32_t cell;

    /* At most one round: what comes then is new. */
    for (uint32_t i = 0; i < hand->cells && mproc_hand_next_done(hand, lane, &heads[lane], &cell); i++) {
        if (cell < hand->cells) /* as pool_collect.c asks */
            mproc_hand_condemn(hand, cell, mproc_hand_word(hand, cell));
    }
}

static void step(struct input *input)
{
    uint32_t lane = input_byte(input) % LANES;
    uint32_t cell = input_byte(input);

    switch (input_byte(input) % 10) {
    case 0:
        mproc_hand_offer(hand, cell);
        break;
    case 1:
        mproc_hand_offer_to(hand, cell, lane);
        break;
    case 2:
        if (mproc_hand_claim(hand, lane, &cell)) {
            MUST(cell < hand->cells);
            mproc_hand_step(hand, cell, lane, 0);
            mproc_hand_finish(hand, cell, lane, 2);
        }
        break;
    case 3:
        mproc_hand_revoke(hand, cell);
        break;
    case 4:
        collect(lane);
        break;
    case 5:
        read_records(cell);
        break;
    case 6:
        mproc_hand_reset_lane(hand, lane);
        heads[lane] = 0;
        break;
    case 7:
        mproc_hand_wake(hand, LANES);
        mproc_hand_ring(hand);
        break;
    default:
        scribble(input);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};

    renew();
    for (int i = 0; i < STEPS_MAX && input.left > 0; i++)
        step(&input);
    return 0;
}
