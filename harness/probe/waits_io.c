/* Waits on one descriptor: reading, writing, connections, epoll sets, message queues. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "probe/calls.h"
#include "probe/objects.h"
#include "probe/sockets.h"

/* The object that argument 0 names; NULL and an unknown wait when there is none. */
static struct pf_object *descriptor(struct pf_blocked *blocked, struct pf_fd **ret_fd)
{
    int number = (int)blocked->call->args[0];
    struct pf_fd *fd = pf_site_fd(blocked->survey, blocked->site, number);
    if (!fd) {
        pf_wait_set_unknown(blocked, "descriptor %d was closed while in use", number);
        return NULL;
    }
    *ret_fd = fd;
    return pf_object_of_fd(blocked->survey, blocked->site, fd);
}

static void apply_limits(struct pf_blocked *blocked, const struct pf_fd *fd)
{
    struct pf_socket_limits limits;
    int code = pf_socket_limits(blocked->site, fd, &limits);
    if (code) {
        pf_wait_set_unknown(blocked, "the time limits of %s cannot be read: %s", fd->link, strerror(-code));
        return;
    }
    struct pf_wait *wait = blocked->wait;
    bool receives = wait->kind == PF_WAIT_READ || wait->kind == PF_WAIT_ACCEPT;
    wait->timeout_ns = receives ? limits.receive_ns : limits.send_ns;
    wait->timed = wait->timeout_ns != 0;
}

void pf_decode_descriptor(struct pf_blocked *blocked)
{
    struct pf_fd *fd;
    struct pf_object *object = descriptor(blocked, &fd);
    if (!object)
        return;
    if (fd->regular) {
        pf_wait_set_unknown(blocked, "waiting for the file system of %s", fd->link);
        return;
    }
    struct pf_target *target = pf_wait_add_target(blocked, object->id, fd->number);
    target->writable = blocked->row->kind == PF_WAIT_WRITE;
    target->readable = !target->writable;
    if (fd->kind == PF_OBJECT_SOCKET && blocked->row->kind != PF_WAIT_POLL)
        apply_limits(blocked, fd);
}

/* A connection that its listener has no room for waits for somebody to accept others. */
void pf_decode_connect(struct pf_blocked *blocked)
{
    struct pf_fd *fd;
    struct sockaddr_storage address;
    socklen_t length = (socklen_t)blocked->call->args[2];
    if (!descriptor(blocked, &fd))
        return;
    if (length < sizeof(address.ss_family) || length > sizeof(address)) {
        pf_wait_set_unknown(blocked, "connecting to an address of %u bytes", length);
        return;
    }
    if (!pf_blocked_memory(blocked, blocked->call->args[1], &address, length))
        return;
    apply_limits(blocked, fd);
    if (blocked->wait->kind == PF_WAIT_UNKNOWN)
        return;
    if (address.ss_family != AF_UNIX) {
        /* The kernel gives up by itself. */
        blocked->wait->timed = true;
        struct pf_target *own =
            pf_wait_add_target(blocked, pf_object_of_fd(blocked->survey, blocked->site, fd)->id, fd->number);
        own->writable = true;
        return;
    }
    struct pf_object *listener = pf_socket_named(blocked->survey, &address, length);
    if (!listener) {
        pf_wait_set_unknown(blocked, "connecting to a socket that no process of the tree listens on");
        return;
    }
    pf_wait_add_target(blocked, listener->id, fd->number)->writable = true;
}

/* Sending to an address, rather than to the peer, may wait for any socket of that name. */
void pf_decode_sendto(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    uint64_t address = args[4];
    if (blocked->call->number != SYS_sendto &&
        !pf_blocked_memory(blocked, args[1], &address, sizeof(address))) /* msg_name comes first */
        return;
    pf_decode_descriptor(blocked);
    if (address == 0 || blocked->wait->kind == PF_WAIT_UNKNOWN)
        return;
    const struct pf_object *object = pf_survey_object(blocked->survey, blocked->wait->targets[0].object);
    if (!object->peer && !object->peer_outside && !object->external)
        pf_wait_set_unknown(blocked, "sending to an address");
}

/*
 * From one descriptor to another: it waits for data in the first or for room in the second, and which of them
 * does not matter. A file as the source may be what is waited for, unless the kernel's function is one of
 * pipes.
 */
void pf_decode_splice(struct pf_blocked *blocked)
{
    const uint64_t *args = blocked->call->args;
    long number = blocked->call->number;
    int from = (int)args[number == SYS_sendfile ? 1 : 0];
    int to = (int)args[number == SYS_sendfile ? 0 : number == SYS_tee ? 1 : 2];
    const int ends[2] = {from, to};
    char function[128];
    for (size_t i = 0; i < 2; i++) {
        struct pf_fd *fd = pf_site_fd(blocked->survey, blocked->site, ends[i]);
        if (!fd) {
            pf_wait_set_unknown(blocked, "descriptor %d was closed while in use", ends[i]);
            return;
        }
        if (fd->regular) {
            pf_proc_wchan(blocked->thread->pid, blocked->thread->tid, function, sizeof(function));
            if (strncmp(function, "pipe_", strlen("pipe_")) == 0)
                continue;
            pf_wait_set_unknown(blocked, "waiting for the file system of %s", fd->link);
            return;
        }
        struct pf_target *target =
            pf_wait_add_target(blocked, pf_object_of_fd(blocked->survey, blocked->site, fd)->id, fd->number);
        target->readable = i == 0;
        target->writable = i == 1;
    }
}

/* It reads or writes as the descriptor is open for. */
void pf_decode_vmsplice(struct pf_blocked *blocked)
{
    pf_decode_descriptor(blocked);
    int64_t flags;
    struct pf_fd *fd = pf_site_fd(blocked->survey, blocked->site, (int)blocked->call->args[0]);
    if (blocked->wait->kind == PF_WAIT_UNKNOWN)
        return;
    if (!pf_fd_info_number(pf_fd_info(blocked->survey, blocked->site, fd), "flags:", 8, &flags))
        pf_wait_set_unknown(blocked, "descriptor %d was closed while in use", fd->number);
    else if ((flags & O_ACCMODE) == O_RDONLY) {
        blocked->wait->kind = PF_WAIT_READ;
        blocked->wait->targets[0].readable = true;
        blocked->wait->targets[0].writable = false;
    }
}

/* POSIX message queues have names in their IPC namespace. */
void pf_decode_queue(struct pf_blocked *blocked)
{
    struct pf_fd *fd;
    struct pf_object *object = descriptor(blocked, &fd);
    if (!object)
        return;
    struct pf_target *target = pf_wait_add_target(blocked, object->id, fd->number);
    target->readable = blocked->row->kind == PF_WAIT_READ;
    target->writable = !target->readable;
}
