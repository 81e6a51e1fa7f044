/*
 * The connections of a thread, one for each server that it calls, in a list of its own: nothing is shared, so
 * nothing is locked. A child of fork() finds its parent's, which it must not use, by the pid.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mproc/stop.h>

#include "args_internal.h"
#include "channel.h"
#include "descriptor.h"
#include "error_internal.h"
#include "letter.h"
#include "manager_wire.h"
#include "seats.h"
#include "stop_internal.h"
#include "system.h"
#include "wait.h"

/* A few microseconds: about what falling asleep and being woken costs. */
enum { SPINS = 400, LONGEST_PAUSE = 16 };

/* What the answer to a call that does not wait may take, where the caller cannot wait or is stopped. */
static const uint64_t answer_ns = 1000 * 1000 * 1000;

/* How long to sleep where only the server's reading makes room, of which nobody tells. */
static const uint64_t room_ns = 1000 * 1000;

struct manager_link {
    struct manager_link *next;
    uint64_t server;
    pid_t pid;
    int fd;
    uint32_t bell;
    uint32_t number;    /* of the last request */
    uint32_t abandoned; /* a request whose cancellation found no room; 0: none */
    struct mproc_args *request;
};

static _Thread_local struct manager_link *own_links;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

/* What was inherited by a fork is closed only: to shut it down would end the parent's connection. */
static void end_link(struct manager_link *link)
{
    if (link->pid == getpid())
        shutdown(link->fd, SHUT_RDWR);
    close(link->fd);
    mproc_args_free(link->request);
    free(link);
}

static void end_thread(void *unused)
{
    (void)unused;
    while (own_links) {
        struct manager_link *link = own_links;
        own_links = link->next;
        end_link(link);
    }
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, end_thread) == 0;
}

static struct manager_link **find_link(uint64_t server)
{
    struct manager_link **at = &own_links;

    while (*at && (*at)->server != server)
        at = &(*at)->next;
    return at;
}

void mproc_manager_hang_up(uint64_t server)
{
    struct manager_link **at = find_link(server);
    struct manager_link *link = *at;

    if (!link)
        return;
    *at = link->next;
    end_link(link);
}

static mproc_robust_word *life_of(const struct manager_access *access)
{
    return mproc_segment_lock(&access->handle.segment, 0);
}

static bool has_died(const struct manager_access *access)
{
    return mproc_seat_is_dead(__atomic_load_n(life_of(access), __ATOMIC_ACQUIRE));
}

static bool has_ended(const struct manager_access *access)
{
    return __atomic_load_n(&access->shared->ended, __ATOMIC_ACQUIRE) != 0;
}

static int fail_lost(const struct manager_access *access)
{
    unsigned pid = __atomic_load_n(&access->shared->pid, __ATOMIC_RELAXED);

    if (has_died(access)) {
        /* The kernel may have woken this thread alone. */
        mproc_wake(life_of(access));
        return mproc_fail(-EPIPE, "the manager's server (process %u) has died: all that it kept is gone",
                          pid);
    }
    if (has_ended(access))
        return mproc_fail(-EPIPE, "the manager's server (process %u) has ended: all that it kept is gone",
                          pid);
    return mproc_fail(-ECONNRESET,
                      "the manager's server (process %u) refused the connection or dropped it: it may "
                      "have no descriptors left (RLIMIT_NOFILE)",
                      pid);
}

static uint32_t *bell_of(const struct manager_access *access, const struct manager_link *link)
{
    return &access->bells[link->bell];
}

static bool spin_for(const struct manager_access *access, const uint32_t *bell, uint32_t seen)
{
    if (__atomic_load_n(&access->shared->cpu, __ATOMIC_RELAXED) == (uint32_t)sched_getcpu())
        return false;
    for (int spins = 0, pause = 4; spins < SPINS; spins += pause) {
        if (__atomic_load_n(bell, __ATOMIC_RELAXED) != seen)
            return true;
        pause = pause < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
        for (int i = 0; i < pause; i++)
            mproc_pause();
    }
    return false;
}

/* Waits until the server has rung, has died, or may have done something that nobody tells of. */
static int await(const struct manager_access *access, const struct manager_link *link, uint32_t seen,
                 uint64_t deadline_ns)
{
    uint32_t *bell = bell_of(access, link);

    if (spin_for(access, bell, seen))
        return 0;
    const struct mproc_wait_word words[] = {{bell, seen}, mproc_seat_watch(life_of(access))};
    return mproc_wait_nap(words, 2, deadline_ns);
}

/* Sends what the server will read when it comes to it. */
static int send_when_room(const struct manager_access *access, int fd, uint64_t deadline_ns,
                          int (*send)(int fd, const void *what), const void *what)
{
    int r;

    while ((r = send(fd, what)) == -EAGAIN) {
        uint64_t now = mproc_clock_ns();
        if (now >= deadline_ns)
            return mproc_fail(-ETIMEDOUT, "the manager's server does not read: is it stopped?");
        r = mproc_wait(NULL, 0, deadline_ns - now < room_ns ? deadline_ns : now + room_ns);
        if (r && r != -ETIMEDOUT)
            return r;
        if (has_died(access))
            return fail_lost(access);
    }
    if (r == -EPIPE || r == -ECONNRESET)
        return fail_lost(access);
    return r;
}

struct greeting {
    struct manager_hello hello;
    int fds[2];
};

static int send_greeting(int fd, const void *what)
{
    const struct greeting *greeting = what;
    const struct iovec part = {(void *)(uintptr_t)&greeting->hello, sizeof(greeting->hello)};

    return mproc_channel_send(fd, &part, 1, greeting->fds, 2);
}

static int greet(const struct manager_access *access, uint32_t bell, int theirs, uint64_t deadline_ns)
{
    struct greeting greeting = {.hello = {.magic = MANAGER_MAGIC, .bell = bell}, .fds = {theirs}};

    greeting.fds[1] = mproc_fd_above(pidfd_open(getpid(), 0));
    if (greeting.fds[1] < 0)
        return mproc_fail(-errno, "no pidfd of this process: %s", strerrordesc_np(errno));
    int r = send_when_room(access, access->door, deadline_ns, send_greeting, &greeting);
    close(greeting.fds[1]);
    return r;
}

static int connect_link(const struct manager_access *access, uint64_t deadline_ns, struct manager_link *link)
{
    int ends[2];

    if (has_died(access) || has_ended(access))
        return fail_lost(access);
    int r = mproc_args_new(&link->request);
    if (r)
        return r;
    if (mproc_socketpair(SOCK_NONBLOCK, ends))
        return mproc_fail(-errno, "no sockets for a connection to the manager: %s", strerrordesc_np(errno));
    link->fd = ends[0];
    link->server = access->server;
    link->pid = getpid();
    link->bell = (uint32_t)gettid() % MANAGER_BELLS;
    r = greet(access, link->bell, ends[1], deadline_ns);
    close(ends[1]);
    return r;
}

/* The connection of this thread, made if need be. */
static int get_link(const struct manager_access *access, uint64_t deadline_ns, struct manager_link **ret_link)
{
    struct manager_link *link = *find_link(access->server);

    if (link && link->pid == getpid()) {
        *ret_link = link;
        return 0;
    }
    mproc_manager_hang_up(access->server);
    pthread_once(&key_once, make_key);
    link = calloc(1, sizeof(*link));
    if (!link || !has_key || pthread_setspecific(key, &own_links)) {
        free(link);
        return mproc_fail(-ENOMEM, "no memory for a connection to the manager");
    }
    link->fd = -1;
    int r = connect_link(access, deadline_ns, link);
    if (r) {
        if (link->fd >= 0)
            close(link->fd);
        mproc_args_free(link->request);
        free(link);
        return r;
    }
    link->next = own_links;
    own_links = link;
    *ret_link = link;
    return 0;
}

static uint64_t answer_by(uint64_t deadline_ns)
{
    return deadline_ns == MPROC_NOW ? mproc_clock_ns() + answer_ns : deadline_ns;
}

int mproc_manager_begin(struct manager_access *access, enum manager_op op, uint64_t object,
                        uint64_t deadline_ns, struct mproc_args **ret_request)
{
    struct manager_link *link = NULL;
    int r = mproc_handle_check(access, "handle");

    if (r == 0)
        r = get_link(access, answer_by(deadline_ns), &link);
    if (r)
        return r;
    /* Who is stopped does not wait: what is there now is had all the same. */
    if (mproc_stop_level(NULL) != MPROC_RUNNING)
        deadline_ns = MPROC_NOW;
    mproc_args_clear(link->request);
    mproc_args_add_uint(link->request, op);
    mproc_args_add_uint(link->request, object);
    mproc_args_add_uint(link->request, deadline_ns);
    *ret_request = link->request;
    return 0;
}

struct outgoing {
    const struct mproc_args_wire *wire;
    uint32_t number;
};

static int send_request(int fd, const void *what)
{
    const struct outgoing *outgoing = what;

    return mproc_letter_send(fd, MANAGER_REQUEST, outgoing->number, outgoing->wire->bytes,
                             outgoing->wire->len, NULL, 0);
}

/* The server undoes what it has granted to a call that nobody waits for. */
static int send_cancellation(int fd, const void *what)
{
    const uint32_t *number = what;
    struct mproc_args_wire wire;
    struct mproc_args *args;

    int r = mproc_args_new(&args);
    if (r)
        return r;
    mproc_args_add_uint(args, MANAGER_CANCEL);
    mproc_args_add_uint(args, *number);
    mproc_args_add_uint(args, MPROC_NOW);
    r = mproc_args_encode(args, &wire);
    mproc_args_free(args);
    if (r)
        return r;
    r = mproc_letter_send(fd, MANAGER_REQUEST, *number, wire.bytes, wire.len, NULL, 0);
    free(wire.bytes);
    return r;
}

static int send_next(struct manager_access *access, struct manager_link *link, uint64_t deadline_ns)
{
    struct mproc_args_wire wire;
    int r = 0;

    if (link->abandoned)
        r = send_when_room(access, link->fd, deadline_ns, send_cancellation, &link->abandoned);
    if (r)
        return r;
    link->abandoned = 0;
    r = mproc_args_encode(link->request, &wire);
    if (r)
        return r;
    if (++link->number == 0)
        link->number = 1;
    const struct outgoing outgoing = {&wire, link->number};
    r = send_when_room(access, link->fd, deadline_ns, send_request, &outgoing);
    free(wire.bytes);
    return r;
}

/* Nobody waits for the answer any more. */
static void abandon(struct manager_link *link)
{
    link->abandoned = link->number;
    if (send_cancellation(link->fd, &link->abandoned) == 0)
        link->abandoned = 0;
}

void mproc_manager_undo(const struct manager_access *access)
{
    struct manager_link *link = *find_link(access->server);

    if (link)
        abandon(link);
}

/* 0, or the errno of an answer. */
static int read_status(const struct mproc_args *answer)
{
    const char *detail = "";
    int64_t status;

    if (mproc_args_get_int(answer, 0, &status) || status > 0 || status < -4095)
        return mproc_fail(-EBADMSG, "the answer of the manager's server is damaged");
    if (status == 0)
        return 0;
    mproc_args_get_string(answer, 1, &detail);
    return mproc_fail((int)status, "%s", detail);
}

/* The answer that this thread waits for, if it is there. Errors: -EAGAIN it is not. */
static int take_answer(const struct manager_link *link, struct mproc_args **ret_answer)
{
    for (;;) {
        struct mproc_letter letter = {0};
        struct mproc_args *answer = NULL;
        int r = mproc_letter_take(link->fd, MPROC_ARGS_BYTES_MAX, &letter, &answer);
        bool is_it = letter.cell == MANAGER_ANSWER && letter.generation == link->number;
        bool is_none = r && letter.cell == 0;
        if (is_none || is_it) {
            if (r == 0)
                *ret_answer = answer;
            return r;
        }
        mproc_args_free(answer);
    }
}

/* Waits for the answer. Stopped, a call that the server answers at once still waits a while for it: to give
 * back what one has must be possible then. */
static int await_answer(struct manager_access *access, const struct manager_link *link, uint32_t seen,
                        uint64_t deadline_ns, bool waits, struct mproc_args **ret_answer)
{
    uint64_t give_up_ns = deadline_ns;
    bool is_stopped = mproc_stop_level(NULL) != MPROC_RUNNING;
    struct mproc_stop *before = NULL;
    int r = 0;

    if (is_stopped) {
        give_up_ns = mproc_clock_ns() + answer_ns;
        give_up_ns = give_up_ns < deadline_ns ? give_up_ns : deadline_ns;
        before = mproc_stop_enter(mproc_stop_shield());
    }
    for (;;) {
        int waited = await(access, link, seen, give_up_ns);
        bool dead = has_died(access);
        seen = __atomic_load_n(bell_of(access, link), __ATOMIC_ACQUIRE);
        r = take_answer(link, ret_answer);
        if (r == -EAGAIN)
            r = waited ? waited : dead ? -EPIPE : -EAGAIN;
        if (r != -EAGAIN)
            break;
    }
    if (is_stopped)
        mproc_stop_enter(before);
    if (r == -ECANCELED && !is_stopped && !waits)
        return await_answer(access, link, seen, deadline_ns, waits, ret_answer);
    return is_stopped && r == -ETIMEDOUT ? -ECANCELED : r;
}

/* Whether the server has read the last request. */
static bool was_read(const struct manager_link *link)
{
    int unread = 1;

    return ioctl(link->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

/* No answer came. A server that is at work and has read the request has let it wait. */
static int fail_late(const struct manager_access *access, const struct manager_link *link,
                     const char *awaited, int r)
{
    unsigned pid = __atomic_load_n(&access->shared->pid, __ATOMIC_RELAXED);
    bool is_stopped = false;
    pid_t parent;

    mproc_look_at((pid_t)pid, &is_stopped, &parent);
    if (r == -ETIMEDOUT && awaited && !is_stopped && was_read(link))
        return mproc_fail(r, "%s", awaited);
    return mproc_fail(r, "the manager's server (process %u) did not answer in time%s", pid,
                      is_stopped ? ": it is stopped" : "");
}

static int fail_call(struct manager_access *access, struct manager_link *link, const char *awaited, int r)
{
    switch (r) {
    case -ETIMEDOUT:
    case -EAGAIN:
        r = fail_late(access, link, awaited, r);
        abandon(link);
        return r;
    case -ECANCELED:
        abandon(link);
        return mproc_fail(r, "stopped while waiting for the manager's server (process %u)",
                          __atomic_load_n(&access->shared->pid, __ATOMIC_RELAXED));
    case -EPIPE:
    case -ECONNRESET:
        r = fail_lost(access);
        mproc_manager_hang_up(access->server);
        return r;
    default: /* no memory, or nothing that a sound server sends: begin anew */
        abandon(link);
        mproc_manager_hang_up(access->server);
        return r;
    }
}

int mproc_manager_call(struct manager_access *access, uint64_t deadline_ns, const char *awaited,
                       struct mproc_args **ret_answer)
{
    struct manager_link *link = *find_link(access->server);
    bool was_stopped = mproc_stop_level(NULL) != MPROC_RUNNING;
    uint64_t by_ns = answer_by(deadline_ns);
    struct mproc_args *answer = NULL;
    uint32_t seen = __atomic_load_n(bell_of(access, link), __ATOMIC_ACQUIRE);

    __atomic_store_n(&access->shared->client_cpu, (uint32_t)sched_getcpu(), __ATOMIC_RELAXED);
    int r = send_next(access, link, by_ns);
    if (r) { /* it is not on its way */
        if (r == -EPIPE || r == -ECONNRESET)
            mproc_manager_hang_up(access->server);
        return r == -ETIMEDOUT && deadline_ns == MPROC_NOW ? -EAGAIN : r;
    }
    r = await_answer(access, link, seen, by_ns, awaited != NULL, &answer);
    if (r)
        return fail_call(access, link, awaited, r == -ETIMEDOUT && deadline_ns == MPROC_NOW ? -EAGAIN : r);
    r = read_status(answer);
    if (r && r != -EOWNERDEAD) {
        mproc_args_free(answer);
        return r == -EAGAIN && was_stopped && deadline_ns != MPROC_NOW ? -ECANCELED : r;
    }
    *ret_answer = answer;
    return r;
}
