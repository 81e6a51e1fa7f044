/* What tests of managers do again and again: one manager, and numbers as values. In the body of a CHILD_TEST.
 */
#ifndef MPROC_TEST_MANAGING_H
#define MPROC_TEST_MANAGING_H

#include <errno.h>
#include <stdint.h>

#include <mproc/args.h>
#include <mproc/manager.h>

#include "starting.h"

enum { WAIT_MS = 20000 };

static struct mproc_manager *manager;
static unsigned fds;

static inline uint64_t soon(void)
{
    return mproc_deadline_ms(WAIT_MS);
}

static inline void open_manager(const struct mproc_entry *entries,
                                const struct mproc_manager_options *options)
{
    fds = child_count_fds();
    open_context(entries);
    REQUIRE(mproc_manager_start(context, options, &manager) == 0);
}

/* Nothing is left: no server, no descriptor. */
static inline void close_manager(void)
{
    CHECK(mproc_manager_stop(manager, soon()) == 0);
    mproc_manager_unref(manager);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
    CHECK(child_count_fds() == fds);
}

static inline struct mproc_shared *open_shared(enum mproc_shared_kind kind, const char *name)
{
    struct mproc_shared *shared = NULL;

    REQUIRE(mproc_shared_open(manager, &(struct mproc_shared_options){.kind = kind, .name = name}, soon(),
                              &shared) == 0);
    return shared;
}

static inline struct mproc_args *values_of(int64_t number)
{
    struct mproc_args *values = NULL;

    REQUIRE(mproc_args_new(&values) == 0);
    mproc_args_add_int(values, number);
    return values;
}

static inline int set(struct mproc_shared *dict, const char *key, int64_t number)
{
    struct mproc_args *values = values_of(number);
    int r = mproc_shared_dict_set(dict, key, values, soon());

    mproc_args_free(values);
    return r;
}

static inline int append(struct mproc_shared *list, int64_t number)
{
    struct mproc_args *values = values_of(number);
    int r = mproc_shared_list_append(list, values, soon());

    mproc_args_free(values);
    return r;
}

static inline int put(struct mproc_shared *queue, int64_t number, uint64_t deadline_ns)
{
    struct mproc_args *values = values_of(number);
    int r = mproc_shared_queue_put(queue, values, deadline_ns);

    mproc_args_free(values);
    return r;
}

/* The number that values are, or INT64_MIN after an error. Ends them. */
static inline int64_t number_of(int r, struct mproc_args *values)
{
    int64_t number = INT64_MIN;

    if (r)
        return number;
    CHECK(mproc_args_count(values) == 1 && mproc_args_get_int(values, 0, &number) == 0);
    mproc_args_free(values);
    return number;
}

static inline int64_t get(struct mproc_shared *dict, const char *key)
{
    struct mproc_args *values = NULL;
    int r = mproc_shared_dict_get(dict, key, soon(), &values);

    return number_of(r, values);
}

static inline int64_t at(struct mproc_shared *list, int64_t index)
{
    struct mproc_args *values = NULL;
    int r = mproc_shared_list_get(list, index, soon(), &values);

    return number_of(r, values);
}

static inline int64_t take(struct mproc_shared *queue, uint64_t deadline_ns)
{
    struct mproc_args *values = NULL;
    int r = mproc_shared_queue_get(queue, deadline_ns, &values);

    return number_of(r, values);
}

static inline struct mproc_args *with_shared(struct mproc_shared *shared)
{
    struct mproc_args *args = NULL;

    REQUIRE(mproc_args_new(&args) == 0 && mproc_args_add_shared(args, shared) == 0);
    return args;
}

#endif
