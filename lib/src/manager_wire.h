/*
 * Between a manager's server and its clients.
 *
 * A client connects through the door, a socket of which every handle has the one end and the server the
 * other: it sends one end of a new pair of sockets, and a pidfd of itself, so that its death is known also
 * where a child of its fork keeps the socket open. There is no name that others could connect to.
 *
 * Requests and answers are letters (letter.h), numbered by the client. A client has one request on its way;
 * should it give up on one, it sends a cancellation, which undoes what was granted to a call that nobody
 * waits for any more. An answer to another number than the last one is thrown away.
 *
 * Clients wait on memory, not on the socket, so that the stop of a thread ends the wait: the server rings a
 * bell in the segment of the manager, and holds the lock in that segment as long as it lives, so that the
 * kernel tells of its death. What is in this memory decides nothing: anybody who has it can write it.
 */
#ifndef MPROC_MANAGER_WIRE_H
#define MPROC_MANAGER_WIRE_H

#include <stdint.h>

#include <mproc/context.h>
#include <mproc/manager.h>

#include "handle.h"

enum { MANAGER_BELLS = 1024, MANAGER_REQUEST = 1, MANAGER_ANSWER = 2 };

/* Through the door, with the socket and the pidfd. */
struct manager_hello {
    uint64_t magic;
    uint32_t bell; /* which one to ring; others may have the same */
    uint32_t unused;
};

#define MANAGER_MAGIC UINT64_C(0x6d70726f636d6772)

/* In the control page. */
struct manager_shared {
    uint32_t pid;
    uint32_t cpu;        /* where the server last ran: whether to wait for it awake makes sense */
    uint32_t client_cpu; /* the same of who called last */
    uint32_t ending;     /* the owner has asked the server to end */
    uint32_t ended;      /* the server has done so */
};

enum manager_op {
    MANAGER_CANCEL, /* has no answer */
    MANAGER_STAT,
    MANAGER_OPEN,
    MANAGER_REMOVE,
    MANAGER_SIZE,
    MANAGER_CLEAR,
    MANAGER_DICT_SET,
    MANAGER_DICT_INSERT,
    MANAGER_DICT_GET,
    MANAGER_DICT_POP,
    MANAGER_DICT_ADD,
    MANAGER_DICT_KEYS,
    MANAGER_DICT_ITEMS,
    MANAGER_LIST_INSERT,
    MANAGER_LIST_SET,
    MANAGER_LIST_GET,
    MANAGER_LIST_POP,
    MANAGER_LIST_ITEMS,
    MANAGER_COUNTER_ADD,
    MANAGER_COUNTER_SET,
    MANAGER_QUEUE_PUT,
    MANAGER_QUEUE_GET,
    MANAGER_LOCK_ACQUIRE,
    MANAGER_LOCK_RELEASE,
    MANAGER_OP__COUNT,
};

/* Values of a request; the others follow. Of a cancellation the object is the number of the call. */
enum { MANAGER_ARG_OP, MANAGER_ARG_OBJECT, MANAGER_ARG_DEADLINE, MANAGER_ARG_FIRST };

/* An answer begins with 0 or an errno; behind an errno there is its detail. */

/* What a handle, of a manager or of an object that it keeps, reaches the server with. */
struct manager_access {
    struct mproc_handle handle;
    struct manager_shared *shared;
    uint32_t *bells;
    int door;
    uint64_t server; /* which one: the inode of the segment */
};

extern const struct mproc_class mproc_manager_class;

/* manager.c */

/* One more handle of `size` bytes to the server of another. Errors: -EMFILE, -ENOMEM, -ENOTSUP. */
int mproc_manager_reach(const struct manager_access *access, size_t size, void *ret_access);

/* Packs an access: its segment and its door. */
int mproc_manager_pack(const void *access, struct mproc_parcel *ret_parcel);

/* Makes a handle of `size` bytes, which begins with an access, out of the first two descriptors of a parcel;
 * they are taken on success only. Errors: -EBADMSG, and those of mproc_segment_unpack(). */
int mproc_manager_unpack(const struct mproc_parcel *parcel, size_t size, void *ret_access);

/* Ends the handle whose last reference was given back. */
void mproc_manager_end(void *access);

/* manager_link.c: the connection of the calling thread, and calls on it. */

struct manager_link;

/* Begins a request; what else belongs to it is added to `ret_request`. Errors: those that all calls can have.
 */
int mproc_manager_begin(struct manager_access *access, enum manager_op op, uint64_t object,
                        uint64_t deadline_ns, struct mproc_args **ret_request);

/* Sends the request that this thread began last and waits for the answer. `awaited` is NULL, or says that the
 * server may answer late, because it waits for something: "the queue is still full". Returns 0, or the errno
 * of the answer with its detail, also with -EOWNERDEAD with `ret_answer`. Errors: those that all calls can
 * have. Ownership: the answer is the caller's. */
int mproc_manager_call(struct manager_access *access, uint64_t deadline_ns, const char *awaited,
                       struct mproc_args **ret_answer);

/* What the last call of this thread was granted, it has no use for: others get it. */
void mproc_manager_undo(const struct manager_access *access);

/* Ends the connection of the calling thread to this server, if there is one. */
void mproc_manager_hang_up(uint64_t server);

/* manager_serve.c */

/* The library's own entry. Its arguments, in this order: */
enum manager_serve_arg {
    MANAGER_SERVE_ACCESS, /* a manager, whose door is the server's end */
    MANAGER_SERVE_BYTES,
};

extern const struct mproc_entry mproc_manager_entry;

#endif
