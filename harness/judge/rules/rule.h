/* rule.h - the registry of diagnosis rules: each knows one pitfall by its mechanism. */
#ifndef PF_JUDGE_RULES_RULE_H
#define PF_JUDGE_RULES_RULE_H

#include "judge/case.h"
#include "judge/chain.h"

/* What a rule that recognises its pitfall says about it. */
struct pf_match {
    const struct pf_chain
        *chain; /* the waits that show it; NULL: the rule has written nodes and edges, if any */
    const char
        *dead; /* process that could have ended the chain's last wait, had it not died; NULL: see the lock */
    const char *summary;
    const char *fix;
};

struct pf_rule {
    const char *pitfall; /* id in the catalogue */
    bool (*match)(struct pf_case *c, struct pf_match *ret_match);
};

/* The most specific first; ended by an entry without a pitfall. */
extern const struct pf_rule pf_rules[];

bool pf_rule_join_before_drain(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_terminate_with_lock(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_event_never_set(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_worker_killed_mid_task(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_log_sentinel_lost(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_fork_with_threads(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_hung_thread(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_inherited_fd(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_nested_child_join(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_fd_exhaustion(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_no_second_signal(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_main_reimport(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_process_limit(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_group_signal(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_signal_during_spawn(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_cleanup_raises(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_finalizer_order(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_terminate_mid_write(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_context_mix(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_unserializable_args(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_interleaved_log(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_stdio_double_flush(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_stale_global(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_closed_stdin(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_unreaped_zombie(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_stale_limit(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_endless_poll(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_parent_killed(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_handler_overridden(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_resource_collected_early(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_pool_args_mismatch(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_pool_not_closed(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_orphaned_daemon(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_needless_multiprocessing(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_bulk_shared_state(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_log_rotation_loss(struct pf_case *c, struct pf_match *ret_match);
bool pf_rule_shared_proxy(struct pf_case *c, struct pf_match *ret_match);

#endif
