#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/queue.h>

#include "args_internal.h"

TestSuite(args, .timeout = 20);

/* What the owner wrote, as the worker receives it. Ends the written set. */
static struct mproc_args *deliver(struct mproc_args *written)
{
    struct mproc_args_wire wire;
    struct mproc_args *arrived = NULL;
    int copies[MPROC_ARGS_FDS_MAX];

    cr_assert_eq(mproc_args_encode(written, &wire), 0, "%s", mproc_error_detail());
    for (unsigned i = 0; i < wire.nfds; i++)
        copies[i] = fcntl(wire.fds[i], F_DUPFD_CLOEXEC, 3);
    cr_assert_eq(mproc_args_decode(wire.bytes, wire.len, copies, wire.nfds, &arrived), 0, "%s",
                 mproc_error_detail());
    free(wire.bytes);
    mproc_args_free(written);
    return arrived;
}

static struct mproc_args *new_args(void)
{
    struct mproc_args *args = NULL;

    cr_assert_eq(mproc_args_new(&args), 0);
    return args;
}

Test(args, each_type_arrives_as_it_was)
{
    struct mproc_args *args = new_args();
    mproc_args_add_nil(args);
    mproc_args_add_bool(args, true);
    mproc_args_add_int(args, INT64_MIN);
    mproc_args_add_uint(args, UINT64_MAX);
    mproc_args_add_float(args, 0.1);
    mproc_args_add_string(args, "größe");
    mproc_args_add_string(args, "");
    cr_assert_eq(mproc_args_add_bytes(args, "a\0b", 3), 0);

    struct mproc_args *got = deliver(args);
    bool flag = false;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0;
    const char *string = NULL, *empty = NULL;
    const void *bytes = NULL;
    size_t len = 0;
    cr_expect_eq(mproc_args_count(got), 8);
    cr_expect_eq(mproc_value_type(mproc_args_value(got, 0)), MPROC_TYPE_NIL);
    cr_expect_eq(mproc_args_get_bool(got, 1, &flag), 0);
    cr_expect(flag);
    cr_expect_eq(mproc_args_get_int(got, 2, &number), 0);
    cr_expect_eq(number, INT64_MIN);
    cr_expect_eq(mproc_args_get_uint(got, 3, &natural), 0);
    cr_expect_eq(natural, UINT64_MAX);
    cr_expect_eq(mproc_args_get_float(got, 4, &real), 0);
    cr_expect(real == 0.1);
    cr_assert_eq(mproc_args_get_string(got, 5, &string), 0);
    cr_expect_str_eq(string, "größe");
    cr_assert_eq(mproc_args_get_string(got, 6, &empty), 0);
    cr_expect_str_eq(empty, "");
    cr_assert_eq(mproc_args_get_bytes(got, 7, &bytes, &len), 0);
    cr_expect_eq(len, 3);
    cr_expect(memcmp(bytes, "a\0b", 3) == 0);
    mproc_args_free(got);
}

Test(args, the_c_type_picks_the_function)
{
    struct mproc_args *args = new_args();
    const char *name = "x";
    char text[] = "y";
    mproc_args_add(args, 7);
    mproc_args_add(args, (size_t)8);
    mproc_args_add(args, 1.5f);
    mproc_args_add(args, name);
    mproc_args_add(args, text);
    cr_assert_eq(mproc_args_add(args, (bool)true), 0);
    struct mproc_args *got = deliver(args);
    static const enum mproc_type expected[] = {MPROC_TYPE_INT,    MPROC_TYPE_INT,    MPROC_TYPE_FLOAT,
                                               MPROC_TYPE_STRING, MPROC_TYPE_STRING, MPROC_TYPE_BOOL};
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(mproc_value_type(mproc_args_value(got, i)), expected[i], "argument %zu", i);
    mproc_args_free(got);
}

Test(args, arrays_and_maps_nest)
{
    struct mproc_args *args = new_args();
    mproc_args_add_map(args, 2);
    mproc_args_add_string(args, "sizes");
    mproc_args_add_array(args, 3);
    for (int i = 0; i < 3; i++)
        mproc_args_add_int(args, i * 10);
    mproc_args_add_string(args, "none");
    mproc_args_add_array(args, 0);
    cr_assert_eq(mproc_args_add_string(args, "behind the map"), 0);

    struct mproc_args *got = deliver(args);
    const struct mproc_value *map = mproc_args_value(got, 0);
    int64_t number = 0;
    cr_expect_eq(mproc_args_count(got), 2);
    cr_expect_eq(mproc_value_count(map), 2);
    cr_expect_str_eq(mproc_value_key(map, 1), "none");
    cr_expect_eq(mproc_value_int(mproc_value_item(mproc_value_find(map, "sizes"), 2), &number), 0);
    cr_expect_eq(number, 20);
    cr_expect_eq(mproc_value_count(mproc_value_find(map, "none")), 0);
    cr_expect_null(mproc_value_find(map, "missing"));
    cr_expect_eq(mproc_value_int(mproc_value_find(map, "missing"), &number), -ENOENT);
    mproc_args_free(got);
}

Test(args, descriptors_are_duplicated_and_taken_once)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    struct mproc_args *args = new_args();
    cr_assert_eq(mproc_args_add_fd(args, ends[1]), 0);
    struct mproc_args *got = deliver(args);
    close(ends[1]);

    int fd = -1, again = -1;
    char byte = 0;
    cr_assert_eq(mproc_args_get_fd(got, 0, &fd), 0);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect_eq(mproc_args_get_fd(got, 0, &again), -ENOENT);
    mproc_args_free(got);
    cr_expect_eq(write(fd, "x", 1), 1, "taken, so not closed with the arguments");
    close(fd);
    cr_expect_eq(read(ends[0], &byte, 1), 1);
    cr_expect_eq(read(ends[0], &byte, 1), 0, "no other copy of the write end is left");
    close(ends[0]);
}

/* A stand-in for a handle of the library: one descriptor and one byte. */
struct thing {
    int fd;
    unsigned char mark;
};

static int pack_thing(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct thing *thing = object;

    ret_parcel->fds[0] = fcntl(thing->fd, F_DUPFD_CLOEXEC, 3);
    ret_parcel->nfds = 1;
    ret_parcel->meta[0] = thing->mark;
    ret_parcel->meta_len = 1;
    return 0;
}

static int unpack_thing(const struct mproc_parcel *parcel, void **ret_object)
{
    struct thing *thing;

    if (parcel->nfds != 1 || parcel->meta_len != 1 || parcel->meta[0] == 0)
        return -EBADMSG;
    thing = malloc(sizeof(*thing));
    *thing = (struct thing){parcel->fds[0], parcel->meta[0]};
    *ret_object = thing;
    return 0;
}

static const struct mproc_class thing_class = {"thing", pack_thing, unpack_thing, free};
static const struct mproc_class other_class = {"other", pack_thing, unpack_thing, free};

Test(args, handles_travel_by_class)
{
    struct thing thing = {STDOUT_FILENO, 42}, *arrived = NULL;
    void *object = NULL;
    struct mproc_args *args = new_args();
    cr_assert_eq(mproc_args_add_object(args, &thing_class, &thing), 0);
    struct mproc_args *got = deliver(args);

    cr_expect_eq(mproc_args_get_object(got, 0, &other_class, &object), -EINVAL);
    cr_expect(strstr(mproc_error_detail(), "thing") && strstr(mproc_error_detail(), "other"));
    cr_assert_eq(mproc_args_get_object(got, 0, &thing_class, &object), 0);
    arrived = object;
    cr_expect_eq(arrived->mark, 42);
    cr_expect_eq(mproc_args_get_object(got, 0, &thing_class, &object), -ENOENT);
    close(arrived->fd);
    free(arrived);
    mproc_args_free(got);
}

Test(args, a_damaged_handle_leaves_its_descriptor_with_the_arguments)
{
    struct thing broken = {STDOUT_FILENO, 0};
    void *object = NULL;
    struct mproc_args *args = new_args();
    mproc_args_add_object(args, &thing_class, &broken);
    struct mproc_args *got = deliver(args);
    int held = got->fds[0];

    cr_expect_eq(mproc_args_get_object(got, 0, &thing_class, &object), -EBADMSG);
    cr_expect_geq(fcntl(held, F_GETFD), 0);
    mproc_args_free(got);
    cr_expect_eq(fcntl(held, F_GETFD), -1);
}

/* The thread's last error is another one. */
static void fail_otherwise(void)
{
    struct mproc_args *args = new_args();
    int64_t number;

    cr_expect_eq(mproc_args_get_int(args, 0, &number), -ENOENT);
    mproc_args_free(args);
}

Test(args, the_error_comes_at_once_and_sticks)
{
    struct mproc_args *args = new_args();
    struct mproc_args_wire wire;

    cr_expect_eq(mproc_args_add_fd(args, 9999), -EBADF);
    cr_expect(strstr(mproc_error_detail(), "9999"));
    fail_otherwise();
    cr_expect_eq(mproc_args_add_int(args, 1), -EBADF);
    cr_expect(strstr(mproc_error_detail(), "descriptor 9999 cannot be passed"), "%s", mproc_error_detail());
    fail_otherwise();
    cr_expect_eq(mproc_args_add_string(args, NULL), -EBADF, "the first error is returned again");
    cr_expect_eq(mproc_args_encode(args, &wire), -EBADF);
    cr_expect(strstr(mproc_error_detail(), "descriptor 9999 cannot be passed"), "%s", mproc_error_detail());
    mproc_args_free(args);
    args = new_args();
    cr_expect_eq(mproc_args_add_string(args, NULL), -EINVAL);
    mproc_args_free(args);
    args = new_args();
    mproc_args_add_map(args, 1);
    cr_expect_eq(mproc_args_add_int(args, 1), -EINVAL, "a key is a string");
    mproc_args_free(args);
}

Test(args, a_container_that_is_not_full_is_refused)
{
    struct mproc_args *args = new_args();
    struct mproc_args_wire wire;

    mproc_args_add_array(args, 3);
    mproc_args_add_int(args, 1);
    cr_expect_eq(mproc_args_encode(args, &wire), -EINVAL);
    cr_expect(strstr(mproc_error_detail(), "2 more"), "%s", mproc_error_detail());
    mproc_args_free(args);
}

Test(args, depth_and_descriptors_are_bounded)
{
    struct mproc_args *args = new_args();
    for (int i = 0; i < MPROC_ARGS_DEPTH_MAX; i++)
        cr_assert_eq(mproc_args_add_array(args, 1), 0);
    cr_expect_eq(mproc_args_add_array(args, 1), -EMSGSIZE);
    mproc_args_free(args);
    args = new_args();
    for (int i = 0; i < MPROC_ARGS_FDS_MAX; i++)
        cr_assert_eq(mproc_args_add_fd(args, STDOUT_FILENO), 0);
    cr_expect_eq(mproc_args_add_fd(args, STDOUT_FILENO), -EMSGSIZE);
    mproc_args_free(args);
}

static int pack_pair(const void *object, struct mproc_parcel *ret_parcel)
{
    (void)object;
    for (ret_parcel->nfds = 0; ret_parcel->nfds < 2; ret_parcel->nfds++)
        ret_parcel->fds[ret_parcel->nfds] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return 0;
}

static unsigned count_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* As many handles as their descriptors allow, also of those that take several; what does not fit is closed.
 */
Test(args, handles_fill_a_set_to_the_bound_of_descriptors)
{
    static const struct mproc_class pair_class = {"pair", pack_pair, NULL, NULL};
    struct mproc_args *args = new_args();
    struct mproc_queue *queue = NULL;

    cr_assert_eq(mproc_queue_create(NULL, &queue), 0);
    unsigned before = count_fds();
    for (int i = 0; i < MPROC_ARGS_FDS_MAX; i++)
        cr_assert_eq(mproc_args_add_queue(args, queue), 0, "%d: %s", i, mproc_error_detail());
    cr_expect_eq(mproc_args_add_queue(args, queue), -EMSGSIZE);
    cr_expect(strstr(mproc_error_detail(), "more than 240 descriptors"), "%s", mproc_error_detail());
    cr_expect_eq(count_fds(), before + MPROC_ARGS_FDS_MAX);
    mproc_args_clear(args);
    for (int i = 0; i < MPROC_ARGS_FDS_MAX - 1; i++)
        cr_assert_eq(mproc_args_add_fd(args, STDOUT_FILENO), 0);
    cr_expect_eq(mproc_args_add_object(args, &pair_class, args), -EMSGSIZE);
    mproc_args_free(args);
    cr_expect_eq(count_fds(), before);
    mproc_queue_unref(queue);
}

Test(args, the_deepest_that_can_be_written_can_be_read)
{
    struct mproc_args *args = new_args();
    for (int i = 0; i < MPROC_ARGS_DEPTH_MAX; i++)
        mproc_args_add_array(args, 1);
    mproc_args_add_int(args, 5);
    struct mproc_args *got = deliver(args);
    const struct mproc_value *value = mproc_args_value(got, 0);
    for (int i = 0; i < MPROC_ARGS_DEPTH_MAX; i++)
        value = mproc_value_item(value, 0);
    int64_t number = 0;
    cr_expect_eq(mproc_value_int(value, &number), 0);
    cr_expect_eq(number, 5);
    mproc_args_free(got);
}

Test(args, a_wrong_type_names_both)
{
    struct mproc_args *args = new_args();
    mproc_args_add_string(args, "seven");
    mproc_args_add_uint(args, UINT64_MAX);
    mproc_args_add_int(args, -1);
    struct mproc_args *got = deliver(args);
    int64_t number = 77;
    uint64_t natural = 77;
    cr_expect_eq(mproc_args_get_int(got, 0, &number), -EINVAL);
    cr_expect(strstr(mproc_error_detail(), "a string, not an integer"), "%s", mproc_error_detail());
    cr_expect_eq(mproc_args_get_int(got, 1, &number), -ERANGE);
    cr_expect_eq(mproc_args_get_uint(got, 2, &natural), -ERANGE);
    cr_expect_eq(mproc_args_get_int(got, 9, &number), -ENOENT);
    cr_expect_eq(number, 77, "untouched on error");
    cr_expect_eq(natural, 77, "untouched on error");
    cr_expect_eq(mproc_args_add_int(got, 1), -EINVAL, "what arrived is only read");
    mproc_args_free(got);
}

Test(args, lying_bytes_are_refused)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } lies[] = {
        {"nothing", "", 0},
        {"no array", "\x01", 1},
        {"a count beyond the bytes", "\xdd\xff\xff\xff\xff", 5},
        {"a map count beyond the bytes", "\x91\xdf\xff\xff\xff\xff", 6},
        {"a string beyond the bytes",
         "\x91\xdb\x7f\xff\xff\xff"
         "a",
         7},
        {"a string without its NUL",
         "\x91\xa2"
         "ab",
         4},
        {"a string with a NUL inside",
         "\x91\xa3"
         "a\0b",
         5},
        {"an empty string without a NUL", "\x91\xa0", 2},
        {"a NUL before the NUL", "\x91\xa2\0\0", 4},
        {"bytes behind the end", "\x91\x01\x01", 3},
        {"a key that is a number", "\x91\x81\x01\x02", 4},
        {"an unused type", "\x91\xc1", 2},
        {"an unknown ext", "\x91\xd4\x07\x00", 4},
        {"a descriptor that did not come", "\x91\xd4\x01\x00", 4},
        {"a half integer", "\x91\xcf\x01", 3},
        {"a handle without a name", "\x91\xd6\x02\0\0\0\0", 7},
        {"a handle with too many descriptors",
         "\x91\xc7\x05\x02\0\x09\x01\0"
         "q",
         9},
    };
    struct mproc_args *got = NULL;

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        cr_expect_eq(mproc_args_decode(lies[i].bytes, lies[i].len, NULL, 0, &got), -EBADMSG, "%s",
                     lies[i].what);
    cr_expect_null(got);
    const unsigned char deep[40] = {[0 ... 38] = 0x91, [39] = 0x01};
    cr_expect_eq(mproc_args_decode(deep, sizeof(deep), NULL, 0, &got), -EBADMSG, "too deep");
    int fd = STDOUT_FILENO;
    cr_expect_eq(mproc_args_decode("\x90", 1, &fd, 1, &got), -EBADMSG, "a descriptor that no value names");
}

/* Reads everything there is, as a careless program would; the sanitizers judge. */
static size_t walk(const struct mproc_value *value)
{
    const char *string = "";
    const void *bytes = NULL;
    size_t len = 0, sum = 0;

    mproc_value_string(value, &string);
    mproc_value_bytes(value, &bytes, &len);
    sum += strlen(string);
    for (size_t i = 0; i < len; i++)
        sum += ((const unsigned char *)bytes)[i];
    for (size_t i = 0; i < mproc_value_count(value); i++)
        sum += walk(mproc_value_item(value, i)) +
               (mproc_value_key(value, i) ? strlen(mproc_value_key(value, i)) : 0);
    return sum;
}

Test(args, no_mutation_of_good_bytes_does_harm)
{
    struct mproc_args *args = new_args();
    struct mproc_args_wire wire;
    unsigned char bytes[256];
    size_t accepted = 0;

    mproc_args_add_map(args, 2);
    mproc_args_add_string(args, "list");
    mproc_args_add_array(args, 2);
    mproc_args_add_string(args, "text");
    mproc_args_add_bytes(args, "bytes", 5);
    mproc_args_add_string(args, "n");
    mproc_args_add_uint(args, 1u << 20);
    mproc_args_add_float(args, 2.5);
    cr_assert_eq(mproc_args_encode(args, &wire), 0);
    cr_assert_leq(wire.len, sizeof(bytes));
    for (size_t at = 0; at < wire.len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct mproc_args *got = NULL;
            memcpy(bytes, wire.bytes, wire.len);
            bytes[at] = (unsigned char)value;
            if (mproc_args_decode(bytes, wire.len, NULL, 0, &got))
                continue;
            for (size_t i = 0; i < mproc_args_count(got); i++)
                accepted += walk(mproc_args_value(got, i)) > 0;
            mproc_args_free(got);
        }
    }
    cr_expect_gt(accepted, 0);
    free(wire.bytes);
    mproc_args_free(args);
}
