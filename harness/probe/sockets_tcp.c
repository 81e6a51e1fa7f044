/* What a TCP socket itself tells of bytes that are on their way: linux/tcp.h and netinet/tcp.h do not go
 * together. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "probe/sockets_internal.h"

bool pf_tcp_is_at_rest(int socket)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info),
              needed = offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(info.tcpi_snd_wnd);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) || length < needed)
        return false; /* before Linux 5.18 */
    return info.tcpi_unacked == 0 && info.tcpi_snd_wnd == 0;
}
