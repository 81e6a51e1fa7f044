/* What tests of a log have in common: a log, its listener, and a folder for what that writes. */
#ifndef MPROC_TESTS_LOGGING_H
#define MPROC_TESTS_LOGGING_H

#include <criterion/criterion.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/log.h>

#include "log_files.h"

static struct mproc_log *mylog;
static struct mproc_log_listener *listener;

static inline void make_log(void)
{
    make_log_folder();
    listener = NULL;
    cr_assert_eq(mproc_log_create(NULL, &mylog), 0, "%s", mproc_error_detail());
}

static inline void end_log(void)
{
    mproc_log_unref(mylog);
    mproc_log_listener_free(listener);
    remove_log_folder();
}

static inline struct mproc_log_handler to_file(void)
{
    return (struct mproc_log_handler){.target = MPROC_LOG_TO_FILE, .path = log_path};
}

static inline void listen_with(struct mproc_log_handler handler)
{
    cr_assert_eq(mproc_log_listen(mylog, &handler, 1, NULL, &listener), 0, "%s", mproc_error_detail());
}

/* Gives the log back and waits until all is written. */
static inline void finish(void)
{
    mproc_log_unref(mylog);
    mylog = NULL;
    cr_assert_eq(mproc_log_listener_join(listener, mproc_deadline_ms(20000)), 0, "%s", mproc_error_detail());
}

static inline unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

#endif
