#include <mproc/shm.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error_internal.h"
#include "handle.h"
#include "lock.h"
#include "shm_internal.h"

static const struct {
    const char *name;
    size_t size; /* 0: as the options say */
} types[MPROC_SHM_TYPE__COUNT] = {
    [MPROC_SHM_BYTES] = {"bytes", 0},   [MPROC_SHM_INT8] = {"int8", 1},
    [MPROC_SHM_UINT8] = {"uint8", 1},   [MPROC_SHM_INT16] = {"int16", 2},
    [MPROC_SHM_UINT16] = {"uint16", 2}, [MPROC_SHM_INT32] = {"int32", 4},
    [MPROC_SHM_UINT32] = {"uint32", 4}, [MPROC_SHM_INT64] = {"int64", 8},
    [MPROC_SHM_UINT64] = {"uint64", 8}, [MPROC_SHM_FLOAT] = {"float", 4},
    [MPROC_SHM_DOUBLE] = {"double", 8},
};

static const uint64_t limit_bytes = UINT64_C(1) << 40;

struct mproc_shm {
    struct mproc_handle handle;
    struct mproc_lock lock;
    struct shm_shared held; /* read once, so that nobody can change it under this process */
};

static struct mproc_shm *finish_handle(struct mproc_shm *shm, const struct shm_shared *held)
{
    shm->held = *held;
    shm->lock = (struct mproc_lock){.word = mproc_segment_lock(&shm->handle.segment, 0), .what = "shm"};
    return shm;
}

static uint64_t block_bytes(const struct shm_shared *held)
{
    uint64_t page = mproc_segment_page();

    return (held->size * held->count + page - 1) / page * page;
}

/* Errors: -EINVAL, -EOVERFLOW. */
static int check_held(const struct shm_shared *held)
{
    uint64_t bytes;

    if (held->type >= MPROC_SHM_TYPE__COUNT)
        return mproc_fail(-EINVAL, "there is no type %u", held->type);
    if (types[held->type].size != 0 && held->size != types[held->type].size)
        return mproc_fail(-EINVAL, "an element of type %s has %zu bytes, not %llu", types[held->type].name,
                          types[held->type].size, (unsigned long long)held->size);
    if (held->count == 0 || held->size == 0)
        return mproc_fail(-EINVAL, "a block of no elements: say how many it is to hold");
    if (__builtin_mul_overflow(held->size, held->count, &bytes))
        return mproc_fail(-EOVERFLOW, "%llu elements of %llu bytes", (unsigned long long)held->count,
                          (unsigned long long)held->size);
    if (bytes > limit_bytes)
        return mproc_fail(-EINVAL, "a block of %llu bytes; the limit is %llu", (unsigned long long)bytes,
                          (unsigned long long)limit_bytes);
    return 0;
}

int mproc_shm_create(const struct mproc_shm_options *options, struct mproc_shm **ret_shm)
{
    struct mproc_segment_shape shape = {
        .kind = MPROC_SEGMENT_SHM, .controls = 1, .read_only = options->read_only};
    struct shm_shared held = {
        .type = (uint32_t)options->type, .size = options->size, .count = options->count};
    struct mproc_shm *shm;

    if (held.size == 0 && held.type < MPROC_SHM_TYPE__COUNT)
        held.size = held.type == MPROC_SHM_BYTES ? 1 : types[held.type].size;
    int err = check_held(&held);
    if (err)
        return err;
    shape.block_bytes = block_bytes(&held);
    err = mproc_handle_create("mproc-shm", &shape, sizeof(*shm), &shm);
    if (err)
        return err;
    *(struct shm_shared *)mproc_segment_body(&shm->handle.segment) = held;
    *ret_shm = finish_handle(shm, &held);
    return 0;
}

struct mproc_shm *mproc_shm_ref(struct mproc_shm *shm)
{
    mproc_handle_ref(shm);
    return shm;
}

void mproc_shm_unref(struct mproc_shm *shm)
{
    if (mproc_handle_unref(shm))
        mproc_handle_end(shm);
}

int mproc_shm_view(const struct mproc_shm *shm, enum mproc_shm_type type, size_t size, void *ret_data,
                   size_t *ret_count)
{
    int err = mproc_handle_check(shm, "shm");

    if (err)
        return err;
    if ((uint32_t)type != shm->held.type || size != shm->held.size)
        return mproc_fail(-EINVAL, "the block holds %s of %llu bytes each, not %s of %zu",
                          types[shm->held.type].name, (unsigned long long)shm->held.size,
                          (unsigned)type < MPROC_SHM_TYPE__COUNT ? types[type].name : "an unknown type",
                          size);
    void *block = mproc_segment_block(&shm->handle.segment);
    memcpy(ret_data, &block, sizeof(block));
    if (ret_count)
        *ret_count = (size_t)shm->held.count;
    return 0;
}

void mproc_shm_set_repair(struct mproc_shm *shm, mproc_repair_fn *repair, void *user)
{
    if (mproc_handle_check(shm, "shm"))
        return;
    shm->lock.repair = repair;
    shm->lock.user = user;
}

static int check_writable(const struct mproc_shm *shm)
{
    int err = mproc_handle_check(shm, "shm");

    if (!err && !shm->handle.segment.is_writable)
        err = mproc_fail(-EROFS, "this process can only read the block, and so cannot lock it");
    return err;
}

int mproc_shm_lock(struct mproc_shm *shm, uint64_t deadline_ns)
{
    int err = check_writable(shm);

    return err ? err : mproc_lock_take(&shm->lock, deadline_ns);
}

int mproc_shm_consistent(struct mproc_shm *shm)
{
    int err = check_writable(shm);

    return err ? err : mproc_lock_consistent(&shm->lock);
}

int mproc_shm_unlock(struct mproc_shm *shm)
{
    int err = check_writable(shm);

    return err ? err : mproc_lock_release(&shm->lock);
}

int mproc_shm_fd(const struct mproc_shm *shm)
{
    int err = mproc_handle_check(shm, "shm");

    return err ? err : shm->handle.segment.fd;
}

static int unpack_shm(const struct mproc_parcel *parcel, void **ret_object)
{
    struct shm_shared held;
    struct mproc_shm *shm;
    int err = mproc_handle_unpack(parcel, MPROC_SEGMENT_SHM, 1, sizeof(*shm), &shm);

    if (err)
        return err;
    memcpy(&held, mproc_segment_body(&shm->handle.segment), sizeof(held));
    if (check_held(&held) != 0 || shm->handle.segment.shape.block_bytes != block_bytes(&held))
        return mproc_handle_reject(shm, "a block does not hold what it tells");
    *ret_object = finish_handle(shm, &held);
    return 0;
}

static void unref_shm(void *object)
{
    mproc_shm_unref(object);
}

const struct mproc_class mproc_shm_class = {"shm", mproc_handle_pack, unpack_shm, unref_shm};

int mproc_shm_attach(int fd, struct mproc_shm **ret_shm)
{
    struct mproc_parcel parcel = {.fds = {fcntl(fd, F_DUPFD_CLOEXEC, 3)}, .nfds = 1};
    void *object;

    if (parcel.fds[0] < 0)
        return mproc_fail(-errno, "descriptor %d cannot be duplicated: %s", fd, strerrordesc_np(errno));
    int err = unpack_shm(&parcel, &object);
    if (err) {
        close(parcel.fds[0]);
        return err;
    }
    *ret_shm = object;
    return 0;
}

int mproc_args_add_shm(struct mproc_args *args, const struct mproc_shm *shm)
{
    return mproc_args_add_object(args, &mproc_shm_class, shm);
}

int mproc_args_get_shm(const struct mproc_args *args, size_t index, struct mproc_shm **ret_shm)
{
    void *object;
    int err = mproc_args_get_object(args, index, &mproc_shm_class, &object);

    if (!err)
        *ret_shm = object;
    return err;
}
