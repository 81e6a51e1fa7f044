#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mproc/error.h>

void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, strerror(errno), mproc_error_detail());
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

/* As a word of the command line, not as standard input: what it forks has that too. */
static FILE *start(const char *program, const char *words)
{
    char *command;

    if (asprintf(&command, "python3 -c \"$(cat <<'PYTHON'\n%sPYTHON\n)\" %s 2>/dev/null", program, words) < 0)
        return NULL;
    FILE *answer = popen(command, "re");
    free(command);
    return answer;
}

double python_figure(const char *program, const char *words)
{
    FILE *answer = start(program, words);
    double figure = 0;

    if (answer && fscanf(answer, "%lf", &figure) != 1)
        figure = 0;
    if (answer)
        pclose(answer);
    return figure;
}

void python_figures(const char *program, int round, struct figure *figures, size_t count)
{
    FILE *answer = start(program, "");
    char name[64];
    double figure;

    while (answer && fscanf(answer, "%63s %lf", name, &figure) == 2) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(figures[i].name, name) == 0)
                figures[i].rounds[round] = figure;
        }
    }
    if (answer)
        pclose(answer);
}
