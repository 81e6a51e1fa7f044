/*
 * event.h - everything that supervision can say about a run, one struct per kind of event.
 *
 * The trace is a list of these. `process` is a process address ("0.2"), `thread` a thread address ("0.2/t1";
 * the main thread of a process goes by the process address alone).
 */
#ifndef PF_MODEL_EVENT_H
#define PF_MODEL_EVENT_H

#include "model/content.h"
#include "model/snapshot.h"

enum pf_event_kind {
    PF_EVENT_BEGIN,
    PF_EVENT_FORK,
    PF_EVENT_THREAD,
    PF_EVENT_EXEC,
    PF_EVENT_SIGNAL,
    PF_EVENT_KILL,
    PF_EVENT_HANDLER,
    PF_EVENT_NAME,
    PF_EVENT_BOND,
    PF_EVENT_TIMER,
    PF_EVENT_POINT,
    PF_EVENT_LEDGER,
    PF_EVENT_LIMIT,
    PF_EVENT_DESCRIPTORS,
    PF_EVENT_ZOMBIE,
    PF_EVENT_CALL,
    PF_EVENT_INJECT,
    PF_EVENT_RELEASE,
    PF_EVENT_OUTPUT,
    PF_EVENT_STREAM,
    PF_EVENT_LEFT,
    PF_EVENT_FILE,
    PF_EVENT_THREAD_EXIT,
    PF_EVENT_EXIT,
    PF_EVENT_SNAPSHOT,
    PF_EVENT_STACK,
    PF_EVENT_STEPS,
    PF_EVENT_PACE,
    PF_EVENT_USAGE,
    PF_EVENT_OPEN,
    PF_EVENT_NOTE,
    PF_EVENT_VERDICT,
    PF_EVENT_END,
    PF_EVENT__COUNT,
};

/* A resource limit as asked for: "nofile=32". */
struct pf_limit {
    const char *resource; /* "nofile", "nproc", … as in prlimit(1) */
    uint64_t value;
};

/* What runs without faults do to a file. */
struct pf_expect_file {
    const char *path;
    const char *change; /* as of struct pf_ev_file */
    const struct pf_content *content;
};

/* Descriptors of a process that are of one kind and path. */
struct pf_descriptors {
    enum pf_object_kind kind;
    const char *path; /* of what has one */
    uint64_t count;
    uint64_t dangling; /* of pipes and sockets: nothing will ever come through them again */
};

/* How a process ends in runs without faults. */
struct pf_expect_process {
    const char *process;
    uint64_t code;               /* its exit status */
    struct pf_descriptors *open; /* what it has open then; paths may be of one run only */
    size_t open_count;
};

struct pf_frame {
    const char *language; /* "python"; NULL: machine code */
    const char *function;
    const char *module; /* the file that the code was loaded from; of a language's own library its name */
    uint64_t offset;    /* of the code from the beginning of its module */
    const char *file;
    uint64_t line;
};

/* What the trial is expected to show; absent fields mean "nothing in particular". */
struct pf_expect {
    const char *finding;   /* kind of finding that must appear ("deadlock"); NULL: no finding may */
    const char *diagnosis; /* pitfall id that the diagnosis must name */
    const char *output;    /* the program's standard output must contain this */
    const char *exit;      /* "any", or the status the root must end with; NULL: "0" */
    const struct pf_content *printed; /* the program's standard output must be this, byte by byte */
    struct pf_expect_file *files;     /* of an isolated trial */
    size_t file_count;
    struct pf_expect_process *processes; /* those that end the same way every time */
    size_t process_count;
    bool baseline;      /* what is expected was seen in runs without faults */
    bool daemon;        /* processes may outlive the root: it daemonises on purpose */
    uint64_t leftovers; /* temporary files that such a run leaves behind */
};

struct pf_environment {
    const char *pitfall; /* version of the harness */
    const char *kernel;  /* uname -r */
    const char *machine;
    const char *containment; /* "namespaces", "user-namespaces" or "subreaper"; NULL: not launched by us */
    const char *containment_note; /* why not the best level, if so */
    bool isolated;                /* what the trial wrote is in a layer of its own */
    const char *isolation_note;   /* what is not isolated although asked for, or why nothing is */
};

/* First event of every trace: what was planned, where. */
struct pf_ev_begin {
    const char *schema;   /* "pitfall-trace/1" */
    const char *scenario; /* NULL outside the catalogue */
    const char *variant;
    const char **command;
    size_t command_count;
    const char **faults; /* the rules in the order they are applied, as written */
    size_t fault_count;
    uint64_t seed; /* of the rules with prob= */
    struct pf_limit *limits;
    size_t limit_count;
    uint64_t deadline_ns;
    uint64_t grace_ns;
    bool attached; /* the tree was found running: it was not launched, and its past is not known */
    bool captured; /* the program's output is in the trace */
    bool no_execs; /* only the root's first exec is in the trace: names are known where somebody looked */
    const char *replay; /* a command line that does it again */
    struct pf_expect expect;
    struct pf_environment environment;
};

struct pf_ev_fork {
    const char *process; /* the new one */
    const char *parent;  /* NULL for the root */
    uint64_t pid;        /* as the tree sees it */
    const char *how;     /* "fork", "vfork", "clone", "launch"; "found": it lived already */
};

struct pf_ev_thread {
    const char *thread; /* the new one */
    const char *by;     /* thread that made it */
    uint64_t tid;       /* as the tree sees it */
};

struct pf_ev_exec {
    const char *process;
    const char *path;
    const char **argv; /* at most 64 arguments of at most 256 bytes */
    size_t argv_count;
};

/* A signal on its way to a thread, seen before it takes effect. SIGKILL cannot be seen so: see PF_EVENT_KILL.
 */
struct pf_ev_signal {
    const char *thread;
    uint64_t number;
    const char *name;      /* "SIGTERM" */
    const char *sender;    /* process address, "kernel", "pitfall", "outside" */
    uint64_t address;      /* of SIGSEGV and SIGBUS: what was not to be had there; 0: not known, or near 0 */
    const char *mapped_in; /* another process of the tree that has memory at this address; NULL: none */
    bool mapped_shared;    /* ... and shares it with those that inherited it */
};

/* A process of the tree asked the kernel to send SIGKILL (kill, tgkill, pidfd_send_signal, …). */
struct pf_ev_kill {
    const char *thread;  /* who */
    int64_t target;      /* pid as passed: 0 and negative values name groups */
    const char *process; /* address of the target where it is one process */
};

/* A thread sets what its process is to do about a signal that the plan sends. */
struct pf_ev_handler {
    const char *thread;
    uint64_t number;
    const char *name;         /* "SIGTERM" */
    const char *does;         /* "function", "default", "ignore" */
    struct pf_frame function; /* which; all NULL: not known */
    uint64_t address;         /* by which two of one process can be told apart; 0: it is no function */
};

/* A thread removes a name from /dev/shm, or is about to open one, without making it, that is not there. */
struct pf_ev_name {
    const char *thread;
    const char *name; /* "/dev/shm/sem.jobs" */
    bool removed;     /* false: it looks for it in vain */
};

/*
 * The kernel will send a process this signal when its parent ends, because it asked for it
 * (PR_SET_PDEATHSIG), or when one of its ancestors ends, because that is the init of their PID namespace.
 */
struct pf_ev_bond {
    const char *process;
    uint64_t number; /* 0: no longer */
};

/* An alarm, interval timer or POSIX timer was set or cleared. */
struct pf_ev_timer {
    const char *process;
    bool armed;
};

struct pf_ev_point {
    const char *thread;
    const char *name;
    uint64_t count; /* 1 for the first time this process reaches this point */
};

struct pf_ev_ledger {
    const char *thread;
    const char *book; /* "sent", "received", "sent:jobs" … */
    uint64_t id;
};

/* A system call failed for want of a limited resource. */
struct pf_ev_limit {
    const char *thread;
    const char *call;
    const char *error;    /* "EMFILE" */
    const char *resource; /* "nofile" */
    uint64_t value;       /* the soft limit in force */
    uint64_t parents;     /* that of its living parent, at this moment; 0: not known */
};

/* A process that has ended, and that its parent, which lives, has not waited for, at a moment that counts. */
struct pf_ev_zombie {
    const char *process;
    uint64_t limit; /* number of the limit event: it takes up one of the places that there are */
};

/* What a process had open when it first met the limit of descriptors, or when it ended by itself. */
struct pf_ev_descriptors {
    const char *process;
    uint64_t limit; /* number of the limit event; 0: it ended */
    struct pf_descriptors *open;
    size_t open_count;
};

/* A system call that the trial records has returned, or its thread has ended in it. */
struct pf_ev_call {
    const char *thread;
    const char *call;
    uint64_t occurrence; /* 1 for the first time this process makes this call */
    const char *on; /* what its descriptor is: "pipe", "socket", "message socket", "file", …; NULL: none */
    bool unreturned;
    int64_t result;          /* -errno when it failed */
    bool startup;            /* made by the dynamic loader, before the program's own code */
    uint64_t stack;          /* which of the call stacks of this trace, from 1; 0: it could not be read */
    struct pf_frame *frames; /* innermost first, where this stack comes for the first time */
    size_t frame_count;
};

/* A fault strikes. */
struct pf_ev_inject {
    uint64_t fault;      /* index into begin.faults */
    const char *thread;  /* whom the trigger caught; NULL for time triggers */
    const char *at;      /* "write", "point=lock-held", "after=100ms" */
    uint64_t occurrence; /* 1 for the first time this process reached the trigger */
    const char *action;  /* "error=EINTR", "kill", "hold=…" */
    const char *target;  /* whom a signal, kill or limit goes to: process address or "group" */
};

/* A held thread goes on. */
struct pf_ev_release {
    uint64_t fault;
    const char *thread;
    const char *why; /* "trigger", "never" (nothing that runs can reach the trigger any more), "end" */
    bool met;        /* the trigger really happened */
};

struct pf_ev_output {
    const char *stream; /* "stdout" or "stderr" */
    const char *text;   /* bytes that are not UTF-8 are kept as Latin-1 */
    uint64_t dropped;   /* bytes not kept because the output is over the limit */
};

/* What a captured stream was as a whole, however much of it is kept. */
struct pf_ev_stream {
    const char *stream; /* "stdout" */
    uint64_t size;
    const char *digest; /* as of struct pf_content */
    bool binary;        /* what is kept of it is not letter by letter what it was */
    uint64_t same;      /* so many bytes at its beginning are as expected, as far as that was at hand */
};

/* An IPC object that is still there when the tree has ended by itself. */
struct pf_ev_left {
    const char *kind;    /* "sysv-shm", "sysv-sem", "sysv-msg", "shm", "sem", "mqueue" */
    const char *name;    /* "/jobs", "id 3, key 0x0000002a" */
    const char *process; /* who made it; NULL: not known */
    uint64_t size;       /* bytes; semaphores in a set */
};

/* What an isolated trial did to a file, listed when it is over; what holds the same as before is not. */
struct pf_ev_file {
    const char *path;   /* as the program knows it */
    const char *change; /* "created", "changed", "deleted" */
    const char *type;   /* "file", "directory", "link", "socket", "fifo", "device" */
    bool temporary;     /* in a directory for temporary files, and not in the working directory */
    uint64_t size;
    const struct pf_content *content; /* of files; NULL: it could not be read, or is very large */
};

struct pf_ev_thread_exit {
    const char *thread;
};

struct pf_ev_exit {
    const char *process;
    bool signaled;
    uint64_t code;      /* exit status, or signal number */
    const char *signal; /* name, when signaled */
    bool core;
    const char *name; /* what a process that failed called itself, where execs are not followed */
};

/* Where a thread stands: a blocked one, or one that a fault struck. Under supervision the former is taken
 * after the verdict, and the thread is stopped for either. */
struct pf_ev_stack {
    const char *thread;
    uint64_t inject;         /* number of the inject event; 0: after the verdict */
    struct pf_frame *frames; /* innermost first */
    size_t frame_count;
};

/* Instructions in a row that stand on one line of the source, or in one function where lines are not known.
 */
struct pf_step_spot {
    uint64_t first; /* so many instructions of the call were executed before */
    uint64_t count;
    struct pf_frame at;
    uint64_t offset;      /* of the first one in its module, as objdump shows it */
    struct pf_frame from; /* the innermost caller whose line is known, where `at` has none */
    const char *call;     /* it is the instruction of this system call */
    bool repeated;        /* a repeated string instruction: before it, in the middle, before its last turn */
};

/* An instruction of a call that can be run to: the call comes to its address for the so-many-eth time. */
struct pf_waypoint {
    uint64_t instruction; /* so many were executed before */
    int64_t distance;     /* of its address from that of the function, in bytes */
    uint64_t occurrence;  /* from 1; 0: it is none */
};

/* A call of a function was stepped through from its first instruction to its last. */
struct pf_ev_steps {
    const char *thread;
    const char *function;
    uint64_t call;         /* which one of this process address, from 1 */
    uint64_t instructions; /* callees included */
    const char *ended;     /* "returned", "left" (a jump to a caller), "exec", "exit", "cut" (too many) */
    struct pf_step_spot *spots;
    size_t spot_count;
    struct pf_waypoint
        *waypoints; /* where to run is shorter than to step on from the one before; ascending */
    size_t waypoint_count;
};

/* What a thread did in the second half of the time of a run that reached its deadline. */
struct pf_ev_pace {
    const char *thread;
    uint64_t window_ns; /* how long that half was */
    uint64_t run_ns;    /* on a CPU */
    uint64_t queued_ns; /* waiting for one */
    uint64_t wakes;     /* times it was put on a CPU */
    uint64_t bytes;     /* its process has read and written, as /proc/PID/io has it */
    uint64_t looks;     /* times its registers were looked at; 0: it did not run enough for that */
    bool bytes_unknown; /* they could not be read */
    uint64_t states;    /* different ones among them */
};

/*
 * What a process had used when it ended, told of those that used a noticeable amount of processor time. What
 * it read and wrote (read, write and their kin; not send and recv) includes the children it had waited for.
 */
struct pf_ev_usage {
    const char *process;
    const char *name;   /* what it called itself, where execs are not followed */
    uint64_t run_ns;    /* on a CPU, all its threads */
    uint64_t before_ns; /* of these: before it had any child */
    uint64_t system_ns; /* of these: in the kernel, as far as the clock's ticks tell */
    uint64_t reads, read_bytes;
    uint64_t writes, written_bytes;
};

/* What the process of a thread has open as the plan begins to hold it, or lets it go again. */
struct pf_ev_open {
    const char *thread;
    bool released;
    struct pf_descriptors *open;
    size_t open_count;
};

/* Something about the run that a reader should know (a feature missing, a blind spot touched). */
struct pf_ev_note {
    const char *text;
};

/* Why supervision ends the trial; the decision of the one backward arrow. */
enum pf_verdict_kind {
    PF_VERDICT_FINISHED,    /* the tree ended by itself */
    PF_VERDICT_PROVEN,      /* the named snapshot shows threads that are stuck for good */
    PF_VERDICT_ABANDONED,   /* the root ended, others live on */
    PF_VERDICT_DEADLINE,    /* time is up */
    PF_VERDICT_OVERGROWN,   /* more processes alive at once than the trial may have */
    PF_VERDICT_INTERRUPTED, /* the user asked to stop */
    PF_VERDICT_OBSERVED,    /* the tree was only looked at, and goes on */
    PF_VERDICT__COUNT,
};

struct pf_ev_verdict {
    enum pf_verdict_kind kind;
    uint64_t snapshot;      /* sequence number of the snapshot it rests on; 0: none */
    const char **survivors; /* processes that live at this moment */
    size_t survivor_count;
};

/* Last event of every whole trace. */
struct pf_ev_end {
    const char *error; /* the harness itself failed: what and what to do; NULL: it did not */
    bool usage;        /* ... because of what it was asked for: a program or function that is not there */
    uint64_t *met;     /* of each rule, how often at most its trigger came for one address, struck or not */
    size_t met_count;
};

struct pf_event {
    uint64_t seq;  /* 1, 2, 3, … */
    uint64_t t_ns; /* since the begin event */
    enum pf_event_kind kind;
    union {
        struct pf_ev_begin begin;
        struct pf_ev_fork fork;
        struct pf_ev_thread thread;
        struct pf_ev_exec exec;
        struct pf_ev_signal signal;
        struct pf_ev_kill kill;
        struct pf_ev_handler handler;
        struct pf_ev_name name;
        struct pf_ev_bond bond;
        struct pf_ev_timer timer;
        struct pf_ev_point point;
        struct pf_ev_ledger ledger;
        struct pf_ev_limit limit;
        struct pf_ev_descriptors descriptors;
        struct pf_ev_zombie zombie;
        struct pf_ev_call call;
        struct pf_ev_inject inject;
        struct pf_ev_release release;
        struct pf_ev_output output;
        struct pf_ev_stream stream;
        struct pf_ev_left left;
        struct pf_ev_file file;
        struct pf_ev_thread_exit thread_exit;
        struct pf_ev_exit exit;
        struct pf_snapshot snapshot;
        struct pf_ev_stack stack;
        struct pf_ev_steps steps;
        struct pf_ev_pace pace;
        struct pf_ev_usage usage;
        struct pf_ev_open open;
        struct pf_ev_note note;
        struct pf_ev_verdict verdict;
        struct pf_ev_end end;
    };
};

#define PF_TRACE_SCHEMA "pitfall-trace/1"

extern const struct pf_names pf_event_kind_names;
extern const struct pf_names pf_verdict_kind_names;
extern const struct pf_record pf_environment_record;
extern const struct pf_record pf_limit_record;
extern const struct pf_record pf_expect_record;

/* A copy for a result: of contents only what their digests tell, and of processes nothing. */
struct pf_expect pf_expect_copy(const struct pf_expect *expect, struct pf_arena *arena);

/* A copy with all that belongs to it, in the arena. */
void pf_event_copy(const struct pf_event *event, struct pf_arena *arena, struct pf_event *ret_copy);

/* One JSON object: seq, t, event, and the fields of its kind. */
json_t *pf_event_to_json(const struct pf_event *event);
int pf_event_from_json(json_t *json, struct pf_arena *arena, struct pf_event *ret_event,
                       struct pf_error *error);

#endif
