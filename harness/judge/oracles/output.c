/* wrong-output: the program ended, but did not print what it is expected to print. */
#include <string.h>

#include "judge/oracles/oracle.h"

static const char *standard_output(struct pf_case *c)
{
    size_t size = 1;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_OUTPUT && event->output.text &&
            strcmp(event->output.stream, "stdout") == 0)
            size += strlen(event->output.text);
    }
    char *text = pf_arena_alloc(c->scratch, size), *at = text;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind == PF_EVENT_OUTPUT && event->output.text &&
            strcmp(event->output.stream, "stdout") == 0)
            at = stpcpy(at, event->output.text);
    }
    return text;
}

void pf_oracle_output(struct pf_case *c)
{
    const struct pf_life *root = pf_case_root(c);
    const char *expected = c->begin->expect.output;
    if (!expected || c->begin->expect.finding || !c->begin->captured || !root || !root->exit)
        return;
    if (strstr(standard_output(c), expected))
        return;
    const char *message =
        pf_arena_printf(c->scratch, "the standard output does not contain \"%s\"", expected);
    struct pf_finding *finding =
        pf_case_find(c, PF_FINDING_WRONG_OUTPUT, PF_SEVERITY_FAIL, root->process, message);
    pf_case_cite(c, finding, root->exit->seq);
}
