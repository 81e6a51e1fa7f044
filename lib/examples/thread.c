/*
 * Threads that are asked to end: one does, and cleans up; one hangs, is named, and holds nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mproc/deadline.h>
#include <mproc/error.h>
#include <mproc/thread.h>

static void clean_up(void *arg)
{
    printf("%s is cleaned up\n", (const char *)arg);
}

static int wait_politely(void *arg)
{
    mproc_thread_push_cleanup(clean_up, arg);
    return mproc_stop_sleep(MPROC_FOREVER); /* -ECANCELED: a stop ends every wait of the library */
}

static int hang(void *arg)
{
    (void)arg;
    while (pause() < 0)
        ;
    return 0;
}

int main(void)
{
    struct mproc_thread_result result;
    struct mproc_thread *polite, *stubborn;

    if (mproc_thread_start("polite", wait_politely, "polite", NULL, &polite))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    if (mproc_thread_start("stubborn", hang, NULL, NULL, &stubborn)) {
        fprintf(stderr, "%s\n", mproc_error_detail());
        mproc_thread_stop_all(mproc_deadline_ms(5000));
        return 1;
    }
    mproc_thread_ask(polite);
    if (mproc_thread_join(polite, mproc_deadline_ms(10000), &result))
        return fprintf(stderr, "%s\n", mproc_error_detail()), 1;
    printf("polite has ended: %s\n", mproc_strerror(result.result));
    mproc_thread_ask(stubborn);
    if (mproc_thread_join(stubborn, mproc_deadline_ms(100), NULL) != -ETIMEDOUT ||
        !strstr(mproc_error_detail(), mproc_thread_name(stubborn)))
        return fprintf(stderr, "stubborn does not hang: %s\n", mproc_error_detail()), 1;
    puts("stubborn has not ended; the program does all the same");
    mproc_thread_free(polite);
    mproc_thread_free(stubborn);
    return fflush(stdout) ? (perror("standard output"), 1) : 0;
}
