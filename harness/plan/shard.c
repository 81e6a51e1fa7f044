#include "plan/shard.h"

#include <errno.h>
#include <string.h>

#include "plan/cursor.h"

/* As getenv(3). */
typedef char *getter(const char *name);

/* A CI server or batch system, and the variables in which it tells a job which of how many it is. */
struct engine {
    const char *name;
    const char *index;
    const char *count;        /* NULL: it does not tell */
    const char *first, *last; /* lowest and highest index, where they are the user's choice; else NULL */
    size_t base;              /* lowest index, where `first` is NULL */
    const char *status_file;  /* NULL: it has no such variable */
};

static const struct engine engines[] = {
    {.name = "Bazel",
     .index = "TEST_SHARD_INDEX",
     .count = "TEST_TOTAL_SHARDS",
     .status_file = "TEST_SHARD_STATUS_FILE"},
    {.name = "Slurm",
     .index = "SLURM_ARRAY_TASK_ID",
     .count = "SLURM_ARRAY_TASK_COUNT",
     .first = "SLURM_ARRAY_TASK_MIN",
     .last = "SLURM_ARRAY_TASK_MAX"},
    {.name = "Kubernetes", .index = "JOB_COMPLETION_INDEX"},
    {.name = "GitLab", .index = "CI_NODE_INDEX", .count = "CI_NODE_TOTAL", .base = 1},
    {.name = "CircleCI", .index = "CIRCLE_NODE_INDEX", .count = "CIRCLE_NODE_TOTAL"},
    {.name = "Buildkite", .index = "BUILDKITE_PARALLEL_JOB", .count = "BUILDKITE_PARALLEL_JOB_COUNT"},
};
enum { ENGINES = sizeof(engines) / sizeof(engines[0]) };

/* The whole number in a variable. An empty one is as good as none, as in most CI servers. Returns whether it
 * is there, or -EINVAL. */
static int read_variable(getter *get, const char *name, size_t least, size_t *ret_number,
                         struct pf_error *error)
{
    const char *text = name ? get(name) : NULL;
    if (!text || !*text)
        return 0;
    struct pf_word word = {.start = text, .length = strlen(text)};
    uint64_t number;
    char quoted[PF_QUOTE_SIZE];
    if (!pf_word_number(word, &number) || number < least || number > PF_SHARDS_MOST)
        return pf_error_set(error, -EINVAL, "%s is \"%s\", where a whole number from %zu to %d was expected",
                            name, pf_word_quote(word, quoted), least, PF_SHARDS_MOST);
    *ret_number = number;
    return 1;
}

/* What the engine calls its first shard. Gaps and other beginnings are what is left of an array when some of
 * its tasks are submitted again: their ids then tell, and the count does not. */
static int find_base(const struct engine *engine, getter *get, size_t count, size_t *ret_base,
                     struct pf_error *error)
{
    *ret_base = engine->base;
    if (!engine->first)
        return 0;
    size_t first, last;
    int has_first = read_variable(get, engine->first, 0, &first, error);
    int has_last = read_variable(get, engine->last, 0, &last, error);
    if (has_first < 0 || has_last < 0)
        return -EINVAL;
    if (!has_first || !has_last)
        return pf_error_set(error, -EINVAL, "%s is set, but %s is not", engine->index,
                            has_first ? engine->last : engine->first);
    if (first > 1 || last + 1 != first + count)
        return pf_error_set(
            error, -EINVAL,
            "the ids go from %zu (%s) to %zu (%s), and there are %zu (%s): neither 1 to N nor 0 "
            "to N-1. For a part of them say --shard I/N",
            first, engine->first, last, engine->last, count, engine->count);
    *ret_base = first;
    return 0;
}

/* What one engine says; `count` is that of "auto/N", or 0. Returns whether it says anything, or -EINVAL. */
static int ask(const struct engine *engine, getter *get, size_t told, struct pf_shard *ret_shard,
               struct pf_error *error)
{
    size_t index = 0, count = 0, base;
    int has_index = read_variable(get, engine->index, 0, &index, error);
    int has_count = read_variable(get, engine->count, 1, &count, error);
    if (has_index < 0 || has_count < 0)
        return -EINVAL;
    if (!has_index && !has_count)
        return 0;
    if (!has_index && count > 1)
        return pf_error_set(error, -EINVAL, "%s is %zu, but %s is not set", engine->count, count,
                            engine->index);
    if (!has_index)
        index = engine->base;
    if (!has_count && !told)
        return pf_error_set(error, -EINVAL,
                            "%s says which shard this is, but nothing how many there are: say "
                            "--shard auto/N",
                            engine->index);
    if (!has_count)
        count = told;
    if (find_base(engine, get, count, &base, error) < 0)
        return -EINVAL;
    if (index < base || index >= base + count)
        return pf_error_set(error, -EINVAL, "%s is %zu, where %zu to %zu was expected: there are %zu (%s)",
                            engine->index, index, base, base + count - 1, count,
                            has_count ? engine->count : "--shard");
    *ret_shard = (struct pf_shard){.index = index - base + 1, .count = count};
    ret_shard->status_file = engine->status_file ? get(engine->status_file) : NULL;
    return 1;
}

static int nobody_says(struct pf_error *error)
{
    char names[256] = "";
    for (size_t i = 0; i < ENGINES; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", engines[i].index);
    }
    return pf_error_set(error, -EINVAL, "no variable says which shard this is (%s): say --shard I/N", names);
}

/* Engines within each other hand their variables down. One that says "1 of 1" has no opinion. */
static int ask_all(getter *get, size_t told, struct pf_shard *ret_shard, struct pf_error *error)
{
    const struct engine *chosen = NULL;
    struct pf_shard shard = {0};
    for (size_t i = 0; i < ENGINES; i++) {
        struct pf_shard said = {0};
        int r = ask(&engines[i], get, told, &said, error);
        if (r < 0)
            return r;
        if (r == 0 || (chosen && said.count == 1))
            continue;
        if (chosen && shard.count > 1 && (said.index != shard.index || said.count != shard.count))
            return pf_error_set(error, -EINVAL,
                                "%s says %zu of %zu (%s), and %s %zu of %zu (%s): say --shard I/N",
                                chosen->index, shard.index, shard.count, chosen->name, engines[i].index,
                                said.index, said.count, engines[i].name);
        chosen = &engines[i];
        shard = said;
    }
    if (!chosen)
        return nobody_says(error);
    if (told && shard.count != told)
        return pf_error_set(error, -EINVAL, "%s is %zu, and --shard says %zu", chosen->count, shard.count,
                            told);
    *ret_shard = shard;
    return 0;
}

int pf_shard_parse(const char *text, getter *get, struct pf_shard *ret_shard, struct pf_error *error)
{
    struct pf_cursor cursor = pf_cursor_new("shard", text, NULL, error);
    struct pf_word first = pf_cursor_word(&cursor, "/");
    uint64_t index = 0, count = 0;
    bool automatic = pf_word_is(first, "auto");
    if (!automatic && (!pf_word_number(first, &index) || index == 0))
        return pf_cursor_expected(&cursor, first, NULL, "I/N (1/4 is the first of four), or auto,");
    if (pf_cursor_take(&cursor, '/')) {
        int r = pf_cursor_number(&cursor, "", 1, PF_SHARDS_MOST, "how many shards there are (1 to 1000000)",
                                 &count);
        if (r < 0)
            return r;
    } else if (!automatic) {
        return pf_cursor_expected(&cursor, (struct pf_word){.start = cursor.at}, NULL,
                                  "\"/\" and how many shards there are (1/4)");
    }
    if (automatic)
        return ask_all(get, count, ret_shard, error);
    if (index > count)
        return pf_cursor_expected(&cursor, first, NULL, "a shard that there is");
    *ret_shard = (struct pf_shard){.index = index, .count = count};
    return 0;
}

bool pf_shard_has(const struct pf_shard *shard, size_t number)
{
    return number % shard->count == shard->index - 1;
}
