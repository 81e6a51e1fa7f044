/*
 * python.h - the same work by Python's multiprocessing.Queue (python.py).
 */
#ifndef BENCH_QUEUE_PYTHON_H
#define BENCH_QUEUE_PYTHON_H

#include "carrier.h"

/* Where producers (CPU 1) and consumers (CPU 0) run. */
enum placement { UNPINNED, ONE_CPU, TWO_CPUS, PLACEMENTS };

/* Operations per second; 0 when there is no python3. */
double python_rate(const struct shape *shape, bool round_trip, long count, enum placement placement);

#endif
