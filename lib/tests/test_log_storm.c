/*
 * Writers of a log and its listener are killed, at every instruction of a write and at random instants under
 * load. What was accepted is in the files once, whole, and in its writer's order.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/log.h>
#include <mproc/process.h>
#include <mproc/thread.h>

#include "guard.h"
#include "log_files.h"
#include "log_internal.h"
#include "starting.h"
#include "step_sweep.h"

enum { WRITERS = 4, LIVES = 400, PER_LIFE = 1 << 15, KEEP = 400, OWNED = 3000 };

/* What writers say that was accepted. */
struct ledger {
    uint32_t accepted[LIVES]; /* the first so many */
    uint32_t begun[LIVES];
};

static struct ledger *ledger;
static struct mproc_log *mylog;

TestSuite(log_storm, .init = make_log_folder, .fini = remove_log_folder, .timeout = 200);

static void make_ledger(void)
{
    ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static _Noreturn void write_for_ever(unsigned life)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned number = 0; number < PER_LIFE; number++) {
        __atomic_store_n(&ledger->begun[life], number + 1, __ATOMIC_RELEASE);
        if (mproc_log_info(
                mylog, "life %u number %u %.*s.", life, number, (int)(number % 90),
                "----------------------------------------------------------------------------------"
                "----------") != 0)
            _exit(1);
        __atomic_store_n(&ledger->accepted[life], number + 1, __ATOMIC_RELEASE);
    }
    pause();
    _exit(0);
}

static pid_t start_writer(unsigned life)
{
    pid_t pid = fork();

    if (pid == 0)
        write_for_ever(life);
    return pid;
}

/* Reads all files, the oldest first: each record once, in order. Returns what is wrong, or NULL. */
static const char *judge(unsigned lives)
{
    static char complaint[300];
    static uint32_t next[LIVES];

    memset(next, 0, sizeof(next));
    for (int file = KEEP; file >= 0; file--) {
        char *text = read_log(log_name((unsigned)file));
        char *rest = text;
        for (char *line; text && (line = strsep(&rest, "\n")) && *line;) {
            unsigned life, number;
            int end = 0;
            char *found = strstr(line, "life ");
            if (!found || sscanf(found, "life %u number %u %*[-]%n", &life, &number, &end) < 2 ||
                life >= lives || line[strlen(line) - 1] != '.') {
                snprintf(complaint, sizeof(complaint), "torn in file %d: %.150s", file, line);
                return complaint;
            }
            if (number != next[life]) {
                snprintf(complaint, sizeof(complaint), "life %u: %u instead of %u, in file %d", life, number,
                         next[life], file);
                return complaint;
            }
            next[life]++;
        }
        free(text);
    }
    for (unsigned life = 0; life < lives; life++) {
        if (next[life] < ledger->accepted[life] || next[life] > ledger->begun[life]) {
            snprintf(complaint, sizeof(complaint), "life %u: %u accepted, %u begun, %u written", life,
                     ledger->accepted[life], ledger->begun[life], next[life]);
            return complaint;
        }
    }
    return NULL;
}

static struct mproc_log_handler rotated(void)
{
    return (struct mproc_log_handler){
        .target = MPROC_LOG_TO_FILE, .path = log_path, .max_bytes = 300000, .keep = KEEP};
}

Test(log_storm, writers_are_killed)
{
    struct mproc_log_handler handler = rotated();
    struct mproc_log_listener *listener;
    pid_t pids[WRITERS];
    unsigned lives = 0, seed = 11;

    make_ledger();
    cr_assert_eq(mproc_log_create(&(struct mproc_log_options){.queue_bytes = 32768}, &mylog), 0);
    cr_assert_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), 0);
    for (int i = 0; i < WRITERS; i++)
        pids[i] = start_writer(lives++);
    while (lives < 150) {
        int victim = (int)((unsigned)rand_r(&seed) % WRITERS);
        uint32_t until = ledger->accepted[lives - 1] + (uint32_t)rand_r(&seed) % 300;
        while (__atomic_load_n(&ledger->accepted[lives - 1], __ATOMIC_ACQUIRE) < until &&
               until < PER_LIFE / 2)
            ;
        kill_and_reap(pids[victim]);
        pids[victim] = start_writer(lives++);
    }
    for (int i = 0; i < WRITERS; i++)
        kill_and_reap(pids[i]);
    mproc_log_unref(mylog);
    cr_assert_eq(mproc_log_listener_join(listener, mproc_deadline_ms(20000)), 0, "%s", mproc_error_detail());
    mproc_log_listener_free(listener);
    const char *complaint = judge(lives);
    cr_assert_null(complaint, "%s", complaint);
}

static int stay(struct mproc_args *args)
{
    int fd;

    if (mproc_args_get_fd(args, 0, &fd))
        return 1;
    for (;;)
        pause();
}

static const struct mproc_entry entries[] = {{"stay", stay}, {NULL, NULL}};

static struct mproc_log_listener *listen_in_a_process(void)
{
    struct mproc_log_handler handler = rotated();
    struct mproc_log_listener *listener = NULL;

    REQUIRE(mproc_log_listen(mylog, &handler, 1, context, &listener) == 0);
    return listener;
}

/* The process of a listener: the one that is running. */
static void kill_listener(unsigned wait)
{
    struct mproc_process *process;

    for (uint32_t begin = __atomic_load_n(&ledger->accepted[0], __ATOMIC_ACQUIRE), now = begin;
         now < begin + wait && now < PER_LIFE;)
        now = __atomic_load_n(&ledger->accepted[0], __ATOMIC_ACQUIRE);
    if (mproc_process_active(context, &process, 1) == 0)
        return;
    mproc_process_kill(process);
    mproc_process_free(process);
}

CHILD_TEST(log_storm, the_listener_is_killed)
{
    enum { KILLS = 60 };
    struct mproc_log_handler elsewhere = {.target = MPROC_LOG_TO_FILE, .path = log_name(KEEP + 1)};
    struct mproc_log_listener *second = NULL;
    unsigned seed = 7;
    pid_t pids[2];

    make_ledger();
    open_context(entries);
    REQUIRE(mproc_log_create(&(struct mproc_log_options){.queue_bytes = 32768, .wait_ms = 20000}, &mylog) ==
            0);
    struct mproc_log_listener *listener = listen_in_a_process();
    for (unsigned i = 0; i < 2; i++)
        pids[i] = start_writer(i);
    for (int kills = 0; kills < KILLS; kills++) {
        CHECK(mproc_log_listen(mylog, &elsewhere, 1, kills % 2 ? context : NULL, &second) == -EBUSY);
        kill_listener((unsigned)rand_r(&seed) % 400);
        CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == -ECHILD);
        mproc_log_listener_free(listener);
        listener = listen_in_a_process();
    }
    for (int i = 0; i < 2; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    mproc_log_unref(mylog);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(listener);
    const char *complaint = judge(2);
    CHECK_STR(complaint ? complaint : "", "");
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* A stopped listener is alive, however long it takes; a killed one is not, and the next one can be of the
 * other kind. */
CHILD_TEST(log_storm, a_log_has_one_listener_until_that_is_killed)
{
    struct mproc_log_handler elsewhere = {.target = MPROC_LOG_TO_FILE, .path = log_name(1)};
    struct mproc_log_listener *second = NULL;
    struct mproc_process *process;

    make_ledger();
    open_context(entries);
    REQUIRE(mproc_log_create(NULL, &mylog) == 0);
    struct mproc_log_listener *listener = listen_in_a_process();
    CHECK(mproc_log_info(mylog, "life 0 number 0 .") == 0);
    CHECK(mproc_log_flush(mylog, mproc_deadline_ms(20000)) == 0);
    REQUIRE(mproc_process_active(context, &process, 1) == 1);
    kill(mproc_process_pid(process), SIGSTOP);
    CHECK(mproc_log_listen(mylog, &elsewhere, 1, context, &second) == -EBUSY);
    CHECK(mproc_log_listen(mylog, &elsewhere, 1, NULL, &second) == -EBUSY);
    CHECK(second == NULL);
    CHECK(mproc_log_info(mylog, "life 0 number 1 .") == 0);
    mproc_process_kill(process);
    mproc_process_free(process);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == -ECHILD);
    mproc_log_listener_free(listener);
    struct mproc_log_handler handler = rotated();
    REQUIRE(mproc_log_listen(mylog, &handler, 1, NULL, &listener) == 0);
    CHECK(mproc_log_listen(mylog, &elsewhere, 1, context, &second) == -EBUSY);
    mproc_log_unref(mylog);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(listener);
    ledger->accepted[0] = ledger->begun[0] = 2;
    const char *complaint = judge(1);
    CHECK_STR(complaint ? complaint : "", "");
    munmap(ledger, sizeof(*ledger));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* What keeps a process from listening is told by the start, and there is no such process then. */
CHILD_TEST(log_storm, a_listener_listens_when_its_start_returns_or_never)
{
    struct mproc_log_handler handler = rotated();
    struct mproc_log_handler elsewhere = {.target = MPROC_LOG_TO_FILE, .path = log_name(1)};
    struct mproc_log_listener *second = NULL;
    struct mproc_log *other;

    open_context(entries);
    REQUIRE(mproc_log_create(NULL, &mylog) == 0);
    REQUIRE(mproc_log_create(NULL, &other) == 0);
    struct mproc_log_listener *listener = listen_in_a_process();
    unsigned fds = child_count_fds();
    CHECK(mproc_log_listen(other, &handler, 1, context, &second) == -EBUSY);
    CHECK(strstr(mproc_error_detail(), "is written by another listener") != NULL);
    CHECK(mproc_log_listen(other, &handler, 1, NULL, &second) == -EBUSY);
    CHECK(second == NULL);
    CHECK(mproc_process_active(context, NULL, 0) == 1);
    CHECK(child_count_fds() == fds);
    REQUIRE(mproc_log_listen(other, &elsewhere, 1, context, &second) == 0);
    CHECK(mproc_log_info(other, "elsewhere") == 0);
    mproc_log_unref(other);
    CHECK(mproc_log_listener_join(second, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(second);
    mproc_log_unref(mylog);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(listener);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* Kills what is running until told not to, by its end of a pipe. */
static int kill_whatever_runs(void *arg)
{
    const int *until = arg;
    struct mproc_process *process;
    struct pollfd item = {.fd = *until, .events = POLLIN};

    while (poll(&item, 1, 0) == 0) {
        if (mproc_process_active(context, &process, 1) == 0)
            continue;
        mproc_process_kill(process);
        mproc_process_free(process);
    }
    return 0;
}

CHILD_TEST(log_storm, listeners_are_killed_as_they_start)
{
    enum { STARTS = 100 };
    struct mproc_log_handler handler = rotated();
    struct mproc_log_listener *listener;
    struct mproc_thread *killer;
    int ends[2], failed = 0;

    make_ledger();
    open_context(entries);
    REQUIRE(mproc_log_create(NULL, &mylog) == 0);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(mproc_thread_start("killer", kill_whatever_runs, &ends[0], NULL, &killer) == 0);
    for (unsigned i = 0; i < STARTS; i++) {
        CHECK(mproc_log_info(mylog, "life 0 number %u .", i) == 0);
        int err = mproc_log_listen(mylog, &handler, 1, context, &listener);
        if (err) {
            CHECK(err == -ECHILD);
            failed++;
            continue;
        }
        CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == -ECHILD);
        mproc_log_listener_free(listener);
    }
    close(ends[1]);
    CHECK(mproc_thread_join(killer, mproc_deadline_ms(20000), NULL) == 0);
    mproc_thread_free(killer);
    close(ends[0]);
    CHECK(failed > 0);
    listener = listen_in_a_process();
    mproc_log_unref(mylog);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(listener);
    ledger->accepted[0] = ledger->begun[0] = STARTS;
    const char *complaint = judge(1);
    CHECK_STR(complaint ? complaint : "", "");
    munmap(ledger, sizeof(*ledger));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* Starts a worker that stays, and holds the end of a pipe; writes; says so; and waits for its end. The
 * listener is stopped meanwhile, so that all of it is in the log. */
static _Noreturn void own_a_log(int told)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct mproc_process *process;
    open_context(entries);
    REQUIRE(mproc_log_create(NULL, &mylog) == 0);
    listen_in_a_process();
    REQUIRE(mproc_process_active(context, &process, 1) == 1);
    pid_t pid = mproc_process_pid(process);
    kill(pid, SIGSTOP);
    start("stay", with_fd(told), NULL);
    for (unsigned number = 0; number < OWNED; number++) {
        if (mproc_log_info(mylog, "life 0 number %u .", number) != 0)
            _exit(1);
        ledger->accepted[0] = ledger->begun[0] = number + 1;
    }
    if (write(told, &pid, sizeof(pid)) < 0)
        _exit(1);
    for (;;)
        pause();
}

/* An owner of a log is killed, and with it the worker. Returns its listener, which is stopped. */
static pid_t kill_an_owner(void)
{
    int ends[2];
    pid_t pid;

    make_ledger();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    pid_t owner = fork();
    if (owner == 0)
        own_a_log(ends[1]);
    close(ends[1]);
    REQUIRE(read(ends[0], &pid, sizeof(pid)) == sizeof(pid));
    kill(owner, SIGKILL);
    /* Until the guard has been at it: one that spares nobody has killed the listener before the worker. */
    REQUIRE(read(ends[0], &pid, sizeof(pid)) == 0);
    close(ends[0]);
    return pid;
}

static void await_end_of_all(void)
{
    while (waitpid(-1, NULL, 0) >= 0)
        ;
}

CHILD_TEST(log_storm, the_owner_is_killed_and_the_listener_writes_what_there_is)
{
    mproc_drain_ms = 20000; /* else it is the clock's whether a busy machine does it in time */
    pid_t listener = kill_an_owner();
    CHECK(kill(listener, SIGCONT) == 0);
    await_end_of_all();
    CHECK(ledger->accepted[0] == OWNED);
    const char *complaint = judge(1);
    CHECK_STR(complaint ? complaint : "", "");
    munmap(ledger, sizeof(*ledger));
}

CHILD_TEST(log_storm, the_owner_is_killed_and_its_listener_does_nothing)
{
    uint64_t before_ns = mproc_clock_ns();
    kill_an_owner();
    await_end_of_all();
    uint64_t ms = (mproc_clock_ns() - before_ns) / 1000000;
    CHECK(ms >= mproc_drain_ms && ms < 10000);
    munmap(ledger, sizeof(*ledger));
}

static int write_some(struct mproc_args *args)
{
    struct mproc_log *log;

    if (mproc_args_get_log(args, 0, &log))
        return 1;
    for (int i = 0; i < 1000; i++)
        mproc_log_info(log, "from a worker %d", i);
    raise(SIGKILL);
    return 0;
}

static const struct mproc_entry writers[] = {{"write_some", write_some}, {NULL, NULL}};

CHILD_TEST(log_storm, a_worker_writes_and_dies)
{
    struct mproc_args *args;

    open_context(writers);
    REQUIRE(mproc_log_create(NULL, &mylog) == 0);
    struct mproc_log_listener *listener = listen_in_a_process();
    mproc_args_new(&args);
    CHECK(mproc_args_add_log(args, mylog) == 0);
    struct mproc_process *process = start("write_some", args, NULL);
    CHECK(join(process).signal == SIGKILL);
    mproc_process_free(process);
    mproc_log_unref(mylog);
    CHECK(mproc_log_listener_join(listener, mproc_deadline_ms(20000)) == 0);
    mproc_log_listener_free(listener);
    char *text = read_log(log_path);
    REQUIRE(text != NULL);
    CHECK(strstr(text, " INFO write_some[") != NULL);
    CHECK(strstr(text, "from a worker 999\n") != NULL);
    free(text);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* Kill points of a write; what is in the queue is looked at there. */

static long seen_written, seen_lost;
static char long_text[2000]; /* more than what is formatted without an allocation, and a large message */
static bool is_long;

static void write_one(void *arg)
{
    (void)arg;
    const struct mproc_log_field field = mproc_log_int("n", 7);
    mproc_log_write(mylog, MPROC_LOG_INFO, &field, 1, "%s", is_long ? long_text : "the record");
}

static void after_write(void *arg, long at)
{
    struct mproc_log_stat stat;
    struct mproc_log_listener *listener = NULL;
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_FILE, .path = log_path};

    (void)arg;
    cr_assert_eq(mproc_log_info(mylog, "the next one"), 0, "killed at %ld", at);
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_assert(stat.waiting == 1 || stat.waiting == 2, "killed at %ld: %d", at, (int)stat.waiting);
    *(stat.waiting == 2 ? &seen_written : &seen_lost) += 1;
    /* Each log has one listener in its life here: the file tells what was in it. */
    cr_assert_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), 0);
    mproc_log_unref(mylog);
    cr_assert_eq(mproc_log_listener_join(listener, mproc_deadline_ms(20000)), 0);
    mproc_log_listener_free(listener);
    char *text = read_log(log_path);
    unsigned lines = 0;
    for (char *line = text; (line = strchr(line, '\n')); line++)
        lines++;
    cr_assert_eq(lines, stat.waiting, "killed at %ld:\n%s", at, text);
    if (lines == 2)
        cr_assert_not_null(strstr(text, is_long ? "xxx n=7\n" : "the record n=7\n"));
    free(text);
    unlink(log_path);
}

static void before_write(void *arg)
{
    (void)arg;
    cr_assert_eq(mproc_log_create(&(struct mproc_log_options){.queue_bytes = 4096}, &mylog), 0);
}

static void sweep_write(bool with_a_long_one)
{
    const struct step_sweep sweep = {
        .body = write_one, .before = before_write, .after = after_write, .points = with_a_long_one ? 12 : 40};

    is_long = with_a_long_one;
    memset(long_text, 'x', sizeof(long_text) - 1);
    seen_written = seen_lost = 0;
    step_sweep(&sweep);
    cr_expect_gt(seen_written, 0);
    cr_expect_gt(seen_lost, 0);
}

Test(log_storm, killed_at_each_instruction_of_a_write, .timeout = STEP_TIMEOUT_S)
{
    sweep_write(false);
}

Test(log_storm, killed_at_each_instruction_of_a_long_write, .timeout = STEP_TIMEOUT_S)
{
    sweep_write(true);
}

/* Kill points of a listener that goes on where one was killed in the midst of a record, and writes all there
 * is, to two handlers of which one fails. The log is closed, so that it ends without the thread that watches
 * for that. */

enum { LEFT = 3 };

static const struct mproc_log_handler one_fails[2] = {
    {.target = MPROC_LOG_TO_FILE, .path = log_path},
    {.target = MPROC_LOG_TO_FILE, .path = "/dev/full"},
};

static void listen_here(void *arg)
{
    struct log_listening *listening;

    (void)arg;
    if (mproc_log_begin(mylog, one_fails, 2, &listening) != 0 || mproc_log_take(listening) != 0)
        _exit(1);
    mproc_log_end(listening);
}

static void before_listening(void *arg)
{
    int status;

    (void)arg;
    cr_assert_eq(mproc_log_create(&(struct mproc_log_options){.queue_bytes = 4096}, &mylog), 0);
    for (int i = 0; i < LEFT; i++)
        cr_assert_eq(mproc_log_info(mylog, "left %d.", i), 0);
    cr_assert_eq(mproc_queue_close(mylog->queue, MPROC_NOW), 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* The second write of the batch is the end of who makes it. */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, 100});
        listen_here(NULL);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ, "0x%x", (unsigned)status);
}

static void after_listening(void *arg, long at)
{
    struct mproc_log_listener *listener = NULL;
    struct mproc_log_stat stat;
    const char *line;

    (void)arg;
    cr_assert_eq(mproc_log_listen(mylog, one_fails, 2, NULL, &listener), 0, "killed at %ld: %s", at,
                 mproc_error_detail());
    cr_assert_eq(mproc_log_flush(mylog, mproc_deadline_ms(20000)), -EIO, "killed at %ld", at);
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_assert(stat.failed == LEFT && stat.written == 0, "killed at %ld: %d failed, %d written", at,
              (int)stat.failed, (int)stat.written);
    mproc_log_unref(mylog);
    cr_assert_eq(mproc_log_listener_join(listener, mproc_deadline_ms(20000)), 0);
    mproc_log_listener_free(listener);
    char *text = read_log(log_path);
    char *rest = text;
    for (int i = 0; i < LEFT; i++) {
        char expected[20];
        snprintf(expected, sizeof(expected), ": left %d.", i);
        line = strsep(&rest, "\n");
        cr_assert(line && strlen(line) > strlen(expected) &&
                      strcmp(line + strlen(line) - strlen(expected), expected) == 0,
                  "killed at %ld: %s instead of record %d", at, line, i);
    }
    cr_assert(rest && *rest == '\0', "killed at %ld, and then there is more: %s", at, rest);
    free(text);
    unlink(log_path);
}

Test(log_storm, killed_at_each_instruction_of_taking_over, .timeout = STEP_TIMEOUT_S)
{
    const struct step_sweep sweep = {
        .body = listen_here, .before = before_listening, .after = after_listening, .points = 60};

#ifdef __SANITIZE_ADDRESS__
    remove_log_folder(); /* which a skip does not do */
    cr_skip_test("half a million instructions of AddressSanitizer's own, for the memory of a listener");
#endif
    step_sweep(&sweep);
}
