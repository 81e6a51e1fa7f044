/* Inside a manager's server: what it keeps, and for whom. One thread, so nothing is locked. */
#ifndef MPROC_MANAGER_SERVE_H
#define MPROC_MANAGER_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <mproc/args.h>

#include "manager_wire.h"

/* What the tree and malloc() take for each thing that is kept, roughly. */
enum { MANAGER_OVERHEAD = 64 };

/* A set of values, encoded; checked when it came. */
struct manager_values {
    size_t len;
    unsigned char bytes[];
};

/* In a tree by their keys. */
struct manager_entry {
    char *key;
    struct manager_values *values;
};

struct manager_items {
    struct manager_values **all;
    size_t first; /* what was taken from the front is not moved at once */
    size_t count;
    size_t room;
};

TAILQ_HEAD(manager_waiting, manager_client);
TAILQ_HEAD(manager_held, manager_object);
LIST_HEAD(manager_clients, manager_client);

struct manager_object {
    uint64_t id;
    enum mproc_shared_kind kind;
    char *name; /* NULL: none */
    size_t charge;
    void *entries; /* of a dictionary or namespace */
    uint64_t nentries;
    struct manager_items items; /* of a list or queue */
    uint64_t max_items;         /* 0: no bound */
    int64_t counter;
    struct manager_client *owner; /* of a lock */
    pid_t dead_owner;             /* who had it last, and died; 0: nobody, or the owner was told */
    pid_t told;                   /* the same, of whom the owner was told */
    struct manager_waiting waiting;
    TAILQ_ENTRY(manager_object) held; /* while it has an owner */
};

struct manager_client {
    int fd;
    int pidfd;
    uint32_t bell;
    pid_t pid;              /* for messages */
    bool gone;              /* to be buried when nobody is at work with it */
    bool unanswered;        /* because its last answer could not be sent */
    uint32_t number;        /* of the last request */
    enum manager_op awaits; /* the waiting call; MANAGER_CANCEL: none */
    struct manager_object *awaited;
    struct manager_values *to_put;
    /* What the last call was granted, until the next one shows that it arrived: to be undone if it is
     * cancelled. */
    struct manager_object *granted;
    struct manager_values *given;
    struct manager_held held;
    TAILQ_ENTRY(manager_client) waiting;
    LIST_ENTRY(manager_client) all;
};

struct manager_server {
    struct manager_access *access;
    int epoll;
    struct manager_clients clients;
    bool some_gone;
    uint64_t nclients;
    struct manager_object **objects; /* by id - 1; NULL: removed */
    uint64_t nids;
    uint64_t nobjects;
    void *names;
    uint64_t bytes;
    uint64_t max_bytes;
    struct mproc_args *answer; /* to the call that is being dealt with */
    struct mproc_args *late;   /* to another one, which waited */
};

/* What a call is given. Returns 0 with its results behind the 0 in `answer`; MANAGER_LATER: it waits; or a
 * negative errno with detail. */
enum { MANAGER_LATER = 1 };

struct manager_call {
    struct manager_server *server;
    struct manager_client *client;
    struct manager_object *object;
    const struct mproc_args *request;
    struct mproc_args *answer;
    uint64_t deadline_ns;
};

typedef int manager_op_fn(const struct manager_call *call);

/* manager_serve.c */

/* Takes a client in: its socket and its pidfd, on success only. Returns 0 or a negative errno. */
int mproc_manager_admit(struct manager_server *server, const struct manager_hello *hello, const int *fds);

/* Deals with the next thing that a client has sent. */
void mproc_manager_hear(struct manager_server *server, struct manager_client *client);

/* Ends the clients that are gone. To end one may let others be found gone, which ends them too. */
void mproc_manager_bury(struct manager_server *server);

/* Answers a call that waited: 0 or a negative errno, with values or without. */
void mproc_manager_answer(struct manager_server *server, struct manager_client *client, int status,
                          const struct manager_values *values);

/* The client is as good as dead. */
void mproc_manager_drop(struct manager_server *server, struct manager_client *client);

/* manager_keep.c: what is kept. */

/* Makes room in the account. Errors: -ENOSPC. */
int mproc_manager_charge(struct manager_server *server, size_t bytes);

/* Copies values: sound ones, and those that are operand `index` of a request. Errors: -ENOSPC, -ENOMEM;
 * -EBADMSG. */
int mproc_manager_keep_bytes(struct manager_server *server, const void *bytes, size_t len,
                             struct manager_values **ret_values);
int mproc_manager_keep(const struct manager_call *call, size_t index, struct manager_values **ret_values);
void mproc_manager_discard(struct manager_server *server, struct manager_values *values);

/* Puts values in front of place `index`; at `count` they are the last ones. Errors: -ENOMEM. */
int mproc_manager_insert(struct manager_items *items, size_t index, struct manager_values *values);
struct manager_values *mproc_manager_remove(struct manager_items *items, size_t index);

manager_op_fn mproc_manager_stat, mproc_manager_open, mproc_manager_remove_object, mproc_manager_size,
    mproc_manager_clear;

/* manager_dict.c, manager_list.c */
manager_op_fn mproc_manager_dict_set, mproc_manager_dict_insert, mproc_manager_dict_get,
    mproc_manager_dict_pop, mproc_manager_dict_add, mproc_manager_dict_keys, mproc_manager_dict_items;
void mproc_manager_dict_clear(struct manager_server *server, struct manager_object *dict);
manager_op_fn mproc_manager_list_insert, mproc_manager_list_set, mproc_manager_list_get,
    mproc_manager_list_pop, mproc_manager_list_items, mproc_manager_counter_add, mproc_manager_counter_set;

/* manager_wait.c: calls that wait, and what becomes of them. */
manager_op_fn mproc_manager_queue_put, mproc_manager_queue_get, mproc_manager_lock_acquire,
    mproc_manager_lock_release;

/* There is room or there are values: whoever waits for them gets them. */
void mproc_manager_settle_queue(struct manager_server *server, struct manager_object *queue);

/* The object is being removed: who waits for it is told, and nobody holds it. */
void mproc_manager_refuse_all(struct manager_server *server, struct manager_object *object);

/* The client waits no more, and what call `number` was granted is undone, if it was the last one. */
void mproc_manager_cancel(struct manager_server *server, struct manager_client *client, uint64_t number);

/* The next request is here: the answer to the last one arrived. */
void mproc_manager_confirm(struct manager_server *server, struct manager_client *client);

/* The client is dead: what it held goes to others. */
void mproc_manager_release_all(struct manager_server *server, struct manager_client *client);

#endif
