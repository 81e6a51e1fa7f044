#include "probe/census.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_pid(const void *left, const void *right)
{
    const struct pf_person *a = left, *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool read_person(pid_t pid, struct pf_person *ret_person)
{
    struct pf_person person = {.pid = pid};
    if (pf_proc_stat_of(pid, pid, &person.stat) < 0)
        return false;
    *ret_person = person;
    return true;
}

int pf_census_read(struct pf_arena *arena, const struct pf_census *before, struct pf_census *ret_census)
{
    DIR *directory = opendir("/proc");
    if (!directory)
        return -errno;
    struct pf_census census = {0};
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct pf_person person;
        pid_t pid = atoi(entry->d_name);
        const struct pf_person *known = before ? pf_census_find(before, pid) : NULL;
        if (known)
            person = *known;
        if (known || (pid > 0 && read_person(pid, &person)))
            *(struct pf_person *)pf_arena_grow(arena, &census.people, &census.count, sizeof(person)) = person;
    }
    closedir(directory);
    if (census.count)
        qsort(census.people, census.count, sizeof(*census.people), by_pid);
    *ret_census = census;
    return 0;
}

const struct pf_person *pf_census_find(const struct pf_census *census, pid_t pid)
{
    const struct pf_person wanted = {.pid = pid};
    return census->count ? bsearch(&wanted, census->people, census->count, sizeof(wanted), by_pid) : NULL;
}
