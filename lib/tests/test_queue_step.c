/*
 * A user of a queue is killed at every instruction of a call. What must hold afterwards, without any help:
 * who sleeps on what the dead one had done is awake, all other messages are there, whole and in order, and
 * the message that the dead one was at is there or is not, but not half.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/queue.h>

#include "queue_internal.h"
#include "step_sweep.h"

enum { POINTS = 40, LARGE = 3000, WAKE_MS = 2000, BRIEFLY_MS = 100 };

static struct mproc_queue *queue; /* what is stepped over */
static struct mproc_queue *echo;  /* what the survivors say */
static char message[LARGE];       /* what is put or got */

static void set_up(void)
{
    cr_assert_eq(mproc_queue_create(&(struct mproc_queue_options){.bytes = 4096, .max_messages = 3}, &queue),
                 0);
    cr_assert_eq(mproc_queue_create(NULL, &echo), 0);
}

static void tear_down(void)
{
    mproc_queue_unref(queue);
    mproc_queue_unref(echo);
}

/* A message of its letter; capitals are large ones. */
static size_t compose(char letter, char *ret_data)
{
    size_t len = letter <= 'Z' ? LARGE : 64;

    memset(ret_data, letter, len);
    return len;
}

static int put_letter(struct mproc_queue *to, char letter, uint64_t deadline_ns)
{
    char data[LARGE];
    size_t len = compose(letter, data);

    return mproc_queue_put(to, data, len, deadline_ns);
}

/* The letter, or 0 for an error, or '?' for a message that is not whole. */
static char get_letter(struct mproc_queue *from, uint64_t deadline_ns)
{
    char expected[LARGE];
    char data[LARGE];
    size_t len;

    if (mproc_queue_get_into(from, deadline_ns, sizeof(data), data, &len) != 0)
        return 0;
    if (len == 0 || len != compose(data[0], expected) || memcmp(data, expected, len) != 0)
        return '?';
    return data[0];
}

static void put_letters(const char *letters)
{
    for (; *letters; letters++)
        cr_assert_eq(put_letter(queue, *letters, MPROC_NOW), 0, "%s", mproc_error_detail());
}

static const char *drain(struct mproc_queue *from)
{
    static char letters[16];
    size_t count = 0;
    char letter;

    while (count < sizeof(letters) - 1 && (letter = get_letter(from, MPROC_NOW)) != 0)
        letters[count++] = letter;
    letters[count] = '\0';
    return letters;
}

static void body_put(void *arg)
{
    const char *data = arg;

    mproc_queue_put(queue, data, data[0] <= 'Z' ? LARGE : 64, MPROC_NOW);
}

static void body_get(void *arg)
{
    size_t len;

    mproc_queue_get_into(queue, MPROC_NOW, LARGE, arg, &len);
}

static void body_close(void *arg)
{
    (void)arg;
    mproc_queue_close(queue, MPROC_FOREVER);
}

/* Kills inside body() at many points; `before` are the messages beforehand, and afterwards there must be
 * `undone` or `done`. Both must have been seen in the end. */
static void sweep(step_body *body, char *arg, const char *before, const char *undone, const char *done)
{
    long seen_undone = 0;
    long seen_done = 0;

    put_letters(before);
    body(arg);
    drain(queue);
    put_letters(before);
    long count = step_count(body, arg);
    if (count == 0)
        cr_skip_test("no ptrace here");
    drain(queue);
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride) {
        put_letters(before);
        pid_t pid = step_start(body, arg);
        if (step_over(pid, at))
            step_kill(pid);
        cr_assert_eq(put_letter(queue, 'z', mproc_deadline_ms(WAKE_MS)), 0, "instruction %ld: %s", at,
                     mproc_error_detail());
        const char *letters = drain(queue);
        size_t last = strlen(letters) - 1;
        cr_assert_eq(letters[last], 'z', "instruction %ld left %s", at, letters);
        bool is_done = strlen(done) == last && strncmp(letters, done, last) == 0;
        bool is_undone = strlen(undone) == last && strncmp(letters, undone, last) == 0;
        cr_assert(is_done || is_undone, "instruction %ld left %s", at, letters);
        seen_done += is_done;
        seen_undone += is_undone;
    }
    cr_log_info("%ld instructions, every %ld: %ld done, %ld undone", count, walk.stride, seen_done,
                seen_undone);
    cr_assert(seen_done > 0 && seen_undone > 0);
}

TestSuite(queue_step, .init = set_up, .fini = tear_down, .timeout = STEP_TIMEOUT_S);

Test(queue_step, put)
{
    compose('b', message);
    sweep(body_put, message, "a", "a", "ab");
}

Test(queue_step, put_of_a_large_message)
{
    compose('B', message);
    sweep(body_put, message, "A", "A", "AB");
}

Test(queue_step, get)
{
    sweep(body_get, message, "ab", "ab", "b");
}

Test(queue_step, get_of_a_large_message)
{
    sweep(body_get, message, "AB", "AB", "B");
}

/* Takes what comes and says so, until the queue is closed. */
static pid_t start_getter(void)
{
    pid_t pid = fork();
    char letter;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    while ((letter = get_letter(queue, MPROC_FOREVER)) != 0)
        put_letter(echo, letter, MPROC_FOREVER);
    put_letter(echo, 'e', MPROC_FOREVER);
    _exit(0);
}

static pid_t start_putter(char letter)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    put_letter(echo, put_letter(queue, letter, MPROC_FOREVER) == 0 ? letter : 'e', MPROC_FOREVER);
    _exit(0);
}

/* Whether a message went into the queue is known from who got it: the sleeping getter, all alone. */
Test(queue_step, put_while_getters_sleep)
{
    long seen_done = 0;
    long points = 0;

    compose('b', message);
    put_letters("b");
    drain(queue);
    long count = step_count(body_put, message);
    if (count == 0)
        cr_skip_test("no ptrace here");
    drain(queue);
    pid_t getters[2] = {start_getter(), start_getter()};
    long all = count + 200; /* with a sleeper there are more */
    struct step_walk walk = step_walk(all, POINTS);
    for (long at = walk.first; at < all; at = step_next(at, walk.stride, all), points++) {
        struct mproc_queue_stat stat;
        await_sleep(getters[0]);
        await_sleep(getters[1]);
        pid_t pid = step_start(body_put, message);
        if (step_over(pid, at))
            step_kill(pid);
        mproc_queue_stat(queue, &stat);
        if (stat.messages > 0) {
            char got = get_letter(echo, mproc_deadline_ms(WAKE_MS));
            cr_assert_eq(got, 'b', "instruction %ld: put, and nobody woke", at);
            seen_done++;
        } else if (get_letter(echo, mproc_deadline_ms(1)) == 'b') {
            seen_done++;
        }
        put_letters("z");
        char got = get_letter(echo, mproc_deadline_ms(WAKE_MS));
        if (got == 'b') {
            seen_done++;
            got = get_letter(echo, mproc_deadline_ms(WAKE_MS));
        }
        cr_assert_eq(got, 'z', "instruction %ld: %d", at, got);
    }
    cr_log_info("%ld kill points, %ld put", points, seen_done);
    cr_assert(seen_done > 0 && seen_done < points);
    mproc_queue_close(queue, MPROC_FOREVER);
    cr_assert_eq(get_letter(echo, mproc_deadline_ms(WAKE_MS)), 'e');
    cr_assert_eq(get_letter(echo, mproc_deadline_ms(WAKE_MS)), 'e');
    for (int i = 0; i < 2; i++)
        waitpid(getters[i], NULL, 0);
}

/* A putter sleeps until there is room: any at all, or, being patient, for as much as makes two of three. */
static void kill_getters(bool is_patient)
{
    const char next = is_patient ? 'b' : 'a'; /* who is killed takes this, and so makes enough of it */
    const uint64_t undone = is_patient ? 2 : 3;
    long seen_done = 0;
    long points = 0;

    mproc_queue_patience_ns = is_patient ? UINT64_MAX / 4 : 0;
    put_letters("abc");
    long count = step_count(body_get, message);
    if (count == 0)
        cr_skip_test("no ptrace here");
    drain(queue);
    long all = count + 200; /* with a sleeper there are more */
    struct step_walk walk = step_walk(all, POINTS);
    for (long at = walk.first; at < all; at = step_next(at, walk.stride, all), points++) {
        put_letters("abc");
        pid_t putter = start_putter('d');
        await_sleep(putter);
        if (is_patient)
            cr_assert_eq(get_letter(queue, MPROC_NOW), 'a');
        pid_t pid = step_start(body_get, message);
        if (step_over(pid, at))
            step_kill(pid);
        /* Room was made or not; if it was, the putter comes in before anybody else takes a message. */
        struct mproc_queue_stat stat;
        mproc_queue_stat(queue, &stat);
        bool made_room = stat.messages < undone || get_letter(echo, MPROC_NOW) == 'd';
        if (stat.messages < undone)
            cr_assert_eq(get_letter(echo, mproc_deadline_ms(WAKE_MS)), 'd', "instruction %ld: not woken", at);
        char first = get_letter(queue, MPROC_NOW);
        if (first == next + 1)
            made_room = true;
        cr_assert_eq(first, made_room ? next + 1 : next, "instruction %ld: %d", at, first);
        waitpid(putter, NULL, 0);
        cr_assert_str_eq(drain(queue), "bcd" + (next - 'a') + made_room, "instruction %ld", at);
        drain(echo);
        seen_done += made_room;
    }
    cr_log_info("%ld kill points, %ld taken", points, seen_done);
    cr_assert(seen_done > 0 && seen_done < points);
}

Test(queue_step, get_while_a_putter_sleeps)
{
    kill_getters(false);
}

Test(queue_step, get_while_a_patient_putter_sleeps)
{
    kill_getters(true);
}

static pid_t start_joiner(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
    _exit(mproc_queue_join(queue, MPROC_FOREVER) == 0 ? 0 : 1);
}

/* The last message is taken, and who joins is awake; or it is there. Also when somebody died who waited for
 * more room than there ever will be, since the messages before it were not put. */
Test(queue_step, get_of_the_last_while_somebody_joins)
{
    long seen_taken = 0;
    long points = 0;

    put_letters("a");
    long count = step_count(body_get, message);
    if (count == 0)
        cr_skip_test("no ptrace here");
    drain(queue);
    long all = count + 200; /* with a sleeper there are more */
    struct step_walk walk = step_walk(all, POINTS);
    for (long at = walk.first; at < all; at = step_next(at, walk.stride, all), points++) {
        struct mproc_queue_stat stat;
        put_letters("a");
        queue->sides[QUEUE_PRODUCERS]->room.ring = UINT64_MAX;
        pid_t joiner = start_joiner();
        await_sleep(joiner);
        pid_t pid = step_start(body_get, message);
        if (step_over(pid, at))
            step_kill(pid);
        mproc_queue_stat(queue, &stat);
        seen_taken += stat.messages == 0;
        if (stat.messages > 0)
            cr_assert_eq(get_letter(queue, MPROC_NOW), 'a', "instruction %ld", at);
        cr_assert_eq(exit_code(joiner), 0, "instruction %ld: not woken", at);
    }
    cr_log_info("%ld kill points, %ld taken", points, seen_taken);
    cr_assert(seen_taken > 0 && seen_taken < points);
}

/* Closing is one step too: it has woken both sides, or nobody sees it. */
Test(queue_step, close_while_both_sides_sleep)
{
    struct mproc_queue *full = queue;
    long seen_closed = 0;
    long points = 0;

    cr_assert_eq(mproc_queue_create(NULL, &queue), 0);
    long count = step_count(body_close, NULL);
    if (count == 0)
        cr_skip_test("no ptrace here");
    mproc_queue_unref(queue);
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        cr_assert_eq(mproc_queue_create(&(struct mproc_queue_options){.max_messages = 1}, &queue), 0);
        bool putter_sleeps = points % 2 == 0;
        if (putter_sleeps)
            put_letters("a");
        pid_t sleeper = putter_sleeps ? start_putter('b') : start_getter();
        await_sleep(sleeper);
        pid_t pid = step_start(body_close, NULL);
        if (step_over(pid, at))
            step_kill(pid);
        struct mproc_queue_stat stat;
        mproc_queue_stat(queue, &stat);
        if (stat.closed)
            cr_assert_eq(get_letter(echo, mproc_deadline_ms(WAKE_MS)), 'e', "instruction %ld: not woken", at);
        seen_closed += stat.closed;
        mproc_queue_close(queue, MPROC_FOREVER);
        waitpid(sleeper, NULL, 0);
        drain(echo);
        mproc_queue_unref(queue);
    }
    queue = full;
    cr_log_info("%ld kill points, %ld closed", points, seen_closed);
    cr_assert(seen_closed > 0 && seen_closed < points);
}

/* A call that changes nothing: there is no room, there is nothing, or another one holds that side of the
 * queue.
 */
struct refused {
    const char *before;
    enum queue_side_index held; /* QUEUE_SIDE__COUNT: none is */
    pid_t holder;
};

static void hold(struct refused *refused)
{
    int status;

    refused->holder = fork();
    if (refused->holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        if (mproc_queue_side_lock(queue, refused->held, MPROC_FOREVER) != 0)
            _exit(1);
        raise(SIGSTOP);
        mproc_queue_side_unlock(queue, refused->held);
        _exit(0);
    }
    cr_assert_eq(waitpid(refused->holder, &status, WUNTRACED), refused->holder);
    cr_assert(WIFSTOPPED(status));
}

static void before_refused(void *arg)
{
    struct refused *refused = arg;

    put_letters(refused->before);
    if (refused->held != QUEUE_SIDE__COUNT)
        hold(refused);
}

static void after_refused(void *arg, long at)
{
    struct refused *refused = arg;

    if (refused->held != QUEUE_SIDE__COUNT) {
        kill(refused->holder, SIGCONT);
        cr_assert_eq(exit_code(refused->holder), 0);
    }
    const char *letters = drain(queue);
    cr_assert_str_eq(letters, refused->before, "instruction %ld left %s", at, letters);
    cr_assert_eq(put_letter(queue, 'z', mproc_deadline_ms(WAKE_MS)), 0, "instruction %ld: %s", at,
                 mproc_error_detail());
    cr_assert_str_eq(drain(queue), "z", "instruction %ld", at);
}

static void body_put_in_vain(void *arg)
{
    (void)arg;
    if (mproc_queue_put(queue, message, 64, mproc_deadline_ms(BRIEFLY_MS)) != -ETIMEDOUT)
        _exit(1);
}

static void body_get_in_vain(void *arg)
{
    size_t len;

    (void)arg;
    if (mproc_queue_get_into(queue, mproc_deadline_ms(BRIEFLY_MS), LARGE, message, &len) != -ETIMEDOUT)
        _exit(1);
}

static void sweep_in_vain(step_body *body, struct refused refused)
{
    step_sweep(&(struct step_sweep){.body = body,
                                    .before = before_refused,
                                    .after = after_refused,
                                    .arg = &refused,
                                    .points = POINTS,
                                    .more = 40});
}

Test(queue_step, put_without_room)
{
    sweep_in_vain(body_put_in_vain, (struct refused){.before = "abc", .held = QUEUE_SIDE__COUNT});
}

Test(queue_step, get_of_nothing)
{
    sweep_in_vain(body_get_in_vain, (struct refused){.before = "", .held = QUEUE_SIDE__COUNT});
}

Test(queue_step, put_while_another_puts)
{
    sweep_in_vain(body_put_in_vain, (struct refused){.before = "a", .held = QUEUE_PRODUCERS});
}

Test(queue_step, get_while_another_gets)
{
    sweep_in_vain(body_get_in_vain, (struct refused){.before = "a", .held = QUEUE_CONSUMERS});
}
