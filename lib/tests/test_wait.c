#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/deadline.h>
#include <mproc/stop.h>

#include "sleeper.h"
#include "wait.h"

static uint32_t *shared_words(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert(page != MAP_FAILED);
    return page;
}

Test(wait, returns_at_once_when_a_word_differs, .timeout = 10)
{
    uint32_t words[2] = {1, 2};
    struct mproc_wait_word watch[] = {{&words[0], 1}, {&words[1], 3}};

    cr_assert_eq(mproc_wait(watch, 2, MPROC_FOREVER), 0);
    cr_assert_eq(mproc_wait(watch, 2, MPROC_NOW), 0);
}

Test(wait, keeps_its_deadline, .timeout = 10)
{
    uint32_t words[2] = {1, 2};
    struct mproc_wait_word watch[] = {{&words[0], 1}, {&words[1], 2}};
    uint64_t start_ns = mproc_clock_ns();

    cr_assert_eq(mproc_wait(watch, 2, MPROC_NOW), -EAGAIN);
    cr_assert_eq(mproc_wait(watch, 2, start_ns), -ETIMEDOUT);
    cr_assert_eq(mproc_wait(watch, 1, start_ns + 20000000), -ETIMEDOUT);
    cr_assert_eq(mproc_wait(watch, 2, start_ns + 40000000), -ETIMEDOUT);
    cr_assert_eq(mproc_wait(NULL, 0, start_ns + 60000000), -ETIMEDOUT);
    cr_assert_geq(mproc_clock_ns() - start_ns, 60000000);
}

Test(wait, refuses_more_words_than_it_can_watch, .timeout = 10)
{
    struct mproc_wait_word watch[MPROC_WAIT_WORDS + 1] = {0};

    cr_assert_eq(mproc_wait(watch, MPROC_WAIT_WORDS + 1, MPROC_FOREVER), -EINVAL);
}

/* The child wakes with 0 only if it slept on the word that the parent changes. */
static pid_t wait_in_child(const struct mproc_wait_word *watch, size_t count)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(mproc_wait(watch, count, mproc_deadline_ms(5000)) == 0 ? 0 : 1);
    return pid;
}

Test(wait, is_woken_by_another_process_on_any_word, .timeout = 20)
{
    for (size_t changed = 0; changed < 3; changed++) {
        uint32_t *words = shared_words();
        struct mproc_wait_word watch[] = {{&words[0], 0}, {&words[1], 0}, {&words[2], 0}};
        pid_t pid = wait_in_child(watch, 3);

        __atomic_store_n(&words[changed], 1, __ATOMIC_RELEASE);
        mproc_wake(&words[changed]);
        cr_assert_eq(exit_code(pid), 0, "word %zu", changed);
        munmap(words, 4096);
    }
}

struct stopped_wait {
    struct mproc_stop *stop;
    uint32_t words[2];
    size_t count;
    int result;
};

static void *wait_under_token(void *arg)
{
    struct stopped_wait *wait = arg;
    struct mproc_wait_word watch[] = {{&wait->words[0], 0}, {&wait->words[1], 0}};

    mproc_stop_enter(wait->stop);
    wait->result = mproc_wait(watch, wait->count, mproc_deadline_ms(5000));
    return NULL;
}

Test(wait, is_cancelled_by_the_stop_token_of_the_thread, .timeout = 20)
{
    for (size_t count = 0; count <= 2; count++) {
        struct stopped_wait wait = {.count = count};
        pthread_t thread;

        cr_assert_eq(mproc_stop_new(NULL, &wait.stop), 0);
        cr_assert_eq(pthread_create(&thread, NULL, wait_under_token, &wait), 0);
        mproc_stop_request(wait.stop, MPROC_STOP_WARM);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(wait.result, -ECANCELED, "%zu words: %d", count, wait.result);
        mproc_stop_unref(wait.stop);
    }
}

Test(wait, prefers_the_word_to_the_stop, .timeout = 10)
{
    struct stopped_wait wait = {.count = 1, .words = {1}};
    pthread_t thread;

    cr_assert_eq(mproc_stop_new(NULL, &wait.stop), 0);
    mproc_stop_request(wait.stop, MPROC_STOP_WARM);
    cr_assert_eq(pthread_create(&thread, NULL, wait_under_token, &wait), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(wait.result, 0);
    mproc_stop_unref(wait.stop);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

Test(wait, goes_on_after_a_signal_handler, .timeout = 10)
{
    struct sigaction action = {.sa_handler = count_alarm};
    struct itimerval every_5ms = {{0, 5000}, {0, 5000}};
    struct itimerval never = {0};
    uint32_t words[2] = {0};
    struct mproc_wait_word watch[] = {{&words[0], 0}, {&words[1], 0}};
    uint64_t deadline_ns = mproc_deadline_ms(100);

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every_5ms, NULL);
    cr_expect_eq(mproc_wait(watch, 2, deadline_ns), -ETIMEDOUT);
    setitimer(ITIMER_REAL, &never, NULL);
    cr_expect_geq(mproc_clock_ns(), deadline_ns);
    cr_expect_gt(alarms, 2);
}

/* As on a kernel before 5.16, or in a container that does not know the call. */
static void forbid_futex_waitv(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(99);
}

static int wait_without_waitv(int error, uint32_t *words, struct mproc_stop *stop)
{
    struct mproc_wait_word watch[] = {{&words[0], 0}, {&words[1], 0}};
    uint64_t deadline_ns = mproc_deadline_ms(30);

    forbid_futex_waitv(error);
    if (mproc_wait(watch, 2, deadline_ns) != -ETIMEDOUT || mproc_clock_ns() < deadline_ns)
        return 2;
    __atomic_store_n(&words[2], 1, __ATOMIC_RELEASE);
    mproc_wake(&words[2]);
    if (mproc_wait(watch, 2, mproc_deadline_ms(5000)) != 0)
        return 3;
    mproc_stop_enter(stop);
    mproc_stop_request(stop, MPROC_STOP_WARM);
    return mproc_wait(watch, 1, mproc_deadline_ms(5000)) == -ECANCELED ? 0 : 4;
}

Test(wait, does_without_futex_waitv, .timeout = 20)
{
    static const int errors[] = {ENOSYS, EPERM};

    for (size_t i = 0; i < 2; i++) {
        uint32_t *words = shared_words();
        struct mproc_stop *stop;

        cr_assert_eq(mproc_stop_new(NULL, &stop), 0);
        pid_t pid = fork();
        if (pid == 0)
            _exit(wait_without_waitv(errors[i], words, stop));
        /* Changes the word it does not sleep on, once it has come to sleep a second time. */
        mproc_wait_one(&words[2], 0, mproc_deadline_ms(5000));
        __atomic_store_n(&words[1], 1, __ATOMIC_RELEASE);
        cr_assert_eq(exit_code(pid), 0);
        mproc_stop_unref(stop);
        munmap(words, 4096);
    }
}
