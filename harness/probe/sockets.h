/*
 * sockets.h - the other end of a socket, and who may be there.
 */
#ifndef PF_PROBE_SOCKETS_H
#define PF_PROBE_SOCKETS_H

#include "probe/survey.h"

/* Fills in what is known of a socket: peer, listening, external, queued bytes. */
void pf_socket_read(struct pf_survey *survey, struct pf_object *object, struct pf_site *site,
                    struct pf_fd *fd);

/* How long a blocked call on the socket would last at most. */
struct pf_socket_limits {
    uint64_t receive_ns, send_ns; /* 0: for ever */
};

/* Returns 0, or -errno when they cannot be read. */
int pf_socket_limits(const struct pf_site *site, const struct pf_fd *fd, struct pf_socket_limits *ret_limits);

/* The listening socket of the tree with the name in an address that a process has given to connect(); NULL.
 */
struct pf_object *pf_socket_named(struct pf_survey *survey, const void *address, size_t length);

/*
 * A connection that the tree itself has made to somebody outside lets descriptors in and out, unseen: with
 * one, nothing that is reached by descriptor belongs to the tree alone. What the caller of pitfall gave as
 * stdin and the like is taken for plain streams.
 */
void pf_sockets_look_outside(struct pf_survey *survey);

#endif
