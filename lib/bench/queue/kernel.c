/* What the kernel has: pipes, sequenced packets, POSIX and System V message queues. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carrier.h"

/* One end to write to, one to read from. */
struct ends {
    int read, write;
};

static struct ends *new_ends(void)
{
    struct ends *ends = calloc(1, sizeof(*ends));

    require(ends != NULL, "memory");
    return ends;
}

static void close_ends(void *handle)
{
    struct ends *ends = handle;

    close(ends->read);
    close(ends->write);
    free(ends);
}

/* Writes of more than PIPE_BUF mix with those of others. */
static bool pipe_carries(const struct shape *shape)
{
    return shape->size <= 4096 || (shape->producers == 1 && shape->consumers == 1);
}

static void *pipe_open(const struct shape *shape)
{
    struct ends *ends = new_ends();
    int fds[2];

    require(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
    require(fcntl(fds[1], F_SETPIPE_SZ, (int)shape->capacity) >= 0, "F_SETPIPE_SZ");
    *ends = (struct ends){fds[0], fds[1]};
    return ends;
}

static void pipe_put(void *handle, const void *data, size_t size)
{
    const struct ends *ends = handle;

    for (size_t done = 0; done < size;) {
        ssize_t written = write(ends->write, (const char *)data + done, size - done);
        require(written > 0, "write");
        done += (size_t)written;
    }
}

static void pipe_get(void *handle, void *data, size_t size)
{
    const struct ends *ends = handle;

    for (size_t done = 0; done < size;) {
        ssize_t got = read(ends->read, (char *)data + done, size - done);
        require(got > 0, "read");
        done += (size_t)got;
    }
}

const struct carrier carrier_pipe = {.name = "pipe",
                                     .carries = pipe_carries,
                                     .open = pipe_open,
                                     .put = pipe_put,
                                     .get = pipe_get,
                                     .close = close_ends};

static void *seqpacket_open(const struct shape *shape)
{
    struct ends *ends = new_ends();
    int fds[2], bytes = (int)shape->capacity;

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    if (setsockopt(fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        require(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0, "SO_SNDBUF");
    *ends = (struct ends){fds[0], fds[1]};
    return ends;
}

static void seqpacket_put(void *handle, const void *data, size_t size)
{
    require(send(((struct ends *)handle)->write, data, size, 0) == (ssize_t)size, "send");
}

static void seqpacket_get(void *handle, void *data, size_t size)
{
    require(recv(((struct ends *)handle)->read, data, size, 0) == (ssize_t)size, "recv");
}

const struct carrier carrier_seqpacket = {.name = "seqpacket",
                                          .open = seqpacket_open,
                                          .put = seqpacket_put,
                                          .get = seqpacket_get,
                                          .close = close_ends};

static void *mq_open_anonymous(const struct shape *shape)
{
    struct mq_attr attr = {.mq_maxmsg = (long)(shape->capacity / shape->size),
                           .mq_msgsize = (long)shape->size};
    mqd_t *queue = malloc(sizeof(*queue));
    char name[40];

    require(queue != NULL, "memory");
    snprintf(name, sizeof(name), "/bench-queue-%d", (int)getpid());
    *queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    if (*queue == (mqd_t)-1) {
        /* Without privilege there is less to be had (fs.mqueue.*): take that. */
        attr.mq_maxmsg = 10;
        *queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    }
    mq_unlink(name);
    if (*queue != (mqd_t)-1)
        return queue;
    free(queue);
    return NULL;
}

static void mq_put(void *handle, const void *data, size_t size)
{
    require(mq_send(*(mqd_t *)handle, data, size, 0) == 0, "mq_send");
}

static void mq_get(void *handle, void *data, size_t size)
{
    require(mq_receive(*(mqd_t *)handle, data, size, NULL) == (ssize_t)size, "mq_receive");
}

static void mq_close_it(void *handle)
{
    mq_close(*(mqd_t *)handle);
    free(handle);
}

const struct carrier carrier_mq = {
    .name = "mq", .open = mq_open_anonymous, .put = mq_put, .get = mq_get, .close = mq_close_it};

enum { SYSV_LARGEST = 8192 };

struct sysv {
    int id;
    struct {
        long kind;
        char data[SYSV_LARGEST];
    } message;
};

/* kernel.msgmax, as Linux sets it. */
static bool sysv_carries(const struct shape *shape)
{
    return shape->size <= SYSV_LARGEST;
}

static void *sysv_open(const struct shape *shape)
{
    struct sysv *sysv = calloc(1, sizeof(*sysv));
    struct msqid_ds state;

    require(sysv != NULL, "memory");
    sysv->message.kind = 1;
    sysv->id = msgget(IPC_PRIVATE, 0600);
    require(sysv->id >= 0 && msgctl(sysv->id, IPC_STAT, &state) == 0, "msgget");
    state.msg_qbytes = shape->capacity;
    /* Without privilege there is less to be had (kernel.msgmnb): keep that. */
    msgctl(sysv->id, IPC_SET, &state);
    return sysv;
}

static void sysv_put(void *handle, const void *data, size_t size)
{
    struct sysv *sysv = handle;

    memcpy(sysv->message.data, data, size);
    require(msgsnd(sysv->id, &sysv->message, size, 0) == 0, "msgsnd");
}

static void sysv_get(void *handle, void *data, size_t size)
{
    struct sysv *sysv = handle;

    require(msgrcv(sysv->id, &sysv->message, size, 0, 0) == (ssize_t)size, "msgrcv");
    memcpy(data, sysv->message.data, size);
}

static void sysv_close(void *handle)
{
    msgctl(((struct sysv *)handle)->id, IPC_RMID, NULL);
    free(handle);
}

const struct carrier carrier_sysv = {.name = "SysV",
                                     .carries = sysv_carries,
                                     .open = sysv_open,
                                     .put = sysv_put,
                                     .get = sysv_get,
                                     .close = sysv_close};
