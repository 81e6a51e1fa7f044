/*
 * child.h - what runs between fork and exec: the init of the containment and the root's last steps.
 *
 * All of it is async-signal-safe: it allocates nothing, takes no lock and uses only what was prepared before
 * the fork. Failures are left as {stage, errno} in a page shared with the harness, because every way of
 * sending a message may be a system call that the fault plan intercepts.
 */
#ifndef PF_LAUNCH_CHILD_H
#define PF_LAUNCH_CHILD_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

enum pf_stage {
    PF_STAGE_NONE,
    PF_STAGE_IDENTITY, /* user and group mapping */
    PF_STAGE_ISOLATE,  /* layers over the files */
    PF_STAGE_MOUNT,    /* own /proc and /dev/shm */
    PF_STAGE_FORK,
    PF_STAGE_GROUP,
    PF_STAGE_STDIO,
    PF_STAGE_DIRECTORY,
    PF_STAGE_LIMIT,
    PF_STAGE_FILTER,
    PF_STAGE_EXEC,
    PF_STAGE__COUNT,
};

enum pf_left_kind {
    PF_LEFT_SEGMENT, /* System V */
    PF_LEFT_SEMAPHORES,
    PF_LEFT_QUEUE,
    PF_LEFT_SHM, /* POSIX */
    PF_LEFT_NAMED_SEMAPHORE,
    PF_LEFT_MQUEUE,
};

enum { PF_LEFT_MAX = 64 };

/* An IPC object that outlives the tree. */
struct pf_left {
    enum pf_left_kind kind;
    int id;         /* System V */
    int key;        /* 0: private */
    pid_t maker;    /* as the tree saw it; 0: not known */
    uint64_t size;  /* bytes; semaphores in a set */
    char name[256]; /* POSIX */
};

/* In memory shared with the harness. */
struct pf_child_report {
    enum pf_stage stage; /* the step that failed */
    int error;           /* its errno */
    bool killable;       /* a call that is being answered is disturbed by nothing but SIGKILL */
    atomic_uint looked;  /* 1: the init has looked at what is left, and goes; a futex */
    size_t left_count;   /* may be more than fit */
    struct pf_left left[PF_LEFT_MAX];
};

struct pf_child_limit {
    int resource;
    struct rlimit value;
};

#define PF_LAYERS_MAX       8
#define PF_MOUNTS_BELOW_MAX 32

/* A directory that is covered by an overlay. */
struct pf_child_layer {
    const char *path;         /* resolved */
    struct stat status;       /* of the real directory */
    const char *upper, *work; /* names in the tmpfs behind all layers */
    bool temporary;           /* a place for temporary files */
};

/* Everything the child needs, prepared before the fork. */
struct pf_child_plan {
    struct pf_child_report *report;
    int socket;         /* the child's end of the start socket */
    int harness_socket; /* the harness's end, to be closed in the child */
    bool user_namespace, pid_namespace, own_shm, own_ipc;
    const struct pf_child_layer *layers;
    size_t layer_count;           /* 0: files are not isolated */
    const char *layers_directory; /* the working directory as seen through them */
    int layers_fd;                /* what number the tmpfs behind them gets; -1: none */
    const char **below;           /* mount points below the layers */
    size_t below_count;
    const char *uid_map, *gid_map; /* contents of the mapping files, when user_namespace */
    int stdio[3];                  /* what becomes 0, 1 and 2; -1: keep */
    const char *directory;
    const struct pf_child_limit *limits;
    size_t limit_count;
    unsigned own_user; /* the user id to run under; 0: that of the harness */
    struct sock_fprog filter;
    bool no_new_privs;
    const char *path; /* the program, found already */
    char *const *argv;
    char *const *environment;
};

/* The init: pid 1 of the new namespace, or a subreaper. Forks the root, then reaps until nothing is left. */
_Noreturn void pf_child_init(const struct pf_child_plan *plan);

/* For the init, when its last child has gone: fills report->left. */
void pf_child_look_at_left(const struct pf_child_plan *plan);
/* Takes the user id plan->own_user, if there is one, and keeps root's powers but for those that put a process
 * above the limit of processes. Returns 0, or -1 with errno. */
int pf_child_take_user(const struct pf_child_plan *plan);
/* Mounts the layers. Returns 0, or -1 with errno. */
int pf_child_mount_layers(const struct pf_child_plan *plan);
/* Lets nobody change the nodes in /dev, and opens standard input anew from there, where it is prepared.
 * Returns 0, or -1 with errno. */
int pf_child_protect_devices(const struct pf_child_plan *plan);

#endif
