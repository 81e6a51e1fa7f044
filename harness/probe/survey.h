/*
 * survey.h - one snapshot in the making.
 *
 * The survey holds what the files of this room share while they fill a snapshot: the request, and everything
 * that has been read from the kernel already, so that nothing is read twice. A `site` is one process of the
 * request with its descriptors and shared mappings, read when somebody first asks for them.
 */
#ifndef PF_PROBE_SURVEY_H
#define PF_PROBE_SURVEY_H

#include "probe/fds.h"
#include "probe/maps.h"
#include "probe/probe.h"
#include "probe/procfs.h"

struct pf_site {
    const struct pf_probe_process *process;
    struct pf_task_stat stat;
    struct pf_task_status status;
    bool nested; /* in a PID namespace inside the tree's: what it calls a pid is another number */
    const struct pf_site *memory; /* of pf_survey_memory(); NULL: not found yet */
    pid_t reader;       /* a living thread to read it through: its main thread may have ended; 0: all have */
    const char *parent; /* address; as the kernel tells it, NULL when nobody of the tree */
    bool fds_read;
    struct pf_fd *fds;
    size_t fd_count;
    char *mounts; /* those it sees, as mountinfo has them; NULL: not read */
    bool maps_read;
    struct pf_mapping *maps; /* shared ones only */
    size_t map_count;
};

struct pf_unix_socket;
struct pf_inet_socket;
struct pf_lock_line;

struct pf_survey {
    const struct pf_probe_request *request;
    struct pf_arena *arena;
    struct pf_snapshot *snapshot;
    struct pf_site *sites; /* as many as request->process_count */
    struct pf_object **objects;
    size_t object_count;
    /* Reasons why somebody unseen might act: on anything; on anything that is reached by descriptor. */
    const char *hidden_hand;
    const char *hidden_holder;
    struct pf_unix_socket *unix_sockets;
    size_t unix_count;
    bool unix_read;
    struct pf_inet_socket *inet_sockets;
    size_t inet_count;
    bool inet_read;
    uint64_t python_handlers; /* where the last process has its table, see python_signals.h; 0: none yet */
    int alarms;               /* armed anywhere on the machine: 0 not asked yet, see alarms.c */
    struct pf_lock_line *lock_lines;
    size_t lock_line_count;
    bool locks_read;
    bool own_ipc, ipc_read;
};

/* Names something that could not be read, once. */
void pf_survey_unknown(struct pf_survey *survey, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* NULL when the tree has no such thing. */
struct pf_site *pf_survey_site(struct pf_survey *survey, pid_t pid);
struct pf_site *pf_survey_site_at(struct pf_survey *survey, const char *address);
struct pf_site *pf_survey_site_in_tree(struct pf_survey *survey, pid_t tree_pid);
const struct pf_probe_thread *pf_survey_thread_in_tree(struct pf_survey *survey, pid_t tree_tid);
const struct pf_probe_dead *pf_survey_dead(struct pf_survey *survey, pid_t tree_tid);

/* The object of that id, or NULL. */
struct pf_object *pf_survey_object(struct pf_survey *survey, const char *id);
/* A new object. */
struct pf_object *pf_survey_add(struct pf_survey *survey, enum pf_object_kind kind, const char *id);
/* Whether the caller of pitfall gave the object of that id to the root. */
bool pf_survey_is_given(const struct pf_survey *survey, const char *id);
/* Says, once, that somebody outside the tree can act on it. */
void pf_object_set_external(struct pf_object *object, const char *why);

/* The first of the processes that share the address space of this one: most often itself. See memories.c. */
const struct pf_site *pf_survey_memory(struct pf_survey *survey, const struct pf_site *site);

#endif
