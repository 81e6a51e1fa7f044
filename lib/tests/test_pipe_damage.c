/* Whatever comes from the other end: a receive says what is wrong, and the next frame is received. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/pipe.h>

#include "child.h"
#include "pipe_internal.h"

static struct mproc_pipe *here, *there;

static void set_up(void)
{
    cr_assert_eq(mproc_pipe_create(NULL, &here, &there), 0);
}

static void tear_down(void)
{
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
}

TestSuite(pipe_damage, .init = set_up, .fini = tear_down, .timeout = 60);

/* What an enemy sends: any packet, with any descriptors. */
static void send_raw(struct pipe_head head, const void *data, size_t len, const int *fds, size_t nfds)
{
    struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)data, len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control = {0};

    if (nfds > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
    }
    cr_assert_geq(sendmsg(mproc_pipe_fd(here), &message, MSG_DONTWAIT | MSG_NOSIGNAL), 0);
}

/* It is refused, nothing of it is kept, and the connection goes on. */
static void expect_refused(const char *why)
{
    unsigned fds = child_count_fds();
    size_t len = 0;
    void *got = NULL;

    cr_expect_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), -EBADMSG, "%s: %s", why,
                 mproc_error_detail());
    cr_expect_null(got);
    cr_expect_eq(child_count_fds(), fds, "%s: a descriptor was kept", why);
    cr_assert_eq(mproc_pipe_send(here, "sound", 5, MPROC_NOW), 0);
    cr_assert_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), 0, "%s", why);
    cr_expect_eq(len, 5);
    free(got);
}

Test(pipe_damage, wrong_heads_are_refused)
{
    static char bytes[70000];

    cr_assert_eq(send(mproc_pipe_fd(here), "x", 1, 0), 1);
    expect_refused("a packet too short for a head");
    send_raw((struct pipe_head){PIPE_MAGIC + 1, PIPE_BYTES, 4}, bytes, 4, NULL, 0);
    expect_refused("another magic");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_KIND__COUNT, 4}, bytes, 4, NULL, 0);
    expect_refused("no such kind");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 5}, bytes, 4, NULL, 0);
    expect_refused("longer than it is");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 3}, bytes, 4, NULL, 0);
    expect_refused("shorter than it is");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 70000}, bytes, 70000, NULL, 0);
    expect_refused("more than a packet");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, UINT64_MAX}, bytes, PIPE_PACKET_BYTES, NULL, 0);
    expect_refused("more than may be");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 70000}, bytes, PIPE_PACKET_BYTES, NULL, 0);
    expect_refused("a rest that did not come");
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 4}, bytes, 4, (int[]){0, 0, 0}, 3);
    expect_refused("descriptors with bytes");
    int many[253] = {0};
    send_raw((struct pipe_head){PIPE_MAGIC, PIPE_BYTES, 4}, bytes, 4, many, 253);
    expect_refused("as many as there can be");
}

Test(pipe_damage, a_rest_that_could_change_is_refused)
{
    static char bytes[PIPE_PACKET_BYTES];
    const struct pipe_head head = {PIPE_MAGIC, PIPE_BYTES, PIPE_PACKET_BYTES + 4096};
    int ends[2];

    int fd = memfd_create("enemy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(ftruncate(fd, 4096), 0);
    send_raw(head, bytes, sizeof(bytes), &fd, 1);
    expect_refused("not sealed");
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    send_raw(head, bytes, sizeof(bytes), &fd, 1);
    expect_refused("can be written");
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    struct pipe_head longer = head;
    longer.length++;
    send_raw(longer, bytes, sizeof(bytes), &fd, 1);
    expect_refused("shorter than told");
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    send_raw(head, bytes, sizeof(bytes), &ends[0], 1);
    expect_refused("a pipe");
    send_raw(head, bytes, sizeof(bytes), &fd, 1);
    void *got;
    size_t len;
    cr_expect_eq(mproc_pipe_receive(there, MPROC_NOW, &got, &len), 0, "this one is right");
    free(got);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

Test(pipe_damage, damaged_values_are_refused_and_their_descriptors_closed)
{
    unsigned char bytes[64];
    unsigned seed = 5;
    int fds[4] = {0, 0, 0, 0};

    for (int round = 0; round < 3000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)rand_r(&seed);
        unsigned before = child_count_fds();
        send_raw((struct pipe_head){PIPE_MAGIC, PIPE_ARGS, len}, bytes, len, fds, (size_t)rand_r(&seed) % 5);
        struct mproc_args *args = NULL;
        int err = mproc_pipe_receive_args(there, MPROC_NOW, &args);
        cr_assert(err == 0 || err == -EBADMSG, "%d", err);
        mproc_args_free(args);
        cr_assert_eq(child_count_fds(), before);
    }
}
