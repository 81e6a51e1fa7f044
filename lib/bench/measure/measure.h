/*
 * measure.h - what all benchmarks need: medians, peers in Python, and an end with a message when something
 * fails.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ends the program, with a message, if it is not so. */
void require(bool ok, const char *what);

/* Sorts the values. */
double median(double *values, size_t count);

/* Runs a program in Python whose words are in sys.argv[1:], and reads the number that it prints. 0: there is
 * no python3, or it failed. */
double python_figure(const char *program, const char *words);

enum { FIGURE_ROUNDS = 5 };

struct figure {
    const char *name;
    double rounds[FIGURE_ROUNDS];
};

/* Runs one that prints lines of a name and a number, and notes those that are asked for. */
void python_figures(const char *program, int round, struct figure *figures, size_t count);

#ifdef __cplusplus
}
#endif

#endif
