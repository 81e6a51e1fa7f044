#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error_internal.h"

enum { GONE = 1024 };

/* The handles that were given back last. */
static void *_Atomic gone[GONE];
static _Atomic unsigned gone_count;

int mproc_handle_new(size_t size, void *ret_handle)
{
    struct mproc_grip *grip = calloc(1, size);

    if (!grip)
        return mproc_fail(-ENOMEM, "no memory for a handle");
    atomic_init(&grip->refs, 1);
    memcpy(ret_handle, &grip, sizeof(grip));
    return 0;
}

static int wrap(const struct mproc_segment *segment, size_t size, void *ret_handle)
{
    struct mproc_handle *handle = NULL;
    int err = mproc_handle_new(size, &handle);

    if (err)
        return err;
    handle->segment = *segment;
    memcpy(ret_handle, &handle, sizeof(handle));
    return 0;
}

int mproc_handle_create(const char *name, const struct mproc_segment_shape *shape, size_t size,
                        void *ret_handle)
{
    struct mproc_segment segment;
    int err = mproc_segment_create(name, shape, &segment);

    if (err)
        return err;
    err = wrap(&segment, size, ret_handle);
    if (err)
        mproc_segment_close(&segment);
    return err;
}

int mproc_handle_unpack(const struct mproc_parcel *parcel, enum mproc_segment_kind kind, uint32_t controls,
                        size_t size, void *ret_handle)
{
    struct mproc_segment segment;
    int err = mproc_segment_unpack(parcel, kind, controls, &segment);

    if (err)
        return err;
    err = wrap(&segment, size, ret_handle);
    if (err)
        mproc_segment_unmap(&segment);
    return err;
}

int mproc_handle_reject(void *handle, const char *what)
{
    struct mproc_handle *base = handle;

    mproc_segment_unmap(&base->segment);
    free(base);
    return mproc_fail(-EBADMSG, "the memory file is damaged: %s", what);
}

int mproc_handle_pack(const void *handle, struct mproc_parcel *ret_parcel)
{
    const struct mproc_handle *base = handle;
    int err = mproc_handle_check(handle, "handle");

    return err ? err : mproc_segment_pack(&base->segment, ret_parcel);
}

void mproc_handle_ref(void *handle)
{
    struct mproc_grip *grip = handle;
    unsigned refs = grip ? atomic_load_explicit(&grip->refs, memory_order_relaxed) : 0;

    while (refs != 0) {
        if (atomic_compare_exchange_weak_explicit(&grip->refs, &refs, refs + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
    mproc_handle_refuse(handle, "handle");
}

bool mproc_handle_unref(void *handle)
{
    struct mproc_grip *grip = handle;

    if (!grip)
        return false;
    unsigned refs = atomic_load_explicit(&grip->refs, memory_order_relaxed);
    while (refs != 0) {
        if (atomic_compare_exchange_weak_explicit(&grip->refs, &refs, refs - 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return refs == 1;
    }
    mproc_handle_refuse(handle, "handle");
    return false;
}

void mproc_handle_end(void *handle)
{
    struct mproc_handle *base = handle;

    mproc_segment_close(&base->segment);
    mproc_handle_bury(base);
}

void mproc_handle_bury(void *handle)
{
    free(atomic_exchange(&gone[atomic_fetch_add(&gone_count, 1) % GONE], handle));
}

int mproc_handle_refuse(const void *handle, const char *what)
{
    if (!handle)
        return mproc_fail(-EINVAL, "a NULL is no %s", what);
    return mproc_fail(-EBADF, "this %s was given back already: its last reference is gone", what);
}
