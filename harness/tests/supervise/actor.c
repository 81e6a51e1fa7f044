/*
 * actor.c - the program under test of the supervision tests: `actor SCENE` plays one scene.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "pitfall/point.h"

#ifdef __SANITIZE_ADDRESS__
/* The leak detector stops the process by ptrace, which its tracer already has. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static void on_signal(int number);

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(9);
}

static int reap(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int exit_seven(void)
{
    return 7;
}

/* Two children, each at a point of its own; what order they speak in is for the plan to say. */
static int two_children(void)
{
    pid_t first = fork();
    if (first == 0) {
        PITFALL_POINT("first");
        say("first\n");
        _exit(0);
    }
    pid_t second = fork();
    if (second == 0) {
        PITFALL_POINT("second");
        say("second\n");
        PITFALL_POINT("second-spoke");
        _exit(0);
    }
    return reap(first) | reap(second) ? 1 : 0;
}

static int write_thrice(void)
{
    for (int i = 0; i < 3; i++)
        if (write(STDOUT_FILENO, "x\n", 2) < 0)
            printf("%s\n", strerrorname_np(errno));
    return 0;
}

static int ledger(void)
{
    PITFALL_LEDGER("sent", 7);
    PITFALL_LEDGER("sent:jobs", 8);
    PITFALL_LEDGER("received", 7);
    return 0;
}

static int errno_is_kept(void)
{
    errno = ENOTTY;
    PITFALL_POINT("here");
    return errno == ENOTTY ? 0 : 1;
}

static int use_descriptors(void)
{
    for (int i = 0; i < 100; i++)
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
            return errno == EMFILE ? 0 : 1;
    return 2;
}

static int use_queues(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 1024};
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "/queue-%d", i);
        if (mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes) < 0)
            return errno == EMFILE ? 0 : 1;
    }
    return 2;
}

static int use_timers(void)
{
    timer_t timer;
    for (int i = 0; i < 100; i++)
        if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0)
            return errno == EAGAIN ? 0 : 1;
    return 2;
}

/* Each turn takes another page of stack. */
static unsigned long use_stack(unsigned long pages)
{
    volatile char page[4096];
    page[0] = (char)pages;
    return pages ? use_stack(pages - 1) + (unsigned long)page[0] : 0;
}

static int use_a_megabyte_of_stack(void)
{
    return use_stack(256) == 1;
}

/* An address between the stack and what is below it, which the stack pointer has nothing to do with. */
static int write_below_the_stack(void)
{
    volatile char *here = (volatile char *)__builtin_frame_address(0);
    here[-(1L << 25)] = 1;
    return 0;
}

/* What each way to transfer ten bytes returns, and what arrives. */
static void tell(const char *call, ssize_t result, const char *bytes)
{
    if (result < 0)
        printf("%s: %s\n", call, strerrorname_np(errno));
    else
        printf("%s: %zd %.*s\n", call, result, bytes ? (int)result : 0, bytes ? bytes : "");
    fflush(stdout);
}

static int transfer(void)
{
    static const char ten[] = "0123456789"; /* in memory that may not be written */
    char left[4], right[20];
    const struct iovec out[] = {{(char *)ten, 3}, {(char *)ten + 3, 7}};
    const struct iovec in[] = {{left, 4}, {right, 20}};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return 1;
    struct msghdr sent = {.msg_iov = (struct iovec *)out, .msg_iovlen = 2};
    struct msghdr got = {.msg_iov = (struct iovec *)in, .msg_iovlen = 2};
    tell("write", write(ends[0], ten, 10), NULL);
    tell("read", read(ends[1], right, 20), right);
    tell("writev", writev(ends[0], out, 2), NULL);
    tell("recvfrom", recv(ends[1], right, 20, 0), right);
    tell("sendmsg", sendmsg(ends[0], &sent, 0), NULL);
    tell("recvmsg", recvmsg(ends[1], &got, 0), NULL);
    tell("lengths", (ssize_t)(out[1].iov_len + in[1].iov_len + sent.msg_iovlen + got.msg_iovlen), NULL);
    return 0;
}

static int parent_number(void)
{
    errno = 0;
    long result = syscall(SYS_getppid);
    printf("%ld %s\n", result == getpid() ? 1 : result, errno ? strerrorname_np(errno) : "-");
    return 0;
}

/* A call of each set, by an argument that no other call has, and with results of its own. */
static int call_of_each_set(void)
{
    enum { MARK = 4660 };
    static const struct {
        const char *name;
        long number;
    } calls[] = {{"access", SYS_access},
                 {"fsync", SYS_fsync},
                 {"wait4", SYS_wait4},
                 {"socket", SYS_socket},
                 {"msgctl", SYS_msgctl},
                 {"munmap", SYS_munmap},
                 {"sigaction", SYS_rt_sigaction},
                 {"clock_getres", SYS_clock_getres},
                 {"setresuid", SYS_setresuid}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (syscall(calls[i].number, MARK, -1L, -1L, -1L) < 0 && errno == EDEADLK)
            printf("%s ", calls[i].name);
    return 0;
}

/* The soft limit that it sets, and what has become of it a call later. */
static int lower_a_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
    syscall(SYS_getppid);
    getrlimit(RLIMIT_CORE, &limit);
    printf("%s\n", limit.rlim_cur == RLIM_INFINITY ? "unlimited" : "limited");
    return 0;
}

/* What a stopped process looks like to its parent. */
static int watch_stops(void)
{
    int seen[2];
    if (pipe(seen) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        char none;
        close(seen[1]);
        PITFALL_POINT("stopped-here");
        _exit(read(seen[0], &none, 1) == 0 ? 3 : 4); /* not before it was seen to go on */
    }
    int status;
    waitpid(child, &status, WUNTRACED);
    printf("%s\n", WIFSTOPPED(status) ? "stopped" : "not stopped");
    waitpid(child, &status, WCONTINUED);
    printf("%s\n", WIFCONTINUED(status) ? "continued" : "not continued");
    close(seen[1]);
    return WEXITSTATUS(reap(child)) == 3 ? 0 : 1;
}

static void *lock_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++)
        printf("%s\n", flock(-1, LOCK_SH) < 0 ? strerrorname_np(errno) : "0");
    return NULL;
}

/* Each of three threads makes the same two calls, one thread after the other. */
static int three_threads(void)
{
    lock_twice(NULL);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, lock_twice, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}

static int kinds_of_descriptors(void)
{
    int ends[2], sockets[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int file = memfd_create("kinds.log", MFD_CLOEXEC), pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pipe(ends) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 || grantpt(pty) < 0 ||
        unlockpt(pty) < 0)
        return 1;
    int tty = open(ptsname(pty), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const struct {
        const char *kind;
        int fd;
    } all[] = {{"pipe", ends[1]}, {"socket", sockets[0]}, {"file", file}, {"tty", tty}, {"null", null}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (pwrite(all[i].fd, "x", 1, 0) < 0 && errno == EIO)
            printf("%s\n", all[i].kind);
    return 0;
}

/* Sixteen calls that tell each whether it was struck. */
static int sixteen(void)
{
    for (int i = 0; i < 16; i++)
        putchar(flock(-1, LOCK_SH) < 0 && errno == EIO ? 'x' : '.');
    return 0;
}

static int signal_and_wait(void)
{
    sigset_t usr1, none;
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    signal(SIGUSR1, on_signal);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        kill(parent, SIGUSR1);
        pause();
        _exit(0);
    }
    sigsuspend(&none);
    PITFALL_POINT("signalled");
    return WTERMSIG(reap(child)) == SIGTERM ? 0 : 1;
}

/* Blocks in read until a signal comes. */
static int interrupted_read(void)
{
    int ends[2];
    char byte;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    if (pipe(ends) < 0)
        return 1;
    tell("read", read(ends[0], &byte, 1), NULL);
    return 0;
}

static void on_signal(int number)
{
    say(number == SIGUSR1 ? "USR1\n" : "other\n");
}

static int signal_at_point(void)
{
    signal(SIGUSR1, on_signal);
    PITFALL_POINT("struck");
    say("after\n");
    return 0;
}

static int signal_child(void)
{
    int ready[2];
    if (pipe(ready) < 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        close(ready[1]);
        char byte;
        if (read(ready[0], &byte, 1) < 0)
            _exit(1);
        pause();
        _exit(0);
    }
    kill(child, SIGTERM);
    return WTERMSIG(reap(child)) == SIGTERM ? 0 : 1;
}

static int kill_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    kill(child, SIGKILL);
    return WTERMSIG(reap(child)) == SIGKILL ? 0 : 1;
}

/* A helper that kills and is gone before anybody can look who sent the signal. */
static int kill_and_leave(void)
{
    pid_t victim = fork();
    if (victim == 0) {
        pause();
        _exit(0);
    }
    pid_t helper = fork();
    if (helper == 0) {
        kill(victim, SIGTERM);
        _exit(0);
    }
    reap(helper);
    return WTERMSIG(reap(victim)) == SIGTERM ? 0 : 1;
}

static int bind_to_parent(void)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        _exit(0);
    }
    return reap(child);
}

/* A child that is the first of a PID namespace; in a user namespace as well, which is what lets anybody do
 * it. */
static pid_t first_of_namespace(void)
{
    struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWUSER, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int end_of_first(pid_t child)
{
    if (child == 0)
        _exit(getpid() == 1 ? 0 : 1);
    return child < 0 ? 77 : WEXITSTATUS(reap(child));
}

static int nest_by_clone3(void)
{
    return end_of_first(first_of_namespace());
}

static int nest_by_clone(void)
{
    return end_of_first((pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int nest_by_unshare(void)
{
    return syscall(SYS_unshare, CLONE_NEWPID | CLONE_NEWUSER) < 0 ? 77 : end_of_first(fork());
}

/* Two namespaces entered: whoever made the child's user namespace may set its PID namespace. */
static int nest_by_setns(void)
{
    int life[2];
    if (pipe(life) < 0)
        return 1;
    pid_t child = first_of_namespace();
    if (child == 0) {
        char byte;
        close(life[1]);
        _exit(read(life[0], &byte, 1) == 0 ? 0 : 1);
    }
    int pidfd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
    if (pidfd < 0 || syscall(SYS_setns, pidfd, CLONE_NEWUSER | CLONE_NEWPID) < 0)
        return 77;
    pid_t second = fork();
    if (second == 0)
        _exit(getpid() == 2 ? 0 : 1);
    int status = WEXITSTATUS(reap(second));
    close(life[0]);
    close(life[1]);
    return status || reap(child);
}

static void *run_exec(void *program)
{
    execl(program, program, "exit-seven", (char *)NULL);
    _exit(1);
}

static char *self;

/* Only in the thread that runs exec does the program go on; it takes over the main thread's identity. */
static int thread_execs(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run_exec, self);
    pthread_join(thread, NULL);
    return 1;
}

static int leave_orphan(void)
{
    if (fork() == 0) {
        pause();
        _exit(0);
    }
    return 0;
}

/* Outlives its parent, but only for as long as it takes to see that it is gone. */
static int leave_straggler(void)
{
    int life[2];
    if (pipe(life) < 0)
        return 1;
    if (fork() == 0) {
        close(life[1]);
        char byte;
        _exit(read(life[0], &byte, 1) == 0 ? 0 : 1);
    }
    return 0;
}

static int wait_for_self(void)
{
    int ends[2];
    char byte;
    return pipe(ends) == 0 && read(ends[0], &byte, 1) == 1;
}

static void *wait_in_thread(void *unused)
{
    wait_for_self();
    return unused;
}

static int leave_a_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_in_thread, NULL))
        return 1;
    pthread_exit(NULL);
}

static int arm_alarm(void)
{
    alarm(100);
    alarm(0);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 100}, NULL);
    return 0;
}

static int spin(void)
{
    static volatile unsigned long turns = 1;
    while (turns)
        turns += 2;
    return 0;
}

static int stop_and_go(void)
{
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(5);
    }
    int status;
    waitpid(child, &status, WUNTRACED);
    if (!WIFSTOPPED(status))
        return 1;
    kill(child, SIGCONT);
    return WEXITSTATUS(reap(child)) == 5 ? 0 : 1;
}

static const struct {
    const char *name;
    int (*play)(void);
} scenes[] = {
    {"exit-seven", exit_seven},
    {"two-children", two_children},
    {"write-thrice", write_thrice},
    {"ledger", ledger},
    {"errno", errno_is_kept},
    {"use-descriptors", use_descriptors},
    {"use-queues", use_queues},
    {"use-timers", use_timers},
    {"use-stack", use_a_megabyte_of_stack},
    {"write-below-the-stack", write_below_the_stack},
    {"transfer", transfer},
    {"parent-number", parent_number},
    {"watch-stops", watch_stops},
    {"call-of-each-set", call_of_each_set},
    {"lower-a-limit", lower_a_limit},
    {"three-threads", three_threads},
    {"kinds", kinds_of_descriptors},
    {"sixteen", sixteen},
    {"signal-and-wait", signal_and_wait},
    {"interrupted-read", interrupted_read},
    {"signal-at-point", signal_at_point},
    {"signal-child", signal_child},
    {"kill-child", kill_child},
    {"kill-makers", kill_makers},
    {"kill-and-leave", kill_and_leave},
    {"bind-to-parent", bind_to_parent},
    {"nest-by-clone", nest_by_clone},
    {"nest-by-clone3", nest_by_clone3},
    {"nest-by-unshare", nest_by_unshare},
    {"nest-by-setns", nest_by_setns},
    {"thread-execs", thread_execs},
    {"leave-orphan", leave_orphan},
    {"leave-straggler", leave_straggler},
    {"wait-for-self", wait_for_self},
    {"leave-a-thread", leave_a_thread},
    {"arm-alarm", arm_alarm},
    {"spin", spin},
    {"stop-and-go", stop_and_go},
};

int main(int argc, char **argv)
{
    self = argv[0];
    for (size_t i = 0; argc == 2 && i < sizeof(scenes) / sizeof(scenes[0]); i++)
        if (strcmp(scenes[i].name, argv[1]) == 0)
            return scenes[i].play();
    fprintf(stderr, "usage: actor SCENE\n");
    return 64;
}
