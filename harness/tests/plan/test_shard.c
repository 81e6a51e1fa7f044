/* Which part of a plan is ours: the words of --shard, and the variables of engines as they set them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan/shard.h"

TestSuite(shard, .timeout = 10);

/* The environment of a job: "NAME=VALUE" in one string, with blanks between. */
static const char *environment;

static char *get(const char *name)
{
    static char value[64];
    size_t length = strlen(name);
    for (const char *at = environment; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + length + 1, " "), at + length + 1);
            return value;
        }
    return NULL;
}

struct good {
    const char *text, *environment;
    size_t index, count;
};

static void expect_good(const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pf_shard shard = {0};
        struct pf_error error = {""};
        environment = cases[i].environment;
        cr_expect_eq(pf_shard_parse(cases[i].text, get, &shard, &error), 0, "%s, %s: %s", cases[i].text,
                     environment, error.message);
        cr_expect_eq(shard.index, cases[i].index, "%s, %s: %zu", cases[i].text, environment, shard.index);
        cr_expect_eq(shard.count, cases[i].count, "%s, %s: %zu", cases[i].text, environment, shard.count);
    }
}

struct bad {
    const char *text, *environment, *message; /* the beginning of the message */
};

static void expect_bad(const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pf_shard shard = {.index = 7, .count = 8};
        struct pf_error error = {""};
        environment = cases[i].environment;
        cr_expect_eq(pf_shard_parse(cases[i].text, get, &shard, &error), -EINVAL, "%s, %s", cases[i].text,
                     environment);
        cr_expect_eq(strncmp(error.message, cases[i].message, strlen(cases[i].message)), 0, "%s, %s: %s",
                     cases[i].text, environment, error.message);
        cr_expect_eq(shard.index, 7, "untouched");
    }
}

#define EXPECT(outcome, cases) expect_##outcome(cases, sizeof(cases) / sizeof((cases)[0]))

Test(shard, said)
{
    /* What is said counts, whatever the variables are. */
    static const struct good cases[] = {
        {"1/1", "", 1, 1},
        {"1/4", "TEST_SHARD_INDEX=2 TEST_TOTAL_SHARDS=3", 1, 4},
        {"4/4", "CI_NODE_INDEX=x", 4, 4},
        {"1000000/1000000", "", 1000000, 1000000},
    };
    EXPECT(good, cases);
}

Test(shard, said_wrongly)
{
    static const struct bad cases[] = {
        {"", "", "shard, column 1: expected I/N (1/4 is the first of four), or auto, here, not the end"},
        {"0/4", "", "shard, column 1: expected I/N"},
        {"5/4", "", "shard, column 1: expected a shard that there is here, not \"5\"\n  5/4\n  ^"},
        {"-1/4", "", "shard, column 1: expected I/N"},
        {"2", "", "shard, column 2: expected \"/\" and how many shards there are (1/4) here, not the end"},
        {"2/", "", "shard, column 3: expected how many shards there are"},
        {"2/0", "", "shard, column 3: expected how many shards there are"},
        {"2/1000001", "", "shard, column 3: expected how many shards there are"},
        {"1/4x", "", "shard, column 3: expected how many shards there are"},
        {"1/4/4", "", "shard, column 3: expected how many shards there are"},
        {"automatic", "", "shard, column 1: expected I/N"},
        {"auto/", "", "shard, column 6: expected how many shards there are"},
        {"auto/x", "", "shard, column 6: expected how many shards there are"},
        {"18446744073709551617/4", "", "shard, column 1: expected I/N"},
    };
    EXPECT(bad, cases);
}

Test(shard, engines)
{
    static const struct good cases[] = {
        {"auto", "TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=5", 1, 5},
        {"auto", "TEST_SHARD_INDEX=4 TEST_TOTAL_SHARDS=5", 5, 5},
        {"auto/4", "JOB_COMPLETION_INDEX=0", 1, 4},
        {"auto/4", "JOB_COMPLETION_INDEX=3", 4, 4},
        {"auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=3", 1, 3},
        {"auto", "CI_NODE_INDEX=3 CI_NODE_TOTAL=3", 3, 3},
        {"auto/3", "CI_NODE_INDEX=3 CI_NODE_TOTAL=3", 3, 3},
        {"auto", "CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2", 2, 2},
        {"auto", "BUILDKITE_PARALLEL_JOB=0 BUILDKITE_PARALLEL_JOB_COUNT=2", 1, 2},
        /* --array=1-4, --array=0-3 */
        {"auto",
         "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4", 3,
         4},
        {"auto",
         "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3", 4,
         4},
        /* A job of GitLab without `parallel`, and of CircleCI without `parallelism`. */
        {"auto", "CI_NODE_TOTAL=1", 1, 1},
        {"auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=1", 1, 1},
        /* An empty variable is none. */
        {"auto", "TEST_SHARD_INDEX= TEST_TOTAL_SHARDS= CI_NODE_INDEX=2 CI_NODE_TOTAL=3", 2, 3},
    };
    EXPECT(good, cases);
}

/* Jobs within jobs see the variables of both. */
Test(shard, engines_within_each_other)
{
    static const struct good good[] = {
        {"auto", "CI_NODE_TOTAL=1 TEST_SHARD_INDEX=1 TEST_TOTAL_SHARDS=2", 2, 2},
        {"auto", "CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2 TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=1", 2, 2},
        {"auto/2", "CI_NODE_TOTAL=1 JOB_COMPLETION_INDEX=1", 2, 2},
        {"auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=3 TEST_SHARD_INDEX=1 TEST_TOTAL_SHARDS=3", 2, 3},
    };
    EXPECT(good, good);
    static const struct bad bad[] = {
        {"auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=3 TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=2",
         "TEST_SHARD_INDEX says 1 of 2 (Bazel), and CI_NODE_INDEX 2 of 3 (GitLab): say --shard I/N"},
    };
    EXPECT(bad, bad);
}

Test(shard, variables_that_make_no_sense)
{
    static const struct bad cases[] = {
        {"auto", "",
         "no variable says which shard this is (TEST_SHARD_INDEX, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, "
         "CI_NODE_INDEX, CIRCLE_NODE_INDEX, BUILDKITE_PARALLEL_JOB): say --shard I/N"},
        {"auto/4", "", "no variable says which shard this is"},
        {"auto", "TEST_SHARD_INDEX=x TEST_TOTAL_SHARDS=2",
         "TEST_SHARD_INDEX is \"x\", where a whole number from 0 to 1000000 was expected"},
        {"auto", "TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=0",
         "TEST_TOTAL_SHARDS is \"0\", where a whole number from 1 to 1000000 was expected"},
        {"auto", "TEST_SHARD_INDEX=-1 TEST_TOTAL_SHARDS=2", "TEST_SHARD_INDEX is \"-1\""},
        {"auto", "TEST_SHARD_INDEX=2 TEST_TOTAL_SHARDS=2",
         "TEST_SHARD_INDEX is 2, where 0 to 1 was expected: there are 2 (TEST_TOTAL_SHARDS)"},
        {"auto", "CI_NODE_INDEX=0 CI_NODE_TOTAL=2", "CI_NODE_INDEX is 0, where 1 to 2 was expected"},
        {"auto", "CI_NODE_TOTAL=2", "CI_NODE_TOTAL is 2, but CI_NODE_INDEX is not set"},
        {"auto", "TEST_SHARD_INDEX=0", "TEST_SHARD_INDEX says which shard this is, but nothing how many"},
        {"auto", "JOB_COMPLETION_INDEX=0",
         "JOB_COMPLETION_INDEX says which shard this is, but nothing how many there are: say --shard auto/N"},
        {"auto/2", "JOB_COMPLETION_INDEX=2",
         "JOB_COMPLETION_INDEX is 2, where 0 to 1 was expected: there are 2 (--shard)"},
        {"auto/4", "CI_NODE_INDEX=1 CI_NODE_TOTAL=3", "CI_NODE_TOTAL is 3, and --shard says 4"},
        /* --array=3: one task of an array, submitted again; --array=1,3,4 */
        {"auto",
         "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3",
         "the ids go from 3 (SLURM_ARRAY_TASK_MIN) to 3 (SLURM_ARRAY_TASK_MAX), and there are 1 "
         "(SLURM_ARRAY_TASK_COUNT): neither 1 to N nor 0 to N-1"},
        {"auto",
         "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4",
         "the ids go from 1"},
        {"auto", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=1",
         "SLURM_ARRAY_TASK_ID is set, but SLURM_ARRAY_TASK_MAX is not"},
    };
    EXPECT(bad, cases);
}

Test(shard, bazel_wants_to_be_told)
{
    struct pf_shard shard;
    environment = "TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=2 TEST_SHARD_STATUS_FILE=/some/where";
    cr_assert_eq(pf_shard_parse("auto", get, &shard, NULL), 0);
    cr_assert_str_eq(shard.status_file, "/some/where");
    cr_assert_eq(pf_shard_parse("1/2", get, &shard, NULL), 0);
    cr_assert_null(shard.status_file, "its variables were not heeded");
}

/* Each trial is in one shard, and no shard has two more than another. */
Test(shard, deals_fairly)
{
    for (size_t trials = 0; trials < 40; trials++)
        for (size_t count = 1; count < 12; count++) {
            size_t all = 0;
            for (size_t index = 1; index <= count; index++) {
                struct pf_shard shard = {.index = index, .count = count};
                size_t own = 0;
                for (size_t k = 0; k < trials; k++)
                    own += pf_shard_has(&shard, k);
                cr_assert(own == trials / count || own == trials / count + 1);
                all += own;
            }
            cr_assert_eq(all, trials);
        }
    struct pf_shard all = PF_SHARD_ALL;
    cr_assert(pf_shard_has(&all, 0) && pf_shard_has(&all, 7));
}
