/* How long a storm rages: MPROC_STORM_KILLS=1000 instead of what the machine of a developer has time for. */
#ifndef MPROC_TESTS_STORM_H
#define MPROC_TESTS_STORM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline unsigned storm_kills(unsigned usual)
{
    const char *wanted = getenv("MPROC_STORM_KILLS");
    unsigned kills;
    char beyond;

    if (!wanted)
        return usual;
    if (sscanf(wanted, "%u%c", &kills, &beyond) != 1 || kills == 0) {
        fprintf(stderr, "MPROC_STORM_KILLS is '%s': write how many kills a storm is to have\n", wanted);
        abort();
    }
    return kills;
}

/* A suite's .timeout: that of a storm of thousands. What bounds the usual ones is CTest. */
#define STORM_TIMEOUT_S 3600

#endif
