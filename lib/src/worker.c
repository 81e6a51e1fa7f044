#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mproc/error.h>

#include "args_internal.h"
#include "cpus.h"
#include "descriptor.h"
#include "error_internal.h"
#include "event_internal.h"
#include "log_internal.h"
#include "manager_wire.h"
#include "pool_serve.h"
#include "process_internal.h"
#include "shutdown_internal.h"
#include "spawn.h"
#include "stop_internal.h"
#include "system.h"
#include "thread_internal.h"
#include "worker.h"

enum { EXIT_NOT_STARTED = 125 };

const struct mproc_entry *const mproc_own_entries[MPROC_OWN__COUNT] = {
    [MPROC_OWN_POOL_WORKER] = &mproc_pool_entry,
    [MPROC_OWN_MANAGER] = &mproc_manager_entry,
    [MPROC_OWN_LOG_LISTENER] = &mproc_log_entry,
};

static char own_name[64];
static const struct mproc_entry *own_entries;
static uint32_t own_nentries;

const struct mproc_entry *mproc_worker_entries(uint32_t *ret_count)
{
    *ret_count = own_nentries;
    return own_entries;
}

const char *mproc_process_own_name(void)
{
    return own_name;
}

const char *mproc_stage_name(enum mproc_stage stage)
{
    static const char *const names[MPROC_STAGE__COUNT] = {
        [MPROC_STAGE_FORK] = "forking",
        [MPROC_STAGE_STDIO] = "setting its standard descriptors",
        [MPROC_STAGE_CWD] = "changing to its working directory",
        [MPROC_STAGE_ENV] = "setting its environment",
        [MPROC_STAGE_CPUS] = "setting its CPUs",
        [MPROC_STAGE_LIMITS] = "setting its limits",
        [MPROC_STAGE_NICE] = "setting its niceness",
        [MPROC_STAGE_ARGS] = "decoding its arguments",
        [MPROC_STAGE_PIDFD] = "opening a pidfd",
        [MPROC_STAGE_EXEC] = "running its program anew",
    };

    return (unsigned)stage < MPROC_STAGE__COUNT ? names[stage] : "an unknown step";
}

static _Noreturn void give_up(const struct mproc_worker *worker, enum mproc_stage stage, int err)
{
    struct mproc_answer answer = {.kind = MPROC_ANSWER_FAILED,
                                  .generation = worker->order->generation,
                                  .id = worker->order->id,
                                  .pid = getpid(),
                                  .stage = stage,
                                  .err = err};

    if (stage == MPROC_STAGE_ARGS || stage == MPROC_STAGE_CPUS)
        snprintf(answer.detail, sizeof(answer.detail), "%.*s", (int)sizeof(answer.detail) - 1,
                 mproc_error_detail());
    if (mproc_answer_send(worker->answer_fd, &answer, -1) == 0)
        __atomic_store_n(&worker->slot->answered, 1, __ATOMIC_RELEASE);
    _exit(EXIT_NOT_STARTED);
}

/* -1 is /dev/null. */
static int set_standard(int fd, int source)
{
    if (source < 0)
        return mproc_open_null(fd);
    return (source == fd ? fcntl(fd, F_SETFD, 0) : dup2(source, fd)) < 0 ? -errno : 0;
}

static int set_stdio(const struct mproc_worker *worker)
{
    int sources[3];

    /* First out of the way: one standard descriptor may be the source of another. */
    for (int i = 0; i < 3; i++) {
        int fd = worker->stdio[i];
        bool is_in_the_way = fd >= 0 && fd <= STDERR_FILENO && fd != i;
        sources[i] = is_in_the_way ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : fd;
        if (is_in_the_way && sources[i] < 0)
            return -errno;
    }
    for (int i = 0; i < 3; i++) {
        int r = set_standard(i, sources[i]);
        if (r)
            return r;
    }
    for (int i = 0; i < 3; i++) {
        if (sources[i] > STDERR_FILENO)
            close(sources[i]);
    }
    return 0;
}

static int set_env(const struct mproc_worker *worker, const char *string)
{
    if (worker->order->flags & MPROC_ORDER_CLEAR_ENV && clearenv())
        return -ENOMEM;
    for (uint32_t i = 0; i < worker->order->nenv; i++) {
        char *copy = strdup(string);
        if (!copy)
            return -ENOMEM;
        /* putenv keeps the string with "=", and takes a name without it away. */
        if (putenv(copy))
            return -errno;
        if (!strchr(copy, '='))
            free(copy);
        string += strlen(string) + 1;
    }
    return 0;
}

static int set_limits(const struct mproc_worker *worker, const unsigned char *body)
{
    struct mproc_process_limit limit;

    for (uint32_t i = 0; i < worker->order->nlimits; i++) {
        memcpy(&limit, body + i * sizeof(limit), sizeof(limit));
        if (setrlimit((__rlimit_resource_t)limit.resource, &limit.limit))
            return -errno;
    }
    return 0;
}

static int set_nice(int more)
{
    errno = 0;
    if (more == 0 || nice(more) != -1 || errno == 0)
        return 0;
    return -errno;
}

static int map_body(const struct mproc_worker *worker, const unsigned char **ret_body)
{
    if (worker->body) {
        *ret_body = worker->body;
        return 0;
    }
    void *map = mmap(NULL, mproc_order_body_len(worker->order), PROT_READ, MAP_PRIVATE, worker->body_fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    close(worker->body_fd);
    *ret_body = map;
    return 0;
}

static const unsigned char *find_body(const struct mproc_worker *worker)
{
    const unsigned char *body = NULL;
    int r = map_body(worker, &body);

    if (r)
        give_up(worker, MPROC_STAGE_ARGS, mproc_fail(r, "its arguments could not be mapped"));
    return body;
}

/* What a program finds when it begins. With set_up(), all that can fail, in the order of the stages. */
static void set_surroundings(const struct mproc_worker *worker, const unsigned char *body)
{
    const struct mproc_order *order = worker->order;
    const char *cwd = (const char *)body + mproc_order_strings_at(order);
    const char *env = order->has_cwd ? cwd + strlen(cwd) + 1 : cwd;
    int r = set_stdio(worker);

    if (r)
        give_up(worker, MPROC_STAGE_STDIO, r);
    if (order->has_cwd && chdir(cwd))
        give_up(worker, MPROC_STAGE_CWD, -errno);
    r = set_env(worker, env);
    if (r)
        give_up(worker, MPROC_STAGE_ENV, r);
    if (order->cpus_len > 0)
        r = mproc_cpus_set(body + mproc_order_cpus_at(order), order->cpus_len);
    if (r)
        give_up(worker, MPROC_STAGE_CPUS, r);
}

static struct mproc_args *set_up(const struct mproc_worker *worker, const unsigned char *body)
{
    const struct mproc_order *order = worker->order;
    struct mproc_args *args;
    int r = mproc_args_decode(body + mproc_order_args_at(order), order->args_len, worker->fds, worker->nfds,
                              &args);

    if (!r)
        r = mproc_event_keep_promises(args);
    if (r)
        give_up(worker, MPROC_STAGE_ARGS, r);
    mproc_args_lend(args);
    r = set_nice(order->nice);
    if (r)
        give_up(worker, MPROC_STAGE_NICE, r);
    r = set_limits(worker, body);
    if (r)
        give_up(worker, MPROC_STAGE_LIMITS, r);
    return args;
}

static void answer_started(const struct mproc_worker *worker, int pidfd)
{
    const struct mproc_order *order = worker->order;
    const struct mproc_answer answer = {
        .kind = MPROC_ANSWER_STARTED, .generation = order->generation, .id = order->id, .pid = getpid()};

    /* From here on the owner can no longer give up on the start. */
    if (!mproc_slot_step(worker->slot, MPROC_SLOT_STARTING, MPROC_SLOT_RUNNING))
        _exit(EXIT_NOT_STARTED);
    if (mproc_answer_send(worker->answer_fd, &answer, pidfd))
        _exit(EXIT_NOT_STARTED);
    __atomic_store_n(&worker->slot->answered, 1, __ATOMIC_RELEASE);
    close(pidfd);
    close(worker->answer_fd);
}

static void spread_stop(int signo)
{
    (void)signo;
    mproc_stop_spread();
}

void mproc_worker_forget_owner(void)
{
    mproc_context_forget();
    mproc_shutdown_forget();
    mproc_thread_forget();
}

static void become(const struct mproc_worker *worker)
{
    const struct mproc_order *order = worker->order;

    mproc_forget_detail();
    mproc_parent_keep(&worker->owner, worker->slot->pid);
    size_t len = strnlen(order->name, sizeof(own_name) - 1);
    memcpy(own_name, order->name, len);
    own_name[len] = '\0';
    prctl(PR_SET_NAME, own_name);
    own_entries = worker->entries;
    own_nentries = worker->nentries;
    mproc_stop_rebase(&worker->slot->stop);
    /* Without SA_RESTART: who is asked to end comes out of a blocking system call. */
    sigaction(MPROC_SIGNAL_ASK, &(struct sigaction){.sa_handler = spread_stop}, NULL);
}

/* Whatever else of stdio holds output is the program's to close; and a thread that hangs in a stream must not
 * hold us. */
static int flush_output(FILE *stream)
{
    if (ftrylockfile(stream))
        return 0;
    int r = fflush_unlocked(stream) ? -errno : ferror_unlocked(stream) ? -EIO : 0;
    funlockfile(stream);
    return r;
}

/* What a fork of the worker returns is not the worker's. */
static void note_result(struct mproc_slot *slot, int result)
{
    if (mproc_stop_is_fork())
        return;
    slot->result = result;
    if (result)
        snprintf(slot->detail, sizeof(slot->detail), "%.*s", (int)sizeof(slot->detail) - 1,
                 mproc_error_detail());
    __atomic_store_n(&slot->returned, 1, __ATOMIC_RELEASE);
}

static _Noreturn void finish(const struct mproc_worker *worker, int result)
{
    note_result(worker->slot, result);
    int lost = flush_output(stdout);
    flush_output(stderr);
    if (lost && result == 0) {
        result = mproc_fail(lost, "its output could not be written: %s", strerrordesc_np(-lost));
        note_result(worker->slot, result);
    }
    _exit(result >= 0 && result <= 255 ? result : 1);
}

static void end_with_parent(const struct mproc_worker *worker)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The parent may have died before it was set, and then nobody would kill us. While it lives, a pidfd of
     * it that was there before is no other's. */
    if (getppid() != worker->parent)
        _exit(EXIT_NOT_STARTED);
    if (worker->owner.pidfd < 0)
        give_up(worker, MPROC_STAGE_PIDFD, worker->owner.pidfd);
}

static int open_pidfd(const struct mproc_worker *worker)
{
    int pidfd = mproc_fd_above(pidfd_open(getpid(), 0));

    if (pidfd < 0)
        give_up(worker, MPROC_STAGE_PIDFD, -errno);
    return pidfd;
}

static _Noreturn void run_entry(const struct mproc_worker *worker, const unsigned char *body, int pidfd)
{
    struct mproc_args *args = set_up(worker, body);

    become(worker);
    answer_started(worker, pidfd);
    mproc_release_signals(&worker->order->mask);
    int result = worker->entry->run(args);
    mproc_args_end(args);
    finish(worker, result);
}

_Noreturn void mproc_worker_run(const struct mproc_worker *worker)
{
    bool is_spawned = worker->order->flags & MPROC_ORDER_SPAWN;

    end_with_parent(worker);
    if (worker->group)
        setpgid(0, worker->group);
    __atomic_store_n(&worker->slot->pid, getpid(), __ATOMIC_RELEASE);
    if (!is_spawned && worker->slots_fd >= 0)
        close(worker->slots_fd);
    /* Before the limits: there may be no descriptor left under them. */
    int pidfd = is_spawned ? -1 : open_pidfd(worker);
    const unsigned char *body = find_body(worker);
    set_surroundings(worker, body);
    if (is_spawned)
        give_up(worker, MPROC_STAGE_EXEC, mproc_spawn_exec(worker, body));
    run_entry(worker, body, pidfd);
}

_Noreturn void mproc_worker_go_on(const struct mproc_worker *worker)
{
    mproc_worker_forget_owner();
    /* An exec of a file that gives rights has taken it away. */
    end_with_parent(worker);
    run_entry(worker, worker->body, open_pidfd(worker));
}

_Noreturn void mproc_worker_refuse(const struct mproc_worker *worker, int err)
{
    give_up(worker, MPROC_STAGE_ARGS, err);
}
