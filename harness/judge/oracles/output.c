/* wrong-output: the program ended, but did not print what it is expected to print. */
#include <string.h>

#include "judge/oracles/oracle.h"
#include "model/baseline.h"

void pf_oracle_output(struct pf_case *c)
{
    const struct pf_life *root = pf_case_root(c);
    const char *expected = c->begin->expect.output;
    uint64_t dropped;
    if (!expected || c->begin->expect.finding || !c->begin->captured || !root || !root->exit)
        return;
    if (strstr(pf_printed_text(c->trace, c->scratch, &dropped), expected))
        return;
    const char *message =
        pf_arena_printf(c->scratch, "the standard output does not contain \"%s\"", expected);
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_WRONG_OUTPUT, PF_SEVERITY_FAIL, root->process, message);
    pf_case_cite(c, finding, root->exit->seq);
}
