/*
 * fds.h - the descriptors of a process: what each one is, and what fdinfo says about it.
 */
#ifndef PF_PROBE_FDS_H
#define PF_PROBE_FDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/snapshot.h"

struct pf_survey;
struct pf_site;

/* One descriptor. Two descriptors with equal kind, device and inode are one object, if the inode is not 0. */
struct pf_fd {
    int number;
    enum pf_object_kind kind;
    const char *link; /* as /proc/PID/fd has it */
    uint64_t device, inode;
    bool deleted; /* a file that has no name any more */
    bool io_uring;
    bool regular;     /* a regular file or directory */
    const char *info; /* the text of fdinfo, once read; "" when it cannot be */
};

/* Lists the descriptors of a process. Returns 0 or -errno. */
int pf_fds_list(pid_t pid, struct pf_arena *arena, struct pf_fd **ret_fds, size_t *ret_count);

/* The id of the object behind it; kinds that only fdinfo or kcmp can tell apart are named by their link. */
const char *pf_fd_id(struct pf_arena *arena, const struct pf_fd *fd);

/* The descriptors of a site, read at most once. */
void pf_site_read_fds(struct pf_survey *survey, struct pf_site *site);
/* Only those, in this order; each of them must be open. Returns 0 or -errno. */
int pf_site_read_some_fds(struct pf_survey *survey, struct pf_site *site, const int *numbers, size_t count);
/* NULL when the process has no such descriptor. */
struct pf_fd *pf_site_fd(struct pf_survey *survey, struct pf_site *site, int number);

/* The text of fdinfo, read at most once. */
const char *pf_fd_info(struct pf_survey *survey, const struct pf_site *site, struct pf_fd *fd);
/* The number behind "key:" in it; false when there is none. */
bool pf_fd_info_number(const char *info, const char *key, int base, int64_t *ret_value);

/* A copy of the descriptor in this process, for reading the state of the object; -errno when not allowed. */
int pf_fd_duplicate(const struct pf_site *site, const struct pf_fd *fd);

#endif
