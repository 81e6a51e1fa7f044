#include "supervise/kept.h"

#include <fcntl.h>
#include <stdio.h>
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
    *kept = (struct pf_kept){0};
}
