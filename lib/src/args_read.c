#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args_internal.h"
#include "error_internal.h"

/* Room for the values of a typical set; more is allocated as it is needed. */
enum { ZONE_BYTES = 1024 };

static const char *const type_names[MPROC_TYPE__COUNT] = {
    [MPROC_TYPE_NIL] = "nil",         [MPROC_TYPE_BOOL] = "a boolean",  [MPROC_TYPE_INT] = "an integer",
    [MPROC_TYPE_FLOAT] = "a float",   [MPROC_TYPE_STRING] = "a string", [MPROC_TYPE_BYTES] = "bytes",
    [MPROC_TYPE_ARRAY] = "an array",  [MPROC_TYPE_MAP] = "a map",       [MPROC_TYPE_FD] = "a descriptor",
    [MPROC_TYPE_OBJECT] = "a handle",
};

/* Finds the values in bytes that were scanned and stay where they are. */
static int unpack(struct mproc_args *args, const void *bytes, size_t len)
{
    size_t offset = 0;

    if (args->zone)
        msgpack_zone_clear(args->zone);
    else
        args->zone = msgpack_zone_new(ZONE_BYTES);
    if (!args->zone ||
        msgpack_unpack(bytes, len, &offset, args->zone, &args->values) != MSGPACK_UNPACK_SUCCESS)
        return mproc_fail(-ENOMEM, "no memory for %zu bytes of arguments", len);
    args->arrived = true;
    return 0;
}

int mproc_args_refer(struct mproc_args *args, const void *bytes, size_t len)
{
    mproc_args_clear(args);
    mproc_args_lend(args);
    int r = mproc_args_scan(bytes, len, 0);
    return r ? r : unpack(args, bytes, len);
}

int mproc_args_adopt(unsigned char *bytes, size_t len, const int *fds, unsigned nfds,
                     struct mproc_args **ret_args)
{
    struct mproc_args *args;

    if (nfds > MPROC_ARGS_FDS_MAX)
        return mproc_fail(-EBADMSG, "the arguments are damaged: %u descriptors", nfds);
    int r = mproc_args_scan(bytes, len, nfds);
    if (r == 0)
        r = mproc_args_new(&args);
    if (r)
        return r;
    if (nfds > 0)
        args->fds = malloc(MPROC_ARGS_FDS_MAX * sizeof(*args->fds));
    r = nfds > 0 && !args->fds ? mproc_fail(-ENOMEM, "no memory for descriptors in arguments")
                               : unpack(args, bytes, len);
    if (r) {
        mproc_args_free(args);
        return r;
    }
    args->bytes = (msgpack_sbuffer){.size = len, .data = (char *)bytes, .alloc = len};
    for (unsigned i = 0; i < nfds; i++)
        args->fds[i] = fds[i];
    args->nfds = nfds;
    *ret_args = args;
    return 0;
}

int mproc_args_decode(const void *bytes, size_t len, const int *fds, unsigned nfds,
                      struct mproc_args **ret_args)
{
    unsigned char *copy = malloc(len ? len : 1);

    if (!copy)
        return mproc_fail(-ENOMEM, "no memory for %zu bytes of arguments", len);
    /* The values point into the bytes, so the set keeps its own. */
    memcpy(copy, bytes, len);
    int r = mproc_args_adopt(copy, len, fds, nfds, ret_args);
    if (r)
        free(copy);
    return r;
}

static const msgpack_object *object_of(const struct mproc_value *value)
{
    return (const msgpack_object *)value;
}

static const struct mproc_value *value_of(const msgpack_object *object)
{
    return (const struct mproc_value *)object;
}

size_t mproc_args_count(const struct mproc_args *args)
{
    return args && args->arrived ? args->values.via.array.size : 0;
}

const struct mproc_value *mproc_args_value(const struct mproc_args *args, size_t index)
{
    return index < mproc_args_count(args) ? value_of(&args->values.via.array.ptr[index]) : NULL;
}

enum mproc_type mproc_value_type(const struct mproc_value *value)
{
    if (!value)
        return MPROC_TYPE_NIL;
    switch (object_of(value)->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return MPROC_TYPE_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return MPROC_TYPE_INT;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return MPROC_TYPE_FLOAT;
    case MSGPACK_OBJECT_STR:
        return MPROC_TYPE_STRING;
    case MSGPACK_OBJECT_BIN:
        return MPROC_TYPE_BYTES;
    case MSGPACK_OBJECT_ARRAY:
        return MPROC_TYPE_ARRAY;
    case MSGPACK_OBJECT_MAP:
        return MPROC_TYPE_MAP;
    case MSGPACK_OBJECT_EXT:
        return object_of(value)->via.ext.type == MPROC_EXT_FD ? MPROC_TYPE_FD : MPROC_TYPE_OBJECT;
    case MSGPACK_OBJECT_NIL:
        break;
    }
    return MPROC_TYPE_NIL;
}

size_t mproc_value_count(const struct mproc_value *value)
{
    if (!value)
        return 0;
    switch (mproc_value_type(value)) {
    case MPROC_TYPE_ARRAY:
        return object_of(value)->via.array.size;
    case MPROC_TYPE_MAP:
        return object_of(value)->via.map.size;
    default:
        return 0;
    }
}

const struct mproc_value *mproc_value_item(const struct mproc_value *value, size_t index)
{
    const msgpack_object *object = object_of(value);

    if (index >= mproc_value_count(value))
        return NULL;
    return value_of(object->type == MSGPACK_OBJECT_ARRAY ? &object->via.array.ptr[index]
                                                         : &object->via.map.ptr[index].val);
}

const char *mproc_value_key(const struct mproc_value *value, size_t index)
{
    const msgpack_object *object = object_of(value);

    if (!object || object->type != MSGPACK_OBJECT_MAP || index >= object->via.map.size)
        return NULL;
    return object->via.map.ptr[index].key.via.str.ptr;
}

const struct mproc_value *mproc_value_find(const struct mproc_value *map, const char *key)
{
    for (size_t i = 0; i < mproc_value_count(map); i++) {
        const char *name = mproc_value_key(map, i);
        if (name && strcmp(name, key) == 0)
            return mproc_value_item(map, i);
    }
    return NULL;
}

static int expect(const struct mproc_value *value, enum mproc_type type)
{
    if (!value)
        return mproc_fail(-ENOENT, "there is no such value; %s was expected", type_names[type]);
    enum mproc_type is = mproc_value_type(value);
    return is == type ? 0 : mproc_fail(-EINVAL, "the value is %s, not %s", type_names[is], type_names[type]);
}

int mproc_value_bool(const struct mproc_value *value, bool *ret_value)
{
    int r = expect(value, MPROC_TYPE_BOOL);

    if (r == 0)
        *ret_value = object_of(value)->via.boolean;
    return r;
}

int mproc_value_int(const struct mproc_value *value, int64_t *ret_value)
{
    int r = expect(value, MPROC_TYPE_INT);

    if (r)
        return r;
    const msgpack_object *object = object_of(value);
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 > INT64_MAX)
        return mproc_fail(-ERANGE, "the integer %llu does not fit into a signed one; read it as unsigned",
                          (unsigned long long)object->via.u64);
    *ret_value = object->via.i64;
    return 0;
}

int mproc_value_uint(const struct mproc_value *value, uint64_t *ret_value)
{
    int r = expect(value, MPROC_TYPE_INT);

    if (r)
        return r;
    const msgpack_object *object = object_of(value);
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return mproc_fail(-ERANGE, "the integer %lld is negative; read it as signed",
                          (long long)object->via.i64);
    *ret_value = object->via.u64;
    return 0;
}

int mproc_value_float(const struct mproc_value *value, double *ret_value)
{
    int r = expect(value, MPROC_TYPE_FLOAT);

    if (r == 0)
        *ret_value = object_of(value)->via.f64;
    return r;
}

int mproc_value_string(const struct mproc_value *value, const char **ret_string)
{
    int r = expect(value, MPROC_TYPE_STRING);

    if (r == 0)
        *ret_string = object_of(value)->via.str.ptr;
    return r;
}

int mproc_value_bytes(const struct mproc_value *value, const void **ret_bytes, size_t *ret_len)
{
    int r = expect(value, MPROC_TYPE_BYTES);

    if (r)
        return r;
    *ret_bytes = object_of(value)->via.bin.ptr;
    *ret_len = object_of(value)->via.bin.size;
    return 0;
}

static int argument(const struct mproc_args *args, size_t index, enum mproc_type type,
                    const struct mproc_value **ret_value)
{
    const struct mproc_value *value = mproc_args_value(args, index);

    if (!value) {
        int r = mproc_handle_check(args, "set of arguments");
        return r ? r
                 : mproc_fail(-ENOENT, "there is no argument %zu: %zu arrived", index,
                              mproc_args_count(args));
    }
    enum mproc_type is = mproc_value_type(value);
    if (is != type)
        return mproc_fail(-EINVAL, "argument %zu is %s, not %s", index, type_names[is], type_names[type]);
    *ret_value = value;
    return 0;
}

int mproc_args_get_bool(const struct mproc_args *args, size_t index, bool *ret_value)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_BOOL, &value);

    return r ? r : mproc_value_bool(value, ret_value);
}

int mproc_args_get_int(const struct mproc_args *args, size_t index, int64_t *ret_value)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_INT, &value);

    return r ? r : mproc_value_int(value, ret_value);
}

int mproc_args_get_uint(const struct mproc_args *args, size_t index, uint64_t *ret_value)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_INT, &value);

    return r ? r : mproc_value_uint(value, ret_value);
}

int mproc_args_get_float(const struct mproc_args *args, size_t index, double *ret_value)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_FLOAT, &value);

    return r ? r : mproc_value_float(value, ret_value);
}

int mproc_args_get_string(const struct mproc_args *args, size_t index, const char **ret_string)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_STRING, &value);

    return r ? r : mproc_value_string(value, ret_string);
}

int mproc_args_get_bytes(const struct mproc_args *args, size_t index, const void **ret_bytes, size_t *ret_len)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_BYTES, &value);

    return r ? r : mproc_value_bytes(value, ret_bytes, ret_len);
}

int mproc_args_get_fd(const struct mproc_args *args, size_t index, int *ret_fd)
{
    const struct mproc_value *value = NULL;
    int r = argument(args, index, MPROC_TYPE_FD, &value);

    if (r)
        return r;
    /* Taking is no change of the arguments that a reader of const ones could see, except for who closes it.
     */
    int *slot = &args->fds[(unsigned char)object_of(value)->via.ext.ptr[0]];
    if (*slot < 0)
        return mproc_fail(-ENOENT, "the descriptor of argument %zu was taken already", index);
    *ret_fd = *slot;
    *slot = -1;
    return 0;
}

static bool is_of_class(const struct mproc_class *cls, const char *name, uint8_t name_len)
{
    return strlen(cls->name) == name_len && memcmp(cls->name, name, name_len) == 0;
}

bool mproc_args_is_object(const struct mproc_args *args, size_t index, const struct mproc_class *cls)
{
    const struct mproc_value *value = mproc_args_value(args, index);
    struct mproc_ext_object head;
    const unsigned char *meta;
    const char *name;

    if (!value || mproc_value_type(value) != MPROC_TYPE_OBJECT)
        return false;
    mproc_args_read_object(object_of(value)->via.ext.ptr, &head, &name, &meta);
    return is_of_class(cls, name, head.name_len);
}

int mproc_args_get_object(const struct mproc_args *args, size_t index, const struct mproc_class *cls,
                          void **ret_object)
{
    const struct mproc_value *value = NULL;
    struct mproc_parcel parcel = {0};
    struct mproc_ext_object head;
    const unsigned char *meta;
    const char *name;
    int r = argument(args, index, MPROC_TYPE_OBJECT, &value);

    if (r)
        return r;
    mproc_args_read_object(object_of(value)->via.ext.ptr, &head, &name, &meta);
    if (!is_of_class(cls, name, head.name_len))
        return mproc_fail(-EINVAL, "argument %zu is a %.*s, not a %s", index, head.name_len, name, cls->name);
    int *fds = head.nfds > 0 ? &args->fds[head.first_fd] : NULL;
    if (head.nfds > 0 && fds[0] < 0)
        return mproc_fail(-ENOENT, "the %s of argument %zu was taken already", cls->name, index);
    for (unsigned i = 0; i < head.nfds; i++)
        parcel.fds[i] = fds[i];
    memcpy(parcel.meta, meta, head.meta_len);
    parcel.nfds = head.nfds;
    parcel.meta_len = head.meta_len;
    r = cls->unpack(&parcel, ret_object);
    if (r)
        return r;
    for (unsigned i = 0; i < head.nfds; i++)
        fds[i] = -1;
    return 0;
}
