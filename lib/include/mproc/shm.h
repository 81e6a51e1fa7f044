/*
 * Shared memory: bytes, values and arrays that threads of any processes see.
 *
 * A block has no name and no owner: it lives as long as somebody has a handle or a mapping of it, and then it
 * is gone, however its users end. It can neither shrink nor grow and all of it is there from the beginning,
 * so touching it never fails. It knows what it holds, and is given out as that alone.
 *
 * Each block has a lock of its own, for who changes more than one number at a time: as with a mutex, the next
 * one is told when its owner has died, and may mend.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 * Source: memfd_create(2), the seals of fcntl(2); multiprocessing.Value, Array and shared_memory of Python.
 */
#ifndef MPROC_SHM_H
#define MPROC_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/deadline.h>
#include <mproc/export.h>
#include <mproc/mutex.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_shm;

enum mproc_shm_type {
    MPROC_SHM_BYTES, /* also for structures: known by their size */
    MPROC_SHM_INT8,
    MPROC_SHM_UINT8,
    MPROC_SHM_INT16,
    MPROC_SHM_UINT16,
    MPROC_SHM_INT32,
    MPROC_SHM_UINT32,
    MPROC_SHM_INT64,
    MPROC_SHM_UINT64,
    MPROC_SHM_FLOAT,
    MPROC_SHM_DOUBLE,
    MPROC_SHM_TYPE__COUNT,
};

struct mproc_shm_options {
    enum mproc_shm_type type;
    size_t size;    /* of one element; 0: what the type has, and one byte of MPROC_SHM_BYTES, which alone may
                       have others, up to 1 TiB */
    size_t count;   /* elements, from 1 */
    bool read_only; /* only this process, and those that it forks, can write; who gets the block can only read
                     */
};

/**
 * Makes a block, zeroed.
 *
 * @param options  what it holds
 * @param ret_shm  the handle
 *
 * Returns: 0.
 * Errors: -EINVAL no elements, no such type, a size that is not the type's, or more than 1 TiB; -EOVERFLOW
 * size times count; -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -EFBIG RLIMIT_FSIZE is below that; -ENOTSUP
 * the C library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_shm_unref(). Takes one descriptor, and pages for all bytes and one
 * more.
 * Threads: any.
 */
MPROC_EXPORT int mproc_shm_create(const struct mproc_shm_options *options, struct mproc_shm **ret_shm);

/**
 * Takes one more reference.
 *
 * Returns: the same block.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_shm *mproc_shm_ref(struct mproc_shm *shm);

/**
 * Gives a reference back; the last one ends this process' handle, and the memory is not there any more. The
 * block ends with its last user. NULL is a no-op.
 *
 * Threads: any; no other may use the memory with this reference.
 */
MPROC_EXPORT void mproc_shm_unref(struct mproc_shm *shm);

/**
 * The memory of a block, as what it holds.
 *
 * @param shm        the block
 * @param type       what it must hold
 * @param size       of one element, in bytes, which it must have
 * @param ret_data   where it begins, at the beginning of a page
 * @param ret_count  how many elements it has; may be NULL
 *
 * Returns: 0.
 * Errors: -EINVAL it holds something else: the detail names both; -EBADF the handle was given back.
 * Ownership: the block's; valid as long as this process has a reference.
 * Threads: any. Numbers of up to 8 bytes are read and written whole; for more than one at a time use the
 * lock.
 */
MPROC_EXPORT int mproc_shm_view(const struct mproc_shm *shm, enum mproc_shm_type type, size_t size,
                                void *ret_data, size_t *ret_count);

#ifndef __cplusplus
/* The type of what a pointer points to. */
#define mproc_shm_type_of(pointer)                                                                           \
    _Generic(*(pointer), int8_t                                                                              \
             : MPROC_SHM_INT8, uint8_t                                                                       \
             : MPROC_SHM_UINT8, int16_t                                                                      \
             : MPROC_SHM_INT16, uint16_t                                                                     \
             : MPROC_SHM_UINT16, int32_t                                                                     \
             : MPROC_SHM_INT32, uint32_t                                                                     \
             : MPROC_SHM_UINT32, int64_t                                                                     \
             : MPROC_SHM_INT64, uint64_t                                                                     \
             : MPROC_SHM_UINT64, float                                                                       \
             : MPROC_SHM_FLOAT, double                                                                       \
             : MPROC_SHM_DOUBLE, default                                                                     \
             : MPROC_SHM_BYTES)
/* mproc_shm_view() for a variable that points to what the block holds: `double *x; mproc_shm_get(shm, &x,
 * &n)`.
 */
#define mproc_shm_get(shm, ret_pointer, ret_count)                                                           \
    mproc_shm_view((shm), mproc_shm_type_of(*(ret_pointer)), sizeof(**(ret_pointer)), (ret_pointer),         \
                   (ret_count))
#endif

/**
 * Sets what mends the data after the death of who had it locked, for this handle in this process.
 *
 * @param shm     the block
 * @param repair  called by mproc_shm_lock() with the block locked; NULL for none, as in the beginning
 * @param user    passed to it
 *
 * Threads: not while another thread uses this handle.
 */
MPROC_EXPORT void mproc_shm_set_repair(struct mproc_shm *shm, mproc_repair_fn *repair, void *user);

/**
 * Locks a block. Nothing but this lock looks at it: all who use the block together must.
 *
 * @param shm          the block
 * @param deadline_ns  when to give up; MPROC_NOW tries once, MPROC_FOREVER
 *
 * Returns: 0 or -EOWNERDEAD: locked, as mproc_mutex_lock() says it.
 * Errors: not locked: -EROFS this process can only read the block; the others of mproc_mutex_lock().
 * Threads: any. Async-signal safety: not safe. Blocking: until the deadline, plus the repair callback.
 */
MPROC_EXPORT int mproc_shm_lock(struct mproc_shm *shm, uint64_t deadline_ns);

/**
 * Declares the data sound again after -EOWNERDEAD.
 *
 * Returns: 0, also when no death was pending.
 * Errors: -EPERM this thread has not locked it; -EROFS; -EBADF the handle was given back.
 * Threads: who locked.
 */
MPROC_EXPORT int mproc_shm_consistent(struct mproc_shm *shm);

/**
 * Unlocks a block.
 *
 * Returns: 0.
 * Errors: -EPERM this thread has not locked it through this handle; -EROFS; -EBADF the handle was given back.
 * Threads: who locked. Async-signal safety: not safe.
 */
MPROC_EXPORT int mproc_shm_unlock(struct mproc_shm *shm);

/**
 * The descriptor of a block, to be passed to a process that this library did not start.
 *
 * Returns: the descriptor, or -EBADF: the handle was given back.
 * Ownership: the handle's; do not close it.
 * Threads: any.
 */
MPROC_EXPORT int mproc_shm_fd(const struct mproc_shm *shm);

/**
 * Makes a handle out of a descriptor that came from anywhere. Nothing in it is trusted: it must be a memory
 * file of this library, sealed, whole, and of the size that it tells.
 *
 * @param fd       the descriptor
 * @param ret_shm  the handle
 *
 * Returns: 0.
 * Errors: -EBADF not a descriptor; -EBADMSG not a block, or damaged; -EXDEV made in another PID namespace,
 * where owners of its lock cannot be told; -ENOMEM; -EMFILE; -ENOTSUP.
 * Ownership: the handle is the caller's, ends with mproc_shm_unref(). The descriptor stays the caller's.
 * Threads: any.
 */
MPROC_EXPORT int mproc_shm_attach(int fd, struct mproc_shm **ret_shm);

/**
 * Adds a block to the arguments of a process; both then share it.
 *
 * @param args  the arguments
 * @param shm   stays the caller's
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_shm(struct mproc_args *args, const struct mproc_shm *shm);

/**
 * Takes a block out of arguments; it has no repair callback yet.
 *
 * @param args     the arguments
 * @param index    which argument, from 0
 * @param ret_shm  the handle
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a block; -EBADMSG damaged; -EXDEV of another
 * PID namespace; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_shm_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_shm(const struct mproc_args *args, size_t index, struct mproc_shm **ret_shm);

#ifdef __cplusplus
}
#endif

#endif
