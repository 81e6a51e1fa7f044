/* The conversation between owner, guard and new workers: whole messages with descriptors, on one
 * SOCK_SEQPACKET pair. */
#ifndef MPROC_CHANNEL_H
#define MPROC_CHANNEL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <mproc/process.h>

enum {
    MPROC_CHANNEL_FDS = MPROC_ARGS_FDS_MAX + 4, /* the three standard ones and the body */
    MPROC_CHANNEL_BYTES = 64 << 10,             /* a body beyond that travels as a memfd */
};

enum mproc_order_flag {
    MPROC_ORDER_CLEAR_ENV = 1 << 0,
    MPROC_ORDER_BODY_FD = 1 << 1,
    MPROC_ORDER_SPAWN = 1 << 2,  /* it runs the program anew */
    MPROC_ORDER_REVOKE = 1 << 3, /* not a start: the process of that id is to end */
    MPROC_ORDER_STDIO =
        1 << 4, /* shifted by 0, 1, 2: that standard descriptor comes along; else it is /dev/null */
};

/* What the library itself runs in a process. */
enum mproc_own_entry { MPROC_OWN_POOL_WORKER, MPROC_OWN_MANAGER, MPROC_OWN_LOG_LISTENER, MPROC_OWN__COUNT };

/* Owner to guard: start this. The body follows: limits, the set of CPUs, then strings (cwd, then env), then
 * the arguments. Descriptors: the standard ones that come along, the body, those of the arguments. */
struct mproc_order {
    uint64_t id;
    uint32_t generation; /* of the guard it is meant for: another one throws it away */
    uint32_t slot;
    uint32_t entry; /* index; behind the last one are those of enum mproc_own_entry */
    uint32_t flags;
    int32_t nice;
    uint32_t nlimits;
    uint32_t nenv;
    uint32_t has_cwd;
    uint64_t cpus_len; /* 0: it has those that it was born with */
    uint64_t strings_len;
    uint64_t args_len;
    sigset_t mask; /* what the owner's thread had before the start */
    char name[64];
};

/* Where the set-up of a worker was. Named in errors, so the order here is that of the names in worker.c. */
enum mproc_stage {
    MPROC_STAGE_FORK,
    MPROC_STAGE_STDIO,
    MPROC_STAGE_CWD,
    MPROC_STAGE_ENV,
    MPROC_STAGE_CPUS,
    MPROC_STAGE_LIMITS,
    MPROC_STAGE_NICE,
    MPROC_STAGE_ARGS,
    MPROC_STAGE_PIDFD,
    MPROC_STAGE_EXEC,
    MPROC_STAGE__COUNT,
};

enum mproc_answer_kind {
    MPROC_ANSWER_STARTED, /* from the worker, with its pidfd */
    MPROC_ANSWER_FAILED,  /* from the worker or the guard */
    MPROC_ANSWER_DEAD,    /* from the guard: the worker died before it could answer */
    MPROC_ANSWER_HELLO, /* from the keeper, with its pidfd: there is a new guard, and nobody of the old one's
                           is left */
};

struct mproc_answer {
    uint32_t kind;
    uint32_t generation;
    uint64_t id;
    int32_t pid;
    int32_t keeper; /* of HELLO */
    uint32_t stage;
    int32_t err;
    char detail[128];
};

/* How long the body is, and where in it the parts begin: the limits are first. */
size_t mproc_order_cpus_at(const struct mproc_order *order);
size_t mproc_order_strings_at(const struct mproc_order *order);
size_t mproc_order_args_at(const struct mproc_order *order);
size_t mproc_order_body_len(const struct mproc_order *order);

/* Sends one message whole. Errors: -EPIPE nobody is at the other end; other negative errnos. Never raises
 * SIGPIPE. Async-signal safety: safe. */
int mproc_channel_send(int fd, const struct iovec *parts, size_t nparts, const int *fds, size_t nfds);

/* Receives one message, with CLOEXEC descriptors in `ret_fds` (room for MPROC_CHANNEL_FDS). Does not block.
 * Returns its length, or 0 at the end, when all that was sent has been received. Errors: -EAGAIN nothing
 * there; -EMSGSIZE cut off, -EMFILE descriptors cut off (none are kept then); others: it cannot be read any
 * more. */
ssize_t mproc_channel_receive(int fd, void *buffer, size_t size, int *ret_fds, size_t *ret_nfds);

int mproc_answer_send(int fd, const struct mproc_answer *answer, int pidfd);

#endif
