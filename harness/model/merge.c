#include "model/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_shard(const struct pf_result *result)
{
    return result->part && result->part->of > 1;
}

static int twice(const char *what, const struct pf_merge_input *first, const struct pf_merge_input *second,
                 struct pf_error *error)
{
    return pf_error_set(error, -EINVAL, "%s is in %s and again in %s: each may be given once", what,
                        first->name, second->name);
}

/* Without ids two results are the same when all is the same, to the last nanosecond of their durations. */
static bool same_content(const struct pf_result *a, const struct pf_result *b)
{
    if (a->trial_count != b->trial_count || !a->trial_count ||
        a->trials[0].duration_ms != b->trials[0].duration_ms)
        return false;
    json_t *first = pf_result_to_json(a), *second = pf_result_to_json(b);
    bool same = json_equal(first, second);
    json_decref(first);
    json_decref(second);
    return same;
}

static int check_part(const struct pf_merge_input *input, const struct pf_part *part, struct pf_error *error)
{
    if (part->of < 1 || part->of > PF_SHARDS_MOST || part->trials > PF_PLANNED_MOST || !part->shard_count)
        return pf_error_set(error, -EINVAL,
                            "%s: \"plan\" must name at least one shard of 1 to %d, and %d trials "
                            "at most",
                            input->name, PF_SHARDS_MOST, PF_PLANNED_MOST);
    for (size_t i = 0; i < part->shard_count; i++)
        if (part->shards[i] < 1 || part->shards[i] > part->of)
            return pf_error_set(error, -EINVAL, "%s: there is no shard %llu of %llu", input->name,
                                (unsigned long long)part->shards[i], (unsigned long long)part->of);
    return 0;
}

/* Trials of a sweep may give rise to others, whose ids are beyond those of the plan. */
static uint64_t highest_id(const struct pf_result *result, const struct pf_part *part)
{
    return result->sweep ? part->trials * PF_SEQUEL_SLOTS : part->trials;
}

static int check_ids(const struct pf_merge_input *input, const struct pf_part *part, struct pf_error *error)
{
    for (size_t i = 0; i < input->result->trial_count; i++) {
        unsigned long long id = input->result->trials[i].id;
        unsigned long long highest = highest_id(input->result, part);
        if (id < 1 || id > highest)
            return pf_error_set(error, -EINVAL, "%s: trial %zu has the id %llu, where 1 to %llu was expected",
                                input->name, i, id, highest);
        if (!pf_part_has_shard(part, pf_part_shard_of(part, id)))
            return pf_error_set(error, -EINVAL,
                                "%s: the trial of id %llu is of shard %llu of %llu, which this is not",
                                input->name, id, (unsigned long long)pf_part_shard_of(part, id),
                                (unsigned long long)part->of);
    }
    return 0;
}

/* One trial, and where it came from. */
struct entry {
    const struct pf_trial_result *trial;
    const struct pf_merge_input *input;
};

static int by_id(const void *a, const void *b)
{
    const struct entry *first = a, *second = b;
    return (first->trial->id > second->trial->id) - (first->trial->id < second->trial->id);
}

static struct entry *sorted_trials(const struct pf_merge_input *inputs, size_t count, struct pf_arena *arena,
                                   size_t *ret_count)
{
    size_t all = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        all += inputs[i].result->trial_count;
    struct entry *entries = pf_arena_alloc(arena, (all + 1) * sizeof(*entries));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < inputs[i].result->trial_count; k++)
            entries[n++] = (struct entry){.trial = &inputs[i].result->trials[k], .input = &inputs[i]};
    qsort(entries, n, sizeof(*entries), by_id);
    *ret_count = n;
    return entries;
}

/* Who has the shards: owners[shard]. */
static int find_owners(const struct pf_merge_input *inputs, size_t count,
                       const struct pf_merge_input **owners, struct pf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct pf_part *part = inputs[i].result->part;
        for (size_t k = 0; k < part->shard_count; k++) {
            const struct pf_merge_input **owner = &owners[part->shards[k]];
            char what[64];
            snprintf(what, sizeof(what), "shard %llu of %llu", (unsigned long long)part->shards[k],
                     (unsigned long long)part->of);
            if (*owner)
                return twice(part->of > 1 ? what : "the whole of one plan", *owner, &inputs[i], error);
            *owner = &inputs[i];
        }
    }
    return 0;
}

static void add_number(struct pf_arena *arena, uint64_t **numbers, size_t *count, uint64_t number)
{
    uint64_t *slot = pf_arena_grow(arena, numbers, count, sizeof(*slot));
    *slot = number;
}

/* The trials in the order of the plan, and the numbers of those that are not there. */
static int merge_trials(const struct entry *entries, size_t count, struct pf_result *merged,
                        struct pf_error *error)
{
    struct pf_part *part = merged->part;
    uint64_t next = 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t id = entries[i].trial->id;
        if (id < next) {
            char what[64];
            snprintf(what, sizeof(what), "the trial of id %llu", (unsigned long long)id);
            return twice(what, entries[i - 1].input, entries[i].input, error);
        }
        for (; next < id && next <= part->trials; next++)
            add_number(merged->arena, &part->missing_trials, &part->missing_trial_count, next);
        next = id + 1;
        *pf_result_add(merged) = *entries[i].trial;
    }
    for (; next <= part->trials; next++)
        add_number(merged->arena, &part->missing_trials, &part->missing_trial_count, next);
    return 0;
}

/* An interrupt counts more than a budget. */
static enum pf_stopped merge_stops(const struct pf_merge_input *inputs, size_t count)
{
    enum pf_stopped stopped = PF_STOPPED_NOT;
    for (size_t i = 0; i < count; i++) {
        const struct pf_part *part = inputs[i].result->part;
        if (part && part->stopped > stopped)
            stopped = part->stopped;
    }
    return stopped;
}

static int merge_plan(const struct pf_merge_input *inputs, size_t count, struct pf_result *merged,
                      struct pf_error *error)
{
    struct pf_arena *arena = merged->arena;
    struct pf_part *part = pf_arena_alloc(arena, sizeof(*part));
    const struct pf_part *first = inputs[0].result->part;
    *part = (struct pf_part){
        .plan = first->plan, .trials = first->trials, .of = first->of, .stopped = merge_stops(inputs, count)};
    merged->part = part;
    const struct pf_merge_input **owners =
        pf_arena_alloc(arena, (part->of + 1) * sizeof(const struct pf_merge_input *));
    int r = find_owners(inputs, count, owners, error);
    if (r < 0)
        return r;
    for (uint64_t shard = 1; shard <= part->of; shard++)
        if (owners[shard])
            add_number(arena, &part->shards, &part->shard_count, shard);
        else
            add_number(arena, &part->missing_shards, &part->missing_shard_count, shard);
    size_t entry_count;
    const struct entry *entries = sorted_trials(inputs, count, arena, &entry_count);
    return merge_trials(entries, entry_count, merged, error);
}

/* Are all of one plan, divided in one way? If not, and if some are shards, the message says why. */
static int check_same_plan(const struct pf_merge_input *inputs, size_t count, bool *ret_same,
                           struct pf_error *error)
{
    const struct pf_part *first = inputs[0].result->part;
    bool same = first;
    for (size_t i = 1; i < count; i++) {
        const struct pf_part *part = inputs[i].result->part;
        bool of_one = first && part && strcmp(first->plan, part->plan) == 0;
        same &= of_one;
        if (!is_shard(inputs[0].result) && !is_shard(inputs[i].result))
            continue;
        if (!first || !part)
            return pf_error_set(error, -EINVAL, "%s is a shard, and %s is no part of any plan",
                                inputs[first ? 0 : i].name, inputs[first ? i : 0].name);
        if (!of_one)
            return pf_error_set(error, -EINVAL,
                                "%s and %s are of different plans (%s and %s): were they run by the same "
                                "version, with the same options, on the same scenarios or program?%s",
                                inputs[0].name, inputs[i].name, first->plan, part->plan,
                                inputs[0].result->sweep ? " A program that runs differently each time has a "
                                                          "new plan each time: share one, see sweep --record"
                                                        : "");
        if (part->of != first->of || part->trials != first->trials)
            return pf_error_set(
                error, -EINVAL, "%s has one of %llu shards of %llu trials, and %s one of %llu of %llu",
                inputs[0].name, (unsigned long long)first->of, (unsigned long long)first->trials,
                inputs[i].name, (unsigned long long)part->of, (unsigned long long)part->trials);
    }
    *ret_same = same;
    return 0;
}

static int check_distinct(const struct pf_merge_input *inputs, size_t count, struct pf_error *error)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct pf_part *part = inputs[i].result->part, *other = inputs[k].result->part;
            bool one_plan = part && other && strcmp(part->plan, other->plan) == 0;
            if (one_plan || same_content(inputs[k].result, inputs[i].result))
                return twice(one_plan ? "the whole of one plan" : "the same result", &inputs[k], &inputs[i],
                             error);
        }
    return 0;
}

/* Several plans, one behind the other, are a plan too: all of it is there, but it may have been stopped. */
static struct pf_part *join_parts(const struct pf_merge_input *inputs, size_t count, struct pf_arena *arena)
{
    struct pf_part *joined = pf_arena_alloc(arena, sizeof(*joined));
    *joined = (struct pf_part){.plan = "", .of = 1, .stopped = merge_stops(inputs, count)};
    add_number(arena, &joined->shards, &joined->shard_count, 1);
    for (size_t i = 0; i < count; i++) {
        const struct pf_part *part = inputs[i].result->part;
        joined->plan =
            pf_arena_printf(arena, "%s%s%s", joined->plan, i ? "+" : "", part ? part->plan : "none");
        joined->trials += inputs[i].result->trial_count;
    }
    return joined;
}

static int append_all(const struct pf_merge_input *inputs, size_t count, struct pf_result *merged,
                      struct pf_error *error)
{
    int r = check_distinct(inputs, count, error);
    if (r < 0)
        return r;
    bool planned = false;
    for (size_t i = 0; i < count; i++)
        planned |= inputs[i].result->part != NULL;
    if (planned)
        merged->part = join_parts(inputs, count, merged->arena);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < inputs[i].result->trial_count; k++) {
            struct pf_trial_result *trial = pf_result_add(merged);
            *trial = inputs[i].result->trials[k];
            trial->id = planned ? merged->trial_count : 0;
        }
    return 0;
}

/* All failures that any part has found, to be grouped again by whoever knows how. */
static int merge_sweeps(const struct pf_merge_input *inputs, size_t count, bool same_plan,
                        struct pf_result *merged, struct pf_error *error)
{
    struct pf_sweep_result *sweep = pf_arena_alloc(merged->arena, sizeof(*sweep));
    if (inputs[0].result->sweep)
        *sweep = *inputs[0].result->sweep;
    sweep->failures = NULL;
    sweep->failure_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct pf_sweep_result *own = inputs[i].result->sweep;
        if (!own != !inputs[0].result->sweep)
            return pf_error_set(error, -EINVAL, "%s is of a sweep, and %s is not: report them one by one",
                                inputs[own ? i : 0].name, inputs[own ? 0 : i].name);
        if (!own)
            continue;
        if (i && !same_plan)
            sweep->points += own->points;
        sweep->unsteady |= own->unsteady;
        sweep->cut |= own->cut;
        for (size_t k = 0; k < own->failure_count; k++) {
            struct pf_failure *failure =
                pf_arena_grow(merged->arena, &sweep->failures, &sweep->failure_count, sizeof(*failure));
            *failure = own->failures[k];
        }
    }
    merged->sweep = inputs[0].result->sweep ? sweep : NULL;
    return 0;
}

/* Each program once: shards have it all. */
static void merge_listings(const struct pf_merge_input *inputs, size_t count, struct pf_result *merged)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < inputs[i].result->listing_count; k++) {
            const struct pf_listing *listing = &inputs[i].result->listings[k];
            size_t n = 0;
            while (n < merged->listing_count &&
                   (strcmp(merged->listings[n].scenario, listing->scenario) != 0 ||
                    strcmp(merged->listings[n].variant, listing->variant) != 0))
                n++;
            if (n == merged->listing_count)
                *(struct pf_listing *)pf_arena_grow(merged->arena, &merged->listings, &merged->listing_count,
                                                    sizeof(*listing)) = *listing;
        }
}

static int merge_into(const struct pf_merge_input *inputs, size_t count, bool partial,
                      struct pf_result *merged, struct pf_error *error)
{
    bool same = false;
    int r = check_same_plan(inputs, count, &same, error);
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct pf_part *part = inputs[i].result->part;
        r = part ? check_part(&inputs[i], part, error) : 0;
        r = part && r == 0 ? check_ids(&inputs[i], part, error) : r;
    }
    if (r < 0)
        return r;
    r = merge_sweeps(inputs, count, same, merged, error);
    if (r < 0)
        return r;
    r = same ? merge_plan(inputs, count, merged, error) : append_all(inputs, count, merged, error);
    if (r == 0 && merged->part && partial)
        merged->part->missing_shard_count = merged->part->missing_trial_count = 0;
    return r;
}

int pf_merge(const struct pf_merge_input *inputs, size_t count, bool partial, struct pf_result **ret_result,
             struct pf_error *error)
{
    struct pf_result *merged = pf_result_new();
    int r = merge_into(inputs, count, partial, merged, error);
    if (r < 0) {
        pf_result_free(merged);
        return r;
    }
    merge_listings(inputs, count, merged);
    pf_result_finish(merged);
    *ret_result = merged;
    return 0;
}
