#include "judge/oracles/oracle.h"

const struct pf_oracle pf_oracles[] = {
    {"unfired", pf_oracle_unfired},     {"deadlock", pf_oracle_deadlock},
    {"busy-loop", pf_oracle_busy_loop}, {"hang", pf_oracle_hang},
    {"orphan", pf_oracle_orphan},       {"explosion", pf_oracle_explosion},
    {"limit", pf_oracle_limit},         {"fd-leak", pf_oracle_fd_leak},
    {"ledger", pf_oracle_ledger},       {"state", pf_oracle_state},
    {"replies", pf_oracle_replies},     {"crash", pf_oracle_crash},
    {"killed", pf_oracle_killed},       {"exit", pf_oracle_exit},
    {"output", pf_oracle_output},       {"comparison", pf_oracle_comparison},
    {"zombie", pf_oracle_zombie},       {"leftovers", pf_oracle_leftovers},
    {"cost", pf_oracle_cost},           {NULL, NULL},
};
