#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/error.h>
#include <mproc/pipe.h>
#include <mproc/stop.h>
#include <mproc/thread.h>

#include "sleeper.h"

static char folder[] = "/tmp/mproc-listener-XXXXXX";
static char path[64];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
}

static void tear_down(void)
{
    cr_expect_eq(rmdir(folder), 0, "something was left in it");
}

TestSuite(listener, .init = set_up, .fini = tear_down, .timeout = 30);

static struct mproc_listener *listen_at(const char *where)
{
    struct mproc_listener *listener;

    cr_assert_eq(mproc_listener_open(&(struct mproc_listener_options){.path = where}, &listener), 0, "%s",
                 mproc_error_detail());
    return listener;
}

static void converse(struct mproc_listener *listener)
{
    struct mproc_pipe *client, *server;
    struct mproc_waitable item = {.listener = listener};
    struct mproc_peer peer;
    size_t len;
    void *got;

    cr_expect_eq(mproc_pipe_wait(&item, 1, MPROC_NOW, NULL), -EAGAIN);
    cr_assert_eq(mproc_pipe_connect(mproc_listener_address(listener), NULL, MPROC_NOW, &client), 0, "%s",
                 mproc_error_detail());
    cr_expect_eq(mproc_pipe_wait(&item, 1, MPROC_NOW, NULL), 0);
    cr_expect_eq(mproc_pipe_send(client, "hello", 5, MPROC_NOW), 0, "before it is accepted");
    cr_assert_eq(mproc_listener_accept(listener, MPROC_NOW, &server), 0, "%s", mproc_error_detail());
    cr_expect_eq(mproc_pipe_get_peer(server, &peer), 0);
    cr_expect_eq(peer.pid, getpid());
    cr_expect_eq(mproc_pipe_receive(server, MPROC_NOW, &got, &len), 0);
    cr_expect_eq(len, 5);
    free(got);
    cr_expect_eq(mproc_pipe_send(server, "world", 5, MPROC_NOW), 0);
    mproc_pipe_unref(server);
    cr_expect_eq(mproc_pipe_receive(client, MPROC_NOW, &got, &len), 0);
    free(got);
    cr_expect_eq(mproc_pipe_receive(client, MPROC_NOW, &got, &len), -EPIPE);
    mproc_pipe_unref(client);
}

Test(listener, connects_under_a_name_of_the_kernel)
{
    struct mproc_listener *listener = listen_at(NULL);
    struct mproc_listener *other = listen_at(NULL);

    cr_expect_eq(mproc_listener_address(listener)[0], '@');
    cr_expect_str_neq(mproc_listener_address(listener), mproc_listener_address(other));
    converse(listener);
    mproc_listener_close(other);
    mproc_listener_close(listener);
    mproc_listener_close(NULL);
}

Test(listener, connects_at_a_path_and_removes_it)
{
    struct mproc_listener *listener = listen_at(path);
    struct stat status;

    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    converse(listener);
    mproc_listener_close(listener);
    cr_expect_eq(stat(path, &status), -1);
}

Test(listener, replaces_what_a_killed_one_left_and_nothing_else)
{
    struct mproc_listener *listener, *second = NULL;
    struct mproc_pipe *pipe = NULL;
    pid_t pid = fork();

    if (pid == 0) {
        listen_at(path);
        raise(SIGKILL);
    }
    exit_code(pid);
    cr_expect_eq(mproc_pipe_connect(path, NULL, MPROC_NOW, &pipe), -ECONNREFUSED);
    listener = listen_at(path);
    cr_expect_eq(mproc_listener_open(&(struct mproc_listener_options){.path = path}, &second), -EADDRINUSE);
    cr_expect_null(second);
    converse(listener);
    /* Somebody else's by now. */
    unlink(path);
    second = listen_at(path);
    mproc_listener_close(listener);
    converse(second);
    mproc_listener_close(second);
    cr_expect_eq(mproc_pipe_connect(path, NULL, MPROC_NOW, &pipe), -ENOENT);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_expect_eq(mproc_listener_open(&(struct mproc_listener_options){.path = path}, &second), -ENOTSOCK);
    close(fd);
    unlink(path);
}

Test(listener, one_of_many_who_come_at_once_gets_the_path)
{
    pid_t pids[16];
    int go[2], told[2], wins = 0;
    char letter;

    cr_assert_eq(pipe2(told, O_CLOEXEC), 0);
    for (int round = 0; round < 10; round++) {
        cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
        pid_t dead = fork();
        if (dead == 0) {
            listen_at(path);
            raise(SIGKILL);
        }
        exit_code(dead);
        for (int i = 0; i < 16; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct mproc_listener *listener;
                close(go[1]);
                if (read(go[0], &letter, 1) != 0)
                    _exit(3);
                int err = mproc_listener_open(&(struct mproc_listener_options){.path = path}, &listener);
                letter = err == 0 ? 'w' : err == -EADDRINUSE ? 'l' : '?';
                if (write(told[1], &letter, 1) == 1)
                    pause();
                _exit(1);
            }
        }
        close(go[1]);
        for (int i = 0; i < 16; i++) {
            cr_assert_eq(read(told[0], &letter, 1), 1);
            cr_expect_neq(letter, '?');
            wins += letter == 'w';
        }
        for (int i = 0; i < 16; i++)
            kill_and_reap(pids[i]);
        close(go[0]);
        unlink(path);
    }
    cr_expect_eq(wins, 10);
}

Test(listener, deadlines_and_stops)
{
    struct mproc_listener *listener;
    struct mproc_pipe *pipes[8], *pipe = NULL;
    int connected = 0;

    cr_assert_eq(mproc_listener_open(&(struct mproc_listener_options){.backlog = 1}, &listener), 0);
    cr_expect_eq(mproc_listener_accept(listener, MPROC_NOW, &pipe), -EAGAIN);
    cr_expect_eq(mproc_listener_accept(listener, mproc_deadline_ms(20), &pipe), -ETIMEDOUT);
    while (connected < 8 &&
           mproc_pipe_connect(mproc_listener_address(listener), NULL, MPROC_NOW, &pipes[connected]) == 0)
        connected++;
    cr_expect_lt(connected, 8);
    uint64_t until_ns = mproc_deadline_ms(50);
    cr_expect_eq(mproc_pipe_connect(mproc_listener_address(listener), NULL, until_ns, &pipe), -ETIMEDOUT);
    cr_expect_geq(mproc_clock_ns(), until_ns);
    struct mproc_stop *token;
    mproc_stop_new(NULL, &token);
    mproc_stop_request(token, MPROC_STOP_WARM);
    struct mproc_stop *before = mproc_stop_enter(token);
    cr_expect_eq(mproc_pipe_connect(mproc_listener_address(listener), NULL, MPROC_FOREVER, &pipe),
                 -ECANCELED);
    mproc_stop_enter(before);
    mproc_stop_unref(token);
    for (int i = 0; i < connected; i++) {
        cr_expect_eq(mproc_listener_accept(listener, MPROC_NOW, &pipe), 0);
        mproc_pipe_unref(pipe);
        mproc_pipe_unref(pipes[i]);
    }
    mproc_listener_close(listener);
    cr_expect_eq(mproc_listener_accept(listener, MPROC_NOW, &pipe), -EBADF);
}

Test(listener, other_users_are_turned_away)
{
    struct mproc_listener *listener = listen_at(NULL);
    struct mproc_listener *open_to_all;
    struct mproc_pipe *pipe;

    if (geteuid() != 0) {
        mproc_listener_close(listener);
        tear_down(); /* which a skip does not do */
        cr_skip_test("only root can become another user");
    }
    cr_assert_eq(mproc_listener_open(&(struct mproc_listener_options){.any_user = true}, &open_to_all), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct mproc_listener *theirs;
        if (setgid(65534) || setuid(65534))
            _exit(9);
        /* Root's listener may be connected to; whether it accepts is its own affair. */
        if (mproc_pipe_connect(mproc_listener_address(listener), NULL, MPROC_NOW, &pipe) ||
            mproc_pipe_connect(mproc_listener_address(open_to_all), NULL, MPROC_NOW, &pipe) ||
            mproc_listener_open(NULL, &theirs))
            _exit(1);
        _exit(0);
    }
    cr_expect_eq(exit_code(pid), 0);
    cr_expect_eq(mproc_listener_accept(listener, MPROC_NOW, &pipe), -EAGAIN);
    cr_assert_eq(mproc_listener_accept(open_to_all, MPROC_NOW, &pipe), 0);
    struct mproc_peer peer;
    cr_expect_eq(mproc_pipe_get_peer(pipe, &peer), 0);
    cr_expect_eq(peer.uid, 65534);
    mproc_pipe_unref(pipe);
    mproc_listener_close(open_to_all);
    mproc_listener_close(listener);
}

Test(listener, misuse_is_told)
{
    struct mproc_listener *listener = NULL;
    struct mproc_pipe *pipe = NULL;
    char long_path[200];

    memset(long_path, 'x', sizeof(long_path));
    long_path[199] = '\0';
    cr_expect_eq(mproc_listener_open(&(struct mproc_listener_options){.path = long_path}, &listener),
                 -ENAMETOOLONG);
    cr_expect_eq(mproc_listener_open(&(struct mproc_listener_options){.path = ""}, &listener), -EINVAL);
    cr_expect_eq(mproc_listener_open(&(struct mproc_listener_options){.path = "/nowhere/at/all"}, &listener),
                 -ENOENT);
    cr_expect_null(listener);
    cr_expect_eq(mproc_pipe_connect("", NULL, MPROC_NOW, &pipe), -EINVAL);
    cr_expect_eq(mproc_pipe_connect("@no-such-name-here", NULL, MPROC_NOW, &pipe), -ECONNREFUSED);
    cr_expect_null(pipe);
}
