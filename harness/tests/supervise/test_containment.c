/* A containment that is kept: the next trial sees nothing of the last one. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"
#include "supervise/kept.h"

TestSuite(containment, .timeout = 60);

/* All that a program could know its predecessor by. */
static const char look[] =
    "echo $$; ls -A /dev/shm . ; ls -id /dev/shm/.; ulimit -a; nice; ps -e -o pid=,comm=; cat file; pwd;"
    "cut -d' ' -f5,6 /proc/self/mountinfo; cat /proc/sysvipc/*; cat /proc/sys/kernel/msgmax; ipcmk -Q; ipcmk "
    "-M 5;"
    "ls -A /tmp | grep pitfall-left; taskset -p $$; chrt -p $$; ionice -p $$; cat /proc/1/oom_score_adj; "
    "umask;"
    "stat -c %a . /dev/shm; touch /dev/shm/new new; ls -i /dev/shm/new new";

static char directory[] = "/tmp/pitfall-containment-XXXXXX";

/* Each test is a process of its own. */
static void enter(void)
{
    FILE *file;
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_not_null(file = fopen("file", "w"));
    fclose(file);
}

static void leave(void)
{
    remove("file");
    rmdir(directory);
}

/* A skip ends the test's process where it stands. */
static void skip(const char *why)
{
    leave();
    cr_skip_test("%s", why);
}

static struct pf_trial *plan_of(const char *script)
{
    struct pf_trial *trial = plan("");
    const char **command = pf_arena_alloc(trial->arena, 3 * sizeof(*command));
    command[0] = "sh";
    command[1] = "-c";
    command[2] = script;
    trial->command = command;
    trial->command_count = 3;
    trial->isolate = true;
    trial->grace_ns = 1000000;
    trial->deadline_ns = 2000000000;
    return trial;
}

static struct pf_trace *run_in(struct pf_kept *kept, struct pf_trial *trial)
{
    struct pf_watcher watcher = {.is_stuck = is_stuck, .kept = kept};
    struct pf_trace *trace = pf_trace_new();
    struct pf_error error = {""};
    cr_assert_eq(pf_supervise_trial(trial, &watcher, trace, &error), 0, "%s", error.message);
    pf_plan_free(trial);
    return trace;
}

static void play_in(struct pf_kept *kept, const char *script)
{
    pf_trace_free(run_in(kept, plan_of(script)));
}

/* What the script says in a containment, which is given up. */
static char *words_in(struct pf_kept *kept, const char *script)
{
    struct pf_trace *trace = run_in(kept, plan_of(script));
    char *words = strdup(output_of(trace));
    pf_trace_free(trace);
    pf_kept_leave(kept);
    while (waitpid(-1, NULL, __WALL) > 0)
        ;
    return words;
}

static bool can_be_kept(void)
{
    struct pf_kept kept = {0};
    play_in(&kept, ":");
    bool can = kept.containment;
    pf_kept_leave(&kept);
    return can;
}

Test(containment, is_kept_when_nothing_was_changed)
{
    struct pf_kept kept = {0};
    enter();
    if (!can_be_kept())
        skip("no namespaces here, or pids cannot be chosen");
    play_in(&kept, "exit 7");
    const struct pf_containment *first = kept.containment;
    play_in(&kept, "cat file; echo $$ | cat; (sleep 0.001 &) ; wait");
    cr_assert_eq(kept.containment, first);
    play_in(&kept, "sleep 1000 & exit 0");
    cr_assert_eq(kept.containment, first, "an orphan is killed alone");
    play_in(&kept, "kill -STOP $$");
    cr_assert_eq(kept.containment, first);
    pf_kept_leave(&kept);
    leave();
}

/* SIGKILL does not move a traced process that is on its way out already, and the init waits for it. */
Test(containment, ends_with_a_process_that_stands_at_its_own_end)
{
    struct pf_kept kept = {0};
    siginfo_t info;
    int gate[2];
    enter();
    if (!can_be_kept())
        skip("no namespaces here, or pids cannot be chosen");
    play_in(&kept, ":");
    struct pf_containment *containment = kept.containment;
    kept.containment = NULL;
    int init = (int)syscall(SYS_pidfd_open, containment->init, 0);
    cr_assert(init >= 0 && pipe(gate) == 0);
    if (setns(init, CLONE_NEWPID) < 0)
        skip("only root comes into the namespace of others");
    pid_t child = fork();
    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &info, 1) == 0 ? 0 : 1);
    }
    cr_assert_eq(ptrace(PTRACE_SEIZE, child, NULL, PTRACE_O_TRACEEXIT), 0);
    close(gate[0]);
    close(gate[1]);
    cr_assert_eq(waitid(P_PID, (id_t)child, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL), 0);
    cr_assert_eq(info.si_code, CLD_TRAPPED);
    pf_containment_end(containment, false);
    cr_expect(kill(child, 0) < 0 && errno == ESRCH);
    close(init);
    pf_kept_leave(&kept);
    leave();
}

Test(containment, shows_nothing_of_what_the_last_trial_did)
{
    static const char *const deeds[] = {
        ":",
        "sleep 1000 & setsid sleep 1000 & exit 0",
        "i=0; while [ $i -lt 50 ]; do (exit 0); i=$((i+1)); done",
        "echo x >/dev/shm/left; mkdir /dev/shm/folder; echo y >/dev/shm/folder/file",
        "echo x >/dev/shm/gone; rm /dev/shm/gone",
        "chmod 700 /dev/shm",
        "ipcmk -Q; ipcmk -S 2; ipcmk -M 100",
        "ipcrm -q $(ipcmk -Q | tr -dc 0-9)",
        "echo changed >file; echo new >other; mkdir -p a/b; ln -s a c",
        "echo gone >other; rm other",
        "rm file",
        "chmod 700 .; touch .",
        "echo x >/tmp/pitfall-left-$$",
        "mount -t tmpfs none /mnt",
        "mount -t tmpfs none /mnt && umount /mnt",
        "umount /dev/shm",
        "umount -l /tmp",
        "mount --make-shared /",
        "mount -o remount,ro /dev/shm",
        "echo 100 >/proc/sys/kernel/msgmax",
        "echo 1000 >/proc/sys/kernel/ns_last_pid",
        "echo 500 >/proc/1/oom_score_adj",
        "prlimit --pid 1 --nofile=100:100",
        "renice -n 5 1",
        "renice -n 5 -u $(id -u)",
        "chrt -b -p 0 1",
        "taskset -p 1 1",
        "ionice -c 3 -p 1",
        "kill -TERM 1; kill -STOP 1; kill -9 1",
        "kill -9 -1",
        "exec 9>/dev/shm/open; sleep 1000 & exit 0",
        "cd /proc/self/fd && for i in *; do [ $i -le 2 ] || echo $i; done",
    };
    enter();
    struct pf_kept kept = {0};
    char *expected = words_in(&kept, look);
    cr_assert(strstr(expected, directory), "%s", expected);
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        play_in(&kept, deeds[i]);
        char *words = words_in(&kept, look);
        cr_assert_str_eq(words, expected, "after: %s", deeds[i]);
        free(words);
    }
    free(expected);
    leave();
}

Test(containment, keeps_a_caller_and_what_it_has_open_apart)
{
    static const char script[] = "ls /proc/self/fd; ls -l /proc/1/fd | grep -c pipe";
    int ends[2];
    struct pf_kept kept = {0};
    enter();
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[1], 77), 77);
    char *first = words_in(&kept, script);
    cr_assert(strstr(first, "\n77\n"), "%s", first);
    cr_assert(strstr(first, "\n0\n"), "the init holds the caller's pipe open: %s", first);
    play_in(&kept, ":");
    char *again = words_in(&kept, script);
    cr_assert_str_eq(first, again);
    close(ends[1]);
    close(77);
    char byte;
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    free(first);
    free(again);
    leave();
}

Test(containment, does_for_other_trials_only_if_it_fits)
{
    struct pf_kept kept = {0};
    enter();
    play_in(&kept, ":");
    struct pf_trial *trial = plan_of("ls -A; stat -fc %T /dev/shm; readlink /proc/self/ns/ipc");
    trial->isolate = false;
    trial->share = PF_SHARE_IPC;
    struct pf_trace *trace = run_in(&kept, trial);
    char own[64] = "";
    cr_assert_gt(readlink("/proc/self/ns/ipc", own, sizeof(own) - 1), 0);
    cr_assert(strstr(output_of(trace), own), "%s", output_of(trace));
    pf_trace_free(trace);
    pf_kept_leave(&kept);
    leave();
}
