#include "model/snapshot.h"

#include <string.h>

static const char *const object_kinds[] = {
    [PF_OBJECT_OTHER] = "other",     [PF_OBJECT_PIPE] = "pipe",       [PF_OBJECT_FIFO] = "fifo",
    [PF_OBJECT_SOCKET] = "socket",   [PF_OBJECT_FILE] = "file",       [PF_OBJECT_TTY] = "tty",
    [PF_OBJECT_EVENTFD] = "eventfd", [PF_OBJECT_TIMERFD] = "timerfd", [PF_OBJECT_SIGNALFD] = "signalfd",
    [PF_OBJECT_EPOLL] = "epoll",     [PF_OBJECT_PIDFD] = "pidfd",     [PF_OBJECT_INOTIFY] = "inotify",
    [PF_OBJECT_MQUEUE] = "mqueue",   [PF_OBJECT_FUTEX] = "futex",     [PF_OBJECT_SYSV] = "sysv",
};
_Static_assert(sizeof(object_kinds) / sizeof(object_kinds[0]) == PF_OBJECT__COUNT, "a name for every kind");

static const char *const wait_kinds[] = {
    [PF_WAIT_NONE] = "none",   [PF_WAIT_SLEEP] = "sleep",         [PF_WAIT_READ] = "read",
    [PF_WAIT_WRITE] = "write", [PF_WAIT_ACCEPT] = "accept",       [PF_WAIT_CONNECT] = "connect",
    [PF_WAIT_POLL] = "poll",   [PF_WAIT_CHILD] = "child",         [PF_WAIT_FUTEX] = "futex",
    [PF_WAIT_LOCK] = "lock",   [PF_WAIT_OPEN] = "open",           [PF_WAIT_SIGNAL] = "signal",
    [PF_WAIT_VFORK] = "vfork", [PF_WAIT_SEMAPHORE] = "semaphore", [PF_WAIT_EXIT] = "exit",
    [PF_WAIT_HELD] = "held",   [PF_WAIT_STOPPED] = "stopped",     [PF_WAIT_UNKNOWN] = "unknown",
};
_Static_assert(sizeof(wait_kinds) / sizeof(wait_kinds[0]) == PF_WAIT__COUNT, "a name for every kind");

static const char *const futex_kinds[] = {
    [PF_FUTEX_PLAIN] = "plain",   [PF_FUTEX_MUTEX] = "mutex",     [PF_FUTEX_ROBUST] = "robust-mutex",
    [PF_FUTEX_PI] = "pi-mutex",   [PF_FUTEX_JOIN] = "join",       [PF_FUTEX_SEMAPHORE] = "semaphore",
    [PF_FUTEX_RWLOCK] = "rwlock", [PF_FUTEX_BARRIER] = "barrier", [PF_FUTEX_CONDITION] = "condition",
};
_Static_assert(sizeof(futex_kinds) / sizeof(futex_kinds[0]) == PF_FUTEX__COUNT, "a name for every kind");

static const char *const reasons[] = {
    [PF_SNAPSHOT_QUIET] = "quiet",
    [PF_SNAPSHOT_PARTIAL] = "partial",
    [PF_SNAPSHOT_DEADLINE] = "deadline",
    [PF_SNAPSHOT_ASKED] = "asked",
};
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == PF_SNAPSHOT__COUNT, "a name for every reason");

const struct pf_names pf_object_kind_names = PF_NAMES(object_kinds);
const struct pf_names pf_wait_kind_names = PF_NAMES(wait_kinds);
const struct pf_names pf_futex_kind_names = PF_NAMES(futex_kinds);
const struct pf_names pf_snapshot_reason_names = PF_NAMES(reasons);

static const struct pf_field holder_fields[] = {
    PF_VALUE(struct pf_holder, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_holder, INT, fd, PF_ALWAYS),
    PF_VALUE(struct pf_holder, BOOL, reads),
    PF_VALUE(struct pf_holder, BOOL, writes),
    PF_VALUE(struct pf_holder, BOOL, cloexec),
};
static const struct pf_record holder_record = PF_RECORD(struct pf_holder, holder_fields);

static const struct pf_field lock_fields[] = {
    PF_VALUE(struct pf_file_lock, STRING, type, PF_NEEDED),
    PF_VALUE(struct pf_file_lock, BOOL, exclusive),
    PF_VALUE(struct pf_file_lock, BOOL, inherited),
    PF_VALUE(struct pf_file_lock, STRING, process),
};
static const struct pf_record lock_record = PF_RECORD(struct pf_file_lock, lock_fields);

static const struct pf_field futex_fields[] = {
    PF_ENUM(struct pf_futex, kind, pf_futex_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_futex, UINT, address),
    PF_VALUE(struct pf_futex, UINT, word),
    PF_VALUE(struct pf_futex, BOOL, shared),
    PF_VALUE(struct pf_futex, BOOL, process_only),
    PF_VALUE(struct pf_futex, UINT, owner_tid),
    PF_VALUE(struct pf_futex, STRING, owner),
    PF_VALUE(struct pf_futex, STRING, dead_owner),
    PF_VALUE(struct pf_futex, BOOL, owner_elsewhere),
    PF_VALUE(struct pf_futex, UINT, readers),
    PF_VALUE(struct pf_futex, UINT, missing),
    PF_VALUE(struct pf_futex, STRING, place),
    PF_ARRAY(struct pf_futex, STRINGS, processes, process_count),
};
static const struct pf_record futex_record = PF_RECORD(struct pf_futex, futex_fields);

static const struct pf_field object_fields[] = {
    PF_VALUE(struct pf_object, STRING, id, PF_NEEDED),
    PF_ENUM(struct pf_object, kind, pf_object_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_object, STRING, path),
    PF_VALUE(struct pf_object, STRING, peer),
    PF_VALUE(struct pf_object, BOOL, peer_outside),
    PF_VALUE(struct pf_object, BOOL, external),
    PF_VALUE(struct pf_object, STRING, external_why),
    PF_VALUE(struct pf_object, BOOL, by_name),
    PF_VALUE(struct pf_object, BOOL, named),
    PF_VALUE(struct pf_object, BOOL, listening),
    PF_VALUE(struct pf_object, UINT, queued),
    PF_VALUE(struct pf_object, UINT, capacity),
    PF_ARRAY(struct pf_object, RECORDS, holders, holder_count, .record = &holder_record),
    PF_ARRAY(struct pf_object, RECORDS, locks, lock_count, .record = &lock_record),
    PF_ARRAY(struct pf_object, STRINGS, members, member_count),
    PF_ARRAY(struct pf_object, STRINGS, edges, edge_count),
    PF_ARRAY(struct pf_object, STRINGS, disarmed, disarmed_count),
    PF_VALUE(struct pf_object, STRING, pid_of),
    PF_VALUE(struct pf_object, BOOL, armed),
    PF_VALUE(struct pf_object, UINT, signals),
    PF_VALUE(struct pf_object, RECORD, futex, .record = &futex_record),
};
static const struct pf_record object_record = PF_RECORD(struct pf_object, object_fields);

static const struct pf_field target_fields[] = {
    PF_VALUE(struct pf_target, STRING, object),     PF_VALUE(struct pf_target, STRING, process),
    PF_VALUE(struct pf_target, INT, fd, PF_ALWAYS), PF_VALUE(struct pf_target, BOOL, readable),
    PF_VALUE(struct pf_target, BOOL, writable),
};
static const struct pf_record target_record = PF_RECORD(struct pf_target, target_fields);

static const struct pf_field wait_fields[] = {
    PF_ENUM(struct pf_wait, kind, pf_wait_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_wait, STRING, call),
    PF_VALUE(struct pf_wait, BOOL, timed),
    PF_VALUE(struct pf_wait, UINT, timeout_ns),
    PF_VALUE(struct pf_wait, BOOL, children),
    PF_VALUE(struct pf_wait, UINT, signals),
    PF_VALUE(struct pf_wait, UINT, pending),
    PF_VALUE(struct pf_wait, STRING, detail),
    PF_ARRAY(struct pf_wait, RECORDS, targets, target_count, .record = &target_record),
};
static const struct pf_record wait_record = PF_RECORD(struct pf_wait, wait_fields);

static const struct pf_field thread_fields[] = {
    PF_VALUE(struct pf_thread_state, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_thread_state, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_thread_state, STRING, name),
    PF_VALUE(struct pf_thread_state, UINT, tid),
    PF_VALUE(struct pf_thread_state, STRING, state),
    PF_VALUE(struct pf_thread_state, INLINE, wait, .record = &wait_record, PF_ALWAYS),
};
static const struct pf_record thread_record = PF_RECORD(struct pf_thread_state, thread_fields);

static const struct pf_field process_fields[] = {
    PF_VALUE(struct pf_process_state, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_process_state, STRING, parent),
    PF_VALUE(struct pf_process_state, STRING, name),
    PF_VALUE(struct pf_process_state, UINT, pid),
    PF_VALUE(struct pf_process_state, BOOL, zombie),
    PF_VALUE(struct pf_process_state, BOOL, timer),
    PF_VALUE(struct pf_process_state, BOOL, alarm_unseen),
    PF_VALUE(struct pf_process_state, BOOL, catches_sigchld),
    PF_VALUE(struct pf_process_state, BOOL, has_read),
    PF_VALUE(struct pf_process_state, BOOL, wrote_nothing),
    PF_VALUE(struct pf_process_state, BOOL, handles_nothing),
    PF_VALUE(struct pf_process_state, BOOL, handles_requests),
};
static const struct pf_record process_record = PF_RECORD(struct pf_process_state, process_fields);

static const struct pf_field snapshot_fields[] = {
    PF_ENUM(struct pf_snapshot, reason, pf_snapshot_reason_names, PF_ALWAYS),
    PF_VALUE(struct pf_snapshot, UINT, quiet_since_ns),
    PF_ARRAY(struct pf_snapshot, RECORDS, processes, process_count, .record = &process_record),
    PF_ARRAY(struct pf_snapshot, RECORDS, threads, thread_count, .record = &thread_record),
    PF_ARRAY(struct pf_snapshot, RECORDS, objects, object_count, .record = &object_record),
    PF_ARRAY(struct pf_snapshot, STRINGS, unknown, unknown_count),
    PF_ARRAY(struct pf_snapshot, STRINGS, strangers, stranger_count),
};
const struct pf_record pf_snapshot_record = PF_RECORD(struct pf_snapshot, snapshot_fields);

bool pf_wait_is_real(enum pf_wait_kind kind)
{
    return kind != PF_WAIT_NONE && kind != PF_WAIT_EXIT && kind != PF_WAIT_HELD;
}

bool pf_futex_reached_by(const struct pf_futex *futex, const char *process)
{
    for (size_t i = 0; i < futex->process_count; i++)
        if (strcmp(futex->processes[i], process) == 0)
            return true;
    return false;
}

const struct pf_object *pf_snapshot_object(const struct pf_snapshot *snapshot, const char *id)
{
    for (size_t i = 0; id && i < snapshot->object_count; i++)
        if (strcmp(snapshot->objects[i].id, id) == 0)
            return &snapshot->objects[i];
    return NULL;
}

const struct pf_process_state *pf_snapshot_process(const struct pf_snapshot *snapshot, const char *address)
{
    for (size_t i = 0; address && i < snapshot->process_count; i++)
        if (strcmp(snapshot->processes[i].process, address) == 0)
            return &snapshot->processes[i];
    return NULL;
}

const struct pf_thread_state *pf_snapshot_thread(const struct pf_snapshot *snapshot, const char *address)
{
    for (size_t i = 0; address && i < snapshot->thread_count; i++)
        if (strcmp(snapshot->threads[i].thread, address) == 0)
            return &snapshot->threads[i];
    return NULL;
}
