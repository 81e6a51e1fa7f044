/*
 * Hangs that have a name, and some that look much like them and have none: one function each, after which the
 * program hangs for good. `hangs NAME` runs one; named.sh says what each is called.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        _exit(3);
}

static void drain(int fd)
{
    char byte;
    while (read(fd, &byte, 1) > 0)
        ;
}

static void put(int fd)
{
    if (write(fd, "x", 1) != 1)
        _exit(3);
}

static void *never_unlocks(void *data)
{
    pthread_mutex_t *mutex = data;
    pthread_mutex_lock(mutex);
    static int told[2];
    make_pipe(told);
    drain(told[0]); /* holds its write end itself */
    return NULL;
}

/* Another thread holds the mutex while this one forks. */
static void fork_copies_a_mutex(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    pthread_create(&thread, NULL, never_unlocks, &mutex);
    while (pthread_mutex_trylock(&mutex) == 0)
        pthread_mutex_unlock(&mutex);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(&mutex);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* The child locks what it has locked before: its own mistake, whatever threads its parent had. */
static void child_locks_twice(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    pthread_create(&thread, NULL, never_unlocks, &other);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static pid_t start_reader(int own[2])
{
    pid_t child = fork();
    if (child == 0) {
        close(own[1]);
        drain(own[0]);
        _exit(0);
    }
    return child;
}

/* The second reader has the write end of the first one's pipe, and the first never sees the end. */
static void sibling_inherits_an_end(void)
{
    int first[2], second[2];
    make_pipe(first);
    make_pipe(second);
    pid_t child = start_reader(first);
    start_reader(second);
    put(first[1]);
    close(first[1]);
    waitpid(child, NULL, 0);
}

static void reader_keeps_the_other_end(void)
{
    int ends[2];
    make_pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        drain(ends[0]);
        _exit(0);
    }
    close(ends[0]);
    put(ends[1]);
    close(ends[1]);
    waitpid(child, NULL, 0);
}

/* A background child keeps the lock file open that its parent has locked. */
static void child_inherits_a_lock(void)
{
    int ends[2];
    make_pipe(ends);
    FILE *file = tmpfile();
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
    pid_t child = fork();
    if (child == 0) {
        int taken = open(path, O_RDWR);
        flock(taken, LOCK_EX);
        if (fork() == 0) {
            close(ends[1]);
            drain(ends[0]);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    flock(fileno(file), LOCK_EX);
}

/* A pipeline whose first stage waits for its input: its end of the pipe is no mere inheritance. */
static void pipeline_without_input(void)
{
    int input[2], between[2];
    make_pipe(input);
    make_pipe(between);
    if (fork() == 0) {
        close(input[1]);
        drain(input[0]);
        put(between[1]);
        _exit(0);
    }
    pid_t last = fork();
    if (last == 0) {
        close(input[1]);
        close(between[1]);
        drain(between[0]);
        _exit(0);
    }
    close(between[1]);
    waitpid(last, NULL, 0);
}

/* Kills the child once it says that it is ready. */
static void kill_when_ready(pid_t child, int ready)
{
    char byte;
    if (read(ready, &byte, 1) == 1)
        kill(child, SIGTERM);
    waitpid(child, NULL, 0);
}

/* A child that says that it is ready, and then does nothing more. */
static pid_t start_idler(const int ready[2])
{
    pid_t child = fork();
    if (child == 0) {
        put(ready[1]);
        for (;;)
            pause();
    }
    return child;
}

/* Three workers at one queue; the one with a task in hand is killed. */
static void worker_dies_with_a_task(void)
{
    int tasks[2], results[2], ready[2];
    make_pipe(tasks);
    make_pipe(results);
    make_pipe(ready);
    pid_t doomed = start_idler(ready);
    for (int i = 0; i < 2; i++)
        if (fork() == 0)
            drain(tasks[0]);
    kill_when_ready(doomed, ready[0]);
    drain(results[0]);
}

/* Somebody waits at an eventfd that the killed one was to signal. */
static void setter_of_an_event_dies(void)
{
    int ready[2], event = eventfd(0, 0);
    make_pipe(ready);
    pid_t setter = start_idler(ready);
    pid_t waiter = fork();
    if (waiter == 0) {
        uint64_t count;
        if (read(event, &count, sizeof(count)) > 0)
            _exit(0);
    }
    kill_when_ready(setter, ready[0]);
    waitpid(waiter, NULL, 0);
}

/* A condition in shared memory, and who was to signal it is killed. */
static void signaller_of_a_condition_dies(void)
{
    struct shared {
        pthread_mutex_t mutex;
        pthread_cond_t condition;
    } *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &mutex);
    pthread_cond_init(&shared->condition, &condition);
    int ready[2];
    make_pipe(ready);
    pid_t setter = start_idler(ready);
    pid_t waiter = fork();
    if (waiter == 0) {
        pthread_mutex_lock(&shared->mutex);
        for (;;)
            pthread_cond_wait(&shared->condition, &shared->mutex);
    }
    kill_when_ready(setter, ready[0]);
    waitpid(waiter, NULL, 0);
}

/* A listener whose pipe everybody holds, so that only a message can end it; the sender is killed. */
static void sender_of_the_sentinel_dies(void)
{
    int log[2], ready[2];
    make_pipe(log);
    make_pipe(ready);
    pid_t listener = fork();
    if (listener == 0) {
        drain(log[0]);
        _exit(0);
    }
    kill_when_ready(start_idler(ready), ready[0]);
    waitpid(listener, NULL, 0);
}

/* A child leaves a process of its own behind, with the pipe that is read to its end. */
static void grandchild_keeps_the_pipe(void)
{
    int output[2], orders[2];
    make_pipe(output);
    make_pipe(orders);
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            close(orders[1]);
            drain(orders[0]);
        }
        _exit(0);
    }
    close(output[1]);
    drain(output[0]);
    waitpid(child, NULL, 0);
}

/* Each joins the next; the innermost waits for orders that its maker should give. */
static void nobody_stops_the_innermost(void)
{
    pid_t child = fork();
    if (child == 0) {
        int orders[2];
        make_pipe(orders);
        pid_t grandchild = start_reader(orders);
        waitpid(grandchild, NULL, 0);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static const struct hang {
    const char *name;
    void (*run)(void);
} hangs[] = {
    {"fork-copies-a-mutex", fork_copies_a_mutex},
    {"child-locks-twice", child_locks_twice},
    {"sibling-inherits-an-end", sibling_inherits_an_end},
    {"reader-keeps-the-other-end", reader_keeps_the_other_end},
    {"child-inherits-a-lock", child_inherits_a_lock},
    {"pipeline-without-input", pipeline_without_input},
    {"worker-dies-with-a-task", worker_dies_with_a_task},
    {"setter-of-an-event-dies", setter_of_an_event_dies},
    {"signaller-of-a-condition-dies", signaller_of_a_condition_dies},
    {"sender-of-the-sentinel-dies", sender_of_the_sentinel_dies},
    {"grandchild-keeps-the-pipe", grandchild_keeps_the_pipe},
    {"nobody-stops-the-innermost", nobody_stops_the_innermost},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(hangs) / sizeof(hangs[0]); i++)
        if (strcmp(argv[1], hangs[i].name) == 0) {
            hangs[i].run();
            return 0;
        }
    fprintf(stderr, "usage: %s NAME\n", argv[0]);
    return 2;
}
