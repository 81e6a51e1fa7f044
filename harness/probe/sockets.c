#include "probe/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/objects.h"
#include "probe/sockets_internal.h"

static int option(int socket, int level, int name)
{
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(socket, level, name, &value, &length) ? 0 : value;
}

static uint64_t limit(int socket, int name)
{
    struct timeval time = {0};
    socklen_t length = sizeof(time);
    if (getsockopt(socket, SOL_SOCKET, name, &time, &length))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

int pf_socket_limits(const struct pf_site *site, const struct pf_fd *fd, struct pf_socket_limits *ret_limits)
{
    int copy = pf_fd_duplicate(site, fd);
    if (copy < 0)
        return copy;
    struct pf_socket_limits limits = {
        .receive_ns = limit(copy, SO_RCVTIMEO),
        .send_ns = limit(copy, SO_SNDTIMEO),
    };
    int domain = option(copy, SOL_SOCKET, SO_DOMAIN);
    if (domain == AF_INET || domain == AF_INET6) {
        /* Gives a connection up whose other end does not take what was sent. */
        uint64_t give_up = (uint64_t)(unsigned)option(copy, IPPROTO_TCP, TCP_USER_TIMEOUT) * 1000000u;
        if (!limits.send_ns)
            limits.send_ns = give_up;
    }
    close(copy);
    *ret_limits = limits;
    return 0;
}

bool pf_socket_set_peer(struct pf_survey *survey, struct pf_object *object, uint64_t inode)
{
    struct pf_site *site;
    struct pf_fd *fd = pf_object_find_fd(survey, PF_OBJECT_SOCKET, inode, &site);
    if (!fd)
        return false;
    object->peer = pf_object_of_fd(survey, site, fd)->id;
    return true;
}

void pf_socket_set_pending(struct pf_survey *survey, struct pf_object *object, uint64_t listener)
{
    struct pf_site *site;
    struct pf_fd *fd = pf_object_find_fd(survey, PF_OBJECT_SOCKET, listener, &site);
    if (!fd) {
        object->peer_outside = true;
        return;
    }
    struct pf_object *peer = pf_survey_add(survey, PF_OBJECT_SOCKET,
                                           pf_arena_printf(survey->arena, "not-accepted:%s", object->id));
    peer->peer = object->id;
    object->peer = peer->id;
    pf_object_add_holders(survey, peer, site, fd);
}

void pf_socket_read(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                    struct pf_fd *fd)
{
    int copy = pf_fd_duplicate(site, fd);
    if (copy < 0) {
        pf_object_set_external(object, "the state of the socket cannot be read");
        return;
    }
    int domain = option(copy, SOL_SOCKET, SO_DOMAIN), type = option(copy, SOL_SOCKET, SO_TYPE), queued = 0;
    object->listening = option(copy, SOL_SOCKET, SO_ACCEPTCONN) != 0;
    if (!object->listening && ioctl(copy, FIONREAD, &queued) == 0 && queued > 0)
        object->queued = (uint64_t)queued;
    bool inet = domain == AF_INET || domain == AF_INET6;
    bool at_rest = inet && type == SOCK_STREAM && pf_tcp_is_at_rest(copy);
    close(copy);
    if (object->listening && domain != AF_UNIX)
        pf_object_set_external(object, "anybody may connect to it");
    if (domain == AF_UNIX)
        pf_unix_read(survey, object, fd);
    else if (inet && type == SOCK_STREAM)
        pf_tcp_read(survey, object, site, fd, at_rest);
    else
        pf_object_set_external(object, inet ? "anybody on the network may send to it"
                                            : "a socket to the kernel or to another machine");
}

void pf_sockets_look_outside(struct pf_survey *survey)
{
    for (size_t i = 0; i < survey->request->process_count; i++) {
        struct pf_site *site = &survey->sites[i];
        pf_site_read_fds(survey, site);
        for (size_t k = 0; k < site->fd_count && !survey->hidden_holder; k++) {
            struct pf_fd *fd = &site->fds[k];
            if (fd->kind != PF_OBJECT_SOCKET || pf_survey_is_given(survey, pf_object_id(survey, site, fd)) ||
                !pf_unix_leads_outside(survey, fd->inode))
                continue;
            survey->hidden_holder =
                "a process of the tree is connected to somebody outside, and may have passed it on";
            pf_survey_unknown(survey, "%s is connected to somebody outside the tree by %s",
                              site->process->address, fd->link);
        }
    }
}
