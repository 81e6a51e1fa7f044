#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/objects.h"
#include "probe/reach.h"
#include "probe/sockets_internal.h"

struct pf_unix_socket {
    uint64_t inode;
    uint64_t peer; /* 0: none, closed, or not accepted yet */
    int type;
    bool listening;
    const char *name; /* as in sun_path: an abstract name begins with a zero byte */
    size_t name_length;
    uint64_t device;         /* of the file that its name is; 0: none */
    const uint32_t *pending; /* listener: sockets whose connection waits to be accepted */
    size_t pending_count;
};

static void parse_socket(struct pf_survey *survey, const struct nlmsghdr *header)
{
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    struct pf_unix_socket *socket =
        pf_arena_grow(survey->arena, &survey->unix_sockets, &survey->unix_count, sizeof(*socket));
    socket->inode = message->udiag_ino;
    socket->type = message->udiag_type;
    socket->listening = message->udiag_state == TCP_LISTEN;
    long length = (long)header->nlmsg_len - (long)NLMSG_LENGTH(sizeof(*message));
    for (const struct rtattr *attribute = (const struct rtattr *)(message + 1); RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length)) {
        size_t size = RTA_PAYLOAD(attribute);
        if (attribute->rta_type == UNIX_DIAG_PEER && size >= sizeof(uint32_t)) {
            uint32_t peer;
            memcpy(&peer, RTA_DATA(attribute), sizeof(peer));
            socket->peer = peer;
        } else if (attribute->rta_type == UNIX_DIAG_NAME) {
            socket->name = pf_arena_strndup(survey->arena, RTA_DATA(attribute), size);
            socket->name_length = size;
        } else if (attribute->rta_type == UNIX_DIAG_VFS && size >= sizeof(struct unix_diag_vfs)) {
            struct unix_diag_vfs file;
            memcpy(&file, RTA_DATA(attribute), sizeof(file));
            socket->device = makedev(file.udiag_vfs_dev >> 20, file.udiag_vfs_dev & 0xfffff);
        } else if (attribute->rta_type == UNIX_DIAG_ICONS) {
            uint32_t *pending = pf_arena_alloc(survey->arena, size);
            memcpy(pending, RTA_DATA(attribute), size);
            socket->pending = pending;
            socket->pending_count = size / sizeof(*pending);
        }
    }
}

/* One answer of the kernel may hold many sockets. Returns 1 while there is more, 0 at the end, or -errno. */
static int receive(struct pf_survey *survey, int netlink)
{
    _Alignas(struct nlmsghdr) char buffer[32 * 1024];
    ssize_t got = recv(netlink, buffer, sizeof(buffer), 0);
    if (got < 0)
        return -errno;
    size_t length = (size_t)got;
    for (const struct nlmsghdr *header = (const struct nlmsghdr *)buffer; NLMSG_OK(header, length);
         header = NLMSG_NEXT(header, length)) {
        if (header->nlmsg_type == NLMSG_DONE)
            return 0;
        if (header->nlmsg_type == NLMSG_ERROR)
            return -EOPNOTSUPP;
        if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY)
            parse_socket(survey, header);
    }
    return got == 0 ? -EPROTO : 1;
}

static void read_table(struct pf_survey *survey)
{
    if (survey->unix_read)
        return;
    survey->unix_read = true;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int code = netlink < 0 ? -errno : 0;
    if (!code) {
        struct {
            struct nlmsghdr header;
            struct unix_diag_req body;
        } request = {
            .header = {.nlmsg_len = sizeof(request),
                       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
            .body = {.sdiag_family = AF_UNIX,
                     .udiag_states = ~0u,
                     .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS},
        };
        if (send(netlink, &request, sizeof(request), 0) < 0)
            code = -errno;
        else
            while ((code = receive(survey, netlink)) > 0)
                ;
        close(netlink);
    }
    if (code < 0) {
        survey->unix_count = 0;
        pf_survey_unknown(survey, "the kernel does not list Unix sockets: %s", strerror(-code));
    }
}

static const struct pf_unix_socket *find(struct pf_survey *survey, uint64_t inode)
{
    read_table(survey);
    for (size_t i = 0; i < survey->unix_count; i++)
        if (survey->unix_sockets[i].inode == inode)
            return &survey->unix_sockets[i];
    return NULL;
}

/* The listener in whose queue the connection of that socket waits; 0: none. */
static uint64_t find_listener_of(struct pf_survey *survey, uint64_t inode)
{
    for (size_t i = 0; i < survey->unix_count; i++) {
        const struct pf_unix_socket *listener = &survey->unix_sockets[i];
        for (size_t k = 0; k < listener->pending_count; k++)
            if (listener->pending[k] == inode)
                return listener->inode;
    }
    return 0;
}

static const char *printable(struct pf_survey *survey, const struct pf_unix_socket *socket)
{
    if (socket->name_length > 0 && socket->name[0] == '\0')
        return pf_arena_printf(survey->arena, "@%.*s", (int)socket->name_length - 1, socket->name + 1);
    return socket->name;
}

bool pf_unix_leads_outside(struct pf_survey *survey, uint64_t inode)
{
    const struct pf_unix_socket *socket = find(survey, inode);
    struct pf_site *site;
    return socket && socket->type != SOCK_DGRAM && socket->peer &&
           !pf_object_find_fd(survey, PF_OBJECT_SOCKET, socket->peer, &site);
}

void pf_unix_read(struct pf_survey *survey, struct pf_object *object, const struct pf_fd *fd)
{
    const struct pf_unix_socket *socket = find(survey, fd->inode);
    if (!socket) {
        pf_object_set_external(object, "its other end cannot be read");
        return;
    }
    if (socket->name_length)
        object->path = printable(survey, socket);
    bool own = pf_reach_own_device(survey, socket->device);
    if (object->listening) {
        pf_object_set_named(object, own, "anybody may connect to it");
        return;
    }
    uint64_t peer = socket->peer;
    if (peer) {
        if (!pf_socket_set_peer(survey, object, peer))
            object->peer_outside = true;
    } else if (socket->type == SOCK_DGRAM) {
        if (socket->name_length)
            pf_object_set_named(object, own, "anybody may send to its name");
    } else {
        uint64_t listener = find_listener_of(survey, fd->inode);
        if (listener)
            pf_socket_set_pending(survey, object, listener);
    }
}

struct pf_object *pf_socket_named(struct pf_survey *survey, const void *address, size_t length)
{
    const struct sockaddr_un *name = address;
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    if (length <= offset || length > sizeof(*name) || name->sun_family != AF_UNIX)
        return NULL;
    size_t size = length - offset;
    if (name->sun_path[0] != '\0')
        size = strnlen(name->sun_path, size);
    read_table(survey);
    for (size_t i = 0; i < survey->unix_count; i++) {
        const struct pf_unix_socket *socket = &survey->unix_sockets[i];
        size_t own = socket->name_length;
        if (own > 0 && socket->name[0] != '\0')
            own = strnlen(socket->name, own);
        struct pf_site *site;
        struct pf_fd *fd;
        if (socket->listening && own == size && memcmp(socket->name, name->sun_path, size) == 0 &&
            (fd = pf_object_find_fd(survey, PF_OBJECT_SOCKET, socket->inode, &site)))
            return pf_object_of_fd(survey, site, fd);
    }
    return NULL;
}
