#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/pipe.h>
#include <mproc/thread.h>

#include "error_internal.h"
#include "log_internal.h"
#include "stop_internal.h"

/* Frames of one connection at a time, so that each has its turn; and how many connections there can be. */
enum { TURN = 16, CONNECTIONS_MAX = 1000 };

struct mproc_log_server {
    struct mproc_grip grip;
    struct mproc_log *log;
    struct mproc_listener *listener;
    struct mproc_thread *thread;
    struct mproc_waitable *items; /* the listener, and then connections */
    size_t count;
};

/* A frame is a row of records, each with its length before it. Nothing of it is trusted. */
static void take_frame(struct mproc_log *log, const unsigned char *bytes, size_t len)
{
    struct log_record record;
    uint32_t record_len;

    while (len > 0) {
        int err = -EBADMSG;
        if (len >= sizeof(record_len)) {
            memcpy(&record_len, bytes, sizeof(record_len));
            bytes += sizeof(record_len);
            len -= sizeof(record_len);
            if (record_len <= len)
                err = mproc_log_scan(bytes, record_len, &record);
        }
        if (err) {
            mproc_log_count_rejected(log, err);
            return;
        }
        if ((int)record.head.level >= mproc_log_level(log))
            mproc_log_put(log, (enum mproc_log_level)record.head.level, record.bytes, record.len);
        bytes += record_len;
        len -= record_len;
    }
}

/* Returns false when the connection is over. */
static bool take_frames(struct mproc_log *log, struct mproc_pipe *pipe)
{
    void *bytes;
    size_t len;
    int err = 0;

    for (int i = 0; i < TURN && !err; i++) {
        err = mproc_pipe_receive(pipe, MPROC_NOW, &bytes, &len);
        if (err == -EBADMSG || err == -EINVAL)
            mproc_log_count_rejected(log, err);
        if (!err) {
            take_frame(log, bytes, len);
            free(bytes);
        }
    }
    return err == 0 || err == -EAGAIN || err == -ECANCELED || err == -EBADMSG;
}

static void accept_one(struct mproc_log_server *server)
{
    struct mproc_pipe *pipe;

    if (mproc_listener_accept(server->listener, MPROC_NOW, &pipe) != 0)
        return;
    struct mproc_waitable *more = NULL;
    if (server->count <= CONNECTIONS_MAX)
        more = realloc(server->items, (server->count + 1) * sizeof(*more));
    if (!more)
        return mproc_pipe_unref(pipe);
    server->items = more;
    server->items[server->count++] = (struct mproc_waitable){.pipe = pipe};
}

static int serve(void *arg)
{
    struct mproc_log_server *server = arg;
    int err;

    while ((err = mproc_pipe_wait(server->items, server->count, MPROC_FOREVER, NULL)) == 0) {
        size_t kept = 1;
        for (size_t i = 1; i < server->count; i++) {
            if (server->items[i].ready && !take_frames(server->log, server->items[i].pipe))
                mproc_pipe_unref(server->items[i].pipe);
            else
                server->items[kept++] = server->items[i];
        }
        server->count = kept;
        if (server->items[0].ready)
            accept_one(server);
    }
    return err == -ECANCELED ? 0 : err;
}

static void end(struct mproc_log_server *server)
{
    for (size_t i = 1; i < server->count; i++)
        mproc_pipe_unref(server->items[i].pipe);
    mproc_listener_close(server->listener);
    mproc_log_unref(server->log);
    free(server->items);
    mproc_handle_bury(server);
}

int mproc_log_serve(struct mproc_log *log, const struct mproc_listener_options *options,
                    struct mproc_log_server **ret_server)
{
    /* Who shuts down closes it, when all has been said. */
    const struct mproc_thread_options thread_options = {.parent = mproc_stop_shield()};
    int err = mproc_handle_check(log, "log");

    if (err)
        return err;
    struct mproc_log_server *server;
    struct mproc_waitable *items = calloc(1, sizeof(*items));
    err = items ? mproc_handle_new(sizeof(*server), &server)
                : mproc_fail(-ENOMEM, "no memory for a log server");
    if (err) {
        free(items);
        return err;
    }
    server->log = mproc_log_ref(log);
    server->items = items;
    server->count = 1;
    err = mproc_listener_open(options, &server->listener);
    items[0].listener = server->listener;
    if (!err)
        err = mproc_thread_start("mproc-log-server", serve, server, &thread_options, &server->thread);
    if (err) {
        end(server);
        return err;
    }
    *ret_server = server;
    return 0;
}

const char *mproc_log_server_address(const struct mproc_log_server *server)
{
    return mproc_handle_check(server, "log server") ? "" : mproc_listener_address(server->listener);
}

void mproc_log_server_close(struct mproc_log_server *server)
{
    if (!mproc_handle_unref(server))
        return;
    struct mproc_thread *thread = server->thread;
    struct mproc_stop *before = mproc_stop_enter(mproc_stop_shield());
    mproc_thread_ask(thread);
    mproc_thread_join(thread, MPROC_FOREVER, NULL);
    mproc_stop_enter(before);
    mproc_thread_free(thread);
    end(server);
}
