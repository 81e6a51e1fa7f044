/*
 * Hangs that have no name of their own: circles of locks and of streams, and waits that nobody is left to
 * end. One function each; `circles NAME` runs one. named.sh says what is told of each, and what should be
 * done.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[1 << 20];

static void need(int holds)
{
    if (!holds)
        _exit(3);
}

static void put(int fd)
{
    need(write(fd, "x", 1) == 1);
}

static void take(int fd)
{
    char byte;
    need(read(fd, &byte, 1) == 1);
}

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(memory != MAP_FAILED);
    return memory;
}

static void make_shared_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &attributes);
}

/* Each has told the other that it has its first lock. */
static int mine[2], theirs[2];

static int is_child(void)
{
    need(pipe(mine) == 0 && pipe(theirs) == 0);
    int child = fork() == 0;
    need(child >= 0);
    return child;
}

static void meet(int child)
{
    put(child ? mine[1] : theirs[1]);
    take(child ? theirs[0] : mine[0]);
}

static void mutexes_in_two_orders(void)
{
    pthread_mutex_t *mutexes = share(2 * sizeof(*mutexes));
    make_shared_mutex(&mutexes[0]);
    make_shared_mutex(&mutexes[1]);
    int child = is_child();
    pthread_mutex_lock(&mutexes[child]);
    meet(child);
    pthread_mutex_lock(&mutexes[!child]);
}

static int open_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    need(fd >= 0);
    return fd;
}

static void files_in_two_orders(void)
{
    static const char *const paths[] = {"/dev/shm/first", "/dev/shm/second"};
    int child = is_child(), first = open_lock(paths[child]), second = open_lock(paths[!child]);
    flock(first, LOCK_EX);
    meet(child);
    flock(second, LOCK_EX);
}

static void file_twice(void)
{
    int first = open_lock("/dev/shm/lock"), second = open_lock("/dev/shm/lock");
    flock(first, LOCK_EX);
    flock(second, LOCK_EX);
}

static void open_file_lock_twice(void)
{
    struct flock lock = {.l_type = F_WRLCK};
    int first = open_lock("/dev/shm/lock"), second = open_lock("/dev/shm/lock");
    fcntl(first, F_OFD_SETLKW, &lock);
    fcntl(second, F_OFD_SETLKW, &lock);
}

static void lock_in_a_handler(int number);
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;

static void handler_takes_the_lock(void)
{
    signal(SIGUSR1, lock_in_a_handler);
    pthread_mutex_lock(&busy);
    raise(SIGUSR1);
}

static void lock_in_a_handler(int number)
{
    (void)number;
    pthread_mutex_lock(&busy); // NOLINT(bugprone-signal-handler): this is the mistake
}

static void waits_for_who_needs_its_lock(void)
{
    pthread_mutex_t *mutex = share(sizeof(*mutex));
    make_shared_mutex(mutex);
    pthread_mutex_lock(mutex);
    int child = is_child();
    if (child) {
        close(mine[0]);
        pthread_mutex_lock(mutex);
        put(mine[1]);
    }
    close(mine[1]);
    take(mine[0]);
}

static void *lock_and_leave(void *unused)
{
    pthread_mutex_lock(&busy);
    return unused;
}

static void thread_leaves_locked(void)
{
    pthread_t thread;
    need(pthread_create(&thread, NULL, lock_and_leave, NULL) == 0);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&busy);
}

static void both_write(void)
{
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int child = is_child();
    close(ends[!child]);
    need(write(ends[child], bytes, sizeof(bytes)) == sizeof(bytes));
}

static void both_read(void)
{
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int child = is_child();
    close(ends[!child]);
    take(ends[child]);
}

static void reads_the_other_pipe(void)
{
    int output[2], errors[2];
    need(pipe(output) == 0 && pipe(errors) == 0);
    if (is_child()) {
        need(write(errors[1], bytes, sizeof(bytes)) == sizeof(bytes));
        _exit(0);
    }
    close(output[1]);
    close(errors[1]);
    take(output[0]);
}

static void both_queues_are_full(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 8};
    mqd_t queues[2] = {mq_open("/to-child", O_RDWR | O_CREAT, 0600, &attributes),
                       mq_open("/to-parent", O_RDWR | O_CREAT, 0600, &attributes)};
    need(queues[0] >= 0 && queues[1] >= 0);
    int child = is_child();
    while (mq_send(queues[child], "x", 1, 0) == 0)
        ;
}

static void nobody_opens_the_fifo(void)
{
    need(mkfifo("/dev/shm/orders", 0600) == 0);
    take(open("/dev/shm/orders", O_RDONLY));
}

static void child_of_vfork_waits(void)
{
    int ends[2];
    need(pipe(ends) == 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    if (vfork() == 0) {
#pragma GCC diagnostic pop
        char byte;
        _exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
    }
}

/* The child that ends as `how` says, before its parent goes on. */
static void lose_child(void (*deed)(void *), void *data)
{
    pid_t child = fork();
    need(child >= 0);
    if (child == 0) {
        if (deed)
            deed(data);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
}

static void take_system_v(void *set)
{
    struct sembuf down = {.sem_num = 1, .sem_op = -1};
    need(semop(*(int *)set, &down, 1) == 0);
}

static void holder_of_a_system_v_semaphore_dies(void)
{
    int set = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    need(set >= 0 && semctl(set, 1, SETVAL, 1) == 0);
    lose_child(take_system_v, &set);
    take_system_v(&set);
}

static void no_message_of_that_type(void)
{
    struct {
        long type;
        char text[8];
    } message = {.type = 2};
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    need(queue >= 0 && msgsnd(queue, &message, sizeof(message.text), 0) == 0);
    need(msgrcv(queue, &message, sizeof(message.text), 7, 0) >= 0);
}

static void take_named(void *semaphore)
{
    need(sem_wait(semaphore) == 0);
}

static void holder_of_a_named_semaphore_dies(void)
{
    sem_t *semaphore = sem_open("/gate", O_CREAT, 0600, 1);
    need(semaphore != SEM_FAILED);
    lose_child(take_named, semaphore);
    sem_wait(semaphore);
}

static void party_of_a_barrier_dies(void)
{
    pthread_barrierattr_t attributes;
    pthread_barrier_t *barrier = share(sizeof(*barrier));
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(barrier, &attributes, 2);
    lose_child(NULL, NULL);
    pthread_barrier_wait(barrier);
}

static void setter_of_a_polled_event_dies(void)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    need(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, eventfd(0, 0), &event) == 0);
    lose_child(NULL, NULL);
    epoll_wait(set, &event, 1, -1);
}

static void take_for_writing(void *lock)
{
    need(pthread_rwlock_wrlock(lock) == 0);
}

static void writer_of_a_rwlock_dies(void)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlock_t *lock = share(sizeof(*lock));
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(lock, &attributes);
    lose_child(take_for_writing, lock);
    pthread_rwlock_rdlock(lock);
}

static const struct circle {
    const char *name;
    void (*run)(void);
} circles[] = {
    {"mutexes-in-two-orders", mutexes_in_two_orders},
    {"files-in-two-orders", files_in_two_orders},
    {"file-twice", file_twice},
    {"open-file-lock-twice", open_file_lock_twice},
    {"handler-takes-the-lock", handler_takes_the_lock},
    {"waits-for-who-needs-its-lock", waits_for_who_needs_its_lock},
    {"thread-leaves-locked", thread_leaves_locked},
    {"both-write", both_write},
    {"both-read", both_read},
    {"reads-the-other-pipe", reads_the_other_pipe},
    {"both-queues-are-full", both_queues_are_full},
    {"nobody-opens-the-fifo", nobody_opens_the_fifo},
    {"child-of-vfork-waits", child_of_vfork_waits},
    {"holder-of-a-system-v-semaphore-dies", holder_of_a_system_v_semaphore_dies},
    {"no-message-of-that-type", no_message_of_that_type},
    {"holder-of-a-named-semaphore-dies", holder_of_a_named_semaphore_dies},
    {"party-of-a-barrier-dies", party_of_a_barrier_dies},
    {"setter-of-a-polled-event-dies", setter_of_a_polled_event_dies},
    {"writer-of-a-rwlock-dies", writer_of_a_rwlock_dies},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(circles) / sizeof(circles[0]); i++)
        if (strcmp(argv[1], circles[i].name) == 0) {
            circles[i].run();
            return 0;
        }
    fprintf(stderr, "usage: %s NAME\n", argv[0]);
    return 2;
}
