#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/error.h>

#include "args_internal.h"
#include "error_internal.h"

int mproc_args_new(struct mproc_args **ret_args)
{
    struct mproc_args *args = NULL;
    int r = mproc_handle_new(sizeof(*args), &args);

    if (r)
        return r;
    msgpack_sbuffer_init(&args->bytes);
    *ret_args = args;
    return 0;
}

static int check(const struct mproc_args *args)
{
    return mproc_handle_check(args, "set of arguments");
}

static void empty(struct mproc_args *args)
{
    for (unsigned i = 0; i < args->nfds; i++) {
        if (args->fds[i] >= 0)
            close(args->fds[i]);
    }
    args->nfds = 0;
    args->bytes.size = 0;
    args->count = 0;
    args->error = 0;
    args->depth = 0;
    args->arrived = false;
}

void mproc_args_clear(struct mproc_args *args)
{
    if (check(args) == 0)
        empty(args);
}

static void release(struct mproc_args *args)
{
    empty(args);
    if (args->zone)
        msgpack_zone_free(args->zone);
    args->zone = NULL;
    msgpack_sbuffer_destroy(&args->bytes);
    msgpack_sbuffer_init(&args->bytes);
    free(args->fds);
    args->fds = NULL;
}

void mproc_args_free(struct mproc_args *args)
{
    if (!args)
        return;
    if (args->is_lent && check(args) == 0) {
        release(args);
        return;
    }
    if (!mproc_handle_unref(args))
        return;
    release(args);
    mproc_handle_bury(args);
}

void mproc_args_lend(struct mproc_args *args)
{
    args->is_lent = true;
}

void mproc_args_end(struct mproc_args *args)
{
    if (args)
        args->is_lent = false;
    mproc_args_free(args);
}

/* The first error stays, with its sentence. */
static int stick(struct mproc_args *args, int err)
{
    int r = check(args);

    if (r)
        return r;
    if (!args->error) {
        args->error = err;
        snprintf(args->why, sizeof(args->why), "%s", mproc_error_detail());
    }
    return err;
}

/* Before a value: may one be added here, and does it fit? */
static int begin(struct mproc_args *args, bool is_string, size_t len)
{
    int r = check(args);

    if (r)
        return r;
    if (args->arrived)
        return mproc_fail(-EINVAL, "these arguments arrived from the owner: they can be read, not added to");
    if (args->error)
        return mproc_fail(args->error,
                          "an earlier value could not be added, so that these arguments are spoilt: %s",
                          args->why);
    if (len > MPROC_ARGS_BYTES_MAX - args->bytes.size)
        return stick(args,
                     mproc_fail(-EMSGSIZE, "arguments of more than %d bytes; pass a descriptor to the data",
                                MPROC_ARGS_BYTES_MAX));
    const struct mproc_args_open *open = args->depth ? &args->open[args->depth - 1] : NULL;
    if (open && open->is_map && open->missing % 2 == 0 && !is_string)
        return stick(args, mproc_fail(-EINVAL, "the key of a pair in a map must be a string"));
    return 0;
}

/* After a value: `failed` is what the packer said. Counts it, and closes what is full. */
static int finish(struct mproc_args *args, int failed)
{
    if (failed)
        return stick(args, mproc_fail(-ENOMEM, "no memory for %zu bytes of arguments", args->bytes.size));
    if (args->depth == 0)
        args->count++;
    while (args->depth > 0 && --args->open[args->depth - 1].missing == 0)
        args->depth--;
    return 0;
}

static int pack(struct mproc_args *args, const msgpack_object *value)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, &args->bytes, msgpack_sbuffer_write);
    return msgpack_pack_object(&packer, *value);
}

static int add_scalar(struct mproc_args *args, const msgpack_object *value)
{
    int r = begin(args, false, 16);

    return r ? r : finish(args, pack(args, value));
}

int mproc_args_add_nil(struct mproc_args *args)
{
    return add_scalar(args, &(msgpack_object){.type = MSGPACK_OBJECT_NIL});
}

int mproc_args_add_bool(struct mproc_args *args, bool value)
{
    return add_scalar(args, &(msgpack_object){.type = MSGPACK_OBJECT_BOOLEAN, .via.boolean = value});
}

int mproc_args_add_int(struct mproc_args *args, int64_t value)
{
    return add_scalar(args, &(msgpack_object){.type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = value});
}

int mproc_args_add_uint(struct mproc_args *args, uint64_t value)
{
    return add_scalar(args, &(msgpack_object){.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = value});
}

int mproc_args_add_float(struct mproc_args *args, double value)
{
    return add_scalar(args, &(msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = value});
}

int mproc_args_add_string(struct mproc_args *args, const char *string)
{
    /* The NUL travels too, so that the receiver has a C string without copying. */
    size_t size = string ? strlen(string) + 1 : 0;
    int r = begin(args, true, size + 8);
    if (r)
        return r;
    if (!string)
        return stick(args, mproc_fail(-EINVAL, "a NULL is no string; add nil instead"));
    return finish(args, pack(args, &(msgpack_object){.type = MSGPACK_OBJECT_STR,
                                                     .via.str = {.size = (uint32_t)size, .ptr = string}}));
}

int mproc_args_add_bytes(struct mproc_args *args, const void *bytes, size_t len)
{
    int r = begin(args, false, len > SIZE_MAX - 8 ? len : len + 8);
    if (r)
        return r;
    if (!bytes && len > 0)
        return stick(args, mproc_fail(-EINVAL, "%zu bytes at NULL; add nil instead", len));
    return finish(args, pack(args, &(msgpack_object){.type = MSGPACK_OBJECT_BIN,
                                                     .via.bin = {.size = (uint32_t)len, .ptr = bytes}}));
}

/* Room for so many more descriptors. */
static int make_room(struct mproc_args *args, unsigned nfds)
{
    if (nfds > MPROC_ARGS_FDS_MAX - args->nfds)
        return stick(args, mproc_fail(-EMSGSIZE, "more than %d descriptors in one set of arguments",
                                      MPROC_ARGS_FDS_MAX));
    if (!args->fds)
        args->fds = malloc(MPROC_ARGS_FDS_MAX * sizeof(*args->fds));
    return args->fds ? 0 : stick(args, mproc_fail(-ENOMEM, "no memory for descriptors in arguments"));
}

int mproc_args_add_fd(struct mproc_args *args, int fd)
{
    int r = begin(args, false, 16);

    if (r == 0)
        r = make_room(args, 1);
    if (r)
        return r;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return stick(args,
                     mproc_fail(-errno, "descriptor %d cannot be passed: %s", fd, strerrordesc_np(errno)));
    const char number = (char)args->nfds;
    args->fds[args->nfds++] = copy;
    return finish(args, pack(args, &(msgpack_object){.type = MSGPACK_OBJECT_EXT,
                                                     .via.ext = {MPROC_EXT_FD, sizeof(number), &number}}));
}

static int add_container(struct mproc_args *args, uint32_t count, bool is_map)
{
    int r = begin(args, false, 16);

    if (r)
        return r;
    if (args->depth == MPROC_ARGS_DEPTH_MAX)
        return stick(args, mproc_fail(-EMSGSIZE, "more than %d arrays and maps inside each other",
                                      MPROC_ARGS_DEPTH_MAX));
    msgpack_packer packer;
    msgpack_packer_init(&packer, &args->bytes, msgpack_sbuffer_write);
    int failed = is_map ? msgpack_pack_map(&packer, count) : msgpack_pack_array(&packer, count);
    if (failed || count == 0)
        return finish(args, failed);
    if (args->depth == 0)
        args->count++;
    /* Its items count down from here; it counts as an item of what is around it once it is full. */
    args->open[args->depth++] = (struct mproc_args_open){(uint64_t)count << (is_map ? 1 : 0), is_map};
    return 0;
}

int mproc_args_add_array(struct mproc_args *args, uint32_t count)
{
    return add_container(args, count, false);
}

int mproc_args_add_map(struct mproc_args *args, uint32_t count)
{
    return add_container(args, count, true);
}

int mproc_args_add_encoded(struct mproc_args *args, const unsigned char *bytes, size_t len)
{
    int r = begin(args, false, len);

    return r ? r : finish(args, msgpack_sbuffer_write(&args->bytes, (const char *)bytes, len));
}

static int append_parcel(struct mproc_args *args, const char *name, const struct mproc_parcel *parcel)
{
    char body[sizeof(struct mproc_ext_object) + MPROC_CLASS_NAME_MAX + MPROC_PARCEL_META];
    const struct mproc_ext_object head = {(uint8_t)args->nfds, (uint8_t)parcel->nfds, (uint8_t)strlen(name),
                                          (uint8_t)parcel->meta_len};
    char *end = mempcpy(body, &head, sizeof(head));

    end = mempcpy(end, name, head.name_len);
    end = mempcpy(end, parcel->meta, head.meta_len);
    for (unsigned i = 0; i < parcel->nfds; i++)
        args->fds[args->nfds++] = parcel->fds[i];
    const msgpack_object value = {.type = MSGPACK_OBJECT_EXT,
                                  .via.ext = {MPROC_EXT_OBJECT, (uint32_t)(end - body), body}};
    return finish(args, pack(args, &value));
}

int mproc_parcel_add(struct mproc_parcel *parcel, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy >= 0) {
        parcel->fds[parcel->nfds++] = copy;
        return 0;
    }
    int r = mproc_fail(-errno, "cannot duplicate a descriptor: %s (RLIMIT_NOFILE?)", strerrordesc_np(errno));
    for (uint32_t i = 0; i < parcel->nfds; i++)
        close(parcel->fds[i]);
    parcel->nfds = 0;
    return r;
}

int mproc_args_add_object(struct mproc_args *args, const struct mproc_class *cls, const void *object)
{
    struct mproc_parcel parcel = {0};
    int r = begin(args, false, 128);

    if (r)
        return r;
    if (!object)
        return stick(args, mproc_fail(-EINVAL, "a NULL is no %s; add nil instead", cls->name));
    r = cls->pack(object, &parcel);
    if (r)
        return stick(args, r);
    r = make_room(args, parcel.nfds);
    for (unsigned i = 0; r && i < parcel.nfds; i++)
        close(parcel.fds[i]);
    return r ? r : append_parcel(args, cls->name, &parcel);
}

int mproc_args_measure(const struct mproc_args *args, size_t *ret_len, unsigned *ret_nfds)
{
    int r = args ? check(args) : 0;

    if (r)
        return r;
    if (args && args->arrived)
        return mproc_fail(-EINVAL,
                          "these arguments arrived from the owner; add what is to go on to a new set");
    if (args && args->error)
        return mproc_fail(args->error, "a value could not be added to the arguments: %s", args->why);
    if (args && args->depth > 0)
        return mproc_fail(-EINVAL, "the last argument is a%s that wants %llu more values",
                          args->open[args->depth - 1].is_map ? " map" : "n array",
                          (unsigned long long)args->open[args->depth - 1].missing);
    uint32_t count = args ? args->count : 0;
    *ret_len = (args ? args->bytes.size : 0) + (count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5);
    *ret_nfds = args ? args->nfds : 0;
    return 0;
}

/* What msgpack writes to: memory that was measured to suffice. */
static int append_bytes(void *end, const char *bytes, size_t len)
{
    unsigned char **to = end;

    *to = mempcpy(*to, bytes, len);
    return 0;
}

void mproc_args_write(const struct mproc_args *args, unsigned char *ret_bytes)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, &ret_bytes, append_bytes);
    msgpack_pack_array(&packer, args ? args->count : 0);
    if (args && args->bytes.size > 0)
        append_bytes(&ret_bytes, args->bytes.data, args->bytes.size);
}

int mproc_args_encode(const struct mproc_args *args, struct mproc_args_wire *ret_wire)
{
    unsigned nfds;
    size_t len;
    int r = mproc_args_measure(args, &len, &nfds);

    if (r)
        return r;
    unsigned char *bytes = malloc(len);
    if (!bytes)
        return mproc_fail(-ENOMEM, "no memory to encode the arguments");
    mproc_args_write(args, bytes);
    *ret_wire = (struct mproc_args_wire){bytes, len, args ? args->fds : NULL, nfds};
    return 0;
}
