#include <limits.h>
#include <sys/resource.h>

#include <mproc/queue.h>

#include "managing.h"

static int use_manager(struct mproc_args *args)
{
    if (mproc_args_get_manager(args, 0, &manager))
        return 1;
    struct mproc_shared *dict = NULL;
    const struct mproc_shared_options options = {.kind = MPROC_SHARED_DICT, .name = "table"};
    if (mproc_shared_open(manager, &options, soon(), &dict) || set(dict, "from", getpid()))
        return 2;
    mproc_shared_unref(dict);
    mproc_manager_unref(manager);
    return 0;
}

static const struct mproc_entry entries[] = {{"use_manager", use_manager}, {NULL, NULL}};

TestSuite(manager, .timeout = 60);

/* However many descriptors are left: what is short is named. */
CHILD_TEST(manager, says_what_is_short_when_it_cannot_be_started)
{
    struct rlimit limit;
    int r = -EMFILE, rounds = 0;

    open_context(entries);
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    for (; r == -EMFILE && rounds < 20; rounds++) {
        const struct rlimit few = {(rlim_t)(next + rounds), limit.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
        r = mproc_manager_start(context, NULL, &manager);
        CHECK(r == 0 || r == -EMFILE);
        CHECK(r == 0 || strstr(mproc_error_detail(), "Too many open files") ||
              strstr(mproc_error_detail(), "RLIMIT_NOFILE"));
    }
    CHECK(r == 0 && rounds > 4);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(mproc_manager_stop(manager, soon()) == 0);
    mproc_manager_unref(manager);
    CHECK(mproc_context_close(context, MPROC_NOW) == 0);
}

CHILD_TEST(manager, keeps_a_dictionary)
{
    struct mproc_args *values = NULL;
    uint64_t size = 0;
    const char *key;

    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    CHECK(mproc_shared_kind(dict) == MPROC_SHARED_DICT);
    CHECK(set(dict, "b", 2) == 0 && set(dict, "a", 1) == 0 && set(dict, "b", 3) == 0);
    CHECK(get(dict, "a") == 1 && get(dict, "b") == 3);
    CHECK(mproc_shared_dict_get(dict, "c", soon(), &values) == -ENODATA);
    CHECK_STR(mproc_error_detail(), "the dictionary '' has nothing for the key 'c'");
    CHECK(mproc_shared_size(dict, soon(), &size) == 0 && size == 2);
    CHECK(mproc_shared_dict_insert(dict, "a", NULL, soon()) == -EEXIST && get(dict, "a") == 1);
    CHECK(mproc_shared_dict_insert(dict, "", NULL, soon()) == 0);
    CHECK(mproc_shared_dict_get(dict, "", soon(), &values) == 0 && mproc_args_count(values) == 0);
    mproc_args_free(values);
    REQUIRE(mproc_shared_dict_keys(dict, soon(), &values) == 0);
    CHECK(mproc_args_count(values) == 3);
    CHECK(mproc_args_get_string(values, 2, &key) == 0 && strcmp(key, "b") == 0);
    mproc_args_free(values);
    CHECK(mproc_shared_dict_pop(dict, "b", soon(), &values) == 0 && number_of(0, values) == 3);
    CHECK(mproc_shared_dict_pop(dict, "b", soon(), NULL) == -ENODATA);
    CHECK(mproc_shared_clear(dict, soon()) == 0);
    CHECK(mproc_shared_size(dict, soon(), &size) == 0 && size == 0);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager, a_proxy_is_there_until_its_last_reference_is_given_back)
{
    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    CHECK(mproc_shared_ref(dict) == dict);
    mproc_shared_unref(dict);
    CHECK(set(dict, "a", 1) == 0 && get(dict, "a") == 1);
    mproc_shared_unref(dict);
    CHECK(set(dict, "a", 2) == -EBADF);
    close_manager();
}

CHILD_TEST(manager, gives_all_items_as_of_one_moment)
{
    struct mproc_args *items = NULL;
    const struct mproc_value *map;
    int64_t number = 0;

    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    REQUIRE(mproc_shared_dict_items(dict, soon(), &items) == 0);
    CHECK(mproc_value_count(mproc_args_value(items, 0)) == 0);
    mproc_args_free(items);
    CHECK(set(dict, "one", 1) == 0 && set(dict, "two", 2) == 0);
    CHECK(mproc_shared_dict_set(dict, "none", NULL, soon()) == 0);
    REQUIRE(mproc_shared_dict_items(dict, soon(), &items) == 0);
    map = mproc_args_value(items, 0);
    CHECK(mproc_value_count(map) == 3);
    CHECK(mproc_value_count(mproc_value_find(map, "none")) == 0);
    CHECK(mproc_value_int(mproc_value_item(mproc_value_find(map, "two"), 0), &number) == 0 && number == 2);
    mproc_args_free(items);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager, adds_in_one_step)
{
    int64_t value = 0;

    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    CHECK(mproc_shared_dict_add(dict, "n", 5, soon(), &value) == 0 && value == 5);
    CHECK(mproc_shared_dict_add(dict, "n", -7, soon(), &value) == 0 && value == -2);
    CHECK(get(dict, "n") == -2);
    CHECK(mproc_shared_dict_set(dict, "text", NULL, soon()) == 0);
    CHECK(mproc_shared_dict_add(dict, "text", 1, soon(), &value) == -EINVAL);
    CHECK(set(dict, "n", INT64_MAX) == 0);
    CHECK(mproc_shared_dict_add(dict, "n", 1, soon(), &value) == -ERANGE && get(dict, "n") == INT64_MAX);
    mproc_shared_unref(dict);
    struct mproc_shared *counter = open_shared(MPROC_SHARED_COUNTER, NULL);
    CHECK(mproc_shared_counter_add(counter, 3, soon(), &value) == 0 && value == 3);
    CHECK(mproc_shared_counter_set(counter, INT64_MIN, soon(), &value) == 0 && value == 3);
    CHECK(mproc_shared_counter_add(counter, -1, soon(), &value) == -ERANGE);
    CHECK(mproc_shared_counter_add(counter, 0, soon(), &value) == 0 && value == INT64_MIN);
    mproc_shared_unref(counter);
    close_manager();
}

CHILD_TEST(manager, keeps_a_list)
{
    struct mproc_args *values = NULL;
    uint64_t size = 0;
    int64_t number = 0;

    open_manager(entries, NULL);
    struct mproc_shared *list = open_shared(MPROC_SHARED_LIST, NULL);
    for (int i = 0; i < 20; i++)
        CHECK(append(list, i) == 0);
    CHECK(at(list, 0) == 0 && at(list, 19) == 19 && at(list, -1) == 19 && at(list, -20) == 0);
    CHECK(mproc_shared_list_get(list, 20, soon(), &values) == -ERANGE);
    CHECK_STR(mproc_error_detail(), "there is no place 20 in a list of 20");
    CHECK(mproc_shared_list_get(list, -21, soon(), &values) == -ERANGE);
    for (int i = 0; i < 15; i++) {
        CHECK(mproc_shared_list_pop(list, 0, soon(), &values) == 0);
        CHECK(number_of(0, values) == i);
    }
    values = values_of(100);
    CHECK(mproc_shared_list_insert(list, 0, values, soon()) == 0 &&
          mproc_shared_list_insert(list, 2, values, soon()) == 0);
    CHECK(mproc_shared_list_insert(list, 7, values, soon()) == 0);
    CHECK(mproc_shared_list_insert(list, 9, values, soon()) == -ERANGE);
    CHECK(mproc_shared_list_set(list, -2, values, soon()) == 0);
    mproc_args_free(values);
    static const int64_t expected[] = {100, 15, 100, 16, 17, 18, 100, 100};
    REQUIRE(mproc_shared_list_items(list, soon(), &values) == 0);
    CHECK(mproc_args_count(values) == 8);
    for (size_t i = 0; i < 8; i++) {
        CHECK(mproc_value_int(mproc_value_item(mproc_args_value(values, i), 0), &number) == 0);
        CHECK(number == expected[i]);
    }
    mproc_args_free(values);
    CHECK(mproc_shared_list_pop(list, 3, soon(), NULL) == 0 && at(list, 3) == 17);
    CHECK(mproc_shared_size(list, soon(), &size) == 0 && size == 7);
    mproc_shared_unref(list);
    close_manager();
}

CHILD_TEST(manager, keeps_a_namespace_of_names)
{
    open_manager(entries, NULL);
    struct mproc_shared *space = open_shared(MPROC_SHARED_NAMESPACE, "settings");
    CHECK(set(space, "_width2", 80) == 0 && get(space, "_width2") == 80);
    CHECK(set(space, "2width", 80) == -EINVAL && set(space, "", 1) == -EINVAL &&
          set(space, "a-b", 1) == -EINVAL);
    CHECK_STR(mproc_error_detail(), "'a-b' is no name: a namespace has letters, digits and underscores");
    mproc_shared_unref(space);
    close_manager();
}

CHILD_TEST(manager, finds_objects_by_kind_and_name)
{
    struct mproc_manager_stat stat;

    open_manager(entries, &(struct mproc_manager_options){.name = "keeper of tables"});
    CHECK(mproc_manager_pid(manager) > 0);
    struct mproc_shared *one = open_shared(MPROC_SHARED_DICT, "table");
    struct mproc_shared *same = open_shared(MPROC_SHARED_DICT, "table");
    struct mproc_shared *list = open_shared(MPROC_SHARED_LIST, "table");
    CHECK(set(one, "a", 1) == 0 && get(same, "a") == 1 && append(list, 2) == 0);
    CHECK(mproc_manager_get_stat(manager, soon(), &stat) == 0);
    CHECK(stat.objects == 2 && stat.clients == 1 && stat.bytes > 100);
    struct mproc_args *args = NULL;
    REQUIRE(mproc_args_new(&args) == 0 && mproc_args_add_manager(args, manager) == 0);
    struct mproc_process *process = start("use_manager", args, NULL);
    CHECK(join(process).code == 0 && get(one, "from") == mproc_process_pid(process));
    mproc_process_free(process);
    /* Removed for all; the name is free for another one. */
    CHECK(mproc_shared_remove(same, soon()) == 0);
    CHECK(set(one, "a", 1) == -ENOENT);
    CHECK_STR(mproc_error_detail(), "the object was removed from the manager");
    struct mproc_shared *new = open_shared(MPROC_SHARED_DICT, "table");
    CHECK(get(new, "a") == INT64_MIN);
    mproc_shared_unref(new);
    mproc_shared_unref(one);
    mproc_shared_unref(same);
    mproc_shared_unref(list);
    close_manager();
}

CHILD_TEST(manager, carries_large_values)
{
    enum { LARGE = 1 << 20 };
    static unsigned char bytes[LARGE];
    struct mproc_args *values = NULL;
    const void *got = NULL;
    size_t len = 0;

    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 7);
    open_manager(entries, &(struct mproc_manager_options){.max_bytes = 3 << 20});
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    REQUIRE(mproc_args_new(&values) == 0);
    mproc_args_add_bytes(values, bytes, LARGE);
    CHECK(mproc_shared_dict_set(dict, "a", values, soon()) == 0);
    CHECK(mproc_shared_dict_set(dict, "b", values, soon()) == 0);
    CHECK(mproc_shared_dict_set(dict, "c", values, soon()) == -ENOSPC);
    CHECK(mproc_shared_dict_pop(dict, "a", soon(), NULL) == 0);
    CHECK(mproc_shared_dict_set(dict, "c", values, soon()) == 0);
    for (int i = 0; i < 4; i++) /* more than a manager may ever keep */
        mproc_args_add_bytes(values, bytes, LARGE);
    CHECK(mproc_shared_dict_set(dict, "d", values, soon()) == -ENOSPC);
    mproc_args_free(values);
    REQUIRE(mproc_shared_dict_get(dict, "c", soon(), &values) == 0);
    CHECK(mproc_args_get_bytes(values, 0, &got, &len) == 0 && len == LARGE && memcmp(got, bytes, len) == 0);
    mproc_args_free(values);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager, refuses_what_it_cannot_keep)
{
    struct mproc_args *values = NULL;
    struct mproc_queue *queue = NULL;
    struct mproc_shared *none = NULL;
    uint64_t size;

    open_manager(entries, NULL);
    struct mproc_shared *dict = open_shared(MPROC_SHARED_DICT, NULL);
    REQUIRE(mproc_args_new(&values) == 0);
    mproc_args_add_fd(values, 0);
    CHECK(mproc_shared_dict_set(dict, "fd", values, soon()) == -EINVAL);
    mproc_args_clear(values);
    REQUIRE(mproc_queue_create(NULL, &queue) == 0 && mproc_args_add_queue(values, queue) == 0);
    CHECK(mproc_shared_dict_set(dict, "queue", values, soon()) == -EINVAL);
    CHECK(strstr(mproc_error_detail(), "no descriptors and no handles") != NULL);
    mproc_queue_unref(queue);
    mproc_args_clear(values);
    mproc_args_add_array(values, 2);
    CHECK(mproc_shared_dict_set(dict, "half", values, soon()) == -EINVAL);
    mproc_args_free(values);
    CHECK(mproc_shared_dict_set(dict, NULL, NULL, soon()) == -EINVAL);
    CHECK_STR(mproc_error_detail(), "the key is NULL, which is no name");
    CHECK(mproc_shared_list_append(dict, NULL, soon()) == -EINVAL);
    CHECK_STR(mproc_error_detail(), "this is the proxy of a dictionary, not of a list");
    CHECK(mproc_shared_lock_acquire(dict, soon()) == -EINVAL);
    CHECK(mproc_shared_open(manager, NULL, soon(), &none) == -EINVAL);
    CHECK(mproc_shared_open(manager, &(struct mproc_shared_options){.kind = MPROC_SHARED__COUNT}, soon(),
                            &none) == -EINVAL);
    CHECK(mproc_shared_open(manager, &(struct mproc_shared_options){.name = ""}, soon(), &none) == -EINVAL);
    struct mproc_shared *lock = open_shared(MPROC_SHARED_LOCK, NULL);
    CHECK(mproc_shared_size(lock, soon(), &size) == -EINVAL && mproc_shared_clear(lock, soon()) == -EINVAL);
    CHECK(mproc_shared_lock_release(lock, soon()) == -EPERM);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == 0);
    CHECK(mproc_shared_lock_acquire(lock, soon()) == -EDEADLK);
    /* After all of this the connection is the same: the lock is still held. */
    CHECK(mproc_shared_lock_release(lock, soon()) == 0);
    mproc_shared_unref(lock);
    CHECK(mproc_shared_size(lock, soon(), &size) == -EBADF);
    CHECK_STR(mproc_error_detail(), "this proxy was given back already: its last reference is gone");
    mproc_shared_unref(lock);
    mproc_shared_unref(NULL);
    mproc_manager_unref(NULL);
    mproc_shared_unref(dict);
    close_manager();
}

CHILD_TEST(manager, keeps_a_bounded_queue)
{
    struct mproc_shared *queue = NULL;
    const struct mproc_shared_options options = {.kind = MPROC_SHARED_QUEUE, .max_items = 2};

    open_manager(entries, NULL);
    REQUIRE(mproc_shared_open(manager, &options, soon(), &queue) == 0);
    CHECK(mproc_shared_queue_get(queue, MPROC_NOW, &(struct mproc_args *){NULL}) == -EAGAIN);
    CHECK(mproc_shared_queue_get(queue, mproc_deadline_ms(20), &(struct mproc_args *){NULL}) == -ETIMEDOUT);
    CHECK(put(queue, 1, soon()) == 0 && put(queue, 2, MPROC_NOW) == 0);
    CHECK(put(queue, 3, MPROC_NOW) == -EAGAIN && put(queue, 3, mproc_deadline_ms(20)) == -ETIMEDOUT);
    /* As soon as the server has had a moment to read the call. */
    bool is_told = false;
    for (int i = 0; i < 100 && !is_told; i++) {
        CHECK(put(queue, 3, mproc_deadline_ms(20)) == -ETIMEDOUT);
        is_told = strcmp(mproc_error_detail(), "the queue is still full") == 0;
    }
    CHECK(is_told);
    /* Who gave up has put nothing, and taken nothing. */
    CHECK(take(queue, soon()) == 1 && put(queue, 4, soon()) == 0);
    CHECK(take(queue, soon()) == 2);
    CHECK(take(queue, soon()) == 4);
    CHECK(mproc_shared_queue_get(queue, MPROC_NOW, &(struct mproc_args *){NULL}) == -EAGAIN);
    mproc_shared_unref(queue);
    close_manager();
}
