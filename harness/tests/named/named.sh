#!/usr/bin/env bash
# What hangs are called: a proven deadlock each, with the name of its pitfall or with none, and what is told of it.
# usage: named.sh PITFALL HANGS CIRCLES
set -euo pipefail

pitfall=$1
hangs=$2
circles=$3
# shellcheck source=harness/tests/named/telling.sh
. "$(dirname "$0")/telling.sh"

called fork-with-threads "" "$hangs" fork-copies-a-mutex
called null "" "$hangs" child-locks-twice
called inherited-fd "\), made by 0\. The other end.*not closed: fd [0-9]+ in 0\.2" \
    "$hangs" sibling-inherits-an-end
called inherited-fd "not closed: fd [0-9]+ in 0\.1" "$hangs" reader-keeps-the-other-end
called inherited-fd "" "$hangs" child-inherits-a-lock
called null "" "$hangs" pipeline-without-input
called worker-killed-mid-task "" "$hangs" worker-dies-with-a-task
called event-never-set "" "$hangs" setter-of-an-event-dies
called event-never-set "" "$hangs" signaller-of-a-condition-dies
called log-sentinel-lost "" "$hangs" sender-of-the-sentinel-dies
called nested-child-join "" "$hangs" grandchild-keeps-the-pipe
called nested-child-join "" "$hangs" nobody-stops-the-innermost

called null "same order everywhere" "$circles" mutexes-in-two-orders
called null "same order everywhere.*only 0.1 \([a-z_]*\) could release it" "$circles" files-in-two-orders
called null "belongs to the open file" "$circles" file-twice
called null "belongs to the open file" "$circles" open-file-lock-twice
called null "or a signal handler" "$circles" handler-takes-the-lock
called null "while holding a lock that it needs" "$circles" waits-for-who-needs-its-lock
called null "0/t1 \([a-z_]*\) ended while it held it.*Unlock on every way out" "$circles" thread-leaves-locked
called null "All write and nobody reads" "$circles" both-write
called null "for the other to speak first" "$circles" both-read
called null "Read what is full" "$circles" reads-the-other-pipe
called null "room in the message queue [^ ]* \(fd [0-9]+\) that is full \([0-9]+ messages?\).*closes a circle.*All write and nobody reads" "$circles" both-queues-are-full
called null "to open the FIFO /dev/shm/orders for writing.*both ends are" "$circles" nobody-opens-the-fifo
called null "posix_spawn" "$circles" child-of-vfork-waits
called terminate-with-lock "" "$circles" holder-of-a-named-semaphore-dies
called terminate-with-lock "waits for semaphore 1 to be at least 1 \(it is 0; 0\.[0-9] was the last to change it\), in the System V set [0-9]+" \
    "$circles" holder-of-a-system-v-semaphore-dies
called null "a message of type 7 in the System V queue [0-9]+, which has [0-9]+ of [0-9]+ bytes in [0-9]+ message" "$circles" no-message-of-that-type
called terminate-with-lock "" "$circles" writer-of-a-rwlock-dies
called event-never-set "" "$circles" party-of-a-barrier-dies
called event-never-set "watches for an eventfd" "$circles" setter-of-a-polled-event-dies

[ "$failures" -eq 0 ]
