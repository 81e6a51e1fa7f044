/*
 * One worker books into an account in shared memory, another audits it
 * meanwhile; a mutex keeps its two sums in step.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pitfall/point.h>

#define BOOKINGS 100

struct account {
    pthread_mutex_t lock;
    long bookings;
    long balance; /* 5 for each booking */
};

static int book(struct account *account)
{
    for (int i = 0; i < BOOKINGS; i++) {
        pthread_mutex_lock(&account->lock);
        account->bookings += 1;
        PITFALL_POINT("lock-held");
        account->balance += 5;
        pthread_mutex_unlock(&account->lock);
    }
    return EXIT_SUCCESS;
}

static int audit(struct account *account)
{
    bool sound = true, complete = false;
    while (sound && !complete) {
        pthread_mutex_lock(&account->lock);
        sound = account->balance == 5 * account->bookings;
        complete = account->bookings == BOOKINGS;
        pthread_mutex_unlock(&account->lock);
    }
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}

static struct account *open_account(void)
{
    struct account *account = mmap(NULL, sizeof(*account),
                                   PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (account == MAP_FAILED)
        return NULL;
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&account->lock, &shared);
    pthread_mutexattr_destroy(&shared);
    return account;
}

static pid_t start(int (*job)(struct account *), struct account *account)
{
    pid_t worker = fork();
    if (worker == 0)
        _exit(job(account));
    return worker;
}

int main(void)
{
    struct account *account = open_account();
    if (!account) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    pid_t workers[] = {start(book, account), start(audit, account)};
    for (int i = 0; i < 2; i++) {
        int status;
        if (workers[i] == -1 || waitpid(workers[i], &status, 0) == -1)
            perror("worker");
        else if (status != 0)
            fprintf(stderr, "worker %d failed, going on without it\n", i + 1);
    }
    pthread_mutex_lock(&account->lock);
    printf("%ld bookings, balance %ld\n", account->bookings, account->balance);
    pthread_mutex_unlock(&account->lock);
    return EXIT_SUCCESS;
}
