#include "letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args_internal.h"
#include "channel.h"
#include "descriptor.h"
#include "error_internal.h"

enum { INLINE_MAX = 16 << 10 };

static int write_file(const unsigned char *bytes, size_t len, int *ret_fd)
{
    int fd = mproc_fd_above(memfd_create("mproc-letter", MFD_CLOEXEC));
    int err = fd < 0 ? -errno : 0;

    while (err == 0 && len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0 && (n == 0 || errno != EINTR))
            err = n < 0 ? -errno : -ENOSPC;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    if (err && fd >= 0)
        close(fd);
    if (err)
        return mproc_fail(err, "no memory file for values of %zu bytes: %s", len, strerrordesc_np(-err));
    *ret_fd = fd;
    return 0;
}

int mproc_letter_send(int channel, uint32_t cell, uint32_t generation, const void *bytes, size_t len,
                      const int *fds, unsigned nfds)
{
    struct mproc_letter letter = {
        .cell = cell, .generation = generation, .len = len, .in_file = len > INLINE_MAX};
    const struct iovec parts[] = {{&letter, sizeof(letter)}, {(void *)(uintptr_t)bytes, len}};
    int sent[MPROC_CHANNEL_FDS] = {-1};
    size_t nsent = 0;
    int file = -1;

    if (letter.in_file) {
        int r = write_file(bytes, len, &file);
        if (r)
            return r;
        sent[nsent++] = file;
    }
    for (unsigned i = 0; i < nfds; i++)
        sent[nsent++] = fds[i];
    int r = mproc_channel_send(channel, parts, letter.in_file ? 1 : 2, sent, nsent);
    if (file >= 0)
        close(file);
    return r ? mproc_fail(r, "values of %zu bytes with %u descriptors could not be sent: %s", len, nfds,
                          strerrordesc_np(-r))
             : 0;
}

/* The bytes of a letter, allocated: they may have been written by a process that is not sound. */
static int read_body(const struct mproc_letter *letter, const unsigned char *inline_body, size_t inline_len,
                     int file, unsigned char **ret_bytes)
{
    struct stat status;
    size_t done = 0;

    /* Memory files alone know seals: what reads from elsewhere may block, or never end. */
    if (letter->in_file
            ? fcntl(file, F_GET_SEALS) < 0 || fstat(file, &status) || (uint64_t)status.st_size < letter->len
            : letter->len != inline_len)
        return mproc_fail(-EBADMSG, "a message contradicts itself");
    if (letter->len > MPROC_ARGS_BYTES_MAX + UINT64_C(8))
        return mproc_fail(-EBADMSG, "values of %llu bytes", (unsigned long long)letter->len);
    unsigned char *bytes = malloc(letter->len ? letter->len : 1);
    if (!bytes)
        return mproc_fail(-ENOMEM, "no memory for values of %llu bytes", (unsigned long long)letter->len);
    if (!letter->in_file)
        memcpy(bytes, inline_body, inline_len);
    while (letter->in_file && done < letter->len) {
        ssize_t n = pread(file, bytes + done, letter->len - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(bytes);
            return mproc_fail(n < 0 ? -errno : -EBADMSG, "a message could not be read");
        }
        done += (size_t)n;
    }
    *ret_bytes = bytes;
    return 0;
}

static int open_letter(const struct mproc_letter *letter, size_t inline_len, const int *fds, size_t nfds,
                       struct mproc_args **ret_args)
{
    const unsigned char *inline_body = (const unsigned char *)(letter + 1);
    size_t nfiles = letter->in_file ? 1 : 0;
    unsigned char *bytes = NULL;

    if (nfds < nfiles)
        return mproc_fail(-EBADMSG, "a message contradicts itself");
    int r = read_body(letter, inline_body, inline_len, nfiles ? fds[0] : -1, &bytes);
    if (r)
        return r;
    r = mproc_args_adopt(bytes, letter->len, fds + nfiles, (unsigned)(nfds - nfiles), ret_args);
    if (r)
        free(bytes);
    else if (nfiles)
        close(fds[0]);
    return r;
}

static void close_all(const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

static int fail_no_room(void)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return mproc_fail(-EMFILE,
                      "descriptors arrived and process %d had no room for them; raise its RLIMIT_NOFILE, "
                      "which is %llu",
                      (int)getpid(), (unsigned long long)limit.rlim_cur);
}

int mproc_letter_fetch(int channel, uint32_t cell, uint32_t generation, struct mproc_args **ret_args)
{
    _Alignas(struct mproc_letter) unsigned char buffer[sizeof(struct mproc_letter) + INLINE_MAX];
    const struct mproc_letter *letter = (const struct mproc_letter *)buffer;
    int fds[MPROC_CHANNEL_FDS];

    for (;;) {
        size_t nfds = 0;
        memset(buffer, 0, sizeof(*letter));
        ssize_t len = mproc_channel_receive(channel, buffer, sizeof(buffer), fds, &nfds);
        bool is_whole = len >= (ssize_t)sizeof(*letter);
        if (len == -EMFILE) /* the bytes are in the buffer, the descriptors are lost */
            is_whole = true;
        else if (len < 0 || nfds + (size_t)len == 0)
            return mproc_fail(-ENOENT, "the values that were to come through the channel have not come");
        /* One too short to be a letter is nobody's. */
        bool is_it = is_whole && letter->cell == cell && letter->generation == generation;
        int r = len < 0 ? fail_no_room() : 0;
        if (is_it && r == 0)
            r = open_letter(letter, (size_t)len - sizeof(*letter), fds, nfds, ret_args);
        if (!is_it || r)
            close_all(fds, nfds);
        if (is_it)
            return r;
    }
}

int mproc_letter_receive(int channel, uint32_t cell, uint32_t generation, struct mproc_args **ret_args)
{
    static struct mproc_args *lent;
    struct mproc_args *args;
    int r = mproc_letter_fetch(channel, cell, generation, &args);

    if (r)
        return r;
    mproc_args_end(lent);
    mproc_args_lend(args);
    lent = args;
    *ret_args = args;
    return 0;
}

int mproc_letter_take(int channel, size_t max_len, struct mproc_letter *ret_letter,
                      struct mproc_args **ret_args)
{
    _Alignas(struct mproc_letter) unsigned char buffer[sizeof(struct mproc_letter) + INLINE_MAX];
    const struct mproc_letter *letter = (const struct mproc_letter *)buffer;
    int fds[MPROC_CHANNEL_FDS];
    size_t nfds = 0;
    ssize_t len = mproc_channel_receive(channel, buffer, sizeof(buffer), fds, &nfds);
    int r = 0;

    if (len < 0)
        return (int)len;
    if (nfds + (size_t)len == 0)
        return -EPIPE;
    if (len < (ssize_t)sizeof(*letter)) {
        close_all(fds, nfds);
        return mproc_fail(-EBADMSG, "a message of %zd bytes is no letter", len);
    }
    *ret_letter = *letter;
    if (letter->len > max_len)
        r = mproc_fail(-EMSGSIZE, "%llu bytes, and no more than %zu are accepted",
                       (unsigned long long)letter->len, max_len);
    if (r == 0)
        r = open_letter(letter, (size_t)len - sizeof(*letter), fds, nfds, ret_args);
    if (r)
        close_all(fds, nfds);
    return r;
}
