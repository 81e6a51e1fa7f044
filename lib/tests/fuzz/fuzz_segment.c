/* Memory files of objects, made by a process that is not sound: sound ones, scribbled over. Each class
 * refuses what it cannot use, and what it takes can be used once and given back. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc/queue.h>
#include <mproc/shm.h>
#include <mproc/sync.h>

#include "barrier_internal.h"
#include "condition_internal.h"
#include "event_internal.h"
#include "input.h"
#include "mutex_internal.h"
#include "queue_internal.h"
#include "rwlock_internal.h"
#include "segment.h"
#include "semaphore_internal.h"
#include "shm_internal.h"

enum { SCRIBBLES_MAX = 12 };

/* The memory file of a sound object, scribbled over. */
static void damage(int fd, struct input *input)
{
    struct stat status;

    MUST(fstat(fd, &status) == 0);
    unsigned char *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(bytes != MAP_FAILED);
    for (int i = 0; i < SCRIBBLES_MAX && input->left > 0; i++) {
        if (input_byte(input) & 1)
            input_scribble(input, bytes, MPROC_SEGMENT_HEADER);
        else
            input_scribble(input, bytes, (size_t)status.st_blocks * 512);
    }
    munmap(bytes, (size_t)status.st_size);
}

static int new_queue(void *ret_object)
{
    return mproc_queue_create(&(struct mproc_queue_options){.bytes = 4096, .large_bytes = 4096}, ret_object);
}

static int new_pollable(void *ret_object)
{
    return mproc_queue_create(
        &(struct mproc_queue_options){.bytes = 4096, .large_bytes = 4096, .pollable = true}, ret_object);
}

static int new_mutex(void *ret_object)
{
    return mproc_mutex_create(ret_object);
}

static int new_semaphore(void *ret_object)
{
    return mproc_semaphore_create(&(struct mproc_semaphore_options){.units = 2}, ret_object);
}

static int new_bounded(void *ret_object)
{
    return mproc_semaphore_create(&(struct mproc_semaphore_options){.units = 2, .bounded = true}, ret_object);
}

static int new_event(void *ret_object)
{
    return mproc_event_create(ret_object);
}

static int new_rwlock(void *ret_object)
{
    return mproc_rwlock_create(ret_object);
}

static int new_barrier(void *ret_object)
{
    return mproc_barrier_create(1, ret_object);
}

static int new_shm(void *ret_object)
{
    return mproc_shm_create(&(struct mproc_shm_options){.type = MPROC_SHM_BYTES, .count = 100}, ret_object);
}

static void use_queue(void *object)
{
    unsigned char data[64];
    size_t len;

    mproc_queue_put(object, "x", 1, MPROC_NOW);
    mproc_queue_get_into(object, MPROC_NOW, sizeof(data), data, &len);
}

static void use_mutex(void *object)
{
    int r = mproc_mutex_lock(object, MPROC_NOW);

    if (r == -EOWNERDEAD)
        mproc_mutex_consistent(object);
    mproc_mutex_unlock(object);
}

static void use_semaphore(void *object)
{
    if (mproc_semaphore_acquire(object, MPROC_NOW) == 0)
        mproc_semaphore_release(object);
}

static void use_event(void *object)
{
    mproc_event_set(object);
    mproc_event_wait(object, MPROC_NOW);
}

static void use_rwlock(void *object)
{
    if (mproc_rwlock_read(object, MPROC_NOW) == 0)
        mproc_rwlock_unlock(object);
}

static void use_barrier(void *object)
{
    bool last;

    mproc_barrier_wait(object, MPROC_NOW, &last);
}

static void use_shm(void *object)
{
    const unsigned char *data;
    size_t count;

    if (mproc_shm_view(object, MPROC_SHM_BYTES, 1, &data, &count))
        return;
    for (size_t i = 0; i < count; i++)
        (void)((const volatile unsigned char *)data)[i];
}

static const struct {
    const struct mproc_class *cls;
    int (*create)(void *ret_object);
    void (*use)(void *object);
} classes[] = {
    {&mproc_queue_class, new_queue, use_queue},
    {&mproc_mutex_class, new_mutex, use_mutex},
    {&mproc_semaphore_class, new_semaphore, use_semaphore},
    {&mproc_semaphore_class, new_bounded, use_semaphore},
    {&mproc_event_class, new_event, use_event},
    {&mproc_rwlock_class, new_rwlock, use_rwlock},
    {&mproc_barrier_class, new_barrier, use_barrier},
    {&mproc_shm_class, new_shm, use_shm},
    {&mproc_queue_class, new_pollable, use_queue},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    size_t which = input_byte(&input) % (sizeof(classes) / sizeof(classes[0]));
    struct mproc_parcel parcel = {0};
    void *object;

    MUST(classes[which].create(&object) == 0);
    MUST(classes[which].cls->pack(object, &parcel) == 0);
    damage(parcel.fds[0], &input);
    classes[which].cls->unref(object);
    if (classes[which].cls->unpack(&parcel, &object)) {
        for (uint32_t i = 0; i < parcel.nfds; i++)
            close(parcel.fds[i]);
        return 0;
    }
    classes[which].use(object);
    classes[which].cls->unref(object);
    return 0;
}
