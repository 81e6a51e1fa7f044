/*
 * Alarms of a tree that was found: alarm and setitimer leave no trace in /proc that says whose they are. But
 * root may see the kernel's list of all timers, and when none of them is of that kind, nobody has an alarm.
 *
 * Timers that count processor time do not go off while nobody runs, and POSIX timers have a list of their
 * own.
 */
#include "probe/alarms.h"

#include <signal.h>
#include <string.h>

enum { NOT_ASKED, NONE, SOME_OR_UNKNOWN }; /* of survey->alarms */

static int ask(struct pf_survey *survey)
{
    char *text;
    /* Some containers show an empty file in its place. */
    bool listed =
        pf_proc_read_all("/proc/timer_list", survey->arena, &text) == 0 && strstr(text, "active timers");
    return listed && !strstr(text, "it_real_fn") ? NONE : SOME_OR_UNKNOWN;
}

/* A kernel without checkpoints does not list the POSIX timers of a process. */
static bool lists_posix_timers(void)
{
    char text[64];
    return pf_proc_read("/proc/self/timers", text, sizeof(text)) >= 0;
}

static bool has(uint64_t signals, int number)
{
    return signals >> (number - 1) & 1;
}

void pf_alarms_describe(struct pf_survey *survey, const struct pf_site *site, struct pf_process_state *state)
{
    if (survey->alarms == NOT_ASKED)
        survey->alarms = ask(survey);
    bool possible = survey->alarms != NONE && !has(site->status.ignored, SIGALRM);
    /* Who handles the signal means to get it. */
    if (possible && has(site->status.handlers, SIGALRM))
        state->timer = true;
    else if (possible || !lists_posix_timers())
        state->alarm_unseen = true;
}
