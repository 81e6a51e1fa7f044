/*
 * wrong-output: somebody worked with a value that was out of date before it was born. The program keeps books
 * of what a variable is set to ("set:NAME") and of what is read ("read:NAME"). Who reads while somebody sets
 * may see either; who was started after the value had been set should see that one.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/state.h"

void pf_oracle_state(struct pf_case *c)
{
    struct pf_stale_read stale;
    for (size_t at = 0; pf_state_next_stale(c, &at, &stale);) {
        const char *reader = pf_process_of(stale.read->ledger.thread, c->scratch);
        const char *setter = pf_process_of(stale.set->ledger.thread, c->scratch);
        const char *message = pf_arena_printf(c->scratch,
                                              "%s read %" PRIu64 " for \"%s\", which %s had set to %" PRIu64
                                              " before %s was started",
                                              pf_case_label(c, reader), stale.read->ledger.id, stale.name,
                                              pf_case_label(c, setter), stale.set->ledger.id, reader);
        struct pf_finding *finding =
            pf_case_find(c, PF_FINDING_WRONG_OUTPUT, PF_SEVERITY_FAIL, reader, message);
        pf_case_cite(c, finding, stale.set->seq);
        pf_case_cite(c, finding, stale.read->seq);
    }
}
