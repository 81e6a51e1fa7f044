#include <endian.h>
#include <errno.h>
#include <string.h>

#include "args_internal.h"
#include "error_internal.h"

/* How far the scan is. A map of n pairs is open with 2n values missing, and every second is a key. */
struct scan {
    const unsigned char *at;
    const unsigned char *end;
    struct mproc_args_open open[MPROC_ARGS_DEPTH_MAX + 1]; /* the array around all, and what is in it */
    unsigned depth;
    unsigned nfds;
};

static size_t left(const struct scan *scan)
{
    return (size_t)(scan->end - scan->at);
}

static const unsigned char *take(struct scan *scan, uint64_t len)
{
    const unsigned char *taken = scan->at;

    if (len > left(scan))
        return NULL;
    scan->at += len;
    return taken;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static int take_number(struct scan *scan, unsigned size, uint64_t *ret_number)
{
    const unsigned char *bytes = take(scan, size);
    uint64_t number = 0;

    if (!bytes)
        return -EBADMSG;
    for (unsigned i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    *ret_number = number;
    return 0;
}

static int open_container(struct scan *scan, uint64_t count, bool is_map)
{
    uint64_t values = is_map ? 2 * count : count;

    /* Each value takes a byte at least: a count beyond that is a lie, for which msgpack would allocate. */
    if (values > left(scan) || scan->depth > MPROC_ARGS_DEPTH_MAX)
        return -EBADMSG;
    scan->open[scan->depth++] = (struct mproc_args_open){values, is_map};
    return 0;
}

static int scan_string(struct scan *scan, uint64_t len)
{
    const unsigned char *string = take(scan, len);

    /* Exactly one NUL, at the end: it is handed out as a C string. */
    return string && len > 0 && memchr(string, 0, len) == string + len - 1 ? 0 : -EBADMSG;
}

static int scan_object(struct scan *scan, const unsigned char *body, uint64_t len)
{
    struct mproc_ext_object head;

    if (len < sizeof(head))
        return -EBADMSG;
    memcpy(&head, body, sizeof(head));
    if (head.name_len == 0 || head.name_len > MPROC_CLASS_NAME_MAX || head.meta_len > MPROC_PARCEL_META ||
        head.nfds > MPROC_PARCEL_FDS || head.first_fd != scan->nfds ||
        len != sizeof(head) + head.name_len + head.meta_len)
        return -EBADMSG;
    scan->nfds += head.nfds;
    return 0;
}

static int scan_ext(struct scan *scan, uint64_t len)
{
    const unsigned char *type = take(scan, 1);
    const unsigned char *body = type ? take(scan, len) : NULL;

    if (!body)
        return -EBADMSG;
    if (*type == MPROC_EXT_OBJECT)
        return scan_object(scan, body, len);
    /* Numbered in order, so that no two values share a descriptor. */
    if (*type != MPROC_EXT_FD || len != 1 || body[0] != scan->nfds)
        return -EBADMSG;
    scan->nfds++;
    return 0;
}

enum shape { SHAPE_BAD, SHAPE_PLAIN, SHAPE_STRING, SHAPE_BYTES, SHAPE_ARRAY, SHAPE_MAP, SHAPE_EXT };

/* The shape of the value behind a first byte from 0xc0 to 0xdf, and the size of the number that follows it.
 */
static const struct {
    unsigned char shape;
    unsigned char size;
} forms[32] = {
    [0x00] = {SHAPE_PLAIN, 0},  [0x02] = {SHAPE_PLAIN, 0},  [0x03] = {SHAPE_PLAIN, 0},
    [0x04] = {SHAPE_BYTES, 1},  [0x05] = {SHAPE_BYTES, 2},  [0x06] = {SHAPE_BYTES, 4},
    [0x07] = {SHAPE_EXT, 1},    [0x08] = {SHAPE_EXT, 2},    [0x09] = {SHAPE_EXT, 4},
    [0x0b] = {SHAPE_PLAIN, 8},  [0x0c] = {SHAPE_PLAIN, 1},  [0x0d] = {SHAPE_PLAIN, 2},
    [0x0e] = {SHAPE_PLAIN, 4},  [0x0f] = {SHAPE_PLAIN, 8},  [0x10] = {SHAPE_PLAIN, 1},
    [0x11] = {SHAPE_PLAIN, 2},  [0x12] = {SHAPE_PLAIN, 4},  [0x13] = {SHAPE_PLAIN, 8},
    [0x14] = {SHAPE_EXT, 0},    [0x15] = {SHAPE_EXT, 0},    [0x16] = {SHAPE_EXT, 0},
    [0x17] = {SHAPE_EXT, 0},    [0x18] = {SHAPE_EXT, 0},    [0x19] = {SHAPE_STRING, 1},
    [0x1a] = {SHAPE_STRING, 2}, [0x1b] = {SHAPE_STRING, 4}, [0x1c] = {SHAPE_ARRAY, 2},
    [0x1d] = {SHAPE_ARRAY, 4},  [0x1e] = {SHAPE_MAP, 2},    [0x1f] = {SHAPE_MAP, 4},
};

static enum shape read_head(struct scan *scan, uint64_t *ret_number)
{
    uint64_t first;

    *ret_number = 0;
    if (take_number(scan, 1, &first))
        return SHAPE_BAD;
    if (first < 0x80 || first >= 0xe0)
        return SHAPE_PLAIN;
    *ret_number = first < 0xa0 ? first & 0x0f : first & 0x1f;
    if (first < 0xc0)
        return first < 0x90 ? SHAPE_MAP : first < 0xa0 ? SHAPE_ARRAY : SHAPE_STRING;
    if (first >= 0xd4 && first <= 0xd8)
        *ret_number = UINT64_C(1) << (first - 0xd4);
    else if (take_number(scan, forms[first - 0xc0].size, ret_number))
        return SHAPE_BAD;
    return (enum shape)forms[first - 0xc0].shape;
}

static int scan_value(struct scan *scan)
{
    uint64_t number;
    enum shape shape = read_head(scan, &number);
    struct mproc_args_open *around = &scan->open[scan->depth - 1];

    if (around->is_map && around->missing % 2 == 0 && shape != SHAPE_STRING)
        return -EBADMSG;
    around->missing--;
    switch (shape) {
    case SHAPE_PLAIN:
        return 0;
    case SHAPE_STRING:
        return scan_string(scan, number);
    case SHAPE_BYTES:
        return take(scan, number) ? 0 : -EBADMSG;
    case SHAPE_ARRAY:
    case SHAPE_MAP:
        return open_container(scan, number, shape == SHAPE_MAP);
    case SHAPE_EXT:
        return scan_ext(scan, number);
    case SHAPE_BAD:
        break;
    }
    return -EBADMSG;
}

int mproc_args_scan(const unsigned char *bytes, size_t len, unsigned nfds)
{
    struct scan scan = {.at = bytes, .end = bytes + len};
    uint64_t count;
    int r = 0;

    if (len > MPROC_ARGS_BYTES_MAX + UINT64_C(8) || read_head(&scan, &count) != SHAPE_ARRAY ||
        open_container(&scan, count, false))
        return mproc_fail(-EBADMSG, "the arguments are damaged: they are no array of values");
    while (r == 0 && scan.depth > 0) {
        if (scan.open[scan.depth - 1].missing == 0)
            scan.depth--;
        else
            r = scan_value(&scan);
    }
    if (r || scan.at != scan.end || scan.nfds != nfds)
        return mproc_fail(-EBADMSG, "the arguments are damaged at byte %zu of %zu", (size_t)(scan.at - bytes),
                          len);
    return 0;
}

void mproc_args_read_object(const char *body, struct mproc_ext_object *ret_head, const char **ret_name,
                            const unsigned char **ret_meta)
{
    memcpy(ret_head, body, sizeof(*ret_head));
    *ret_name = body + sizeof(*ret_head);
    *ret_meta = (const unsigned char *)*ret_name + ret_head->name_len;
}
