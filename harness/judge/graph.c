#include "judge/graph.h"

#include <string.h>

#include "judge/wakers.h"

static enum pf_grade better(enum pf_grade a, enum pf_grade b)
{
    return a > b ? a : b;
}

bool pf_address_descends(const char *address, const char *ancestor)
{
    size_t length = strlen(ancestor);
    return strncmp(address, ancestor, length) == 0 && (address[length] == '\0' || address[length] == '.');
}

static size_t add_process(struct pf_graph *graph, const char *address, const struct pf_process_state *state)
{
    size_t index = pf_lookup_find(&graph->process_index, address);
    if (index != PF_NOWHERE)
        return index;
    index = graph->process_count++;
    graph->processes[index] = (struct pf_graph_process){.address = address, .state = state};
    pf_lookup_put(&graph->process_index, address, index);
    return index;
}

static void index_everything(struct pf_graph *graph)
{
    const struct pf_snapshot *snapshot = graph->snapshot;
    pf_lookup_init(&graph->process_index, graph->arena, snapshot->process_count + snapshot->thread_count);
    pf_lookup_init(&graph->thread_index, graph->arena, snapshot->thread_count);
    pf_lookup_init(&graph->object_index, graph->arena, snapshot->object_count);
    graph->processes = pf_arena_alloc(graph->arena, (snapshot->process_count + snapshot->thread_count + 1) *
                                                        sizeof(*graph->processes));
    graph->threads = pf_arena_alloc(graph->arena, (snapshot->thread_count + 1) * sizeof(*graph->threads));
    for (size_t i = 0; i < snapshot->object_count; i++)
        pf_lookup_put(&graph->object_index, snapshot->objects[i].id, i);
    for (size_t i = 0; i < snapshot->process_count; i++)
        add_process(graph, snapshot->processes[i].process, &snapshot->processes[i]);
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const struct pf_thread_state *state = &snapshot->threads[i];
        pf_lookup_put(&graph->thread_index, state->thread, i);
        size_t process = add_process(graph, state->process, NULL);
        graph->threads[i] = (struct pf_graph_thread){.state = state, .process = process};
        struct pf_graph_process *owner = &graph->processes[process];
        *(size_t *)pf_arena_grow(graph->arena, &owner->threads, &owner->thread_count, sizeof(size_t)) = i;
    }
}

/* Every unread thing that is not just one thread's own wait may be somebody's hold on any object. */
static bool is_obscured(const struct pf_graph *graph)
{
    const struct pf_snapshot *snapshot = graph->snapshot;
    if (snapshot->stranger_count && !graph->trusting)
        return true;
    for (size_t i = 0; i < snapshot->unknown_count; i++) {
        const char *text = snapshot->unknown[i];
        const char *address = pf_arena_strndup(graph->arena, text, strcspn(text, ": "));
        size_t thread = pf_lookup_find(&graph->thread_index, address);
        if (thread == PF_NOWHERE || snapshot->threads[thread].wait.kind != PF_WAIT_UNKNOWN)
            return true;
    }
    return false;
}

static void prepare_processes(struct pf_graph *graph)
{
    for (size_t i = 0; i < graph->process_count; i++) {
        struct pf_graph_process *process = &graph->processes[i];
        process->parent =
            pf_lookup_find(&graph->process_index, process->state ? process->state->parent : NULL);
        bool unseen = process->thread_count == 0 && !(process->state && process->state->zombie);
        process->base = unseen ? PF_GRADE_ALIVE : PF_GRADE_STUCK;
        if (process->state && process->state->alarm_unseen && !graph->trusting)
            process->struck = PF_GRADE_ALIVE;
    }
}

static bool raise(enum pf_grade *grade, enum pf_grade to)
{
    if (to <= *grade)
        return false;
    *grade = to;
    return true;
}

/* Brings the grades of processes up to date with those of their threads; true when one rose. */
static bool update_processes(struct pf_graph *graph)
{
    bool rose = false;
    for (size_t i = 0; i < graph->process_count; i++) {
        struct pf_graph_process *process = &graph->processes[i];
        for (size_t k = 0; k < process->thread_count; k++)
            raise(&process->running, graph->threads[process->threads[k]].grade);
        raise(&graph->anyone, better(process->running, process->base));
    }
    for (size_t i = 0; i < graph->process_count; i++) {
        struct pf_graph_process *process = &graph->processes[i];
        /* Whoever is alive may send a signal to anybody: it ends the process, or interrupts it. */
        if (graph->anyone == PF_GRADE_ALIVE)
            rose |= raise(&process->struck, PF_GRADE_ALIVE);
        rose |= raise(&process->acts, better(better(process->base, process->running), process->struck));
        struct pf_graph_process *parent =
            process->parent == PF_NOWHERE ? NULL : &graph->processes[process->parent];
        if (parent && parent->state && parent->state->catches_sigchld && !process->state->zombie)
            rose |= raise(&parent->struck, process->acts);
    }
    return rose;
}

static bool update_parties(struct pf_graph *graph)
{
    bool rose = false;
    for (size_t i = 0; i < graph->party_count; i++) {
        struct pf_party *party = graph->parties[i];
        for (size_t k = 0; party && k < party->count && party->runs < PF_GRADE_ALIVE; k++) {
            const struct pf_graph_process *process = &graph->processes[party->processes[k]];
            rose |= raise(&party->acts, process->acts);
            rose |= raise(&party->runs, better(process->base, process->running));
        }
    }
    return rose;
}

static enum pf_grade waker_grade(const struct pf_graph *graph, const struct pf_graph_thread *thread,
                                 const struct pf_waker *waker)
{
    switch (waker->kind) {
    case PF_WAKER_THREAD:
        return graph->threads[waker->index].grade;
    case PF_WAKER_PROCESS:
        /* A process that ends does not wake its own threads: only the other threads count then. */
        return waker->index == thread->process ? graph->processes[waker->index].running
                                               : graph->processes[waker->index].acts;
    case PF_WAKER_PARTY:
        /* A hard wait is for a party that no signal makes do anything. Whatever may strike the waiter's own
         * process ends a soft one. */
        return thread->hard ? waker->party->runs : waker->party->acts;
    case PF_WAKER_ANYONE:
        break;
    }
    return graph->anyone;
}

static enum pf_grade judge_thread(const struct pf_graph *graph, const struct pf_graph_thread *thread)
{
    if (thread->ended || thread->inert)
        return PF_GRADE_STUCK;
    enum pf_grade grade = better(thread->grade, thread->base);
    for (size_t i = 0; i < thread->waker_count && grade < PF_GRADE_ALIVE; i++)
        grade = better(grade, waker_grade(graph, thread, &thread->wakers[i]));
    if (!thread->hard)
        grade = better(grade, graph->obscured ? PF_GRADE_ALIVE : graph->processes[thread->process].struck);
    return grade;
}

static void run_to_fixpoint(struct pf_graph *graph)
{
    for (bool rose = true; rose;) {
        rose = update_processes(graph);
        rose |= update_parties(graph);
        for (size_t i = 0; i < graph->snapshot->thread_count; i++) {
            enum pf_grade grade = judge_thread(graph, &graph->threads[i]);
            rose |= grade > graph->threads[i].grade;
            graph->threads[i].grade = grade;
        }
    }
    for (size_t i = 0; i < graph->snapshot->thread_count; i++)
        graph->stuck_count += pf_graph_stuck(graph, i);
}

static struct pf_graph *new_graph(const struct pf_snapshot *snapshot, struct pf_arena *arena)
{
    struct pf_graph *graph = pf_arena_alloc(arena, sizeof(*graph));
    graph->snapshot = snapshot;
    graph->arena = arena;
    return graph;
}

static void mark_inert(struct pf_graph *graph, const char *const *inert, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t thread = pf_lookup_find(&graph->thread_index, inert[i]);
        if (thread != PF_NOWHERE)
            graph->threads[thread].inert = true;
    }
}

static struct pf_graph *build(struct pf_graph *graph, const char *const *inert, size_t inert_count)
{
    const struct pf_snapshot *snapshot = graph->snapshot;
    struct pf_arena *arena = graph->arena;
    index_everything(graph);
    mark_inert(graph, inert, inert_count);
    prepare_processes(graph);
    graph->obscured = is_obscured(graph);
    graph->party_count = snapshot->object_count * PF_ENDS;
    graph->parties = pf_arena_alloc(arena, (graph->party_count + 1) * sizeof(*graph->parties));
    for (size_t i = 0; i < snapshot->thread_count; i++)
        pf_wakers_find(graph, i);
    run_to_fixpoint(graph);
    return graph;
}

struct pf_graph *pf_graph_new(const struct pf_snapshot *snapshot, struct pf_arena *arena)
{
    return build(new_graph(snapshot, arena), NULL, 0);
}

struct pf_graph *pf_graph_trust(const struct pf_snapshot *snapshot, struct pf_arena *arena)
{
    struct pf_graph *graph = new_graph(snapshot, arena);
    graph->trusting = true;
    return build(graph, NULL, 0);
}

struct pf_graph *pf_graph_seclude(const struct pf_snapshot *snapshot, const char *const *inert,
                                  size_t inert_count, struct pf_arena *arena)
{
    struct pf_graph *graph = new_graph(snapshot, arena);
    graph->secluded = true;
    return build(graph, inert, inert_count);
}

size_t pf_waker_processes(const struct pf_waker *waker, const size_t **ret_processes)
{
    switch (waker->kind) {
    case PF_WAKER_PROCESS:
        *ret_processes = &waker->index;
        return 1;
    case PF_WAKER_PARTY:
        *ret_processes = waker->party->processes;
        return waker->party->count;
    default:
        *ret_processes = NULL;
        return 0;
    }
}

bool pf_graph_stuck(const struct pf_graph *graph, size_t thread)
{
    const struct pf_graph_thread *it = &graph->threads[thread];
    return !it->ended && !it->inert && it->grade == PF_GRADE_STUCK;
}

const struct pf_object *pf_graph_object(const struct pf_graph *graph, const char *id)
{
    size_t index = pf_lookup_find(&graph->object_index, id);
    return index == PF_NOWHERE ? NULL : &graph->snapshot->objects[index];
}

const struct pf_futex *pf_graph_futex(const struct pf_graph *graph, size_t thread)
{
    const struct pf_wait *wait = &graph->threads[thread].state->wait;
    const struct pf_object *object = wait->kind == PF_WAIT_FUTEX && wait->target_count
                                         ? pf_graph_object(graph, wait->targets[0].object)
                                         : NULL;
    return object ? object->futex : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_wait(const struct pf_wait *a, const struct pf_wait *b)
{
    if (a->kind != b->kind || a->target_count != b->target_count)
        return false;
    for (size_t i = 0; i < a->target_count; i++)
        if (!same_text(a->targets[i].object, b->targets[i].object) ||
            !same_text(a->targets[i].process, b->targets[i].process))
            return false;
    return true;
}

bool pf_graph_same_knot(const struct pf_graph *a, const struct pf_graph *b)
{
    if (a->stuck_count != b->stuck_count)
        return false;
    for (size_t i = 0; i < a->snapshot->thread_count; i++) {
        if (!pf_graph_stuck(a, i))
            continue;
        size_t k = pf_lookup_find(&b->thread_index, a->threads[i].state->thread);
        if (k == PF_NOWHERE || !pf_graph_stuck(b, k) ||
            !same_wait(&a->threads[i].state->wait, &b->threads[k].state->wait))
            return false;
    }
    return true;
}
