/* What tests of processes do again and again: one context, and processes of it. In the body of a CHILD_TEST.
 */
#ifndef MPROC_TEST_STARTING_H
#define MPROC_TEST_STARTING_H

#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/process.h>

#include "child.h"

static struct mproc_context *context;

static void open_context(const struct mproc_entry *entries)
{
    REQUIRE(mproc_context_open(&(struct mproc_context_options){.entries = entries}, &context) == 0);
}

static struct mproc_process *start(const char *entry, struct mproc_args *args,
                                   const struct mproc_process_options *options)
{
    struct mproc_process *process = NULL;
    int r = mproc_process_start(context, entry, args, options, &process);
    mproc_args_free(args);
    REQUIRE(r == 0);
    return process;
}

static inline struct mproc_args *with_int(int64_t value)
{
    struct mproc_args *args = NULL;
    mproc_args_new(&args);
    mproc_args_add_int(args, value);
    return args;
}

static inline struct mproc_args *with_fd(int fd)
{
    struct mproc_args *args = NULL;
    mproc_args_new(&args);
    mproc_args_add_fd(args, fd);
    return args;
}

static struct mproc_status join(struct mproc_process *process)
{
    struct mproc_status status = {0};
    REQUIRE(mproc_process_join(process, mproc_deadline_ms(20000), &status) == 0);
    return status;
}

#endif
