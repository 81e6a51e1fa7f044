#include "judge/pace.h"

enum {
    LOOKS_LEAST = 50,
    STATES_MOST = 8,   /* of a loop that does nothing */
    ASLEEP_SHARE = 10, /* a spinning thread sleeps a tenth of the time, or less */
    WAKES_LEAST = 10,  /* once or twice may be by chance */
    POLL_SHARE = 10,   /* a polling thread sleeps nine tenths of the time, or more */
};

bool pf_pace_spins(const struct pf_ev_pace *pace)
{
    return pace->looks >= LOOKS_LEAST && pace->states <= STATES_MOST &&
           (pace->run_ns + pace->queued_ns) * ASLEEP_SHARE >= pace->window_ns * (ASLEEP_SHARE - 1);
}

/* The last look may have caught it between two waits. */
const struct pf_thread_state *pf_pace_timed_wait(const struct pf_case *c, const struct pf_ev_pace *pace)
{
    uint64_t since = c->history->verdict->t_ns - pace->window_ns;
    for (size_t i = c->trace->count; i-- > 0;) {
        const struct pf_event *event = c->trace->events[i];
        if (event->kind != PF_EVENT_SNAPSHOT || event->t_ns < since)
            continue;
        const struct pf_thread_state *state = pf_snapshot_thread(&event->snapshot, pace->thread);
        if (state && (state->wait.timed || state->wait.kind == PF_WAIT_SLEEP))
            return state;
    }
    return NULL;
}

bool pf_pace_polls(const struct pf_case *c, const struct pf_ev_pace *pace)
{
    return pace->wakes >= WAKES_LEAST && !pace->bytes && !pace->bytes_unknown &&
           pace->run_ns * POLL_SHARE <= pace->window_ns && pf_pace_timed_wait(c, pace);
}

bool pf_pace_rests(const struct pf_ev_pace *pace)
{
    return pace->wakes < WAKES_LEAST && !pace->bytes && !pace->bytes_unknown &&
           pace->run_ns * POLL_SHARE <= pace->window_ns;
}
