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

/* What the child tells the harness. */
struct pf_child_report {
    enum pf_stage stage; /* the step that failed */
    int error;           /* its errno */
    bool killable;       /* a call that is being answered is disturbed by nothing but SIGKILL */
    int listener;        /* the root's descriptor of its seccomp listener */
    int layers_fd;       /* the init's descriptor of the tmpfs behind the layers; -1: none */
    bool watched;        /* what a trial changes in the containment is seen, and the harness sees it itself */
    int mounts_fd;       /* the init's descriptors for that: mounts (POLLPRI), and all else (POLLIN) */
    int changes_fd;
    bool blind;          /* it is not seen any more */
    bool untouched;      /* the containment is as it was before this trial */
    unsigned shm_mounts; /* how often its /dev/shm has been mounted anew */
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

/* The containment as the init makes it, prepared before the fork. */
struct pf_child_place {
    struct pf_child_sheet *sheet;
    int socket;         /* the child's end: orders come in, the init and the root say how far they are */
    int harness_socket; /* the harness's end, to be closed in the child */
    int own_from;       /* a descriptor that stays open in the init has a number from here on */
    bool user_namespace, pid_namespace, own_shm, own_ipc;
    bool watched; /* for what a trial leaves in it, so that another can follow */
    int queues;   /* the folder of its message queues, opened by the init; -1: it cannot be had */
    const struct pf_child_layer *layers;
    size_t layer_count;           /* 0: files are not isolated */
    const char *layers_directory; /* the working directory as seen through them */
    const char **below;           /* mount points below the layers */
    size_t below_count;
    const char *uid_map, *gid_map; /* contents of the mapping files, when user_namespace */
};

enum { PF_DESCRIPTORS_AT_ONCE = 253 }; /* more do not fit into one message */

/* What one root is to become. All of it lies on the sheet, but for the environment, which never changes. */
struct pf_child_order {
    const int *descriptors; /* the numbers that it is to have open, ascending; the harness sends them */
    size_t descriptor_count;
    bool null_input;       /* the first of them is /dev/null, and opened anew where that is protected */
    const char *directory; /* NULL: as the init */
    const struct pf_child_limit *limits;
    size_t limit_count;
    unsigned own_user; /* the user id to run under; 0: that of the harness */
    struct sock_fprog filter;
    bool no_new_privs;
    const char *path; /* the program, found already */
    char *const *argv;
    char *const *environment;
};

/* Memory that the harness and the init share, at the same address in both. */
struct pf_child_sheet {
    struct pf_child_report report;
    struct pf_child_order order;
    size_t used; /* of text */
    char text[] __attribute__((aligned(16)));
};

/* What they say to each other, a byte each. */
enum pf_word {
    PF_WORD_READY = 'i', /* the init: the containment stands */
    PF_WORD_START = 's', /* the harness: a root, as the order says; its descriptors come with it */
    PF_WORD_ROOT = 'r',  /* the root, whose pid comes with it: prepared */
    PF_WORD_GO = 'g',    /* the harness: it is seized */
    PF_WORD_LOOK = 'l',  /* the harness, where it watches itself: there is something to look at */
    PF_WORD_END = 'e',   /* the init: nobody is left of the tree, and what else is stands in the report */
};

/*
 * The init: pid 1 of the new namespace, or a subreaper. Makes the containment; then, for each order, forks a
 * root, waits until nobody is left, and reports what that has left behind: where the harness watches, only
 * when it is told to. Ends when the harness hangs up; a subreaper, which cannot tell what is left, after the
 * first.
 */
_Noreturn void pf_child_init(const struct pf_child_place *place);

/* Opens the folder of the message queues of the init's namespace. Returns -1 when it cannot be had. */
int pf_child_open_queues(const struct pf_child_place *place);
/* For the init, when its last child has gone: fills report->left. */
void pf_child_look_at_left(const struct pf_child_place *place);
/* Takes the user id order->own_user, if there is one, and keeps root's powers but for those that put a
 * process above the limit of processes. Returns 0, or -1 with errno. */
int pf_child_take_user(const struct pf_child_order *order);
/* Mounts the layers. Returns the descriptor of the tmpfs that holds what is written, or -1 with errno. */
int pf_child_mount_layers(const struct pf_child_place *place);
/* Lets nobody change the nodes in /dev. Returns 0, or -1 with errno. */
int pf_child_protect_devices(const struct pf_child_place *place);

enum { PF_CHILD_PATH = 48 };
/* "/proc/self/fd/N" and the rest: a path of any length in a few bytes, and without a colon or comma in it. */
const char *pf_child_fd_path(char text[PF_CHILD_PATH], int fd, const char *rest);

/* What tells the init whether the containment is as it was. */
struct pf_child_watch {
    bool blind;   /* the next pid cannot be chosen any more */
    int next_pid; /* /proc/sys/kernel/ns_last_pid; -1, as for the next two: it cannot be had */
    int mounts;   /* tells of mounts that come and go */
    int changes;  /* inotify: settings, the init's own files, the tops of the layers */
    int shm;      /* the watch of /dev/shm among them */
};

/* Begins to watch, before the first order, if that is wanted. */
void pf_child_watch_begin(struct pf_child_place *place, struct pf_child_watch *ret_watch);
/* Before a root: its pid is to be 2 again. */
void pf_child_watch_root(const struct pf_child_place *place, struct pf_child_watch *watch);
/* After it: is everything as it was? What was only used, and holds nothing any more, is made afresh. */
bool pf_child_watch_end(const struct pf_child_place *place, struct pf_child_watch *watch);

/* Moves a descriptor out of the way of the root's. Returns its new number, or -1 with errno. */
int pf_child_keep(const struct pf_child_place *place, int fd);
/* Mounts the own /dev/shm. Returns 0, or -1 with errno. */
int pf_child_mount_shm(void);

#endif
