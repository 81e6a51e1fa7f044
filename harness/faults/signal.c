#include <errno.h>
#include <signal.h>

#include "faults/strike.h"

int pf_strike_signal(pid_t pid, int number)
{
    return kill(pid, number) < 0 ? -errno : 0;
}
