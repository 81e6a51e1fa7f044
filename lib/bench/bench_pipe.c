/*
 * Connections against a bare socketpair of packets, a pair of pipes with a length before each frame, and
 * CPython's multiprocessing.Pipe.
 *
 * Two processes do the same work over each, one after the other in every round. Figures are medians; the
 * ratio is ours to the peer's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/pipe.h>

#include "measure/measure.h"

enum { ROUNDS = 5, LARGEST = 1 << 20 };

static unsigned char data[LARGEST];

/* One end of a way to carry frames. */
union end {
    struct mproc_pipe *pipe;
    int fds[2]; /* to read, to write */
};

struct carrier {
    const char *name;
    size_t largest;
    void (*open)(union end *ret_ends);
    void (*send)(const union end *end, size_t size);
    void (*receive)(const union end *end, size_t size);
    void (*close)(union end *end);
};

static void open_ours(union end *ret_ends)
{
    require(mproc_pipe_create(NULL, &ret_ends[0].pipe, &ret_ends[1].pipe) == 0, "pipe");
}

static void send_ours(const union end *end, size_t size)
{
    require(mproc_pipe_send(end->pipe, data, size, MPROC_FOREVER) == 0, "send");
}

static void receive_ours(const union end *end, size_t size)
{
    size_t len;

    require(mproc_pipe_receive_into(end->pipe, MPROC_FOREVER, sizeof(data), data, &len) == 0 && len == size,
            "receive");
}

static void close_ours(union end *end)
{
    mproc_pipe_unref(end->pipe);
}

static void open_packets(union end *ret_ends)
{
    int fds[2];

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    for (int i = 0; i < 2; i++)
        ret_ends[i].fds[0] = ret_ends[i].fds[1] = fds[i];
}

static void send_packet(const union end *end, size_t size)
{
    require(send(end->fds[1], data, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
}

static void receive_packet(const union end *end, size_t size)
{
    require(recv(end->fds[0], data, sizeof(data), 0) == (ssize_t)size, "recv");
}

static void close_packets(union end *end)
{
    close(end->fds[0]);
}

static void open_pipes(union end *ret_ends)
{
    int there[2], back[2];

    require(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0, "pipe2");
    ret_ends[0] = (union end){.fds = {back[0], there[1]}};
    ret_ends[1] = (union end){.fds = {there[0], back[1]}};
}

static void write_frame(const union end *end, size_t size)
{
    static unsigned char frame[4 + LARGEST];
    uint32_t length = (uint32_t)size;

    memcpy(frame, &length, 4);
    memcpy(frame + 4, data, size);
    for (size_t done = 0; done < size + 4;) {
        ssize_t written = write(end->fds[1], frame + done, size + 4 - done);
        require(written > 0, "write");
        done += (size_t)written;
    }
}

static void read_frame(const union end *end, size_t size)
{
    uint32_t length;

    require(read(end->fds[0], &length, 4) == 4 && length == size, "read");
    for (size_t done = 0; done < size;) {
        ssize_t got = read(end->fds[0], data + done, size - done);
        require(got > 0, "read");
        done += (size_t)got;
    }
}

static void close_pipes(union end *end)
{
    close(end->fds[0]);
    close(end->fds[1]);
}

static const struct carrier carriers[] = {
    {"mproc", LARGEST, open_ours, send_ours, receive_ours, close_ours},
    {"seqpacket", 65536, open_packets, send_packet, receive_packet, close_packets},
    {"pipe + length", LARGEST, open_pipes, write_frame, read_frame, close_pipes},
};

enum { CARRIERS = sizeof(carriers) / sizeof(carriers[0]), PYTHON = CARRIERS, ALL };

static const char python[] = "import multiprocessing as m, sys, time\n"
                             "size, count, trip = map(int, sys.argv[1:])\n"
                             "def peer(c):\n"
                             "    data = bytes(size)\n"
                             "    for _ in range(count):\n"
                             "        if trip: c.send_bytes(c.recv_bytes())\n"
                             "        else: c.send_bytes(data)\n"
                             "a, b = m.Pipe()\n"
                             "p = m.get_context('fork').Process(target=peer, args=(b,))\n"
                             "begin = time.monotonic()\n"
                             "p.start()\n"
                             "data = bytes(size)\n"
                             "for _ in range(count):\n"
                             "    if trip: a.send_bytes(data)\n"
                             "    a.recv_bytes()\n"
                             "print(count / (time.monotonic() - begin))\n"
                             "p.join()\n";

struct job {
    const char *name;
    size_t size;
    int count; /* ours; the peers get a part of it */
    int is_round_trip;
};

static const struct job jobs[] = {
    {"64 B", 64, 100000, 0},
    {"64 B, there and back", 64, 30000, 1},
    {"64 KiB", 65536, 10000, 0},
    {"1 MiB", LARGEST, 600, 0},
};

static void run_peer(const struct carrier *carrier, const union end *end, const struct job *job)
{
    for (int i = 0; i < job->count; i++) {
        if (job->is_round_trip)
            carrier->receive(end, job->size);
        carrier->send(end, job->size);
    }
}

/* Frames per second; 0: too large for it. */
static double run_carrier(const struct carrier *carrier, const struct job *job)
{
    union end ends[2];

    if (job->size > carrier->largest)
        return 0;
    carrier->open(ends);
    uint64_t begin_ns = mproc_clock_ns();
    pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0) {
        run_peer(carrier, &ends[1], job);
        _exit(0);
    }
    for (int i = 0; i < job->count; i++) {
        if (job->is_round_trip)
            carrier->send(&ends[0], job->size);
        carrier->receive(&ends[0], job->size);
    }
    double seconds = (double)(mproc_clock_ns() - begin_ns) / 1e9;
    require(waitpid(pid, NULL, 0) == pid, "waitpid");
    carrier->close(&ends[0]);
    carrier->close(&ends[1]);
    return job->count / seconds;
}

static double run_python(const struct job *job)
{
    char words[64];

    snprintf(words, sizeof(words), "%zu %d %d", job->size, job->count / 5, job->is_round_trip);
    return python_figure(python, words);
}

static void run_job(const struct job *job)
{
    double figures[ALL][ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CARRIERS; i++)
            figures[i][round] = run_carrier(&carriers[i], job);
        figures[PYTHON][round] = run_python(job);
    }
    double ours = median(figures[0], ROUNDS);
    for (int i = 1; i < ALL; i++) {
        double theirs = median(figures[i], ROUNDS);
        const char *peer = i == PYTHON ? "CPython Pipe" : carriers[i].name;
        if (theirs > 0)
            printf("%-24s %-14s %12.0f %12.0f %8.2f\n", job->name, peer, ours, theirs, ours / theirs);
        else
            printf("%-24s %-14s %12.0f %21s\n", job->name, peer, ours,
                   i == PYTHON ? "skipped: not installed" : "skipped: too large for it");
        fflush(stdout);
    }
}

int main(void)
{
    printf("%-24s %-14s %12s %12s %8s   (frames per second, medians of %d)\n", "what", "peer", "ours",
           "peer's", "ratio", ROUNDS);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        run_job(&jobs[i]);
    return 0;
}
