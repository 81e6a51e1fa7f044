#include "supervise/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/procfs.h"

enum { NAME_BYTES = 300 }; /* a name has 255 bytes at most */

static const char directory[] = "/dev/shm/";

/* The name as the C library makes it of one for shm_open or sem_open; false: it is another file. */
static bool read_name(const struct pf_task *task, uint64_t address, char name[NAME_BYTES])
{
    size_t got = 0;
    /* The end of the text may be the last that is mapped there. */
    while (got < NAME_BYTES && pf_proc_memory(task->process->pid, address + got, name + got, 1) == 0 &&
           name[got])
        if (++got <= sizeof(directory) - 1 && name[got - 1] != directory[got - 1])
            return false;
    return got > sizeof(directory) - 1 && got < NAME_BYTES && !name[got];
}

/* As the process would find it. What cannot be told is there. */
static bool is_there(const struct pf_task *task, const char *name)
{
    char path[NAME_BYTES + 32];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)task->process->pid, name);
    return lstat(path, &status) == 0 || errno != ENOENT;
}

static void emit(struct pf_run *run, const struct pf_task *task, const char *name, bool removed)
{
    struct pf_ev_name event = {
        .thread = task->address, .name = pf_arena_strdup(run->trace->arena, name), .removed = removed};
    pf_run_emit(run, (struct pf_event){.kind = PF_EVENT_NAME, .name = event});
}

void pf_shm_note_open(struct pf_run *run, const struct pf_task *task, const struct pf_call *call)
{
    char name[NAME_BYTES];
    bool looks = (call->arguments[2] & (O_NOFOLLOW | O_DIRECTORY | O_CREAT)) == O_NOFOLLOW;
    if (looks && read_name(task, call->arguments[1], name) && !is_there(task, name))
        emit(run, task, name, false);
}

void pf_shm_note_remove(struct pf_run *run, const struct pf_task *task, const struct pf_call *call)
{
    char name[NAME_BYTES];
    if (read_name(task, call->arguments[0], name) && is_there(task, name))
        emit(run, task, name, true);
}
