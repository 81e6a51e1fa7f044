#include "probe/readings.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void close_files(struct pf_reading *reading)
{
    if (reading->borrowed)
        return;
    if (reading->stat_fd >= 0)
        close(reading->stat_fd);
    if (reading->counters_fd >= 0)
        close(reading->counters_fd);
    reading->stat_fd = reading->counters_fd = -1;
}

static int open_files(const struct pf_probe_thread *thread, struct pf_reading *reading)
{
    if (reading->stat_fd >= 0)
        return 0;
    reading->stat_fd = pf_proc_open(thread->pid, thread->tid, "stat");
    if (reading->stat_fd < 0)
        return reading->stat_fd;
    reading->counters_fd = pf_proc_open(thread->pid, thread->tid, "schedstat");
    return reading->counters_fd < 0 ? reading->counters_fd : 0;
}

void pf_reading_begin(const struct pf_probe_thread *thread, const struct pf_probe_request *request, bool keep,
                      struct pf_reading *ret_reading)
{
    struct pf_reading reading = {.stat_fd = -1, .counters_fd = -1};
    reading.borrowed = request->sampler && pf_sampler_files(request->sampler, thread->tid, &reading.stat_fd,
                                                            &reading.counters_fd);
    int code = open_files(thread, &reading);
    if (!code)
        code = pf_proc_stat(reading.stat_fd, &reading.stat);
    if (!code && !request->checked)
        code = pf_proc_counters(reading.counters_fd, &reading.counters);
    /* After the counters: asking for the call waits until the thread is off its processor, so one that had
     * not quite gone to sleep shows in the last look. */
    /* A zombie has no call, and without memory it may be read by root alone. */
    if (!code && reading.stat.state != 'Z')
        code = pf_proc_call(thread->pid, thread->tid, &reading.call);
    reading.gone = code == -ESRCH;
    reading.refused = code == -ESRCH ? 0 : code;
    if (!keep)
        close_files(&reading);
    *ret_reading = reading;
}

static bool has_moved(const struct pf_probe_thread *thread, struct pf_reading *reading)
{
    struct pf_counters now;
    struct pf_task_stat stat;
    return open_files(thread, reading) || pf_proc_counters(reading->counters_fd, &now) ||
           pf_proc_stat(reading->stat_fd, &stat) || !pf_counters_equal(&now, &reading->counters) ||
           stat.state != reading->stat.state;
}

bool pf_reading_end(const struct pf_probe_thread *thread, const struct pf_probe_request *request,
                    struct pf_reading *reading)
{
    bool moved = !request->checked && !reading->gone && !reading->refused && has_moved(thread, reading);
    close_files(reading);
    return moved;
}

static bool is_living(const struct pf_reading *reading)
{
    return !reading->gone && reading->stat.state != 'Z' && reading->stat.state != 'X';
}

static bool is_in_request(const struct pf_probe_request *request, pid_t tid)
{
    for (size_t i = 0; i < request->thread_count; i++)
        if (request->threads[i].tid == tid)
            return true;
    return false;
}

/* A living thread that the request does not name may do anything. */
static void look_for_strangers(struct pf_survey *survey, const struct pf_site *site)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", site->reader);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        pid_t tid = atoi(entry->d_name);
        struct pf_task_stat stat;
        if (tid <= 0 || is_in_request(survey->request, tid))
            continue;
        if (pf_proc_stat_of(site->process->pid, tid, &stat) == 0 && !strchr("ZX", stat.state)) {
            survey->hidden_hand = "a thread that is not known may act on it";
            pf_survey_unknown(survey, "%s has a thread that is not known: %d (%s)", site->process->address,
                              tid, stat.name);
        }
    }
    if (directory)
        closedir(directory);
}

static void read_stat_of_process(struct pf_site *site)
{
    pid_t pid = site->process->pid;
    if (pf_proc_stat_of(pid, pid, &site->stat) == 0 && !strchr("ZX", site->stat.state))
        site->reader = pid;
}

/* Finds the thread to read the process through, and what any thread knows of it. */
static void read_site(struct pf_survey *survey, const struct pf_reading *readings, struct pf_site *site)
{
    const struct pf_probe_request *request = survey->request;
    size_t known = 0;
    site->stat.state = 'X';
    for (size_t i = 0; i < request->thread_count; i++) {
        const struct pf_probe_thread *thread = &request->threads[i];
        if (thread->pid != site->process->pid || readings[i].gone)
            continue;
        known++;
        if (is_living(&readings[i]) && (site->reader == 0 || thread->tid == thread->pid))
            site->reader = thread->tid;
        if (site->stat.state == 'X' || thread->tid == thread->pid)
            site->stat = readings[i].stat;
    }
    if (known == 0)
        read_stat_of_process(site);
    if (!site->reader)
        return;
    site->status.handlers = ~0ull;
    if (pf_proc_status(site->reader, &site->status))
        pf_survey_unknown(survey, "the signal handlers of %s cannot be read", site->process->address);
    if (site->status.threads > known)
        look_for_strangers(survey, site);
    site->nested = site->status.own_pid && site->status.own_pid != site->process->tree_pid;
    if (site->nested) {
        survey->hidden_hand = "processes of a PID namespace inside the tree write numbers that mean others";
        pf_survey_unknown(survey, "%s runs in a PID namespace of its own", site->process->address);
    }
}

void pf_survey_read_sites(struct pf_survey *survey, const struct pf_reading *readings)
{
    const struct pf_probe_request *request = survey->request;
    for (size_t i = 0; i < request->process_count; i++) {
        survey->sites[i].process = &request->processes[i];
        read_site(survey, readings, &survey->sites[i]);
    }
    /* A subreaper inside the tree adopts orphans: the kernel knows who is whose child now. */
    for (size_t i = 0; i < request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        const struct pf_site *parent = pf_survey_site(survey, site->stat.parent);
        site->parent = site->stat.state == 'X' ? site->process->parent
                       : parent                ? parent->process->address
                                               : NULL;
    }
}
