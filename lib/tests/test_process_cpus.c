/* The CPUs that a process is given. A constructor opens the context where this program is run anew. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/pool.h>

#include "starting.h"

TestSuite(process_cpus, .timeout = 60);

static int first_of(const cpu_set_t *set)
{
    int cpu = 0;

    while (!CPU_ISSET((size_t)cpu, set))
        cpu++;
    return cpu;
}

/* How many CPUs a process may run on, and which is the first, as one number. */
static int told(const cpu_set_t *set)
{
    return 10000 * CPU_COUNT(set) + first_of(set);
}

static int tell(struct mproc_args *args)
{
    cpu_set_t set;

    (void)args;
    return sched_getaffinity(0, sizeof(set), &set) ? -errno : told(&set);
}

static int tell_as_result(struct mproc_args *args)
{
    return mproc_args_add_int(mproc_task_result(), tell(args));
}

static const struct mproc_entry entries[] = {{"tell", tell}, {"task", tell_as_result}, {NULL, NULL}};

__attribute__((constructor)) static void take_up(void)
{
    struct mproc_context *ignored;

    if (!getenv("MPROC_SPAWN"))
        return;
    mproc_context_open(&(struct mproc_context_options){.entries = entries}, &ignored);
    _exit(4);
}

static int result_of(const struct mproc_process_options *options)
{
    struct mproc_process *process = start("tell", NULL, options);
    int result = join(process).result;

    mproc_process_free(process);
    return result;
}

CHILD_TEST(process_cpus, a_process_runs_on_those_that_it_was_given)
{
    cpu_set_t all;

    open_context(entries);
    REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
    for (int method = 0; method < MPROC_START__COUNT; method++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            const int twice[] = {cpu, cpu};
            if (CPU_ISSET((size_t)cpu, &all))
                CHECK(result_of(&(struct mproc_process_options){.method = (enum mproc_start_method)method,
                                                                .cpus = twice,
                                                                .ncpus = 2}) == 10000 + cpu);
        }
    }
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_cpus, others_have_what_the_owner_had_and_a_fork_what_its_caller_has)
{
    cpu_set_t all, one;

    REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
    open_context(entries);
    CPU_ZERO(&one);
    CPU_SET((size_t)first_of(&all), &one);
    REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
    CHECK(result_of(&(struct mproc_process_options){.method = MPROC_START_FORKSERVER}) == told(&all));
    CHECK(result_of(&(struct mproc_process_options){.method = MPROC_START_SPAWN}) == told(&all));
    CHECK(result_of(&(struct mproc_process_options){.method = MPROC_START_FORK}) == told(&one));
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

static int error_of(enum mproc_start_method method, const int *cpus, size_t ncpus)
{
    struct mproc_process *process = NULL;
    int r = mproc_process_start(
        context, "tell", NULL,
        &(struct mproc_process_options){.method = method, .cpus = cpus, .ncpus = ncpus}, &process);

    CHECK(process == NULL);
    return r;
}

/* A number that has a bit in the kernel's sets, if any has, and no CPU; the kernel passes over it. */
static int find_none(void)
{
    char path[64];
    int cpu = 0;

    do
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", ++cpu);
    while (access(path, F_OK) == 0);
    return cpu;
}

CHILD_TEST(process_cpus, one_that_it_cannot_run_on_is_an_error_of_the_start)
{
    cpu_set_t all;
    char number[16];

    REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
    const int none = find_none(), first = first_of(&all);
    snprintf(number, sizeof(number), " %d:", none);
    open_context(entries);
    for (int method = 0; method < MPROC_START__COUNT; method++) {
        enum mproc_start_method by = (enum mproc_start_method)method;
        CHECK(error_of(by, NULL, 1) == -EINVAL && strstr(mproc_error_detail(), "1 CPUs at NULL"));
        CHECK(error_of(by, (int[]){first, -1}, 2) == -EINVAL);
        CHECK_STR(mproc_error_detail(), "cpus[1] is -1: this system has no such CPU");
        CHECK(error_of(by, (int[]){1000000}, 1) == -EINVAL);
        CHECK_STR(mproc_error_detail(), "cpus[0] is 1000000: this system has no such CPU");
        CHECK(error_of(by, &none, 1) == -EINVAL && strstr(mproc_error_detail(), number));
        CHECK(error_of(by, (int[]){first, none}, 2) == -EINVAL && strstr(mproc_error_detail(), number));
    }
    if (none < 64) /* a word of the kernel's */
        CHECK(strstr(mproc_error_detail(), "setting its CPUs: it cannot run on CPU"));
    CHECK(mproc_process_active(context, NULL, 0) == 0);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(process_cpus, workers_of_a_pool_have_those_of_its_processes)
{
    cpu_set_t all;
    struct mproc_args *values = NULL;
    struct mproc_pool *pool = NULL;
    int64_t number = 0;

    REQUIRE(sched_getaffinity(0, sizeof(all), &all) == 0);
    const int first = first_of(&all);
    const struct mproc_process_options one = {.cpus = &first, .ncpus = 1};
    open_context(entries);
    REQUIRE(mproc_pool_create(context, &(struct mproc_pool_options){.workers = 1, .process = &one}, &pool) ==
            0);
    CHECK(mproc_pool_apply(pool, "task", NULL, NULL, mproc_deadline_ms(20000), &values) == 0);
    CHECK(mproc_args_get_int(values, 0, &number) == 0 && number == 10000 + first);
    mproc_args_free(values);
    mproc_pool_free(pool);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}
