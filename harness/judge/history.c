#include "judge/history.h"

#include <signal.h>
#include <string.h>

#include "model/path.h"

static size_t births(const struct pf_trace *trace)
{
    size_t count = 0;
    for (size_t i = 0; i < trace->count; i++)
        count += trace->events[i]->kind == PF_EVENT_FORK;
    return count;
}

const char *pf_process_of(const char *thread, struct pf_arena *arena)
{
    const char *slash = thread ? strchr(thread, '/') : NULL;
    return slash ? pf_arena_strndup(arena, thread, (size_t)(slash - thread)) : thread;
}

/* A mutable view for building; everybody else gets const. */
static struct pf_life *life_of(const struct pf_history *history, const char *process)
{
    size_t i = pf_lookup_find(&history->index, process);
    return i == PF_NOWHERE ? NULL : &history->lives[i];
}

const struct pf_life *pf_history_life(const struct pf_history *history, const char *process)
{
    return life_of(history, process);
}

static void be_born(struct pf_history *history, const struct pf_event *event)
{
    if (life_of(history, event->fork.process))
        return;
    const struct pf_life *parent = pf_history_life(history, event->fork.parent);
    struct pf_life *life = &history->lives[history->life_count];
    *life = (struct pf_life){
        .process = event->fork.process,
        .parent = event->fork.parent,
        .name = parent && !pf_trace_begin(history->trace)->no_execs ? parent->name : NULL,
        .fork = event,
        .parents_threads = parent ? parent->threads : 0,
    };
    pf_lookup_put(&history->index, life->process, history->life_count++);
}

/* What aims at one process is that process's; what aims at a group may have struck anybody. */
static void aim(struct pf_history *history, struct pf_arena *arena, const struct pf_event *event,
                const char *address, bool group)
{
    struct pf_life *life = life_of(history, pf_process_of(address, arena));
    const struct pf_event **slot = NULL;
    if (group)
        slot = pf_arena_grow(arena, &history->broadcasts, &history->broadcast_count, sizeof(*slot));
    else if (life)
        slot = pf_arena_grow(arena, &life->signals, &life->signal_count, sizeof(*slot));
    if (slot)
        *slot = event;
}

static void aim_fault(struct pf_history *history, struct pf_arena *arena, const struct pf_event *event)
{
    const char *target = event->inject.target;
    bool group = target && !life_of(history, target);
    aim(history, arena, event, target ? target : event->inject.thread, group);
}

/* The kernel cuts names after 15 bytes; where it says nothing else, the name given to exec is the whole one.
 */
const char *pf_longer_name(const char *name, const char *comm)
{
    enum { COMM_MAX = 15 };
    bool cut = name && strlen(comm) == COMM_MAX && strncmp(name, comm, COMM_MAX) == 0;
    return cut ? name : comm;
}

static void take_names(struct pf_history *history, const struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        struct pf_life *life = life_of(history, snapshot->processes[i].process);
        if (life && snapshot->processes[i].name)
            life->name = pf_longer_name(life->name, snapshot->processes[i].name);
    }
}

static void take_thread(struct pf_history *history, struct pf_arena *arena, const struct pf_event *event)
{
    bool born = event->kind == PF_EVENT_THREAD;
    const char *thread = born ? event->thread.thread : event->thread_exit.thread;
    const char *process = pf_process_of(thread, arena);
    struct pf_life *life = life_of(history, process);
    if (!life || process == thread || history->verdict)
        return;
    life->made_threads |= born;
    if (born)
        life->threads++;
    else if (life->threads)
        life->threads--;
}

static void take_exec(struct pf_life *life, const struct pf_event *event)
{
    if (!life)
        return;
    life->exec = event;
    life->name = pf_path_name(event->exec.argv_count ? event->exec.argv[0] : event->exec.path);
    life->made_threads = false;
    life->threads = 0;
}

static void take(struct pf_history *history, struct pf_arena *arena, const struct pf_event *event)
{
    struct pf_life *life;
    switch (event->kind) {
    case PF_EVENT_FORK:
        be_born(history, event);
        return;
    case PF_EVENT_EXEC:
        take_exec(life_of(history, event->exec.process), event);
        return;
    case PF_EVENT_THREAD:
    case PF_EVENT_THREAD_EXIT:
        take_thread(history, arena, event);
        return;
    case PF_EVENT_SIGNAL:
        aim(history, arena, event, event->signal.thread, false);
        return;
    case PF_EVENT_KILL:
        aim(history, arena, event, event->kill.process, event->kill.target <= 0 && !event->kill.process);
        return;
    case PF_EVENT_BOND:
        life = life_of(history, event->bond.process);
        if (life)
            life->bond = event->bond.number;
        return;
    case PF_EVENT_INJECT:
        aim_fault(history, arena, event);
        return;
    case PF_EVENT_EXIT:
        life = life_of(history, event->exit.process);
        if (life && event->exit.name)
            life->name = event->exit.name;
        if (life && !history->verdict && !life->exit)
            life->exit = event;
        return;
    case PF_EVENT_USAGE:
        life = life_of(history, event->usage.process);
        if (life)
            life->usage = event;
        if (life && event->usage.name)
            life->name = pf_longer_name(life->name, event->usage.name);
        return;
    case PF_EVENT_SNAPSHOT:
        take_names(history, &event->snapshot);
        return;
    case PF_EVENT_VERDICT:
        if (!history->verdict)
            history->verdict = event;
        return;
    case PF_EVENT_END:
        history->end = event;
        return;
    default:
        return;
    }
}

struct pf_history *pf_history_new(const struct pf_trace *trace, struct pf_arena *arena)
{
    struct pf_history *history = pf_arena_alloc(arena, sizeof(*history));
    size_t capacity = births(trace);
    history->trace = trace;
    history->lives = pf_arena_alloc(arena, (capacity + 1) * sizeof(*history->lives));
    pf_lookup_init(&history->index, arena, capacity);
    for (size_t i = 0; i < trace->count; i++)
        take(history, arena, trace->events[i]);
    const struct pf_event *named =
        history->verdict ? pf_history_event(history, history->verdict->verdict.snapshot) : NULL;
    history->snapshot = named && named->kind == PF_EVENT_SNAPSHOT ? named : NULL;
    return history;
}

bool pf_history_keeps_image(const struct pf_history *history, const struct pf_life *life)
{
    const struct pf_life *parent = pf_history_life(history, life->parent);
    if (!parent || life->exec)
        return false;
    return !pf_trace_begin(history->trace)->no_execs ||
           (life->name && parent->name && strcmp(life->name, parent->name) == 0);
}

bool pf_history_is_of_image(const struct pf_history *history, const struct pf_life *life)
{
    const struct pf_life *parent = pf_history_life(history, life->parent);
    return !parent || !parent->exec || !life->fork || life->fork->seq > parent->exec->seq;
}

const struct pf_event *pf_history_event(const struct pf_history *history, uint64_t seq)
{
    return seq >= 1 && seq <= history->trace->count ? history->trace->events[seq - 1] : NULL;
}

const struct pf_ev_stack *pf_history_stack(const struct pf_history *history, const char *thread,
                                           uint64_t *ret_seq)
{
    for (size_t i = history->trace->count; i > 0; i--) {
        const struct pf_event *event = history->trace->events[i - 1];
        if (event->kind == PF_EVENT_STACK && event->stack.inject == 0 &&
            strcmp(event->stack.thread, thread) == 0) {
            *ret_seq = event->seq;
            return &event->stack;
        }
    }
    return NULL;
}

const struct pf_ev_stack *pf_history_strike_stack(const struct pf_history *history, uint64_t inject)
{
    for (size_t i = inject; i < history->trace->count; i++) {
        const struct pf_event *event = history->trace->events[i];
        if (event->kind == PF_EVENT_STACK && event->stack.inject == inject)
            return &event->stack;
    }
    return NULL;
}

bool pf_asks_to_end(uint64_t number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

/* Signals that the kernel sends for what a process does, and whose death everybody takes as an ordinary end.
 */
static bool own_doing(uint64_t number)
{
    return number == SIGPIPE || number == SIGHUP || number == SIGALRM || number == SIGVTALRM ||
           number == SIGPROF;
}

/* What a terminal sends for Ctrl-C and Ctrl-\\: somebody typed it. */
static bool is_typed(uint64_t number)
{
    return number == SIGINT || number == SIGQUIT;
}

static bool ended_together(const struct pf_event *end, const struct pf_event *above)
{
    static const uint64_t together_ns = 1000000000;
    return above && (above->seq < end->seq || above->t_ns - end->t_ns < together_ns);
}

/* The end of its parent, or of the init of its PID namespace, was its own. The trace may have the two in
 * either order. */
static bool ended_by_bond(const struct pf_history *history, const struct pf_life *life)
{
    if (life->bond != life->exit->exit.code)
        return false;
    const struct pf_life *above = pf_history_life(history, life->parent);
    while (above && !ended_together(life->exit, above->exit))
        above = pf_history_life(history, above->parent);
    return above;
}

static bool injects_death(const struct pf_event *event, const struct pf_ev_exit *death)
{
    const char *action = event->inject.action;
    if (!action)
        return false;
    if (strcmp(action, "kill") == 0)
        return death->code == SIGKILL;
    /* "signal=TERM" causes SIGTERM; a name that does not tell is taken at its word. */
    if (strncmp(action, "signal=", 7) != 0)
        return false;
    const char *name = action + 7;
    const char *died = death->signal ? death->signal : name;
    return strcmp(name, died) == 0 || (strncmp(died, "SIG", 3) == 0 && strcmp(name, died + 3) == 0);
}

/* PF_CAUSE_UNKNOWN: this event did not cause that death. */
static enum pf_cause cause_by(const struct pf_event *event, const struct pf_ev_exit *death)
{
    switch (event->kind) {
    case PF_EVENT_INJECT:
        return injects_death(event, death) ? PF_CAUSE_INJECTED : PF_CAUSE_UNKNOWN;
    case PF_EVENT_KILL:
        return death->code == SIGKILL ? PF_CAUSE_TREE : PF_CAUSE_UNKNOWN;
    case PF_EVENT_SIGNAL:
        break;
    default:
        return PF_CAUSE_UNKNOWN;
    }
    const char *sender = event->signal.sender;
    if (event->signal.number != death->code || !sender)
        return PF_CAUSE_UNKNOWN;
    if (strcmp(sender, "pitfall") == 0)
        return PF_CAUSE_INJECTED;
    if (strcmp(sender, "outside") == 0)
        return PF_CAUSE_OUTSIDE;
    return strcmp(sender, "kernel") == 0 ? PF_CAUSE_KERNEL : PF_CAUSE_TREE;
}

static enum pf_cause last_cause(const struct pf_event *const *events, size_t count,
                                const struct pf_event *exit, const struct pf_event **ret_event)
{
    for (size_t i = count; i > 0; i--) {
        if (events[i - 1]->seq > exit->seq)
            continue;
        enum pf_cause cause = cause_by(events[i - 1], &exit->exit);
        if (cause != PF_CAUSE_UNKNOWN) {
            *ret_event = events[i - 1];
            return cause;
        }
    }
    return PF_CAUSE_UNKNOWN;
}

enum pf_cause pf_history_cause(const struct pf_history *history, const struct pf_life *life,
                               const struct pf_event **ret_event)
{
    const struct pf_event *event = NULL;
    bool bound = ended_by_bond(history, life);
    enum pf_cause cause = last_cause(life->signals, life->signal_count, life->exit, &event);
    if (cause == PF_CAUSE_UNKNOWN)
        cause = last_cause(history->broadcasts, history->broadcast_count, life->exit, &event);
    if (cause == PF_CAUSE_UNKNOWN && bound)
        cause = PF_CAUSE_TREE;
    uint64_t number = life->exit->exit.code;
    if (cause == PF_CAUSE_KERNEL && (own_doing(number) || is_typed(number) || bound))
        cause = PF_CAUSE_TREE;
    if (cause == PF_CAUSE_UNKNOWN && own_doing(life->exit->exit.code))
        cause = PF_CAUSE_TREE;
    *ret_event = event;
    return cause;
}
