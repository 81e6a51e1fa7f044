/* Proxies: each call is a request with its operands, and what the answer holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/args.h>

#include "args_internal.h"
#include "error_internal.h"
#include "manager_wire.h"

struct mproc_shared {
    struct manager_access access;
    enum mproc_shared_kind kind;
    uint64_t id;
};

/* What travels beside the descriptors. */
struct parcel_meta {
    uint64_t id;
    uint32_t kind;
    uint32_t unused;
};

static const char *const kind_names[MPROC_SHARED__COUNT] = {
    [MPROC_SHARED_DICT] = "dictionary", [MPROC_SHARED_NAMESPACE] = "namespace", [MPROC_SHARED_LIST] = "list",
    [MPROC_SHARED_COUNTER] = "counter", [MPROC_SHARED_QUEUE] = "queue",         [MPROC_SHARED_LOCK] = "lock",
};

static int fail_damaged(void)
{
    return mproc_fail(-EBADMSG, "the answer of the manager's server is damaged");
}

int mproc_shared_open(struct mproc_manager *manager, const struct mproc_shared_options *options,
                      uint64_t deadline_ns, struct mproc_shared **ret_shared)
{
    struct manager_access *access = (struct manager_access *)manager;
    struct mproc_args *request;
    struct mproc_args *answer;
    struct mproc_shared *shared;
    uint64_t id = 0;

    if (!options || (unsigned)options->kind >= MPROC_SHARED__COUNT)
        return mproc_fail(-EINVAL, "a manager keeps no objects of kind %d",
                          options ? (int)options->kind : -1);
    int r = mproc_manager_begin(access, MANAGER_OPEN, 0, deadline_ns, &request);
    if (r)
        return r;
    mproc_args_add_uint(request, options->kind);
    mproc_args_add_string(request, options->name ? options->name : "");
    mproc_args_add_bool(request, options->name != NULL);
    mproc_args_add_uint(request, options->max_items);
    r = mproc_manager_call(access, deadline_ns, NULL, &answer);
    if (r)
        return r;
    if (mproc_args_get_uint(answer, 1, &id))
        r = fail_damaged();
    mproc_args_free(answer);
    if (r == 0)
        r = mproc_manager_reach(access, sizeof(*shared), &shared);
    if (r)
        return r;
    shared->kind = options->kind;
    shared->id = id;
    *ret_shared = shared;
    return 0;
}

struct mproc_shared *mproc_shared_ref(struct mproc_shared *shared)
{
    mproc_handle_ref(shared);
    return shared;
}

void mproc_shared_unref(struct mproc_shared *shared)
{
    if (mproc_handle_unref(shared))
        mproc_manager_end(shared);
}

enum mproc_shared_kind mproc_shared_kind(const struct mproc_shared *shared)
{
    return mproc_handle_check(shared, "proxy") ? MPROC_SHARED__COUNT : shared->kind;
}

static int begin(struct mproc_shared *shared, enum manager_op op, uint64_t deadline_ns,
                 struct mproc_args **ret_request)
{
    int r = mproc_handle_check(shared, "proxy");

    return r ? r : mproc_manager_begin(&shared->access, op, shared->id, deadline_ns, ret_request);
}

/* Begins a request about an object of one of two kinds. */
static int begin_of(struct mproc_shared *shared, enum mproc_shared_kind kind, enum mproc_shared_kind or_kind,
                    enum manager_op op, uint64_t deadline_ns, struct mproc_args **ret_request)
{
    int r = mproc_handle_check(shared, "proxy");

    if (r)
        return r;
    if (shared->kind != kind && shared->kind != or_kind)
        return mproc_fail(-EINVAL, "this is the proxy of a %s, not of a %s", kind_names[shared->kind],
                          kind_names[kind]);
    return begin(shared, op, deadline_ns, ret_request);
}

static int begin_dict(struct mproc_shared *shared, const char *key, enum manager_op op, uint64_t deadline_ns,
                      struct mproc_args **ret_request)
{
    if (!key)
        return mproc_fail(-EINVAL, "the key is NULL, which is no name");
    int r = begin_of(shared, MPROC_SHARED_DICT, MPROC_SHARED_NAMESPACE, op, deadline_ns, ret_request);
    return r ? r : mproc_args_add_string(*ret_request, key);
}

static int begin_list(struct mproc_shared *shared, int64_t index, enum manager_op op, uint64_t deadline_ns,
                      struct mproc_args **ret_request)
{
    int r = begin_of(shared, MPROC_SHARED_LIST, MPROC_SHARED_LIST, op, deadline_ns, ret_request);

    return r ? r : mproc_args_add_int(*ret_request, index);
}

/* The server keeps them as the bytes that they are here. */
static int add_values(struct mproc_args *request, const struct mproc_args *values)
{
    struct mproc_args_wire wire;
    int r = mproc_args_encode(values, &wire);

    if (r)
        return r;
    r = wire.nfds > 0
            ? mproc_fail(-EINVAL, "a manager keeps no descriptors and no handles: pass these to the "
                                  "processes themselves")
            : mproc_args_add_bytes(request, wire.bytes, wire.len);
    free(wire.bytes);
    return r;
}

/* For an answer that tells nothing more. */
static int call(struct mproc_shared *shared, uint64_t deadline_ns, const char *awaited)
{
    struct mproc_args *answer;
    int r = mproc_manager_call(&shared->access, deadline_ns, awaited, &answer);

    if (r == 0 || r == -EOWNERDEAD)
        mproc_args_free(answer);
    return r;
}

static int call_with_values(struct mproc_shared *shared, struct mproc_args *request,
                            const struct mproc_args *values, uint64_t deadline_ns, const char *awaited)
{
    int r = add_values(request, values);

    return r ? r : call(shared, deadline_ns, awaited);
}

static int call_for_values(struct mproc_shared *shared, uint64_t deadline_ns, const char *awaited,
                           struct mproc_args **ret_values)
{
    struct mproc_args *answer;
    const void *bytes;
    size_t len;
    int r = mproc_manager_call(&shared->access, deadline_ns, awaited, &answer);

    if (r)
        return r;
    if (mproc_args_get_bytes(answer, 1, &bytes, &len))
        r = fail_damaged();
    else if (ret_values)
        r = mproc_args_decode(bytes, len, NULL, 0, ret_values);
    mproc_args_free(answer);
    if (r)
        mproc_manager_undo(&shared->access);
    return r;
}

static int call_for_int(struct mproc_shared *shared, uint64_t deadline_ns, int64_t *ret_value)
{
    struct mproc_args *answer;
    int64_t value = 0;
    int r = mproc_manager_call(&shared->access, deadline_ns, NULL, &answer);

    if (r)
        return r;
    if (mproc_args_get_int(answer, 1, &value))
        r = fail_damaged();
    else if (ret_value)
        *ret_value = value;
    mproc_args_free(answer);
    return r;
}

int mproc_shared_size(struct mproc_shared *shared, uint64_t deadline_ns, uint64_t *ret_size)
{
    struct mproc_args *request;
    int64_t size = 0;
    int r = begin(shared, MANAGER_SIZE, deadline_ns, &request);

    if (r == 0)
        r = call_for_int(shared, deadline_ns, &size);
    if (r == 0)
        *ret_size = (uint64_t)size;
    return r;
}

int mproc_shared_clear(struct mproc_shared *shared, uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin(shared, MANAGER_CLEAR, deadline_ns, &request);

    return r ? r : call(shared, deadline_ns, NULL);
}

int mproc_shared_remove(struct mproc_shared *shared, uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin(shared, MANAGER_REMOVE, deadline_ns, &request);

    return r ? r : call(shared, deadline_ns, NULL);
}

int mproc_shared_dict_set(struct mproc_shared *shared, const char *key, const struct mproc_args *values,
                          uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin_dict(shared, key, MANAGER_DICT_SET, deadline_ns, &request);

    return r ? r : call_with_values(shared, request, values, deadline_ns, NULL);
}

int mproc_shared_dict_insert(struct mproc_shared *shared, const char *key, const struct mproc_args *values,
                             uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin_dict(shared, key, MANAGER_DICT_INSERT, deadline_ns, &request);

    return r ? r : call_with_values(shared, request, values, deadline_ns, NULL);
}

int mproc_shared_dict_get(struct mproc_shared *shared, const char *key, uint64_t deadline_ns,
                          struct mproc_args **ret_values)
{
    struct mproc_args *request;
    int r = begin_dict(shared, key, MANAGER_DICT_GET, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_values);
}

int mproc_shared_dict_pop(struct mproc_shared *shared, const char *key, uint64_t deadline_ns,
                          struct mproc_args **ret_values)
{
    struct mproc_args *request;
    int r = begin_dict(shared, key, MANAGER_DICT_POP, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_values);
}

int mproc_shared_dict_add(struct mproc_shared *shared, const char *key, int64_t delta, uint64_t deadline_ns,
                          int64_t *ret_value)
{
    struct mproc_args *request;
    int r = begin_dict(shared, key, MANAGER_DICT_ADD, deadline_ns, &request);

    if (r == 0)
        r = mproc_args_add_int(request, delta);
    return r ? r : call_for_int(shared, deadline_ns, ret_value);
}

int mproc_shared_dict_keys(struct mproc_shared *shared, uint64_t deadline_ns, struct mproc_args **ret_keys)
{
    struct mproc_args *request;
    int r =
        begin_of(shared, MPROC_SHARED_DICT, MPROC_SHARED_NAMESPACE, MANAGER_DICT_KEYS, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_keys);
}

int mproc_shared_dict_items(struct mproc_shared *shared, uint64_t deadline_ns, struct mproc_args **ret_items)
{
    struct mproc_args *request;
    int r = begin_of(shared, MPROC_SHARED_DICT, MPROC_SHARED_NAMESPACE, MANAGER_DICT_ITEMS, deadline_ns,
                     &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_items);
}

static int insert(struct mproc_shared *shared, int64_t index, bool at_end, const struct mproc_args *values,
                  uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin_list(shared, index, MANAGER_LIST_INSERT, deadline_ns, &request);

    if (r == 0)
        r = mproc_args_add_bool(request, at_end);
    return r ? r : call_with_values(shared, request, values, deadline_ns, NULL);
}

int mproc_shared_list_append(struct mproc_shared *shared, const struct mproc_args *values,
                             uint64_t deadline_ns)
{
    return insert(shared, 0, true, values, deadline_ns);
}

int mproc_shared_list_insert(struct mproc_shared *shared, int64_t index, const struct mproc_args *values,
                             uint64_t deadline_ns)
{
    return insert(shared, index, false, values, deadline_ns);
}

int mproc_shared_list_set(struct mproc_shared *shared, int64_t index, const struct mproc_args *values,
                          uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r = begin_list(shared, index, MANAGER_LIST_SET, deadline_ns, &request);

    return r ? r : call_with_values(shared, request, values, deadline_ns, NULL);
}

int mproc_shared_list_get(struct mproc_shared *shared, int64_t index, uint64_t deadline_ns,
                          struct mproc_args **ret_values)
{
    struct mproc_args *request;
    int r = begin_list(shared, index, MANAGER_LIST_GET, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_values);
}

int mproc_shared_list_pop(struct mproc_shared *shared, int64_t index, uint64_t deadline_ns,
                          struct mproc_args **ret_values)
{
    struct mproc_args *request;
    int r = begin_list(shared, index, MANAGER_LIST_POP, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_values);
}

int mproc_shared_list_items(struct mproc_shared *shared, uint64_t deadline_ns, struct mproc_args **ret_items)
{
    struct mproc_args *request;
    int r = begin_of(shared, MPROC_SHARED_LIST, MPROC_SHARED_LIST, MANAGER_LIST_ITEMS, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, NULL, ret_items);
}

static int count(struct mproc_shared *shared, enum manager_op op, int64_t value, uint64_t deadline_ns,
                 int64_t *ret_value)
{
    struct mproc_args *request;
    int r = begin_of(shared, MPROC_SHARED_COUNTER, MPROC_SHARED_COUNTER, op, deadline_ns, &request);

    if (r == 0)
        r = mproc_args_add_int(request, value);
    return r ? r : call_for_int(shared, deadline_ns, ret_value);
}

int mproc_shared_counter_add(struct mproc_shared *shared, int64_t delta, uint64_t deadline_ns,
                             int64_t *ret_value)
{
    return count(shared, MANAGER_COUNTER_ADD, delta, deadline_ns, ret_value);
}

int mproc_shared_counter_set(struct mproc_shared *shared, int64_t value, uint64_t deadline_ns,
                             int64_t *ret_value)
{
    return count(shared, MANAGER_COUNTER_SET, value, deadline_ns, ret_value);
}

int mproc_shared_queue_put(struct mproc_shared *shared, const struct mproc_args *values, uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r =
        begin_of(shared, MPROC_SHARED_QUEUE, MPROC_SHARED_QUEUE, MANAGER_QUEUE_PUT, deadline_ns, &request);

    return r ? r : call_with_values(shared, request, values, deadline_ns, "the queue is still full");
}

int mproc_shared_queue_get(struct mproc_shared *shared, uint64_t deadline_ns, struct mproc_args **ret_values)
{
    struct mproc_args *request;
    int r =
        begin_of(shared, MPROC_SHARED_QUEUE, MPROC_SHARED_QUEUE, MANAGER_QUEUE_GET, deadline_ns, &request);

    return r ? r : call_for_values(shared, deadline_ns, "the queue is still empty", ret_values);
}

int mproc_shared_lock_acquire(struct mproc_shared *shared, uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r =
        begin_of(shared, MPROC_SHARED_LOCK, MPROC_SHARED_LOCK, MANAGER_LOCK_ACQUIRE, deadline_ns, &request);

    return r ? r : call(shared, deadline_ns, "the lock is still held");
}

int mproc_shared_lock_release(struct mproc_shared *shared, uint64_t deadline_ns)
{
    struct mproc_args *request;
    int r =
        begin_of(shared, MPROC_SHARED_LOCK, MPROC_SHARED_LOCK, MANAGER_LOCK_RELEASE, deadline_ns, &request);

    return r ? r : call(shared, deadline_ns, NULL);
}

static int pack_shared(const void *object, struct mproc_parcel *ret_parcel)
{
    const struct mproc_shared *shared = object;
    const struct parcel_meta meta = {.id = shared->id, .kind = shared->kind};
    int r = mproc_manager_pack(&shared->access, ret_parcel);

    if (r)
        return r;
    memcpy(ret_parcel->meta, &meta, sizeof(meta));
    ret_parcel->meta_len = sizeof(meta);
    return 0;
}

static int unpack_shared(const struct mproc_parcel *parcel, void **ret_object)
{
    struct mproc_shared *shared;
    struct parcel_meta meta;

    if (parcel->meta_len != sizeof(meta))
        return mproc_fail(-EBADMSG, "expected %zu bytes, got %u", sizeof(meta), parcel->meta_len);
    memcpy(&meta, parcel->meta, sizeof(meta));
    if (meta.kind >= MPROC_SHARED__COUNT)
        return mproc_fail(-EBADMSG, "a manager keeps no objects of kind %u", meta.kind);
    int r = mproc_manager_unpack(parcel, sizeof(*shared), &shared);
    if (r)
        return r;
    shared->kind = (enum mproc_shared_kind)meta.kind;
    shared->id = meta.id;
    *ret_object = shared;
    return 0;
}

static void unref_shared(void *object)
{
    mproc_shared_unref(object);
}

static const struct mproc_class shared_class = {"shared object", pack_shared, unpack_shared, unref_shared};

int mproc_args_add_shared(struct mproc_args *args, const struct mproc_shared *shared)
{
    return mproc_args_add_object(args, &shared_class, shared);
}

int mproc_args_get_shared(const struct mproc_args *args, size_t index, struct mproc_shared **ret_shared)
{
    void *object;
    int r = mproc_args_get_object(args, index, &shared_class, &object);

    if (r == 0)
        *ret_shared = object;
    return r;
}
