#include "sweep/sequel.h"

#include <string.h>

#include "model/part.h"

/*
 * Numbers: id = origin + slot x (number of planned trials). Slot 0 is the plan's own. Slots 1, 3, 5 and 7
 * strike the first four additional occurrences with the same fault, slot 2 the first of them with a kill;
 * slots 9 to 12 are 1, 3, 5 and 7 with the same fault once more at the occurrence after.
 */
enum { WIDTH = PF_SEQUELS_MOST / 2, THIRD = PF_SEQUELS_MOST + 1, SLOTS = THIRD + WIDTH };
_Static_assert((int)SLOTS == (int)PF_SEQUEL_SLOTS, "as many as a merge expects");

/* The last occurrence that is known to come without a second fault. */
static uint64_t known(const struct pf_planned *planned)
{
    uint64_t recorded = planned->point->occurrences;
    return recorded > planned->strike.last ? recorded : planned->strike.last;
}

static struct pf_strike strike_at(const struct pf_strike *like, uint64_t occurrence, bool kill)
{
    struct pf_strike strike = *like;
    strike.first = strike.last = occurrence;
    if (kill)
        strike.action = "kill";
    return strike;
}

struct pf_sequel pf_sequel_of(const struct pf_sweep_plan *plan, uint64_t id)
{
    uint64_t slot = (id - 1) / plan->count;
    struct pf_sequel sequel = {.origin = (id - 1) % plan->count + 1, .count = 1};
    const struct pf_planned *planned = &plan->planned[sequel.origin - 1];
    const struct pf_strike *first = &planned->strike;
    sequel.strikes[0] = *first;
    if (slot >= THIRD) {
        uint64_t additional = known(planned) + 1 + (slot - THIRD);
        sequel.strikes[sequel.count++] = strike_at(first, additional, false);
        sequel.strikes[sequel.count++] = strike_at(first, additional + 1, false);
    } else if (slot) {
        uint64_t additional = known(planned) + 1 + (slot - 1) / 2;
        sequel.strikes[sequel.count++] = strike_at(first, additional, slot % 2 == 0);
    }
    return sequel;
}

uint64_t pf_sequel_end(const struct pf_sweep_plan *plan)
{
    return plan->count * SLOTS + 1;
}

/* A call that fails, or falls short, once: what follows is the program's doing. */
static bool is_followed(const struct pf_planned *planned)
{
    const struct pf_strike *strike = &planned->strike;
    return planned->point->call && strike->first == strike->last &&
           (strncmp(strike->action, "error=", 6) == 0 || strncmp(strike->action, "short=", 6) == 0);
}

size_t pf_sequels_of(const struct pf_sweep_plan *plan, uint64_t id, uint64_t met, bool with_kill,
                     uint64_t ret_ids[PF_SEQUELS_MOST])
{
    uint64_t slot = (id - 1) / plan->count, origin = (id - 1) % plan->count + 1;
    const struct pf_planned *planned = &plan->planned[origin - 1];
    size_t count = 0;
    if (!is_followed(planned) || slot >= THIRD)
        return 0;
    if (slot) {
        uint64_t number = (slot - 1) / 2;
        if (slot % 2 == 1 && met > known(planned) + 1 + number)
            ret_ids[count++] = origin + (THIRD + number) * plan->count;
        return count;
    }
    for (uint64_t number = 0; number < WIDTH && known(planned) + 1 + number <= met; number++) {
        ret_ids[count++] = origin + (1 + 2 * number) * plan->count;
        if (with_kill && number == 0)
            ret_ids[count++] = origin + (2 + 2 * number) * plan->count;
    }
    return count;
}
