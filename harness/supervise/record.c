#include "supervise/record.h"

#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xxhash.h>

#include "model/signature.h"
#include "probe/probe.h"
#include "supervise/names.h"

/* What is beyond runs on unrecorded: a plan of that many points could not be carried out either. */
enum { CALLS_MAX = 200000, TTY_MAJOR = 4, CONSOLE_MAJOR = 5, PTS_MAJOR_FIRST = 136, PTS_MAJOR_LAST = 143 };

/* Reads the stacks of one process. */
struct view {
    const struct pf_process *process;
    struct pf_stacks *stacks;
};

struct pf_recorder {
    struct view *views;
    size_t view_count;
    uint64_t *hashes; /* of the stacks that the trace has, by their number less one */
    size_t hash_count;
    size_t calls;
};

void pf_record_init(struct pf_run *run)
{
    if (run->trial->recorded_count)
        run->recorder = pf_arena_alloc(run->trace->arena, sizeof(*run->recorder));
}

static void close_view(struct pf_recorder *recorder, const struct pf_process *process)
{
    for (size_t i = 0; recorder && i < recorder->view_count; i++)
        if (recorder->views[i].process == process) {
            pf_stacks_close(recorder->views[i].stacks);
            recorder->views[i] = recorder->views[--recorder->view_count];
            return;
        }
}

void pf_record_free(struct pf_run *run)
{
    while (run->recorder && run->recorder->view_count)
        close_view(run->recorder, run->recorder->views[0].process);
}

static struct pf_stacks *stacks_of(struct pf_run *run, const struct pf_process *process)
{
    struct pf_recorder *recorder = run->recorder;
    for (size_t i = 0; i < recorder->view_count; i++)
        if (recorder->views[i].process == process)
            return recorder->views[i].stacks;
    struct view *view =
        pf_arena_grow(run->trace->arena, &recorder->views, &recorder->view_count, sizeof(*view));
    *view = (struct view){.process = process, .stacks = pf_stacks_open(process->pid)};
    return view->stacks;
}

static uint64_t hash_of(const struct pf_frame *frames, size_t count)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        const char *module = frames[i].module ? frames[i].module : "";
        hash = XXH3_64bits_withSeed(module, strlen(module), hash);
        hash = XXH3_64bits_withSeed(&frames[i].offset, sizeof(frames[i].offset), hash);
        /* Of an interpreted program only its own lines tell places apart. */
        const char *function = frames[i].language && frames[i].function ? frames[i].function : "";
        hash = XXH3_64bits_withSeed(function, strlen(function), hash + frames[i].line);
    }
    return hash;
}

/* The number of a stack; one that is new is to be written with its frames. */
static uint64_t number_of(struct pf_run *run, uint64_t hash, bool *ret_new)
{
    struct pf_recorder *recorder = run->recorder;
    *ret_new = false;
    for (size_t i = 0; i < recorder->hash_count; i++)
        if (recorder->hashes[i] == hash)
            return i + 1;
    *ret_new = true;
    *(uint64_t *)pf_arena_grow(run->trace->arena, &recorder->hashes, &recorder->hash_count, sizeof(hash)) =
        hash;
    return recorder->hash_count;
}

static void keep_frames(struct pf_arena *arena, const struct pf_frame *frames, size_t count,
                        struct pf_ev_call *call)
{
    call->frames = pf_arena_alloc(arena, count * sizeof(*frames));
    call->frame_count = count;
    for (size_t i = 0; i < count; i++)
        call->frames[i] = (struct pf_frame){.language = frames[i].language,
                                            .function = pf_arena_strdup(arena, frames[i].function),
                                            .module = pf_arena_strdup(arena, frames[i].module),
                                            .offset = frames[i].offset,
                                            .file = pf_arena_strdup(arena, frames[i].file),
                                            .line = frames[i].line};
}

static void read_stack(struct pf_run *run, const struct pf_task *task, struct pf_ev_call *call)
{
    struct pf_stacks *stacks = stacks_of(run, task->process);
    struct pf_arena *scratch = pf_arena_new();
    struct pf_frame *frames;
    size_t count;
    bool is_new;
    if (pf_stacks_read(stacks, task->tid, scratch, &frames, &count) == 0) {
        call->startup = pf_stacks_loading(stacks);
        call->stack = number_of(run, hash_of(frames, count), &is_new);
        if (is_new)
            keep_frames(run->trace->arena, frames, count, call);
    }
    pf_arena_free(scratch);
}

static const char *kind_of_device(unsigned number)
{
    bool tty = number == TTY_MAJOR || number == CONSOLE_MAJOR ||
               (number >= PTS_MAJOR_FIRST && number <= PTS_MAJOR_LAST);
    return tty ? "tty" : "device";
}

/* What goes through a socket of messages goes whole: the kernel never sends a part of one. */
static const char *kind_of_socket(pid_t pid, int fd)
{
    int type = 0, process = (int)syscall(SYS_pidfd_open, pid, 0);
    int copy = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    bool known = copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)}) == 0;
    if (copy >= 0)
        close(copy);
    if (process >= 0)
        close(process);
    return known && type != SOCK_STREAM ? "message socket" : "socket";
}

/* What a descriptor is. */
static const char *kind_of_fd(pid_t pid, int fd)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    if (stat(path, &status) < 0)
        return NULL;
    switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
        return "pipe";
    case S_IFSOCK:
        return kind_of_socket(pid, fd);
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFCHR:
        return kind_of_device(major(status.st_rdev));
    default:
        return "other";
    }
}

static void count_call(struct pf_run *run)
{
    struct pf_arena *arena = run->trace->arena;
    if (++run->recorder->calls < CALLS_MAX)
        return;
    struct pf_ev_note note = {
        .text = pf_arena_printf(arena, "only the first %d system calls are recorded", CALLS_MAX)};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_NOTE, .note = note});
}

void pf_record_enter(struct pf_run *run, struct pf_task *task, const struct pf_call *entered)
{
    const struct pf_trial *trial = run->trial;
    struct pf_process *process = task->process;
    size_t index = 0;
    while (index < trial->recorded_count && trial->recorded[index] != entered->number)
        index++;
    if (index == trial->recorded_count || !process->execed || run->decided ||
        run->recorder->calls == CALLS_MAX)
        return;
    struct pf_arena *arena = run->trace->arena;
    if (!process->recorded)
        process->recorded = pf_arena_alloc(arena, trial->recorded_count * sizeof(*process->recorded));
    struct pf_ev_call *call = pf_arena_alloc(arena, sizeof(*call));
    call->thread = task->address;
    call->call = pf_call_name(entered->number);
    call->occurrence = ++process->recorded[index];
    if (pf_signature_of(entered->number).fds & 1)
        call->on = kind_of_fd(process->pid, (int)entered->arguments[0]);
    read_stack(run, task, call);
    task->recording = call;
    count_call(run);
}

static void emit(struct pf_run *run, struct pf_task *task, bool returned, int64_t result)
{
    struct pf_ev_call *call = task->recording;
    if (!call)
        return;
    task->recording = NULL;
    call->unreturned = !returned;
    call->result = result;
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_CALL, .call = *call});
}

void pf_record_leave(struct pf_run *run, struct pf_task *task)
{
    struct __ptrace_syscall_info info = {0};
    if (!task->recording)
        return;
    bool known = ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) > 0 &&
                 info.op == PTRACE_SYSCALL_INFO_EXIT;
    emit(run, task, known, known ? info.exit.rval : 0);
}

void pf_record_exec(struct pf_run *run, struct pf_task *task)
{
    emit(run, task, true, 0);
    close_view(run->recorder, task->process);
}

void pf_record_drop(struct pf_run *run, struct pf_task *task)
{
    emit(run, task, false, 0);
    if (task->process->threads <= 1)
        close_view(run->recorder, task->process);
}
