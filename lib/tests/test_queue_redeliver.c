/* Queues whose readers' messages come back when a reader dies, until they are done. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/queue.h>

#include "sleeper.h"
#include "step.h"

enum { LARGE = 3000, WAKE_MS = 2000, POINTS = 30 };

static struct mproc_queue *queue;

static void set_up(void)
{
    struct mproc_queue_options options = {.bytes = 4096, .reader_death = MPROC_READER_DEATH_REDELIVERS};

    cr_assert_eq(mproc_queue_create(&options, &queue), 0, "%s", mproc_error_detail());
}

static void tear_down(void)
{
    mproc_queue_unref(queue);
}

TestSuite(queue_redeliver, .init = set_up, .fini = tear_down, .timeout = 100);

/* A message of its letter; capitals are large ones. */
static int put(char letter, uint64_t deadline_ns)
{
    char data[LARGE];
    size_t len = letter <= 'Z' ? LARGE : 64;

    memset(data, letter, len);
    return mproc_queue_put(queue, data, len, deadline_ns);
}

static void put_letters(const char *letters)
{
    for (; *letters; letters++)
        cr_assert_eq(put(*letters, MPROC_NOW), 0, "%s", mproc_error_detail());
}

/* The letter, or a negative errno, or '?' for a message that is not whole. */
static int get(uint64_t deadline_ns)
{
    char data[LARGE];
    size_t len;
    int err = mproc_queue_get_into(queue, deadline_ns, sizeof(data), data, &len);

    if (err)
        return err;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != data[0])
            return '?';
    }
    return len == (data[0] <= 'Z' ? LARGE : 64) ? data[0] : '?';
}

static const char *drain(void)
{
    static char letters[16];
    size_t count = 0;
    int letter;

    while (count < sizeof(letters) - 1 && (letter = get(MPROC_NOW)) > 0)
        letters[count++] = (char)letter;
    letters[count] = '\0';
    cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
    return letters;
}

/* A reader that takes some messages at once, and then sleeps until it is killed. */
static pid_t start_holder(size_t count)
{
    int ready[2];
    char byte;

    cr_assert_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        static char data[4 * LARGE];
        struct iovec messages[4];
        size_t taken;
        int err = mproc_queue_get_many(queue, MPROC_NOW, sizeof(data), count, data, messages, &taken);
        (void)!write(ready[1], err || taken != count ? "n" : "y", 1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void kill_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    cr_assert_eq(exit_code(pid), -1);
}

Test(queue_redeliver, gives_the_dead_ones_messages_before_newer_ones)
{
    put_letters("aBcd");
    pid_t holder = start_holder(2);
    cr_assert_eq(get(MPROC_NOW), 'c');
    kill_holder(holder);
    cr_assert_str_eq(drain(), "aBd");
    cr_assert_str_eq(drain(), "");
}

Test(queue_redeliver, takes_the_next_get_as_done)
{
    put_letters("ab");
    pid_t pid = fork();
    if (pid == 0) {
        int first = get(MPROC_NOW);
        int second = get(MPROC_NOW);
        _exit(first == 'a' && second == 'b' ? 0 : 1);
    }
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_str_eq(drain(), "b");
}

Test(queue_redeliver, gives_back_nothing_that_is_done)
{
    put_letters("ab");
    pid_t pid = fork();
    if (pid == 0)
        _exit(get(MPROC_NOW) == 'a' && mproc_queue_done(queue, MPROC_NOW) == 0 ? 0 : 1);
    cr_assert_eq(exit_code(pid), 0);
    cr_assert_str_eq(drain(), "b");
}

static void *get_and_end(void *arg)
{
    *(int *)arg = get(MPROC_NOW);
    return NULL;
}

Test(queue_redeliver, takes_threads_for_readers)
{
    pthread_t thread;
    int got = 0;

    put_letters("a");
    cr_assert_eq(pthread_create(&thread, NULL, get_and_end, &got), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(got, 'a');
    /* The join may return a little before the kernel has marked the thread's locks. */
    cr_assert_eq(get(mproc_deadline_ms(WAKE_MS)), 'a');
}

Test(queue_redeliver, gives_back_what_a_handle_had_that_ends)
{
    put_letters("a");
    pid_t pid = fork();
    if (pid == 0) {
        int got = get(MPROC_NOW);
        mproc_queue_unref(queue);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(got);
    }
    cr_assert_eq(get(mproc_deadline_ms(WAKE_MS)), 'a');
    kill_holder(pid);
}

/* Sleeping readers get what the dead one had, though nobody puts anything. */
Test(queue_redeliver, wakes_sleeping_readers)
{
    enum { READERS = 3 };
    pid_t readers[READERS];
    int sum = 0;

    for (int round = 0; round < 20; round++) {
        put_letters("abc");
        pid_t holder = start_holder(3);
        for (int i = 0; i < READERS; i++) {
            readers[i] = fork();
            if (readers[i] == 0) {
                int got = get(mproc_deadline_ms(WAKE_MS));
                mproc_queue_done(queue, MPROC_FOREVER);
                _exit(got > 0 ? got : 1);
            }
        }
        for (int i = 0; i < READERS; i++)
            await_sleep(readers[i]);
        kill_holder(holder);
        for (int i = 0; i < READERS; i++)
            sum += exit_code(readers[i]);
        cr_assert_eq(sum, 'a' + 'b' + 'c', "round %d: %d", round, sum);
        sum = 0;
    }
}

/* The one that a death wakes dies as well, before it does anything: the next one is woken by that. */
Test(queue_redeliver, passes_a_death_on)
{
    enum { READERS = 3 };
    pid_t readers[READERS];

    put_letters("a");
    pid_t holder = start_holder(1);
    for (int i = 0; i < READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0)
            _exit(get(mproc_deadline_ms(WAKE_MS)) == 'a' ? 0 : 1);
    }
    for (int i = 0; i < READERS; i++)
        await_sleep(readers[i]);
    /* Stopped ones are woken but do not run: whomever the kernel chooses, it is killed in its sleep. */
    kill(readers[0], SIGSTOP);
    kill(readers[1], SIGSTOP);
    kill_holder(holder);
    kill_holder(readers[0]);
    kill_holder(readers[1]);
    cr_assert_eq(exit_code(readers[2]), 0);
}

Test(queue_redeliver, ends_when_closed_and_all_done)
{
    put_letters("a");
    pid_t holder = start_holder(1);
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    cr_assert_eq(get(MPROC_NOW), -EAGAIN, "it may come back");
    pid_t reader = fork();
    if (reader == 0)
        _exit(get(mproc_deadline_ms(WAKE_MS)) == 'a' && get(MPROC_FOREVER) == -EPIPE ? 0 : 1);
    await_sleep(reader);
    kill_holder(holder);
    cr_assert_eq(exit_code(reader), 0);
    cr_assert_eq(get(MPROC_NOW), -EPIPE);
}

Test(queue_redeliver, wakes_readers_for_the_end)
{
    put_letters("a");
    cr_assert_eq(get(MPROC_NOW), 'a');
    cr_assert_eq(mproc_queue_close(queue, MPROC_NOW), 0);
    pid_t reader = fork();
    if (reader == 0)
        _exit(get(mproc_deadline_ms(WAKE_MS)) == -EPIPE ? 0 : 1);
    await_sleep(reader);
    cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
    cr_assert_eq(exit_code(reader), 0);
}

Test(queue_redeliver, keeps_room_until_done)
{
    struct mproc_queue_stat stat;

    for (int i = 0; i < 4096 / 72; i++)
        put_letters("x");
    cr_assert_eq(put('y', MPROC_NOW), -EAGAIN);
    cr_assert_eq(get(MPROC_NOW), 'x');
    cr_assert_eq(put('y', MPROC_NOW), -EAGAIN);
    pid_t putter = fork();
    if (putter == 0)
        _exit(-put('y', mproc_deadline_ms(WAKE_MS)));
    await_sleep(putter);
    cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
    cr_assert_eq(exit_code(putter), 0);
    mproc_queue_stat(queue, &stat);
    cr_assert_eq(stat.messages, 4096 / 72);
}

Test(queue_redeliver, joins_when_all_is_done)
{
    cr_assert_eq(mproc_queue_join(queue, MPROC_NOW), 0);
    put_letters("ab");
    cr_assert_eq(mproc_queue_join(queue, mproc_deadline_ms(10)), -ETIMEDOUT);
    cr_assert_eq(get(MPROC_NOW), 'a');
    cr_assert_eq(get(MPROC_NOW), 'b');
    cr_assert_eq(mproc_queue_join(queue, MPROC_NOW), -EAGAIN);
    pid_t joiner = fork();
    if (joiner == 0)
        _exit(-mproc_queue_join(queue, mproc_deadline_ms(WAKE_MS)));
    await_sleep(joiner);
    cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
    cr_assert_eq(exit_code(joiner), 0);
}

static void *get_and_wait(void *arg)
{
    char none;
    size_t len;
    int err = mproc_queue_get_into(queue, MPROC_FOREVER, sizeof(none), &none, &len);

    pthread_barrier_wait(arg);
    pthread_barrier_wait(arg);
    return (void *)(intptr_t)err;
}

/* A new reader in the place of many that ended: takes all that they had. */
static _Noreturn void inherit(int count)
{
    char none;
    size_t len;
    int taken = 0;

    while (mproc_queue_get_into(queue, MPROC_NOW, sizeof(none), &none, &len) == 0)
        taken++;
    _exit(taken == count && mproc_queue_done(queue, MPROC_NOW) == 0 ? 0 : 1);
}

Test(queue_redeliver, seats_sixty_four_readers)
{
    enum { SEATS = 64 };
    pthread_t threads[SEATS];
    pthread_barrier_t barrier;
    void *result;

    for (int round = 0; round < 3; round++) {
        pthread_barrier_init(&barrier, NULL, SEATS + 1);
        for (int i = 0; i < SEATS; i++) {
            cr_assert_eq(mproc_queue_put(queue, NULL, 0, MPROC_NOW), 0);
            cr_assert_eq(pthread_create(&threads[i], NULL, get_and_wait, &barrier), 0);
        }
        pthread_barrier_wait(&barrier);
        pid_t pid = fork();
        if (pid == 0)
            _exit(get(MPROC_NOW) == -EUSERS ? 0 : 1);
        cr_assert_eq(exit_code(pid), 0);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < SEATS; i++) {
            cr_assert_eq(pthread_join(threads[i], &result), 0);
            cr_assert_eq((intptr_t)result, 0);
        }
        pid = fork();
        if (pid == 0)
            inherit(SEATS);
        cr_assert_eq(exit_code(pid), 0);
    }
}

static char message[LARGE];

static void body_get(void *arg)
{
    mproc_queue_get_into(queue, MPROC_NOW, sizeof(message), message, arg);
}

static void body_get_and_done(void *arg)
{
    mproc_queue_get_into(queue, MPROC_NOW, sizeof(message), message, arg);
    mproc_queue_done(queue, MPROC_NOW);
}

/* All of `before` comes back, or what is left when the first was done. */
static void sweep(step_body *body, const char *before, const char *left)
{
    long seen_left = 0;
    long points = 0;
    size_t len;

    put_letters(before);
    drain();
    put_letters(before);
    long count = step_count(body, &len);
    if (count == 0)
        cr_skip_test("no ptrace here");
    drain();
    struct step_walk walk = step_walk(count, POINTS);
    for (long at = walk.first; at < count; at += walk.stride, points++) {
        put_letters(before);
        pid_t pid = step_start(body, &len);
        if (step_over(pid, at))
            step_kill(pid);
        const char *letters = drain();
        bool is_left = strcmp(letters, left) == 0;
        cr_assert(is_left || strcmp(letters, before) == 0, "instruction %ld left %s", at, letters);
        seen_left += is_left;
    }
    cr_log_info("%ld instructions, every %ld: %ld done", count, walk.stride, seen_left);
    if (strcmp(before, left) != 0)
        cr_assert(seen_left > 0 && seen_left < points);
}

Test(queue_redeliver, survives_a_kill_at_every_instruction_of_get, .timeout = STEP_TIMEOUT_S)
{
    sweep(body_get, "ab", "ab");
}

Test(queue_redeliver, survives_a_kill_at_every_instruction_of_done, .timeout = STEP_TIMEOUT_S)
{
    sweep(body_get_and_done, "ab", "b");
}

Test(queue_redeliver, survives_a_kill_at_every_instruction_with_large_messages, .timeout = STEP_TIMEOUT_S)
{
    sweep(body_get_and_done, "AB", "B");
}

static bool is_asleep(pid_t pid)
{
    char path[40];
    char state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state == 'S';
}

enum { SLEEP_MS = 60000, SOON_MS = 20000 };

/* A reader sleeps, and another is killed anywhere between taking the only message and having it done. Either
 * the message comes to the sleeper, or it is done and the queue empty; at once, and without help. */
Test(queue_redeliver, wakes_a_sleeper_though_killed_at_any_instruction, .timeout = STEP_TIMEOUT_S)
{
    long came_back = 0;
    long points = 0;
    size_t len;

    forbid_naps();
    put_letters("a");
    long whole = step_count(body_get_and_done, &len);
    if (whole == 0)
        cr_skip_test("no ptrace here");
    drain();
    struct step_walk walk = step_walk(whole, POINTS);
    for (long at = walk.first; at < whole; at += walk.stride, points++) {
        struct mproc_queue_stat stat;
        int status;
        put_letters("a");
        pid_t pid = step_start(body_get_and_done, &len);
        bool alive = step_over(pid, at);
        pid_t sleeper = fork();
        if (sleeper == 0) {
            int got = get(mproc_deadline_ms(SLEEP_MS));
            _exit(got > 0 ? got : 1);
        }
        bool ended = false;
        while (!ended && !is_asleep(sleeper))
            ended = waitpid(sleeper, &status, WNOHANG) == sleeper;
        uint64_t deadline_ns = mproc_deadline_ms(SOON_MS);
        if (alive)
            step_kill(pid);
        do {
            ended = ended || waitpid(sleeper, &status, WNOHANG) == sleeper;
            mproc_queue_stat(queue, &stat);
            cr_assert_lt(mproc_clock_ns(), deadline_ns, "instruction %ld: not woken", at);
        } while (!ended && stat.messages != 0);
        if (ended) {
            cr_assert_eq(status, 'a' << 8, "instruction %ld: %x", at, status);
            came_back++;
        } else {
            put_letters("z");
            cr_assert_eq(exit_code(sleeper), 'z', "instruction %ld", at);
        }
        drain();
    }
    cr_log_info("%ld of %ld times the message came back", came_back, points);
    cr_assert(came_back > 0 && came_back < points);
}

/* The same with one who waits for the end of all work, and no reader to help. */
Test(queue_redeliver, tells_a_joiner_though_killed_at_any_instruction, .timeout = STEP_TIMEOUT_S)
{
    long joined = 0;
    size_t len;

    put_letters("a");
    long whole = step_count(body_get_and_done, &len);
    if (whole == 0)
        cr_skip_test("no ptrace here");
    drain();
    struct step_walk walk = step_walk(whole, POINTS);
    for (long at = walk.first; at < whole; at += walk.stride) {
        put_letters("a");
        pid_t pid = step_start(body_get_and_done, &len);
        bool alive = step_over(pid, at);
        pid_t joiner = fork();
        if (joiner == 0)
            _exit(mproc_queue_join(queue, mproc_deadline_ms(10000)) == 0 ? 0 : 1);
        int status;
        bool ended = false;
        while (!ended && !is_asleep(joiner))
            ended = waitpid(joiner, &status, WNOHANG) == joiner;
        if (alive)
            step_kill(pid);
        /* Not done when it died: another reader gets it, and the joiner waits for that one. */
        bool came_back = get(MPROC_NOW) == 'a';
        if (came_back)
            cr_assert_eq(mproc_queue_done(queue, MPROC_NOW), 0);
        if (!ended)
            cr_assert_eq(exit_code(joiner), 0, "instruction %ld", at);
        cr_assert(!(ended && came_back), "instruction %ld: joined too early", at);
        joined += !came_back;
    }
    cr_log_info("%ld times it was done", joined);
    cr_assert_gt(joined, 0);
}
