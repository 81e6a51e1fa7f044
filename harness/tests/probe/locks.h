/* locks.h - threads that take locks of the C library, and what a snapshot must say of the word that one waits
 * at. */
#ifndef PF_TESTS_PROBE_LOCKS_H
#define PF_TESTS_PROBE_LOCKS_H

#include "scene.h"

static inline pthread_t thread_of(void *(*body)(void *), void *context)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, context))
        _exit(1);
    return thread;
}

static inline void init_mutex(pthread_mutex_t *target, int type, int robust, int protocol, int shared)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    pthread_mutexattr_setrobust(&attributes, robust);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutexattr_setpshared(&attributes, shared);
    cr_assert_eq(pthread_mutex_init(target, &attributes), 0);
}

static inline void assert_lock(struct scene *scene, const char *waiter, enum pf_futex_kind kind,
                               const char *owner)
{
    scene_assert_wait(scene, waiter, PF_WAIT_FUTEX, "futex");
    const struct pf_object *object = scene_object(scene, waiter);
    cr_assert_eq(object->kind, PF_OBJECT_FUTEX);
    cr_assert_str_eq(pf_names_get(&pf_futex_kind_names, (int)object->futex->kind),
                     pf_names_get(&pf_futex_kind_names, (int)kind));
    if (owner) {
        cr_assert(object->futex->owner, "no owner");
        cr_assert_str_eq(object->futex->owner, owner);
    } else {
        cr_assert_null(object->futex->owner);
    }
}

#endif
