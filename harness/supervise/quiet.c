#include "supervise/quiet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "probe/procfs.h"
#include "supervise/keep.h"
#include "supervise/looks.h"
#include "supervise/usage.h"
#include "supervise/view.h"

enum { STILL_SCANS = 2 }; /* complete scans without movement before a snapshot is worth its cost */

/* At the deadline: long enough for whoever sleeps now and then to be met asleep, also on a busy machine. */
static const uint64_t PATIENCE_NS = 250 * 1000 * 1000;
static const long AGAIN_NS = 3 * 1000 * 1000;         /* from one of these looks to the next */
static const uint64_t PARTIAL_NS = 250 * 1000 * 1000; /* between looks at those who stand while others run */
static const uint64_t SETTLED_NS = 50 * 1000 * 1000;  /* by then what the kernel still had to move is moved */

struct pf_quiet {
    struct pf_sampler *sampler;
    struct pf_looks looks;
    uint64_t due_ns;
    int still;
    bool looked;               /* this quiet time has its snapshot */
    uint64_t again_ns;         /* when it is worth another one */
    uint64_t told_ns;          /* the movement after which the silence was told */
    uint64_t partial_ns;       /* next look at a part */
    json_t *last;              /* the last snapshot, to see whether another says anything new */
    uint64_t ran_ns;           /* processor time of all processes together, as last seen while it was quiet */
    bool newcomers;            /* threads that the sampler does not know yet */
    struct pf_process **ended; /* may be zombies */
    size_t ended_count;
    bool zombies_told; /* those that were there when the limit of processes was met */
};

void pf_quiet_init(struct pf_run *run)
{
    run->quiet = pf_arena_alloc(run->trace->arena, sizeof(*run->quiet));
    run->quiet->sampler = pf_sampler_new();
    pf_looks_moved(&run->quiet->looks);
    run->quiet->partial_ns = PARTIAL_NS;
}

void pf_quiet_free(struct pf_run *run)
{
    for (size_t i = 0; i < run->tasks.process_count; i++)
        pf_usage_forget(run->tasks.processes[i]);
    if (!run->quiet)
        return;
    pf_sampler_free(run->quiet->sampler);
    json_decref(run->quiet->last);
    run->quiet = NULL;
}

void pf_quiet_add(struct pf_run *run, struct pf_task *task)
{
    task->sampled = false;
    run->quiet->newcomers = true;
}

void pf_quiet_remove(struct pf_run *run, struct pf_task *task)
{
    if (task->sampled)
        pf_sampler_remove(run->quiet->sampler, task->tid);
    task->sampled = false;
}

static void add_to_sampler(void *context, struct pf_task *task)
{
    struct pf_quiet *quiet = context;
    if (task->tid == task->process->pid)
        pf_usage_watch(task->process);
    if (!task->sampled)
        task->sampled = pf_sampler_add(quiet->sampler, task->process->pid, task->tid) == 0;
}

/* Most threads of a busy tree never live long enough to be looked at: their files are opened at the first
 * look. */
static void scan(struct pf_run *run, bool complete, struct pf_sample *ret_sample)
{
    if (run->quiet->newcomers)
        pf_tasks_each(&run->tasks, add_to_sampler, run->quiet);
    run->quiet->newcomers = false;
    pf_sampler_scan(run->quiet->sampler, complete, ret_sample);
}

void pf_quiet_ended(struct pf_run *run, struct pf_process *process)
{
    struct pf_quiet *quiet = run->quiet;
    *(struct pf_process **)pf_arena_grow(run->trace->arena, &quiet->ended, &quiet->ended_count,
                                         sizeof(process)) = process;
}

uint64_t pf_quiet_due(const struct pf_run *run)
{
    /* Until the program has begun there is nothing to look at, however long its exec takes. */
    return run->started_ns ? run->quiet->due_ns : UINT64_MAX;
}

/* Reaped meanwhile: not a zombie any more, and never again. */
static void forget_reaped(struct pf_run *run)
{
    struct pf_quiet *quiet = run->quiet;
    size_t kept = 0;
    for (size_t i = 0; i < quiet->ended_count; i++)
        if (pf_view_is_zombie(run, quiet->ended[i]))
            quiet->ended[kept++] = quiet->ended[i];
    quiet->ended_count = kept;
}

void pf_quiet_tell_zombies(struct pf_run *run, const struct pf_event *limit)
{
    struct pf_quiet *quiet = run->quiet;
    if (quiet->zombies_told || strcmp(limit->limit.resource, "nproc") != 0)
        return;
    quiet->zombies_told = true;
    forget_reaped(run);
    for (size_t i = 0; i < quiet->ended_count; i++)
        pf_run_emit(run,
                    (struct pf_event){.kind = PF_EVENT_ZOMBIE,
                                      .zombie = {.process = quiet->ended[i]->address, .limit = limit->seq}});
}

/* Appends the snapshot that was built elsewhere; returns its sequence number. */
static uint64_t append(struct pf_run *run, const json_t *json)
{
    struct pf_event event = {.kind = PF_EVENT_SNAPSHOT};
    pf_record_read(&pf_snapshot_record, (json_t *)json, run->trace->arena, &event.snapshot, NULL);
    return pf_run_emit(run, event)->seq;
}

/* Does it say anything that the last one did not? The time at which it was taken is no news. */
static bool is_news(struct pf_quiet *quiet, json_t *json)
{
    json_t *bare = json_copy(json);
    json_object_del(bare, "quiet_since_ns");
    bool same = quiet->last && json_equal(bare, quiet->last);
    json_decref(quiet->last);
    quiet->last = bare;
    return !same;
}

/* In which call it was is still worth telling: from there it goes on. */
static void forget_wait(struct pf_wait *wait)
{
    bool timed = wait->timed || wait->kind == PF_WAIT_SLEEP;
    *wait = (struct pf_wait){
        .kind = PF_WAIT_NONE, .call = wait->call, .timed = timed, .timeout_ns = wait->timeout_ns};
}

/* A thread that ran since the last complete scan is not waiting, whatever it looked like when it was read. */
static void mark_movers(struct pf_run *run, const struct pf_probe_request *request,
                        struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        for (size_t k = 0; k < request->thread_count; k++)
            if (strcmp(request->threads[k].address, snapshot->threads[i].thread) == 0 &&
                pf_sampler_moved(run->quiet->sampler, request->threads[k].tid))
                forget_wait(&snapshot->threads[i].wait);
}

/* Returns 0 when the snapshot is good; for a quiet one that means that nothing moved while it was taken. */
static int look(struct pf_run *run, enum pf_snapshot_reason reason, struct pf_arena *arena,
                struct pf_snapshot *snapshot)
{
    struct pf_probe_request request;
    forget_reaped(run);
    pf_view_request(run, run->quiet->ended, run->quiet->ended_count, arena, &request);
    request.sampler = run->quiet->sampler;
    request.checked = reason == PF_SNAPSHOT_QUIET; /* by the scans before and after */
    int r = pf_probe_snapshot(&request, arena, snapshot);
    if (r < 0)
        return r;
    struct pf_sample after;
    scan(run, true, &after);
    snapshot->reason = reason;
    snapshot->quiet_since_ns = run->moved_ns;
    if (reason == PF_SNAPSHOT_QUIET)
        return after.all_still ? 0 : -EAGAIN;
    mark_movers(run, &request, snapshot);
    return 0;
}

/* Could this thread go on without anybody else in the tree doing something, within the given time? */
static bool moves_by_itself(const struct pf_snapshot *snapshot, const struct pf_thread_state *thread,
                            uint64_t within_ns)
{
    const struct pf_wait *wait = &thread->wait;
    const struct pf_process_state *process = pf_snapshot_process(snapshot, thread->process);
    if (wait->kind == PF_WAIT_HELD)
        return false;
    if (wait->kind == PF_WAIT_NONE || wait->kind == PF_WAIT_UNKNOWN || (process && process->timer))
        return true;
    return (wait->timed || wait->kind == PF_WAIT_SLEEP) && wait->timeout_ns <= within_ns;
}

static bool all_at_rest(const struct pf_snapshot *snapshot, uint64_t within_ns)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        if (moves_by_itself(snapshot, &snapshot->threads[i], within_ns))
            return false;
    return true;
}

static bool waits_for_outside(const struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        for (size_t k = 0; k < snapshot->threads[i].wait.target_count; k++) {
            const struct pf_object *object =
                pf_snapshot_object(snapshot, snapshot->threads[i].wait.targets[k].object);
            if (object && (object->external || object->peer_outside))
                return true;
        }
    return false;
}

/* What the snapshot means for the trial; may append it, end the trial, or let held callers go. */
static void weigh(struct pf_run *run, const struct pf_snapshot *snapshot)
{
    const struct pf_watcher *watcher = run->watcher;
    bool stuck = watcher && watcher->is_stuck && watcher->is_stuck(watcher->context, run->trace, snapshot);
    json_t *json = pf_record_to_json(&pf_snapshot_record, snapshot);
    bool news = is_news(run->quiet, json);
    /* Who is held or stopped for a time goes on by itself. */
    bool rests = !pf_keep_times(run);
    bool abandoned = rests && run->root_ended_ns && snapshot->reason == PF_SNAPSHOT_QUIET &&
                     all_at_rest(snapshot, run->trial->grace_ns) && !waits_for_outside(snapshot);
    bool partial = snapshot->reason == PF_SNAPSHOT_PARTIAL;
    uint64_t seq = stuck || abandoned || news || partial ? append(run, json) : 0;
    json_decref(json);
    if (abandoned)
        pf_run_decide(run, PF_VERDICT_ABANDONED, seq);
    else if (stuck)
        pf_run_decide(run, PF_VERDICT_PROVEN, seq);
    else if (!partial && rests && pf_keep_holds(run) && all_at_rest(snapshot, UINT64_MAX) &&
             !waits_for_outside(snapshot))
        pf_keep_release_all(run, "never");
}

static void look_and_weigh(struct pf_run *run, enum pf_snapshot_reason reason)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_snapshot snapshot = {0};
    uint64_t begin = pf_looks_snapshot_begin();
    int r = look(run, reason, arena, &snapshot);
    if (r == 0)
        weigh(run, &snapshot);
    else
        run->quiet->still = 0;
    run->quiet->looked = r == 0;
    /* What the kernel moves (bytes between two sockets, say) no thread shows: the longer nobody has moved,
     * the rarer it is looked for. */
    uint64_t now = pf_run_now(run), rest = now - run->moved_ns;
    run->quiet->again_ns = now + (rest > SETTLED_NS ? rest : SETTLED_NS);
    pf_looks_snapshot_end(&run->quiet->looks, begin);
    pf_arena_free(arena);
}

/* An event that waits to be taken is a movement, though no thread runs for it. */
static bool events_wait(const struct pf_run *run)
{
    struct pollfd ready[2] = {{.fd = run->events_fd, .events = POLLIN},
                              {.fd = run->launched.notify_fd, .events = POLLIN}};
    return poll(ready, 2, 0) > 0;
}

static void tick_partial(struct pf_run *run, uint64_t now)
{
    struct pf_quiet *quiet = run->quiet;
    if (now < quiet->partial_ns || now < run->started_ns + pf_looks_partial_after(&quiet->looks))
        return;
    uint64_t rest = (now - run->started_ns) / 20; /* the longer it runs, the rarer */
    quiet->partial_ns = now + (rest > PARTIAL_NS ? rest : PARTIAL_NS);
    look_and_weigh(run, PF_SNAPSHOT_PARTIAL);
    quiet->looked = false;
}

static void after_movement(struct pf_run *run, uint64_t now)
{
    struct pf_quiet *quiet = run->quiet;
    quiet->still = 0;
    quiet->looked = false;
    quiet->due_ns = now + pf_looks_running(&quiet->looks);
    run->moved_ns = now;
    tick_partial(run, now);
}

/* A long silence is told once; what moves for a moment and comes to rest again begins a new one. */
static void tell_silence(struct pf_run *run, uint64_t now)
{
    uint64_t bound = run->watcher ? run->watcher->silence_ns : 0;
    if (!bound || now - run->moved_ns < bound || run->quiet->told_ns == run->moved_ns + 1)
        return;
    run->quiet->told_ns = run->moved_ns + 1;
    pf_quiet_answer(run);
}

/* Adds the processor time of a process to the sum, which is UINT64_MAX once one of them cannot be read. */
static void add_run_time(void *context, struct pf_task *task)
{
    uint64_t *sum = context, time;
    if (task->tid != task->process->pid || *sum == UINT64_MAX)
        return;
    *sum = pf_proc_run_time(task->tid, &time) < 0 ? UINT64_MAX : *sum + time;
}

/* Of a tree that is known to be quiet: has nobody run since this was last asked? One cheap call a process
 * instead of four a thread. Births and ends are events, and who says no is asked more closely. */
static bool nobody_ran(struct pf_run *run)
{
    uint64_t before = run->quiet->ran_ns, now = 0;
    pf_tasks_each(&run->tasks, add_run_time, &now);
    run->quiet->ran_ns = now;
    return now == before && now != UINT64_MAX && !run->quiet->newcomers;
}

void pf_quiet_tick(struct pf_run *run)
{
    struct pf_quiet *quiet = run->quiet;
    uint64_t now = pf_run_now(run);
    if (run->decided || now < quiet->due_ns || !run->started_ns)
        return;
    /* Somebody who is not known yet may wake anybody. */
    if (run->newborn_count > 0) {
        after_movement(run, now);
        return;
    }
    /* Supervision itself saw something move since the last look: begin again. */
    if (run->moved_ns + PF_LOOKS_FIRST_NS > now) {
        quiet->still = 0;
        quiet->looked = false;
        pf_looks_moved(&quiet->looks);
        quiet->due_ns = run->moved_ns + PF_LOOKS_FIRST_NS;
        return;
    }
    if (quiet->looked && now >= quiet->again_ns &&
        now >= run->started_ns + pf_looks_partial_after(&quiet->looks)) {
        quiet->looked = false;
        quiet->still = STILL_SCANS - 1; /* whoever has moved since the last scan is met by the next */
    }
    if (quiet->looked && nobody_ran(run)) {
        quiet->due_ns = now + pf_looks_quiet(&quiet->looks);
        tell_silence(run, now);
        return;
    }
    struct pf_sample sample;
    scan(run, false, &sample);
    if (!sample.all_asleep || (quiet->still > 0 && !sample.all_still)) {
        after_movement(run, now);
        return;
    }
    quiet->still++;
    quiet->due_ns = now + (quiet->looked ? pf_looks_quiet(&quiet->looks) : PF_LOOKS_SOON_NS);
    if (quiet->looked)
        tell_silence(run, now);
    if (quiet->looked || quiet->still < STILL_SCANS)
        return;
    uint64_t affordable = run->started_ns + pf_looks_snapshot_after(&quiet->looks);
    if (now < affordable) {
        quiet->due_ns = affordable;
        return;
    }
    if (!events_wait(run))
        look_and_weigh(run, PF_SNAPSHOT_QUIET);
    else
        quiet->still = 0;
}

static bool somebody_runs(const struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        if (snapshot->threads[i].wait.kind == PF_WAIT_NONE)
            return true;
    return false;
}

/*
 * A snapshot that is wanted at this moment, whoever moves. Who wakes for an instant only, now and then, is
 * better seen in its wait: that is tried again for so long. Returns its sequence number, 0: there is none.
 */
static uint64_t look_now(struct pf_run *run, enum pf_snapshot_reason reason, uint64_t patience_ns)
{
    struct pf_arena *arena = pf_arena_new();
    struct pf_snapshot snapshot = {0};
    struct pf_sample before;
    scan(run, true, &before);
    uint64_t seq = 0, end = pf_run_now(run) + patience_ns;
    int result = look(run, reason, arena, &snapshot);
    while (result == 0 && somebody_runs(&snapshot) && pf_run_now(run) < end) {
        nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
        result = look(run, reason, arena, &snapshot);
    }
    if (result == 0) {
        json_t *json = pf_record_to_json(&pf_snapshot_record, &snapshot);
        seq = append(run, json);
        json_decref(json);
    }
    pf_arena_free(arena);
    return seq;
}

void pf_quiet_answer(struct pf_run *run)
{
    uint64_t seq = look_now(run, PF_SNAPSHOT_ASKED, 0);
    if (seq && run->watcher->on_answer)
        run->watcher->on_answer(run->watcher->context, run->trace, run->trace->events[seq - 1]);
}

void pf_quiet_deadline(struct pf_run *run)
{
    uint64_t seq = look_now(run, PF_SNAPSHOT_DEADLINE, PATIENCE_NS);
    pf_keep_release_all(run, "end");
    pf_run_decide(run, run->root_ended_ns ? PF_VERDICT_ABANDONED : PF_VERDICT_DEADLINE, seq);
}
