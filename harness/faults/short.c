/*
 * Partial transfers that really happen: the call is told to transfer less, and the kernel does it as it
 * always does, with all that belongs to it (waiting, SIGPIPE, file positions).
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "faults/strike.h"

/* An array of struct iovec in the thread's memory. */
struct vector {
    uint64_t address;
    uint64_t count;
    uint64_t count_address; /* where the count is, when it is not in a register */
};

static int read_words(pid_t tid, uint64_t address, void *words, size_t size)
{
    struct iovec local = {words, size};
    struct iovec remote = {(void *)address, size}; // NOLINT(performance-no-int-to-ptr)
    ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
    if (got < 0)
        return -errno;
    return (size_t)got == size ? 0 : -EFAULT;
}

static int find_vector(pid_t tid, const struct pf_request *request, struct vector *ret_vector)
{
    if (request->vector) {
        *ret_vector = (struct vector){.address = request->arguments[request->vector - 1],
                                      .count = request->arguments[request->vector]};
        return 0;
    }
    struct msghdr header;
    uint64_t address = request->arguments[request->message - 1];
    int r = read_words(tid, address, &header, sizeof(header));
    if (r == 0)
        *ret_vector = (struct vector){.address = (uint64_t)header.msg_iov,
                                      .count = header.msg_iovlen,
                                      .count_address = address + offsetof(struct msghdr, msg_iovlen)};
    return r;
}

/*
 * Walks along the pieces until `bytes` are together. Says in which piece that is and how much of it belongs
 * to them; -ENODATA: there are fewer bytes in all, *ret_total.
 */
static int find_piece(pid_t tid, const struct vector *vector, uint64_t bytes, uint64_t *ret_index,
                      uint64_t *ret_part, uint64_t *ret_total)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < vector->count && i < IOV_MAX; i++) {
        struct iovec piece;
        int r = read_words(tid, vector->address + i * sizeof(piece), &piece, sizeof(piece));
        if (r < 0)
            return r;
        if (total + piece.iov_len >= bytes) {
            *ret_index = i;
            *ret_part = bytes - total;
            return 0;
        }
        total += piece.iov_len;
    }
    *ret_total = total;
    return -ENODATA;
}

uint64_t pf_strike_requested(pid_t tid, const struct pf_request *request)
{
    if (request->bytes)
        return request->arguments[request->bytes - 1];
    struct vector vector;
    uint64_t index, part, total = 0;
    if (find_vector(tid, request, &vector) == 0)
        find_piece(tid, &vector, UINT64_MAX, &index, &part, &total);
    return total;
}

static unsigned long long *register_of(struct user_regs_struct *registers, unsigned argument)
{
    unsigned long long *const order[] = {&registers->rdi, &registers->rsi, &registers->rdx,
                                         &registers->r10, &registers->r8,  &registers->r9};
    return order[argument - 1];
}

static int set_argument(pid_t tid, unsigned argument, uint64_t value)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
        return -errno;
    *register_of(&registers, argument) = value;
    return ptrace(PTRACE_SETREGS, tid, NULL, &registers) < 0 ? -errno : 0;
}

static int change_argument(pid_t tid, const struct pf_request *request, unsigned argument, uint64_t value,
                           struct pf_shortened *shortened)
{
    shortened->argument = argument;
    shortened->value = request->arguments[argument - 1];
    return set_argument(tid, argument, value);
}

static int change_word(pid_t tid, uint64_t address, uint64_t value, struct pf_shortened *shortened)
{
    uint64_t before;
    int r = read_words(tid, address, &before, sizeof(before));
    if (r == 0)
        r = pf_strike_poke(tid, address, &value, sizeof(value));
    if (r < 0)
        return r;
    shortened->words[shortened->word_count].address = address;
    shortened->words[shortened->word_count++].value = before;
    return 0;
}

int pf_strike_shorten(pid_t tid, const struct pf_request *request, uint64_t bytes,
                      struct pf_shortened *ret_shortened)
{
    *ret_shortened = (struct pf_shortened){0};
    if (request->bytes)
        return change_argument(tid, request, request->bytes, bytes, ret_shortened);
    struct vector vector;
    uint64_t index = 0, part = 0, total;
    int r = find_vector(tid, request, &vector);
    if (r == 0)
        r = find_piece(tid, &vector, bytes, &index, &part, &total);
    if (r < 0)
        return r;
    uint64_t length = vector.address + index * sizeof(struct iovec) + offsetof(struct iovec, iov_len);
    r = change_word(tid, length, part, ret_shortened);
    if (r < 0)
        return r;
    if (vector.count_address)
        return change_word(tid, vector.count_address, index + 1, ret_shortened);
    return change_argument(tid, request, request->vector + 1, index + 1, ret_shortened);
}

int pf_strike_restore(pid_t tid, const struct pf_shortened *shortened)
{
    int r = shortened->argument ? set_argument(tid, shortened->argument, shortened->value) : 0;
    for (size_t i = 0; i < shortened->word_count; i++) {
        int poked = pf_strike_poke(tid, shortened->words[i].address, &shortened->words[i].value,
                                   sizeof(shortened->words[i].value));
        r = r < 0 ? r : poked;
    }
    return r;
}
