/* news.h - waits for something to happen, as against waits for a lock, for room or for an end; and who has
 * died that could have brought the news. */
#ifndef PF_JUDGE_NEWS_H
#define PF_JUDGE_NEWS_H

#include "judge/case.h"

/* The thread waits for news: for data, for a connection, for a word in memory that no lock is known to be. */
bool pf_waits_for_news(const struct pf_graph *graph, size_t thread);
/* All who could bring the news are in its own process, or wait for the end of it. */
bool pf_only_waiters_bring_news(const struct pf_graph *graph, size_t thread);
/* Where the stack tells: it stands in a condition variable, an event or a barrier, and so waits for no lock.
 */
bool pf_stands_in_condition(const struct pf_case *c, const char *thread);

/* Of all of these only those that were born of the image which their parent has now: the others, helpers of a
 * program that it was before, know nothing of what is waited for. */
/* Where the stack tells: it waits for an event of Python, which remembers that it was set. */
bool pf_stands_in_event(const struct pf_case *c, const char *thread);
/* Where the stack tells: it runs a Python program. */
bool pf_stands_in_python(const struct pf_case *c, const char *thread);
/* ... and joins a thread, or the interpreter does that for it at its end. */
bool pf_stands_in_python_join(const struct pf_case *c, const char *thread);
/* Where the stack tells: the innermost frame of Python is the method of that name of a module that belongs to
 * Python. */
bool pf_stands_in_method(const struct pf_case *c, const char *thread, const char *method);
/* ... and waits for a lock there, right in the program's own code. */
bool pf_stands_at_lock(const struct pf_case *c, const char *thread);

/* The last child of the process that a signal ended before the verdict, a crash included. NULL: none. */
const struct pf_life *pf_killed_child(const struct pf_case *c, const char *process);
/* The last child or sibling of the process that somebody killed; a crash is another story. NULL: none. */
const struct pf_life *pf_killed_relative(const struct pf_case *c, const char *process);
/* The same; if nobody killed any, the last one that ended by itself and ran in the memory that it was forked
 * with. */
const struct pf_life *pf_gone_relative(const struct pf_case *c, const char *process);
/* "was killed by SIGKILL (the injected fault)". */
const char *pf_phrase_killed(const struct pf_case *c, const struct pf_life *life);

#endif
