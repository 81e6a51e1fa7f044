#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <mproc/deadline.h>
#include <mproc/error.h>

#include "error_internal.h"

TestSuite(error, .timeout = 20);

Test(error, every_number_has_a_sentence)
{
    cr_expect_str_eq(mproc_strerror(0), "Success");
    cr_expect_str_eq(mproc_strerror(-ENOENT), mproc_strerror(ENOENT));
    cr_expect(strstr(mproc_strerror(-ECANCELED), "stop token"));
    cr_expect(strstr(mproc_strerror(-99999), "99999"));
    cr_expect_not_null(mproc_strerror(INT_MIN));
}

static void *look(void *arg)
{
    *(size_t *)arg = strlen(mproc_error_detail());
    return NULL;
}

Test(error, the_detail_belongs_to_the_thread_and_keeps_errno)
{
    pthread_t thread;
    size_t length = 1;
    errno = EXDEV;
    cr_expect_eq(mproc_fail(-EPERM, "limit %d of %s", 5, "files"), -EPERM);
    cr_expect_eq(errno, EXDEV);
    cr_expect_str_eq(mproc_error_detail(), "limit 5 of files");
    pthread_create(&thread, NULL, look, &length);
    pthread_join(thread, NULL);
    cr_expect_eq(length, 0);
}

Test(error, deadlines_saturate)
{
    uint64_t now_ns = mproc_clock_ns();
    uint64_t soon_ns = mproc_deadline_ms(1000);
    cr_expect_geq(soon_ns, now_ns + 1000000000u);
    cr_expect_eq(mproc_deadline_ms(UINT64_MAX), MPROC_FOREVER);
    cr_expect_eq(mproc_deadline_ms(UINT64_MAX / 1000000u), MPROC_FOREVER);
    cr_expect_neq(mproc_deadline_ms(0), MPROC_NOW);
}
