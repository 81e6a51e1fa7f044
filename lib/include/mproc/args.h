/*
 * Typed arguments of a process: integers, floats, strings, bytes, booleans, nil, arrays, maps, descriptors
 * and the handles of this library (whose headers declare mproc_args_add_<handle>).
 *
 * They are written in the caller and read where they arrive. What cannot travel, above all a pointer, has no
 * function to add it, so the mistake shows when the caller is compiled or run and never in the child. An
 * error while adding sticks: a process is not started with arguments of which one is missing.
 *
 * Unless a function says otherwise: Threads: one at a time for each set; several may read one that has
 * arrived. Async-signal safety: not safe. Blocking: never.
 * Source: own design, in place of what Python pickles; what travels is MessagePack.
 */
#ifndef MPROC_ARGS_H
#define MPROC_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_value;

enum mproc_type {
    MPROC_TYPE_NIL,
    MPROC_TYPE_BOOL,
    MPROC_TYPE_INT,
    MPROC_TYPE_FLOAT,
    MPROC_TYPE_STRING,
    MPROC_TYPE_BYTES,
    MPROC_TYPE_ARRAY,
    MPROC_TYPE_MAP,
    MPROC_TYPE_FD,
    MPROC_TYPE_OBJECT, /* a handle of this library */
    MPROC_TYPE__COUNT,
};

enum {
    MPROC_ARGS_FDS_MAX = 240,       /* descriptors in one set of arguments, those of handles included */
    MPROC_ARGS_DEPTH_MAX = 16,      /* arrays and maps inside each other */
    MPROC_ARGS_BYTES_MAX = 1 << 30, /* encoded size */
};

/**
 * Makes an empty set of arguments, to be filled.
 *
 * Returns: 0.
 * Errors: -ENOMEM.
 * Ownership: the caller's, ends with mproc_args_free(). Starting a process does not take it: it can be used
 * again.
 * Threads: any.
 */
MPROC_EXPORT int mproc_args_new(struct mproc_args **ret_args);

/**
 * Ends a set of arguments and closes the descriptors that are still in it. NULL is a no-op. Whoever uses the
 * set afterwards gets -EBADF, until a thousand other handles have been given back.
 *
 * Ownership: in a worker the set that arrived belongs to the library, which ends it: do not free it there. A
 * task of a pool that does so empties it, and no more.
 * Threads: any; no other may use it any more.
 */
MPROC_EXPORT void mproc_args_free(struct mproc_args *args);

/**
 * Empties a set, so that it can be filled anew: cheaper than another one. Descriptors in it are closed.
 *
 * Ownership: in a worker not for the set that arrived.
 * Threads: one at a time for each set.
 */
MPROC_EXPORT void mproc_args_clear(struct mproc_args *args);

/**
 * Adds one value behind the others; inside an open array or map it becomes the next item of that.
 *
 * Strings are C strings and are copied, as bytes are; descriptors are duplicated.
 *
 * Returns: 0.
 * Errors: -ENOMEM; -EMSGSIZE: beyond MPROC_ARGS_BYTES_MAX or MPROC_ARGS_FDS_MAX; -EINVAL: a NULL, a map key
 * that is not a string, or arguments that arrived and can only be read; of add_fd also -EBADF and -EMFILE.
 * The first error sticks: it is returned again by all that follow, and its sentence is in their detail.
 * Ownership: what was passed stays the caller's.
 * Threads: one at a time for each set.
 */
MPROC_EXPORT int mproc_args_add_nil(struct mproc_args *args);
MPROC_EXPORT int mproc_args_add_bool(struct mproc_args *args, bool value);
MPROC_EXPORT int mproc_args_add_int(struct mproc_args *args, int64_t value);
MPROC_EXPORT int mproc_args_add_uint(struct mproc_args *args, uint64_t value);
MPROC_EXPORT int mproc_args_add_float(struct mproc_args *args, double value);
MPROC_EXPORT int mproc_args_add_string(struct mproc_args *args, const char *string);
MPROC_EXPORT int mproc_args_add_bytes(struct mproc_args *args, const void *bytes, size_t len);
MPROC_EXPORT int mproc_args_add_fd(struct mproc_args *args, int fd);

/**
 * Opens an array (a map): the next `count` values (pairs of a string and a value) become its items, then it
 * is closed.
 *
 * @param count  items of the array, pairs of the map
 *
 * Returns: 0.
 * Errors: as above; -EMSGSIZE: deeper than MPROC_ARGS_DEPTH_MAX. One that is not filled makes the start fail.
 * Threads: one at a time for each set.
 */
MPROC_EXPORT int mproc_args_add_array(struct mproc_args *args, uint32_t count);
MPROC_EXPORT int mproc_args_add_map(struct mproc_args *args, uint32_t count);

#ifndef __cplusplus
/* Adds a boolean, a number or a string by its C type. Any other type, above all a pointer, does not compile.
 */
#define mproc_args_add(args, value)                                                                          \
    _Generic((value),                                                                                                  \
        bool: mproc_args_add_bool,                                                                                     \
        signed char: mproc_args_add_int,                                                                               \
        short: mproc_args_add_int,                                                                                     \
        int: mproc_args_add_int,                                                                                       \
        long: mproc_args_add_int,                                                                                      \
        long long: mproc_args_add_int,                                                                                 \
        unsigned char: mproc_args_add_uint,                                                                            \
        unsigned short: mproc_args_add_uint,                                                                           \
        unsigned: mproc_args_add_uint,                                                                                 \
        unsigned long: mproc_args_add_uint,                                                                            \
        unsigned long long: mproc_args_add_uint,                                                                       \
        float: mproc_args_add_float,                                                                                   \
        double: mproc_args_add_float,                                                                                  \
        char *: mproc_args_add_string,                                                                                 \
        const char *: mproc_args_add_string)((args), (value))
#endif

/**
 * How many arguments arrived.
 *
 * Returns: the number; 0 for a set that is being filled.
 * Threads: any, several at once.
 */
MPROC_EXPORT size_t mproc_args_count(const struct mproc_args *args);

/**
 * An argument that arrived, as a value that can be an array or a map.
 *
 * @param index  from 0
 *
 * Returns: the value, or NULL where there is none.
 * Ownership: the set's; valid as long as the set.
 * Threads: any, several at once.
 */
MPROC_EXPORT const struct mproc_value *mproc_args_value(const struct mproc_args *args, size_t index);

/**
 * Reads an argument that arrived, which must be of the type asked for.
 *
 * @param index  from 0
 *
 * Returns: 0.
 * Errors: -ENOENT: there are fewer arguments; -EINVAL: it is of another type (the detail names both);
 * -ERANGE: the integer does not fit.
 * Ownership: strings (which end with a NUL) and bytes are the set's. A descriptor goes to the caller, who
 * closes it; it has CLOEXEC, and taking it a second time gives -ENOENT.
 * Threads: any, several at once; one at a time for each set where descriptors are taken.
 */
MPROC_EXPORT int mproc_args_get_bool(const struct mproc_args *args, size_t index, bool *ret_value);
MPROC_EXPORT int mproc_args_get_int(const struct mproc_args *args, size_t index, int64_t *ret_value);
MPROC_EXPORT int mproc_args_get_uint(const struct mproc_args *args, size_t index, uint64_t *ret_value);
MPROC_EXPORT int mproc_args_get_float(const struct mproc_args *args, size_t index, double *ret_value);
MPROC_EXPORT int mproc_args_get_string(const struct mproc_args *args, size_t index, const char **ret_string);
MPROC_EXPORT int mproc_args_get_bytes(const struct mproc_args *args, size_t index, const void **ret_bytes,
                                      size_t *ret_len);
MPROC_EXPORT int mproc_args_get_fd(const struct mproc_args *args, size_t index, int *ret_fd);

/**
 * The type of a value, which must not be NULL.
 *
 * Returns: the type; MPROC_TYPE_NIL for NULL.
 * Threads: any, several at once.
 */
MPROC_EXPORT enum mproc_type mproc_value_type(const struct mproc_value *value);

/**
 * Items of an array, pairs of a map.
 *
 * Returns: their number; 0 for other types and for NULL.
 * Threads: any, several at once.
 */
MPROC_EXPORT size_t mproc_value_count(const struct mproc_value *value);

/**
 * The item of an array, or the value of a pair of a map, by position.
 *
 * @param index  from 0
 *
 * Returns: the item, or NULL where there is none.
 * Ownership: the set's; valid as long as the set.
 * Threads: any, several at once.
 */
MPROC_EXPORT const struct mproc_value *mproc_value_item(const struct mproc_value *value, size_t index);

/**
 * The key of a pair of a map, by position.
 *
 * @param index  from 0
 *
 * Returns: the key, or NULL where there is none.
 * Ownership: the set's; valid as long as the set.
 * Threads: any, several at once.
 */
MPROC_EXPORT const char *mproc_value_key(const struct mproc_value *value, size_t index);

/**
 * The value of the first pair of a map with this key.
 *
 * Returns: the value, or NULL: no such key, or not a map.
 * Ownership: the set's; valid as long as the set.
 * Threads: any, several at once.
 */
MPROC_EXPORT const struct mproc_value *mproc_value_find(const struct mproc_value *map, const char *key);

/**
 * Reads a value, which must be of the type asked for.
 *
 * Returns: 0.
 * Errors: as the mproc_args_get_* functions; -ENOENT: `value` is NULL, so that lookups can be nested.
 * Ownership: strings and bytes are the set's.
 * Threads: any, several at once.
 */
MPROC_EXPORT int mproc_value_bool(const struct mproc_value *value, bool *ret_value);
MPROC_EXPORT int mproc_value_int(const struct mproc_value *value, int64_t *ret_value);
MPROC_EXPORT int mproc_value_uint(const struct mproc_value *value, uint64_t *ret_value);
MPROC_EXPORT int mproc_value_float(const struct mproc_value *value, double *ret_value);
MPROC_EXPORT int mproc_value_string(const struct mproc_value *value, const char **ret_string);
MPROC_EXPORT int mproc_value_bytes(const struct mproc_value *value, const void **ret_bytes, size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
