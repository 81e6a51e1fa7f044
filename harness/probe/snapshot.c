/*
 * Putting a snapshot together.
 *
 * Nobody is stopped while it is read, so each thread is looked at twice: before and after everything else.
 * Whoever has run in between counts as moving. What is left is one consistent picture: all that it says about
 * a thread held from the thread's first reading to its last, and so all of it held at once in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/alarms.h"
#include "probe/calls.h"
#include "probe/futexes.h"
#include "probe/objects.h"
#include "probe/python_signals.h"
#include "probe/readings.h"
#include "probe/sockets.h"
#include "probe/strangers.h"

/* Threads whose files stay open from the first look to the last; the rest are opened twice. */
enum { KEPT_OPEN = 128 };

/* Who holds a thread of a tree that was found in a stop of ptrace. */
static const char *debugger_of(struct pf_survey *survey, const struct pf_probe_thread *thread)
{
    struct pf_task_status status;
    char path[64], name[64] = "";
    if (pf_proc_status(thread->tid, &status) || !status.tracer)
        return NULL;
    snprintf(path, sizeof(path), "/proc/%d/comm", status.tracer);
    if (pf_proc_read(path, name, sizeof(name)) <= 0)
        return NULL;
    name[strcspn(name, "\n")] = '\0';
    const struct pf_site *site = pf_survey_site(survey, status.tracer);
    return site ? pf_arena_printf(survey->arena, "by a debugger, %s (%s)", site->process->address, name)
                : pf_arena_printf(survey->arena, "by a debugger, %s (process %d)", name, status.tracer);
}

/* Memory that has no page yet is touched in no call; another program may be asked to bring the page. */
static const char *outside_of_calls(const struct pf_probe_thread *thread)
{
    char function[128];
    pf_proc_wchan(thread->pid, thread->tid, function, sizeof(function));
    return strcmp(function, "handle_userfault") == 0
               ? "for a page of its memory that whoever reads its userfaultfd is to bring"
               : "in no system call, as who waits for a page of its memory";
}

/* The states that decide without a look at the system call. Returns false when that is needed. */
static bool decode_state(const struct pf_probe_thread *thread, const struct pf_reading *reading,
                         struct pf_survey *survey, struct pf_wait *wait)
{
    char state = reading->gone ? 'X' : reading->stat.state;
    if (state == 'Z' || state == 'X') {
        wait->kind = PF_WAIT_EXIT;
    } else if (thread->held) {
        wait->kind = PF_WAIT_HELD;
    } else if (thread->stopped || state == 'T') {
        wait->kind = PF_WAIT_STOPPED;
    } else if (state == 't' && survey->request->found) {
        wait->kind = PF_WAIT_STOPPED;
        wait->detail = debugger_of(survey, thread);
    } else if (reading->refused) {
        wait->kind = PF_WAIT_UNKNOWN;
        wait->detail = pf_arena_printf(survey->arena, "it cannot be read: %s", strerror(-reading->refused));
        pf_survey_unknown(survey, "%s: %s", thread->address, wait->detail);
    } else if (state == 'R' || state == 't' || reading->call.state == PF_CALL_RUNNING) {
        wait->kind = PF_WAIT_NONE; /* in a stop of ptrace the harness is about to let it go on */
    } else if (reading->call.state == PF_CALL_OUTSIDE) {
        wait->kind = PF_WAIT_UNKNOWN;
        wait->detail = outside_of_calls(thread);
        pf_survey_unknown(survey, "%s: blocked in the kernel: %s", thread->address, wait->detail);
    } else {
        return false;
    }
    return true;
}

/* A program of 32 bits has other call numbers and layouts. Both its addresses lie below 4 GiB. */
static bool is_32_bit(const struct pf_task_call *call)
{
    return sizeof(void *) == 8 && call->stack >> 32 == 0 && call->instruction >> 32 == 0;
}

/* The harness answers intercepted calls in a moment, or holds them: a thread there is not in its call yet. */
static bool is_intercepted(const struct pf_probe_thread *thread)
{
    char function[128];
    pf_proc_wchan(thread->pid, thread->tid, function, sizeof(function));
    return strstr(function, "seccomp") != NULL;
}

/*
 * A control group that is frozen (as `docker pause` does it) keeps its threads on their way out of whatever
 * call they were in, done or not. Of a tree that was launched it is enough to ask the main threads: all are
 * frozen together.
 */
static bool is_frozen(const struct pf_survey *survey, const struct pf_probe_thread *thread)
{
    char function[128];
    if (!survey->request->found && thread->tid != thread->pid)
        return false;
    pf_proc_wchan(thread->pid, thread->tid, function, sizeof(function));
    return strcmp(function, "get_signal") == 0 || strcmp(function, "do_freezer_trap") == 0;
}

static void decode_thread(struct pf_survey *survey, const struct pf_probe_thread *thread,
                          const struct pf_reading *reading, struct pf_wait *wait)
{
    if (decode_state(thread, reading, survey, wait))
        return;
    if (is_frozen(survey, thread)) {
        wait->kind = PF_WAIT_STOPPED;
        wait->detail = "by its control group, which is frozen";
        return;
    }
    struct pf_blocked blocked = {
        .survey = survey,
        .thread = thread,
        .site = pf_survey_site(survey, thread->pid),
        .call = &reading->call,
        .wait = wait,
    };
    if (!blocked.site)
        pf_wait_set_unknown(&blocked, "its process is not in the request");
    else if (blocked.site->nested)
        pf_wait_set_unknown(&blocked,
                            "it runs in a PID namespace of its own, whose numbers are not translated");
    else if (reading->stat.state == 'D' && !thread->vfork_parent)
        /* As for a disk or a server of files, whatever the call is for. */
        pf_wait_set_unknown(&blocked, "waiting uninterruptibly");
    else if (is_32_bit(&reading->call))
        pf_wait_set_unknown(&blocked, "a program of another word size is not read");
    else if (blocked.site->status.filtered && is_intercepted(thread))
        wait->kind = PF_WAIT_HELD;
    else
        pf_call_decode(&blocked);
}

/* The C library's own: for pthread_cancel and setuid. */
static const uint64_t library_signals = 1ull << 31 | 1ull << 32;

/*
 * A handler for any but these may be run by somebody outside, or by the kernel for something that happens
 * outside (SIGIO, SIGURG), and may do whatever ends a wait. These are brought about by what the process does
 * itself, or are told of elsewhere: the ends of children, and timers.
 */
static const uint64_t own_signals = 1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGABRT - 1) |
                                    1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) | 1ull << (SIGSEGV - 1) |
                                    1ull << (SIGPIPE - 1) | 1ull << (SIGALRM - 1) | 1ull << (SIGCHLD - 1) |
                                    1ull << (SIGXCPU - 1) | 1ull << (SIGXFSZ - 1) | 1ull << (SIGVTALRM - 1) |
                                    1ull << (SIGPROF - 1) | 1ull << (SIGSYS - 1) | library_signals;

/*
 * CPython handles SIGINT in every program, and most leave it at that: the handler only ends what it
 * interrupts. Of others who handle it that is not known: some wait for nothing else. Who may be CPython is
 * told by the one signal that it ignores from its first moment on and that hardly anybody else does, SIGXFSZ;
 * what its handler is, by its memory.
 */
static bool handles_requests(struct pf_survey *survey, const struct pf_site *site)
{
    uint64_t interrupt = 1ull << (SIGINT - 1), handled = site->status.handlers & ~own_signals;
    bool may_be_python = site->status.ignored & 1ull << (SIGXFSZ - 1);
    if (handled != interrupt || !may_be_python)
        return handled;
    uint64_t this_look = 0;
    uint64_t *place = site->process->python_handlers ? site->process->python_handlers : &this_look;
    if (!*place)
        *place = survey->python_handlers; /* forked from one another, they have it at the same place */
    bool ends = pf_python_interrupt_ends(site->reader, place);
    survey->python_handlers = *place;
    return !ends;
}

static bool has_posix_timer(const struct pf_site *site)
{
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/timers", site->reader);
    return pf_proc_read(path, text, sizeof(text)) > 0;
}

static void describe_traffic(const struct pf_site *site, struct pf_process_state *state)
{
    struct pf_traffic traffic;
    if (pf_proc_traffic(site->reader, &traffic) < 0)
        return;
    state->has_read = traffic.read > 0;
    state->wrote_nothing = traffic.written == 0;
}

static void describe_process(struct pf_survey *survey, const struct pf_site *site)
{
    struct pf_snapshot *snapshot = survey->snapshot;
    struct pf_process_state *state =
        pf_arena_grow(survey->arena, &snapshot->processes, &snapshot->process_count, sizeof(*state));
    uint64_t handlers = site->status.handlers;
    state->process = site->process->address;
    state->parent = site->parent;
    state->name = pf_arena_strdup(survey->arena, site->stat.name);
    state->pid = (uint64_t)site->process->tree_pid;
    state->zombie = site->process->zombie || !site->reader;
    state->timer = site->process->timer || (site->reader && has_posix_timer(site));
    if (state->zombie)
        return;
    state->catches_sigchld = handlers >> (SIGCHLD - 1) & 1;
    state->handles_nothing = (handlers & ~library_signals) == 0;
    state->handles_requests = handles_requests(survey, site);
    describe_traffic(site, state);
    if (survey->request->found)
        pf_alarms_describe(survey, site, state);
}

static void describe_thread(struct pf_survey *survey, const struct pf_probe_thread *thread,
                            const struct pf_reading *reading)
{
    struct pf_snapshot *snapshot = survey->snapshot;
    struct pf_thread_state *state =
        pf_arena_grow(survey->arena, &snapshot->threads, &snapshot->thread_count, sizeof(*state));
    state->thread = thread->address;
    state->process = thread->process;
    state->name = pf_arena_strdup(survey->arena, reading->stat.name);
    state->tid = (uint64_t)thread->tree_tid;
    state->state = pf_arena_printf(survey->arena, "%c", reading->gone ? 'X' : reading->stat.state);
    decode_thread(survey, thread, reading, &state->wait);
}

static void settle_objects(struct pf_survey *survey)
{
    struct pf_snapshot *snapshot = survey->snapshot;
    pf_futexes_settle(survey);
    if (survey->request->found)
        pf_strangers_look(survey);
    snapshot->object_count = survey->object_count;
    snapshot->objects = pf_arena_alloc(survey->arena, (survey->object_count + 1) * sizeof(struct pf_object));
    for (size_t i = 0; i < survey->object_count; i++) {
        struct pf_object *object = survey->objects[i];
        if (survey->hidden_hand)
            pf_object_set_external(object, survey->hidden_hand);
        if (survey->hidden_holder && object->kind != PF_OBJECT_FUTEX)
            pf_object_set_external(object, survey->hidden_holder);
        snapshot->objects[i] = *object;
    }
}

static void keep_strings(struct pf_survey *survey)
{
    /* The request may not outlive the call; addresses are shared by many records, so each is copied once. */
    const struct pf_probe_request *request = survey->request;
    struct pf_probe_request *copy = pf_arena_alloc(survey->arena, sizeof(*copy));
    struct pf_probe_process *processes =
        pf_arena_alloc(survey->arena, (request->process_count + 1) * sizeof(*processes));
    struct pf_probe_thread *threads =
        pf_arena_alloc(survey->arena, (request->thread_count + 1) * sizeof(*threads));
    struct pf_probe_dead *dead = pf_arena_alloc(survey->arena, (request->dead_count + 1) * sizeof(*dead));
    for (size_t i = 0; i < request->process_count; i++) {
        processes[i] = request->processes[i];
        processes[i].address = pf_arena_strdup(survey->arena, processes[i].address);
        processes[i].parent = pf_arena_strdup(survey->arena, processes[i].parent);
    }
    for (size_t i = 0; i < request->thread_count; i++) {
        threads[i] = request->threads[i];
        threads[i].address = pf_arena_strdup(survey->arena, threads[i].address);
        threads[i].process = pf_arena_strdup(survey->arena, threads[i].process);
        threads[i].vfork_child = pf_arena_strdup(survey->arena, threads[i].vfork_child);
    }
    for (size_t i = 0; i < request->dead_count; i++) {
        dead[i] = request->dead[i];
        dead[i].address = pf_arena_strdup(survey->arena, dead[i].address);
    }
    *copy = *request;
    copy->processes = processes;
    copy->threads = threads;
    copy->dead = dead;
    survey->request = copy;
}

static void fill(struct pf_survey *survey, struct pf_reading *readings)
{
    const struct pf_probe_request *request = survey->request;
    pf_survey_read_sites(survey, readings);
    for (size_t i = 0; i < request->process_count; i++)
        describe_process(survey, &survey->sites[i]);
    for (size_t i = 0; i < request->thread_count; i++)
        describe_thread(survey, &request->threads[i], &readings[i]);
    for (size_t i = 0; i < request->thread_count; i++)
        if (pf_reading_end(&request->threads[i], request, &readings[i]))
            survey->snapshot->threads[i].wait = (struct pf_wait){.kind = PF_WAIT_NONE};
    pf_sockets_look_outside(survey);
    settle_objects(survey);
}

int pf_probe_snapshot(const struct pf_probe_request *request, struct pf_arena *arena,
                      struct pf_snapshot *ret_snapshot)
{
    struct pf_snapshot snapshot = {0};
    struct pf_survey survey = {.request = request, .arena = arena, .snapshot = &snapshot};
    keep_strings(&survey);
    request = survey.request;
    struct pf_reading *readings = pf_arena_alloc(arena, (request->thread_count + 1) * sizeof(*readings));
    survey.sites = pf_arena_alloc(arena, (request->process_count + 1) * sizeof(*survey.sites));
    for (size_t i = 0; i < request->thread_count; i++)
        pf_reading_begin(&request->threads[i], request, i < KEPT_OPEN, &readings[i]);
    fill(&survey, readings);
    snapshot.reason = ret_snapshot->reason;
    snapshot.quiet_since_ns = ret_snapshot->quiet_since_ns;
    *ret_snapshot = snapshot;
    return 0;
}

int pf_probe_given(const int *numbers, size_t count, struct pf_arena *arena, const char **ret_ids)
{
    const struct pf_probe_process self = {.address = "0", .pid = getpid()};
    struct pf_snapshot snapshot = {0};
    struct pf_survey survey = {
        .request = &(struct pf_probe_request){0}, .arena = arena, .snapshot = &snapshot};
    struct pf_site site = {.process = &self, .reader = self.pid};
    int r = pf_site_read_some_fds(&survey, &site, numbers, count);
    for (size_t i = 0; i < count && r == 0; i++)
        ret_ids[i] = pf_object_id(&survey, &site, &site.fds[i]);
    return r;
}
