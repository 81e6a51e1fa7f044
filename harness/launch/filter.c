#include "launch/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pitfall/point.h"

/* Of ioprio_set; the C library has no header for it. */
enum { IOPRIO_WHO_PGRP = 2, IOPRIO_WHO_USER = 3 };

static const char *const descriptor_calls[] = {
    "open",         "openat",        "openat2",      "creat",      "pipe",     "pipe2",     "socket",
    "socketpair",   "accept",        "accept4",      "dup",        "dup2",     "dup3",      "fcntl",
    "epoll_create", "epoll_create1", "eventfd",      "eventfd2",   "signalfd", "signalfd4", "timerfd_create",
    "inotify_init", "inotify_init1", "memfd_create", "pidfd_open", "mq_open",  "recvmsg",   NULL,
};
static const char *const process_calls[] = {"fork", "vfork", "clone", "clone3", NULL};
static const char *const memory_calls[] = {"mmap", "mremap", NULL};
static const char *const size_calls[] = {"write", "pwrite64", "writev", "ftruncate", "truncate", NULL};
static const char *const queue_calls[] = {"mq_open", NULL};
static const char *const pending_calls[] = {"timer_create", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
                                            "pidfd_send_signal", NULL};

static const struct pf_limit_watch watches[] = {
    {"nofile", EMFILE, "EMFILE", descriptor_calls}, {"nproc", EAGAIN, "EAGAIN", process_calls},
    {"as", ENOMEM, "ENOMEM", memory_calls},         {"fsize", EFBIG, "EFBIG", size_calls},
    {"msgqueue", EMFILE, "EMFILE", queue_calls},    {"sigpending", EAGAIN, "EAGAIN", pending_calls},
};

const struct pf_limit_watch *pf_limit_watch_find(int call, int error, const struct pf_limit_watch *after)
{
    for (size_t i = after ? (size_t)(after - watches) + 1 : 0; i < sizeof(watches) / sizeof(watches[0]);
         i++) {
        if (watches[i].error != error)
            continue;
        for (const char *const *name = watches[i].calls; *name; name++)
            if (seccomp_syscall_resolve_name(*name) == call)
                return &watches[i];
    }
    return NULL;
}

/* A call, or only those whose argument, as far as the mask goes, has a value. */
struct use {
    const char *call;
    int argument; /* -1: any use of the call */
    scmp_datum_t mask, value;
};

/*
 * What they do to the containment is seen by nobody who looks at it afterwards: the next ids of IPC objects,
 * how mounts spread, keys, and what was done to the init: to pid 1, or to all of a user or group.
 */
static const struct use lasting_uses[] = {
    {"shmget", -1, 0, 0},
    {"semget", -1, 0, 0},
    {"msgget", -1, 0, 0},
    {"mq_open", -1, 0, 0},
    {"mount", -1, 0, 0},
    {"mount_setattr", -1, 0, 0},
    {"fspick", -1, 0, 0},
    {"add_key", -1, 0, 0},
    {"keyctl", -1, 0, 0},
    {"request_key", -1, 0, 0},
    {"ptrace", -1, 0, 0},
    {"pidfd_getfd", -1, 0, 0},
    {"process_vm_writev", -1, 0, 0},
    {"prlimit64", 0, UINT32_MAX, 1},
    {"sched_setaffinity", 0, UINT32_MAX, 1},
    {"sched_setscheduler", 0, UINT32_MAX, 1},
    {"sched_setparam", 0, UINT32_MAX, 1},
    {"sched_setattr", 0, UINT32_MAX, 1},
    {"setpriority", 0, UINT32_MAX, PRIO_PGRP},
    {"setpriority", 0, UINT32_MAX, PRIO_USER},
    {"setpriority", 1, UINT32_MAX, 1},
    {"ioprio_set", 0, UINT32_MAX, IOPRIO_WHO_PGRP},
    {"ioprio_set", 0, UINT32_MAX, IOPRIO_WHO_USER},
    {"ioprio_set", 1, UINT32_MAX, 1},
};
enum { LASTING_USES = sizeof(lasting_uses) / sizeof(lasting_uses[0]) };

bool pf_filter_sends(const struct pf_filter *filter, int number)
{
    return number > 0 && number < PF_FILTER_SIGNALS && filter->ways.sent[number];
}

bool pf_filter_lasts(const struct pf_filter *filter, int call, const uint64_t *arguments)
{
    if (call < 0 || call >= PF_FILTER_CALLS || !filter->ways.lasting[call])
        return false;
    for (size_t i = 0; i < LASTING_USES; i++) {
        const struct use *use = &lasting_uses[i];
        if (seccomp_syscall_resolve_name(use->call) == call &&
            (use->argument < 0 || (arguments[use->argument] & use->mask) == use->value))
            return true;
    }
    return false;
}

bool pf_filter_watches(const struct pf_filter *filter, int call)
{
    return call >= 0 && call < PF_FILTER_CALLS && filter->ways.watched[call];
}

bool pf_filter_plans_limit(const struct pf_trial *trial, const char *resource)
{
    for (size_t i = 0; i < trial->limit_count; i++)
        if (strcmp(trial->limits[i].resource, resource) == 0)
            return true;
    for (size_t i = 0; i < trial->fault_count; i++)
        for (size_t k = 0; k < trial->faults[i].action_count; k++) {
            const struct pf_action *action = &trial->faults[i].actions[k];
            if (action->kind == PF_ACTION_LIMIT && strcmp(action->resource, resource) == 0)
                return true;
        }
    return false;
}

static void mark(const struct pf_trigger *trigger, bool *calls)
{
    for (size_t i = 0; i < trigger->call_count; i++)
        calls[trigger->calls[i]] = true;
}

/* A notification answers with a result or lets the call go as it is: all else takes the caller's registers.
 */
static bool needs_registers(enum pf_action_kind kind)
{
    switch (kind) {
    case PF_ACTION_SHORT:
    case PF_ACTION_SYSCALL:
    case PF_ACTION_DELAY_EXIT:
    case PF_ACTION_POKE_ENTER:
    case PF_ACTION_POKE_EXIT:
        return true;
    default:
        return false;
    }
}

/* The stack of a caller in a notified call can be read when the call is over, if it is not made. */
static bool ends_call(const struct pf_fault *fault)
{
    for (size_t k = 0; k < fault->action_count; k++) {
        enum pf_action_kind kind = fault->actions[k].kind;
        if (kind == PF_ACTION_ERROR || kind == PF_ACTION_RETVAL ||
            (kind == PF_ACTION_KILL && fault->to == PF_TO_CALLER))
            return true;
    }
    return false;
}

static void find_ways(const struct pf_trial *trial, bool keeps, struct pf_ways *ways)
{
    for (size_t i = 0; i < trial->fault_count; i++) {
        const struct pf_fault *fault = &trial->faults[i];
        mark(&fault->trigger, ways->named);
        for (size_t k = 0; k < fault->action_count; k++) {
            const struct pf_action *action = &fault->actions[k];
            if (action->until)
                mark(action->until, ways->named);
            if (action->kind == PF_ACTION_SIGNAL && action->value < PF_FILTER_SIGNALS)
                ways->sent[action->value] = true;
            if (needs_registers(action->kind) || (trial->stacks && !ends_call(fault)))
                mark(&fault->trigger, ways->traced);
        }
    }
    for (size_t i = 0; keeps && i < LASTING_USES; i++) {
        int call = seccomp_syscall_resolve_name(lasting_uses[i].call);
        if (call >= 0 && call < PF_FILTER_CALLS)
            ways->lasting[call] = true;
    }
    for (size_t i = 0; i < trial->recorded_count; i++)
        ways->traced[trial->recorded[i]] = true;
    for (size_t i = 0; i < sizeof(watches) / sizeof(watches[0]); i++)
        for (const char *const *name = watches[i].calls;
             *name && pf_filter_plans_limit(trial, watches[i].resource); name++) {
            int call = seccomp_syscall_resolve_name(*name);
            if (call >= 0 && call < PF_FILTER_CALLS)
                ways->watched[call] = true;
        }
}

static bool is_traced(const struct pf_ways *ways, int call)
{
    return ways->traced[call] || ways->watched[call];
}

static int add_plan(scmp_filter_ctx context, const struct pf_ways *ways)
{
    int r = 0;
    for (int call = 0; r == 0 && call < PF_FILTER_CALLS; call++) {
        if (is_traced(ways, call))
            r = seccomp_rule_add(context, SCMP_ACT_TRACE(0), call, 0);
        else if (ways->named[call])
            r = seccomp_rule_add(context, SCMP_ACT_NOTIFY, call, 0);
    }
    return r;
}

/* A call that the plan names anyway stops by as a whole. */
static int notify_use(scmp_filter_ctx context, const struct pf_ways *ways, const struct use *use)
{
    int call = seccomp_syscall_resolve_name(use->call);
    if (call < 0 || call >= PF_FILTER_CALLS || ways->named[call] || is_traced(ways, call))
        return 0;
    if (use->argument < 0)
        return seccomp_rule_add(context, SCMP_ACT_NOTIFY, call, 0);
    return seccomp_rule_add(context, SCMP_ACT_NOTIFY, call, 1,
                            SCMP_CMP((unsigned)use->argument, SCMP_CMP_MASKED_EQ, use->mask, use->value));
}

static int notify_lasting(scmp_filter_ctx context, const struct pf_ways *ways)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < LASTING_USES; i++) {
        int call = seccomp_syscall_resolve_name(lasting_uses[i].call);
        if (call >= 0 && call < PF_FILTER_CALLS && ways->lasting[call])
            r = notify_use(context, ways, &lasting_uses[i]);
    }
    return r;
}

/* What the judge has to know of, whatever the plan is. */
static int notify_observed(scmp_filter_ctx context, const struct pf_ways *ways)
{
    static const struct use observed[] = {
        {"prctl", 0, UINT32_MAX, PITFALL_PRCTL},
        {"prctl", 0, UINT32_MAX, PR_SET_PDEATHSIG},
        {"alarm", -1, 0, 0},
        {"setitimer", -1, 0, 0},
        {"timer_settime", -1, 0, 0},
        {"kill", 1, UINT32_MAX, SIGKILL},
        {"tkill", 1, UINT32_MAX, SIGKILL},
        {"tgkill", 2, UINT32_MAX, SIGKILL},
        {"rt_sigqueueinfo", 1, UINT32_MAX, SIGKILL},
        {"pidfd_send_signal", 1, UINT32_MAX, SIGKILL},
        {"unshare", 0, CLONE_NEWPID, CLONE_NEWPID},
        {"setns", -1, 0, 0},
        /* As shm_open and sem_open do when they are not to make it, and hardly anybody else. */
        {"openat", 2, UINT32_MAX & ~(scmp_datum_t)O_CLOEXEC, O_RDWR | O_NOFOLLOW},
        {"openat", 2, UINT32_MAX, O_RDONLY | O_NOFOLLOW | O_CLOEXEC},
#ifdef __x86_64__
        /* As shm_unlink and sem_unlink do, which put the path together on the stack: that of a main thread
         * lies above all that is mapped. Who removes files by the thousand has their paths elsewhere. */
        {"unlink", 0, 0x7ffc00000000, 0x7ffc00000000},
#else
        {"unlink", -1, 0, 0},
#endif
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(observed) / sizeof(observed[0]); i++)
        r = notify_use(context, ways, &observed[i]);
    return r;
}

/* What is set to handle the signals that the plan sends, by those calls only: shells make many of the others.
 */
static int notify_handlers(scmp_filter_ctx context, const struct pf_ways *ways)
{
    int call = seccomp_syscall_resolve_name("rt_sigaction");
    if (call < 0 || ways->named[call] || is_traced(ways, call))
        return 0;
    for (int number = 1; number < PF_FILTER_SIGNALS; number++) {
        int r = ways->sent[number]
                    ? seccomp_rule_add(context, SCMP_ACT_NOTIFY, call, 2,
                                       SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)number),
                                       SCMP_A1(SCMP_CMP_NE, 0))
                    : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* libseccomp writes the program only to a descriptor. */
static int export_program(scmp_filter_ctx context, struct pf_filter *filter)
{
    int fd = memfd_create("pitfall-filter", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat status;
    int r = seccomp_export_bpf(context, fd);
    if (r == 0 && fstat(fd, &status) < 0)
        r = -errno;
    if (r == 0) {
        size_t size = (size_t)status.st_size;
        struct sock_filter *code = pf_arena_alloc(filter->arena, size);
        if (pread(fd, code, size, 0) != (ssize_t)size)
            r = -EIO;
        else
            filter->program =
                (struct sock_fprog){.len = (unsigned short)(size / sizeof(*code)), .filter = code};
    }
    close(fd);
    return r;
}

static int compile(struct pf_filter *filter)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    if (!context)
        return -ENOMEM;
    /* A program of another architecture (32-bit on a 64-bit kernel) runs, unobserved, instead of being
     * killed. */
    int r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    if (r == 0)
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = add_plan(context, &filter->ways);
    if (r == 0)
        r = notify_lasting(context, &filter->ways);
    if (r == 0)
        r = notify_observed(context, &filter->ways);
    if (r == 0)
        r = notify_handlers(context, &filter->ways);
    if (r == 0)
        r = export_program(context, filter);
    seccomp_release(context);
    return r;
}

void pf_filter_free(struct pf_filter *filter)
{
    if (filter)
        pf_arena_free(filter->arena);
}

int pf_filter_build(const struct pf_trial *trial, bool keeps, struct pf_filter **filter,
                    struct pf_error *error)
{
    enum { API_NOTIFY = 5 };
    struct pf_ways ways = {0};
    find_ways(trial, keeps, &ways);
    if (*filter && memcmp(&(*filter)->ways, &ways, sizeof(ways)) == 0)
        return 0;
    pf_filter_free(*filter);
    *filter = NULL;
    if (seccomp_api_get() < API_NOTIFY)
        return pf_error_set(
            error, -ENOSYS,
            "system calls cannot be supervised: seccomp(2) is refused here, or it is older than "
            "Linux 5.0; a container needs a seccomp profile that allows it");
    struct pf_arena *arena = pf_arena_new();
    struct pf_filter *built = pf_arena_alloc(arena, sizeof(*built));
    *built = (struct pf_filter){.arena = arena, .ways = ways};
    int r = compile(built);
    if (r < 0) {
        pf_filter_free(built);
        return pf_error_set(error, r, "the system call filter cannot be built: %s", strerror(-r));
    }
    *filter = built;
    return 0;
}
