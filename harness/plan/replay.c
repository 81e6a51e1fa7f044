/* The command line that does a trial again. */
#include <string.h>
#include <sys/resource.h>

#include "plan/plan.h"

#define PLAIN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

/* One word for a POSIX shell. */
static const char *quote(struct pf_arena *arena, const char *word)
{
    if (word[0] != '\0' && word[strspn(word, PLAIN_LETTERS)] == '\0')
        return word;
    /* Nothing is special between single quotes but the single quote: it goes outside, as \'. */
    static const char apostrophe[] = "'\\''";
    char *quoted = pf_arena_alloc(arena, 2 + strlen(word) * strlen(apostrophe) + 1), *end = quoted;
    *end++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            end = stpcpy(end, apostrophe);
        else
            *end++ = *word;
    }
    *end = '\'';
    return quoted;
}

static void add(struct pf_arena *arena, const char **line, const char *option, const char *value)
{
    *line = pf_arena_printf(arena, "%s %s %s", *line, option, quote(arena, value));
}

static const char *limit_text(struct pf_arena *arena, const struct pf_limit *limit)
{
    if (limit->value == RLIM_INFINITY)
        return pf_arena_printf(arena, "%s=unlimited", limit->resource);
    return pf_arena_printf(arena, "%s=%llu", limit->resource, (unsigned long long)limit->value);
}

static bool has_chance(const struct pf_trial *trial)
{
    for (size_t i = 0; i < trial->fault_count; i++)
        if (trial->faults[i].trigger.chance > 0)
            return true;
    return false;
}

const char *pf_plan_replay(const struct pf_trial *trial)
{
    struct pf_arena *arena = trial->arena;
    const char *line = "pitfall run";
    if (trial->directory)
        line = pf_arena_printf(arena, "cd %s && %s", quote(arena, trial->directory), line);
    if (trial->attempts > 1)
        line = pf_arena_printf(arena, "%s --until-fail %zu", line, trial->attempts);
    for (size_t i = 0; i < trial->fault_count; i++)
        add(arena, &line, "--inject", trial->faults[i].spec);
    if (has_chance(trial))
        add(arena, &line, "--seed", pf_arena_printf(arena, "%llu", (unsigned long long)trial->seed));
    for (size_t i = 0; i < trial->limit_count; i++)
        add(arena, &line, "--limit", limit_text(arena, &trial->limits[i]));
    if (trial->share)
        add(arena, &line, "--share", pf_share_text(trial->share, arena));
    if (trial->max_processes != PF_MAX_PROCESSES_DEFAULT)
        line =
            pf_arena_printf(arena, "%s --max-processes %llu", line, (unsigned long long)trial->max_processes);
    if (trial->isolate)
        line = pf_arena_printf(arena, "%s --isolate", line);
    if (trial->deadline_ns != PF_DEADLINE_DEFAULT_NS)
        add(arena, &line, "--deadline", pf_duration_text(trial->deadline_ns, arena));
    if (trial->grace_ns != PF_GRACE_DEFAULT_NS)
        add(arena, &line, "--grace", pf_duration_text(trial->grace_ns, arena));
    if (trial->expect.daemon)
        line = pf_arena_printf(arena, "%s --allow-daemon", line);
    if (trial->expect.exit)
        add(arena, &line, "--expect-exit", trial->expect.exit);
    if (trial->expect.baseline)
        line = pf_arena_printf(arena, "%s --expect-same", line);
    if (trial->expect.printed && trial->expect.printed->name)
        add(arena, &line, "--expect-output", trial->expect.printed->name);
    if (trial->expect.output)
        add(arena, &line, "--expect-text", trial->expect.output);
    line = pf_arena_printf(arena, "%s --", line);
    for (size_t i = 0; i < trial->command_count; i++)
        line = pf_arena_printf(arena, "%s %s", line, quote(arena, trial->command[i]));
    return line;
}
