/*
 * Two threads ask a server process for squares, over the connection that the
 * program has to it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

struct message {
    long number, square;
};

static int server; /* the connection */

static int serve(int client)
{
    struct message message;
    while (read(client, &message, sizeof(message)) == sizeof(message)) {
        message.square = message.number * message.number;
        if (write(client, &message, sizeof(message)) != sizeof(message))
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static long square_of(long number)
{
    struct message message = {.number = number};
    PITFALL_LEDGER("asked", number);
    if (write(server, &message, sizeof(message)) != sizeof(message))
        return -1;
    PITFALL_POINT("asked");
    if (read(server, &message, sizeof(message)) != sizeof(message))
        return -1;
    PITFALL_LEDGER("answered", message.number);
    PITFALL_POINT("answered");
    return message.square;
}

static void *work(void *number)
{
    PITFALL_POINT("begin");
    printf("%ld squared is %ld\n", (long)number, square_of((long)number));
    return NULL;
}

int main(void)
{
    int ends[2];
    pthread_t threads[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1) {
        perror("socketpair");
        return EXIT_FAILURE;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        _exit(serve(ends[1]));
    }
    close(ends[1]);
    server = ends[0];
    for (long i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, (void *)(3 + 4 * i));
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    close(server);
    waitpid(pid, NULL, 0);
    return EXIT_SUCCESS;
}
