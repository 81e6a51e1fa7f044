/* Arguments on their way: encoded in the caller, decoded in the worker. */
#ifndef MPROC_ARGS_INTERNAL_H
#define MPROC_ARGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include <mproc/args.h>

#include "handle.h"
#include "object.h"

/* Kinds of msgpack ext values. Their descriptors are numbered in the order in which they appear in the bytes.
 */
enum { MPROC_EXT_FD = 1, MPROC_EXT_OBJECT = 2 };

enum { MPROC_CLASS_NAME_MAX = 31 };

/* Body of MPROC_EXT_OBJECT; after it the name and then the meta bytes. */
struct mproc_ext_object {
    uint8_t first_fd;
    uint8_t nfds;
    uint8_t name_len;
    uint8_t meta_len;
};

/* An array or map that is being filled. */
struct mproc_args_open {
    uint64_t missing;
    bool is_map;
};

struct mproc_args {
    struct mproc_grip grip;
    msgpack_sbuffer bytes; /* the values without the array around them */
    uint32_t count;
    int error;     /* the first one while adding */
    char why[200]; /* its sentence */
    struct mproc_args_open open[MPROC_ARGS_DEPTH_MAX];
    unsigned depth;
    int *fds; /* room for MPROC_ARGS_FDS_MAX, once there is one; -1: taken */
    unsigned nfds;
    bool arrived; /* decoded: `values` is valid and nothing can be added */
    bool is_lent; /* to a task: see mproc_args_lend() */
    msgpack_zone *zone;
    msgpack_object values;
};

/* What has to travel. The bytes are the caller's to free; the descriptors stay those of the arguments. */
struct mproc_args_wire {
    unsigned char *bytes;
    size_t len;
    const int *fds;
    unsigned nfds;
};

/* Errors: the one that stuck while adding; -EINVAL: an array or map is not full; -ENOMEM. NULL is the empty
 * set. */
int mproc_args_encode(const struct mproc_args *args, struct mproc_args_wire *ret_wire);

/* How many bytes the set takes when written in whole, and how many descriptors go with them. Errors: those of
 * mproc_args_encode(). */
int mproc_args_measure(const struct mproc_args *args, size_t *ret_len, unsigned *ret_nfds);

/* Writes what was measured. */
void mproc_args_write(const struct mproc_args *args, unsigned char *ret_bytes);

/* Adds a whole set, encoded without descriptors and scanned, as an array. Errors: those of the
 * mproc_args_add_* functions. */
int mproc_args_add_encoded(struct mproc_args *args, const unsigned char *bytes, size_t len);

/* Makes arguments out of bytes that nobody vouches for; the descriptors are taken on success only.
 * Errors: -EBADMSG; -ENOMEM. */
int mproc_args_decode(const void *bytes, size_t len, const int *fds, unsigned nfds,
                      struct mproc_args **ret_args);

/* The same; takes the bytes, which malloc() has given, as well on success. */
int mproc_args_adopt(unsigned char *bytes, size_t len, const int *fds, unsigned nfds,
                     struct mproc_args **ret_args);

/* A set that a task is given stays the library's. mproc_args_free() of it, by whomever, empties it and no
 * more, so that a task that frees it harms nobody; mproc_args_end() ends it. */
void mproc_args_lend(struct mproc_args *args);
void mproc_args_end(struct mproc_args *args);

/* Makes an existing set, whatever was in it, one that has arrived in bytes without descriptors, and lends it.
 * They are not copied: they must stay as they are until the set is used otherwise. Errors: -EBADMSG; -ENOMEM.
 * The set is empty then. */
int mproc_args_refer(struct mproc_args *args, const void *bytes, size_t len);

/* Checks that bytes are exactly one array of values that this library could have written, so that msgpack
 * never allocates for a count that the bytes do not hold. Returns 0 or -EBADMSG. */
int mproc_args_scan(const unsigned char *bytes, size_t len, unsigned nfds);

/* Body of an object value: name, meta and descriptors within what was scanned. */
void mproc_args_read_object(const char *body, struct mproc_ext_object *ret_head, const char **ret_name,
                            const unsigned char **ret_meta);

#endif
