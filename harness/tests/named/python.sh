#!/usr/bin/env bash
# The same of programs in Python, with Debian's own interpreter where there is one.
# usage: python.sh PITFALL HANGS.PY
set -euo pipefail

pitfall=$1
hangs=$2
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skipped: no python3 here"; exit 77; }
# shellcheck source=harness/tests/named/telling.sh
. "$(dirname "$0")/telling.sh"

# Newer versions of Python hang no more where their number is told.
still() {
    "$python" -c "import sys; sys.exit(sys.version_info >= $1)" || { echo "skipped: $2 is mended in Python"; return 1; }
}

! still "(3, 11, 7)" executor-feeds-a-dead-worker ||
    called worker-killed-mid-task "reading end is open only in 0 itself" "$python" "$hangs" executor-feeds-a-dead-worker
called worker-killed-mid-task "" "$python" "$hangs" pool-loses-a-worker
called fork-with-threads "" "$python" "$hangs" fork-copies-the-lock-of-a-file
called join-before-drain "put_much|Queue._feed" "$python" "$hangs" queue-is-joined-before-it-is-read
called join-before-drain "" "$python" "$hangs" wait-before-the-pipe-is-read
called null "Read what is full" "$python" "$hangs" errors-fill-their-pipe
called inherited-fd "fd [0-9]+ in 0\.2" "$python" "$hangs" sibling-keeps-the-pipe
called null "All write and nobody reads" "$python" "$hangs" asyncio-writes-all-before-it-reads
called event-never-set "Barrier.wait" "$python" "$hangs" barrier-loses-a-party
called event-never-set "Condition.wait" "$python" "$hangs" notifier-dies
called event-never-set "ended with status 0" "$python" "$hangs" notified-before-it-waits
called event-never-set "ended with status 0" "$python" "$hangs" task-is-never-done
called terminate-with-lock "" "$python" "$hangs" writer-of-a-queue-is-killed
called event-never-set "which could set it, has not" "$python" "$hangs" parent-fails-before-the-event
called join-before-drain "Queue.put" "$python" "$hangs" bounded-queue-is-joined
called null "Take these locks in the same order" "$python" "$hangs" two-locks
called inherited-fd "fd [0-9]+ in 0\.[^0-9]" "$python" "$hangs" parent-keeps-the-childs-end

# A handler of SIGINT of the program's own may do anything, those of Python and asyncio only end what they interrupt.
called null "" "$python" "$hangs" interrupt-ends-it
called null "" "$python" "$hangs" interrupt-cancels-it
unproven "its handler may end the wait" "$python" "$hangs" interrupt-is-an-answer
unproven "its handler may end the wait" "$python" "$hangs" interrupt-sets-an-event

[ "$failures" -eq 0 ]
