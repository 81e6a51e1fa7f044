/* Signals that a process is sent by its handle, what its status says of them, and the handle's references. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <mproc/stop.h>

#include "starting.h"

TestSuite(process_signal, .timeout = 60);

static volatile sig_atomic_t letters_fd;

static void write_letter(int signo)
{
    const char letter = signo == SIGINT ? 'i' : signo == SIGUSR1 ? 'u' : '?';

    if (write(letters_fd, &letter, 1) != 1)
        _exit(1);
}

/* Writes r when it can be sent signals, and a letter for each that it gets. */
static int tell_signals(struct mproc_args *args)
{
    int fd = -1;

    mproc_args_get_fd(args, 0, &fd);
    letters_fd = fd;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = write_letter}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = write_letter}, NULL);
    if (write(fd, "r", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static int sleep_for_ever(struct mproc_args *args)
{
    (void)args;
    while (pause() < 0)
        ;
    return 0;
}

/* Aborts where a core file can be written, or, at 0, is not. */
static int abort_with_core(struct mproc_args *args)
{
    int64_t dumpable = 0;
    struct rlimit limit;

    mproc_args_get_int(args, 0, &dumpable);
    prctl(PR_SET_DUMPABLE, dumpable);
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    raise(SIGABRT);
    return 0;
}

static const struct mproc_entry entries[] = {
    {"tell", tell_signals}, {"sleep", sleep_for_ever}, {"abort", abort_with_core}, {NULL, NULL}};

static void is_described(const struct mproc_status *status, const char *expected)
{
    char text[96];

    CHECK_STR(mproc_status_describe(status, text, sizeof(text)), expected);
}

CHILD_TEST(process_signal, an_interrupt_is_a_sigint_and_a_step_of_the_owners)
{
    open_context(entries);
    for (int method = 0; method <= MPROC_START_FORK; method++) {
        struct mproc_process *process =
            start("sleep", NULL, &(struct mproc_process_options){.method = (enum mproc_start_method)method});
        CHECK(mproc_process_interrupt(process) == 0);
        struct mproc_status status = join(process);
        CHECK(status.end == MPROC_END_SIGNAL && status.signal == SIGINT);
        CHECK(status.step == MPROC_STEP_INTERRUPT);
        is_described(&status, "killed by SIGINT (interrupted by its owner)");
        CHECK(mproc_process_interrupt(process) == 0); /* to one that has ended is no error, and no step */
        CHECK(mproc_process_kill(process) == 0 && join(process).step == MPROC_STEP_INTERRUPT);
        mproc_process_free(process);
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_signal, handlers_get_any_signal_and_a_step_only_rises)
{
    int ends[2];
    char letter = 0;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    open_context(entries);
    struct mproc_process *process = start("tell", with_fd(ends[1]), NULL);
    CHECK(read(ends[0], &letter, 1) == 1 && letter == 'r');
    CHECK(mproc_process_signal(process, SIGUSR1) == 0);
    CHECK(read(ends[0], &letter, 1) == 1 && letter == 'u');
    CHECK(mproc_process_interrupt(process) == 0);
    CHECK(read(ends[0], &letter, 1) == 1 && letter == 'i');
    CHECK(mproc_process_alive(process));
    CHECK(mproc_process_signal(process, 0) == -EINVAL && strstr(mproc_error_detail(), "no signal 0"));
    CHECK(mproc_process_signal(process, -1) == -EINVAL);
    CHECK(mproc_process_signal(process, NSIG) == -EINVAL);
    /* By its number it is no step, whatever it does. */
    CHECK(mproc_process_signal(process, SIGKILL) == 0);
    struct mproc_status status = join(process);
    CHECK(status.signal == SIGKILL && status.step == MPROC_STEP_INTERRUPT);
    CHECK(mproc_process_signal(process, SIGUSR1) == 0);
    mproc_process_free(process);

    process = start("sleep", NULL, NULL);
    CHECK(mproc_process_signal(process, SIGUSR2) == 0);
    status = join(process);
    CHECK(status.signal == SIGUSR2 && status.step == MPROC_STEP_NONE);
    is_described(&status, "killed by SIGUSR2");
    mproc_process_free(process);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_signal, a_handle_is_there_until_its_last_reference_is_given_back)
{
    open_context(entries);
    unsigned before = child_count_fds();
    struct mproc_process *process = start("sleep", NULL, NULL);
    CHECK(mproc_process_ref(process) == process);
    mproc_process_free(process);
    CHECK(mproc_process_alive(process) && mproc_process_pid(process) > 0);
    CHECK(fcntl(mproc_process_sentinel(process), F_GETFD) == FD_CLOEXEC);
    CHECK(mproc_process_kill(process) == 0 && join(process).signal == SIGKILL);
    mproc_process_free(process);
    CHECK(mproc_process_kill(process) == -EBADF);
    CHECK(child_count_fds() == before);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

/* Whether a core file would be written into the working folder, and nowhere else. */
static bool cores_come_here(void)
{
    char pattern[2] = "/";
    struct rlimit limit;
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && read(fd, pattern, 1) == 1;

    if (fd >= 0)
        close(fd);
    getrlimit(RLIMIT_CORE, &limit);
    return is_read && pattern[0] != '/' && pattern[0] != '|' && pattern[0] != '\n' &&
           limit.rlim_max == RLIM_INFINITY;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    CHECK(rmdir(path) == 0);
}

CHILD_TEST(process_signal, a_status_tells_of_a_core_file)
{
    char folder[] = "/tmp/mproc-core-XXXXXX";

    REQUIRE(mkdtemp(folder));
    open_context(entries);
    for (int method = 0; method <= MPROC_START_FORK; method++) {
        const struct mproc_process_options options = {.method = (enum mproc_start_method)method,
                                                      .cwd = folder};
        for (int dumpable = 0; dumpable <= cores_come_here(); dumpable++) {
            struct mproc_process *process = start("abort", with_int(dumpable), &options);
            struct mproc_status status = join(process);
            CHECK(status.signal == SIGABRT && status.core_dumped == dumpable);
            is_described(&status, dumpable ? "killed by SIGABRT, core dumped" : "killed by SIGABRT");
            mproc_process_free(process);
        }
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    remove_folder(folder);
}
