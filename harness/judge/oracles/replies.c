/*
 * wrong-output: somebody got an answer to what it had not asked. The program keeps books of what a thread
 * asks
 * ("asked") and of what the answers that it gets are to ("answered").
 */
#include <inttypes.h>

#include "judge/oracles/oracle.h"
#include "judge/replies.h"

void pf_oracle_replies(struct pf_case *c)
{
    struct pf_stray_reply stray;
    for (size_t at = 0; pf_replies_next_stray(c, &at, &stray);) {
        const char *thread = stray.asked->ledger.thread;
        const char *message =
            pf_arena_printf(c->scratch, "%s asked for %" PRIu64 " and got the answer to %" PRIu64,
                            pf_case_label(c, thread), stray.asked->ledger.id, stray.answered->ledger.id);
        struct pf_finding *finding = pf_case_find(c, PF_FINDING_WRONG_OUTPUT, PF_SEVERITY_FAIL,
                                                  pf_process_of(thread, c->scratch), message);
        pf_case_cite(c, finding, stray.asked->seq);
        pf_case_cite(c, finding, stray.answered->seq);
    }
}
