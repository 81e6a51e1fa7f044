#include <errno.h>
#include <stdlib.h>

#include "args_internal.h"
#include "error_internal.h"
#include "manager_serve.h"

/* The place that an index means, of `places` that there are. */
static int read_place(const struct manager_call *call, size_t places, size_t *ret_place)
{
    int64_t index;

    if (mproc_args_get_int(call->request, MANAGER_ARG_FIRST, &index))
        return -EBADMSG;
    int64_t place = index < 0 ? index + (int64_t)call->object->items.count : index;
    if (place < 0 || (uint64_t)place >= places)
        return mproc_fail(-ERANGE, "there is no place %lld in a list of %zu", (long long)index,
                          call->object->items.count);
    *ret_place = (size_t)place;
    return 0;
}

static struct manager_values **at(const struct manager_call *call, size_t place)
{
    return call->object->items.all + call->object->items.first + place;
}

int mproc_manager_list_insert(const struct manager_call *call)
{
    struct manager_items *items = &call->object->items;
    struct manager_values *values;
    size_t place = items->count;
    bool at_end;
    int r;

    if (mproc_args_get_bool(call->request, MANAGER_ARG_FIRST + 1, &at_end))
        return -EBADMSG;
    if (!at_end && (r = read_place(call, items->count + 1, &place)))
        return r;
    r = mproc_manager_keep(call, MANAGER_ARG_FIRST + 2, &values);
    if (r)
        return r;
    r = mproc_manager_insert(items, place, values);
    if (r)
        mproc_manager_discard(call->server, values);
    return r;
}

int mproc_manager_list_set(const struct manager_call *call)
{
    struct manager_values *values;
    size_t place;
    int r = read_place(call, call->object->items.count, &place);

    if (r == 0)
        r = mproc_manager_keep(call, MANAGER_ARG_FIRST + 1, &values);
    if (r)
        return r;
    mproc_manager_discard(call->server, *at(call, place));
    *at(call, place) = values;
    return 0;
}

int mproc_manager_list_get(const struct manager_call *call)
{
    size_t place;
    int r = read_place(call, call->object->items.count, &place);

    return r ? r : mproc_args_add_bytes(call->answer, (*at(call, place))->bytes, (*at(call, place))->len);
}

int mproc_manager_list_pop(const struct manager_call *call)
{
    size_t place = 0;
    int r = mproc_manager_list_get(call);

    if (r)
        return r;
    read_place(call, call->object->items.count, &place);
    mproc_manager_discard(call->server, mproc_manager_remove(&call->object->items, place));
    return 0;
}

int mproc_manager_list_items(const struct manager_call *call)
{
    struct mproc_args_wire wire;
    struct mproc_args *all;
    int r = mproc_args_new(&all);

    if (r)
        return r;
    for (size_t i = 0; i < call->object->items.count; i++)
        mproc_args_add_encoded(all, (*at(call, i))->bytes, (*at(call, i))->len);
    r = mproc_args_encode(all, &wire);
    if (r == 0) {
        r = mproc_args_add_bytes(call->answer, wire.bytes, wire.len);
        free(wire.bytes);
    }
    mproc_args_free(all);
    return r;
}

int mproc_manager_counter_add(const struct manager_call *call)
{
    int64_t delta, sum;

    if (mproc_args_get_int(call->request, MANAGER_ARG_FIRST, &delta))
        return -EBADMSG;
    if (__builtin_add_overflow(call->object->counter, delta, &sum))
        return mproc_fail(-ERANGE, "%lld more than %lld does not fit into 64 bits", (long long)delta,
                          (long long)call->object->counter);
    call->object->counter = sum;
    return mproc_args_add_int(call->answer, sum);
}

int mproc_manager_counter_set(const struct manager_call *call)
{
    int64_t before = call->object->counter;

    if (mproc_args_get_int(call->request, MANAGER_ARG_FIRST, &call->object->counter))
        return -EBADMSG;
    return mproc_args_add_int(call->answer, before);
}
