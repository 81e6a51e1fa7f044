/* Which processes share one address space: a vfork's child, and what clone() was asked for by hand. */
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/survey.h"

static int order_of(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* 0 for one address space. The size tells most strangers apart without a call. */
static int compare(const struct pf_site *a, const struct pf_site *b, bool *unordered)
{
    if (a == b || !a->reader || !b->reader)
        return order_of((uintptr_t)a, (uintptr_t)b);
    if (a->stat.virtual_size != b->stat.virtual_size)
        return order_of(a->stat.virtual_size, b->stat.virtual_size);
    switch (syscall(SYS_kcmp, a->reader, b->reader, KCMP_VM, 0, 0)) {
    case 0:
        return 0;
    case 1:
        return -1;
    case 2:
        return 1;
    default: /* one has ended, or this kernel does not say which is less */
        *unordered = true;
        return order_of((uintptr_t)a, (uintptr_t)b);
    }
}

static int compare_places(const void *a, const void *b, void *unordered)
{
    return compare(*(struct pf_site *const *)a, *(struct pf_site *const *)b, unordered);
}

/* Sorted, those who share one stand side by side; the first of them in the survey is what they are known by.
 */
static bool find_by_order(struct pf_survey *survey)
{
    size_t count = survey->request->process_count;
    struct pf_site **sites = pf_arena_alloc(survey->arena, count * sizeof(*sites));
    bool unordered = false;
    for (size_t i = 0; i < count; i++)
        sites[i] = &survey->sites[i];
    qsort_r(sites, count, sizeof(struct pf_site *), compare_places, &unordered);
    for (size_t begin = 0, end; begin < count; begin = end) {
        struct pf_site *first = sites[begin];
        for (end = begin + 1; end < count && compare(sites[begin], sites[end], &unordered) == 0; end++)
            first = sites[end] < first ? sites[end] : first;
        for (size_t i = begin; i < end; i++)
            sites[i]->memory = first;
    }
    return !unordered;
}

static void find_by_pairs(struct pf_survey *survey)
{
    bool unordered;
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        site->memory = survey->sites;
        while (compare(site->memory, site, &unordered) != 0)
            site->memory++;
    }
}

const struct pf_site *pf_survey_memory(struct pf_survey *survey, const struct pf_site *site)
{
    if (!survey->sites->memory && !find_by_order(survey))
        find_by_pairs(survey);
    return site->memory;
}
