/*
 * Two threads ask a server process for squares. Each has a queue of its own for the answers.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/process.h>
#include <mproc/queue.h>
#include <pitfall/point.h>

#define CLIENTS 2

struct message {
    long client, number, square;
};

struct client {
    long number; /* what it asks for */
    struct mproc_queue *questions, *answers;
    struct message message;
    int err;
};

/* Whoever asks is named in the question, and the answer goes nowhere else. */
static int serve(struct mproc_args *args)
{
    struct mproc_queue *questions, *answers[CLIENTS];
    struct message message;
    size_t len;
    int err = mproc_args_get_queue(args, 0, &questions);
    for (size_t i = 0; i < CLIENTS && !err; i++)
        err = mproc_args_get_queue(args, i + 1, &answers[i]);
    while (!err && !(err = mproc_queue_get_into(questions, mproc_deadline_ms(5000), sizeof(message), &message,
                                                &len))) {
        message.square = message.number * message.number;
        err = mproc_queue_put(answers[message.client], &message, sizeof(message), mproc_deadline_ms(1000));
    }
    return err == -EPIPE ? 0 : err;
}

static void *work(void *arg)
{
    struct client *client = arg;
    struct message *message = &client->message;
    size_t len;
    PITFALL_POINT("begin");
    PITFALL_LEDGER("asked", client->number);
    client->err = mproc_queue_put(client->questions, message, sizeof(*message), mproc_deadline_ms(1000));
    PITFALL_POINT("asked");
    if (!client->err)
        client->err =
            mproc_queue_get_into(client->answers, mproc_deadline_ms(5000), sizeof(*message), message, &len);
    PITFALL_LEDGER("answered", message->number);
    PITFALL_POINT("answered");
    if (!client->err)
        printf("%ld squared is %ld\n", client->number, message->square);
    return NULL;
}

static int ask(struct client *clients)
{
    pthread_t threads[CLIENTS];
    int err = 0, started = 0;
    while (started < CLIENTS && !err)
        if (!(err = -pthread_create(&threads[started], NULL, work, &clients[started])))
            started++;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        err = err ? err : clients[i].err;
    }
    return err;
}

static int run(struct mproc_context *context, struct client *clients)
{
    struct mproc_process *server = NULL;
    struct mproc_args *args;
    int err = mproc_args_new(&args);
    if (err)
        return err;
    mproc_args_add_queue(args, clients[0].questions);
    for (int i = 0; i < CLIENTS; i++)
        mproc_args_add_queue(args, clients[i].answers);
    err = mproc_process_start(context, "serve", args, NULL, &server);
    if (!err)
        err = ask(clients);
    mproc_queue_close(clients[0].questions, 0);
    if (!err)
        err = mproc_process_join(server, mproc_deadline_ms(5000), NULL);
    mproc_process_free(server);
    mproc_args_free(args);
    return err;
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"serve", serve}, {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct client clients[CLIENTS] = {{.number = 3}, {.number = 7}};
    int err = mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_queue_create(NULL, &clients[0].questions);
    for (int i = 0; i < CLIENTS && !err; i++) {
        clients[i].questions = clients[0].questions;
        clients[i].message = (struct message){.client = i, .number = clients[i].number};
        err = mproc_queue_create(NULL, &clients[i].answers);
    }
    if (!err)
        err = run(context, clients);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    for (int i = 0; i < CLIENTS; i++)
        mproc_queue_unref(clients[i].answers);
    mproc_queue_unref(clients[0].questions);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
