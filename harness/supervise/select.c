#include "supervise/select.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/signature.h"

static int by_number(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

static bool names_call(const struct pf_trigger *trigger, int call)
{
    return bsearch(&call, trigger->calls, trigger->call_count, sizeof(call), by_number) != NULL;
}

/* An int fills half of a register, and what is in the other half is nobody's business: -100 is written both
 * ways. */
static bool holds_signed(const struct pf_test *test, uint64_t argument)
{
    int64_t value = (int64_t)test->value;
    int64_t given = argument <= UINT32_MAX ? (int32_t)argument : (int64_t)argument;
    switch (test->kind) {
    case PF_TEST_EQUAL:
        return given == value;
    case PF_TEST_DIFFERENT:
        return given != value;
    case PF_TEST_LESS:
        return given < value;
    case PF_TEST_MORE:
        return given > value;
    default:
        return given & value;
    }
}

static bool holds(const struct pf_test *test, uint64_t argument)
{
    if (test->negative)
        return holds_signed(test, argument);
    switch (test->kind) {
    case PF_TEST_EQUAL:
        return argument == test->value;
    case PF_TEST_DIFFERENT:
        return argument != test->value;
    case PF_TEST_LESS:
        return argument < test->value;
    case PF_TEST_MORE:
        return argument > test->value;
    default:
        return argument & test->value;
    }
}

/* Numbers of the kernel's devices.txt. */
static bool is_terminal(const struct stat *status)
{
    enum { VIRTUAL_CONSOLES = 4, OTHER_CONSOLES = 5, PTS_FIRST = 136, PTS_LAST = 143 };
    unsigned number = major(status->st_rdev);
    return S_ISCHR(status->st_mode) && (number == VIRTUAL_CONSOLES || number == OTHER_CONSOLES ||
                                        (number >= PTS_FIRST && number <= PTS_LAST));
}

static bool is_kind(enum pf_fd_kind kind, const struct stat *status)
{
    switch (kind) {
    case PF_FD_PIPE:
        return S_ISFIFO(status->st_mode);
    case PF_FD_SOCKET:
        return S_ISSOCK(status->st_mode);
    case PF_FD_FILE:
        return S_ISREG(status->st_mode);
    case PF_FD_TTY:
        return is_terminal(status);
    default:
        return false;
    }
}

static bool is_fd(const struct pf_trigger *trigger, pid_t tid, int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)tid, fd);
    if (trigger->fd != PF_FD_PATH) {
        struct stat status;
        return stat(link, &status) == 0 && is_kind(trigger->fd, &status);
    }
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0)
        return false;
    path[length] = '\0';
    return fnmatch(trigger->fd_path, path, 0) == 0;
}

static bool has_fd(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence)
{
    struct pf_signature signature = pf_signature_of(occurrence->call->number);
    for (unsigned i = 0; i < PF_CALL_ARGUMENTS; i++)
        if ((signature.fds >> i & 1) && (int)occurrence->call->arguments[i] >= 0 &&
            is_fd(trigger, occurrence->task->tid, (int)occurrence->call->arguments[i]))
            return true;
    return false;
}

static bool suits_call(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence)
{
    if (!names_call(trigger, occurrence->call->number))
        return false;
    for (size_t i = 0; i < trigger->test_count; i++)
        if (!holds(&trigger->tests[i], occurrence->call->arguments[trigger->tests[i].argument - 1]))
            return false;
    return trigger->fd == PF_FD_ANY || has_fd(trigger, occurrence);
}

bool pf_select_by_thread(const struct pf_trigger *trigger)
{
    return trigger->proc && strchr(trigger->proc, '/');
}

/* A main thread has the address of its process; /t0 names it without the others. */
static bool suits_thread(const char *pattern, const char *address)
{
    static const char suffix[] = "/t0";
    size_t length = strlen(pattern), tail = strlen(suffix);
    if (strchr(address, '/'))
        return fnmatch(pattern, address, 0) == 0;
    if (length <= tail || strcmp(pattern + length - tail, suffix) != 0)
        return false;
    char process[length - tail + 1];
    memcpy(process, pattern, length - tail);
    process[length - tail] = '\0';
    return fnmatch(process, address, 0) == 0;
}

/* What a thread does is done by its process too; but its birth and its end are its own. */
static bool suits_address(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence)
{
    bool by_thread = pf_select_by_thread(trigger);
    if (occurrence->of_thread && !by_thread)
        return false;
    if (!trigger->proc)
        return true;
    if (by_thread && occurrence->task)
        return suits_thread(trigger->proc, occurrence->task->address);
    return fnmatch(trigger->proc, occurrence->process->address, 0) == 0;
}

bool pf_select_matches(const struct pf_trigger *trigger, const struct pf_occurrence *occurrence)
{
    if (trigger->kind != occurrence->kind || !suits_address(trigger, occurrence))
        return false;
    if (trigger->kind == PF_TRIGGER_STEP)
        return trigger == occurrence->trigger;
    if (trigger->kind == PF_TRIGGER_SYSCALL)
        return suits_call(trigger, occurrence);
    return trigger->kind != PF_TRIGGER_POINT || strcmp(trigger->point, occurrence->point) == 0;
}

bool pf_select_is_due(const struct pf_trigger *trigger, uint64_t count)
{
    uint64_t first = trigger->first ? trigger->first : 1;
    if (count < first || (trigger->last && count > trigger->last))
        return false;
    return count == first || (trigger->step && (count - first) % trigger->step == 0);
}

/* The finaliser of splitmix64: every bit of the input changes half the bits of the output. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

bool pf_select_by_chance(const struct pf_trigger *trigger, uint64_t seed, size_t fault, const char *address,
                         uint64_t count)
{
    static const double two_to_64 = 18446744073709551616.0;
    if (trigger->chance <= 0)
        return true;
    uint64_t hash = mix(seed + 0x9e3779b97f4a7c15ULL);
    hash = mix(hash ^ fault);
    for (; *address; address++)
        hash = mix(hash ^ (unsigned char)*address);
    return (double)mix(hash ^ count) < trigger->chance * two_to_64;
}
