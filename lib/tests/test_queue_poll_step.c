/*
 * A user of a pollable queue is killed at every instruction of a call. What must hold afterwards, without any
 * help: who sleeps in poll(2) wakes for what is there, and for what others put from then on.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/queue.h>

#include "queue_internal.h"
#include "step_sweep.h"

enum { POINTS = 40, WAKE_MS = 2000, SIZE = 64 };

static struct mproc_queue *queue; /* what is stepped over */
static struct mproc_queue *echo;  /* what the poller says */

static void create(enum mproc_reader_death reader_death)
{
    const struct mproc_queue_options options = {
        .bytes = 4096, .pollable = true, .reader_death = reader_death};

    cr_assert_eq(mproc_queue_create(&options, &queue), 0, "%s", mproc_error_detail());
}

static void set_up(void)
{
    create(MPROC_READER_DEATH_DROPS);
    cr_assert_eq(mproc_queue_create(NULL, &echo), 0);
}

static void tear_down(void)
{
    mproc_queue_unref(queue);
    mproc_queue_unref(echo);
}

TestSuite(queue_poll_step, .init = set_up, .fini = tear_down, .timeout = STEP_TIMEOUT_S);

static int put_letter(struct mproc_queue *to, char letter, uint64_t deadline_ns)
{
    char data[SIZE];

    memset(data, letter, sizeof(data));
    return mproc_queue_put(to, data, sizeof(data), deadline_ns);
}

/* The letter, or a negative errno. */
static int get_letter(struct mproc_queue *from, uint64_t deadline_ns)
{
    char data[SIZE];
    size_t len;
    int err = mproc_queue_get_into(from, deadline_ns, sizeof(data), data, &len);

    return err ? err : data[0];
}

/* What the poller has said; 0 when it says nothing. */
static char hear(uint64_t deadline_ns)
{
    int heard = get_letter(echo, deadline_ns);

    return heard > 0 ? (char)heard : 0;
}

/* Has nothing but the descriptor to wake it. Takes what comes and says so, and at last 'e'. */
static pid_t start_poller(void)
{
    pid_t pid = fork();
    struct pollfd item;
    int got;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    do {
        item = (struct pollfd){.fd = mproc_queue_fd(queue), .events = POLLIN};
        poll(&item, 1, -1);
        while ((got = get_letter(queue, MPROC_NOW)) > 0)
            put_letter(echo, (char)got, MPROC_FOREVER);
    } while (got == -EAGAIN);
    put_letter(echo, got == -EPIPE ? 'e' : '?', MPROC_FOREVER);
    _exit(0);
}

/* What earlier deaths may have left of the bell. */
struct bell {
    uint32_t word;
    bool is_readable;
};

static void set_bell(struct bell bell)
{
    uint64_t count = 1;

    (void)!read(queue->bell_fd, &count, sizeof(count));
    count = 1;
    if (bell.is_readable)
        cr_assert_eq(write(queue->bell_fd, &count, sizeof(count)), (ssize_t)sizeof(count));
    queue->sides[QUEUE_PRODUCERS]->bell = bell.word;
}

/* A call on a queue that is empty but for `before`, with a poller that sleeps, or one that comes later. */
struct scene {
    const char *before;
    struct bell bell;
    bool is_early;   /* the poller: nothing is there that would wake it */
    bool is_held;    /* somebody is inside a put, and does not go on */
    bool is_closing; /* the call closes the queue */
    pid_t poller;
    pid_t holder;
    long with_b; /* how often a 'b' was there for the poller, or the end */
    long without_b;
};

static void hold(struct scene *scene)
{
    int status;

    scene->holder = fork();
    if (scene->holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        if (mproc_queue_side_lock(queue, QUEUE_PRODUCERS, MPROC_FOREVER) != 0)
            _exit(1);
        raise(SIGSTOP);
        mproc_queue_side_unlock(queue, QUEUE_PRODUCERS);
        _exit(0);
    }
    cr_assert_eq(waitpid(scene->holder, &status, WUNTRACED), scene->holder);
    cr_assert(WIFSTOPPED(status));
}

static void before_call(void *arg)
{
    struct scene *scene = arg;

    if (scene->is_closing) {
        mproc_queue_unref(queue);
        create(MPROC_READER_DEATH_DROPS);
    }
    for (const char *letter = scene->before; *letter; letter++)
        cr_assert_eq(put_letter(queue, *letter, MPROC_NOW), 0, "%s", mproc_error_detail());
    set_bell(scene->bell);
    if (scene->is_held)
        hold(scene);
    if (scene->is_early) {
        scene->poller = start_poller();
        await_sleep(scene->poller);
    }
}

/* Without anybody's help the poller takes what is there. */
static void expect_drained(const struct scene *scene, long at)
{
    struct mproc_queue_stat stat;
    uint64_t deadline_ns = mproc_deadline_ms(WAKE_MS);

    do {
        mproc_queue_stat(queue, &stat);
        cr_assert_lt(mproc_clock_ns(), deadline_ns, "instruction %ld: put, and the poller sleeps", at);
        if (stat.messages > 0)
            sched_yield();
    } while (stat.messages > 0);
    await_sleep(scene->poller);
}

static void after_call(void *arg, long at)
{
    struct scene *scene = arg;
    char last = scene->is_closing ? 'e' : 'z';
    bool has_b = false;
    char heard;

    if (scene->is_held) {
        kill(scene->holder, SIGCONT);
        cr_assert_eq(exit_code(scene->holder), 0);
    }
    if (!scene->is_early)
        scene->poller = start_poller();
    if (scene->is_closing) {
        struct mproc_queue_stat stat;
        mproc_queue_stat(queue, &stat);
        has_b = stat.closed;
        if (!has_b)
            cr_assert_eq(mproc_queue_close(queue, MPROC_FOREVER), 0, "instruction %ld", at);
    } else {
        expect_drained(scene, at);
        cr_assert_eq(put_letter(queue, last, mproc_deadline_ms(WAKE_MS)), 0, "instruction %ld: %s", at,
                     mproc_error_detail());
    }
    while ((heard = hear(mproc_deadline_ms(WAKE_MS))) == 'a' || heard == 'b')
        has_b = has_b || heard == 'b';
    cr_assert_eq(heard, last, "instruction %ld: the poller says %d", at, heard);
    scene->with_b += at >= 0 && has_b;
    scene->without_b += at >= 0 && !has_b;
    if (!scene->is_closing)
        await_sleep(scene->poller);
    kill_and_reap(scene->poller);
}

static void body_put(void *arg)
{
    (void)arg;
    if (put_letter(queue, 'b', MPROC_NOW) != 0)
        _exit(1);
}

/* Takes what there is, and finds that it was all. */
static void body_get(void *arg)
{
    (void)arg;
    while (get_letter(queue, MPROC_NOW) > 0)
        ;
}

static void sweep(step_body *body, struct scene scene)
{
    step_sweep(&(struct step_sweep){.body = body,
                                    .before = before_call,
                                    .after = after_call,
                                    .arg = &scene,
                                    .points = POINTS,
                                    .more = 10});
    cr_log_info("%ld with it, %ld without", scene.with_b, scene.without_b);
    cr_assert(scene.without_b > 0 && (scene.with_b > 0 || body != body_put));
}

/* What a get does that has found nothing, when something has come since. */
static void body_look_again(void *arg)
{
    (void)arg;
    if (!mproc_queue_bell_is_early(queue))
        _exit(1);
}

static void body_close(void *arg)
{
    (void)arg;
    mproc_queue_close(queue, MPROC_FOREVER);
}

static const struct bell silent = {QUEUE_BELL_SILENT, false};
static const struct bell rung = {QUEUE_BELL_RINGS, true};
/* Somebody died who rang or hushed, before and after that was done. */
static const struct bell unsure_silent = {QUEUE_BELL_UNSURE, false};
static const struct bell unsure_rung = {QUEUE_BELL_UNSURE, true};

Test(queue_poll_step, put_while_somebody_polls)
{
    sweep(body_put, (struct scene){.before = "", .bell = silent, .is_early = true});
}

Test(queue_poll_step, put_after_a_death_at_the_bell)
{
    sweep(body_put, (struct scene){.before = "", .bell = unsure_silent, .is_early = true});
}

Test(queue_poll_step, put_after_a_death_behind_the_bell)
{
    sweep(body_put, (struct scene){.before = "", .bell = unsure_rung});
}

Test(queue_poll_step, put_of_one_more)
{
    sweep(body_put, (struct scene){.before = "a", .bell = rung});
}

Test(queue_poll_step, get_of_nothing)
{
    sweep(body_get, (struct scene){.before = "", .bell = rung});
}

Test(queue_poll_step, get_of_nothing_after_a_death_at_the_bell)
{
    sweep(body_get, (struct scene){.before = "", .bell = unsure_silent});
}

Test(queue_poll_step, get_of_nothing_after_a_death_behind_the_bell)
{
    sweep(body_get, (struct scene){.before = "", .bell = unsure_rung});
}

Test(queue_poll_step, get_of_the_last)
{
    sweep(body_get, (struct scene){.before = "b", .bell = rung});
}

Test(queue_poll_step, get_of_nothing_when_something_has_come)
{
    sweep(body_look_again, (struct scene){.before = "a", .bell = rung});
}

/* The bell cannot be hushed then. */
Test(queue_poll_step, get_while_another_puts)
{
    sweep(body_get, (struct scene){.before = "", .bell = rung, .is_held = true});
}

Test(queue_poll_step, close_while_somebody_polls)
{
    sweep(body_close, (struct scene){.before = "", .bell = silent, .is_early = true, .is_closing = true});
}

static void body_get_and_done(void *arg)
{
    (void)arg;
    get_letter(queue, MPROC_NOW);
    mproc_queue_done(queue, MPROC_NOW);
}

/* Closed, and the last message is in the hands of who is killed: the poller learns the end, or has the
 * message, as soon as somebody looks. Until then it sleeps, if the dead one had the message. */
Test(queue_poll_step, done_of_the_last_message)
{
    long seen_again = 0;
    long points = 0;

    mproc_queue_unref(queue);
    create(MPROC_READER_DEATH_REDELIVERS);
    cr_assert_eq(put_letter(queue, 'a', MPROC_NOW), 0);
    struct step_path path = step_path_of(body_get_and_done, NULL);
    if (path.count == 0)
        cr_skip_test("no ptrace here");
    struct step_walk walk = step_walk(path.count, POINTS);
    for (long at = walk.first; at < path.count; at = step_next(at, walk.stride, path.count), points++) {
        mproc_queue_unref(queue);
        create(MPROC_READER_DEATH_REDELIVERS);
        cr_assert_eq(put_letter(queue, 'a', MPROC_NOW), 0);
        cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
        pid_t pid = step_start(body_get_and_done, NULL);
        bool is_alive = step_along(pid, &path, at);
        pid_t poller = start_poller();
        await_rest(poller);
        if (is_alive)
            step_kill(pid);
        int err = mproc_queue_join(queue, MPROC_NOW);
        cr_assert(err == 0 || err == -EAGAIN, "instruction %ld: %s", at, mproc_error_detail());
        char heard = hear(mproc_deadline_ms(WAKE_MS));
        if (heard == 'a') {
            seen_again++;
            heard = hear(mproc_deadline_ms(WAKE_MS));
        }
        cr_assert_eq(heard, 'e', "instruction %ld: the poller says %d", at, heard);
        cr_assert_eq(exit_code(poller), 0);
    }
    free(path.routes);
    cr_log_info("%ld kill points, %ld got again", points, seen_again);
    cr_assert(seen_again > 0 && seen_again < points);
}
