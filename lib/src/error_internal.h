/* How the library reports an error: the number goes up as the return value, the sentence stays in the thread.
 */
#ifndef MPROC_ERROR_INTERNAL_H
#define MPROC_ERROR_INTERNAL_H

#include <mproc/export.h>

/* Sets the calling thread's detail and returns `err` (a negative errno), so that one writes `return
 * mproc_fail(…)`. Keeps errno. Threads: any. Async-signal safety: not safe. */
int mproc_fail(int err, const char *format, ...) MPROC_PRINTF(2, 3);

/* The detail, if it is of this error; else "". Threads: any. */
const char *mproc_detail_of(int err);

/* Makes the detail empty, so that an old one is not taken for the reason of what comes. Threads: any. */
void mproc_forget_detail(void);

#endif
