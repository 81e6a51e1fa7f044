/* Arguments: bytes and a number of descriptors from a process that is not sound. What is accepted can be read
 * to its last value, and, added to another set, arrives there as the same bytes mean. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <mproc/queue.h>

#include "args_internal.h"
#include "input.h"

enum { FDS_MAX = 3 };

/* Adds a value that arrived to a set that is being filled. */
static void add_again(struct mproc_args *again, const struct mproc_value *value)
{
    size_t count = mproc_value_count(value);
    const char *string;
    const void *bytes;
    int64_t integer;
    uint64_t number;
    double real;
    size_t len;
    bool flag;

    switch (mproc_value_type(value)) {
    case MPROC_TYPE_BOOL:
        MUST(mproc_value_bool(value, &flag) == 0 && mproc_args_add_bool(again, flag) == 0);
        break;
    case MPROC_TYPE_INT:
        if (mproc_value_uint(value, &number) == 0)
            MUST(mproc_args_add_uint(again, number) == 0);
        else
            MUST(mproc_value_int(value, &integer) == 0 && mproc_args_add_int(again, integer) == 0);
        break;
    case MPROC_TYPE_FLOAT:
        MUST(mproc_value_float(value, &real) == 0 && mproc_args_add_float(again, real) == 0);
        break;
    case MPROC_TYPE_STRING:
        MUST(mproc_value_string(value, &string) == 0 && mproc_args_add_string(again, string) == 0);
        break;
    case MPROC_TYPE_BYTES:
        MUST(mproc_value_bytes(value, &bytes, &len) == 0 && mproc_args_add_bytes(again, bytes, len) == 0);
        break;
    case MPROC_TYPE_ARRAY:
        MUST(mproc_args_add_array(again, (uint32_t)count) == 0);
        for (size_t i = 0; i < count; i++)
            add_again(again, mproc_value_item(value, i));
        break;
    case MPROC_TYPE_MAP:
        MUST(mproc_args_add_map(again, (uint32_t)count) == 0);
        for (size_t i = 0; i < count; i++) {
            MUST(mproc_args_add_string(again, mproc_value_key(value, i)) == 0);
            MUST(mproc_value_find(value, mproc_value_key(value, i)));
            add_again(again, mproc_value_item(value, i));
        }
        break;
    default: /* descriptors and handles can be taken at the top only */
        MUST(mproc_args_add_nil(again) == 0);
        break;
    }
}

static void take_fds(const struct mproc_args *args)
{
    for (size_t i = 0; i < mproc_args_count(args); i++) {
        struct mproc_queue *queue;
        int fd;
        if (mproc_args_get_fd(args, i, &fd) == 0) {
            MUST(close(fd) == 0);
            MUST(mproc_args_get_fd(args, i, &fd) == -ENOENT);
        }
        /* What these descriptors are is no queue. */
        MUST(mproc_args_get_queue(args, i, &queue) != 0);
    }
}

static void read_all(const struct mproc_args *args)
{
    struct mproc_args *again;
    struct mproc_args *arrived;
    struct mproc_args_wire wire;

    MUST(mproc_args_new(&again) == 0);
    for (size_t i = 0; i < mproc_args_count(args); i++)
        add_again(again, mproc_args_value(args, i));
    MUST(!mproc_args_value(args, mproc_args_count(args)));
    MUST(mproc_args_encode(again, &wire) == 0);
    MUST(mproc_args_decode(wire.bytes, wire.len, NULL, 0, &arrived) == 0);
    MUST(mproc_args_count(arrived) == mproc_args_count(args));
    mproc_args_free(arrived);
    mproc_args_free(again);
    free(wire.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    unsigned nfds = input_byte(&input) % (FDS_MAX + 1);
    struct mproc_args *args;
    int fds[FDS_MAX] = {0};

    for (unsigned i = 0; i < nfds; i++)
        MUST((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    if (mproc_args_decode(input.at, input.left, fds, nfds, &args)) {
        for (unsigned i = 0; i < nfds; i++)
            MUST(close(fds[i]) == 0);
        return 0;
    }
    read_all(args);
    take_fds(args);
    mproc_args_free(args);
    return 0;
}
