/* System V semaphores and queues, POSIX queues. */
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stdint.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kinds.h"

static int id;
static mqd_t queue;
static char bytes[8192];

struct message {
    long type;
    char text[1024];
};

static void change(short by, short flags)
{
    struct sembuf step = {.sem_op = by, .sem_flg = flags};
    NEED(semop(id, &step, 1) == 0);
}

static void make_semaphore(void)
{
    NEED((id = semget(0x7069, 1, IPC_CREAT | 0600)) >= 0);
}

static void make_open_semaphore(void)
{
    make_semaphore();
    change(1, 0);
}

static void lower(void)
{
    /* glibc of some machines makes semtimedop of it */
#ifdef SYS_semop
    struct sembuf step = {.sem_op = -1};
    NEED(syscall(SYS_semop, id, &step, 1) == 0);
#else
    change(-1, 0);
#endif
}

static void lower_with_undo(void)
{
    change(-1, SEM_UNDO);
}

static void lower_without_limit(void)
{
    struct sembuf step = {.sem_op = -1};
    NEED(syscall(SYS_semtimedop, id, &step, 1, NULL) == 0);
}

static void await_zero(void)
{
#ifdef SYS_semop
    struct sembuf step = {.sem_op = 0};
    NEED(syscall(SYS_semop, id, &step, 1) == 0);
#else
    change(0, 0);
#endif
}

static void raise_by_one(void)
{
    change(1, 0);
}

static void make_queue(void)
{
    NEED((id = msgget(IPC_PRIVATE, 0600)) >= 0);
}

static void make_full_queue(void)
{
    struct message message = {.type = 1};
    make_queue();
    while (msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) == 0)
        ;
}

static void receive(void)
{
    struct message message;
    NEED(msgrcv(id, &message, sizeof(message.text), 0, 0) >= 0);
}

static void transmit(void)
{
    struct message message = {.type = 1};
    NEED(msgsnd(id, &message, sizeof(message.text), 0) == 0);
}

static void remove_queue(void)
{
    msgctl(id, IPC_RMID, NULL);
}

static void receive_nothing(void)
{
    struct message message;
    NEED(msgrcv(id, &message, sizeof(message.text), 0, 0) < 0);
}

static void make_posix_queue(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof(bytes)};
    NEED((queue = mq_open("/queue", O_CREAT | O_RDWR, 0600, &attributes)) >= 0);
}

static void make_full_posix_queue(void)
{
    make_posix_queue();
    NEED(mq_send(queue, "x", 1, 0) == 0);
}

static void receive_posix(void)
{
    NEED(mq_receive(queue, bytes, sizeof(bytes), NULL) == 1);
}

static void transmit_posix(void)
{
    NEED(mq_send(queue, "x", 1, 0) == 0);
}

static void transmit_by_name(void)
{
    mqd_t again = mq_open("/queue", O_WRONLY);
    NEED(again >= 0 && mq_send(again, "x", 1, 0) == 0);
}

static void close_posix(void)
{
    mq_close(queue);
}

static void poll_posix(void)
{
    struct pollfd one = {.fd = queue, .events = POLLIN};
    NEED(poll(&one, 1, -1) == 1);
}

static const struct kind kinds[] = {
    KIND("sysv-semaphore", "semop", make_semaphore, NULL, lower, raise_by_one),
    KIND("sysv-semaphore-zero", "semop", make_open_semaphore, NULL, await_zero, lower),
    KIND("sysv-semaphore-endless", "semtimedop", make_semaphore, NULL, lower_without_limit, raise_by_one),
    KIND("sysv-semaphore-undo", "semop", make_open_semaphore, lower_with_undo, lower, NULL),
    KIND("sysv-queue-receive", "msgrcv", make_queue, NULL, receive, transmit),
    KIND("sysv-queue-removed", "msgrcv", make_queue, NULL, receive_nothing, remove_queue),
    KIND("sysv-queue-send", "msgsnd", make_full_queue, NULL, transmit, receive),
    KIND("posix-queue-receive", "mq_timedreceive", make_posix_queue, NULL, receive_posix, transmit_posix),
    KIND("posix-queue-by-name", "mq_timedreceive", make_posix_queue, close_posix, receive_posix,
         transmit_by_name),
    KIND("posix-queue-send", "mq_timedsend", make_full_posix_queue, NULL, transmit_posix, receive_posix),
    KIND("posix-queue-poll", "poll", make_posix_queue, NULL, poll_posix, transmit_posix),
};
const struct kinds queue_kinds = KINDS(kinds);
