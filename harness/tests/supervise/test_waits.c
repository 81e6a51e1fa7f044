/*
 * Every kind of wait on real processes, as a pair: stuck for good, and the near miss in which the partner
 * waits for a byte from outside. The scenes are in waits/; WAITS_ROUNDS=N plays all of them N times,
 * WAITS_ONLY=NAME one of them.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/judge.h"
#include "plan/plan.h"
#include "supervise/supervise.h"

enum { ROUNDS = 2, KINDS_MAX = 200 };

struct kind {
    char name[40], claim[16], call[32];
};

static struct kind kinds[KINDS_MAX];

static size_t list_kinds(void)
{
    FILE *list = popen(WAITS " list", "r");
    cr_assert_not_null(list);
    size_t count = 0;
    while (count < KINDS_MAX &&
           fscanf(list, "%39s %15s %31s", kinds[count].name, kinds[count].claim, kinds[count].call) == 3)
        count++;
    cr_assert_eq(pclose(list), 0);
    return count;
}

/* One scene while it runs. */
struct play {
    const struct kind *kind;
    unsigned share;      /* what the containment does not have for itself */
    bool stuck;          /* the scene in which nobody comes */
    int input;           /* write end of the root's standard input */
    bool looked;         /* a snapshot of both at their waits was judged */
    bool proven;         /* and found stuck */
    bool ends;           /* nothing will come of it: end the trial */
    char unexpected[80]; /* the root waited in another call than it should */
};

static bool all_wait(const struct pf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        if (snapshot->threads[i].wait.kind == PF_WAIT_NONE)
            return false;
    return snapshot->thread_count >= 2 && snapshot->reason == PF_SNAPSHOT_QUIET;
}

static bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    struct play *play = context;
    bool proven = pf_judge_is_stuck(trace, snapshot);
    if (play->looked)
        play->proven |= proven;
    if (!all_wait(snapshot) || play->looked)
        return proven;
    const struct pf_thread_state *root = pf_snapshot_thread(snapshot, "0");
    const char *call = root->wait.call ? root->wait.call : "-";
    if (strcmp(call, play->kind->call) != 0)
        snprintf(play->unexpected, sizeof(play->unexpected), "waits in %s", call);
    play->looked = true;
    play->proven = proven;
    play->ends = play->stuck && !proven && strcmp(play->kind->claim, "settled") != 0;
    if (!play->stuck && write(play->input, "x", 1) != 1)
        snprintf(play->unexpected, sizeof(play->unexpected), "cannot be woken");
    return proven;
}

static int interrupts(void *context)
{
    return ((struct play *)context)->ends ? 2 : 0;
}

/* The root inherits standard input and a folder that is empty before and after. */
static void arrange(struct pf_trial *trial, const struct play *play)
{
    const char **command = pf_arena_alloc(trial->arena, 3 * sizeof(*command));
    command[0] = WAITS;
    command[1] = play->kind->name;
    command[2] = play->stuck ? "stuck" : "near";
    trial->command = command;
    trial->command_count = 3;
    trial->deadline_ns = 20000000000ULL;
}

static enum pf_verdict_kind run(struct play *play, const char *folder)
{
    int input[2], kept = dup(STDIN_FILENO);
    cr_assert(pipe2(input, O_CLOEXEC) == 0 && dup2(input[0], STDIN_FILENO) == STDIN_FILENO);
    close(input[0]);
    play->input = input[1];
    struct pf_trial *trial = pf_plan_new();
    arrange(trial, play);
    trial->directory = folder;
    trial->share = play->share;
    struct pf_watcher watcher = {.context = play, .is_stuck = is_stuck, .interrupts = interrupts};
    struct pf_trace *trace = pf_trace_new();
    struct pf_error error = {""};
    int r = pf_supervise_trial(trial, &watcher, trace, &error);
    cr_assert_eq(r, 0, "%s: %s", play->kind->name, error.message);
    cr_assert_eq(waitpid(-1, NULL, __WALL), -1, "%s: a process is left behind", play->kind->name);
    enum pf_verdict_kind verdict = PF_VERDICT__COUNT;
    for (size_t i = 0; i < trace->count; i++)
        if (trace->events[i]->kind == PF_EVENT_VERDICT)
            verdict = trace->events[i]->verdict.kind;
    dup2(kept, STDIN_FILENO);
    close(kept);
    close(input[1]);
    pf_trace_free(trace);
    pf_plan_free(trial);
    return verdict;
}

/* Returns what is wrong, NULL: nothing. */
static const char *play_scene(const struct kind *kind, bool stuck, const char *folder)
{
    static char text[200];
    struct play play = {.kind = kind, .stuck = stuck};
    enum pf_verdict_kind verdict = run(&play, folder);
    bool can_be = strcmp(kind->claim, "never") != 0;
    enum pf_verdict_kind wanted = !stuck   ? PF_VERDICT_FINISHED
                                  : can_be ? PF_VERDICT_PROVEN
                                           : PF_VERDICT_INTERRUPTED;
    if (verdict == wanted && play.looked && play.proven == (stuck && can_be) && !*play.unexpected)
        return NULL;
    snprintf(text, sizeof(text), "%s %s: verdict %s%s%s %s", kind->name, stuck ? "stuck" : "near",
             pf_names_get(&pf_verdict_kind_names, (int)verdict), play.looked ? "" : ", not looked at",
             play.proven ? ", proven" : ", not proven", play.unexpected);
    return text;
}

static size_t rounds(void)
{
    const char *asked = getenv("WAITS_ROUNDS");
    return asked ? (size_t)atoi(asked) : ROUNDS;
}

Test(waits, each_kind_is_proven_when_stuck_and_not_when_somebody_may_come, .timeout = 14400)
{
    char folder[] = "/tmp/pitfall-waits-XXXXXX", fifo[80];
    const char *only = getenv("WAITS_ONLY");
    size_t wrong = 0, played = 0, count = list_kinds();
    cr_assert_gt(count, 70);
    cr_assert_not_null(mkdtemp(folder));
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    for (size_t round = 0; round < rounds(); round++)
        for (size_t i = 0; i < 2 * count; i++) {
            const struct kind *kind = &kinds[i / 2];
            if (only && strcmp(only, kind->name) != 0)
                continue;
            const char *what = play_scene(kind, i % 2 == 0, folder);
            played++;
            unlink(fifo);
            if (what) {
                wrong++;
                fprintf(stderr, "round %zu: %s\n", round, what);
            }
        }
    rmdir(folder);
    cr_assert_eq(wrong, 0, "%zu of %zu scenes were judged wrongly", wrong, played);
    cr_assert_gt(played, 0);
}

/* What is named outside the containment can be reached from there. */
static void expect_open_to_all(const char *name, unsigned share)
{
    struct kind kind = {.claim = "never", .call = ""};
    snprintf(kind.name, sizeof(kind.name), "%s", name);
    struct play play = {.kind = &kind, .stuck = true, .share = share};
    enum pf_verdict_kind verdict = run(&play, NULL);
    cr_assert(play.looked && !play.proven && verdict == PF_VERDICT_INTERRUPTED,
              "%s with others: verdict %s%s%s", name, pf_names_get(&pf_verdict_kind_names, (int)verdict),
              play.looked ? "" : ", not looked at", play.proven ? ", proven" : "");
}

Test(waits, what_is_shared_with_others_is_never_proven, .timeout = 60)
{
    expect_open_to_all("sysv-semaphore", PF_SHARE_IPC);
    semctl(semget(0x7069, 1, 0), 0, IPC_RMID);
    expect_open_to_all("posix-queue-receive", PF_SHARE_IPC);
    mq_unlink("/queue");
    expect_open_to_all("semaphore-named", PF_SHARE_SHM);
    sem_unlink("/named");
    expect_open_to_all("fifo-open-read", PF_SHARE_SHM);
    unlink("/dev/shm/fifo");
    expect_open_to_all("semaphore-named", PF_SHARE_PID);
    sem_unlink("/named");
}
