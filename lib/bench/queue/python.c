#include "python.h"

#include <stdio.h>

double python_rate(const struct shape *shape, bool round_trip, long count, enum placement placement)
{
    char command[512];
    double seconds = 0;

    snprintf(command, sizeof(command), "python3 '%s' %zu %zu %d %d %d %ld %d 2>&1", BENCH_QUEUE_PYTHON,
             shape->size, shape->capacity, shape->producers, shape->consumers, round_trip, count, placement);
    FILE *answer = popen(command, "re");
    require(answer != NULL, "popen");
    int found = fscanf(answer, "%lf", &seconds);
    pclose(answer);
    return found == 1 && seconds > 0 ? (double)count / seconds : 0;
}
