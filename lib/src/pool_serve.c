#include "pool_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/stop.h>

#include "args_internal.h"
#include "error_internal.h"
#include "letter.h"
#include "pool_hand.h"
#include "stop_internal.h"
#include "worker.h"

/* What is needed for the shortest result: its record and a detail. */
enum { RESULT_MIN = 8 + HAND_DETAIL_MAX };

/* A worker of a pool; there is one in a process at most. */
struct server {
    struct mproc_hand *hand;
    struct hand_lane *own;
    uint32_t lane;
    int channel;
    const struct mproc_entry *entries;
    uint32_t nentries;
    int64_t init;
    int64_t exit;
    uint64_t max_tasks;
    uint64_t max_bytes;
    int statm;
    struct mproc_args *args;   /* that are in a cell: used again and again */
    struct mproc_args *result; /* the same */
    uint64_t now_ns;           /* as of the end of the last task */
    /* The cell it is at. */
    uint32_t cell;
    uint32_t attempt;
    size_t args_at; /* from the beginning of the body */
    size_t args_len;
    size_t results_at;
};

static struct server *serving;
static void *task_state;

struct mproc_args *mproc_task_result(void)
{
    return serving ? serving->result : NULL;
}

void mproc_task_set_state(void *state)
{
    task_state = state;
}

void *mproc_task_state(void)
{
    return task_state;
}

int mproc_task_worker(void)
{
    return serving ? (int)serving->lane : -1;
}

unsigned mproc_task_attempt(void)
{
    return serving ? serving->attempt : 0;
}

static void count(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* What a task returned becomes a code and, if that is not 0, a detail. */
static int call(struct server *server, uint32_t entry, struct mproc_args *args)
{
    mproc_forget_detail();
    mproc_args_clear(server->result);
    int code = server->entries[entry].run(args);
    if (mproc_stop_is_fork()) /* what a fork of the worker returns is no result */
        _exit(code >= 0 && code <= 255 ? code : 1);
    if (code == 0 && server->result->error)
        code = mproc_fail(server->result->error, "a value could not be added to the result: %s",
                          server->result->why);
    return code;
}

static void write_record(struct server *server, uint32_t len, int code, const void *bytes)
{
    struct hand_record record = {len, code};
    unsigned char *where = mproc_hand_args(server->hand, server->cell) + server->results_at;

    memcpy(where, &record, sizeof(record));
    size_t follows = len & HAND_PARCEL ? 0 : len;
    if (bytes && follows > 0)
        memcpy(where + sizeof(record), bytes, follows);
    server->results_at += hand_record_size(follows);
}

static void write_failure(struct server *server, int code)
{
    const char *detail = mproc_error_detail();

    write_record(server, (uint32_t)strnlen(detail, HAND_DETAIL_MAX), code, detail);
}

/* A result with descriptors, or beyond the cell. Returns false when it could not be sent. */
static bool send_result(struct server *server)
{
    uint32_t generation = hand_generation(mproc_hand_word(server->hand, server->cell));
    struct mproc_args_wire wire;
    int r = mproc_args_encode(server->result, &wire);

    if (r == 0) {
        r = mproc_letter_send(server->channel, server->cell, generation, wire.bytes, wire.len, wire.fds,
                              wire.nfds);
        free(wire.bytes);
    }
    if (r)
        write_failure(server, r);
    else
        write_record(server, HAND_PARCEL, 0, NULL);
    return r == 0;
}

/* Puts the result where the owner finds it. Returns whether it went through the channel. */
static bool deliver(struct server *server, int code)
{
    size_t room = server->hand->body_bytes - server->results_at - sizeof(struct hand_record);
    unsigned nfds;
    size_t len;

    if (code == 0)
        code = mproc_args_measure(server->result, &len, &nfds);
    if (code) {
        write_failure(server, code);
        return false;
    }
    if (nfds > 0 || len > room)
        return send_result(server);
    mproc_args_write(server->result, mproc_hand_args(server->hand, server->cell) + server->results_at +
                                         sizeof(struct hand_record));
    write_record(server, (uint32_t)len, 0, NULL);
    return false;
}

/* Runs one task of the cell. Returns its code. */
static int run_item(struct server *server, const struct hand_cell *cell)
{
    const unsigned char *args = mproc_hand_args(server->hand, server->cell);
    struct mproc_args *parcel = NULL;
    struct hand_record record;
    int r;

    if (cell->entry >= server->nentries)
        return mproc_fail(-EBADMSG, "the memory of the pool is damaged: entry %u", cell->entry);
    if (cell->parcel) {
        r = mproc_letter_receive(server->channel, server->cell,
                                 hand_generation(mproc_hand_word(server->hand, server->cell)), &parcel);
        if (r == 0)
            r = call(server, cell->entry, parcel);
        mproc_args_free(parcel);
        return r;
    }
    r = mproc_hand_read_record(args, server->args_len, server->args_at, &record);
    if (r)
        return r;
    r = mproc_args_refer(server->args, args + server->args_at + sizeof(record), record.len);
    server->args_at += hand_record_size(record.len);
    return r ? r : call(server, cell->entry, server->args);
}

static bool is_full(const struct server *server)
{
    return server->results_at + sizeof(struct hand_record) + RESULT_MIN > server->hand->body_bytes;
}

/* Whether the worker is to end: after the task at hand, if it is at one. */
static bool is_asked(void)
{
    return mproc_stop_level(NULL) != MPROC_RUNNING;
}

static bool is_too_large(const struct server *server)
{
    unsigned long resident;
    char text[64];

    if (server->max_bytes == 0)
        return false;
    ssize_t len = pread(server->statm, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return sscanf(text, "%*u %lu", &resident) == 1 &&
           resident * (uint64_t)sysconf(_SC_PAGESIZE) > server->max_bytes;
}

/* Whether it has done its share. */
static bool is_worn(const struct server *server)
{
    return (server->max_tasks > 0 && server->own->tasks >= server->max_tasks) || is_too_large(server);
}

/* The times of a task that has just ended, which is when the next one begins. */
static void note_times(struct server *server, struct hand_cell *cell)
{
    uint64_t begun_ns = server->now_ns;

    server->now_ns = mproc_clock_ns();
    count(&server->own->tasks, 1);
    count(&server->own->busy_ns, server->now_ns - begun_ns);
    __atomic_store_n(&server->own->since_ns, server->now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->spent_ns, cell->spent_ns + server->now_ns - begun_ns, __ATOMIC_RELAXED);
}

/* Runs the tasks of a cell that is claimed. Returns false when the worker is condemned. */
static bool run_cell(struct server *server, uint32_t index)
{
    struct hand_cell *cell = &server->hand->cell[index];
    uint32_t items = cell->items;

    server->cell = index;
    server->attempt = cell->attempt;
    server->args_at = 0;
    server->args_len = cell->args_len <= server->hand->body_bytes / 2 ? cell->args_len : 0;
    server->results_at = mproc_hand_results_at(server->args_len);
    __atomic_store_n(&cell->begun_ns, server->now_ns, __ATOMIC_RELAXED);
    for (uint32_t item = 0;; item++) {
        int code = run_item(server, cell);
        bool is_sent = deliver(server, code);
        note_times(server, cell);
        /* The rest goes back when it would be in the way: of a parcel only the last result can be one. */
        if (item + 1 >= items || is_sent || is_full(server) || is_asked() || is_worn(server))
            return mproc_hand_finish(server->hand, index, server->lane, item + 1);
        __atomic_store_n(&cell->begun_ns, server->now_ns, __ATOMIC_RELAXED);
        if (!mproc_hand_step(server->hand, index, server->lane, item))
            return false;
        server->attempt = 1;
    }
}

/* What tasks print shall be seen when they are done, and not when the worker ends. */
static void flush(void)
{
    fflush(stdout);
}

static void sleep_for_work(struct server *server)
{
    flush();
    mproc_hand_await(server->hand, server->lane);
    uint64_t now_ns = mproc_clock_ns();
    count(&server->own->idle_ns, now_ns - server->now_ns);
    __atomic_store_n(&server->own->since_ns, now_ns, __ATOMIC_RELAXED);
    server->now_ns = now_ns;
}

static void serve_tasks(struct server *server)
{
    uint32_t cell;

    while (!is_asked()) {
        bool is_closing = __atomic_load_n(&server->hand->shared->closing, __ATOMIC_ACQUIRE);
        if (mproc_hand_claim(server->hand, server->lane, &cell)) {
            if (!run_cell(server, cell))
                return;
            if (is_worn(server)) {
                __atomic_store_n(&server->own->stage, HAND_RETIRING, __ATOMIC_RELEASE);
                return;
            }
        } else if (is_closing) {
            return;
        } else {
            sleep_for_work(server);
        }
    }
}

static int read_args(struct server *server, const struct mproc_args *args)
{
    uint64_t lane = 0;
    int64_t cpu = -1;
    void *hand;

    int r = mproc_args_get_object(args, POOL_SERVE_HAND, &mproc_hand_class, &hand);
    if (r)
        return r;
    server->hand = hand;
    if ((r = mproc_args_get_uint(args, POOL_SERVE_LANE, &lane)) ||
        (r = mproc_args_get_fd(args, POOL_SERVE_CHANNEL, &server->channel)) ||
        (r = mproc_args_get_int(args, POOL_SERVE_INIT, &server->init)) ||
        (r = mproc_args_get_int(args, POOL_SERVE_EXIT, &server->exit)) ||
        (r = mproc_args_get_uint(args, POOL_SERVE_TASKS, &server->max_tasks)) ||
        (r = mproc_args_get_uint(args, POOL_SERVE_BYTES, &server->max_bytes)) ||
        (r = mproc_args_get_int(args, POOL_SERVE_CPU, &cpu)))
        return r;
    server->lane = (uint32_t)lane;
    server->own = &server->hand->lane[lane];
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        if (sched_setaffinity(0, sizeof(set), &set))
            return mproc_fail(-errno, "worker %u cannot run on CPU %d: %s", server->lane, (int)cpu,
                              strerrordesc_np(errno));
    }
    return 0;
}

static int make_sets(struct server *server)
{
    int r = mproc_args_new(&server->args);

    if (r == 0)
        r = mproc_args_new(&server->result);
    if (r == 0)
        mproc_args_lend(server->result);
    if (r == 0 && server->max_bytes > 0) {
        server->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        if (server->statm < 0)
            r = mproc_fail(-errno, "max_bytes needs /proc/self/statm: %s", strerrordesc_np(errno));
    }
    return r;
}

static int run_init(struct server *server)
{
    struct mproc_args *args;

    if (server->init < 0)
        return 0;
    int r = mproc_letter_receive(server->channel, LETTER_INIT, 0, &args);
    if (r)
        return r;
    r = call(server, (uint32_t)server->init, args);
    mproc_args_free(args);
    return r;
}

static void run_exit(struct server *server)
{
    static const unsigned char none = 0x90; /* an empty array */

    if (server->exit >= 0 && mproc_args_refer(server->args, &none, 1) == 0)
        call(server, (uint32_t)server->exit, server->args);
}

static int serve(struct mproc_args *args)
{
    static struct server server;
    int r = read_args(&server, args);

    if (r == 0)
        r = make_sets(&server);
    if (r)
        return r;
    server.entries = mproc_worker_entries(&server.nentries);
    serving = &server;
    r = run_init(&server);
    if (r)
        return r;
    server.now_ns = mproc_clock_ns();
    __atomic_store_n(&server.own->since_ns, server.now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&server.own->stage, HAND_SERVING, __ATOMIC_RELEASE);
    mproc_hand_ring(server.hand);
    serve_tasks(&server);
    run_exit(&server);
    serving = NULL;
    mproc_args_end(server.args);
    mproc_args_end(server.result);
    mproc_hand_free(server.hand);
    close(server.channel);
    return 0;
}

const struct mproc_entry mproc_pool_entry = {"mproc-pool-worker", serve};
