/*
 * Owner, keeper, guard or worker is killed at every instruction of a start, and of the start of a guard that
 * takes the place of a dead one. The process that was asked for runs, or its caller is told of a death; no
 * entry runs twice; and the next start works. Where the owner is killed, nobody is left.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <criterion/criterion.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/process.h>

#include "step_sweep.h"

/* Under a sanitizer there are some 200,000 instructions to be stepped, which takes more than ten seconds. */
enum { POINTS = 8, LEFT_MS = 2000, PATIENCE_MS = 60000 };

/* What one start has come to. */
struct outcome {
    int started; /* 0 or an error */
    int joined;
    uint32_t runs;
    struct mproc_status status;
    char detail[200];
};

enum who { GUARD, KEEPER, NOBODY };

/* The owner tells the test of itself and of two starts: one that nobody disturbs, and one under a kill. */
static struct world {
    pid_t pids[NOBODY];
    struct outcome clean, hit;
    uint32_t runs; /* of the entry, in the start that is going on */
} * world;

static struct mproc_context *context;

static int run(struct mproc_args *args)
{
    (void)args;
    __atomic_fetch_add(&world->runs, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static const struct mproc_entry entries[] = {{"run", run}, {NULL, NULL}};

static void start_and_join(struct outcome *outcome)
{
    struct mproc_process *process = NULL;

    memset(outcome, 0, sizeof(*outcome));
    __atomic_store_n(&world->runs, 0, __ATOMIC_SEQ_CST);
    outcome->started = mproc_process_start(
        context, "run", NULL, &(struct mproc_process_options){.deadline_ns = mproc_deadline_ms(PATIENCE_MS)},
        &process);
    if (outcome->started == 0)
        outcome->joined = mproc_process_join(process, mproc_deadline_ms(PATIENCE_MS), &outcome->status);
    if (outcome->started || outcome->joined)
        snprintf(outcome->detail, sizeof(outcome->detail), "%s", mproc_error_detail());
    outcome->runs = __atomic_load_n(&world->runs, __ATOMIC_SEQ_CST);
    mproc_process_free(process);
}

/* Rests, as a stopped process, before each start that is to be hit and after it. */
static _Noreturn void own(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context))
        _exit(1);
    for (;;) {
        struct mproc_context_info info = {0};
        start_and_join(&world->clean);
        if (mproc_context_get_info(context, &info))
            _exit(2);
        world->pids[GUARD] = info.guard_pid;
        world->pids[KEEPER] = info.keeper_pid;
        raise(SIGSTOP);
        start_and_join(&world->hit);
        raise(SIGSTOP);
    }
}

static pid_t owner;
static bool owner_rests;

/* Whose word is it? A rest of the owner is noted; true when it is that of `pid`. */
static bool note(pid_t who, int status, pid_t pid)
{
    if (who == owner) {
        cr_assert(WIFSTOPPED(status), "the owner has ended with wait status 0x%x", (unsigned)status);
        owner_rests = true;
    }
    return who == pid;
}

static void await_owner(void)
{
    int status;

    while (!owner_rests) {
        pid_t who = waitpid(owner, &status, WUNTRACED);
        cr_assert_eq(who, owner);
        note(who, status, 0);
    }
}

static void let_owner_go_on(void)
{
    owner_rests = false;
    kill(owner, SIGCONT);
}

static void map_world(void)
{
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(world, MAP_FAILED);
}

static void start_owner(void)
{
    map_world();
    owner_rests = false;
    owner = fork();
    if (owner == 0)
        own();
    await_owner();
}

/* Whoever is left is a child of ours by then. */
static void expect_nobody_left(long at)
{
    uint64_t until_ns = mproc_deadline_ms(LEFT_MS);

    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        cr_assert_lt(mproc_clock_ns(), until_ns, "instruction %ld: somebody is left after %d ms", at,
                     LEFT_MS);
        sched_yield();
    }
}

static void end_owner(void)
{
    kill(owner, SIGKILL);
    expect_nobody_left(-1);
    munmap(world, sizeof(*world));
}

static void await_trace(pid_t pid)
{
    int status;

    do {
        cr_assert_eq(waitpid(pid, &status, __WALL), pid);
        cr_assert(WIFSTOPPED(status));
    } while (status >> 16 != PTRACE_EVENT_STOP);
}

static void seize(pid_t pid, long options)
{
    cr_assert_eq(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL | options), 0);
    cr_assert_eq(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
    await_trace(pid);
}

static bool sleeps(pid_t pid)
{
    char path[40];
    char state = 'S';

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file) {
        cr_assert_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
    }
    return state == 'S';
}

enum stepped { STEPPED, ENDED, ASLEEP };

/* Until the next stop of the one who is traced; asleep is who sleeps while the owner rests. */
static enum stepped await_step(pid_t pid, int *ret_status)
{
    for (;;) {
        bool over = owner_rests && sleeps(pid);
        pid_t who =
            waitpid(owner_rests ? pid : -1, ret_status, __WALL | WUNTRACED | (owner_rests ? WNOHANG : 0));
        cr_assert_geq(who, 0);
        if (who == 0 && over)
            return ASLEEP;
        if (who == 0)
            sched_yield();
        else if (note(who, *ret_status, pid))
            return WIFSTOPPED(*ret_status) ? STEPPED : ENDED;
    }
}

/* One more instruction, with the signal that it was stopped by, if any. */
static enum stepped step_with(pid_t pid, int *signo)
{
    int status;

    cr_assert_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, *signo), 0);
    *signo = 0;
    enum stepped stepped = await_step(pid, &status);
    if (stepped == STEPPED && WSTOPSIG(status) != SIGTRAP && status >> 16 == 0)
        *signo = WSTOPSIG(status);
    return stepped;
}

/* Steps, and kills. Returns how many instructions there were, `at` at most. */
static long step_and_kill(pid_t pid, long at)
{
    enum stepped stepped = STEPPED;
    long done = 0;
    int signo = 0;
    int status;

    for (; done < at && stepped == STEPPED; done += stepped == STEPPED)
        stepped = step_with(pid, &signo);
    if (stepped == ENDED)
        return done;
    kill(pid, SIGKILL);
    do
        cr_assert_eq(waitpid(pid, &status, __WALL), pid);
    while (WIFSTOPPED(status));
    return done;
}

struct seen {
    long well, died, refused;
};

static void judge_clean(const struct outcome *clean, long at)
{
    cr_assert_eq(clean->started, 0, "after %ld instructions the next start fails: %s", at, clean->detail);
    cr_assert(clean->joined == 0 && clean->runs == 1 && clean->status.end == MPROC_END_EXIT,
              "after %ld instructions: the next process is not well: %d, %u runs; %s", at, clean->joined,
              clean->runs, clean->detail);
}

static void judge_hit(const struct outcome *hit, bool by_guard, long at, struct seen *seen)
{
    cr_assert_leq(hit->runs, 1, "instruction %ld: the entry has run twice", at);
    if (hit->started) {
        cr_assert(!by_guard && hit->started == -ECHILD && hit->runs == 0, "instruction %ld: %d: %s", at,
                  hit->started, hit->detail);
        seen->refused++;
        return;
    }
    cr_assert_eq(hit->joined, 0, "instruction %ld: %s", at, hit->detail);
    if (hit->status.end == MPROC_END_EXIT) {
        cr_assert_eq(hit->runs, 1, "instruction %ld", at);
        seen->well++;
        return;
    }
    cr_assert(hit->status.end == MPROC_END_SIGNAL && hit->status.signal == SIGKILL, "instruction %ld: %d %d",
              at, (int)hit->status.end, hit->status.signal);
    cr_assert_eq(hit->status.guard_died, by_guard, "instruction %ld", at);
    seen->died++;
}

/* Lets the guard go until it has forked. Returns the worker, which has not begun. */
static pid_t await_worker(pid_t guard)
{
    unsigned long worker = 0;
    int signo = 0;
    int status;

    while (!worker) {
        cr_assert_eq(ptrace(PTRACE_CONT, guard, NULL, signo), 0);
        cr_assert_eq(waitpid(guard, &status, __WALL), guard);
        cr_assert(WIFSTOPPED(status));
        signo = status >> 16 == 0 ? WSTOPSIG(status) : 0;
        if (status >> 16 == PTRACE_EVENT_FORK)
            cr_assert_eq(ptrace(PTRACE_GETEVENTMSG, guard, NULL, &worker), 0);
    }
    cr_assert_eq(ptrace(PTRACE_DETACH, guard, NULL, NULL), 0);
    await_trace((pid_t)worker);
    return (pid_t)worker;
}

/* Who is killed at an instruction, and who before the first. */
struct path {
    enum who victim, other;
    bool hits_worker; /* of the victim, from its fork on, in its place */
};

/* One start under a kill. Returns how many instructions there were, `at` at most. */
static long hit_once(const struct path *path, long at, struct seen *seen)
{
    pid_t pid = world->pids[path->victim];

    judge_clean(&world->clean, at);
    seize(pid, path->hits_worker ? PTRACE_O_TRACEFORK : 0);
    /* Unseen by the victim, which comes to know at its next instructions. */
    if (path->other != NOBODY)
        cr_assert_eq(kill(world->pids[path->other], SIGKILL), 0);
    let_owner_go_on();
    if (path->hits_worker)
        pid = await_worker(pid);
    long done = step_and_kill(pid, at);
    await_owner();
    judge_hit(&world->hit, !path->hits_worker, at, seen);
    let_owner_go_on();
    await_owner();
    judge_clean(&world->clean, at);
    return done;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static bool can_trace(void)
{
    pid_t pid = step_start(do_nothing, NULL);

    if (pid)
        step_kill(pid);
    return pid != 0;
}

static struct seen sweep(const struct path *path)
{
    enum { ENDLESS = 1 << 30 };
    struct seen seen = {0};
    long points = 0;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!can_trace())
        cr_skip_test("no ptrace here");
    start_owner();
    long count = hit_once(path, ENDLESS, &seen);
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at = step_next(at, walk.stride, count), points++)
        hit_once(path, at, &seen);
    cr_log_info("%ld of %ld instructions: %ld ran, %ld died, %ld were refused", points, count, seen.well,
                seen.died, seen.refused);
    end_owner();
    return seen;
}

TestSuite(guard_step, .timeout = STEP_TIMEOUT_S);

Test(guard_step, the_guard_in_a_start)
{
    struct seen seen = sweep(&(struct path){.victim = GUARD, .other = NOBODY});

    cr_assert_gt(seen.well, 0);
}

Test(guard_step, the_keeper_while_it_replaces_the_guard)
{
    struct seen seen = sweep(&(struct path){.victim = KEEPER, .other = GUARD});

    cr_assert_gt(seen.well, 0);
}

Test(guard_step, the_guard_while_it_takes_the_place_of_the_keeper)
{
    struct seen seen = sweep(&(struct path){.victim = GUARD, .other = KEEPER});

    cr_assert_gt(seen.well, 0);
}

Test(guard_step, the_worker_from_its_fork_to_its_end)
{
    struct seen seen = sweep(&(struct path){.victim = GUARD, .other = NOBODY, .hits_worker = true});

    cr_assert(seen.refused > 0 && seen.died > 0);
}

/* The owner: opens a context, starts a process, joins it, and closes the context. */
static void body_own(void *arg)
{
    struct mproc_process *process = NULL;

    (void)arg;
    if (mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) ||
        mproc_process_start(context, "run", NULL, NULL, &process) ||
        mproc_process_join(process, MPROC_FOREVER, NULL))
        _exit(1);
    mproc_process_free(process);
    if (mproc_context_close(context, MPROC_FOREVER))
        _exit(1);
}

static void begin_own(void *arg)
{
    (void)arg;
    world->runs = 0;
}

static void judge_own(void *arg, long at)
{
    (void)arg;
    expect_nobody_left(at);
    cr_assert_leq(world->runs, 1, "instruction %ld", at);
}

Test(guard_step, the_owner_from_open_to_close)
{
    map_world();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    step_sweep(
        &(struct step_sweep){.body = body_own, .before = begin_own, .after = judge_own, .points = POINTS});
    munmap(world, sizeof(*world));
}
