#include "cli/trial_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pf_trial_set_inject(void *data, const char *value, struct pf_error *error)
{
    struct pf_trial *trial = ((struct pf_trial_settings *)data)->trial;
    struct pf_fault fault;
    int r = pf_fault_parse(value, trial->arena, &fault, error);
    if (r < 0)
        return r;
    struct pf_fault *slot =
        pf_arena_grow(trial->arena, &trial->faults, &trial->fault_count, sizeof(*trial->faults));
    *slot = fault;
    return 0;
}

int pf_trial_set_limit(void *data, const char *value, struct pf_error *error)
{
    struct pf_trial *trial = ((struct pf_trial_settings *)data)->trial;
    struct pf_limit limit;
    int r = pf_limit_parse(value, trial->arena, &limit, error);
    if (r < 0)
        return r;
    struct pf_limit *slot =
        pf_arena_grow(trial->arena, &trial->limits, &trial->limit_count, sizeof(*trial->limits));
    *slot = limit;
    return 0;
}

int pf_trial_set_deadline(void *data, const char *value, struct pf_error *error)
{
    return pf_duration_parse(value, &((struct pf_trial_settings *)data)->trial->deadline_ns, error);
}

int pf_trial_set_grace(void *data, const char *value, struct pf_error *error)
{
    return pf_duration_parse(value, &((struct pf_trial_settings *)data)->trial->grace_ns, error);
}

int pf_trial_set_seed(void *data, const char *value, struct pf_error *error)
{
    char *end;
    errno = 0;
    uint64_t seed = strtoull(value, &end, 0);
    if (*value < '0' || *value > '9' || *end || errno || seed > INT64_MAX)
        return pf_error_set(error, -EINVAL, "\"%s\": a number from 0 to %lld was expected", value,
                            (long long)INT64_MAX);
    ((struct pf_trial_settings *)data)->trial->seed = seed;
    return 0;
}

int pf_trial_set_max_processes(void *data, const char *value, struct pf_error *error)
{
    char *end;
    errno = 0;
    unsigned long long count = strtoull(value, &end, 10);
    if (errno || value[0] < '0' || value[0] > '9' || *end)
        return pf_error_set(error, -EINVAL, "\"%s\": a number of processes was expected, or 0 for no bound",
                            value);
    ((struct pf_trial_settings *)data)->trial->max_processes = count;
    return 0;
}

int pf_trial_set_share(void *data, const char *value, struct pf_error *error)
{
    return pf_share_parse(value, &((struct pf_trial_settings *)data)->trial->share, error);
}

int pf_trial_set_isolate(void *data, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct pf_trial_settings *)data)->trial->isolate = true;
    return 0;
}

int pf_trial_set_daemon(void *data, const char *value, struct pf_error *error)
{
    (void)value, (void)error;
    ((struct pf_trial_settings *)data)->trial->expect.daemon = true;
    return 0;
}

int pf_trial_set_exit(void *data, const char *value, struct pf_error *error)
{
    struct pf_trial_settings *settings = data;
    size_t digits = strspn(value, "0123456789");
    bool number = digits && digits <= 3 && !value[digits];
    if (strcmp(value, "any") != 0 && !(number && strtol(value, NULL, 10) <= 255))
        return pf_error_set(error, -EINVAL, "\"%s\": a status from 0 to 255 was expected, or any", value);
    settings->trial->expect.exit = value;
    return 0;
}

int pf_trial_set_output(void *data, const char *value, struct pf_error *error)
{
    struct pf_trial *trial = ((struct pf_trial_settings *)data)->trial;
    trial->capture = true;
    return pf_content_read(value, trial->arena, &trial->expect.printed, error);
}

int pf_trial_set_text(void *data, const char *value, struct pf_error *error)
{
    (void)error;
    struct pf_trial_settings *settings = data;
    settings->trial->expect.output = value;
    settings->trial->capture = true;
    return 0;
}

void pf_trial_settings_finish(struct pf_trial_settings *settings, int count, char **words)
{
    struct pf_trial *trial = settings->trial;
    trial->command = pf_arena_alloc(trial->arena, ((size_t)count + 1) * sizeof(*trial->command));
    trial->command_count = (size_t)count;
    for (int i = 0; i < count; i++)
        trial->command[i] = words[i];
    trial->stacks = trial->fault_count > 0;
    trial->replay = pf_plan_replay(trial);
    trial->stdout_to_stderr = pf_deliver_to_stdout(&settings->reports.deliveries);
}
