#include "pool_tasks.h"

TestSuite(pool_map, .timeout = 60);

CHILD_TEST(pool_map, a_death_in_a_chunk_costs_one_task)
{
    struct tally tally;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    map_numbers(&(struct mproc_map_options){.count = 60, .chunk = 20}, 9, &tally, -ECHILD);
    CHECK(tally.in_order && tally.next == 60 && tally.done == 54 && tally.died == 6);
    map_numbers(&(struct mproc_map_options){.count = 60, .chunk = 20, .retries = 2}, 2, &tally, 0);
    CHECK(tally.in_order && tally.done == 60 && tally.died == 0);
    map_numbers(&(struct mproc_map_options){.count = 60, .chunk = 7, .retries = 1, .unordered = true}, 2,
                &tally, -ECHILD);
    CHECK(tally.next == 60 && tally.done == 54 && tally.died == 6);
    struct mproc_pool_stat stat;
    CHECK(mproc_pool_get_stat(pool, &stat) == 0);
    CHECK(stat.retries == 12 + 6 && stat.deaths == 6 + 12 + 12);
    close_pool();
}

CHILD_TEST(pool_map, maps_in_order_and_out_of_order_with_any_chunk_and_window)
{
    struct tally tally;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (unsigned chunk = 0; chunk < 400; chunk += 133) {
        for (unsigned window = 0; window < 600; window += 299) {
            map_numbers(&(struct mproc_map_options){.count = 5000, .chunk = chunk, .window = window}, 0,
                        &tally, 0);
            CHECK(tally.in_order && tally.next == 5000 && tally.done == 5000);
            map_numbers(
                &(struct mproc_map_options){
                    .count = 5000, .chunk = chunk, .window = window, .unordered = true},
                0, &tally, 0);
            CHECK(tally.next == 5000 && tally.done == 5000 && tally.sum == 4999 * 5000 / 2);
        }
    }
    close_pool();
}

static int feed_strings(void *user, uint64_t index, struct mproc_args *args)
{
    static char text[40000];
    size_t len = index % 17 == 5 ? 30000 : index % 3 == 0 ? 2000 : 10;

    (void)user;
    memset(text, 'a', len);
    text[len] = '\0';
    mproc_args_add_string(args, text);
    return mproc_args_add_int(args, index % 5 == 2 ? 4 : 1);
}

static void check_string(void *user, const struct mproc_result *result)
{
    size_t len = result->index % 17 == 5 ? 30000 : result->index % 3 == 0 ? 2000 : 10;
    const char *string = "";

    CHECK(result->index == (*(uint64_t *)user)++);
    CHECK(result->outcome == MPROC_OUTCOME_DONE &&
          mproc_args_count(result->values) == (result->index % 5 == 2 ? 4 : 1));
    CHECK(mproc_args_get_string(result->values, 0, &string) == 0 && strlen(string) == len);
}

CHILD_TEST(pool_map, mixes_large_and_small_ones_in_a_map)
{
    uint64_t next = 0;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    CHECK(mproc_pool_map(pool, "repeat", feed_strings, NULL,
                         &(struct mproc_map_options){.count = 500, .chunk = 8}, check_string, &next,
                         mproc_deadline_ms(WAIT_MS)) == 0);
    CHECK(next == 500);
    close_pool();
}

static int feed_three(void *user, uint64_t index, struct mproc_args *args)
{
    if (index == 3)
        return *(int *)user;
    return mproc_args_add_uint(args, index);
}

CHILD_TEST(pool_map, a_map_ends_when_its_feed_says_so)
{
    struct mproc_result result;
    struct mproc_map *map;
    int end = MPROC_FEED_END;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    for (int i = 0; i < 2; i++, end = -EIO) {
        REQUIRE(mproc_pool_imap(pool, "square", feed_three, &end, NULL, &map) == 0);
        for (int64_t k = 0; k < 3; k++) {
            REQUIRE(mproc_map_next(map, mproc_deadline_ms(WAIT_MS), &result) == 0);
            CHECK(int_of(result.values, 0) == k * k);
        }
        CHECK(mproc_map_next(map, MPROC_FOREVER, &result) == (i ? -EIO : -ENODATA));
        CHECK(mproc_map_next(map, MPROC_FOREVER, &result) == (i ? -EIO : -ENODATA));
        mproc_map_free(map);
    }
    close_pool();
}

static int feed_for_ever(void *user, uint64_t index, struct mproc_args *args)
{
    ++*(uint64_t *)user;
    return mproc_args_add_uint(args, index % 1000);
}

/* Fails at task 101: by itself, or as a call of the library does. */
static int feed_until(void *user, uint64_t index, struct mproc_args *args)
{
    const int *error = user;

    if (index < 101)
        return mproc_args_add_uint(args, index);
    if (mproc_args_add_fd(args, 9999) != -EBADF)
        return -EXDEV;
    return *error;
}

static int feed_half(void *user, uint64_t index, struct mproc_args *args)
{
    (void)user;
    return index < 3 ? mproc_args_add_uint(args, index) : mproc_args_add_array(args, 2);
}

static void end_by_feed(mproc_feed_fn *feed_fn, int error, uint64_t tasks, const char *detail)
{
    struct mproc_result result;
    struct mproc_map *map;
    uint64_t count = 0;
    int r;

    REQUIRE(mproc_pool_imap(pool, "square", feed_fn, &error, NULL, &map) == 0);
    while ((r = mproc_map_next(map, mproc_deadline_ms(WAIT_MS), &result)) == 0)
        count++;
    CHECK(count == tasks && r == error);
    CHECK_STR(mproc_error_detail(), detail);
    CHECK(mproc_pool_get_worker(pool, 99, &(struct mproc_worker_stat){0}) == -EINVAL);
    CHECK(mproc_map_next(map, MPROC_NOW, &result) == error);
    CHECK_STR(mproc_error_detail(), detail);
    mproc_map_free(map);
}

CHILD_TEST(pool_map, tells_of_the_feed_that_failed)
{
    open_pool(&(struct mproc_pool_options){.workers = 2});
    end_by_feed(feed_until, -EIO, 101, "the feed returned -5 at task 101: Input/output error");
    end_by_feed(feed_until, -EBADF, 101,
                "the feed returned -9 at task 101: descriptor 9999 cannot be passed: Bad file descriptor");
    end_by_feed(feed_half, -EINVAL, 3,
                "task 3 of the map: the last argument is an array that wants 2 more values");
    close_pool();
}

CHILD_TEST(pool_map, a_map_without_an_end_is_fed_as_it_is_taken)
{
    struct mproc_result result;
    struct mproc_map *map;
    uint64_t fed = 0;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    REQUIRE(mproc_pool_imap(pool, "square", feed_for_ever, &fed, &(struct mproc_map_options){.window = 10},
                            &map) == 0);
    CHECK(fed == 0);
    for (uint64_t i = 0; i < 500; i++) {
        REQUIRE(mproc_map_next(map, mproc_deadline_ms(WAIT_MS), &result) == 0);
        CHECK(result.index == i && fed <= i + 10);
    }
    mproc_map_free(map);
    close_pool();
}

struct progress {
    uint64_t last, calls;
};

static void note_progress(void *user, uint64_t finished, uint64_t count)
{
    struct progress *progress = user;

    CHECK(count == 200 && finished > progress->last && finished <= 200);
    progress->last = finished;
    progress->calls++;
}

CHILD_TEST(pool_map, progress_is_told)
{
    struct progress progress = {0};
    struct tally tally;

    open_pool(&(struct mproc_pool_options){.workers = 2});
    map_numbers(
        &(struct mproc_map_options){.count = 200, .chunk = 5, .progress = note_progress, .user = &progress},
        0, &tally, 0);
    CHECK(progress.last == 200 && progress.calls >= 1);
    close_pool();
}
