/* Handles of the library (queues, mutexes, …) as arguments of a process: how one is packed here and unpacked
 * there. */
#ifndef MPROC_OBJECT_H
#define MPROC_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MPROC_PARCEL_FDS = 8, MPROC_PARCEL_META = 64 };

/* What of an object travels: descriptors and a few bytes. */
struct mproc_parcel {
    int fds[MPROC_PARCEL_FDS];
    uint32_t nfds;
    unsigned char meta[MPROC_PARCEL_META];
    uint32_t meta_len;
};

/* Duplicates a descriptor behind those of a parcel. Errors: -EMFILE and others, with detail; the parcel is
 * empty then, and what it had is closed. */
int mproc_parcel_add(struct mproc_parcel *parcel, int fd);

struct mproc_class {
    const char *name; /* "queue": the receiver asks for a class by name; at most 31 bytes */
    /* Fills a zeroed parcel with duplicated descriptors (CLOEXEC), which are then the parcel's. */
    int (*pack)(const void *object, struct mproc_parcel *ret_parcel);
    /* Makes an object out of a parcel. Takes the descriptors on success only; validates every byte, none is
     * trusted. */
    int (*unpack)(const struct mproc_parcel *parcel, void **ret_object);
    void (*unref)(void *object);
};

struct mproc_args;

/* Packs `object` as the next argument. Errors: what pack returns, and those of mproc_args_add_fd. */
int mproc_args_add_object(struct mproc_args *args, const struct mproc_class *cls, const void *object);

/* Whether argument `index` is there and is an object of this class, taken or not. */
bool mproc_args_is_object(const struct mproc_args *args, size_t index, const struct mproc_class *cls);

/* Unpacks argument `index`, which must be an object of this class. Each object can be taken once, because its
 * descriptors go to the receiver: a second time fails with -ENOENT. Ownership: the caller's, ends with
 * cls->unref. Errors: -EINVAL another type or class; -ENOENT no such argument; what unpack returns. */
int mproc_args_get_object(const struct mproc_args *args, size_t index, const struct mproc_class *cls,
                          void **ret_object);

#endif
