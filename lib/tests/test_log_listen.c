/* Who listens to a log: one at a time, and nobody else. What happens when it is killed is in
 * test_log_storm.c. */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/log.h>

#include "logging.h"
#include "sleeper.h"

TestSuite(log_listen, .init = make_log, .fini = end_log, .timeout = 60);

Test(log_listen, a_file_has_one_listener)
{
    struct mproc_log_handler handler = to_file();
    struct mproc_log_listener *second = NULL;
    struct mproc_log *other;

    listen_with(to_file());
    cr_assert_eq(mproc_log_create(NULL, &other), 0);
    cr_expect_eq(mproc_log_listen(other, &handler, 1, NULL, &second), -EBUSY);
    cr_expect_null(second);
    mproc_log_unref(other);
}

Test(log_listen, a_log_has_one_listener)
{
    struct mproc_log_handler elsewhere = {.target = MPROC_LOG_TO_FILE, .path = log_name(1)};
    struct mproc_log_listener *second = NULL;

    listen_with(to_file());
    cr_expect_eq(mproc_log_listen(mylog, &elsewhere, 1, NULL, &second), -EBUSY);
    cr_expect_not_null(strstr(mproc_error_detail(), "listens to this log already"), "%s",
                       mproc_error_detail());
    cr_expect_null(second);
    cr_expect_neq(access(log_name(1), F_OK), 0, "who is refused leaves no file");
    for (int i = 0; i < 1000; i++)
        mproc_log_info(mylog, "number %d.", i);
    finish();
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "\n"), 1000);
    free(text);
}

Test(log_listen, a_fork_of_its_maker_writes_and_does_not_listen)
{
    struct mproc_log_handler handler = to_file();

    pid_t pid = fork();
    if (pid == 0) {
        if (mproc_log_listen(mylog, &handler, 1, NULL, &listener) != -EPERM)
            _exit(1);
        if (!strstr(mproc_error_detail(), "of which this is a fork") || access(log_path, F_OK) == 0)
            _exit(2);
        _exit(mproc_log_info(mylog, "I am a fork") == 0 ? 0 : 3);
    }
    cr_expect_eq(exit_code(pid), 0);
    listen_with(to_file());
    finish();
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "I am a fork\n"), 1);
    free(text);
}

static int results[8];
static pthread_barrier_t gate;

static void *come_at_once(void *arg)
{
    int *result = arg;
    char path[80];
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_FILE, .path = path};
    struct mproc_log_listener *mine = NULL;

    snprintf(path, sizeof(path), "%s.%d", log_path, (int)(result - results));
    pthread_barrier_wait(&gate);
    *result = mproc_log_listen(mylog, &handler, 1, NULL, &mine);
    if (mine)
        listener = mine;
    return NULL;
}

Test(log_listen, one_of_many_who_come_at_once_listens)
{
    pthread_t threads[8];

    pthread_barrier_init(&gate, NULL, 8);
    for (int round = 0; round < 50; round++) {
        int won = 0;
        for (int i = 0; i < 8; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, come_at_once, &results[i]), 0);
        for (int i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 8; i++) {
            won += results[i] == 0;
            cr_expect(results[i] == 0 || results[i] == -EBUSY, "%d", results[i]);
        }
        cr_assert_eq(won, 1);
        finish();
        mproc_log_listener_free(listener);
        listener = NULL;
        cr_assert_eq(mproc_log_create(NULL, &mylog), 0);
    }
    pthread_barrier_destroy(&gate);
}

Test(log_listen, a_flush_says_that_nobody_listens)
{
    mproc_log_info(mylog, "one");
    mproc_log_info(mylog, "two");
    cr_expect_eq(mproc_log_flush(mylog, MPROC_NOW), -EAGAIN);
    cr_expect_not_null(strstr(mproc_error_detail(), "nobody listens to the log, in which 2 records wait"),
                       "%s", mproc_error_detail());
    cr_expect_eq(mproc_log_flush(mylog, mproc_deadline_ms(1)), -ETIMEDOUT);
    cr_expect_not_null(strstr(mproc_error_detail(), "nobody listens"), "%s", mproc_error_detail());
    listen_with(to_file());
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), 0);
}
