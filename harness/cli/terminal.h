/* terminal.h - what is on the other side of a descriptor. */
#ifndef PF_CLI_TERMINAL_H
#define PF_CLI_TERMINAL_H

#include <stdbool.h>

/* Columns of the terminal; $COLUMNS or 80 where there is none. */
int pf_terminal_width(int fd);

/* Escapes are welcome: a terminal that knows them, and NO_COLOR is not set. */
bool pf_terminal_colour(int fd);

#endif
