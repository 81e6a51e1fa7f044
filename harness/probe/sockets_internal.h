/*
 * sockets_internal.h - what sockets.c asks of the tables of one address family.
 */
#ifndef PF_PROBE_SOCKETS_INTERNAL_H
#define PF_PROBE_SOCKETS_INTERNAL_H

#include "probe/sockets.h"

/* Peer, name and pending connections of a Unix socket, from the kernel's sock_diag table. */
/* Whether a stream or packet socket is connected to somebody outside the tree: descriptors may travel through
 * it. */
bool pf_unix_leads_outside(struct pf_survey *survey, uint64_t inode);
void pf_unix_read(struct pf_survey *survey, struct pf_object *object, const struct pf_fd *fd);
/* The same of a TCP connection whose other end is on this machine, from /proc/PID/net/tcp and tcp6.
 * `at_rest`: what it has still to send stays where it is until the other end reads. */
void pf_tcp_read(struct pf_survey *survey, struct pf_object *object, const struct pf_site *site,
                 const struct pf_fd *fd, bool at_rest);
/* All that was sent has been acknowledged, and the other end takes no more: nothing moves before it reads. Of
 * a window that is only small the kernel uses the rest later, by a timer. */
bool pf_tcp_is_at_rest(int socket);

/* Makes the socket with that inode the peer; false when no process of the tree has it. */
bool pf_socket_set_peer(struct pf_survey *survey, struct pf_object *object, uint64_t inode);
/* The other end of a connection that its listener has not accepted yet: whoever holds the listener may. */
void pf_socket_set_pending(struct pf_survey *survey, struct pf_object *object, uint64_t listener);

#endif
