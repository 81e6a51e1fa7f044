#include "sweep/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "judge/judge.h"
#include "supervise/supervise.h"

enum { CHUNK = 64 * 1024, PIPE_BYTES = 1024 * 1024, PATIENCE_MS = 100, ASKED_MOST = 40, READS_AT_ONCE = 16 };

static volatile sig_atomic_t told_to_end;

static void on_end(int number)
{
    (void)number;
    told_to_end = 1;
}

/* Keys of the terminal are for whoever watches: it tells us. */
static void on_key(int number)
{
    (void)number;
}

static int interrupts(void *context)
{
    (void)context;
    return told_to_end ? 2 : 0;
}

static bool is_stuck(void *context, const struct pf_trace *trace, const struct pf_snapshot *snapshot)
{
    (void)context;
    return pf_judge_is_stuck(trace, snapshot);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    sigaction(number, &action, NULL);
}

/* In the process of the trial. */
_Noreturn static void carry_out(const struct pf_trial *trial, const sigset_t *mask, int fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    handle(SIGTERM, on_end);
    handle(SIGHUP, on_end);
    handle(SIGINT, on_key);
    handle(SIGQUIT, on_key);
    handle(SIGTSTP, on_key);
    sigprocmask(SIG_SETMASK, mask, NULL);
    struct pf_trace *trace = pf_trace_new();
    struct pf_watcher watcher = {.is_stuck = is_stuck, .interrupts = interrupts};
    struct pf_error error = {""}; /* the trace gets the message */
    trace->sink = fdopen(fd, "w");
    if (!trace->sink)
        _exit(1);
    pf_supervise_trial(trial, &watcher, trace, &error);
    _exit(0); /* each event was flushed */
}

int pf_relay_start(const struct pf_trial *trial, const sigset_t *mask, struct pf_relay *ret_relay,
                   struct pf_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return pf_error_set(error, -errno, "no pipe for the events of a trial: %s", strerror(errno));
    /* The more fits in, the later a stopped reader is felt by the program. */
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(ends[0]);
        carry_out(trial, mask, ends[1], parent);
    }
    int r = pid < 0 ? -errno : 0;
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pid > 0 && pidfd < 0) {
        r = -errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(ends[1]);
    if (r < 0) {
        close(ends[0]);
        return pf_error_set(error, r, "no process for a trial: %s", strerror(-r));
    }
    *ret_relay = (struct pf_relay){.pid = pid, .pidfd = pidfd, .fd = ends[0]};
    return 0;
}

static void reap(struct pf_relay *relay, int *ret_status)
{
    while (waitpid(relay->pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    close(relay->pidfd);
    relay->pid = 0;
}

static void close_pipe(struct pf_relay *relay)
{
    if (relay->fd >= 0)
        close(relay->fd);
    relay->fd = -1;
}

/* Takes the whole lines out of what has come. */
static int take_lines(struct pf_relay *relay, struct pf_trace *trace, struct pf_error *error)
{
    char *line = relay->rest, *end = line + relay->length, *newline;
    int r = 0;
    while (r == 0 && (newline = memchr(line, '\n', (size_t)(end - line)))) {
        r = pf_trace_read_line(trace, line, (size_t)(newline - line), error);
        line = newline + 1;
    }
    relay->length = (size_t)(end - line);
    memmove(relay->rest, line, relay->length);
    return r;
}

/* The pipe is at its end: was the trace? */
static int finish(struct pf_relay *relay, const struct pf_trace *trace, struct pf_error *error)
{
    int status = 0;
    close_pipe(relay);
    reap(relay, &status);
    if (trace->count && trace->events[trace->count - 1]->kind == PF_EVENT_END)
        return 0;
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
    return pf_error_set(error, -ECHILD, "the trial's supervisor %s%s before the trial was over",
                        name ? "was killed by SIG" : "ended", name ? name : "");
}

int pf_relay_read(struct pf_relay *relay, struct pf_trace *trace, struct pf_error *error)
{
    for (int i = 0; i < READS_AT_ONCE && relay->fd >= 0; i++) {
        if (relay->room - relay->length < CHUNK) {
            relay->room = relay->room * 2 + CHUNK;
            relay->rest = realloc(relay->rest, relay->room);
            if (!relay->rest)
                abort();
        }
        ssize_t n = read(relay->fd, relay->rest + relay->length, relay->room - relay->length);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR
                       ? 0
                       : pf_error_set(error, -errno, "the events of the trial cannot be read: %s",
                                      strerror(errno));
        if (n == 0)
            return finish(relay, trace, error);
        relay->length += (size_t)n;
        int r = take_lines(relay, trace, error);
        if (r < 0)
            return r;
    }
    return 0;
}

void pf_relay_end(struct pf_relay *relay)
{
    struct pollfd ended = {.fd = relay->pidfd, .events = POLLIN};
    if (relay->pid) {
        /* It may be writing to us: closed, the pipe keeps it from nothing. */
        close_pipe(relay);
        /* Asked just before it goes to sleep, it would sleep on: it is asked again. */
        int asked = 0;
        do
            kill(relay->pid, SIGTERM);
        while (poll(&ended, 1, PATIENCE_MS) <= 0 && ++asked < ASKED_MOST);
        if (asked == ASKED_MOST)
            kill(relay->pid, SIGKILL);
        reap(relay, NULL);
    }
    close_pipe(relay);
    free(relay->rest);
    *relay = (struct pf_relay){.fd = -1, .pidfd = -1};
}
