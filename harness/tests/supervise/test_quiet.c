/* When to look whether anything still moves. */
#include <criterion/criterion.h>

#include "supervise/quiet.h"

/* Otherwise the loop would spin until the program is there, on the very processor that it needs. */
Test(quiet, nothing_is_due_before_the_program_has_started, .timeout = 10)
{
    struct pf_run run = {.trace = pf_trace_new()};
    pf_quiet_init(&run);
    pf_quiet_tick(&run);
    cr_assert_eq(pf_quiet_due(&run), UINT64_MAX);
    run.started_ns = 1;
    cr_assert_lt(pf_quiet_due(&run), UINT64_MAX);
    pf_quiet_free(&run);
    pf_trace_free(run.trace);
}
