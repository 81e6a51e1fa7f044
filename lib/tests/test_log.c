#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/log.h>
#include <mproc/stop.h>

#include "log_internal.h"
#include "logging.h"
#include "sleeper.h"

TestSuite(log, .init = make_log, .fini = end_log, .timeout = 60);

__attribute__((format(printf, 2, 3))) static int say(struct mproc_log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int r = mproc_log_vwrite(log, MPROC_LOG_WARNING, NULL, 0, format, args);
    va_end(args);
    return r;
}

Test(log, is_there_until_its_last_reference_is_given_back)
{
    cr_assert_eq(mproc_log_ref(mylog), mylog);
    mproc_log_unref(mylog);
    listen_with(to_file());
    cr_expect_eq(say(mylog, "%s and %d", "words", 7), 0);
    struct mproc_log *given_back = mylog;
    finish();
    cr_expect_eq(say(given_back, "nothing"), -EBADF);
    char *text = read_log(log_path);
    cr_assert_not_null(text);
    cr_expect_not_null(strstr(text, "words and 7"));
    cr_expect_null(strstr(text, "nothing"));
    free(text);
}

/* What follows the time and the level of a line. */
static void expect_line(const char *text, const char *expected)
{
    char line[400];

    snprintf(line, sizeof(line), " %s\n", expected);
    char *pid = strstr(line, "PID");
    if (pid) {
        char rest[400], number[16];
        snprintf(number, sizeof(number), "%d", (int)getpid());
        snprintf(rest, sizeof(rest), "%s", pid + 3);
        snprintf(pid, sizeof(line) - (size_t)(pid - line), "%s%s", number, rest);
    }
    cr_expect_not_null(strstr(text, line), "no line%sin:\n%s", line, text);
}

Test(log, a_record_is_a_line)
{
    const struct mproc_log_field fields[] = {
        mproc_log_string("user", "jane doe"), mproc_log_int("n", -3),       mproc_log_uint("big", UINT64_MAX),
        mproc_log_float("load", 0.25),        mproc_log_bool("ok", true),   mproc_log_string("none", NULL),
        mproc_log_string("q", "a\"b\\\n"),    mproc_log_string("empty", "")};

    listen_with(to_file());
    mproc_log_set_name(mylog, "worker");
    errno = 77;
    cr_expect_eq(mproc_log_info(mylog, "hello %d", 1), 0);
    cr_expect_eq(errno, 77);
    cr_expect_eq(mproc_log_debug(mylog, "fine points"), 0);
    cr_expect_eq(mproc_log_write(mylog, MPROC_LOG_ERROR, fields, 8, "with fields"), 0);
    cr_expect_eq(mproc_log_critical(mylog, "%s", ""), 0);
    cr_expect_eq(mproc_log_warning(mylog, "a\nb\rc\td\x1b[31m\x7f héllo, and eight letters more"), 0);
    finish();
    char *text = read_log(log_path);
    expect_line(text, "INFO worker[PID]: hello 1");
    expect_line(text, "DEBUG worker[PID]: fine points");
    expect_line(text,
                "ERROR worker[PID]: with fields user=\"jane doe\" n=-3 big=18446744073709551615 load=0.25 "
                "ok=true none=(null) q=\"a\\\"b\\\\\\n\" empty=\"\"");
    expect_line(text, "CRITICAL worker[PID]: ");
    expect_line(text, "WARNING worker[PID]: a\\nb\\rc\\td\\x1b[31m\\x7f héllo, and eight letters more");
    cr_expect_eq(count_of(text, "\n"), 5);
    int year, month, day, hour, minute, second, micros;
    cr_expect_eq(
        sscanf(text, "%d-%d-%dT%d:%d:%d.%6dZ ", &year, &month, &day, &hour, &minute, &second, &micros), 7);
    cr_expect_geq(year, 2024);
    free(text);
}

Test(log, long_records_are_whole)
{
    size_t lengths[] = {900, 1000, 1024, 5000, 300000, 1000000};
    char *long_text = malloc(1000001);

    listen_with(to_file());
    for (size_t i = 0; i < 6; i++) {
        memset(long_text, 'a' + (int)i, lengths[i]);
        long_text[lengths[i]] = '\0';
        cr_assert_eq(mproc_log_info(mylog, "%s", long_text), 0, "%zu: %s", lengths[i], mproc_error_detail());
    }
    cr_expect_eq(mproc_log_info(mylog, "%s%s", long_text, long_text), -EMSGSIZE);
    finish();
    char *text = read_log(log_path);
    for (size_t i = 0; i < 6; i++) {
        memset(long_text, 'a' + (int)i, lengths[i]);
        long_text[lengths[i]] = '\n';
        cr_expect_not_null(memmem(text, strlen(text), long_text, lengths[i] + 1), "%zu", lengths[i]);
    }
    free(text);
    free(long_text);
}

Test(log, levels_of_the_log_and_of_each_handler)
{
    char errors[80];
    struct mproc_log_handler handlers[2] = {to_file(), to_file()};

    snprintf(errors, sizeof(errors), "%s.errors", log_path);
    handlers[1].path = errors;
    handlers[1].level = MPROC_LOG_ERROR;
    cr_assert_eq(mproc_log_listen(mylog, handlers, 2, NULL, &listener), 0);
    cr_expect_eq(mproc_log_set_level(mylog, MPROC_LOG_INFO), 0);
    cr_expect_eq(mproc_log_level(mylog), MPROC_LOG_INFO);
    mproc_log_debug(mylog, "one");
    mproc_log_info(mylog, "two");
    mproc_log_error(mylog, "three");
    finish();
    char *all = read_log(log_path);
    char *some = read_log(errors);
    cr_expect_eq(count_of(all, "\n"), 2);
    cr_expect_eq(count_of(all, "one"), 0);
    cr_expect_eq(count_of(some, "\n"), 1);
    cr_expect_eq(count_of(some, "three"), 1);
    free(all);
    free(some);
}

Test(log, the_listener_ends_when_all_writers_are_gone)
{
    pid_t pids[3];
    int ready[2];
    char letter;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    listen_with(to_file());
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            mproc_log_info(mylog, "I am writer %d", i);
            if (write(ready[1], "x", 1) == 1)
                pause();
        }
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(read(ready[0], &letter, 1), 1);
    mproc_log_unref(mylog);
    mylog = NULL;
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(mproc_log_listener_join(listener, mproc_deadline_ms(10)), -ETIMEDOUT);
        kill_and_reap(pids[i]);
    }
    cr_expect_eq(mproc_log_listener_join(listener, mproc_deadline_ms(20000)), 0);
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "I am writer"), 3);
    free(text);
}

Test(log, a_full_log_drops_counts_and_tells)
{
    struct mproc_log_stat stat;
    uint64_t accepted = 0, refused = 0;

    mproc_log_unref(mylog);
    cr_assert_eq(
        mproc_log_create(&(struct mproc_log_options){.full = MPROC_LOG_DROPS, .queue_bytes = 4096}, &mylog),
        0);
    for (int i = 0; i < 200; i++) {
        int err = mproc_log_warning(mylog, "record %d", i);
        cr_assert(err == 0 || err == -EAGAIN);
        *(err ? &refused : &accepted) += 1;
    }
    cr_expect_gt(accepted, 10);
    cr_expect_gt(refused, 10);
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_expect_eq(stat.waiting, accepted);
    cr_expect_eq(stat.dropped[MPROC_LOG_WARNING], refused);
    cr_expect_eq(stat.dropped[MPROC_LOG_ERROR], 0);
    listen_with(to_file());
    cr_expect_eq(mproc_log_flush(mylog, mproc_deadline_ms(10000)), 0);
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_expect_eq(stat.waiting, 0);
    cr_expect_eq(stat.written, accepted);
    finish();
    char *text = read_log(log_path);
    char expected[80];
    snprintf(expected, sizeof(expected), "%llu records were dropped", (unsigned long long)refused);
    cr_expect_eq(count_of(text, expected), 1);
    cr_expect_eq(count_of(text, ": record "), accepted);
    free(text);
}

Test(log, a_log_without_a_listener_holds_up_a_program_once)
{
    int err = 0;

    mproc_log_unref(mylog);
    cr_assert_eq(mproc_log_create(&(struct mproc_log_options){.wait_ms = 100, .queue_bytes = 4096}, &mylog),
                 0);
    /* A stopped thread still has something to say. */
    struct mproc_stop *token, *before;
    mproc_stop_new(NULL, &token);
    mproc_stop_request(token, MPROC_STOP_COLD);
    before = mproc_stop_enter(token);
    while (!err)
        err = mproc_log_info(mylog, "record");
    cr_expect_eq(err, -ETIMEDOUT);
    uint64_t begin_ns = mproc_clock_ns();
    for (int i = 0; i < 50; i++)
        cr_expect_eq(mproc_log_info(mylog, "record"), -EAGAIN);
    cr_expect_lt(mproc_clock_ns() - begin_ns, UINT64_C(2000000000), "50 waits would be 5 seconds");
    listen_with(to_file());
    mproc_stop_enter(before);
    mproc_stop_unref(token);
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), 0);
    cr_expect_eq(mproc_log_info(mylog, "again"), 0);
    cr_expect_eq(mylog->shared->is_stuck, 0);
}

Test(log, files_are_rotated_by_size_and_none_is_lost)
{
    struct mproc_log_handler handler = to_file();
    bool seen[3000] = {false};
    struct stat status;
    unsigned lines = 0;

    handler.max_bytes = 10000;
    handler.keep = 50;
    listen_with(handler);
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(mproc_log_info(mylog, "number %d.", i), 0);
    finish();
    for (unsigned number = 0; number <= 50; number++) {
        char *text = read_log(log_name(number));
        if (!text)
            break;
        cr_expect_eq(stat(log_name(number), &status), 0);
        cr_expect_leq(status.st_size, 10000);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
            int n = -1;
            char dot;
            char *found = strstr(line, "number ");
            cr_assert(found && sscanf(found, "number %d%c", &n, &dot) == 2 && dot == '.', "torn: %s", line);
            cr_assert(n >= 0 && n < 3000 && !seen[n]);
            seen[n] = true;
        }
        free(text);
    }
    cr_expect_eq(lines, 3000);
}

Test(log, old_files_go)
{
    struct mproc_log_handler handler = to_file();

    handler.max_bytes = 1000;
    handler.keep = 2;
    listen_with(handler);
    for (int i = 0; i < 300; i++)
        mproc_log_info(mylog, "number %d.", i);
    finish();
    char *text = read_log(log_name(0));
    cr_expect_not_null(strstr(text, "number 299."));
    free(text);
    for (unsigned number = 1; number <= 2; number++)
        cr_expect_eq(access(log_name(number), F_OK), 0);
    cr_expect_neq(access(log_name(3), F_OK), 0);
}

/* A file that is due for rotation by time. Returns a handler that writes there. */
static struct mproc_log_handler to_old_file(void)
{
    const struct timespec yesterday[2] = {{.tv_sec = time(NULL) - 86400}, {.tv_sec = time(NULL) - 86400}};
    struct mproc_log_handler handler = to_file();

    int fd = open(log_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, "old\n", 4), 4);
    futimens(fd, yesterday);
    close(fd);
    handler.every_s = 86400;
    return handler;
}

Test(log, files_are_rotated_by_time)
{
    listen_with(to_old_file());
    mproc_log_info(mylog, "new");
    finish();
    char *old_text = read_log(log_name(1));
    char *text = read_log(log_path);
    cr_assert_not_null(old_text);
    cr_expect_str_eq(old_text, "old\n");
    cr_expect_eq(count_of(text, "\n"), 1);
    free(old_text);
    free(text);
}

/* Where a folder has the name that the file was to have. */
static void rotate_in_vain(struct mproc_log_handler handler, unsigned records)
{
    struct mproc_log_stat stat;

    cr_assert_eq(mkdir(log_name(1), 0700), 0);
    listen_with(handler);
    for (unsigned i = 0; i < records; i++) {
        mproc_log_info(mylog, "number %u.", i);
        cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), 0);
    }
    mproc_log_get_stat(mylog, &stat);
    cr_expect_gt(stat.failed_rotations, 0);
    cr_expect_eq(stat.last_error, -EISDIR);
    cr_expect_eq(stat.failed, 0);
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "number "), records);
    free(text);
    cr_expect_eq(rmdir(log_name(1)), 0);
    mproc_log_info(mylog, "the new file");
    finish();
    char *old_text = read_log(log_name(1));
    text = read_log(log_path);
    cr_assert_not_null(old_text);
    cr_expect_eq(count_of(old_text, "number "), records);
    cr_expect_eq(count_of(text, "the new file\n"), 1);
    cr_expect_eq(count_of(text, "\n"), 1);
    free(old_text);
    free(text);
}

Test(log, a_file_that_cannot_be_rotated_by_size_goes_on_and_is_counted)
{
    struct mproc_log_handler handler = to_file();

    handler.max_bytes = 1000;
    rotate_in_vain(handler, 100);
}

Test(log, a_file_that_cannot_be_rotated_by_time_is_rotated_when_it_can_be)
{
    rotate_in_vain(to_old_file(), 3);
}

Test(log, a_file_that_was_moved_is_opened_anew)
{
    listen_with(to_file());
    mproc_log_info(mylog, "first");
    mproc_log_flush(mylog, MPROC_FOREVER);
    cr_assert_eq(rename(log_path, log_name(7)), 0);
    mproc_log_info(mylog, "second");
    mproc_log_flush(mylog, MPROC_FOREVER);
    unlink(log_path);
    mproc_log_info(mylog, "third");
    finish();
    char *moved = read_log(log_name(7));
    char *text = read_log(log_path);
    cr_expect_eq(count_of(moved, "first"), 1);
    cr_expect_eq(count_of(moved, "\n"), 1);
    cr_expect_eq(count_of(text, "third"), 1);
    cr_expect_eq(count_of(text, "\n"), 1);
    free(moved);
    free(text);
}

Test(log, what_cannot_be_written_is_counted_and_leaves_whole_records)
{
    struct mproc_log_stat stat;

    listen_with(to_file());
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, RLIM_INFINITY});
    for (int i = 0; i < 100; i++)
        mproc_log_info(mylog, "number %d.", i);
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), -EIO);
    cr_expect_not_null(strstr(mproc_error_detail(), "File too large"), "%s", mproc_error_detail());
    mproc_log_get_stat(mylog, &stat);
    char *text = read_log(log_path);
    unsigned lines = count_of(text, "\n");
    cr_expect_gt(lines, 10);
    cr_expect_eq(text[strlen(text) - 1], '\n');
    cr_expect_eq(stat.failed, 100 - lines);
    cr_expect_eq(stat.written, lines);
    cr_expect_eq(stat.last_error, -EFBIG);
    free(text);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    mproc_log_info(mylog, "goes on");
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), 0, "each failure is told of once");
    mproc_log_get_stat(mylog, &stat);
    cr_expect_eq(stat.written, lines + 1);
    cr_expect_eq(stat.failed, 100 - lines);
    finish();
    text = read_log(log_path);
    cr_expect_eq(count_of(text, "goes on\n"), 1);
    free(text);
}

/* One handler has no level for some and the other fails: a record is one of waiting, written and failed. */
Test(log, a_record_that_one_of_two_handlers_cannot_write_has_failed)
{
    struct mproc_log_handler handlers[2] = {to_file(), to_file()};
    struct mproc_log_stat stat;

    handlers[1].path = "/dev/full";
    handlers[1].level = MPROC_LOG_ERROR;
    handlers[1].sync = true;
    for (int i = 0; i < 50; i++)
        mproc_log_write(mylog, i % 5 ? MPROC_LOG_INFO : MPROC_LOG_ERROR, NULL, 0, "number %d.", i);
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_expect_eq(stat.waiting, 50);
    cr_expect_eq(stat.written + stat.failed, 0);
    cr_assert_eq(mproc_log_listen(mylog, handlers, 2, NULL, &listener), 0, "%s", mproc_error_detail());
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), -EIO);
    cr_expect_not_null(strstr(mproc_error_detail(), "10 records"), "%s", mproc_error_detail());
    cr_assert_eq(mproc_log_get_stat(mylog, &stat), 0);
    cr_expect_eq(stat.waiting, 0);
    cr_expect_eq(stat.written, 40);
    cr_expect_eq(stat.failed, 10);
    cr_expect_eq(stat.last_error, -ENOSPC);
    finish();
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "\n"), 50);
    free(text);
}
Test(log, damaged_records_are_counted_and_passed_over)
{
    unsigned char bytes[200];
    struct mproc_log_stat stat;
    unsigned seed = 9;

    listen_with(to_file());
    for (int round = 0; round < 3000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)((unsigned)rand_r(&seed) % (round % 2 ? 256 : 5));
        cr_assert_eq(mproc_queue_put(mylog->queue, bytes, len, MPROC_FOREVER), 0);
    }
    mproc_log_info(mylog, "sound");
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), -EIO);
    mproc_log_get_stat(mylog, &stat);
    cr_expect_eq(stat.written + stat.failed, 3001);
    cr_expect_geq(stat.written, 1);
    cr_expect_gt(stat.failed, 2000);
    finish();
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, ": sound\n"), 1);
    free(text);
}

Test(log, misuse_is_told)
{
    const struct mproc_log_field bad_key = {"", MPROC_LOG_TYPE_INT, {NULL}};
    const struct mproc_log_field bad_type = {"k", MPROC_LOG_TYPE__COUNT, {NULL}};
    struct mproc_log_handler handler = to_file();
    struct mproc_log *none = NULL;
    struct mproc_log_stat stat;

    cr_expect_eq(mproc_log_create(&(struct mproc_log_options){.level = MPROC_LOG_LEVEL__COUNT}, &none),
                 -EINVAL);
    cr_expect_eq(mproc_log_create(&(struct mproc_log_options){.full = MPROC_LOG_FULL__COUNT}, &none),
                 -EINVAL);
    cr_expect_eq(mproc_log_write(mylog, MPROC_LOG_LEVEL__COUNT, NULL, 0, "x"), -EINVAL);
    cr_expect_eq(mproc_log_write(mylog, MPROC_LOG_INFO, &bad_key, 1, "x"), -EINVAL);
    cr_expect_eq(mproc_log_write(mylog, MPROC_LOG_INFO, &bad_type, 1, "x"), -EINVAL);
    cr_expect_eq(mproc_log_write(mylog, MPROC_LOG_INFO, &bad_type, 65, "x"), -EINVAL);
    cr_expect_eq(mproc_log_set_level(mylog, (enum mproc_log_level) - 1), -EINVAL);
    cr_expect_eq(mproc_log_listen(mylog, &handler, 0, NULL, &listener), -EINVAL);
    cr_expect_eq(mproc_log_listen(mylog, &handler, 9, NULL, &listener), -EINVAL);
    handler.path = NULL;
    cr_expect_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), -EINVAL);
    handler.path = "/nowhere/at/all";
    cr_expect_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), -ENOENT);
    handler = (struct mproc_log_handler){.target = MPROC_LOG_TO_STDERR, .max_bytes = 5};
    cr_expect_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), -EINVAL);
    handler = (struct mproc_log_handler){.target = MPROC_LOG_TARGET__COUNT};
    cr_expect_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), -EINVAL);
    cr_expect_null(listener);
    cr_expect_null(none);
    mproc_log_unref(mylog);
    cr_expect_eq(mproc_log_info(mylog, "x"), -EBADF);
    cr_expect_eq(mproc_log_flush(mylog, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_log_get_stat(mylog, &stat), -EBADF);
    mylog = NULL;
    mproc_log_unref(NULL);
    mproc_log_listener_free(NULL);
    mproc_log_server_close(NULL);
}
