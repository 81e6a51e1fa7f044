/*
 * Four processes that log into one file: ours through a listener in a process of its own, which formats;
 * write(2) of a line that is finished already to a file opened with O_APPEND; what syslog(3) and the smallest
 * daemon behind it do, over a socket of their own: a datagram for each record, which is formatted for it; and
 * CPython's QueueHandler with a QueueListener.
 *
 * One after the other in every round; figures are medians, the ratio is ours to the peer's. Time is taken
 * until the last line is in the file. Once more ours while writers are killed and replaced all the time.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/log.h>
#include <mproc/process.h>

#include "measure/measure.h"

enum {
    ROUNDS = 5,
    WRITERS = 4,
    OURS = 250000,
    APPENDS = 100000,
    DATAGRAMS = 25000,
    PYTHONS = 2500,
    KILLS = 200
};

static char path[] = "/tmp/bench-log-XXXXXX";

static long count_lines(void)
{
    static char buffer[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long lines = 0;
    ssize_t len;

    while ((len = read(fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < len; i++)
            lines += buffer[i] == '\n';
    }
    close(fd);
    return lines;
}

static void empty_file(void)
{
    require(truncate(path, 0) == 0, path);
}

static int idle(struct mproc_args *args)
{
    (void)args;
    return 0;
}

static const struct mproc_entry entries[] = {{"idle", idle}, {NULL, NULL}};

static _Noreturn void write_records(struct mproc_log *log, int count, uint64_t *accepted)
{
    const uint64_t before = *accepted; /* by those in whose place this one is */

    for (int i = 0; i < count; i++) {
        require(mproc_log_info(log, "request %d was answered after %d microseconds", i, 77) == 0, "log");
        __atomic_store_n(accepted, before + (uint64_t)i + 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

static pid_t start_writer(struct mproc_log *log, int count, uint64_t *accepted)
{
    pid_t pid = fork();

    require(pid >= 0, "fork");
    if (pid == 0)
        write_records(log, count, accepted);
    return pid;
}

/* Kills one writer after the other, and replaces it. */
static void kill_writers(struct mproc_log *log, pid_t *pids, uint64_t *accepted)
{
    for (int kills = 0; kills < KILLS; kills++) {
        int victim = kills % WRITERS;
        usleep(2000);
        kill(pids[victim], SIGKILL);
        waitpid(pids[victim], NULL, 0);
        pids[victim] = start_writer(log, OURS, &accepted[8 * victim]);
    }
    for (int i = 0; i < WRITERS; i++)
        kill(pids[i], SIGKILL);
}

static double run_ours(struct mproc_context *context, int with_kills)
{
    const struct mproc_log_handler handler = {.target = MPROC_LOG_TO_FILE, .path = path};
    uint64_t *accepted =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* a cache line each */
    struct mproc_log_listener *listener;
    struct mproc_log *log;
    pid_t pids[WRITERS];
    long sum = 0;

    empty_file();
    require(mproc_log_create(NULL, &log) == 0, "log");
    require(mproc_log_listen(log, &handler, 1, context, &listener) == 0, "listen");
    uint64_t begin_ns = mproc_clock_ns();
    for (int i = 0; i < WRITERS; i++)
        pids[i] = start_writer(log, with_kills ? 100 * OURS : OURS, &accepted[8 * i]);
    if (with_kills)
        kill_writers(log, pids, accepted);
    for (int i = 0; i < WRITERS; i++)
        waitpid(pids[i], NULL, 0);
    mproc_log_unref(log);
    require(mproc_log_listener_join(listener, MPROC_FOREVER) == 0, "listener");
    double seconds = (double)(mproc_clock_ns() - begin_ns) / 1e9;
    mproc_log_listener_free(listener);
    for (int i = 0; i < WRITERS; i++)
        sum += (long)accepted[8 * i];
    long lines = count_lines();
    /* Who was killed between the two may have one more in the log than it could say. */
    require(lines >= sum && lines <= sum + (with_kills ? KILLS + WRITERS : 0), "a record is lost");
    munmap(accepted, 4096);
    return (double)lines / seconds;
}

static double run_appends(void)
{
    static const char line[] =
        "2026-11-24T22:27:04.123456Z INFO main[12345]: request 123456 was answered after 77 "
        "microseconds\n";
    pid_t pids[WRITERS];

    empty_file();
    uint64_t begin_ns = mproc_clock_ns();
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        require(pids[i] >= 0, "fork");
        if (pids[i] != 0)
            continue;
        int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        for (int n = 0; n < APPENDS; n++)
            require(write(fd, line, sizeof(line) - 1) == (ssize_t)sizeof(line) - 1, "write");
        _exit(0);
    }
    for (int i = 0; i < WRITERS; i++)
        waitpid(pids[i], NULL, 0);
    double seconds = (double)(mproc_clock_ns() - begin_ns) / 1e9;
    require(count_lines() == (long)WRITERS * APPENDS, "lines");
    return WRITERS * APPENDS / seconds;
}

/* The daemon: each datagram becomes a line, until one is empty. */
static _Noreturn void write_datagrams(int fd)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    char line[1024];
    ssize_t len;

    while ((len = recv(fd, line, sizeof(line) - 1, 0)) > 0) {
        line[len++] = '\n';
        require(write(file, line, (size_t)len) == len, "write");
    }
    _exit(0);
}

static _Noreturn void send_datagrams(int fd)
{
    char line[1024], when[32];

    for (int i = 0; i < DATAGRAMS; i++) {
        time_t now = time(NULL);
        struct tm parts;
        strftime(when, sizeof(when), "%h %e %T", localtime_r(&now, &parts));
        int len =
            snprintf(line, sizeof(line), "<14>%s main[%d]: request %d was answered after %d microseconds",
                     when, (int)getpid(), i, 77);
        require(send(fd, line, (size_t)len, 0) == len, "send");
    }
    _exit(0);
}

static double run_syslog(void)
{
    pid_t pids[WRITERS];
    int ends[2];

    empty_file();
    require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    uint64_t begin_ns = mproc_clock_ns();
    pid_t daemon_pid = fork();
    if (daemon_pid == 0)
        write_datagrams(ends[0]);
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        require(pids[i] >= 0, "fork");
        if (pids[i] == 0)
            send_datagrams(ends[1]);
    }
    for (int i = 0; i < WRITERS; i++)
        waitpid(pids[i], NULL, 0);
    require(send(ends[1], "", 0, 0) == 0, "send");
    waitpid(daemon_pid, NULL, 0);
    double seconds = (double)(mproc_clock_ns() - begin_ns) / 1e9;
    close(ends[0]);
    close(ends[1]);
    require(count_lines() == (long)WRITERS * DATAGRAMS, "lines");
    return WRITERS * DATAGRAMS / seconds;
}

static const char python[] =
    "import logging, logging.handlers, multiprocessing as m, sys, time\n"
    "path, writers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])\n"
    "def write(queue):\n"
    "    logger = logging.getLogger('main')\n"
    "    logger.setLevel(logging.INFO)\n"
    "    logger.addHandler(logging.handlers.QueueHandler(queue))\n"
    "    for i in range(count):\n"
    "        logger.info('request %d was answered after %d microseconds', i, 77)\n"
    "context = m.get_context('fork')\n"
    "queue = context.Queue()\n"
    "handler = logging.FileHandler(path)\n"
    "handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(name)s[%(process)d]: "
    "%(message)s'))\n"
    "listener = logging.handlers.QueueListener(queue, handler)\n"
    "begin = time.monotonic()\n"
    "processes = [context.Process(target=write, args=(queue,)) for _ in range(writers)]\n"
    "for p in processes: p.start()\n"
    "listener.start()\n"
    "for p in processes: p.join()\n"
    "listener.stop()\n"
    "print(writers * count / (time.monotonic() - begin))\n";

static double run_python(void)
{
    char words[sizeof(path) + 32];

    empty_file();
    snprintf(words, sizeof(words), "%s %d %d", path, WRITERS, PYTHONS);
    return python_figure(python, words);
}

static void print(const char *what, const char *peer, double ours, double theirs)
{
    if (theirs > 0)
        printf("%-34s %-26s %12.0f %12.0f %8.1f\n", what, peer, ours, theirs, ours / theirs);
    else
        printf("%-34s %-26s %12.0f %21s\n", what, peer, ours, "skipped: not installed");
}

int main(void)
{
    double ours[ROUNDS], with_kills[ROUNDS], appends[ROUNDS], syslogs[ROUNDS], pythons[ROUNDS];
    struct mproc_context *context;
    int fd = mkstemp(path);

    require(fd >= 0, path);
    close(fd);
    require(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0,
            "context");
    for (int round = 0; round < ROUNDS; round++) {
        ours[round] = run_ours(context, 0);
        appends[round] = run_appends();
        syslogs[round] = run_syslog();
        pythons[round] = run_python();
        with_kills[round] = run_ours(context, 1);
    }
    mproc_context_close(context, MPROC_FOREVER);
    unlink(path);
    double appended = median(appends, ROUNDS), python_rate = median(pythons, ROUNDS);
    double syslog_rate = median(syslogs, ROUNDS);
    printf("%-34s %-26s %12s %12s %8s   (records per second, medians of %d)\n", "4 writers, 1 file", "peer",
           "ours", "peer's", "ratio", ROUNDS);
    print("one after the other", "write() with O_APPEND", median(ours, ROUNDS), appended);
    print("one after the other", "syslog: datagram, writer", median(ours, ROUNDS), syslog_rate);
    print("one after the other", "CPython QueueListener", median(ours, ROUNDS), python_rate);
    print("while writers are killed", "write() with O_APPEND", median(with_kills, ROUNDS), appended);
    print("while writers are killed", "CPython QueueListener", median(with_kills, ROUNDS), python_rate);
    return 0;
}
