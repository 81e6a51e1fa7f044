/* waits KIND stuck|near: see kinds.h. `waits list` names the kinds, what may be claimed of each, and its
 * call. */
#include "kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct kinds *const all[] = {
    &descriptor_kinds, &socket_kinds, &memory_kinds, &lock_kinds, &queue_kinds, &process_kinds,
};
enum { ALL = sizeof(all) / sizeof(all[0]) };

int partner;

static const struct kind *kind;
static bool stuck;
static int ready[2], life[2];

_Noreturn void need_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s does not hold: %s\n", file, line, condition, strerror(errno));
    _exit(3);
}

void set_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);
    NEED(fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0);
}

void read_all_there_is(int fd)
{
    char bytes[4096];
    set_blocking(fd, false);
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
}

/* The partner: able to wake the root, and kept from it. */
static void play_partner(void)
{
    char byte;
    if (kind->take)
        kind->take();
    NEED(write(ready[1], "r", 1) == 1);
    if (!kind->thread)
        close(life[1]); /* its only writer is the root now */
    NEED(read(stuck ? life[0] : STDIN_FILENO, &byte, 1) == 1);
    if (kind->wake)
        kind->wake();
}

static void *play_thread(void *unused)
{
    play_partner();
    return unused;
}

pthread_t partner_thread;

static int play_cousin(void *unused)
{
    (void)unused;
    play_partner();
    _exit(0);
}

static void start_partner(void)
{
    static _Alignas(16) char stack[65536];
    if (kind->cousin) {
        partner = clone(play_cousin, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
        NEED(partner > 0);
        return;
    }
    if (kind->thread) {
        NEED(pthread_create(&partner_thread, NULL, play_thread, NULL) == 0);
        return;
    }
    partner = kind->vfork ? (int)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL) : fork();
    NEED(partner >= 0);
    if (partner == 0) {
        play_partner();
        _exit(0);
    }
}

static int play(void)
{
    char byte;
    NEED(pipe(ready) == 0 && pipe(life) == 0);
    if (kind->prepare)
        kind->prepare();
    start_partner();
    NEED(read(ready[0], &byte, 1) == 1);
    if (kind->wait)
        kind->wait();
    return 0;
}

static void list(void)
{
    static const char *const claims[] = {[PROVEN] = "proven", [SETTLED] = "settled", [NEVER] = "never"};
    for (size_t i = 0; i < ALL; i++)
        for (size_t k = 0; k < all[i]->count; k++) {
            const struct kind *one = &all[i]->list[k];
            printf("%s %s %s\n", one->name, claims[one->claim], one->call);
        }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        list();
        return 0;
    }
    for (size_t i = 0; argc == 3 && i < ALL; i++)
        for (size_t k = 0; k < all[i]->count; k++)
            if (strcmp(all[i]->list[k].name, argv[1]) == 0)
                kind = &all[i]->list[k];
    if (!kind || (strcmp(argv[2], "stuck") != 0 && strcmp(argv[2], "near") != 0)) {
        fprintf(stderr, "usage: waits KIND stuck|near, or: waits list\n");
        return 64;
    }
    stuck = strcmp(argv[2], "stuck") == 0;
    return play();
}
