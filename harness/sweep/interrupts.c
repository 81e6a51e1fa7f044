#include "sweep/interrupts.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static atomic_int *count;
static atomic_int questions; /* of the command itself: a trial that was forked off is asked by nobody */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "the handler must not wait for a lock");

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(count, 1);
}

static void on_wake(int number)
{
    (void)number;
}

/* No SA_RESTART: whoever waits shall wake up and look. */
static void handle(void (*handler)(int))
{
    for (int i = 0; i < NUMBERS; i++) {
        struct sigaction action, before;
        memset(&action, 0, sizeof(action));
        action.sa_handler = handler;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int pf_interrupts_install(struct pf_error *error)
{
    void *shared = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return pf_error_set(error, -errno, "no memory for the interrupt counter: %s", strerror(errno));
    count = shared;
    handle(on_signal);
    return 0;
}

int pf_interrupts_count(void *context)
{
    (void)context;
    return count ? atomic_load(count) : 0;
}

void pf_interrupts_block(sigset_t *ret_before)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < NUMBERS; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, ret_before);
}

void pf_interrupts_follow(void)
{
    handle(on_wake);
}

static void on_question(int number)
{
    (void)number;
    atomic_fetch_add(&questions, 1);
}

void pf_questions_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_question;
    sigaction(SIGQUIT, &action, NULL);
}

int pf_questions_count(void *context)
{
    (void)context;
    return atomic_load(&questions);
}
