/*
 * Managers: a process that keeps dictionaries, lists, counters, namespaces, queues and locks for others.
 *
 * What is kept is reached through proxies, which travel in the arguments of processes. A call on one is a
 * request to the server and its answer, so it is whole or not made: who is killed in it leaves nothing half
 * done. Several requests in a row are not one: `get`, compute, `set` loses what others set in between. Add
 * with mproc_shared_dict_add() or mproc_shared_counter_add(), or hold a lock.
 *
 * Values are sets of arguments (<mproc/args.h>): any number of numbers, strings, bytes, arrays and maps, no
 * descriptors and no handles.
 *
 * Who uses a proxy has a connection of its own for each thread, made at the first call. A proxy may so be
 * used by several threads at once, and by children of fork(). What a thread holds at the server, locks above
 * all, it holds until it gives it back, disconnects, ends or dies.
 *
 * For numbers and bytes that are only read and written, shared memory (<mproc/shm.h>) asks nobody.
 *
 * Unless a function says otherwise: Threads: any. Async-signal safety: not safe. Blocking: never.
 *
 * Source: multiprocessing.Manager of Python; how calls, deaths and deadlines go together: own design.
 */
#ifndef MPROC_MANAGER_H
#define MPROC_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mproc/deadline.h>
#include <mproc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mproc_args;
struct mproc_context;
struct mproc_manager;
struct mproc_shared;

struct mproc_manager_options {
    const char *name; /* of the server, for people; NULL: "manager" */
    size_t max_bytes; /* of all that is kept, names and bookkeeping included; 0: 256 MiB */
};

struct mproc_manager_stat {
    uint64_t objects;
    uint64_t bytes;   /* as max_bytes counts them */
    uint64_t clients; /* threads that are connected */
};

/**
 * Starts a server.
 *
 * It serves until mproc_manager_stop(), until the last reference of this process is given back, or until the
 * context is closed; a warm shutdown (<mproc/shutdown.h>) does not end it, because those whom that asks to
 * end may need it to.
 *
 * @param context      the context; the server is a background process of it
 * @param options      NULL for the defaults
 * @param ret_manager  the handle
 *
 * Returns: 0.
 * Errors: those of mproc_process_start(); -ENOMEM, -ENOSPC no memory; -EMFILE, -ENFILE; -ENOTSUP the C
 * library or kernel has no robust futexes of the known layout.
 * Ownership: the caller's, ends with mproc_manager_unref(). Takes two descriptors and those of a process.
 * Threads: any. Blocking: ten seconds at most.
 */
MPROC_EXPORT int mproc_manager_start(struct mproc_context *context,
                                     const struct mproc_manager_options *options,
                                     struct mproc_manager **ret_manager);

/**
 * Takes one more reference.
 *
 * Returns: the same manager.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_manager *mproc_manager_ref(struct mproc_manager *manager);

/**
 * Gives a reference back. With the last one in the process that started it the server ends; elsewhere nothing
 * ends but the handle, and the connection of the calling thread. NULL is a no-op.
 *
 * Threads: any; no other may be inside a call with this reference. Blocking: a second where the server does
 * not end.
 */
MPROC_EXPORT void mproc_manager_unref(struct mproc_manager *manager);

/**
 * Ends the server: all that it keeps is gone, and calls on proxies fail with -EPIPE. A stop of the caller
 * does not cancel it.
 *
 * @param manager      the manager
 * @param deadline_ns  until when to wait for it; it is killed then
 *
 * Returns: 0, also when it has ended before.
 * Errors: -ETIMEDOUT it had to be killed; -EPERM this process has not started it; -EBADF the handle was given
 * back.
 * Threads: any. Blocking: until the deadline and a moment more.
 */
MPROC_EXPORT int mproc_manager_stop(struct mproc_manager *manager, uint64_t deadline_ns);

/**
 * Ends the connection of the calling thread, which the end of the thread does as well: what it holds is
 * released as if it had died. The next call connects anew.
 *
 * Threads: any.
 */
MPROC_EXPORT void mproc_manager_disconnect(struct mproc_manager *manager);

/**
 * The process that serves: for messages, not for decisions.
 *
 * Returns: its pid; 0 before its first answer, and for a handle that was given back.
 * Threads: any.
 */
MPROC_EXPORT pid_t mproc_manager_pid(const struct mproc_manager *manager);

/**
 * How much a server keeps, and for how many.
 *
 * Returns: 0.
 * Errors: those that all calls to the server can have; see mproc_shared_size().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_manager_get_stat(struct mproc_manager *manager, uint64_t deadline_ns,
                                        struct mproc_manager_stat *ret_stat);

/**
 * Adds a manager to the arguments of a process, so that it can open what it needs.
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_manager(struct mproc_args *args, const struct mproc_manager *manager);

/**
 * Takes a manager out of arguments.
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a manager; -EBADMSG damaged; -EXDEV of
 * another PID namespace; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_manager_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_manager(const struct mproc_args *args, size_t index,
                                        struct mproc_manager **ret_manager);

enum mproc_shared_kind {
    MPROC_SHARED_DICT,      /* values by any string, in the order of strcmp() */
    MPROC_SHARED_NAMESPACE, /* the same, and the names are identifiers of C: letters, digits, underscores */
    MPROC_SHARED_LIST,
    MPROC_SHARED_COUNTER, /* an integer of 64 bits */
    MPROC_SHARED_QUEUE,
    MPROC_SHARED_LOCK,
    MPROC_SHARED__COUNT,
};

struct mproc_shared_options {
    enum mproc_shared_kind kind;
    const char *name; /* by which others open the same object; NULL: a new one that only its proxies reach */
    uint64_t
        max_items; /* of a queue that this makes: who puts more waits; 0: as many as there is memory for */
};

/**
 * Opens an object: the one of this kind and name, or a new one. A manager makes at most 1,048,576 objects in
 * its life, those that were removed included.
 *
 * @param manager      keeps it
 * @param options      what to open
 * @param deadline_ns  until when to wait for the answer
 * @param ret_shared   the proxy
 *
 * Returns: 0.
 * Errors: -EINVAL no such kind, or an empty name; -ENOSPC beyond max_bytes, or the manager has made as many
 * objects as it can; those that all calls to the server can have, see mproc_shared_size(); -EMFILE, -ENFILE,
 * -ENOMEM.
 * Ownership: the proxy is the caller's, ends with mproc_shared_unref(), and takes two descriptors. The object
 * stays, whoever has a proxy of it, until mproc_shared_remove() or the end of the server.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_open(struct mproc_manager *manager, const struct mproc_shared_options *options,
                                   uint64_t deadline_ns, struct mproc_shared **ret_shared);

/**
 * Takes one more reference.
 *
 * Returns: the same proxy.
 * Threads: any.
 */
MPROC_EXPORT struct mproc_shared *mproc_shared_ref(struct mproc_shared *shared);

/**
 * Gives a reference back; the last one ends the proxy, not the object. NULL is a no-op.
 *
 * Threads: any; no other may be inside a call with this reference.
 */
MPROC_EXPORT void mproc_shared_unref(struct mproc_shared *shared);

/**
 * What a proxy is of.
 *
 * Returns: the kind; MPROC_SHARED__COUNT when it was given back.
 * Threads: any.
 */
MPROC_EXPORT enum mproc_shared_kind mproc_shared_kind(const struct mproc_shared *shared);

/**
 * How much an object holds: keys of a dictionary or namespace, values of a list or queue.
 *
 * @param shared       the proxy
 * @param deadline_ns  until when to wait for the answer. MPROC_NOW in any call to a server: what is asked for
 * must be there now, and the answer may take a second
 * @param ret_size     how many
 *
 * Returns: 0.
 * Errors: -EINVAL of another kind. Those that all calls to the server can have: -EPIPE the server has ended
 * or died, and all that it kept is gone; -ENOENT the object was removed; -ETIMEDOUT (-EAGAIN for MPROC_NOW)
 * it does not answer: whether the call was made is not known; -ECANCELED the thread's stop token was stopped,
 * and a second later there was still no answer; -ECONNRESET the server refused the connection, or dropped it;
 * -EBADMSG the answer is damaged; -EMFILE, -ENFILE, -ENOMEM; -EBADF the handle was given back.
 * Threads: any. Async-signal safety: not safe, as no call to a server is. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_size(struct mproc_shared *shared, uint64_t deadline_ns, uint64_t *ret_size);

/**
 * Empties a dictionary, namespace, list or queue.
 *
 * Returns: 0.
 * Errors: those of mproc_shared_size().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_clear(struct mproc_shared *shared, uint64_t deadline_ns);

/**
 * Removes an object for all: further calls on its proxies fail with -ENOENT, as do those that wait for it.
 *
 * Returns: 0.
 * Errors: those that all calls to the server can have.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_remove(struct mproc_shared *shared, uint64_t deadline_ns);

/**
 * Sets what a key of a dictionary or namespace stands for; mproc_shared_dict_insert() does where it stands
 * for nothing yet.
 *
 * @param shared       the proxy
 * @param key          the key
 * @param values       a set of values, not changed; NULL: the empty one
 * @param deadline_ns  until when to wait for the answer
 *
 * Returns: 0.
 * Errors: -EINVAL of another kind, no identifier in a namespace, or a descriptor or handle among the values;
 * of insert -EEXIST there is one already; -ENOSPC beyond max_bytes; those that all calls to the server can
 * have.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_dict_set(struct mproc_shared *shared, const char *key,
                                       const struct mproc_args *values, uint64_t deadline_ns);
MPROC_EXPORT int mproc_shared_dict_insert(struct mproc_shared *shared, const char *key,
                                          const struct mproc_args *values, uint64_t deadline_ns);

/**
 * Gives a copy of what a key stands for; mproc_shared_dict_pop() takes it out of the dictionary.
 *
 * @param shared       the proxy
 * @param key          the key
 * @param deadline_ns  until when to wait for the answer
 * @param ret_values   the values, to be read; may be NULL
 *
 * Returns: 0.
 * Errors: -ENODATA it stands for nothing; -EINVAL of another kind; those that all calls to the server can
 * have.
 * Ownership: the values are the caller's, who ends them with mproc_args_free().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_dict_get(struct mproc_shared *shared, const char *key, uint64_t deadline_ns,
                                       struct mproc_args **ret_values);
MPROC_EXPORT int mproc_shared_dict_pop(struct mproc_shared *shared, const char *key, uint64_t deadline_ns,
                                       struct mproc_args **ret_values);

/**
 * Adds to the integer that a key stands for, in one step. Where it stands for nothing, that is 0.
 *
 * @param shared       the proxy
 * @param key          the key
 * @param delta        what to add, may be negative
 * @param deadline_ns  until when to wait for the answer
 * @param ret_value    the sum; may be NULL
 *
 * Returns: 0.
 * Errors: -EINVAL it stands for something other than one integer; -ERANGE the sum does not fit; those of
 * mproc_shared_dict_set().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_dict_add(struct mproc_shared *shared, const char *key, int64_t delta,
                                       uint64_t deadline_ns, int64_t *ret_value);

/**
 * Gives all keys of a dictionary or namespace, as strings; mproc_shared_dict_items() gives one map of the
 * keys, in which each stands for an array of its values. Both as of one moment.
 *
 * Returns: 0.
 * Errors: -EINVAL of another kind; -EMSGSIZE more than MPROC_ARGS_BYTES_MAX; -EBADMSG of items: a value has
 * more than MPROC_ARGS_DEPTH_MAX - 2 arrays and maps inside each other; those that all calls to the server
 * can have.
 * Ownership: the caller's, who ends them with mproc_args_free().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_dict_keys(struct mproc_shared *shared, uint64_t deadline_ns,
                                        struct mproc_args **ret_keys);
MPROC_EXPORT int mproc_shared_dict_items(struct mproc_shared *shared, uint64_t deadline_ns,
                                         struct mproc_args **ret_items);

/**
 * Puts values at the end of a list, or in front of the one at a place.
 *
 * @param shared       the proxy
 * @param index        from 0; a negative one counts from the end, -1 is the last one. The size itself is the
 * end
 * @param values       a set of values, not changed; NULL: the empty one
 * @param deadline_ns  until when to wait for the answer
 *
 * Returns: 0.
 * Errors: -ERANGE there is no such place; -EINVAL of another kind, or a descriptor or handle among the
 * values; -ENOSPC beyond max_bytes; those that all calls to the server can have.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_list_append(struct mproc_shared *shared, const struct mproc_args *values,
                                          uint64_t deadline_ns);
MPROC_EXPORT int mproc_shared_list_insert(struct mproc_shared *shared, int64_t index,
                                          const struct mproc_args *values, uint64_t deadline_ns);

/**
 * Sets what is at a place of a list.
 *
 * Returns: 0.
 * Errors: those of mproc_shared_list_insert().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_list_set(struct mproc_shared *shared, int64_t index,
                                       const struct mproc_args *values, uint64_t deadline_ns);

/**
 * Gives a copy of what is at a place of a list; mproc_shared_list_pop() takes it out.
 *
 * @param shared       the proxy
 * @param index        as in mproc_shared_list_insert(), without the end
 * @param deadline_ns  until when to wait for the answer
 * @param ret_values   the values, to be read; may be NULL
 *
 * Returns: 0.
 * Errors: -ERANGE there is no such place; -EINVAL of another kind; those that all calls to the server can
 * have.
 * Ownership: the values are the caller's, who ends them with mproc_args_free().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_list_get(struct mproc_shared *shared, int64_t index, uint64_t deadline_ns,
                                       struct mproc_args **ret_values);
MPROC_EXPORT int mproc_shared_list_pop(struct mproc_shared *shared, int64_t index, uint64_t deadline_ns,
                                       struct mproc_args **ret_values);

/**
 * Gives all of a list as of one moment: for each place an array of its values.
 *
 * Returns: 0.
 * Errors: those of mproc_shared_dict_items().
 * Ownership: the caller's, who ends them with mproc_args_free().
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_list_items(struct mproc_shared *shared, uint64_t deadline_ns,
                                         struct mproc_args **ret_items);

/**
 * Adds to a counter, or sets it, in one step.
 *
 * @param shared       the proxy
 * @param delta        what to add, may be negative; 0 reads
 * @param value        what to set it to
 * @param deadline_ns  until when to wait for the answer
 * @param ret_value    of add the sum, of set what it was before; may be NULL
 *
 * Returns: 0.
 * Errors: -ERANGE the sum does not fit, and the counter is as it was; -EINVAL of another kind; those that all
 * calls to the server can have.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_counter_add(struct mproc_shared *shared, int64_t delta, uint64_t deadline_ns,
                                          int64_t *ret_value);
MPROC_EXPORT int mproc_shared_counter_set(struct mproc_shared *shared, int64_t value, uint64_t deadline_ns,
                                          int64_t *ret_value);

/**
 * Puts values into a queue.
 *
 * @param shared       the proxy
 * @param values       a set of values, not changed; NULL: the empty one
 * @param deadline_ns  until when to wait for room; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0.
 * Errors: -ETIMEDOUT (-EAGAIN for MPROC_NOW) there was no room; -ECANCELED the thread's stop token was
 * stopped while it waited; -EINVAL of another kind, or a descriptor or handle among the values; -ENOSPC
 * beyond max_bytes; those that all calls to the server can have.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_queue_put(struct mproc_shared *shared, const struct mproc_args *values,
                                        uint64_t deadline_ns);

/**
 * Takes the oldest values out of a queue. Who waits first gets them first.
 *
 * @param shared       the proxy
 * @param deadline_ns  until when to wait for some; MPROC_NOW, MPROC_FOREVER
 * @param ret_values   the values, to be read
 *
 * Returns: 0.
 * Errors: nothing was taken: -ETIMEDOUT (-EAGAIN for MPROC_NOW) there was nothing; -ECANCELED the thread's
 * stop token was stopped while it waited; -EINVAL of another kind; those that all calls to the server can
 * have. What the server had on its way to a call that gave up goes to the next one.
 * Ownership: the values are the caller's, who ends them with mproc_args_free(). They are gone with one that
 * is killed in this call or later; <mproc/queue.h> has queues that redeliver.
 * Threads: any. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_queue_get(struct mproc_shared *shared, uint64_t deadline_ns,
                                        struct mproc_args **ret_values);

/**
 * Takes a lock. Who waits first gets it first.
 *
 * @param shared       the proxy
 * @param deadline_ns  until when to wait for it; MPROC_NOW, MPROC_FOREVER
 *
 * Returns: 0: held. -EOWNERDEAD: held as well, but who had it before died, ended its thread or disconnected
 * with it: what it protects may be half changed. This is told once.
 * Errors: not held: -EDEADLK this thread has it already; -ETIMEDOUT (-EAGAIN for MPROC_NOW); -ECANCELED the
 * thread's stop token was stopped while it waited; -EINVAL of another kind; those that all calls to the
 * server can have.
 * Threads: any; the lock belongs to the thread. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_lock_acquire(struct mproc_shared *shared, uint64_t deadline_ns);

/**
 * Gives a lock back.
 *
 * Returns: 0.
 * Errors: -EPERM this thread does not have it; -EINVAL of another kind; those that all calls to the server
 * can have.
 * Threads: who has it. Blocking: until the deadline.
 */
MPROC_EXPORT int mproc_shared_lock_release(struct mproc_shared *shared, uint64_t deadline_ns);

/**
 * Adds a proxy to the arguments of a process; both then share the object.
 *
 * Returns: 0.
 * Errors: -EMFILE, -ENFILE, -ENOMEM; -EMSGSIZE too many descriptors; -EBADF the handle was given back.
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_add_shared(struct mproc_args *args, const struct mproc_shared *shared);

/**
 * Takes a proxy out of arguments.
 *
 * Returns: 0.
 * Errors: -ENOENT no such argument, or taken before; -EINVAL not a proxy; -EBADMSG damaged; -EXDEV of another
 * PID namespace; -ENOMEM; -ENOTSUP.
 * Ownership: the caller's, ends with mproc_shared_unref().
 * Threads: one at a time for these arguments.
 */
MPROC_EXPORT int mproc_args_get_shared(const struct mproc_args *args, size_t index,
                                       struct mproc_shared **ret_shared);

#ifdef __cplusplus
}
#endif

#endif
