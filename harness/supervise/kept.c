#include "supervise/kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void forget(struct pf_standing *standing)
{
    if (standing->known && standing->pid_namespace_fd >= 0)
        close(standing->pid_namespace_fd);
    *standing = (struct pf_standing){0};
}

/* Its children live in its own namespace: ns/pid_for_children would be the same. */
static void look_at_pids(const struct pf_containment *containment, struct pf_standing *standing)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)containment->init);
    standing->pid_namespace = stat(path, &status) == 0 ? status.st_ino : 0;
    standing->pid_namespace_fd =
        containment->level == PF_LEVEL_SUBREAPER ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

void pf_kept_look(struct pf_kept *kept, const struct pf_launched *launched)
{
    const struct pf_containment *containment = launched->containment;
    struct pf_standing *standing = &kept->standing;
    unsigned shm_mounts = containment->sheet->report.shm_mounts;
    if (!launched->reused)
        forget(standing);
    if (!standing->known || standing->shm_mounts != shm_mounts)
        pf_probe_own(containment->init, &standing->own);
    standing->shm_mounts = shm_mounts;
    if (standing->known)
        return;
    standing->known = true;
    look_at_pids(containment, standing);
    standing->inherited =
        pf_arena_alloc(containment->arena, (containment->inherited_count + 1) * sizeof(*standing->inherited));
    pf_probe_given(containment->inherited, containment->inherited_count, containment->arena,
                   standing->inherited);
}

void pf_kept_given(const struct pf_kept *kept, const struct pf_trial *trial,
                   const struct pf_launched *launched, struct pf_arena *arena, const char ***ret_ids,
                   size_t *ret_count)
{
    const struct pf_containment *containment = launched->containment;
    const char **ids = pf_arena_alloc(arena, (containment->inherited_count + 2) * sizeof(*ids));
    size_t count = 0;
    struct stat pipe;
    for (int i = 0; i < 2; i++)
        if (trial->capture && fstat(launched->output[i], &pipe) == 0)
            ids[count++] = pf_arena_printf(arena, "pipe:[%llu]", (unsigned long long)pipe.st_ino);
    for (size_t i = 0; i < containment->inherited_count; i++) {
        int fd = containment->inherited[i];
        bool other = trial->capture ? fd <= STDERR_FILENO : trial->stdout_to_stderr && fd == STDOUT_FILENO;
        if (!other && kept->standing.inherited[i])
            ids[count++] = pf_arena_strdup(arena, kept->standing.inherited[i]);
    }
    *ret_ids = ids;
    *ret_count = count;
}

static void forget_began(struct pf_kept *kept)
{
    pf_arena_free(kept->began.arena);
    kept->began = (struct pf_began){0};
}

/* A name that the harness finds elsewhere, or may not look at, says nothing. */
static bool look_at(const struct pf_trial *trial, const char *program, struct stat *ret_status)
{
    return program && (*program == '/' || !trial->directory) && stat(program, ret_status) == 0;
}

static bool is_same(const struct pf_began *began, const struct pf_trial *trial, const struct stat *now)
{
    const struct stat *then = &began->program;
    if (!began->arena || began->command_count != trial->command_count || now->st_ino != then->st_ino ||
        now->st_dev != then->st_dev || now->st_ctim.tv_sec != then->st_ctim.tv_sec ||
        now->st_ctim.tv_nsec != then->st_ctim.tv_nsec)
        return false;
    for (size_t i = 0; i < began->command_count; i++)
        if (strcmp(began->command[i], trial->command[i]) != 0)
            return false;
    return true;
}

static void copy_exec(const struct pf_ev_exec *exec, struct pf_arena *arena, struct pf_ev_exec *ret_exec)
{
    ret_exec->path = pf_arena_strdup(arena, exec->path);
    ret_exec->argv = pf_arena_alloc(arena, (exec->argv_count + 1) * sizeof(*ret_exec->argv));
    ret_exec->argv_count = exec->argv_count;
    for (size_t i = 0; i < exec->argv_count; i++)
        ret_exec->argv[i] = pf_arena_strdup(arena, exec->argv[i]);
}

bool pf_kept_recall(const struct pf_kept *kept, const struct pf_trial *trial, const char *program,
                    struct pf_arena *arena, struct pf_ev_exec *ret_exec)
{
    struct stat now;
    if (!look_at(trial, program, &now) || !is_same(&kept->began, trial, &now))
        return false;
    copy_exec(&kept->began.exec, arena, ret_exec);
    return true;
}

void pf_kept_remember(struct pf_kept *kept, const struct pf_trial *trial, const char *program,
                      const struct pf_ev_exec *exec)
{
    struct pf_began *began = &kept->began;
    forget_began(kept);
    if (!look_at(trial, program, &began->program))
        return;
    began->arena = pf_arena_new();
    began->command_count = trial->command_count;
    began->command = pf_arena_alloc(began->arena, (trial->command_count + 1) * sizeof(*began->command));
    for (size_t i = 0; i < trial->command_count; i++)
        began->command[i] = pf_arena_strdup(began->arena, trial->command[i]);
    copy_exec(exec, began->arena, &began->exec);
}

void pf_kept_settle(struct pf_kept *kept)
{
    if (!kept->containment)
        forget(&kept->standing);
}

void pf_kept_leave(struct pf_kept *kept)
{
    pf_containment_end(kept->containment, true);
    forget(&kept->standing);
    pf_filter_free(kept->filter);
    pf_functions_free(kept->functions);
    forget_began(kept);
    *kept = (struct pf_kept){0};
}
