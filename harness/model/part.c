#include "model/part.h"

/* So many numbers of what is missing are told; JSON has them all. */
enum { NUMBERS_TOLD = 12 };

static const char *const stops[] = {
    [PF_STOPPED_NOT] = "no", [PF_STOPPED_BUDGET] = "budget", [PF_STOPPED_INTERRUPT] = "interrupt"};
_Static_assert(sizeof(stops) / sizeof(stops[0]) == PF_STOPPED__COUNT, "a name for every reason");
const struct pf_names pf_stopped_names = PF_NAMES(stops);

static const struct pf_field part_fields[] = {
    PF_NAMED(struct pf_part, STRING, "fingerprint", plan, PF_NEEDED),
    PF_VALUE(struct pf_part, UINT, trials, PF_ALWAYS),
    PF_ARRAY(struct pf_part, UINTS, shards, shard_count, PF_ALWAYS),
    PF_VALUE(struct pf_part, UINT, of, PF_ALWAYS),
    PF_ENUM(struct pf_part, stopped, pf_stopped_names),
    PF_ARRAY(struct pf_part, UINTS, missing_shards, missing_shard_count),
    PF_ARRAY(struct pf_part, UINTS, missing_trials, missing_trial_count),
};
const struct pf_record pf_part_record = PF_RECORD(struct pf_part, part_fields);

uint64_t pf_part_shard_of(const struct pf_part *part, uint64_t id)
{
    return (part->trials ? (id - 1) % part->trials : id - 1) % part->of + 1;
}

bool pf_part_has_shard(const struct pf_part *part, uint64_t shard)
{
    for (size_t i = 0; i < part->shard_count; i++)
        if (part->shards[i] == shard)
            return true;
    return false;
}

bool pf_part_is_short(const struct pf_part *part)
{
    return part->stopped == PF_STOPPED_INTERRUPT || part->missing_shard_count ||
           (part->missing_trial_count && part->stopped != PF_STOPPED_BUDGET);
}

/* "3, 5-7, 9 and 20 more". */
static const char *list(const uint64_t *numbers, size_t count, struct pf_arena *arena)
{
    const char *text = "";
    size_t i = 0, told = 0;
    for (; i < count && told < NUMBERS_TOLD; told++) {
        size_t last = i;
        while (last + 1 < count && numbers[last + 1] == numbers[last] + 1)
            last++;
        unsigned long long from = numbers[i], to = numbers[last];
        text = from == to ? pf_arena_printf(arena, "%s%s%llu", text, told ? ", " : "", from)
                          : pf_arena_printf(arena, "%s%s%llu-%llu", text, told ? ", " : "", from, to);
        i = last + 1;
    }
    return i < count ? pf_arena_printf(arena, "%s and %zu more", text, count - i) : text;
}

const char *pf_part_name(const struct pf_part *part, struct pf_arena *arena)
{
    if (part->shard_count == part->of)
        return NULL;
    return pf_arena_printf(arena, "shard%s %s of %llu", part->shard_count > 1 ? "s" : "",
                           list(part->shards, part->shard_count, arena), (unsigned long long)part->of);
}

/* The missing trials that are not explained by a missing shard. */
static const uint64_t *lone_trials(const struct pf_part *part, struct pf_arena *arena, size_t *ret_count)
{
    uint64_t *lone = pf_arena_alloc(arena, (part->missing_trial_count + 1) * sizeof(*lone));
    size_t count = 0;
    for (size_t i = 0; i < part->missing_trial_count; i++)
        if (pf_part_has_shard(part, pf_part_shard_of(part, part->missing_trials[i])))
            lone[count++] = part->missing_trials[i];
    *ret_count = count;
    return lone;
}

const char *pf_part_lack(const struct pf_part *part, struct pf_arena *arena)
{
    const char *lack = NULL;
    if (part->missing_shard_count)
        lack =
            pf_arena_printf(arena, "shard%s %s of %llu %s missing", part->missing_shard_count > 1 ? "s" : "",
                            list(part->missing_shards, part->missing_shard_count, arena),
                            (unsigned long long)part->of, part->missing_shard_count > 1 ? "are" : "is");
    size_t count;
    const uint64_t *lone = lone_trials(part, arena, &count);
    if (count)
        lack = pf_arena_printf(arena, "%s%strial%s %s %s missing", lack ? lack : "", lack ? ", and " : "",
                               count > 1 ? "s" : "", list(lone, count, arena), count > 1 ? "are" : "is");
    if (part->missing_trial_count)
        lack = pf_arena_printf(arena, "%s: %zu of %llu trials are not there", lack, part->missing_trial_count,
                               (unsigned long long)part->trials);
    static const char *const reasons[] = {
        [PF_STOPPED_BUDGET] = "the budget is spent", [PF_STOPPED_INTERRUPT] = "interrupted"};
    if (part->stopped)
        lack = pf_arena_printf(arena, "%s%s%s", reasons[part->stopped], lack ? ": " : "", lack ? lack : "");
    return lack;
}
