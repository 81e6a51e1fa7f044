/*
 * What the library's tests use of Criterion, without Criterion, for ci/sanitize only.
 *
 * Criterion's sandbox maps memory at addresses that ThreadSanitizer keeps for itself, and does not start
 * under it (Snaipe/Criterion issue 274). Here each test is a plain fork with an alarm for its time limit. A
 * test passes when it ends with status 0, which it does not after a failed check or a report of the
 * sanitizer.
 */
#ifndef TSAN_CRITERION_H
#define TSAN_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct criterion_options {
    double timeout;
    void (*init)(void);
    void (*fini)(void);
    bool disabled;
};

struct criterion_test {
    const char *suite, *name;
    void (*run)(void);
    struct criterion_options options;
    struct criterion_test *next;
};

static struct criterion_test *criterion_tests;
static int criterion_failures;

/* A suite is an entry without a function: its options hold for its tests where these say nothing. */
#define TestSuite(suite_, ...)                                                                               \
    __attribute__((constructor)) static void suite_##_register(void)                                         \
    {                                                                                                        \
        static struct criterion_test suite = {#suite_, NULL, NULL, {__VA_ARGS__}, NULL};                     \
        suite.next = criterion_tests;                                                                        \
        criterion_tests = &suite;                                                                            \
    }                                                                                                        \
    struct criterion_suite_##suite_
#define Test(suite_, name_, ...)                                                                             \
    static void suite_##_##name_##_test(void);                                                               \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)                               \
    {                                                                                                        \
        static struct criterion_test test = {#suite_, #name_, suite_##_##name_##_test, {__VA_ARGS__}, NULL}; \
        test.next = criterion_tests;                                                                         \
        criterion_tests = &test;                                                                             \
    }                                                                                                        \
    static void suite_##_##name_##_test(void)

static inline void criterion_check(bool passed, bool fatal, const char *what, const char *file, int line)
{
    if (passed)
        return;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    __atomic_add_fetch(&criterion_failures, 1, __ATOMIC_RELAXED);
    if (fatal)
        _exit(1);
}

#define CRITERION_CHECK(condition, fatal) criterion_check((condition), fatal, #condition, __FILE__, __LINE__)

#define cr_assert(condition, ...)         CRITERION_CHECK(!!(condition), true)
#define cr_assert_not(condition, ...)     CRITERION_CHECK(!(condition), true)
#define cr_assert_eq(a, b, ...)           CRITERION_CHECK((a) == (b), true)
#define cr_assert_neq(a, b, ...)          CRITERION_CHECK((a) != (b), true)
#define cr_assert_lt(a, b, ...)           CRITERION_CHECK((a) < (b), true)
#define cr_assert_leq(a, b, ...)          CRITERION_CHECK((a) <= (b), true)
#define cr_assert_gt(a, b, ...)           CRITERION_CHECK((a) > (b), true)
#define cr_assert_geq(a, b, ...)          CRITERION_CHECK((a) >= (b), true)
#define cr_assert_null(a, ...)            CRITERION_CHECK((a) == NULL, true)
#define cr_assert_not_null(a, ...)        CRITERION_CHECK((a) != NULL, true)
#define cr_assert_str_eq(a, b, ...)       CRITERION_CHECK(strcmp((a), (b)) == 0, true)
#define cr_expect(condition, ...)         CRITERION_CHECK(!!(condition), false)
#define cr_expect_not(condition, ...)     CRITERION_CHECK(!(condition), false)
#define cr_expect_eq(a, b, ...)           CRITERION_CHECK((a) == (b), false)
#define cr_expect_neq(a, b, ...)          CRITERION_CHECK((a) != (b), false)
#define cr_expect_lt(a, b, ...)           CRITERION_CHECK((a) < (b), false)
#define cr_expect_leq(a, b, ...)          CRITERION_CHECK((a) <= (b), false)
#define cr_expect_gt(a, b, ...)           CRITERION_CHECK((a) > (b), false)
#define cr_expect_geq(a, b, ...)          CRITERION_CHECK((a) >= (b), false)
#define cr_expect_null(a, ...)            CRITERION_CHECK((a) == NULL, false)
#define cr_expect_not_null(a, ...)        CRITERION_CHECK((a) != NULL, false)
#define cr_expect_str_eq(a, b, ...)       CRITERION_CHECK(strcmp((a), (b)) == 0, false)
#define cr_expect_arr_eq(a, b, size, ...) CRITERION_CHECK(memcmp((a), (b), (size)) == 0, false)
#define cr_log_info(...)                  (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define cr_skip_test(...)                 exit(0)

static struct criterion_options criterion_options_of(const struct criterion_test *test)
{
    struct criterion_options options = test->options;
    for (const struct criterion_test *suite = criterion_tests; suite; suite = suite->next) {
        if (suite->run || strcmp(suite->suite, test->suite) != 0)
            continue;
        options.timeout = options.timeout > 0 ? options.timeout : suite->options.timeout;
        options.init = options.init ? options.init : suite->options.init;
        options.fini = options.fini ? options.fini : suite->options.fini;
        options.disabled |= suite->options.disabled;
    }
    return options;
}

static int criterion_run(const struct criterion_test *test, const struct criterion_options *options)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        /* The sanitizer makes everything slower. */
        alarm(options->timeout > 0 ? (unsigned)(options->timeout * 4) : 120);
        if (options->init)
            options->init();
        test->run();
        if (options->fini)
            options->fini();
        exit(criterion_failures ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    int status;
    return child != -1 && waitpid(child, &status, 0) == child ? status : -1;
}

int main(void)
{
    int tests = 0, failed = 0;
    for (const struct criterion_test *test = criterion_tests; test; test = test->next) {
        struct criterion_options options = criterion_options_of(test);
        if (!test->run || options.disabled)
            continue;
        int status = criterion_run(test, &options);
        tests++;
        if (status != 0) {
            failed++;
            printf("%s::%s failed: %s %d\n", test->suite, test->name,
                   WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
    printf("%d tests, %d failed\n", tests, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
