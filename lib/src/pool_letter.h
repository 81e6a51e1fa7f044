/* Arguments and results that do not travel through a cell, because they carry descriptors or are too large:
 * one message on the channel between the owner and one worker, sent before the cell is handed over. */
#ifndef MPROC_POOL_LETTER_H
#define MPROC_POOL_LETTER_H

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
int mproc_letter_receive(int channel, uint32_t cell, uint32_t generation, struct mproc_args **ret_args);

#endif
