#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/shm.h>

#include "segment.h"
#include "shm_internal.h"
#include "step_sweep.h"

/* Where the file tells what it holds: size, count, type. */
enum { SIZE_AT = MPROC_SEGMENT_HEADER, COUNT_AT = SIZE_AT + 8, TYPE_AT = SIZE_AT + 16, READ_ONLY_AT = 36 };

static struct mproc_shm *new_shm(enum mproc_shm_type type, size_t count)
{
    struct mproc_shm *shm;

    cr_assert_eq(mproc_shm_create(&(struct mproc_shm_options){.type = type, .count = count}, &shm), 0, "%s",
                 mproc_error_detail());
    return shm;
}

static int create(enum mproc_shm_type type, size_t size, size_t count)
{
    struct mproc_shm *shm = NULL;
    int err = mproc_shm_create(&(struct mproc_shm_options){.type = type, .size = size, .count = count}, &shm);

    cr_assert_eq(err == 0, shm != NULL);
    mproc_shm_unref(shm);
    return err;
}

TestSuite(shm, .timeout = 20);

Test(shm, holds_what_it_was_made_for)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_DOUBLE, 1000);
    double *numbers;
    int64_t *wrong = NULL;
    size_t count;

    cr_assert_eq(mproc_shm_get(shm, &numbers, &count), 0);
    cr_assert_eq(count, 1000);
    cr_assert_eq((uintptr_t)numbers % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(numbers[i], 0);
        numbers[i] = (double)i;
    }
    cr_assert_eq(mproc_shm_get(shm, &wrong, &count), -EINVAL);
    cr_assert_not_null(strstr(mproc_error_detail(), "double"));
    cr_assert_not_null(strstr(mproc_error_detail(), "int64"));
    cr_assert_null(wrong);
    cr_assert_eq(mproc_shm_view(shm, (enum mproc_shm_type)77, 8, &wrong, NULL), -EINVAL);
    cr_assert_eq(mproc_shm_ref(shm), shm);
    mproc_shm_unref(shm);
    cr_assert_eq(numbers[999], 999);
    mproc_shm_unref(shm);
    mproc_shm_unref(NULL);
}

Test(shm, knows_structures_by_their_size)
{
    struct point {
        int32_t x, y;
        char name[24];
    } * points;
    struct other {
        char bytes[31];
    } *others = NULL;
    struct mproc_shm *shm;

    cr_assert_eq(mproc_shm_create(&(struct mproc_shm_options){.size = sizeof(*points), .count = 3}, &shm), 0);
    cr_assert_eq(mproc_shm_get(shm, &points, NULL), 0);
    points[2].y = 7;
    cr_assert_eq(mproc_shm_get(shm, &others, NULL), -EINVAL);
    mproc_shm_unref(shm);
}

Test(shm, refuses_what_cannot_be)
{
    cr_expect_eq(create(MPROC_SHM_INT32, 0, 0), -EINVAL);
    cr_expect_eq(create(MPROC_SHM_BYTES, 0, 0), -EINVAL);
    cr_expect_eq(create(MPROC_SHM_BYTES, SIZE_MAX, 2), -EOVERFLOW);
    cr_expect_eq(create(MPROC_SHM_INT64, 0, SIZE_MAX), -EOVERFLOW);
    cr_expect_eq(create(MPROC_SHM_BYTES, 1, SIZE_MAX), -EINVAL);
    cr_expect_eq(create(MPROC_SHM_BYTES, 1, (size_t)1 << 40), -ENOMEM, "more than there is");
    cr_expect_eq(create(MPROC_SHM_INT32, 8, 1), -EINVAL);
    cr_expect_eq(create((enum mproc_shm_type) - 1, 1, 1), -EINVAL);
    cr_expect_eq(create(MPROC_SHM_TYPE__COUNT, 1, 1), -EINVAL);
    cr_expect_eq(create(MPROC_SHM_DOUBLE, 8, 1), 0, "a size that the type has is none");
    cr_expect_eq(create(MPROC_SHM_BYTES, 0, 1), 0);
    cr_expect_eq(create(MPROC_SHM_BYTES, 0, 4097), 0);
}

Test(shm, says_which_limit_is_in_the_way)
{
    struct rlimit before;

    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, before.rlim_max});
    cr_expect_eq(create(MPROC_SHM_BYTES, 0, 4096), -EFBIG);
    cr_expect_not_null(strstr(mproc_error_detail(), "RLIMIT_FSIZE"));
    setrlimit(RLIMIT_FSIZE, &before);
}

Test(shm, runs_out_of_descriptors_in_words)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_BYTES, 1);
    struct mproc_shm *other = NULL;
    struct rlimit before;

    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)mproc_shm_fd(shm) + 1, before.rlim_max});
    cr_expect_eq(create(MPROC_SHM_BYTES, 0, 1), -EMFILE);
    cr_expect_eq(mproc_shm_attach(mproc_shm_fd(shm), &other), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    cr_expect_null(other);
    mproc_shm_unref(shm);
}

Test(shm, refuses_a_handle_that_was_given_back)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_INT32, 1);
    int32_t *value;

    mproc_shm_unref(shm);
    cr_expect_eq(mproc_shm_get(shm, &value, NULL), -EBADF);
    cr_expect_eq(mproc_shm_fd(shm), -EBADF);
    cr_expect_eq(mproc_shm_lock(shm, MPROC_NOW), -EBADF);
    cr_expect_eq(mproc_shm_unlock(shm), -EBADF);
    cr_expect_eq(mproc_shm_consistent(shm), -EBADF);
    mproc_shm_unref(shm);
}

Test(shm, can_neither_shrink_nor_grow)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_BYTES, 10000);
    int fd = mproc_shm_fd(shm);

    cr_expect_eq(ftruncate(fd, 0), -1);
    cr_expect_eq(ftruncate(fd, 1 << 20), -1);
    cr_expect_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    mproc_shm_unref(shm);
}

/* Sends the descriptor to another process, which adds a mark, and ours has gone meanwhile. */
Test(shm, outlives_its_maker)
{
    struct mproc_shm *shm;
    int64_t *value;
    int fd, ready[2];
    char byte;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    shm = new_shm(MPROC_SHM_INT64, 2);
    fd = fcntl(mproc_shm_fd(shm), F_DUPFD_CLOEXEC, 3);
    mproc_shm_unref(shm);
    cr_assert_eq(mproc_shm_attach(fd, &shm), 0);
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        cr_assert_eq(mproc_shm_get(shm, &value, NULL), 0);
        value[1] = 42;
        (void)!write(ready[1], "", 1);
        raise(SIGKILL);
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(exit_code(pid), -1);
    cr_assert_eq(mproc_shm_get(shm, &value, NULL), 0);
    cr_assert_eq(value[1], 42);
    mproc_shm_unref(shm);
}

static int write_to(volatile char *bytes)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        bytes[0] = 1;
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

Test(shm, can_be_for_others_to_read_only)
{
    struct mproc_shm_options options = {.count = 100, .read_only = true};
    struct mproc_shm *shm, *theirs;
    char *ours, *others;

    cr_assert_eq(mproc_shm_create(&options, &shm), 0);
    cr_assert_eq(mproc_shm_view(shm, MPROC_SHM_BYTES, 1, &ours, NULL), 0);
    cr_assert_eq(mproc_shm_attach(mproc_shm_fd(shm), &theirs), 0, "%s", mproc_error_detail());
    cr_assert_eq(mproc_shm_view(theirs, MPROC_SHM_BYTES, 1, &others, NULL), 0);
    cr_assert_eq(mproc_shm_lock(shm, MPROC_NOW), 0);
    ours[5] = 'x';
    cr_assert_eq(mproc_shm_unlock(shm), 0);
    cr_assert_eq(others[5], 'x');
    cr_assert_eq(mproc_shm_lock(theirs, MPROC_NOW), -EROFS);
    cr_assert_eq(mproc_shm_unlock(theirs), -EROFS);
    cr_assert_eq(mproc_shm_consistent(theirs), -EROFS);
    cr_expect_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, mproc_shm_fd(theirs), 0), MAP_FAILED);
    cr_expect_eq(pwrite(mproc_shm_fd(theirs), "y", 1, 4096), -1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_expect_eq(write_to(others), SIGSEGV);
#endif
    cr_expect_eq(write_to(ours), 0);
    mproc_shm_unref(theirs);
    mproc_shm_unref(shm);
}

/* A file as somebody might send it; -1 for the value: no change. */
static int attach_changed(off_t at, uint64_t value, size_t width)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_UINT16, 5000);
    struct mproc_shm *other = NULL;

    cr_assert_eq(pwrite(mproc_shm_fd(shm), &value, width, at), (ssize_t)width);
    int err = mproc_shm_attach(mproc_shm_fd(shm), &other);
    cr_assert_eq(err == 0, other != NULL);
    mproc_shm_unref(other);
    mproc_shm_unref(shm);
    return err;
}

Test(shm, trusts_nothing_of_what_it_attaches_to)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_BYTES, 3 * 4096);
    struct mproc_shm *other = NULL;
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    cr_expect_eq(mproc_shm_attach(-1, &other), -EBADF);
    cr_expect_eq(mproc_shm_attach(12345, &other), -EBADF);
    cr_expect_eq(mproc_shm_attach(socket_fd, &other), -EBADMSG);
    cr_expect_eq(mproc_shm_attach(plain, &other), -EBADMSG);
    cr_expect_eq(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    cr_expect_eq(mproc_shm_attach(plain, &other), -EBADMSG, "empty");
    cr_expect_eq(attach_changed(TYPE_AT, MPROC_SHM_UINT16, 4), 0, "not changed");
    cr_expect_eq(attach_changed(0, 1, 8), -EBADMSG, "magic");
    cr_expect_eq(attach_changed(8, 1, 4), -EBADMSG, "kind");
    cr_expect_eq(attach_changed(12, 2, 4), -EBADMSG, "controls");
    cr_expect_eq(attach_changed(16, 4096, 8), -EBADMSG, "ring");
    cr_expect_eq(attach_changed(24, 4096, 8), -EBADMSG, "large area");
    cr_expect_eq(attach_changed(32, 2, 4), -EBADMSG, "seats");
    cr_expect_eq(attach_changed(READ_ONLY_AT, 1, 4), -EBADMSG, "says it is read-only and is not sealed so");
    cr_expect_eq(attach_changed(READ_ONLY_AT, 2, 4), -EBADMSG);
    cr_expect_eq(attach_changed(40, 1 << 20, 8), -EBADMSG, "block beyond the file");
    cr_expect_eq(attach_changed(40, UINT64_MAX - 4095, 8), -EBADMSG, "overflow");
    cr_expect_eq(attach_changed(40, 12289, 8), -EBADMSG, "not whole pages");
    cr_expect_eq(attach_changed(48, 1, 8), -EXDEV, "another PID namespace");
    cr_expect_eq(attach_changed(TYPE_AT, MPROC_SHM_TYPE__COUNT, 4), -EBADMSG);
    cr_expect_eq(attach_changed(TYPE_AT, MPROC_SHM_INT64, 4), -EBADMSG, "of another size");
    cr_expect_eq(attach_changed(SIZE_AT, 0, 8), -EBADMSG);
    cr_expect_eq(attach_changed(COUNT_AT, 0, 8), -EBADMSG);
    cr_expect_eq(attach_changed(COUNT_AT, 1 << 20, 8), -EBADMSG, "more than there is");
    cr_expect_eq(attach_changed(COUNT_AT, UINT64_MAX, 8), -EBADMSG, "overflow");
    /* A hole would be filled when it is touched, or be SIGBUS. */
    cr_expect_eq(fallocate(mproc_shm_fd(shm), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096), 0);
    cr_expect_eq(mproc_shm_attach(mproc_shm_fd(shm), &other), -EBADMSG);
    cr_expect_null(other);
    close(socket_fd);
    close(plain);
    mproc_shm_unref(shm);
}

/* Two numbers that are equal whenever the block is not locked. */
static int repair_pair(void *user)
{
    int64_t *pair = user;

    pair[1] = pair[0];
    pair[2]++;
    return 0;
}

static void change_pair(void *arg)
{
    struct mproc_shm *shm = arg;
    volatile int64_t *pair;

    if (mproc_shm_view(shm, MPROC_SHM_INT64, 8, &pair, NULL) != 0 || mproc_shm_lock(shm, MPROC_FOREVER) != 0)
        _exit(1);
    pair[0]++;
    pair[1]++;
    mproc_shm_unlock(shm);
}

static void judge_pair(void *arg, long at)
{
    struct mproc_shm *shm = arg;
    volatile int64_t *pair;

    cr_assert_eq(mproc_shm_view(shm, MPROC_SHM_INT64, 8, &pair, NULL), 0);
    cr_assert_eq(mproc_shm_lock(shm, mproc_deadline_ms(2000)), 0, "instruction %ld: %s", at,
                 mproc_error_detail());
    cr_assert_eq(pair[0], pair[1], "instruction %ld", at);
    cr_assert_eq(mproc_shm_unlock(shm), 0);
}

Test(shm, survives_a_kill_at_every_instruction_of_a_change, .timeout = STEP_TIMEOUT_S)
{
    struct mproc_shm *shm = new_shm(MPROC_SHM_INT64, 3);
    int64_t *pair;

    cr_assert_eq(mproc_shm_get(shm, &pair, NULL), 0);
    cr_assert_eq(mproc_shm_unlock(shm), -EPERM);
    mproc_shm_set_repair(shm, repair_pair, pair);
    long points =
        step_sweep(&(struct step_sweep){.body = change_pair, .after = judge_pair, .arg = shm, .points = 150});
    cr_assert(pair[2] > 0 && pair[2] < points);
    mproc_shm_unref(shm);
}
