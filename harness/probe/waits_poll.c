/* poll and select: the arrays are read from the waiter's memory. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "probe/calls.h"
#include "probe/objects.h"

enum { MAX_DESCRIPTORS = 65536 };

/* An unreadable member makes the whole wait unknown: it might be the one that ends it. */
static bool add_descriptor(struct pf_blocked *blocked, int number, bool readable, bool writable)
{
    struct pf_fd *fd = pf_site_fd(blocked->survey, blocked->site, number);
    if (!fd) {
        pf_wait_set_unknown(blocked, "descriptor %d was closed while in use", number);
        return false;
    }
    const struct pf_object *object = pf_object_of_fd(blocked->survey, blocked->site, fd);
    /* The end of the other side is always reported, asked for or not. */
    for (size_t i = 0; i < object->holder_count; i++) {
        const struct pf_holder *holder = &object->holders[i];
        if (holder->fd != number || strcmp(holder->process, blocked->site->process->address))
            continue;
        readable = readable || !holder->writes;
        writable = writable || !holder->reads;
    }
    struct pf_target *target = pf_wait_add_target(blocked, object->id, number);
    target->writable = writable;
    target->readable = readable || !writable;
    return true;
}

/* Without a descriptor only a signal, or the time, ends the wait. */
static void settle_empty(struct pf_blocked *blocked)
{
    if (blocked->wait->kind == PF_WAIT_POLL && blocked->wait->target_count == 0)
        blocked->wait->kind = blocked->wait->timed ? PF_WAIT_SLEEP : PF_WAIT_SIGNAL;
}

void pf_decode_poll(struct pf_blocked *blocked)
{
    size_t count = (size_t)blocked->call->args[1];
    if (count > MAX_DESCRIPTORS) {
        pf_wait_set_unknown(blocked, "polling %zu descriptors", count);
        return;
    }
    struct pollfd *set = pf_arena_alloc(blocked->survey->arena, (count + 1) * sizeof(*set));
    if (count && !pf_blocked_memory(blocked, blocked->call->args[0], set, count * sizeof(*set)))
        return;
    for (size_t i = 0; i < count; i++) {
        const int in = POLLIN | POLLRDNORM | POLLPRI | POLLRDBAND | POLLRDHUP;
        const int out = POLLOUT | POLLWRNORM | POLLWRBAND;
        if (set[i].fd >= 0 && !add_descriptor(blocked, set[i].fd, set[i].events & in, set[i].events & out))
            return;
    }
    settle_empty(blocked);
}

void pf_decode_select(struct pf_blocked *blocked)
{
    size_t count = (size_t)(int)blocked->call->args[0];
    if (count > MAX_DESCRIPTORS) {
        pf_wait_set_unknown(blocked, "selecting from %zu descriptors", count);
        return;
    }
    /* The kernel counts in whole words. */
    size_t words = (count + 63) / 64;
    uint64_t *sets[3] = {NULL};
    for (size_t i = 0; i < 3; i++) {
        uint64_t address = blocked->call->args[1 + i];
        sets[i] = pf_arena_alloc(blocked->survey->arena, (words + 1) * sizeof(uint64_t));
        if (address && words && !pf_blocked_memory(blocked, address, sets[i], words * sizeof(uint64_t)))
            return;
    }
    for (size_t number = 0; number < count; number++) {
        bool in[3];
        for (size_t i = 0; i < 3; i++)
            in[i] = sets[i][number / 64] >> number % 64 & 1;
        if ((in[0] || in[1] || in[2]) && !add_descriptor(blocked, (int)number, in[0] || in[2], in[1]))
            return;
    }
    settle_empty(blocked);
}
