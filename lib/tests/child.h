/* Tests that need a process of their own, with one thread: Criterion's has a second one. The body runs in a
 * fork, checks what it finds and ends; the test in the parent judges by what was written down. */
#ifndef MPROC_TEST_CHILD_H
#define MPROC_TEST_CHILD_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mproc/error.h>

static int child_report = -1;
static int child_failures;

/* In the body. Goes on after a failure; REQUIRE does not. */
#define CHECK(condition) child_check(!!(condition), #condition, __FILE_NAME__, __LINE__)
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!CHECK(condition))                                                                               \
            _exit(1);                                                                                        \
    } while (0)

#define CHECK_STR(text, expected) child_check_str((text), (expected), #text, __FILE_NAME__, __LINE__)

/* A test whose body runs in a process of its own. */
#define CHILD_TEST(suite, name, ...)                                                                         \
    static void suite##_##name##_body(void);                                                                 \
    Test(suite, name, ##__VA_ARGS__)                                                                         \
    {                                                                                                        \
        child_run(suite##_##name##_body);                                                                    \
    }                                                                                                        \
    static void suite##_##name##_body(void)

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

#ifdef __SANITIZE_ADDRESS__
int __lsan_do_recoverable_leak_check(void);
#endif

static inline int child_check(int holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        child_failures++;
        dprintf(child_report, "%s:%d: %s; last error: %s\n", file, line, condition, mproc_error_detail());
    }
    return holds;
}

static inline void child_check_str(const char *text, const char *expected, const char *what, const char *file,
                                   int line)
{
    if (strcmp(text, expected) == 0)
        return;
    child_failures++;
    dprintf(child_report, "%s:%d: %s is \"%s\", not \"%s\"\n", file, line, what, text, expected);
}

static inline void child_run(void (*body)(void))
{
    char text[4096];
    size_t len = 0;
    ssize_t n;
    int ends[2], status = -1;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        child_report = ends[1];
        body();
#ifdef __SANITIZE_ADDRESS__
        CHECK(__lsan_do_recoverable_leak_check() == 0);
#endif
        _exit(child_failures ? 1 : 0);
    }
    close(ends[1]);
    while (len < sizeof(text) - 1 && (n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "the body ended with wait status 0x%x:\n%s", (unsigned)status, text);
}

/* Waits until a process that was told to is stopped. */
static inline void child_await_stopped(pid_t pid)
{
    char path[40], state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'T') {
        FILE *file = fopen(path, "re");
        REQUIRE(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
        fclose(file);
    }
}

/* Open descriptors of this process, without the one that counts them. */
static inline unsigned child_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1;
}

#endif
