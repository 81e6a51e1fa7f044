#include <string.h>
#include <xxhash.h>

#include "plan/plan.h"

/* The terminating zero parts the texts, and no text is another one than the empty text. */
static uint64_t add_text(uint64_t hash, const char *text)
{
    return text ? XXH3_64bits_withSeed(text, strlen(text) + 1, hash) : XXH3_64bits_withSeed("\1", 1, hash);
}

static uint64_t add_number(uint64_t hash, uint64_t number)
{
    return XXH3_64bits_withSeed(&number, sizeof(number), hash);
}

uint64_t pf_plan_fingerprint(const struct pf_trial *trial, uint64_t before)
{
    uint64_t hash = add_text(before, PITFALL_VERSION);
    hash = add_text(hash, trial->scenario);
    hash = add_text(hash, trial->variant);
    /* A scenario has paths of this machine in its command. */
    for (size_t i = 0; i < trial->command_count && !trial->scenario; i++)
        hash = add_text(hash, trial->command[i]);
    for (size_t i = 0; i < trial->fault_count; i++)
        hash = add_text(hash, trial->faults[i].spec);
    for (size_t i = 0; i < trial->limit_count; i++)
        hash = add_number(add_text(hash, trial->limits[i].resource), trial->limits[i].value);
    hash = add_number(hash, trial->deadline_ns);
    hash = add_number(hash, trial->grace_ns);
    hash = add_number(hash, trial->share);
    hash = add_text(hash, trial->expect.finding);
    hash = add_text(hash, trial->expect.diagnosis);
    hash = add_text(hash, trial->expect.output);
    return add_text(hash, trial->expect.exit);
}
