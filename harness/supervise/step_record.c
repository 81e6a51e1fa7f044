/* A call that was stepped through, written down: where each of its instructions stands in the source. */
#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"
#include "supervise/names.h"
#include "supervise/step_internal.h"

enum { LONGEST = 200 * 1000, CALL_LENGTH = 15, MEMO = 1024, WAYS_LONGEST = 20 * 1000 };

/* A call within the call: where it returns to, and from which stack. */
struct link {
    uint64_t ret, sp;
    size_t caller; /* index */
};

struct position {
    uint64_t ip;
    size_t link;    /* that it stands in */
    int64_t number; /* of the system call that it is; -1: it is none */
    bool repeated;
};

struct memo {
    uint64_t ip, offset;
    struct pf_frame frame;
};

struct pf_recording {
    struct pf_arena *arena;
    struct pf_stacks *stacks;
    struct position *positions;
    size_t count;
    struct link *links;
    size_t link_count;
    size_t link; /* where the thread is */
    uint64_t last_ip, last_sp;
    struct memo memo[MEMO];
};

struct pf_recording *pf_recording_begin(const struct pf_task *task, uint64_t ret)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_recording *recording = pf_arena_alloc(arena, sizeof(*recording));
    recording->arena = arena;
    /* Now, because the process may end in the call. */
    recording->stacks = pf_stacks_open(task->process->pid);
    struct link *first = pf_arena_grow(arena, &recording->links, &recording->link_count, sizeof(*first));
    *first = (struct link){.ret = ret, .sp = UINT64_MAX};
    return recording;
}

/* A call pushes the address behind itself. */
static void follow_calls(struct pf_recording *recording, pid_t tid, const struct pf_stand *stand)
{
    uint64_t ret;
    while (recording->links[recording->link].sp < stand->sp)
        recording->link = recording->links[recording->link].caller;
    if (recording->count > 0 && stand->sp + sizeof(ret) == recording->last_sp &&
        pf_thread_word(tid, stand->sp, &ret) == 0 && ret > recording->last_ip &&
        ret <= recording->last_ip + CALL_LENGTH && stand->ip != ret) {
        struct link *link =
            pf_arena_grow(recording->arena, &recording->links, &recording->link_count, sizeof(*link));
        *link = (struct link){.ret = ret, .sp = stand->sp, .caller = recording->link};
        recording->link = recording->link_count - 1;
    }
    recording->last_ip = stand->ip;
    recording->last_sp = stand->sp;
}

bool pf_recording_add(struct pf_recording *recording, pid_t tid, const struct pf_stand *stand)
{
    if (recording->count == LONGEST)
        return false;
    follow_calls(recording, tid, stand);
    struct position *position =
        pf_arena_grow(recording->arena, &recording->positions, &recording->count, sizeof(*position));
    *position = (struct position){.ip = stand->ip,
                                  .link = recording->link,
                                  .number = stand->call ? stand->number : -1,
                                  .repeated = stand->turns > 0};
    return true;
}

static const struct memo *locate(struct pf_recording *recording, uint64_t ip)
{
    struct memo *memo = &recording->memo[ip % MEMO];
    if (memo->ip == ip)
        return memo;
    *memo = (struct memo){.ip = ip};
    pf_stacks_locate(recording->stacks, ip, recording->arena, &memo->frame, &memo->offset);
    return memo;
}

/* The innermost caller whose line is known. A return address may already belong to the next line. */
static struct pf_frame caller_of(struct pf_recording *recording, const struct position *position)
{
    for (size_t link = position->link;; link = recording->links[link].caller) {
        struct pf_frame frame = locate(recording, recording->links[link].ret - 1)->frame;
        if (frame.file)
            return frame;
        if (link == 0)
            return (struct pf_frame){0};
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_frame(const struct pf_frame *a, const struct pf_frame *b)
{
    return a->line == b->line && same_text(a->function, b->function) && same_text(a->module, b->module) &&
           same_text(a->file, b->file);
}

static struct pf_frame copy(struct pf_arena *arena, const struct pf_frame *frame)
{
    return (struct pf_frame){.function = pf_arena_strdup(arena, frame->function),
                             .module = pf_arena_strdup(arena, frame->module),
                             .file = pf_arena_strdup(arena, frame->file),
                             .line = frame->line};
}

static void add_spot(struct pf_run *run, struct pf_recording *recording, size_t index,
                     struct pf_ev_steps *steps)
{
    const struct position *position = &recording->positions[index];
    struct pf_frame at, from = {0};
    uint64_t offset = locate(recording, position->ip)->offset;
    at = locate(recording, position->ip)->frame;
    if (!at.file)
        from = caller_of(recording, position);
    struct pf_step_spot *last = steps->spot_count ? &steps->spots[steps->spot_count - 1] : NULL;
    bool plain = position->number < 0 && !position->repeated;
    if (last && same_frame(&last->at, &at) && same_frame(&last->from, &from) && last->offset &&
        (plain ? !last->call && !last->repeated : position->repeated && last->repeated)) {
        last->count++;
        return;
    }
    struct pf_arena *arena = run->trace->arena;
    struct pf_step_spot *spot = pf_arena_grow(arena, &steps->spots, &steps->spot_count, sizeof(*spot));
    *spot = (struct pf_step_spot){.first = index,
                                  .count = 1,
                                  .at = copy(arena, &at),
                                  .offset = offset,
                                  .from = copy(arena, &from),
                                  .call = position->number < 0 ? NULL : pf_call_name((int)position->number),
                                  .repeated = position->repeated};
}

struct arrivals {
    uint64_t ip, count;
};

/* The count of an address, in a table with room for all of them. */
static uint64_t *arrivals_at(struct arrivals *table, size_t size, uint64_t ip)
{
    size_t i = (size_t)(ip * 0x9e3779b97f4a7c15ULL >> 32) % size;
    while (table[i].ip && table[i].ip != ip)
        i = (i + 1) % size;
    table[i].ip = ip;
    return &table[i].count;
}

/*
 * A step costs as much as a stop at a debug register. So the k-th instruction is reached soonest by its
 * address, after as many stops as the call has come there; or by one step more than the one before it. System
 * calls may be made again after a signal, and repeated instructions stop once or more: none to run to. What
 * lies in another file may be mapped elsewhere next time.
 */
static void find_waypoints(struct pf_run *run, struct pf_recording *recording, struct pf_ev_steps *steps)
{
    size_t count = recording->count < WAYS_LONGEST ? recording->count : WAYS_LONGEST, size = 2 * count + 1;
    struct arrivals *table = pf_arena_alloc(recording->arena, size * sizeof(*table));
    uint64_t best = 0, begin = count ? recording->positions[0].ip : 0;
    for (size_t i = 0; i < count; i++) {
        const struct position *position = &recording->positions[i];
        uint64_t occurrence = ++*arrivals_at(table, size, position->ip);
        const char *home = locate(recording, begin)->frame.module;
        best++;
        if (position->number >= 0 || position->repeated || position->ip == begin || occurrence >= best ||
            !home || !same_text(home, locate(recording, position->ip)->frame.module))
            continue;
        best = occurrence;
        *(struct pf_waypoint *)pf_arena_grow(run->trace->arena, &steps->waypoints, &steps->waypoint_count,
                                             sizeof(struct pf_waypoint)) = (struct pf_waypoint){
            .instruction = i, .distance = (int64_t)(position->ip - begin), .occurrence = occurrence};
    }
}

void pf_recording_end(struct pf_run *run, const struct pf_task *task, const struct pf_followed *call,
                      enum pf_ended ended)
{
    static const char *const words[] = {[PF_ENDED_RETURNED] = "returned",
                                        [PF_ENDED_LEFT] = "left",
                                        [PF_ENDED_EXEC] = "exec",
                                        [PF_ENDED_EXIT] = "exit",
                                        [PF_ENDED_CUT] = "cut"};
    struct pf_recording *recording = call->recording;
    struct pf_ev_steps steps = {
        .thread = task->address,
        .function = pf_arena_strdup(run->trace->arena, run->step->aims[call->aim].trigger->function),
        .call = call->number,
        .instructions = recording->count,
        .ended = words[run->decided ? PF_ENDED_CUT : ended]};
    for (size_t i = 0; i < recording->count; i++)
        add_spot(run, recording, i, &steps);
    find_waypoints(run, recording, &steps);
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_STEPS, .steps = steps});
    pf_stacks_close(recording->stacks);
    pf_arena_free(recording->arena);
}
