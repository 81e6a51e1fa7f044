/* source_text.h - the text of a program, to be printed or quoted. */
#ifndef PF_CLI_SOURCE_TEXT_H
#define PF_CLI_SOURCE_TEXT_H

/* To be freed; NULL with errno: it cannot be read; NULL without: there is none, or it is empty. */
char *pf_source_text(const char *path);

#endif
