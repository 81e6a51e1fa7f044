#include "reports/told.h"

#include <string.h>

#include "reports/view.h"

struct list {
    struct pf_arena *arena;
    struct pf_told *items;
    size_t count;
};

static struct pf_told *add(struct list *list, const struct pf_trial_result *trial, const char *name)
{
    struct pf_told *told = pf_arena_grow(list->arena, &list->items, &list->count, sizeof(*told));
    *told = (struct pf_told){.trial = trial, .name = name, .count = 1};
    return told;
}

static void add_programs(struct list *list, const struct pf_result *result)
{
    size_t count;
    const struct pf_view_group *groups = pf_view_groups(list->arena, result, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pf_trial_result *sample = groups[i].sample;
        add(list, sample, pf_view_name(list->arena, sample))->count = groups[i].verdicts[sample->verdict];
    }
}

static const char *fault_of(struct pf_arena *arena, const struct pf_trial_result *trial)
{
    const char *faults = pf_view_faults(arena, trial);
    return faults ? faults : pf_view_name(arena, trial);
}

static void add_failures(struct list *list, const struct pf_result *result)
{
    const struct pf_sweep_result *sweep = result->sweep;
    for (size_t i = 0; i < sweep->failure_count; i++) {
        const struct pf_failure *failure = &sweep->failures[i];
        const struct pf_trial_result *trial =
            failure->trial_count ? pf_view_trial(result, failure->trials[0]) : NULL;
        if (!trial)
            continue;
        struct pf_told *told = add(list, trial, fault_of(list->arena, trial));
        told->failure = failure;
        told->count = failure->count;
    }
}

static bool is_same_reason(const struct pf_trial_result *a, const struct pf_trial_result *b)
{
    const char *x = a->reason ? a->reason : "", *y = b->reason ? b->reason : "";
    return a->verdict == b->verdict && strcmp(x, y) == 0;
}

static void add_untested(struct list *list, const struct pf_result *result)
{
    size_t first = list->count;
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct pf_trial_result *trial = &result->trials[i];
        size_t k = first;
        if (trial->verdict != PF_ERROR && trial->verdict != PF_SKIP)
            continue;
        while (k < list->count && !is_same_reason(list->items[k].trial, trial))
            k++;
        if (k < list->count)
            list->items[k].count++;
        else
            add(list, trial, fault_of(list->arena, trial));
    }
}

struct pf_told *pf_told_select(struct pf_arena *arena, const struct pf_result *result, size_t *ret_count)
{
    struct list list = {.arena = arena};
    if (result->sweep) {
        add_failures(&list, result);
        add_untested(&list, result);
    } else {
        add_programs(&list, result);
    }
    *ret_count = list.count;
    return list.items;
}
