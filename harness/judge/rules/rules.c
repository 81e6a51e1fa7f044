#include "judge/rules/rule.h"

const struct pf_rule pf_rules[] = {
    {"join-before-drain", pf_rule_join_before_drain}, {"terminate-with-lock", pf_rule_terminate_with_lock},
    {"fork-with-threads", pf_rule_fork_with_threads}, {"hung-thread", pf_rule_hung_thread},
    {"inherited-fd", pf_rule_inherited_fd},           {"fd-exhaustion", pf_rule_fd_exhaustion},
    {"orphaned-daemon", pf_rule_orphaned_daemon},     {NULL, NULL},
};
