#include "supervise/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "supervise/found.h"

enum {
    STILL_SCANS = 3, /* as in quiet.c */
    ARGUMENTS = 64,  /* of a command line that are kept, and so many bytes of each */
    ARGUMENT_BYTES = 256,
    STACKS_MAX = 128,
};
static const uint64_t MS = 1000 * 1000;
static const uint64_t SOON_NS = 300 * 1000;        /* between two scans that may confirm each other */
static const uint64_t QUIET_NS = 40 * 1000 * 1000; /* so long it may take to come to rest */
static const uint64_t APART_NS = 20 * 1000 * 1000; /* between two looks at those who stand while others run */
static const uint64_t STACKS_NS =
    80 * 1000 * 1000; /* of processor time: a busy machine is no reason to tell less */

/* One tree while it is looked at. */
struct look {
    const struct pf_attach *attach;
    const struct pf_watcher *watcher;
    struct pf_trace *trace;
    struct pf_found found;
    struct pf_sampler *sampler;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static uint64_t now_of(const struct look *look)
{
    return clock_ns(CLOCK_MONOTONIC) - look->trace->start_ns;
}

static void rest(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / (1000 * MS)), .tv_nsec = (long)(ns % (1000 * MS))};
    nanosleep(&time, NULL);
}

static const struct pf_event *emit(struct look *look, struct pf_event event)
{
    event.t_ns = now_of(look);
    return pf_trace_append(look->trace, &event);
}

/* The words of a command line; a kernel thread has none, and a zombie has lost them. */
static void read_command(struct pf_arena *arena, pid_t pid, const char ***ret_words, size_t *ret_count)
{
    char path[64], text[8192];
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    ssize_t length = pf_proc_read(path, text, sizeof(text));
    const char **words = NULL;
    size_t count = 0;
    for (ssize_t at = 0; at < length && count < ARGUMENTS;) {
        size_t size = strlen(text + at);
        *(const char **)pf_arena_grow(arena, &words, &count, sizeof(*words)) =
            pf_arena_strndup(arena, text + at, size < ARGUMENT_BYTES ? size : ARGUMENT_BYTES);
        at += (ssize_t)size + 1;
    }
    *ret_words = words;
    *ret_count = count;
}

static const char *read_path(struct pf_arena *arena, pid_t pid)
{
    char path[64], link[PATH_MAX];
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    ssize_t length = readlink(path, link, sizeof(link));
    return length > 0 ? pf_arena_strndup(arena, link, (size_t)length) : NULL;
}

static void tell_begin(struct look *look, const char *replay)
{
    struct pf_arena *arena = look->trace->arena;
    struct utsname system;
    uname(&system);
    struct pf_ev_begin begin = {.schema = PF_TRACE_SCHEMA,
                                .attached = true,
                                .replay = replay,
                                .environment = {.pitfall = PITFALL_VERSION,
                                                .kernel = pf_arena_strdup(arena, system.release),
                                                .machine = pf_arena_strdup(arena, system.machine)}};
    read_command(arena, look->attach->pids[0], &begin.command, &begin.command_count);
    emit(look, (struct pf_event){.kind = PF_EVENT_BEGIN, .begin = begin});
    const struct pf_found_process *root = look->found.processes[0];
    if (root->tree_pid == root->pid)
        return;
    const char *text =
        pf_arena_printf(arena,
                        "the numbers of processes and threads are those of their own PID namespace: "
                        "%d there is %d here",
                        root->tree_pid, root->pid);
    emit(look, (struct pf_event){.kind = PF_EVENT_NOTE, .note = {.text = text}});
}

static void tell_process(struct look *look, struct pf_found_process *process)
{
    struct pf_arena *arena = look->trace->arena;
    struct pf_ev_fork fork = {.process = process->address,
                              .parent = process->parent ? process->parent->address : NULL,
                              .pid = (uint64_t)process->tree_pid,
                              .how = "found"};
    emit(look, (struct pf_event){.kind = PF_EVENT_FORK, .fork = fork});
    struct pf_ev_exec exec = {.process = process->address, .path = read_path(arena, process->pid)};
    read_command(arena, process->pid, &exec.argv, &exec.argv_count);
    if (exec.path || exec.argv_count)
        emit(look, (struct pf_event){.kind = PF_EVENT_EXEC, .exec = exec});
}

/* Writes down, and lets the sampler know, who has not been told yet. */
static void tell_births(struct look *look)
{
    for (size_t i = 0; i < look->found.process_count; i++) {
        struct pf_found_process *process = look->found.processes[i];
        if (process->news)
            tell_process(look, process);
        for (size_t k = 0; k < process->thread_count; k++) {
            struct pf_found_thread *thread = process->threads[k];
            if (thread->news && thread->tid != process->pid)
                emit(look, (struct pf_event){
                               .kind = PF_EVENT_THREAD,
                               .thread = {.thread = thread->address, .tid = (uint64_t)thread->tree_tid}});
            if (thread->news && !process->zombie)
                pf_sampler_add(look->sampler, process->pid, thread->tid);
            thread->news = false;
        }
        process->news = false;
    }
}

/* Until three scans in a row show no movement, or time is up. */
static bool await_rest(struct look *look, uint64_t end)
{
    for (int still = 0; still < STILL_SCANS;) {
        struct pf_sample sample;
        pf_sampler_scan(look->sampler, true, &sample);
        still = sample.all_asleep && (still == 0 || sample.all_still) ? still + 1 : 0;
        if (now_of(look) > end)
            return false;
        rest(SOON_NS);
    }
    return true;
}

/* A thread that ran since the last complete scan is not waiting, whatever it looked like when it was read. */
static void mark_movers(struct look *look, const struct pf_probe_request *request,
                        struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        for (size_t k = 0; k < request->thread_count; k++)
            if (strcmp(request->threads[k].address, snapshot->threads[i].thread) == 0 &&
                pf_sampler_moved(look->sampler, request->threads[k].tid))
                snapshot->threads[i].wait = (struct pf_wait){.kind = PF_WAIT_NONE};
}

/* Takes a snapshot; *ret_still tells whether nobody moved, came or went meanwhile. */
static int take(struct look *look, struct pf_snapshot *ret_snapshot, bool *ret_still)
{
    struct pf_arena *arena = look->trace->arena;
    struct pf_probe_request request;
    pf_found_request(&look->found, arena, &request);
    int r = pf_probe_snapshot(&request, arena, ret_snapshot);
    if (r < 0)
        return r;
    struct pf_sample after;
    pf_sampler_scan(look->sampler, true, &after);
    mark_movers(look, &request, ret_snapshot);
    r = pf_found_look(&look->found);
    *ret_still = after.all_still && look->found.births == 0 && look->found.deaths == 0;
    return r;
}

static bool is_stuck(const struct look *look, const struct pf_snapshot *snapshot)
{
    return look->watcher && look->watcher->is_stuck &&
           look->watcher->is_stuck(look->watcher->context, look->trace, snapshot);
}

static const struct pf_event *keep(struct look *look, struct pf_snapshot snapshot,
                                   enum pf_snapshot_reason reason, bool *ret_stuck)
{
    snapshot.reason = reason;
    *ret_stuck = is_stuck(look, &snapshot);
    return emit(look, (struct pf_event){.kind = PF_EVENT_SNAPSHOT, .snapshot = snapshot});
}

/* Returns the snapshot event to judge by, NULL with *ret_code when the tree went away. */
static const struct pf_event *observe(struct look *look, bool *ret_stuck, int *ret_code)
{
    struct pf_snapshot snapshot = {0};
    uint64_t end = now_of(look) + QUIET_NS;
    bool still = false;
    int r = 0;
    while (r == 0 && !still && await_rest(look, end)) {
        r = take(look, &snapshot, &still);
        tell_births(look);
    }
    if (r == 0 && still)
        return keep(look, snapshot, PF_SNAPSHOT_QUIET, ret_stuck);
    const struct pf_event *event = NULL;
    /* Some always run. What two looks agree on was so all the time between them. */
    for (int i = 0; r == 0 && i < 2; i++) {
        struct pf_sample before;
        if (i > 0)
            rest(APART_NS);
        pf_sampler_scan(look->sampler, true, &before);
        r = take(look, &snapshot, &still);
        tell_births(look);
        if (r == 0)
            event = keep(look, snapshot, PF_SNAPSHOT_PARTIAL, ret_stuck);
    }
    *ret_code = r;
    return r == 0 ? event : NULL;
}

static bool is_blocked(const struct pf_snapshot *snapshot, const char *thread)
{
    const struct pf_thread_state *state = pf_snapshot_thread(snapshot, thread);
    return state && state->wait.kind != PF_WAIT_NONE && state->wait.kind != PF_WAIT_EXIT;
}

struct reading {
    struct pf_ev_stack stack;
    pid_t tid;
};

static void read_stacks(struct look *look, const struct pf_found_process *process,
                        const struct pf_snapshot *snapshot, uint64_t end, struct reading **readings,
                        size_t *count)
{
    struct pf_arena *arena = look->trace->arena;
    struct pf_stacks *stacks = NULL;
    for (size_t k = 0; k < process->thread_count && *count < STACKS_MAX; k++) {
        const struct pf_found_thread *thread = process->threads[k];
        struct reading reading = {.stack = {.thread = thread->address}, .tid = thread->tid};
        if (clock_ns(CLOCK_PROCESS_CPUTIME_ID) > end)
            break;
        if (!thread->here || !is_blocked(snapshot, thread->address))
            continue;
        if (!stacks && !(stacks = pf_stacks_open_live(thread->tid)))
            break;
        if (pf_stacks_read(stacks, thread->tid, arena, &reading.stack.frames, &reading.stack.frame_count) ==
            0)
            *(struct reading *)pf_arena_grow(arena, readings, count, sizeof(reading)) = reading;
    }
    pf_stacks_close(stacks);
}

/* Where those stand who do not move. A thread that moved while the stacks were read has none. */
static void tell_stacks(struct look *look, const struct pf_snapshot *snapshot)
{
    struct reading *readings = NULL;
    size_t count = 0;
    uint64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + STACKS_NS;
    for (size_t i = 0; i < look->found.process_count; i++) {
        const struct pf_found_process *process = look->found.processes[i];
        if (process->here && !process->zombie && clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
            read_stacks(look, process, snapshot, end, &readings, &count);
    }
    struct pf_sample sample;
    pf_sampler_scan(look->sampler, true, &sample);
    for (size_t i = 0; i < count; i++)
        if (!pf_sampler_moved(look->sampler, readings[i].tid))
            emit(look, (struct pf_event){.kind = PF_EVENT_STACK, .stack = readings[i].stack});
}

static void tell_verdict(struct look *look, const struct pf_event *snapshot, bool stuck)
{
    struct pf_ev_verdict verdict = {.kind = stuck ? PF_VERDICT_PROVEN : PF_VERDICT_OBSERVED,
                                    .snapshot = snapshot->seq};
    for (size_t i = 0; i < look->found.process_count; i++)
        if (look->found.processes[i]->here && !look->found.processes[i]->zombie)
            *(const char **)pf_arena_grow(look->trace->arena, &verdict.survivors, &verdict.survivor_count,
                                          sizeof(*verdict.survivors)) = look->found.processes[i]->address;
    emit(look, (struct pf_event){.kind = PF_EVENT_VERDICT, .verdict = verdict});
}

static const char *replay_of(const struct pf_attach *attach, struct pf_arena *arena)
{
    const char *text = "pitfall diagnose";
    for (size_t i = 0; i < attach->pid_count; i++)
        text = pf_arena_printf(arena, "%s %d", text, attach->pids[i]);
    return text;
}

static int gone(const struct pf_attach *attach, struct pf_error *error)
{
    return pf_error_set(error, -ESRCH, "process %d ended while it was looked at", attach->pids[0]);
}

/* From the first look to the end event. */
static int carry_out(struct look *look, struct pf_error *error)
{
    int r = pf_found_look(&look->found);
    if (r < 0)
        return gone(look->attach, error);
    tell_begin(look, replay_of(look->attach, look->trace->arena));
    tell_births(look);
    bool stuck = false;
    const struct pf_event *snapshot = observe(look, &stuck, &r);
    if (snapshot) {
        if (look->attach->stacks)
            tell_stacks(look, &snapshot->snapshot);
        tell_verdict(look, snapshot, stuck);
    }
    int code = snapshot ? 0 : gone(look->attach, error);
    struct pf_ev_end end = {.error = code ? pf_arena_strdup(look->trace->arena, error->message) : NULL};
    emit(look, (struct pf_event){.kind = PF_EVENT_END, .end = end});
    return code;
}

int pf_attach_look(const struct pf_attach *attach, const struct pf_watcher *watcher, struct pf_trace *trace,
                   struct pf_error *error)
{
    pid_t *pids = pf_arena_alloc(trace->arena, attach->pid_count * sizeof(*pids));
    for (size_t i = 0; i < attach->pid_count; i++) {
        int r = pf_attach_check(attach->pids[i], &pids[i], error);
        if (r < 0)
            return r;
    }
    const struct pf_attach checked = {.pids = pids, .pid_count = attach->pid_count, .stacks = attach->stacks};
    struct look look = {.attach = &checked,
                        .watcher = watcher,
                        .trace = trace,
                        .found = {.arena = trace->arena, .pids = pids, .pid_count = attach->pid_count},
                        .sampler = pf_sampler_new()};
    trace->start_ns = clock_ns(CLOCK_MONOTONIC);
    int r = carry_out(&look, error);
    pf_sampler_free(look.sampler);
    return r;
}
