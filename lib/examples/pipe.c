/*
 * A server that others connect to, and one of them that dies in the middle of a conversation.
 *
 * Frames arrive whole or not at all; the end of a conversation is seen at once, whatever ended it; and one
 * wait looks after the listener and all connections.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/process.h>

enum { CLIENTS = 3, UNLUCKY = 2, FRAME = 1 << 20 };

/* Sends its number and a million bytes, and waits for the answer; the unlucky one does not live to see it. */
static int ask(struct mproc_args *args)
{
    struct mproc_args *question, *answer;
    const char *address;
    struct mproc_pipe *server;
    int64_t number, sum;

    if (mproc_args_get_string(args, 0, &address) || mproc_args_get_int(args, 1, &number) ||
        mproc_pipe_connect(address, NULL, mproc_deadline_ms(5000), &server))
        return 1;
    void *bytes = calloc(1, FRAME);
    if (!bytes || mproc_args_new(&question) || mproc_args_add(question, number) ||
        mproc_args_add_bytes(question, bytes, FRAME) ||
        mproc_pipe_send_args(server, question, mproc_deadline_ms(5000)))
        return 1;
    if (number == UNLUCKY)
        raise(SIGKILL);
    if (mproc_pipe_receive_args(server, mproc_deadline_ms(5000), &answer) ||
        mproc_args_get_int(answer, 0, &sum))
        return 1;
    return sum == FRAME + number ? 0 : 1;
}

static const struct mproc_entry entries[] = {{"ask", ask}, {NULL, NULL}};

/* Returns false when the conversation is over. */
static bool serve(struct mproc_pipe *client, int64_t *ret_questions)
{
    struct mproc_args *question, *answer;
    const void *bytes;
    int64_t number;
    size_t len;

    int err = mproc_pipe_receive_args(client, MPROC_NOW, &question);
    if (err && err != -EPIPE)
        fprintf(stderr, "%s\n", mproc_error_detail());
    if (err)
        return false;
    ++*ret_questions;
    if (mproc_args_get_int(question, 0, &number) || mproc_args_get_bytes(question, 1, &bytes, &len) ||
        mproc_args_new(&answer))
        return false;
    mproc_args_add(answer, (int64_t)len + number);
    err = mproc_pipe_send_args(client, answer, mproc_deadline_ms(1000)); /* -EPIPE: it is dead */
    mproc_args_free(answer);
    mproc_args_free(question);
    return err == 0;
}

static int start(struct mproc_context *context, const char *address, struct mproc_process **ret_clients)
{
    for (int number = 1; number <= CLIENTS; number++) {
        struct mproc_args *args;
        if (mproc_args_new(&args) || mproc_args_add(args, address) || mproc_args_add(args, number) ||
            mproc_process_start(context, "ask", args, NULL, &ret_clients[number - 1]))
            return -1;
        mproc_args_free(args);
    }
    return 0;
}

/* All but the unlucky one have had the right answer. */
static int finish(struct mproc_process **clients)
{
    for (int number = 1; number <= CLIENTS; number++) {
        struct mproc_process *client = clients[number - 1];
        struct mproc_status status;
        if (mproc_process_join(client, mproc_deadline_ms(5000), &status) ||
            (mproc_status_check(&status) && (number != UNLUCKY || status.guard_died)))
            return -1;
        mproc_process_free(client);
    }
    return 0;
}

/* What the server waits for: somebody who wants to connect, and behind that clients and conversations, each
 * until its end. */
struct server {
    struct mproc_waitable items[1 + 2 * CLIENTS];
    size_t count;
    int accepted;
    int64_t questions;
};

/* Serves who has come, and forgets who has gone. */
static void look_around(struct server *server)
{
    for (size_t i = server->count; i-- > 1;) {
        struct mproc_waitable *item = &server->items[i];
        if (!item->ready || (item->pipe && serve(item->pipe, &server->questions)))
            continue;
        if (item->pipe)
            mproc_pipe_unref(item->pipe);
        *item = server->items[--server->count];
    }
}

/* A client that died before it connected is not waited for: its end is seen like that of a conversation. */
static int serve_all(struct server *server)
{
    struct mproc_waitable *door = &server->items[0];

    while (server->count > 1 || door->ready) {
        if (mproc_pipe_wait(server->items, server->count, mproc_deadline_ms(10000), NULL))
            return -1;
        look_around(server);
        if (!door->ready)
            continue;
        struct mproc_pipe *client;
        if (mproc_listener_accept(door->listener, MPROC_NOW, &client))
            return -1;
        server->items[server->count++] = (struct mproc_waitable){.pipe = client};
        server->accepted++;
    }
    return 0;
}

int main(void)
{
    struct server server = {.count = 1};
    struct mproc_process *clients[CLIENTS];
    struct mproc_listener *listener;
    struct mproc_context *context;

    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_listener_open(NULL, &listener) || start(context, mproc_listener_address(listener), clients))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    server.items[0].listener = listener;
    for (int i = 0; i < CLIENTS; i++)
        server.items[server.count++].process = clients[i];
    if (serve_all(&server))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("%d connections, %" PRId64 " questions, each whole\n", server.accepted, server.questions);
    mproc_listener_close(listener);
    if (finish(clients) || mproc_context_close(context, mproc_deadline_ms(5000)))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (server.questions != server.accepted)
        return fprintf(stderr, "a question was lost\n"), 1;
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
