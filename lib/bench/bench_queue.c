/*
 * The queue against the kernel's: a pipe and a POSIX message queue.
 *
 * All have the same bytes of capacity and do the same work, one after the other in every round, so that what
 * the machine does at the time meets all of them. Figures are medians; the ratio is ours to the peer's, where
 * more is better throughout.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>
#include <mproc/queue.h>

enum { ROUNDS = 5, LARGEST = 65536 };

static const double run_seconds = 0.07;

union handle {
    struct mproc_queue *queue;
    int pipe[2];
    mqd_t mq;
};

/* A way to carry messages of one size. Each function ends the program when it fails. */
struct carrier {
    const char *name;
    int (*open)(union handle *ret_handle, size_t size, size_t capacity); /* -1: not to be had here */
    void (*put)(const union handle *handle, const void *data, size_t size);
    void (*get)(const union handle *handle, void *data, size_t size);
    void (*close)(union handle *handle);
};

enum placement { UNPINNED, ONE_CPU, TWO_CPUS, PLACEMENT__COUNT };

static const char *const placement_names[PLACEMENT__COUNT] = {"unpinned", "one CPU", "two CPUs"};

static void require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, strerror(errno), mproc_error_detail());
    exit(1);
}

static int queue_open(union handle *ret_handle, size_t size, size_t capacity)
{
    (void)size;
    require(mproc_queue_create(&(struct mproc_queue_options){.bytes = capacity}, &ret_handle->queue) == 0,
            "queue");
    return 0;
}

static void queue_put(const union handle *handle, const void *data, size_t size)
{
    require(mproc_queue_put(handle->queue, data, size, MPROC_FOREVER) == 0, "put");
}

static void queue_get(const union handle *handle, void *data, size_t size)
{
    size_t len;

    require(mproc_queue_get_into(handle->queue, MPROC_FOREVER, size, data, &len) == 0 && len == size, "get");
}

static void queue_close(union handle *handle)
{
    mproc_queue_unref(handle->queue);
}

static int pipe_open(union handle *ret_handle, size_t size, size_t capacity)
{
    (void)size;
    require(pipe2(ret_handle->pipe, O_CLOEXEC) == 0, "pipe2");
    require(fcntl(ret_handle->pipe[1], F_SETPIPE_SZ, (int)capacity) >= 0, "F_SETPIPE_SZ");
    return 0;
}

static void pipe_put(const union handle *handle, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = write(handle->pipe[1], (const char *)data + done, size - done);
        require(written > 0, "write");
        done += (size_t)written;
    }
}

static void pipe_get(const union handle *handle, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(handle->pipe[0], (char *)data + done, size - done);
        require(got > 0, "read");
        done += (size_t)got;
    }
}

static void pipe_close(union handle *handle)
{
    close(handle->pipe[0]);
    close(handle->pipe[1]);
}

static int mq_open_anonymous(union handle *ret_handle, size_t size, size_t capacity)
{
    struct mq_attr attr = {.mq_maxmsg = (long)(capacity / size), .mq_msgsize = (long)size};
    char name[40];

    snprintf(name, sizeof(name), "/bench-queue-%d", (int)getpid());
    ret_handle->mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    if (ret_handle->mq == (mqd_t)-1) {
        /* Without privilege there is less to be had (fs.mqueue.*): take that. */
        attr.mq_maxmsg = 10;
        ret_handle->mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    }
    mq_unlink(name);
    return ret_handle->mq == (mqd_t)-1 ? -1 : 0;
}

static void mq_put(const union handle *handle, const void *data, size_t size)
{
    require(mq_send(handle->mq, data, size, 0) == 0, "mq_send");
}

static void mq_get(const union handle *handle, void *data, size_t size)
{
    require(mq_receive(handle->mq, data, size, NULL) == (ssize_t)size, "mq_receive");
}

static void mq_close_it(union handle *handle)
{
    mq_close(handle->mq);
}

static const struct carrier carriers[] = {
    {"mproc", queue_open, queue_put, queue_get, queue_close},
    {"pipe", pipe_open, pipe_put, pipe_get, pipe_close},
    {"mq", mq_open_anonymous, mq_put, mq_get, mq_close_it},
};

enum { CARRIERS = sizeof(carriers) / sizeof(carriers[0]) };

struct job {
    const char *name;
    size_t size;
    size_t capacity;
    int is_round_trip;
};

static const struct job jobs[] = {
    {"64 B, 1 to 1", 64, 65536, 0},
    {"64 KiB, 1 to 1", 65536, 1 << 20, 0},
    {"64 B round trip", 64, 65536, 1},
};

static void place(enum placement placement, unsigned which)
{
    cpu_set_t cpus;

    if (placement == UNPINNED)
        return;
    CPU_ZERO(&cpus);
    CPU_SET(placement == ONE_CPU ? 0 : which, &cpus);
    require(sched_setaffinity(0, sizeof(cpus), &cpus) == 0, "sched_setaffinity");
}

static _Noreturn void run_peer(const struct carrier *carrier, const union handle *there,
                               const union handle *back, const struct job *job, long count,
                               enum placement placement)
{
    static char data[LARGEST];

    place(placement, 1);
    for (long i = 0; i < count; i++) {
        if (job->is_round_trip) {
            carrier->get(there, data, job->size);
            carrier->put(back, data, job->size);
        } else {
            carrier->put(there, data, job->size);
        }
    }
    _exit(0);
}

/* Operations per second; 0 when there is no such carrier here. */
static double run_job(const struct carrier *carrier, const struct job *job, long count,
                      enum placement placement)
{
    static char data[LARGEST];
    union handle there;
    union handle back;
    cpu_set_t before;

    if (carrier->open(&there, job->size, job->capacity) != 0)
        return 0;
    require(carrier->open(&back, job->size, job->capacity) == 0, carrier->name);
    sched_getaffinity(0, sizeof(before), &before);
    memset(data, 1, sizeof(data));
    uint64_t start_ns = mproc_clock_ns();
    pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0)
        run_peer(carrier, &there, &back, job, count, placement);
    place(placement, 0);
    for (long i = 0; i < count; i++) {
        if (job->is_round_trip) {
            carrier->put(&there, data, job->size);
            carrier->get(&back, data, job->size);
        } else {
            carrier->get(&there, data, job->size);
        }
    }
    double seconds = (double)(mproc_clock_ns() - start_ns) / 1e9;
    require(waitpid(pid, NULL, 0) == pid, "waitpid");
    carrier->close(&there);
    carrier->close(&back);
    sched_setaffinity(0, sizeof(before), &before);
    return (double)count / seconds;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void print_row(const char *job, const char *placement, const char *peer, double ours, double theirs)
{
    printf("%-26s %-9s %-8s %12.0f %12.0f %8.2f\n", job, placement, peer, ours, theirs, ours / theirs);
    fflush(stdout);
}

/* How many operations take about run_seconds, the start of the peer being a small part of them. */
static long calibrate(const struct carrier *carrier, const struct job *job, enum placement placement)
{
    for (long count = 500;; count *= 4) {
        double rate = run_job(carrier, job, count, placement);
        if (rate == 0 || (double)count / rate > run_seconds / 3)
            return 1 + (long)(rate * run_seconds);
    }
}

static void compare_carriers(const struct job *job, enum placement placement)
{
    double figures[CARRIERS][ROUNDS];
    double medians[CARRIERS];
    long counts[CARRIERS];

    for (int i = 0; i < CARRIERS; i++)
        counts[i] = calibrate(&carriers[i], job, placement);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CARRIERS; i++)
            figures[i][round] = run_job(&carriers[i], job, counts[i], placement);
    }
    for (int i = 0; i < CARRIERS; i++)
        medians[i] = median(figures[i]);
    for (int i = 1; i < CARRIERS; i++) {
        if (medians[i] > 0)
            print_row(job->name, placement_names[placement], carriers[i].name, medians[0], medians[i]);
    }
}

int main(void)
{
    int cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? PLACEMENT__COUNT : TWO_CPUS;

    printf("%-26s %-9s %-8s %12s %12s %8s   (operations per second, medians of %d)\n", "what", "where",
           "peer", "ours", "peer's", "ratio", ROUNDS);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        for (int placement = 0; placement < cpus; placement++)
            compare_carriers(&jobs[i], (enum placement)placement);
    }
    return 0;
}
