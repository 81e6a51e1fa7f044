#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "probe/objects.h"
#include "probe/sockets_internal.h"

/* An address in the form of IPv6, so that both families compare. */
struct endpoint {
    uint32_t words[4];
    uint32_t port;
};

struct pf_inet_socket {
    struct endpoint local, remote;
    unsigned state;
    uint64_t unsent, unread; /* bytes not yet acknowledged by the other side, and not yet read by this one */
    uint64_t inode;          /* 0: not accepted yet, or closed by its program */
};

static bool parse_endpoint(const char *hex, struct endpoint *ret_endpoint)
{
    struct endpoint endpoint = {0};
    if (sscanf(hex, "%8x%8x%8x%8x:%x", &endpoint.words[0], &endpoint.words[1], &endpoint.words[2],
               &endpoint.words[3], &endpoint.port) != 5) {
        endpoint = (struct endpoint){0};
        if (sscanf(hex, "%8x:%x", &endpoint.words[3], &endpoint.port) != 2)
            return false;
        const unsigned char mapped[4] = {0, 0, 0xff, 0xff};
        memcpy(&endpoint.words[2], mapped, sizeof(mapped));
    }
    *ret_endpoint = endpoint;
    return true;
}

static void parse_line(struct pf_survey *survey, const char *line)
{
    char local[48], remote[48];
    struct pf_inet_socket socket = {0};
    if (sscanf(line, " %*d: %47s %47s %x %" SCNx64 ":%" SCNx64 " %*s %*s %*u %*d %" SCNu64, local, remote,
               &socket.state, &socket.unsent, &socket.unread, &socket.inode) != 6 ||
        !parse_endpoint(local, &socket.local) || !parse_endpoint(remote, &socket.remote))
        return;
    struct pf_inet_socket *slot =
        pf_arena_grow(survey->arena, &survey->inet_sockets, &survey->inet_count, sizeof(*slot));
    *slot = socket;
}

static void read_tables(struct pf_survey *survey, const struct pf_site *site)
{
    if (survey->inet_read)
        return;
    survey->inet_read = true;
    static const char *const files[] = {"tcp", "tcp6"};
    for (size_t i = 0; i < 2; i++) {
        char path[64], *text;
        snprintf(path, sizeof(path), "/proc/%d/net/%s", site->reader, files[i]);
        if (pf_proc_read_all(path, survey->arena, &text))
            continue; /* no IPv6, or the process is gone: what is not found counts as outside */
        for (char *line = text; line; line = strchr(line, '\n')) {
            line += *line == '\n';
            parse_line(survey, line);
        }
    }
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_wildcard(const struct endpoint *endpoint)
{
    const unsigned char mapped[4] = {0, 0, 0xff, 0xff};
    return !endpoint->words[0] && !endpoint->words[1] && !endpoint->words[3] &&
           (!endpoint->words[2] || memcmp(&endpoint->words[2], mapped, 4) == 0);
}

/* Who can accept a connection to that address: 0, 1, or several, of which one is returned. */
static size_t find_listeners(const struct pf_survey *survey, const struct endpoint *local,
                             const struct pf_inet_socket **ret_listener)
{
    size_t count = 0;
    for (size_t i = 0; i < survey->inet_count; i++) {
        const struct pf_inet_socket *socket = &survey->inet_sockets[i];
        if (socket->state != TCP_LISTEN || socket->local.port != local->port ||
            !(is_wildcard(&socket->local) || same_endpoint(&socket->local, local)))
            continue;
        *ret_listener = socket;
        count++;
    }
    return count;
}

static void read_connection(struct pf_survey *survey, struct pf_object *object,
                            const struct pf_inet_socket *mine, const struct pf_inet_socket *peer,
                            bool at_rest)
{
    /* Between a send and the queue of the receiver lies the network stack, which no thread shows. */
    if ((peer->unsent && !mine->unread) || (mine->unsent && !at_rest))
        pf_object_set_external(object, "bytes are on their way through the network stack");
    if (peer->inode) {
        if (!pf_socket_set_peer(survey, object, peer->inode))
            object->peer_outside = true;
        return;
    }
    const struct pf_inet_socket *listener;
    size_t listeners = find_listeners(survey, &peer->local, &listener);
    if (peer->state != TCP_ESTABLISHED || listeners == 0)
        pf_object_set_external(object, "the connection is being closed");
    else if (listeners > 1)
        pf_object_set_external(object, "one of several listeners may accept the connection");
    else
        pf_socket_set_pending(survey, object, listener->inode);
}

void pf_tcp_read(struct pf_survey *survey, struct pf_object *object, const struct pf_site *site,
                 const struct pf_fd *fd, bool at_rest)
{
    read_tables(survey, site);
    const struct pf_inet_socket *mine = NULL, *peer = NULL;
    for (size_t i = 0; i < survey->inet_count && !mine; i++)
        if (survey->inet_sockets[i].inode == fd->inode)
            mine = &survey->inet_sockets[i];
    if (!mine) {
        pf_object_set_external(object, "its connection cannot be read");
        return;
    }
    if (object->listening)
        return;
    for (size_t i = 0; i < survey->inet_count && !peer; i++) {
        const struct pf_inet_socket *other = &survey->inet_sockets[i];
        if (other->state != TCP_LISTEN && same_endpoint(&other->local, &mine->remote) &&
            same_endpoint(&other->remote, &mine->local))
            peer = other;
    }
    if (peer)
        read_connection(survey, object, mine, peer, at_rest);
    else
        object->peer_outside = true;
}
