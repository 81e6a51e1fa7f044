/*
 * Golden traces: for every oracle and every rule a history that it must recognise, and one that looks much
 * like it and is none. traces/make.py writes them; this table says what the judge must make of each.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"
#include "judge/oracles/oracle.h"
#include "judge/rules/rule.h"

static const struct golden {
    const char *trace;
    enum pf_verdict verdict;
    const char *findings; /* "kind" or "kind@process", in order */
    const char *pitfall;  /* "-": no diagnosis; NULL: a diagnosis without a name */
    const char *says;     /* somewhere in the reason, the messages or the diagnosis */
} table[] = {
    {"deadlock-lock-order", PF_FAIL, "deadlock", NULL, "closes a circle"},
    {"deadlock-closed-stdin", PF_FAIL, "deadlock", NULL, "0.1 (program) waits for data from a pipe (fd 0)"},
    {"deadlock-self", PF_FAIL, "deadlock", NULL, "only 0 itself could write to it"},
    {"deadlock-both-fill", PF_FAIL, "deadlock", NULL, "All write and nobody reads"},
    {"deadlock-read-the-wrong-one", PF_FAIL, "deadlock", NULL, "Read what is full while waiting"},
    {"deadlock-nobody-begins", PF_FAIL, "deadlock", NULL, "waits for the other to speak first"},
    {"deadlock-lock-while-waiting", PF_FAIL, "deadlock", NULL, "while holding a lock that it needs"},
    {"deadlock-locked-twice", PF_FAIL, "deadlock", NULL, "Unlock it before it is locked again"},
    {"deadlock-owner-ended", PF_FAIL, "deadlock", NULL, "that 0 (program) held when it ended"},
    {"deadlock-fifo", PF_FAIL, "deadlock", NULL, "to open the FIFO /dev/shm/orders for writing"},
    {"deadlock-vfork", PF_FAIL, "deadlock", NULL, "or use posix_spawn"},
    {"deadlock-sigchld", PF_FAIL, "deadlock", NULL, "waits for a signal (SIGCHLD)"},
    {"deadlock-queues", PF_FAIL, "deadlock", NULL, "only 0.1 (program), beside 0 itself, could read from it"},
    {"deadlock-threads-and-a-pipe", PF_FAIL, "deadlock", NULL, "0/t2 (program) waits for room"},
    {"deadlock-two-files", PF_FAIL, "deadlock", NULL, "only 0.1 (program) could release it"},
    {"deadlock-partial", PF_FAIL, "deadlock", NULL, "0.1 (program) is stuck for good"},
    {"near-deadlock-once-seen", PF_FAIL, "hang", "-", "no deadlock is proven"},
    {"near-deadlock-beside-the-living", PF_FAIL, "hang", "-", "no deadlock is proven"},
    {"near-deadlock-timed", PF_FAIL, "hang", "-", "that is full (its wait ends by itself after a time)"},
    {"hang-unknown", PF_FAIL, "hang", "-", "is blocked in ioctl, which this version cannot read: a device"},
    {"near-hang", PF_PASS, "", "-", NULL},

    {"found-deadlock", PF_FAIL, "deadlock", NULL, "0 (program 2) and 0.1 (program 4) are stuck for good"},
    {"found-likely", PF_FAIL, "hang", NULL, "are likely to be stuck for good"},
    {"found-likely-strangers", PF_FAIL, "hang", NULL,
     "Not seen: what is held by 4711 (sudo) outside the tree"},
    {"found-locks-whatever-alarms", PF_FAIL, "deadlock", NULL, "closes a circle"},
    {"found-in-python", PF_FAIL, "deadlock", NULL, "main at /srv/feeder.py:12 (in Popen.wait)"},
    {"near-found-timer", PF_PASS, "", NULL, "Nothing is known to be stuck"},
    {"near-found-held-outside", PF_PASS, "", NULL, "process 4711 (bash), which is not of the tree"},

    {"orphan-daemon", PF_FAIL, "orphan@0.1.1", "orphaned-daemon", "0.1 ended with status 0"},
    {"orphan-tree", PF_FAIL, "orphan@0.1 orphan@0.2", "orphaned-daemon", "with 1 descendant of its own"},
    {"near-orphan-allowed", PF_PASS, "", "-", NULL},
    {"rule-parent-killed", PF_FAIL, "orphan@0.1", "parent-killed", "nothing of its clean-up was carried out"},
    {"near-orphan-reaped", PF_PASS, "", "-", NULL},

    {"zombie", PF_PASS, "zombie@0", "-", "has not waited for 2 children that ended"},
    {"near-zombie-young", PF_PASS, "", "-", NULL},
    {"near-zombie-orphan", PF_PASS, "", "-", NULL},

    {"crash", PF_FAIL, "crash@0.1", "-", "was killed by SIGSEGV and dumped core"},
    {"crash-of-root", PF_FAIL, "crash@0", "-", "SIGABRT"},
    {"near-crash-injected", PF_PASS, "", "-", NULL},
    {"killed-from-outside", PF_FAIL, "killed@0.1", "-", "it came from outside the tree"},
    {"killed-by-nobody", PF_FAIL, "killed@0.1", "-", "nobody in the tree sent it"},
    {"near-killed-by-parent", PF_PASS, "", "-", NULL},
    {"near-killed-by-pipe", PF_PASS, "", "-", NULL},
    {"near-killed-injected-group", PF_PASS, "", "-", NULL},
    {"near-killed-with-its-parent", PF_PASS, "", "-", NULL},
    {"killed-beside-its-parent", PF_FAIL, "killed@0.1.1", "-", "nobody in the tree sent it"},
    {"near-killed-by-typing", PF_PASS, "", "-", NULL},
    {"near-killed-by-the-user", PF_ERROR, "", "-", NULL},
    {"exit", PF_FAIL, "exit@0", "-", "ended with status 3; status 0 was expected"},
    {"exit-by-own-signal", PF_FAIL, "exit@0", "-", "was killed by SIGTERM; status 0"},
    {"near-exit-expected", PF_PASS, "", "-", NULL},
    {"near-exit-any", PF_PASS, "", "-", NULL},
    {"near-exit-signal-expected", PF_PASS, "", "-", NULL},
    {"near-exit-root-killed", PF_PASS, "", "-", NULL},

    {"limit-nofile", PF_FAIL, "limit@0 lost", "fd-exhaustion", "pipe2 failed with EMFILE, 2 times"},
    {"near-limit-nproc", PF_FAIL, "limit@0", "process-limit", "nproc of 8"},
    {"fd-leak-dangling", PF_FAIL, "limit@0 fd-leak@0", "fd-exhaustion",
     "of the 32 descriptors that 0 (program) has open, nothing will ever come through 21 again (20 ends of "
     "pipes and 1 socket)"},
    {"fd-leak-one-file", PF_FAIL, "limit@0 fd-leak@0", "fd-exhaustion",
     "20 of its 32 descriptors for one and the same: /srv/data"},
    {"near-fd-leak-few", PF_FAIL, "limit@0", "fd-exhaustion", NULL},
    {"near-fd-leak-in-use", PF_FAIL, "limit@0", "fd-exhaustion", NULL},
    {"fd-leak-error-path", PF_FAIL, "fd-leak@0.1", "-",
     "1 end of a pipe and 2 files (/srv/data); error=EIO had struck it at read"},
    {"fd-leak-short", PF_FAIL, "fd-leak@0.1", "-", "with more open: 1 end of a pipe; short=1 had struck it"},
    {"near-fd-leak-same", PF_PASS, "", "-", NULL},
    {"near-fd-leak-in-its-place", PF_PASS, "", "-", NULL},
    {"near-fd-leak-told", PF_PASS, "", "-", NULL},
    {"near-fd-leak-killed", PF_FAIL, "killed@0.1", "-", NULL},
    {"near-fd-leak-not-struck", PF_PASS, "", "-", NULL},
    {"near-fd-leak-signal", PF_PASS, "", "-", NULL},
    {"near-fd-leak-kept-from-closing", PF_PASS, "", "-", NULL},
    {"near-fd-leak-kept-later", PF_PASS, "", "-", NULL},
    {"lost-stream", PF_FAIL, "lost", "-", "1 message of \"jobs\" was sent and never received: id 2"},
    {"duplicate", PF_FAIL, "duplicate", "-", "1 message was received more than once: id 1"},
    {"near-lost-cut-short", PF_FAIL, "hang", "-", NULL},
    {"wrong-output", PF_FAIL, "wrong-output@0", "-", "does not contain \"sum 10\""},
    {"near-wrong-output", PF_PASS, "", "-", NULL},

    {"unfired-never", PF_ERROR, "unfired", "-", "\"write:error=EINTR\" never struck"},
    {"unfired-met", PF_ERROR, "unfired", "-", "its trigger came 3 times"},
    {"unfired-hold", PF_ERROR, "unfired", "-", "held a thread for something that never happened"},
    {"near-unfired", PF_PASS, "", "-", NULL},
    {"error-harness", PF_ERROR, "", "-", "seccomp is not there"},
    {"error-interrupted", PF_ERROR, "", "-", "interrupted"},
    {"error-no-verdict", PF_ERROR, "", "-", "does not say why"},

    {"expected-deadlock", PF_PASS, "deadlock", "join-before-drain", NULL},
    {"expected-but-clean", PF_FAIL, "", "-", "expected the finding deadlock, but nothing was found"},
    {"expected-but-more", PF_FAIL, "deadlock crash@0.2", "join-before-drain",
     "beside what was expected, found crash"},
    {"expected-other-diagnosis", PF_FAIL, "deadlock", "join-before-drain",
     "expected the diagnosis hung-thread, but it was join-before-drain"},
    {"expected-list", PF_PASS, "limit@0 lost", "fd-exhaustion", NULL},
    {"expected-list-half", PF_FAIL, "limit@0", "fd-exhaustion", "expected the finding lost"},

    {"rule-join-wait4", PF_FAIL, "deadlock", "join-before-drain",
     "There is room for 65536 bytes in it, and no more"},
    {"rule-join-feeder-thread", PF_FAIL, "deadlock", "join-before-drain", "0.1/t1 (program) waits for room"},
    {"rule-join-through-shell", PF_FAIL, "deadlock", "join-before-drain", "0.1.1 (program) waits for room"},
    {"rule-join-pidfd-socket", PF_FAIL, "deadlock", "join-before-drain", "room in a socket (fd 5)"},
    {"rule-join-thread", PF_FAIL, "deadlock", "join-before-drain", "waits for thread 0/t1 (program) to end"},
    {"near-join-reader-stuck-elsewhere", PF_FAIL, "deadlock", NULL, NULL},
    {"near-join-empty-pipe", PF_FAIL, "deadlock", NULL, NULL},
    {"near-join-each-fills-the-other", PF_FAIL, "deadlock", NULL, "All write and nobody reads"},

    {"rule-lock-mutex", PF_FAIL, "deadlock", "terminate-with-lock",
     "was killed by SIGTERM (sent by 0 (program))"},
    {"rule-lock-semaphore", PF_FAIL, "deadlock", "terminate-with-lock", "which could have held it"},
    {"rule-lock-system-v", PF_FAIL, "deadlock", "terminate-with-lock",
     "semaphore 1 to be at least 1, in the"},
    {"near-lock-system-v", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-lock-plain-word", PF_FAIL, "deadlock", "terminate-with-lock", "which could have held it"},
    {"rule-lock-injected-kill", PF_FAIL, "deadlock", "terminate-with-lock", "(the injected fault)"},
    {"near-lock-ended-by-itself", PF_FAIL, "deadlock", NULL, "ended with status 0 while it held it"},
    {"near-lock-crashed", PF_FAIL, "deadlock crash@0.1", NULL, NULL},
    {"near-lock-nobody-killed", PF_FAIL, "deadlock", NULL, NULL},
    {"near-lock-out-of-reach", PF_FAIL, "deadlock", NULL, NULL},
    {"near-lock-copied-by-fork", PF_FAIL, "deadlock", NULL, "copied by fork"},

    {"rule-event-condition", PF_FAIL, "deadlock", "event-never-set",
     "was killed by SIGKILL (the injected fault)"},
    {"rule-event-eventfd", PF_FAIL, "deadlock", "event-never-set", "what is waited for never comes"},
    {"rule-event-epoll", PF_FAIL, "deadlock", "event-never-set", "which watches for an eventfd"},
    {"rule-event-barrier", PF_FAIL, "deadlock", "event-never-set", "or until others come"},
    {"rule-event-script", PF_FAIL, "deadlock", "event-never-set", "ended with status 0"},
    {"near-event-own-class", PF_FAIL, "deadlock", NULL, NULL},
    {"near-event-other-program", PF_FAIL, "deadlock", NULL, NULL},
    {"near-event-nobody-killed", PF_FAIL, "deadlock", NULL, NULL},
    {"near-event-private", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-worker-killed", PF_FAIL, "deadlock", "worker-killed-mid-task",
     "its 2 living siblings wait for work"},
    {"rule-worker-killed-the-only-one", PF_FAIL, "deadlock", "worker-killed-mid-task",
     "no other worker is left"},
    {"rule-worker-crashed", PF_FAIL, "deadlock crash@0.1", "worker-killed-mid-task", "only living sibling"},
    {"rule-worker-fed-though-dead", PF_FAIL, "deadlock", "worker-killed-mid-task",
     "the reading end is open only in 0 itself"},
    {"near-worker-fed-and-read-elsewhere", PF_FAIL, "deadlock", NULL, NULL},
    {"near-worker-ended-by-itself", PF_FAIL, "deadlock", NULL, NULL},
    {"near-worker-sibling-is-busy", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-sentinel-lost", PF_FAIL, "deadlock", "log-sentinel-lost", "until somebody tells it to stop"},
    {"rule-sentinel-lost-by-thread", PF_FAIL, "deadlock", "log-sentinel-lost", "which could have told it"},
    {"near-sentinel-nobody-killed", PF_FAIL, "deadlock", NULL, NULL},
    {"near-sentinel-other-could-send", PF_FAIL, "deadlock", NULL, NULL},

    {"rule-nested-left-behind", PF_FAIL, "deadlock", "nested-child-join", "there will be no end of file"},
    {"rule-nested-left-behind-hang", PF_FAIL, "hang", "nested-child-join",
     "lives on and has the other end open"},
    {"rule-nested-joins", PF_FAIL, "deadlock", "nested-child-join", "nobody is left to tell the innermost"},
    {"near-nested-maker-lives", PF_FAIL, "hang", "-", NULL},
    {"near-nested-sibling-holds-it-too", PF_FAIL, "hang", "-", NULL},
    {"near-nested-child-only", PF_FAIL, "deadlock", NULL, NULL},

    {"rule-fork-mutex", PF_FAIL, "deadlock", "fork-with-threads", "while another thread held that lock"},
    {"rule-fork-lock-without-owner", PF_FAIL, "deadlock", "fork-with-threads", "which had 2 threads then"},
    {"near-fork-parent-without-threads", PF_FAIL, "deadlock", NULL, NULL},
    {"near-fork-new-image", PF_FAIL, "deadlock", NULL, NULL},
    {"near-fork-threads-of-its-own", PF_FAIL, "deadlock", NULL, NULL},
    {"near-fork-locked-by-itself", PF_FAIL, "deadlock", NULL, NULL},

    {"rule-inherited-by-sibling", PF_FAIL, "deadlock", "inherited-fd",
     "open only in 0.2 (program) as fd 4, by"},
    {"rule-inherited-by-each-other", PF_FAIL, "deadlock", "inherited-fd",
     "open only in 0.2 (program) as fd 4, by"},
    {"rule-inherited-by-the-reader", PF_FAIL, "deadlock", "inherited-fd",
     "Close what was not closed: fd 4 in 0.1"},
    {"rule-inherited-through-exec", PF_FAIL, "deadlock", "inherited-fd", "fd 4 in 0.2"},
    {"near-inherited-standard-output", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-inherited-lock", PF_FAIL, "deadlock", "inherited-fd", "the lock belongs to the open file"},
    {"near-inherited-partner-not-begun", PF_FAIL, "deadlock", NULL, NULL},
    {"near-inherited-partner-wrote", PF_FAIL, "deadlock", NULL, NULL},
    {"near-inherited-partners", PF_FAIL, "deadlock", NULL, NULL},
    {"near-inherited-parent-holds-it-too", PF_FAIL, "deadlock", NULL, NULL},
    {"near-inherited-reader-of-its-own", PF_FAIL, "deadlock", NULL, NULL},
    {"near-inherited-lock-of-its-own", PF_FAIL, "deadlock", NULL, NULL},

    {"rule-thread-joined", PF_FAIL, "deadlock", "hung-thread",
     "Thread 0.1/t1 (program) waits for a lock or condition"},
    {"rule-thread-alone", PF_FAIL, "deadlock", "hung-thread", "so process 0 can never end"},
    {"rule-thread-of-a-runtime", PF_FAIL, "deadlock", "hung-thread",
     "as a runtime does that joins its threads at exit"},
    {"near-thread-condition", PF_FAIL, "deadlock", NULL, NULL},
    {"near-thread-lock-held", PF_FAIL, "deadlock", NULL, NULL},
    {"near-thread-other-could-help", PF_FAIL, "deadlock", NULL, NULL},

    {"lost-mixed", PF_FAIL, "lost lost duplicate", "-", "1 message of \"c\" was received more than once"},
    {"limit-each", PF_FAIL, "limit@0 limit@0.1 limit@0", "process-limit",
     "nproc of 8: clone failed with EAGAIN, 2 times"},
    {"zombie-twice", PF_PASS, "zombie@0", "-", "has not waited for 2 children"},
    {"names", PF_FAIL, "deadlock crash@0.1", NULL, "0 (a-rather-long-name) and 0.2 (renamed)"},
    {"near-lock-no-kin", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-lock-certain-first", PF_FAIL, "deadlock", "terminate-with-lock", "while it held the lock"},
    {"rule-thread-beside-others", PF_FAIL, "deadlock", "hung-thread", "Thread 0.1/t2 (program)"},
    {"near-killed-late-signal", PF_FAIL, "killed@0.1", "-", "nobody in the tree sent it"},

    {"comparison-lost-end", PF_FAIL, "lost@0", "-", "ends after 10 bytes of 23"},
    {"comparison-lost-all", PF_FAIL, "lost@0", "-", "ends after 0 bytes of 23"},
    {"comparison-lost-line", PF_FAIL, "lost@0", "-", "1 line is missing: \"beta 2\""},
    {"comparison-duplicate", PF_FAIL, "duplicate@0", "-", "1 line came more often than expected"},
    {"comparison-lost-and-duplicate", PF_FAIL, "lost@0 duplicate@0", "-", "\"alpha 1\""},
    {"comparison-torn", PF_FAIL, "torn@0", "-", "as \"betagamma 3\" instead of \"beta 2\""},
    {"comparison-torn-and-lost", PF_FAIL, "torn@0", "-", "as \"betgamma 3\""},
    {"comparison-other", PF_FAIL, "wrong-output@0", "-", "1 line is not expected: \"beta 5\""},
    {"comparison-order", PF_FAIL, "wrong-output@0", "-", "the same, in another order"},
    {"comparison-binary", PF_FAIL, "wrong-output@0", "-", "the first 700 are right"},
    {"comparison-file", PF_FAIL, "wrong-output@0 wrong-output@0 lost@0 lost@0", "-",
     "/srv/table is not that of the runs without faults: it ends after 6 bytes of 12"},
    {"near-comparison-file", PF_PASS, "", "-", NULL},
    {"ipc-leak-each", PF_FAIL, "ipc-leak ipc-leak ipc-leak ipc-leak ipc-leak ipc-leak", "-",
     "id 0, key 0x0000002a (4096 bytes, made by 0.1 (program)) and id 1 (100 bytes)"},
    {"ipc-leak-killed", PF_FAIL, "ipc-leak", "-", "an injected fault had ended 0.1 (program)"},
    {"ipc-leak-socket", PF_FAIL, "ipc-leak", "-", "1 socket file was left behind"},
    {"ipc-leak-baseline", PF_FAIL, "ipc-leak", "-", "2 temporary files were left behind"},
    {"ipc-leak-terminated", PF_FAIL, "ipc-leak", "-", "an injected fault had ended 0.1 (program)"},
    {"near-ipc-leak-killed", PF_PASS, "ipc-leak", "-", "an injected fault had ended 0.1 (program)"},
    {"near-ipc-leak-temporary", PF_PASS, "ipc-leak", "-", "1 temporary file was left behind"},
    {"near-ipc-leak-baseline", PF_PASS, "", "-", NULL},
    {"near-ipc-leak-cut-short", PF_ERROR, "", "-", NULL},
    {"rule-cleanup-raises", PF_FAIL, "deadlock", "cleanup-raises", "the clean-up did not go on from there"},
    {"near-cleanup-raises-other-call", PF_FAIL, "deadlock", "hung-thread", NULL},
    {"near-cleanup-raises-delayed", PF_FAIL, "deadlock", "hung-thread", NULL},
    {"rule-finalizer-order", PF_FAIL, "deadlock", "finalizer-order", "stands in an exit handler"},
    {"rule-finalizer-order-python", PF_FAIL, "deadlock", "finalizer-order", "stands in a finalizer"},
    {"near-finalizer-order-main", PF_FAIL, "deadlock", "hung-thread", NULL},
    {"rule-torn-message", PF_FAIL, "lost torn", "terminate-mid-write", "was killed by SIGKILL"},
    {"near-torn-message-nobody-killed", PF_FAIL, "lost torn", "-",
     "1 message was received and never sent: id 0"},
    {"near-torn-message-none-counted", PF_PASS, "", "-", NULL},
    {"near-torn-message-only-lost", PF_FAIL, "lost", "-", NULL},
    {"rule-interleaved", PF_FAIL, "torn@0", "interleaved-log", "wrote to it at the same time"},
    {"near-interleaved-one-by-one", PF_FAIL, "torn@0", "-", NULL},
    {"rule-double-flush", PF_FAIL, "duplicate@0", "stdio-double-flush",
     "0.1 (program) and 1 other were made by fork"},
    {"near-double-flush-exec", PF_FAIL, "duplicate@0", "-", NULL},
    {"rule-context-mix", PF_FAIL, "crash@0.1", "context-mix", "but shared memory of 0 (program) is"},
    {"rule-unserializable-args", PF_FAIL, "crash@0.1", "unserializable-args",
     "but private memory of 0 (program) is"},
    {"near-unserializable-args-nobodys", PF_FAIL, "crash@0.1", "-", NULL},
    {"rule-group-signal", PF_FAIL, "lost", "group-signal",
     "SIGINT reached 0 (program) and also 0.1 (program)"},
    {"rule-group-signal-told-by-status", PF_FAIL, "lost", "group-signal",
     "ended with status 1 in the middle"},
    {"near-group-signal-nothing-lost", PF_PASS, "", "-", NULL},
    {"near-group-signal-child-ended-well", PF_FAIL, "lost", "-", NULL},
    {"near-group-signal-sent-by-parent", PF_FAIL, "lost", "-", NULL},
    {"rule-spawn-signal", PF_FAIL, "orphan@0.2", "signal-during-spawn", "was not yet on its list"},
    {"near-spawn-signal-nobody-ended", PF_FAIL, "orphan@0.1 orphan@0.2", "orphaned-daemon", NULL},
    {"near-spawn-signal-made-later", PF_FAIL, "orphan@0.2", "orphaned-daemon", NULL},
    {"near-spawn-signal-not-the-last", PF_FAIL, "orphan@0.1", "orphaned-daemon", NULL},
    {"rule-second-signal", PF_FAIL, "deadlock", "no-second-signal", "was asked to end 2 times (SIGINT)"},
    {"near-second-signal-asked-once", PF_FAIL, "deadlock", NULL, NULL},
    {"near-second-signal-other-signals", PF_FAIL, "deadlock", NULL, NULL},
    {"rule-process-limit-orphans", PF_FAIL, "orphan@0.1 orphan@0.2 limit@0 exit@0", "process-limit",
     "2 processes that it had started before live on"},

    {"explosion-at-limit", PF_FAIL, "process-explosion limit@0.1.1.1.1.1.1", "main-reimport",
     "until the limit nproc was met: 7 generations of /opt/program"},
    {"explosion-through-shell", PF_FAIL, "process-explosion limit@0.1.1.1.1.1.1.1.1.1.1", "main-reimport",
     "6 generations"},
    {"explosion-alive", PF_FAIL, "process-explosion", "main-reimport", "40 generations of /opt/program"},
    {"explosion-overgrown-deep", PF_FAIL, "process-explosion", "main-reimport",
     "12 processes were alive at once"},
    {"explosion-overgrown-wide", PF_FAIL, "process-explosion", "-", "0 (program) made 30 of them"},
    {"near-explosion-make", PF_FAIL, "limit@0.1.1.1.1.1.1", "process-limit", NULL},
    {"near-explosion-pool", PF_PASS, "", "-", NULL},
    {"near-explosion-relay", PF_PASS, "", "-", NULL},
    {"near-explosion-deep", PF_PASS, "", "-", NULL},
    {"busy-loop-spin", PF_FAIL, "busy-loop@0.1", "-", "used 3 s of CPU time in the last 5 s"},
    {"busy-loop-poll", PF_FAIL, "busy-loop@0", "-", "woke 500 times from clock_nanosleep in the last 5 s"},
    {"busy-loop-both", PF_FAIL, "busy-loop", "-", "from poll in the last 5 s"},
    {"rule-endless-poll", PF_FAIL, "busy-loop@0", "endless-poll", "it looks for ever"},
    {"near-endless-poll-ended-by-itself", PF_FAIL, "busy-loop@0", "-", NULL},
    {"near-busy-loop-computes", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-reads", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-blind", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-idle", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-woken", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-beside-work", PF_FAIL, "hang", "-", NULL},
    {"near-busy-loop-forks", PF_FAIL, "hang", "-", NULL},
    {"near-comparison-same", PF_PASS, "", "-", NULL},
    {"near-comparison-failed", PF_PASS, "", "-", NULL},
    {"near-comparison-digits", PF_FAIL, "wrong-output@0", "-", "\"sum 21\""},
};
enum { TABLE = sizeof(table) / sizeof(table[0]) };

struct judged {
    struct pf_result *result;
    const struct pf_trial_result *trial;
    uint64_t events;
};

static struct judged judge_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/traces/%s.jsonl", TEST_DATA, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    struct pf_trace *trace = NULL;
    struct pf_error error = {""};
    int r = pf_trace_read(file, name, &trace, &error);
    fclose(file);
    cr_assert_eq(r, 0, "%s", error.message);
    struct judged judged = {.result = pf_result_new(), .events = trace->count};
    pf_judge_trace(trace, judged.result);
    pf_trace_free(trace); /* the result must not need it any more */
    pf_result_finish(judged.result);
    judged.trial = &judged.result->trials[0];
    return judged;
}

static void list_findings(const struct pf_trial_result *trial, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < trial->finding_count; i++) {
        const struct pf_finding *finding = &trial->findings[i];
        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? " " : "",
                                 pf_names_get(&pf_finding_kind_names, (int)finding->kind),
                                 finding->process ? "@" : "", finding->process ? finding->process : "");
    }
}

static bool says(const struct pf_trial_result *trial, const char *words)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    if (!words || (trial->reason && strstr(trial->reason, words)))
        return true;
    for (size_t i = 0; i < trial->finding_count; i++)
        if (strstr(trial->findings[i].message, words))
            return true;
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++)
        if (strstr(diagnosis->edges[i].why, words))
            return true;
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++)
        if (strstr(diagnosis->nodes[i].state, words) ||
            (diagnosis->nodes[i].where && strstr(diagnosis->nodes[i].where, words)))
            return true;
    return diagnosis &&
           (strstr(diagnosis->summary, words) || (diagnosis->fix && strstr(diagnosis->fix, words)));
}

Test(golden, every_trace_is_judged_as_written, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        const struct golden *golden = &table[i];
        struct judged judged = judge_file(golden->trace);
        const struct pf_diagnosis *diagnosis = judged.trial->diagnosis;
        const char *pitfall = diagnosis ? diagnosis->pitfall : "-";
        char findings[256];
        list_findings(judged.trial, findings, sizeof(findings));
        cr_expect_str_eq(findings, golden->findings, "%s: findings are \"%s\"", golden->trace, findings);
        cr_expect_eq(judged.trial->verdict, golden->verdict, "%s: verdict is %s", golden->trace,
                     pf_names_get(&pf_verdict_names, (int)judged.trial->verdict));
        cr_expect(golden->pitfall == pitfall ||
                      (golden->pitfall && pitfall && strcmp(golden->pitfall, pitfall) == 0),
                  "%s: the pitfall is %s", golden->trace, pitfall ? pitfall : "none");
        cr_expect(says(judged.trial, golden->says), "%s does not say \"%s\"", golden->trace, golden->says);
        cr_expect((judged.trial->verdict == PF_PASS) == !judged.trial->reason, "%s: reason", golden->trace);
        pf_result_free(judged.result);
    }
}

static bool has_node(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (strcmp(diagnosis->nodes[i].id, id) == 0)
            return true;
    return false;
}

static void check_evidence(const char *trace, const uint64_t *evidence, size_t count, uint64_t events)
{
    for (size_t i = 0; i < count; i++)
        cr_expect(evidence[i] >= 1 && evidence[i] <= events, "%s cites event %llu", trace,
                  (unsigned long long)evidence[i]);
}

static void check_diagnosis(const char *trace, const struct pf_diagnosis *diagnosis, uint64_t events)
{
    /* Where nobody is stuck there is nothing to mend. */
    cr_expect(diagnosis->summary && (diagnosis->fix || diagnosis->certainty == PF_UNKNOWN), "%s", trace);
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        cr_expect(has_node(diagnosis, edge->from) && has_node(diagnosis, edge->to), "%s: %s -> %s", trace,
                  edge->from, edge->to);
        cr_expect(edge->resource && edge->why && edge->evidence_count, "%s: %s -> %s", trace, edge->from,
                  edge->to);
        check_evidence(trace, edge->evidence, edge->evidence_count, events);
    }
    for (size_t i = 0; i < diagnosis->cycle_count; i++)
        cr_expect(has_node(diagnosis, diagnosis->cycle[i]), "%s: cycle", trace);
}

Test(golden, whatever_is_said_cites_events_and_draws_whole_edges, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        struct judged judged = judge_file(table[i].trace);
        for (size_t k = 0; k < judged.trial->finding_count; k++) {
            const struct pf_finding *finding = &judged.trial->findings[k];
            bool absence =
                finding->kind == PF_FINDING_UNFIRED; /* nothing happened: there is nothing to cite */
            cr_expect(absence || finding->evidence_count, "%s: %s", table[i].trace, finding->message);
            check_evidence(table[i].trace, finding->evidence, finding->evidence_count, judged.events);
        }
        if (judged.trial->diagnosis)
            check_diagnosis(table[i].trace, judged.trial->diagnosis, judged.events);
        pf_result_free(judged.result);
    }
}

static void sketch_evidence(FILE *out, const uint64_t *evidence, size_t count)
{
    fputs(" [", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%llu", i ? " " : "", (unsigned long long)evidence[i]);
    fputs("]\n", out);
}

/* All that the judge says about a trace, for people who review a change of words. */
static void sketch(FILE *out, const char *name, const struct pf_trial_result *trial)
{
    const struct pf_diagnosis *diagnosis = trial->diagnosis;
    fprintf(out, "%s: %s\n", name, pf_names_get(&pf_verdict_names, (int)trial->verdict));
    if (trial->reason)
        fprintf(out, "  reason   %s\n", trial->reason);
    for (size_t i = 0; i < trial->finding_count; i++) {
        fprintf(out, "  finding  %s", trial->findings[i].message);
        sketch_evidence(out, trial->findings[i].evidence, trial->findings[i].evidence_count);
    }
    if (diagnosis)
        fprintf(out, "  summary  %s\n", diagnosis->summary);
    for (size_t i = 0; diagnosis && i < diagnosis->node_count; i++) {
        const struct pf_node *node = &diagnosis->nodes[i];
        fprintf(out, "  node     %s, %s: %s%s%s\n", node->id, node->label, node->state,
                node->where ? ", in " : "", node->where ? node->where : "");
    }
    for (size_t i = 0; diagnosis && i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        fprintf(out, "  edge     %s -> %s, %s: %s", edge->from, edge->to, edge->resource, edge->why);
        sketch_evidence(out, edge->evidence, edge->evidence_count);
    }
    for (size_t i = 0; diagnosis && i < diagnosis->cycle_count; i++)
        fprintf(out, "%s%s%s", i ? " -> " : "  circle   ", diagnosis->cycle[i],
                i + 1 == diagnosis->cycle_count ? "\n" : "");
}

static char *read_whole(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r"), *copy = open_memstream(&text, &size);
    for (int c; file && (c = fgetc(file)) != EOF;)
        fputc(c, copy);
    if (file)
        fclose(file);
    fclose(copy);
    return text;
}

/*
 * Every word, edge and citation, as it was last reviewed. After a change that is meant, run this test with
 * PITFALL_WRITE_SKETCHES=1 and read the difference.
 */
Test(golden, every_word_is_as_it_was_reviewed, .timeout = 60)
{
    static const char path[] = TEST_DATA "/traces/sketches.txt";
    bool write = getenv("PITFALL_WRITE_SKETCHES") != NULL;
    char *reviewed = read_whole(path);
    FILE *out = write ? fopen(path, "w") : NULL;
    for (size_t i = 0; i < TABLE; i++) {
        struct judged judged = judge_file(table[i].trace);
        char *text = NULL;
        size_t size = 0;
        FILE *memory = open_memstream(&text, &size);
        sketch(memory, table[i].trace, judged.trial);
        fclose(memory);
        if (out)
            fputs(text, out);
        else
            cr_expect(strstr(reviewed, text), "not as reviewed:\n%s", text);
        free(text);
        pf_result_free(judged.result);
    }
    if (out)
        fclose(out);
    free(reviewed);
}

static char *as_text(const struct pf_result *result)
{
    json_t *json = pf_result_to_json(result);
    char *text = json_dumps(json, JSON_INDENT(1));
    json_decref(json);
    return text;
}

Test(golden, results_are_the_same_bytes_every_time_and_through_json, .timeout = 60)
{
    for (size_t i = 0; i < TABLE; i++) {
        struct judged once = judge_file(table[i].trace), twice = judge_file(table[i].trace);
        char *first = as_text(once.result), *second = as_text(twice.result);
        cr_expect_str_eq(first, second, "%s", table[i].trace);
        json_t *json = json_loads(first, 0, NULL);
        struct pf_result *read = NULL;
        struct pf_error error = {""};
        cr_assert_eq(pf_result_from_json(json, &read, &error), 0, "%s: %s", table[i].trace, error.message);
        char *third = as_text(read);
        cr_expect_str_eq(first, third, "%s", table[i].trace);
        free(first);
        free(second);
        free(third);
        json_decref(json);
        pf_result_free(read);
        pf_result_free(once.result);
        pf_result_free(twice.result);
    }
}

/* Two hangs of one shape are one failure of a sweep: it must not tell of addresses, or of how many wait. */
Test(golden, the_shape_names_the_waits_that_were_left, .timeout = 60)
{
    static const struct {
        const char *trace, *shape;
    } shapes[] = {
        {"deadlock-closed-stdin", "read:pipe+child"},
        {"rule-lock-mutex", "child+futex:futex"},
        {"rule-join-feeder-thread", "write:pipe+child+futex:futex"},
        {"near-deadlock-beside-the-living", "read:pipe"},
        {"crash", NULL},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct judged judged = judge_file(shapes[i].trace);
        const char *shape = judged.trial->shape ? judged.trial->shape : "nothing";
        const char *wanted = shapes[i].shape ? shapes[i].shape : "nothing";
        cr_expect_str_eq(shape, wanted, "%s: %s", shapes[i].trace, shape);
        pf_result_free(judged.result);
    }
}

static bool in_table(const char *file)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strncmp(file, table[i].trace, strlen(table[i].trace)) == 0 &&
            strcmp(file + strlen(table[i].trace), ".jsonl") == 0)
            return true;
    return false;
}

Test(golden, every_trace_of_the_folder_is_in_the_table, .timeout = 60)
{
    DIR *folder = opendir(TEST_DATA "/traces");
    cr_assert_not_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (strstr(entry->d_name, ".jsonl"))
            cr_expect(in_table(entry->d_name), "%s is not in the table", entry->d_name);
    closedir(folder);
}

/* A new oracle or rule comes with its traces. */
Test(golden, every_rule_and_every_kind_of_finding_has_a_trace, .timeout = 60)
{
    for (const struct pf_rule *rule = pf_rules; rule->pitfall; rule++) {
        bool hit = false;
        for (size_t i = 0; i < TABLE; i++)
            hit |= table[i].pitfall && strcmp(table[i].pitfall, rule->pitfall) == 0;
        cr_expect(hit, "no trace for the rule %s", rule->pitfall);
    }
    for (const struct pf_oracle *oracle = pf_oracles; oracle->name; oracle++) {
        const char *kind = strcmp(oracle->name, "ledger") == 0       ? "lost"
                           : strcmp(oracle->name, "output") == 0     ? "wrong-output"
                           : strcmp(oracle->name, "comparison") == 0 ? "torn"
                           : strcmp(oracle->name, "leftovers") == 0  ? "ipc-leak"
                                                                     : oracle->name;
        bool hit = false;
        for (size_t i = 0; i < TABLE; i++)
            hit |= strstr(table[i].findings, kind) != NULL;
        cr_expect(hit, "no trace for the oracle %s", oracle->name);
    }
}
