#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "args_internal.h"
#include "error_internal.h"
#include "manager_serve.h"

static const uint64_t objects_max = 1 << 20;

int mproc_manager_charge(struct manager_server *server, size_t bytes)
{
    if (bytes > server->max_bytes - server->bytes)
        return mproc_fail(-ENOSPC,
                          "%zu bytes more than the manager may keep: it has %llu of %llu (max_bytes)", bytes,
                          (unsigned long long)server->bytes, (unsigned long long)server->max_bytes);
    server->bytes += bytes;
    return 0;
}

static size_t charge_of(size_t len)
{
    return sizeof(struct manager_values) + len + MANAGER_OVERHEAD;
}

int mproc_manager_keep_bytes(struct manager_server *server, const void *bytes, size_t len,
                             struct manager_values **ret_values)
{
    struct manager_values *values;
    int r = mproc_manager_charge(server, charge_of(len));

    if (r)
        return r;
    values = malloc(sizeof(*values) + len);
    if (!values) {
        server->bytes -= charge_of(len);
        return mproc_fail(-ENOMEM, "the manager's server has no memory for %zu bytes", len);
    }
    values->len = len;
    memcpy(values->bytes, bytes, len);
    *ret_values = values;
    return 0;
}

int mproc_manager_keep(const struct manager_call *call, size_t index, struct manager_values **ret_values)
{
    const void *bytes;
    size_t len;
    int r = mproc_args_get_bytes(call->request, index, &bytes, &len);

    if (r == 0)
        r = mproc_args_scan(bytes, len, 0);
    return r ? r : mproc_manager_keep_bytes(call->server, bytes, len, ret_values);
}

void mproc_manager_discard(struct manager_server *server, struct manager_values *values)
{
    if (!values)
        return;
    server->bytes -= charge_of(values->len);
    free(values);
}

/* Room for one more behind the last: what the front has left, or more memory. */
static int make_room(struct manager_items *items)
{
    if (items->first + items->count < items->room)
        return 0;
    if (items->first > items->count) {
        memmove(items->all, items->all + items->first, items->count * sizeof(*items->all));
        items->first = 0;
        return 0;
    }
    size_t room = items->room ? 2 * items->room : 8;
    struct manager_values **all = realloc(items->all, room * sizeof(*all));
    if (!all)
        return mproc_fail(-ENOMEM, "the manager's server has no memory for %zu places", room);
    items->all = all;
    items->room = room;
    return 0;
}

int mproc_manager_insert(struct manager_items *items, size_t index, struct manager_values *values)
{
    if (index == 0 && items->first > 0) {
        items->first--;
    } else {
        int r = make_room(items);
        if (r)
            return r;
        struct manager_values **place = items->all + items->first + index;
        memmove(place + 1, place, (items->count - index) * sizeof(*place));
    }
    items->all[items->first + index] = values;
    items->count++;
    return 0;
}

struct manager_values *mproc_manager_remove(struct manager_items *items, size_t index)
{
    struct manager_values **place = items->all + items->first + index;
    struct manager_values *values = *place;

    items->count--;
    if (index == 0)
        items->first++;
    else
        memmove(place, place + 1, (items->count - index) * sizeof(*place));
    return values;
}

int mproc_manager_stat(const struct manager_call *call)
{
    mproc_args_add_uint(call->answer, call->server->nobjects);
    mproc_args_add_uint(call->answer, call->server->bytes);
    mproc_args_add_uint(call->answer, call->server->nclients);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct manager_object *left = a;
    const struct manager_object *right = b;

    return left->kind != right->kind ? (int)left->kind - (int)right->kind : strcmp(left->name, right->name);
}

static int register_object(struct manager_server *server, struct manager_object *object)
{
    struct manager_object **objects =
        reallocarray(server->objects, server->nids + 1, sizeof(*server->objects));

    if (!objects)
        return mproc_fail(-ENOMEM, "the manager's server has no memory for one more object");
    server->objects = objects;
    if (object->name && !tsearch(object, &server->names, by_name))
        return mproc_fail(-ENOMEM, "the manager's server has no memory for one more name");
    objects[server->nids++] = object;
    object->id = server->nids;
    server->nobjects++;
    return 0;
}

static int make_object(struct manager_server *server, enum mproc_shared_kind kind, const char *name,
                       uint64_t max_items, struct manager_object **ret_object)
{
    size_t charge = sizeof(struct manager_object) + (name ? strlen(name) + 1 : 0) + MANAGER_OVERHEAD;
    struct manager_object *object;

    if (server->nids >= objects_max)
        return mproc_fail(-ENOSPC, "this manager has made %llu objects: no more",
                          (unsigned long long)objects_max);
    int r = mproc_manager_charge(server, charge);
    if (r)
        return r;
    object = calloc(1, sizeof(*object));
    if (object) {
        *object = (struct manager_object){.kind = kind, .charge = charge, .max_items = max_items};
        TAILQ_INIT(&object->waiting);
        object->name = name ? strdup(name) : NULL;
    }
    r = !object || (name && !object->name)
            ? mproc_fail(-ENOMEM, "the manager's server has no memory for one more object")
            : register_object(server, object);
    if (r == 0) {
        *ret_object = object;
        return 0;
    }
    if (object)
        free(object->name);
    free(object);
    server->bytes -= charge;
    return r;
}

int mproc_manager_open(const struct manager_call *call)
{
    struct manager_object *object = NULL;
    struct manager_object sought;
    const char *name;
    uint64_t kind, max_items;
    bool is_named;

    if (mproc_args_get_uint(call->request, MANAGER_ARG_FIRST, &kind) ||
        mproc_args_get_string(call->request, MANAGER_ARG_FIRST + 1, &name) ||
        mproc_args_get_bool(call->request, MANAGER_ARG_FIRST + 2, &is_named) ||
        mproc_args_get_uint(call->request, MANAGER_ARG_FIRST + 3, &max_items))
        return -EBADMSG;
    if (kind >= MPROC_SHARED__COUNT || (is_named && name[0] == '\0'))
        return mproc_fail(-EINVAL, is_named ? "the name of an object is empty" : "no such kind of object");
    if (is_named) {
        sought =
            (struct manager_object){.kind = (enum mproc_shared_kind)kind, .name = (char *)(uintptr_t)name};
        struct manager_object **found = tfind(&sought, &call->server->names, by_name);
        object = found ? *found : NULL;
    }
    if (!object) {
        int r = make_object(call->server, (enum mproc_shared_kind)kind, is_named ? name : NULL, max_items,
                            &object);
        if (r)
            return r;
    }
    mproc_args_add_uint(call->answer, object->id);
    return 0;
}

static void clear_items(struct manager_server *server, struct manager_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        mproc_manager_discard(server, items->all[items->first + i]);
    free(items->all);
    *items = (struct manager_items){0};
}

int mproc_manager_remove_object(const struct manager_call *call)
{
    struct manager_server *server = call->server;
    struct manager_object *object = call->object;

    mproc_manager_refuse_all(server, object);
    mproc_manager_dict_clear(server, object);
    clear_items(server, &object->items);
    if (object->name)
        tdelete(object, &server->names, by_name);
    server->objects[object->id - 1] = NULL;
    server->nobjects--;
    server->bytes -= object->charge;
    free(object->name);
    free(object);
    return 0;
}

int mproc_manager_size(const struct manager_call *call)
{
    const struct manager_object *object = call->object;

    if (object->kind == MPROC_SHARED_COUNTER || object->kind == MPROC_SHARED_LOCK)
        return mproc_fail(-EINVAL, "counters and locks have no size");
    mproc_args_add_uint(call->answer, object->nentries + object->items.count);
    return 0;
}

int mproc_manager_clear(const struct manager_call *call)
{
    struct manager_object *object = call->object;

    if (object->kind == MPROC_SHARED_COUNTER || object->kind == MPROC_SHARED_LOCK)
        return mproc_fail(-EINVAL, "counters and locks cannot be emptied");
    mproc_manager_dict_clear(call->server, object);
    clear_items(call->server, &object->items);
    if (object->kind == MPROC_SHARED_QUEUE)
        mproc_manager_settle_queue(call->server, object);
    return 0;
}
