/*
 * A program logs through a message queue to a thread that writes the log. Exit
 * handlers close and stop it all.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME   "/log"
#define LENGTH 64

static pthread_t listener;
static mqd_t messages = (mqd_t)-1;

static void close_queue(void)
{
    mq_close(messages);
    mq_unlink(NAME);
    messages = (mqd_t)-1;
}

/* Opens the queue when it is first needed. */
static mqd_t queue(void)
{
    if (messages == (mqd_t)-1) {
        struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = LENGTH};
        messages = mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr);
        atexit(close_queue);
    }
    return messages;
}

static void log_line(const char *text)
{
    mq_send(queue(), text, strlen(text) + 1, 0);
}

static void *listen_for_lines(void *from)
{
    char text[LENGTH];
    while (mq_receive(*(mqd_t *)from, text, sizeof(text), NULL) > 0 &&
           strcmp(text, "stop") != 0)
        printf("%s\n", text);
    mq_close(*(mqd_t *)from);
    return NULL;
}

static void stop_listener(void)
{
    log_line("stop");
    pthread_join(listener, NULL);
}

int main(void)
{
    static mqd_t from;
    atexit(stop_listener);
    if (queue() == (mqd_t)-1 || (from = mq_open(NAME, O_RDONLY)) == (mqd_t)-1 ||
        pthread_create(&listener, NULL, listen_for_lines, &from) != 0) {
        perror("log");
        _Exit(EXIT_FAILURE);
    }
    log_line("begin");
    log_line("end");
    return EXIT_SUCCESS;
}
