#include "supervise/names.h"

#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 1024, SIGNALS = 65, SIGNAL_NAME_BYTES = 24 };

const char *pf_call_name(int number)
{
    static char *names[CALLS];
    if (number < 0 || number >= CALLS)
        return "?";
    if (!names[number])
        names[number] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    return names[number] ? names[number] : "?";
}

const char *pf_signal_name(int number)
{
    static char names[SIGNALS][SIGNAL_NAME_BYTES];
    if (number <= 0 || number >= SIGNALS)
        return "?";
    char *name = names[number];
    if (*name)
        return name;
    const char *abbreviation = sigabbrev_np(number);
    if (abbreviation)
        snprintf(name, SIGNAL_NAME_BYTES, "SIG%s", abbreviation);
    else
        snprintf(name, SIGNAL_NAME_BYTES, "SIGRTMIN+%d", (number - SIGRTMIN) % SIGNALS);
    return name;
}
