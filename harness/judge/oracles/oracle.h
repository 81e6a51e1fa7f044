/* oracle.h - the registry of oracles: each looks at one trial and says whether one kind of thing went wrong.
 */
#ifndef PF_JUDGE_ORACLES_ORACLE_H
#define PF_JUDGE_ORACLES_ORACLE_H

#include "judge/case.h"

struct pf_oracle {
    const char *name;
    void (*examine)(struct pf_case *c); /* adds findings to the case */
};

/* In the order in which their findings are listed; ended by an entry without a name. */
extern const struct pf_oracle pf_oracles[];

void pf_oracle_deadlock(struct pf_case *c);
void pf_oracle_hang(struct pf_case *c);
void pf_oracle_orphan(struct pf_case *c);
void pf_oracle_zombie(struct pf_case *c);
void pf_oracle_crash(struct pf_case *c);
void pf_oracle_killed(struct pf_case *c);
void pf_oracle_exit(struct pf_case *c);
void pf_oracle_limit(struct pf_case *c);
void pf_oracle_fd_leak(struct pf_case *c);
void pf_oracle_ledger(struct pf_case *c);
void pf_oracle_output(struct pf_case *c);
void pf_oracle_comparison(struct pf_case *c);
void pf_oracle_explosion(struct pf_case *c);
void pf_oracle_busy_loop(struct pf_case *c);
void pf_oracle_leftovers(struct pf_case *c);
void pf_oracle_state(struct pf_case *c);
void pf_oracle_replies(struct pf_case *c);
void pf_oracle_cost(struct pf_case *c);
void pf_oracle_unfired(struct pf_case *c);

/* SIGSEGV and its like: the process broke, whoever sent it. */
bool pf_is_crash_signal(uint64_t number);

#endif
