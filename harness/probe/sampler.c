#include "probe/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/procfs.h"

struct entry {
    pid_t tid;
    int stat_fd, counters_fd;
    char state;
    struct pf_counters counters; /* as last read */
    bool dirty;                  /* has run since the last scan that looked at every thread */
    bool moved;                  /* had run between the two last of those */
};

struct pf_sampler {
    struct entry *entries; /* the last mover first */
    size_t count, room;
};

struct pf_sampler *pf_sampler_new(void)
{
    return calloc(1, sizeof(struct pf_sampler));
}

static void entry_close(struct entry *entry)
{
    close(entry->stat_fd);
    close(entry->counters_fd);
}

void pf_sampler_free(struct pf_sampler *sampler)
{
    if (!sampler)
        return;
    for (size_t i = 0; i < sampler->count; i++)
        entry_close(&sampler->entries[i]);
    free(sampler->entries);
    free(sampler);
}

int pf_sampler_add(struct pf_sampler *sampler, pid_t pid, pid_t tid)
{
    if (sampler->count == sampler->room) {
        size_t room = sampler->room ? sampler->room * 2 : 16;
        struct entry *larger = realloc(sampler->entries, room * sizeof(*larger));
        if (!larger)
            return -ENOMEM;
        sampler->entries = larger;
        sampler->room = room;
    }
    int stat_fd = pf_proc_open(pid, tid, "stat");
    if (stat_fd < 0)
        return stat_fd;
    int counters_fd = pf_proc_open(pid, tid, "schedstat");
    if (counters_fd < 0) {
        close(stat_fd);
        return counters_fd;
    }
    /* Dirty: nothing is known of what it did before. */
    sampler->entries[sampler->count++] = (struct entry){
        .tid = tid, .stat_fd = stat_fd, .counters_fd = counters_fd, .dirty = true, .moved = true};
    return 0;
}

void pf_sampler_remove(struct pf_sampler *sampler, pid_t tid)
{
    for (size_t i = 0; i < sampler->count; i++) {
        struct entry *entry = &sampler->entries[i];
        if (entry->tid != tid)
            continue;
        entry_close(entry);
        sampler->count--;
        memmove(entry, entry + 1, (sampler->count - i) * sizeof(*entry));
        return;
    }
}

/* Reads the thread anew; a thread that is gone has the state X. Who runs need not be asked what he has done.
 */
static void entry_read(struct entry *entry)
{
    char line[512];
    struct pf_counters counters = entry->counters;
    char state = pf_proc_reread(entry->stat_fd, line, sizeof(line)) > 0 ? pf_proc_stat_state(line) : 'X';
    if (state != 'R' && pf_proc_counters(entry->counters_fd, &counters) < 0)
        state = 'X';
    bool ran = state == 'R' || !pf_counters_equal(&counters, &entry->counters);
    /* Stopping and ending are movements too; falling asleep shows in the counters. */
    bool changed = state != entry->state && strchr("TtZX", state);
    entry->dirty = entry->dirty || ran || changed;
    entry->state = state;
    entry->counters = counters;
}

static void move_to_front(struct pf_sampler *sampler, size_t i)
{
    struct entry mover = sampler->entries[i];
    memmove(sampler->entries + 1, sampler->entries, i * sizeof(mover));
    sampler->entries[0] = mover;
}

void pf_sampler_scan(struct pf_sampler *sampler, bool complete, struct pf_sample *ret_sample)
{
    struct pf_sample sample = {.all_asleep = true, .all_still = true};
    size_t mover = 0;
    for (size_t i = 0; i < sampler->count; i++) {
        struct entry *entry = &sampler->entries[i];
        bool was_dirty = entry->dirty;
        entry_read(entry);
        sample.scanned++;
        if (entry->state == 'R')
            sample.all_asleep = false;
        if (!entry->dirty)
            continue;
        sample.all_still = false;
        if (sample.mover == 0) {
            sample.mover = entry->tid;
            mover = i;
        }
        /* What was found dirty before and has not moved since is no news: going on is how it gets clean. */
        if (!complete && (!was_dirty || entry->state == 'R')) {
            sample.all_asleep = false;
            sample.mover = entry->tid;
            mover = i;
            break;
        }
    }
    if (sample.scanned == sampler->count && (sample.all_asleep || complete)) {
        for (size_t i = 0; i < sampler->count; i++) {
            sampler->entries[i].moved = sampler->entries[i].dirty;
            sampler->entries[i].dirty = false;
        }
    }
    if (sample.mover && mover > 0)
        move_to_front(sampler, mover);
    *ret_sample = sample;
}

bool pf_sampler_moved(const struct pf_sampler *sampler, pid_t tid)
{
    for (size_t i = 0; i < sampler->count; i++)
        if (sampler->entries[i].tid == tid)
            return sampler->entries[i].moved;
    return true;
}

bool pf_sampler_files(const struct pf_sampler *sampler, pid_t tid, int *ret_stat, int *ret_counters)
{
    for (size_t i = 0; i < sampler->count; i++) {
        if (sampler->entries[i].tid != tid)
            continue;
        *ret_stat = sampler->entries[i].stat_fd;
        *ret_counters = sampler->entries[i].counters_fd;
        return true;
    }
    return false;
}
