#include "judge/rules/rule.h"

const struct pf_rule pf_rules[] = {
    {"join-before-drain", pf_rule_join_before_drain},
    {"terminate-with-lock", pf_rule_terminate_with_lock},
    {"event-never-set", pf_rule_event_never_set},
    {"worker-killed-mid-task", pf_rule_worker_killed_mid_task},
    {"log-sentinel-lost", pf_rule_log_sentinel_lost},
    {"fork-with-threads", pf_rule_fork_with_threads},
    {"hung-thread", pf_rule_hung_thread},
    {"inherited-fd", pf_rule_inherited_fd},
    {"nested-child-join", pf_rule_nested_child_join},
    {"no-second-signal", pf_rule_no_second_signal},
    {"main-reimport", pf_rule_main_reimport},
    {"fd-exhaustion", pf_rule_fd_exhaustion},
    {"process-limit", pf_rule_process_limit},
    {"group-signal", pf_rule_group_signal},
    {"endless-poll", pf_rule_endless_poll},
    {"signal-during-spawn", pf_rule_signal_during_spawn},
    {"parent-killed", pf_rule_parent_killed},
    {"orphaned-daemon", pf_rule_orphaned_daemon},
    {NULL, NULL},
};
