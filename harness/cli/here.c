#include "cli/here.h"

#include <string.h>

#include "launch/launch.h"

/* Why the trial needs namespaces, or NULL. */
static const char *need(const struct pf_trial *trial)
{
    if (pf_filter_plans_limit(trial, "nproc"))
        return "a limit of processes takes a user of its own";
    if (trial->namespaces)
        return "what its programs leave behind when they are killed would be met by the next";
    if (trial->expect.finding && strstr(trial->expect.finding, "ipc-leak"))
        return "what a program leaves behind is seen, and stays, in namespaces of its own only";
    return NULL;
}

int pf_here_mark(struct pf_trial **trials, size_t count, struct pf_error *error)
{
    enum pf_level level = PF_LEVEL__COUNT;
    const char *note = NULL;
    for (size_t i = 0; i < count; i++) {
        struct pf_trial *trial = trials[i];
        const char *why = trial->skip ? NULL : need(trial);
        if (!why)
            continue;
        /* The scenarios' trials all ask for the same containment. */
        int r = level == PF_LEVEL__COUNT ? pf_launch_level(trial, trial->arena, &level, &note, error) : 0;
        if (r < 0)
            return r;
        if (level == PF_LEVEL_SUBREAPER)
            trial->skip = pf_arena_printf(trial->arena, "%s, and %s", why, note);
    }
    return 0;
}
