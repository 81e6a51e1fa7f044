/* Records that others take: the system's log, and another program's. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include <criterion/criterion.h>

#include <mproc/pipe.h>

#include "logging.h"

TestSuite(log_remote, .init = make_log, .fini = end_log, .timeout = 60);

Test(log_remote, speaks_to_the_system_log)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct mproc_log_handler handler = {
        .target = MPROC_LOG_TO_SYSLOG, .path = name.sun_path, .ident = "daemon", .facility = LOG_DAEMON};
    struct mproc_log_stat stat;
    char datagram[500];

    snprintf(name.sun_path, sizeof(name.sun_path), "%s/syslog", log_folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    listen_with(handler);
    mproc_log_error(mylog, "nobody hears this");
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), -EIO);
    mproc_log_get_stat(mylog, &stat);
    cr_expect_eq(stat.failed, 1);
    cr_expect_eq(stat.written, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
        mproc_log_error(mylog, "bad\n");
        ssize_t len = recv(fd, datagram, sizeof(datagram) - 1, 0);
        cr_assert_gt(len, 0);
        datagram[len] = '\0';
        cr_expect_eq(strncmp(datagram, "<27>", 4), 0, "%s", datagram);
        cr_expect_not_null(strstr(datagram, " daemon["));
        cr_expect_str_eq(strstr(datagram, "]: ") + 3, "bad\\n");
        /* Started anew. */
        close(fd);
        unlink(name.sun_path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    close(fd);
    finish();
}

/* More than a socket holds that nobody reads: one record waits in vain, and the others do not. */
Test(log_remote, a_system_log_that_takes_nothing_holds_up_the_others_once)
{
    enum { RECORDS = 3000 };
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_SYSLOG, .path = name.sun_path};
    struct mproc_log_stat stat;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s/syslog", log_folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    listen_with(handler);
    for (int i = 0; i < RECORDS; i++)
        cr_assert_eq(mproc_log_info(mylog, "%d", i), 0);
    cr_expect_eq(mproc_log_flush(mylog, mproc_deadline_ms(20000)), -EIO);
    mproc_log_get_stat(mylog, &stat);
    cr_expect_gt(stat.failed, 1);
    cr_expect_eq(stat.written + stat.failed, RECORDS);
    cr_expect_eq(stat.last_error, -EAGAIN);
    close(fd);
    finish();
}

/* Until it holds no more; then it takes all there is, and what comes. */
Test(log_remote, a_server_that_takes_nothing_holds_up_the_others_once)
{
    enum { RECORDS = 200, BYTES = 10000 };
    char where[80], text[BYTES + 1];
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_SOCKET, .path = where};
    struct mproc_listener *server;
    struct mproc_log_stat stat;
    struct mproc_pipe *pipe;
    void *frame;
    size_t len;

    snprintf(where, sizeof(where), "%s/server", log_folder);
    memset(text, 'x', BYTES);
    text[BYTES] = '\0';
    cr_assert_eq(mproc_listener_open(&(struct mproc_listener_options){.path = where}, &server), 0);
    listen_with(handler);
    uint64_t begin_ns = mproc_clock_ns();
    for (int i = 0; i < RECORDS; i++) {
        mproc_log_info(mylog, "%s", text);
        int r = mproc_log_flush(mylog, MPROC_FOREVER);
        cr_expect(r == 0 || r == -EIO, "%s", mproc_error_detail());
    }
    cr_expect_lt(mproc_clock_ns() - begin_ns, UINT64_C(6000000000), "it waits for a second");
    mproc_log_get_stat(mylog, &stat);
    cr_expect_gt(stat.failed, 20);
    cr_assert_eq(mproc_listener_accept(server, mproc_deadline_ms(10000), &pipe), 0);
    for (uint64_t i = 0; i < RECORDS - stat.failed; i++) {
        cr_assert_eq(mproc_pipe_receive(pipe, mproc_deadline_ms(10000), &frame, &len), 0);
        free(frame);
    }
    mproc_log_info(mylog, "again");
    cr_assert_eq(mproc_pipe_receive(pipe, mproc_deadline_ms(10000), &frame, &len), 0);
    cr_expect_not_null(memmem(frame, len, "again", 5));
    free(frame);
    mproc_pipe_unref(pipe);
    mproc_listener_close(server);
    finish();
}

Test(log_remote, one_log_feeds_another)
{
    char where[80];
    struct mproc_log_handler handler = {.target = MPROC_LOG_TO_SOCKET, .path = where};
    struct mproc_log_listener *forwarder;
    struct mproc_log_server *server;
    struct mproc_log *near;

    snprintf(where, sizeof(where), "%s/server", log_folder);
    listen_with(to_file());
    cr_assert_eq(mproc_log_create(NULL, &near), 0);
    cr_assert_eq(mproc_log_listen(near, &handler, 1, NULL, &forwarder), 0);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(mproc_log_serve(mylog, &(struct mproc_listener_options){.path = where}, &server), 0,
                     "%s", mproc_error_detail());
        cr_expect_str_eq(mproc_log_server_address(server), where);
        for (int i = 0; i < 1000; i++) {
            const struct mproc_log_field field = mproc_log_int("n", i);
            cr_assert_eq(mproc_log_write(near, MPROC_LOG_INFO, &field, 1, "from afar"), 0);
        }
        cr_expect_eq(mproc_log_flush(near, MPROC_FOREVER), 0);
        mproc_log_server_close(server);
    }
    /* What is no record is counted, and the connection goes on. */
    struct mproc_pipe *enemy;
    struct mproc_log_stat stat;
    cr_assert_eq(mproc_log_serve(mylog, NULL, &server), 0);
    cr_assert_eq(mproc_pipe_connect(mproc_log_server_address(server), NULL, MPROC_NOW, &enemy), 0);
    cr_expect_eq(mproc_pipe_send(enemy, "\x05\0\0\0nonsense", 12, MPROC_NOW), 0);
    cr_expect_eq(mproc_pipe_send(enemy, "\xff\xff\xff\xff", 4, MPROC_NOW), 0);
    mproc_log_server_close(server);
    mproc_pipe_unref(enemy);
    mproc_log_get_stat(mylog, &stat);
    cr_expect_eq(stat.failed, 2);
    cr_expect_eq(mproc_log_flush(mylog, MPROC_FOREVER), 0, "what was no record was not accepted");
    mproc_log_unref(near);
    cr_expect_eq(mproc_log_listener_join(forwarder, mproc_deadline_ms(20000)), 0);
    mproc_log_listener_free(forwarder);
    finish();
    char *text = read_log(log_path);
    cr_expect_eq(count_of(text, "from afar n="), 2000);
    cr_expect_eq(count_of(text, "from afar n=999\n"), 2);
    free(text);
}
