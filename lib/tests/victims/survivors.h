/*
 * survivors.h - a program around a queue in which one process is to be killed: do the others go on, and is
 * what they got whole?
 *
 *     PROGRAM put|get
 *
 * 0.1 sleeps in a get while 0.2, the victim, does one put; or the victim does one get of two messages. Then
 * the root puts a last message, and it must come out of the queue. Status 0: all is well; 3: a message was
 * torn, doubled or lost.
 */
#ifndef MPROC_TESTS_SURVIVORS_H
#define MPROC_TESTS_SURVIVORS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 48 };

/* What the queue in question does; a message is SIZE bytes, all of one letter. */
static void make_queue(void);
static void put_message(const char *message);
static void get_message(char *ret_message);

static void put_letter(char letter)
{
    char message[SIZE];

    memset(message, letter, SIZE);
    put_message(message);
}

/* The letter, or '?' of a message that is not whole. */
static char get_letter(void)
{
    char message[SIZE];

    get_message(message);
    for (int i = 1; i < SIZE; i++)
        if (message[i] != message[0])
            return '?';
    return message[0];
}

/* Waits until the process sleeps; there is nothing else that could tell. */
static void await_sleep(pid_t pid)
{
    char path[40], state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'S') {
        FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            _exit(9);
        fclose(file);
    }
}

/* Gets until the last message; what came before it must be one of the two. */
static int drain(const char *one, const char *other)
{
    char got[8] = "";
    size_t count = 0;

    do {
        if (count == sizeof(got) - 1)
            return 3;
        got[count] = get_letter();
    } while (got[count++] != 'z');
    return strcmp(got, one) == 0 || strcmp(got, other) == 0 ? 0 : 3;
}

static int status_of(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int kill_a_putter(void)
{
    pid_t getter = fork();

    if (getter == 0)
        _exit(drain("z", "vz"));
    await_sleep(getter);
    pid_t victim = fork();
    if (victim == 0) {
        put_letter('v');
        _exit(0);
    }
    status_of(victim);
    put_letter('z');
    return status_of(getter);
}

static int kill_a_getter(void)
{
    put_letter('a');
    put_letter('b');
    if (fork() == 0)
        _exit(0); /* so that the victim is 0.2 here too */
    pid_t victim = fork();
    if (victim == 0) {
        get_letter();
        _exit(0);
    }
    status_of(victim);
    put_letter('z');
    return drain("abz", "bz");
}

int main(int argc, char **argv)
{
    make_queue();
    if (argc == 2 && strcmp(argv[1], "put") == 0)
        return kill_a_putter();
    if (argc == 2 && strcmp(argv[1], "get") == 0)
        return kill_a_getter();
    fputs("usage: PROGRAM put|get\n", stderr);
    return 2;
}

#endif
