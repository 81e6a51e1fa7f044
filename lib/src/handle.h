/*
 * What handles have in common: a number of references in this process; those of shared objects also a
 * segment, and that they travel.
 *
 * A handle that was given back is not freed at once but stays recognisable for as long as a thousand others
 * are given back, so that who uses it by mistake gets an error instead of undefined behaviour.
 */
#ifndef MPROC_HANDLE_H
#define MPROC_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "object.h"
#include "segment.h"

/* Every handle begins with this. */
struct mproc_grip {
    _Atomic unsigned refs; /* 0: given back */
};

/* Every handle of a shared object begins with this. */
struct mproc_handle {
    struct mproc_grip grip;
    struct mproc_segment segment;
};

/* Makes a handle of `size` bytes, zeroed but for its beginning, with a new segment. Errors: those of
 * mproc_segment_create(). */
int mproc_handle_create(const char *name, const struct mproc_segment_shape *shape, size_t size,
                        void *ret_handle);

/* The same with the segment in a parcel, which is of this kind and has `controls`. Errors: those of
 * mproc_segment_unpack(). */
int mproc_handle_unpack(const struct mproc_parcel *parcel, enum mproc_segment_kind kind, uint32_t controls,
                        size_t size, void *ret_handle);

/* The same without a segment: for what lives in the kernel. It ends with mproc_handle_bury(). Errors:
 * -ENOMEM.
 */
int mproc_handle_new(size_t size, void *ret_handle);

/* Ends a handle just unpacked whose contents turn out to be wrong; the descriptor stays the parcel's. Returns
 * -EBADMSG with detail. */
int mproc_handle_reject(void *handle, const char *what);

/* Packs any handle: the `pack` of its class. */
int mproc_handle_pack(const void *handle, struct mproc_parcel *ret_parcel);

/* The rest is for every handle. */

/* Takes a reference, unless the handle was given back or is a NULL. */
void mproc_handle_ref(void *handle);

/* Gives a reference back; NULL is a no-op. Returns whether it was the last one, and mproc_handle_end() or
 * mproc_handle_bury() is to be called. */
bool mproc_handle_unref(void *handle);
void mproc_handle_end(void *handle);

/* Frees a handle that is not used any more, when a thousand others were. */
void mproc_handle_bury(void *handle);

/* Refuses a handle: -EINVAL a NULL, or else -EBADF it was given back, with detail. */
int mproc_handle_refuse(const void *handle, const char *what);

/* 0, or what that returns. */
static inline int mproc_handle_check(const void *handle, const char *what)
{
    const struct mproc_grip *grip = handle;

    if (__builtin_expect(grip && atomic_load_explicit(&grip->refs, memory_order_relaxed) != 0, 1))
        return 0;
    return mproc_handle_refuse(handle, what);
}

#endif
