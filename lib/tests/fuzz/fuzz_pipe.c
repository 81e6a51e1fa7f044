/* Frames: packets with any head, any bytes and any descriptors from a process that is not sound. Each is
 * given out whole or refused, and no descriptor is left open. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mproc/args.h>

#include "channel.h"
#include "input.h"
#include "pipe_internal.h"

/* How an input is made probable where chance alone would take too long. */
enum { IS_OURS = 1, TELLS_ITS_LENGTH = 2, FILLS_A_PACKET = 4, IS_SEALED = 8 };

static int new_file(const uint8_t *bytes, size_t len, uint8_t how)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    MUST(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    if (how & IS_SEALED)
        MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    return fd;
}

static void receive(struct mproc_pipe *pipe)
{
    struct mproc_args *args;
    size_t len;
    void *bytes;
    int err = mproc_pipe_receive(pipe, MPROC_NOW, &bytes, &len);

    if (err == -EINVAL)
        err = mproc_pipe_receive_args(pipe, MPROC_NOW, &args);
    else if (err == 0)
        return free(bytes);
    if (err == 0)
        mproc_args_free(args);
    MUST(err == 0 || err == -EBADMSG || err == -EPIPE);
}

static void send_packet(struct input *input, int socket, uint8_t how, size_t nfds)
{
    static unsigned char packet[PIPE_PACKET_BYTES];
    struct pipe_head head;
    int fds[3];

    input_take(input, &head, sizeof(head));
    size_t rest = input->left;
    size_t len = how & FILLS_A_PACKET ? sizeof(packet) : rest;
    if (how & IS_OURS) {
        head.magic = PIPE_MAGIC;
        head.kind %= PIPE_KIND__COUNT;
    }
    if (how & TELLS_ITS_LENGTH)
        head.length = how & FILLS_A_PACKET ? len + rest : len;
    for (size_t i = 0; i < nfds; i++)
        fds[i] = new_file(input->at, rest, how);
    input_take(input, packet, len < sizeof(packet) ? len : sizeof(packet));
    const struct iovec parts[] = {{&head, sizeof(head)},
                                  {packet, len < sizeof(packet) ? len : sizeof(packet)}};
    mproc_channel_send(socket, parts, 2, fds, nfds);
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct mproc_pipe *here, *there;
    uint8_t how = input_byte(&input);
    size_t nfds = input_byte(&input) % 4;

    MUST(mproc_pipe_create(NULL, &here, &there) == 0);
    int lowest = dup(mproc_pipe_fd(here));
    close(lowest);
    send_packet(&input, mproc_pipe_fd(here), how, nfds);
    receive(there);
    int next = dup(mproc_pipe_fd(here));
    MUST(next == lowest);
    close(next);
    mproc_pipe_unref(here);
    mproc_pipe_unref(there);
    return 0;
}
