/* Letters: messages on the channel of a pool, of any length, with any header, with or without a memory file,
 * from a worker that is not sound. Whatever arrives, no descriptor is left open. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args_internal.h"
#include "channel.h"
#include "input.h"
#include "letter.h"

static int new_file(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct mproc_letter letter;
    struct mproc_args *args;
    int ends[2], fds[2];
    size_t nfds = input_byte(&input) % 3;
    uint8_t whole = input_byte(&input);

    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    int lowest = dup(ends[0]);
    close(lowest);
    input_take(&input, &letter, sizeof(letter));
    if (whole & 1)
        letter.cell = letter.generation = 1;
    if (whole & 2)
        letter.len = input.left;
    for (size_t i = 0; i < nfds; i++)
        fds[i] = new_file(input.at, input.left);
    const struct iovec parts[] = {{&letter, whole & 4 ? sizeof(letter) : input.left % sizeof(letter)},
                                  {(void *)(uintptr_t)input.at, input.left}};
    if (mproc_channel_send(ends[0], parts, 2, fds, nfds) == 0) {
        for (size_t i = 0; i < nfds; i++)
            close(fds[i]);
        if (mproc_letter_receive(ends[1], 1, 1, &args) == 0)
            mproc_args_free(args);
    } else {
        for (size_t i = 0; i < nfds; i++)
            close(fds[i]);
    }
    int next = dup(ends[0]);
    MUST(next == lowest);
    close(next);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
