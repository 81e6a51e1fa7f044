/* The process of a manager: who is connected, what they ask, and the answers. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/stop.h>

#include "args_internal.h"
#include "channel.h"
#include "error_internal.h"
#include "letter.h"
#include "manager_serve.h"
#include "process_internal.h"
#include "wait.h"

enum { EVENTS = 64 };

/* For so long the server looks for more before it sleeps: about what falling asleep and being woken costs. */
static const uint64_t spin_ns = 20 * 1000;

/* Kinds of objects that an operation is for. */
enum { ANY = (1 << MPROC_SHARED__COUNT) - 1, NONE = 0 };

#define DICTS   (1 << MPROC_SHARED_DICT | 1 << MPROC_SHARED_NAMESPACE)
#define LIST    (1 << MPROC_SHARED_LIST)
#define COUNTER (1 << MPROC_SHARED_COUNTER)
#define QUEUE   (1 << MPROC_SHARED_QUEUE)
#define LOCK    (1 << MPROC_SHARED_LOCK)

static const struct {
    manager_op_fn *run;
    unsigned kinds;
} operations[MANAGER_OP__COUNT] = {
    [MANAGER_STAT] = {mproc_manager_stat, NONE},
    [MANAGER_OPEN] = {mproc_manager_open, NONE},
    [MANAGER_REMOVE] = {mproc_manager_remove_object, ANY},
    [MANAGER_SIZE] = {mproc_manager_size, ANY},
    [MANAGER_CLEAR] = {mproc_manager_clear, ANY},
    [MANAGER_DICT_SET] = {mproc_manager_dict_set, DICTS},
    [MANAGER_DICT_INSERT] = {mproc_manager_dict_insert, DICTS},
    [MANAGER_DICT_GET] = {mproc_manager_dict_get, DICTS},
    [MANAGER_DICT_POP] = {mproc_manager_dict_pop, DICTS},
    [MANAGER_DICT_ADD] = {mproc_manager_dict_add, DICTS},
    [MANAGER_DICT_KEYS] = {mproc_manager_dict_keys, DICTS},
    [MANAGER_DICT_ITEMS] = {mproc_manager_dict_items, DICTS},
    [MANAGER_LIST_INSERT] = {mproc_manager_list_insert, LIST},
    [MANAGER_LIST_SET] = {mproc_manager_list_set, LIST},
    [MANAGER_LIST_GET] = {mproc_manager_list_get, LIST},
    [MANAGER_LIST_POP] = {mproc_manager_list_pop, LIST},
    [MANAGER_LIST_ITEMS] = {mproc_manager_list_items, LIST},
    [MANAGER_COUNTER_ADD] = {mproc_manager_counter_add, COUNTER},
    [MANAGER_COUNTER_SET] = {mproc_manager_counter_set, COUNTER},
    [MANAGER_QUEUE_PUT] = {mproc_manager_queue_put, QUEUE},
    [MANAGER_QUEUE_GET] = {mproc_manager_queue_get, QUEUE},
    [MANAGER_LOCK_ACQUIRE] = {mproc_manager_lock_acquire, LOCK},
    [MANAGER_LOCK_RELEASE] = {mproc_manager_lock_release, LOCK},
};

void mproc_manager_drop(struct manager_server *server, struct manager_client *client)
{
    client->gone = true;
    server->some_gone = true;
}

static void ring(struct manager_server *server, const struct manager_client *client)
{
    uint32_t *bell = &server->access->bells[client->bell];

    __atomic_fetch_add(bell, 1, __ATOMIC_ACQ_REL);
    mproc_wake(bell);
}

/* A client that does not read is not waited for. */
static void send_answer(struct manager_server *server, struct manager_client *client,
                        const struct mproc_args *answer)
{
    struct mproc_args_wire wire;
    int r = mproc_args_encode(answer, &wire);

    if (r == 0) {
        r = mproc_letter_send(client->fd, MANAGER_ANSWER, client->number, wire.bytes, wire.len, NULL, 0);
        free(wire.bytes);
    }
    if (r) {
        client->unanswered = true;
        mproc_manager_drop(server, client);
    }
    ring(server, client);
}

static void begin_answer(struct mproc_args *answer, int status)
{
    mproc_args_clear(answer);
    mproc_args_add_int(answer, status);
    if (status)
        mproc_args_add_string(answer, mproc_error_detail());
}

void mproc_manager_answer(struct manager_server *server, struct manager_client *client, int status,
                          const struct manager_values *values)
{
    begin_answer(server->late, status);
    if (values)
        mproc_args_add_bytes(server->late, values->bytes, values->len);
    send_answer(server, client, server->late);
}

static int read_call(struct manager_server *server, struct manager_call *call, uint64_t *ret_op)
{
    uint64_t id;

    if (mproc_args_get_uint(call->request, MANAGER_ARG_OP, ret_op) ||
        mproc_args_get_uint(call->request, MANAGER_ARG_OBJECT, &id) ||
        mproc_args_get_uint(call->request, MANAGER_ARG_DEADLINE, &call->deadline_ns) ||
        *ret_op >= MANAGER_OP__COUNT)
        return mproc_fail(-EBADMSG, "the manager's server does not know this request");
    if (*ret_op == MANAGER_CANCEL || operations[*ret_op].kinds == NONE)
        return 0;
    call->object = id >= 1 && id <= server->nids ? server->objects[id - 1] : NULL;
    if (!call->object)
        return mproc_fail(-ENOENT, "the object was removed from the manager");
    if (!(operations[*ret_op].kinds & 1u << call->object->kind))
        return mproc_fail(-EINVAL, "the object is of another kind");
    /* Its caller has given up. */
    if (call->deadline_ns != MPROC_NOW && call->deadline_ns <= mproc_clock_ns())
        return mproc_fail(-ETIMEDOUT, "the request came after its deadline");
    return 0;
}

static void deal_with(struct manager_server *server, struct manager_client *client, uint32_t number,
                      const struct mproc_args *request)
{
    struct manager_call call = {
        .server = server, .client = client, .request = request, .answer = server->answer};
    uint64_t op = MANAGER_OP__COUNT;
    uint64_t cancelled;

    mproc_forget_detail();
    int r = read_call(server, &call, &op);
    if (op == MANAGER_CANCEL) {
        if (r == 0 && mproc_args_get_uint(request, MANAGER_ARG_OBJECT, &cancelled) == 0)
            mproc_manager_cancel(server, client, cancelled);
        return;
    }
    if (client->awaited) { /* a second request while the first one waits is not what a sound client sends */
        mproc_manager_drop(server, client);
        return;
    }
    mproc_manager_confirm(server, client);
    client->number = number;
    if (r == 0) {
        begin_answer(server->answer, 0);
        r = operations[op].run(&call);
    }
    if (r == MANAGER_LATER)
        return;
    if (r)
        begin_answer(server->answer, r);
    send_answer(server, client, server->answer);
}

void mproc_manager_hear(struct manager_server *server, struct manager_client *client)
{
    struct mproc_letter letter = {0};
    struct mproc_args *request = NULL;
    int r = mproc_letter_take(client->fd, server->max_bytes + MPROC_CHANNEL_BYTES, &letter, &request);

    if (r == -EAGAIN)
        return;
    if (letter.cell != MANAGER_REQUEST || (r && client->awaited)) {
        /* The end, or nothing that a client sends. */
        mproc_args_free(request);
        mproc_manager_drop(server, client);
        return;
    }
    if (r == 0) {
        deal_with(server, client, letter.generation, request);
        mproc_args_free(request);
        return;
    }
    mproc_manager_confirm(server, client);
    client->number = letter.generation;
    if (r == -EMSGSIZE)
        r = mproc_fail(-ENOSPC, "%llu bytes: more than the manager may keep (max_bytes)",
                       (unsigned long long)letter.len);
    begin_answer(server->answer, r);
    send_answer(server, client, server->answer);
}

/* The lowest bit of what epoll gives back tells the pidfd from the socket. */
static int watch(struct manager_server *server, int fd, void *what, unsigned bit)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uintptr_t)what | bit};

    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void end_client(struct manager_server *server, struct manager_client *client)
{
    LIST_REMOVE(client, all);
    mproc_manager_release_all(server, client);
    /* Others may have the same socket open, and then closing it would leave it watched. */
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, client->fd, NULL);
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, client->pidfd, NULL);
    close(client->fd);
    close(client->pidfd);
    ring(server, client);
    free(client);
    server->nclients--;
}

void mproc_manager_bury(struct manager_server *server)
{
    while (server->some_gone) {
        struct manager_client *client = LIST_FIRST(&server->clients);
        server->some_gone = false;
        while (client) {
            struct manager_client *next = LIST_NEXT(client, all);
            if (client->gone)
                end_client(server, client);
            client = next;
        }
    }
}

static bool is_socket(int fd)
{
    socklen_t len = sizeof(int);
    int type = 0;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int mproc_manager_admit(struct manager_server *server, const struct manager_hello *hello, const int *fds)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    struct manager_client *client = calloc(1, sizeof(*client));

    if (!client)
        return -ENOMEM;
    client->fd = fds[0];
    client->pidfd = fds[1];
    client->bell = hello->bell % MANAGER_BELLS;
    TAILQ_INIT(&client->held);
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        client->pid = peer.pid;
    /* Whatever its end is told, ours never waits. */
    int r = fcntl(client->fd, F_SETFL, O_NONBLOCK) ? -errno : watch(server, client->fd, client, 0);
    if (r == 0) {
        r = watch(server, client->pidfd, client, 1);
        if (r)
            epoll_ctl(server->epoll, EPOLL_CTL_DEL, client->fd, NULL);
    }
    if (r) {
        free(client);
        return r;
    }
    LIST_INSERT_HEAD(&server->clients, client, all);
    server->nclients++;
    return 0;
}

/* Somebody is at the door. Whom it does not let in sees the end of its socket. */
static void open_door(struct manager_server *server)
{
    struct manager_hello hello = {0};
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;
    ssize_t len = mproc_channel_receive(server->access->door, &hello, sizeof(hello), fds, &nfds);

    if (len == (ssize_t)sizeof(hello) && hello.magic == MANAGER_MAGIC && nfds == 2 && is_socket(fds[0]) &&
        mproc_manager_admit(server, &hello, fds) == 0)
        return;
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (hello.magic == MANAGER_MAGIC)
        ring(server, &(struct manager_client){.bell = hello.bell % MANAGER_BELLS});
}

static bool is_to_end(const struct manager_server *server)
{
    return mproc_stop_level(NULL) != MPROC_RUNNING &&
           __atomic_load_n(&server->access->shared->ending, __ATOMIC_ACQUIRE) != 0;
}

/* Waits for somebody to send or to end. Who has called just now often calls again at once, and a processor
 * that has gone to sleep answers late; but where the caller needs this very processor, it is better left to
 * him. */
static int await_events(struct manager_server *server, const sigset_t *mask, struct epoll_event *ret_events)
{
    struct manager_shared *shared = server->access->shared;
    uint32_t cpu = (uint32_t)sched_getcpu();
    uint64_t end_ns = mproc_clock_ns() + spin_ns;
    int n = 0;

    __atomic_store_n(&shared->cpu, cpu, __ATOMIC_RELAXED);
    while (n == 0 && __atomic_load_n(&shared->client_cpu, __ATOMIC_RELAXED) != cpu &&
           mproc_clock_ns() < end_ns)
        n = epoll_wait(server->epoll, ret_events, EVENTS, 0);
    return n ? n : epoll_pwait(server->epoll, ret_events, EVENTS, -1, mask);
}

static void serve_all(struct manager_server *server)
{
    struct epoll_event events[EVENTS];
    sigset_t asked, before;

    /* Comes while we sleep or before, but not in between. */
    sigemptyset(&asked);
    sigaddset(&asked, MPROC_SIGNAL_ASK);
    sigprocmask(SIG_BLOCK, &asked, &before);
    sigdelset(&before, MPROC_SIGNAL_ASK);
    while (!is_to_end(server)) {
        int n = await_events(server, &before, events);
        for (int i = 0; i < n; i++) {
            bool is_pidfd = events[i].data.u64 & 1;
            struct manager_client *client = (void *)(uintptr_t)(events[i].data.u64 & ~UINT64_C(1));
            if (!client)
                open_door(server);
            else if (is_pidfd)
                mproc_manager_drop(server, client);
            else if (!client->gone)
                mproc_manager_hear(server, client);
        }
        mproc_manager_bury(server);
    }
}

static int set_up(struct manager_server *server, const struct mproc_args *args)
{
    void *access;
    int r = mproc_args_get_object(args, MANAGER_SERVE_ACCESS, &mproc_manager_class, &access);

    if (r)
        return r;
    server->access = access;
    r = mproc_args_get_uint(args, MANAGER_SERVE_BYTES, &server->max_bytes);
    if (r == 0)
        r = mproc_args_new(&server->answer);
    if (r == 0)
        r = mproc_args_new(&server->late);
    if (r)
        return r;
    /* Two for each client. Where that is not to be had, some are refused. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0)
        return mproc_fail(-errno, "no epoll: %s", strerrordesc_np(errno));
    r = watch(server, server->access->door, NULL, 0);
    if (r)
        return mproc_fail(r, "the door of the manager cannot be watched: %s", strerrordesc_np(-r));
    __atomic_store_n(&server->access->shared->pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
    /* Held for life: by it the kernel tells of our death. */
    r = mproc_robust_lock(mproc_segment_lock(&server->access->handle.segment, 0), MPROC_NOW);
    return r ? mproc_fail(r, "the lock of the manager was taken") : 0;
}

/* What is kept ends with the process, and nobody is granted anything any more. */
static void take_leave(struct manager_server *server)
{
    struct manager_client *client;

    __atomic_store_n(&server->access->shared->ended, 1, __ATOMIC_RELEASE);
    shutdown(server->access->door, SHUT_RDWR);
    LIST_FOREACH(client, &server->clients, all)
    {
        shutdown(client->fd, SHUT_RDWR);
        close(client->fd);
        close(client->pidfd);
    }
    mproc_robust_unlock(mproc_segment_lock(&server->access->handle.segment, 0));
    for (uint32_t i = 0; i < MANAGER_BELLS; i++) {
        __atomic_fetch_add(&server->access->bells[i], 1, __ATOMIC_ACQ_REL);
        mproc_wake(&server->access->bells[i]);
    }
}

static int serve(struct mproc_args *args)
{
    static struct manager_server server;
    int r = set_up(&server, args);

    if (r)
        return r;
    serve_all(&server);
    take_leave(&server);
    return 0;
}

const struct mproc_entry mproc_manager_entry = {"mproc-manager", serve};
