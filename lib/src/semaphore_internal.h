/*
 * Inside a semaphore.
 *
 * A plain one is a word:  units, 31 bits | sleeper
 *
 * Who finds no unit sets the sleeper bit and sleeps. Giving where the bit is set is one step that adds and
 * wakes everybody: then none sleeps while there is a unit, whoever of them dies. Therefore whoever takes a
 * unit may clear the bit: as long as one is there, nobody sleeps. Nothing is locked, and nothing can be left
 * half done.
 *
 * In a bounded one each unit is a robust lock of its own (a seat), so the kernel knows who has it.
 */
#ifndef MPROC_SEMAPHORE_INTERNAL_H
#define MPROC_SEMAPHORE_INTERNAL_H

#include <mproc/semaphore.h>

#include "handle.h"

#define SEMAPHORE_SLEEPER UINT32_C(1)
#define SEMAPHORE_UNIT    UINT32_C(2)

struct semaphore_shared {
    uint32_t word; /* plain */
    uint32_t units;
    uint32_t bounded;
};

struct mproc_semaphore {
    struct mproc_handle handle;
    struct semaphore_shared *shared;
    uint32_t units; /* bounded: so many seats; plain: 0 */
    mproc_repair_fn *repair;
    void *user;
};

extern const struct mproc_class mproc_semaphore_class;

/* semaphore_bounded.c. Errors: as the public functions of the same names. */
int mproc_semaphore_bounded_acquire(struct mproc_semaphore *semaphore, uint64_t deadline_ns);
int mproc_semaphore_bounded_release(struct mproc_semaphore *semaphore);
uint32_t mproc_semaphore_bounded_value(const struct mproc_semaphore *semaphore);

#endif
