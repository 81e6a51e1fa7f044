/*
 * Counts the primes below 40,000. Two workers try the numbers, as many at a
 * time as is worth a hand-over.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <mproc/context.h>
#include <mproc/error.h>
#include <mproc/pool.h>

#define WORKERS 2
#define NUMBERS 40000

static bool is_prime(uint64_t number)
{
    for (uint64_t divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0)
            return false;
    return number > 1;
}

static int try_number(struct mproc_args *args)
{
    uint64_t number;
    int err = mproc_args_get_uint(args, 0, &number);
    return err ? err
               : mproc_args_add_bool(mproc_task_result(), is_prime(number));
}

static int next_number(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    return mproc_args_add_uint(args, index);
}

static void count(void *user, const struct mproc_result *result)
{
    bool prime = false;
    int *primes = user;
    if (result->outcome == MPROC_OUTCOME_DONE)
        mproc_args_get_bool(result->values, 0, &prime);
    *primes += prime;
}

/* How many tasks go into one hand-over is the pool's business: it measures how
 * long they take. */
static int count_primes(struct mproc_pool *pool, int *ret_primes)
{
    struct mproc_map_options options = {.count = NUMBERS};
    int err = mproc_pool_map(pool, "try", next_number, NULL, &options, count,
                             ret_primes, mproc_deadline_ms(10000));
    if (!err)
        err = mproc_pool_close(pool);
    return err ? err : mproc_pool_join(pool, mproc_deadline_ms(1000));
}

int main(void)
{
    static const struct mproc_entry entries[] = {{"try", try_number},
                                                 {NULL, NULL}};
    struct mproc_context *context = NULL;
    struct mproc_pool *pool = NULL;
    int primes = 0,
        err = mproc_context_open(
            &(struct mproc_context_options){.entries = entries}, &context);
    if (!err)
        err = mproc_pool_create(
            context, &(struct mproc_pool_options){.workers = WORKERS}, &pool);
    if (!err)
        err = count_primes(pool, &primes);
    if (err)
        fprintf(stderr, "%s: %s\n", mproc_strerror(err), mproc_error_detail());
    else
        printf("%d primes\n", primes);
    mproc_pool_free(pool);
    mproc_context_close(context, mproc_deadline_ms(1000));
    return err || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
