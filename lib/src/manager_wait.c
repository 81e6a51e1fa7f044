/*
 * Queues and locks: calls that wait stand in a line at their object, and the first of it is served first.
 *
 * The clients keep the deadlines and cancel. What a client was granted is undone when it cancels that very
 * call, because then the answer was not read.
 */
#include <errno.h>
#include <stdlib.h>

#include "error_internal.h"
#include "manager_serve.h"

static int wait_at(const struct manager_call *call, enum manager_op op, struct manager_values *to_put)
{
    struct manager_client *client = call->client;

    client->awaits = op;
    client->awaited = call->object;
    client->to_put = to_put;
    TAILQ_INSERT_TAIL(&call->object->waiting, client, waiting);
    return MANAGER_LATER;
}

static void leave_line(struct manager_server *server, struct manager_client *client)
{
    TAILQ_REMOVE(&client->awaited->waiting, client, waiting);
    mproc_manager_discard(server, client->to_put);
    client->to_put = NULL;
    client->awaited = NULL;
    client->awaits = MANAGER_CANCEL;
}

static bool has_room(const struct manager_object *queue)
{
    return queue->max_items == 0 || queue->items.count < queue->max_items;
}

/* The first in the line who waits for this. */
static struct manager_client *first_waiting(const struct manager_object *object, enum manager_op op)
{
    struct manager_client *client;

    TAILQ_FOREACH(client, &object->waiting, waiting)
    {
        if (client->awaits == op)
            return client;
    }
    return NULL;
}

static void give(struct manager_object *queue, struct manager_client *client)
{
    client->granted = queue;
    client->given = mproc_manager_remove(&queue->items, 0);
}

void mproc_manager_settle_queue(struct manager_server *server, struct manager_object *queue)
{
    for (;;) {
        struct manager_client *putter = has_room(queue) ? first_waiting(queue, MANAGER_QUEUE_PUT) : NULL;
        if (putter) {
            int r = mproc_manager_insert(&queue->items, queue->items.count, putter->to_put);
            if (r == 0)
                putter->to_put = NULL;
            leave_line(server, putter);
            mproc_manager_answer(server, putter, r, NULL);
            continue;
        }
        struct manager_client *getter = queue->items.count ? first_waiting(queue, MANAGER_QUEUE_GET) : NULL;
        if (!getter)
            return;
        leave_line(server, getter);
        give(queue, getter);
        mproc_manager_answer(server, getter, 0, getter->given);
    }
}

int mproc_manager_queue_put(const struct manager_call *call)
{
    struct manager_object *queue = call->object;
    struct manager_values *values;
    int r = mproc_manager_keep(call, MANAGER_ARG_FIRST, &values);

    if (r)
        return r;
    if (has_room(queue) && !first_waiting(queue, MANAGER_QUEUE_PUT)) {
        r = mproc_manager_insert(&queue->items, queue->items.count, values);
        if (r)
            mproc_manager_discard(call->server, values);
        else
            mproc_manager_settle_queue(call->server, queue);
        return r;
    }
    if (call->deadline_ns == MPROC_NOW) {
        mproc_manager_discard(call->server, values);
        return mproc_fail(-EAGAIN, "the queue is full: it has %zu values", queue->items.count);
    }
    return wait_at(call, MANAGER_QUEUE_PUT, values);
}

int mproc_manager_queue_get(const struct manager_call *call)
{
    struct manager_object *queue = call->object;

    if (queue->items.count == 0) {
        if (call->deadline_ns == MPROC_NOW)
            return mproc_fail(-EAGAIN, "the queue is empty");
        return wait_at(call, MANAGER_QUEUE_GET, NULL);
    }
    give(queue, call->client);
    int r = mproc_args_add_bytes(call->answer, call->client->given->bytes, call->client->given->len);
    if (r)
        mproc_manager_cancel(call->server, call->client, call->client->number);
    else
        mproc_manager_settle_queue(call->server, queue);
    return r;
}

/* The lock is the client's from now on. Returns what it is told. */
static int own(struct manager_object *lock, struct manager_client *client)
{
    pid_t dead = lock->dead_owner;

    lock->owner = client;
    lock->told = dead;
    lock->dead_owner = 0;
    client->granted = lock;
    TAILQ_INSERT_TAIL(&client->held, lock, held);
    return dead ? mproc_fail(-EOWNERDEAD,
                             "process %d had the lock and is gone: what it protects may be half changed",
                             (int)dead)
                : 0;
}

static void disown(struct manager_object *lock)
{
    TAILQ_REMOVE(&lock->owner->held, lock, held);
    lock->owner = NULL;
}

/* Nobody has the lock: the first in the line gets it. */
static void settle_lock(struct manager_server *server, struct manager_object *lock)
{
    struct manager_client *next = TAILQ_FIRST(&lock->waiting);

    if (!next || lock->owner)
        return;
    leave_line(server, next);
    mproc_manager_answer(server, next, own(lock, next), NULL);
}

int mproc_manager_lock_acquire(const struct manager_call *call)
{
    struct manager_object *lock = call->object;

    if (!lock->owner)
        return own(lock, call->client);
    if (lock->owner == call->client)
        return mproc_fail(-EDEADLK, "this thread has the lock already");
    if (call->deadline_ns == MPROC_NOW)
        return mproc_fail(-EAGAIN, "process %d has the lock", (int)lock->owner->pid);
    return wait_at(call, MANAGER_LOCK_ACQUIRE, NULL);
}

int mproc_manager_lock_release(const struct manager_call *call)
{
    struct manager_object *lock = call->object;

    if (lock->owner != call->client)
        return lock->owner ? mproc_fail(-EPERM, "the lock belongs to another thread, of process %d",
                                        (int)lock->owner->pid)
                           : mproc_fail(-EPERM, "nobody has the lock");
    disown(lock);
    settle_lock(call->server, lock);
    return 0;
}

void mproc_manager_confirm(struct manager_server *server, struct manager_client *client)
{
    mproc_manager_discard(server, client->given);
    client->given = NULL;
    client->granted = NULL;
}

void mproc_manager_cancel(struct manager_server *server, struct manager_client *client, uint64_t number)
{
    struct manager_object *object = client->granted;

    if (client->number != number)
        return;
    if (client->awaited) {
        object = client->awaited;
        leave_line(server, client);
        if (object->kind == MPROC_SHARED_QUEUE) /* who comes behind may be served */
            mproc_manager_settle_queue(server, object);
        return;
    }
    if (!object)
        return;
    client->granted = NULL;
    if (object->kind == MPROC_SHARED_LOCK) {
        if (object->owner == client) {
            object->dead_owner = object->told;
            disown(object);
        }
        settle_lock(server, object);
        return;
    }
    struct manager_values *given = client->given;
    client->given = NULL;
    if (given && mproc_manager_insert(&object->items, 0, given))
        mproc_manager_discard(server, given);
    mproc_manager_settle_queue(server, object);
}

void mproc_manager_release_all(struct manager_server *server, struct manager_client *client)
{
    struct manager_object *lock;

    if (client->awaited || client->unanswered)
        mproc_manager_cancel(server, client, client->number);
    mproc_manager_confirm(server, client);
    while ((lock = TAILQ_FIRST(&client->held))) {
        lock->dead_owner = client->pid;
        disown(lock);
        settle_lock(server, lock);
    }
}

void mproc_manager_refuse_all(struct manager_server *server, struct manager_object *object)
{
    struct manager_client *client;

    while ((client = TAILQ_FIRST(&object->waiting))) {
        leave_line(server, client);
        mproc_manager_answer(server, client, mproc_fail(-ENOENT, "the object was removed while this waited"),
                             NULL);
    }
    if (object->owner)
        disown(object);
    LIST_FOREACH(client, &server->clients, all)
    {
        if (client->granted == object)
            mproc_manager_confirm(server, client);
    }
}
