/* Sets of values as messages on a channel: in a pool those that do not travel through a cell, because they
 * carry descriptors or are too large, sent before the cell is handed over; of a manager requests and answers.
 */
#ifndef MPROC_LETTER_H
#define MPROC_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include <mproc/args.h>

/* In place of a cell: the arguments of the init hook. */
#define LETTER_INIT UINT32_MAX

struct mproc_letter {
    uint32_t cell;
    uint32_t generation;
    uint64_t len; /* of what follows, or of the file that comes along first */
    uint32_t in_file;
    uint32_t unused;
};

/* Sends encoded values. Errors: -EAGAIN no room, where the channel does not block; -EPIPE, -EMFILE, -ENOMEM;
 * all with detail. */
int mproc_letter_send(int channel, uint32_t cell, uint32_t generation, const void *bytes, size_t len,
                      const int *fds, unsigned nfds);

/* Receives the values of this hand-over, and throws away those of others that were revoked. Does not block.
 * Errors: -ENOENT there are none; -EBADMSG, -EMFILE, -ENOMEM. */
int mproc_letter_fetch(int channel, uint32_t cell, uint32_t generation, struct mproc_args **ret_args);

/* The same in a worker, of which one thread receives: the set is lent to the task or hook that it is for.
 * Whoever frees it empties it; it ends with the next call. */
int mproc_letter_receive(int channel, uint32_t cell, uint32_t generation, struct mproc_args **ret_args);

/* Receives the next letter, whosever it is. Does not block. `ret_letter` is also set where the values cannot
 * be had: -EBADMSG damaged, -EMSGSIZE more than `max_len` bytes, -ENOMEM. Errors that leave it: -EAGAIN
 * nothing there, -EPIPE the end, -EBADMSG not even a letter; -EMFILE no room for descriptors that came. */
int mproc_letter_take(int channel, size_t max_len, struct mproc_letter *ret_letter,
                      struct mproc_args **ret_args);

#endif
