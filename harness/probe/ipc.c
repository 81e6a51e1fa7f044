#include "probe/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

union semaphore_argument {
    int value;
};

struct question {
    int set; /* -1: asks for a queue */
    unsigned number;
    int queue;
};

struct answer {
    int error; /* errno; 0: the rest counts */
    struct pf_ipc_semaphore semaphore;
    struct pf_ipc_queue queue;
};

static int ask_semaphore(const struct question *question, struct answer *answer)
{
    union semaphore_argument none = {0};
    int value = semctl(question->set, (int)question->number, GETVAL, none);
    int last = value < 0 ? -1 : semctl(question->set, (int)question->number, GETPID, none);
    if (last < 0)
        return errno;
    answer->semaphore = (struct pf_ipc_semaphore){.value = value, .last_pid = last};
    return 0;
}

static int ask_queue(const struct question *question, struct answer *answer)
{
    struct msqid_ds state;
    if (msgctl(question->queue, IPC_STAT, &state))
        return errno;
    answer->queue = (struct pf_ipc_queue){
        .messages = state.msg_qnum, .bytes = state.msg_cbytes, .most_bytes = state.msg_qbytes};
    return 0;
}

static void ask(const struct question *question, struct answer *answer)
{
    answer->error = question->set >= 0 ? ask_semaphore(question, answer) : ask_queue(question, answer);
}

struct entrance {
    int ipc, user, pipe[2];
};

/* After fork: async-signal-safe only. */
_Noreturn static void ask_inside(const struct entrance *entrance, const struct question *question)
{
    struct answer answer = {0};
    /* Who has not the rights here has them in the user namespace that the other belongs to. */
    if (setns(entrance->ipc, CLONE_NEWIPC) == 0 ||
        (setns(entrance->user, CLONE_NEWUSER) == 0 && setns(entrance->ipc, CLONE_NEWIPC) == 0))
        ask(question, &answer);
    else
        answer.error = errno;
    _exit(write(entrance->pipe[1], &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

/* A child whose end is told to nobody who waits for children in general. */
static int ask_by_child(const struct entrance *entrance, const struct question *question,
                        struct answer *ret_answer)
{
    pid_t child = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (child < 0)
        return -errno;
    if (child == 0)
        ask_inside(entrance, question);
    while (waitpid(child, NULL, __WALL) < 0)
        if (errno != EINTR)
            return -errno;
    return read(entrance->pipe[0], ret_answer, sizeof(*ret_answer)) == sizeof(*ret_answer)
               ? -ret_answer->error
               : -EIO;
}

static int open_namespace(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int is_own(int namespace_fd)
{
    struct stat there, here;
    return fstat(namespace_fd, &there) == 0 && stat("/proc/self/ns/ipc", &here) == 0 &&
           there.st_ino == here.st_ino;
}

static int answer_question(pid_t pid, const struct question *question, struct answer *ret_answer)
{
    struct entrance entrance = {.ipc = open_namespace(pid, "ipc"), .user = open_namespace(pid, "user")};
    int code = entrance.ipc < 0 ? entrance.ipc : entrance.user < 0 ? entrance.user : 0;
    if (code == 0 && is_own(entrance.ipc)) {
        ask(question, ret_answer);
        code = -ret_answer->error;
    } else if (code == 0) {
        /* The answer fits into the pipe, so nobody waits for the other. */
        code = pipe2(entrance.pipe, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
        if (code == 0) {
            code = ask_by_child(&entrance, question, ret_answer);
            close(entrance.pipe[0]);
            close(entrance.pipe[1]);
        }
    }
    if (entrance.ipc >= 0)
        close(entrance.ipc);
    if (entrance.user >= 0)
        close(entrance.user);
    return code;
}

int pf_ipc_read_semaphore(pid_t pid, int set, unsigned number, struct pf_ipc_semaphore *ret_semaphore)
{
    struct question question = {.set = set, .number = number};
    struct answer answer;
    int code = set < 0 ? -EINVAL : answer_question(pid, &question, &answer);
    if (code == 0)
        *ret_semaphore = answer.semaphore;
    return code;
}

int pf_ipc_read_queue(pid_t pid, int queue, struct pf_ipc_queue *ret_queue)
{
    struct question question = {.set = -1, .queue = queue};
    struct answer answer;
    int code = answer_question(pid, &question, &answer);
    if (code == 0)
        *ret_queue = answer.queue;
    return code;
}
