#!/usr/bin/env bash
# At the deadline: what goes round in circles is told from what works, and from what waits.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

python=/usr/bin/python3
[ -x "$python" ] || { echo "SKIPPED: no python3"; exit 0; }
cc=$(command -v cc || command -v gcc) || { echo "SKIPPED: no C compiler"; exit 0; }

# compiled TEXT: a C program at $scratch/program.
compiled() {
    printf '%s\n' "$1" | "$cc" -O1 -x c -o "$scratch/program" -
}

# ends_as KIND PROGRAM…: circles have longer, for they have to be seen, also where there is much else to do.
ends_as() {
    local kind=$1 deadline=2s
    [ "$kind" = hang ] || deadline=6s
    shift
    run "$pitfall" run --deadline "$deadline" -- "$@"
    expect_status 1
    expect_in stderr "FAILED: $kind"
}

echo "- a loop that waits for a change in memory"
compiled 'volatile int stop; int main(void) { while (!stop); }'
ends_as busy-loop "$scratch/program"
expect_in stderr "CPU time"

echo "- a loop that computes"
compiled 'volatile unsigned long sum;
int main(void) { for (unsigned long i = 0;; i++) sum += i * i; }'
ends_as hang "$scratch/program"

echo "- a poll whose sender has died"
ends_as busy-loop "$python" -c '
import multiprocessing as m, os, queue
q = m.Queue()
p = m.Process(target=os._exit, args=(1,))
p.start(), p.join()
while True:
    try: q.get(timeout=0.005)
    except queue.Empty: pass'
expect_in stderr "polls"

echo "- a nap now and then between writing something, and a long one"
ends_as hang "$python" -c '
import time
while True: time.sleep(0.02), print("x", flush=True)'
ends_as hang "$python" -c '
import time
while True: time.sleep(0.5)'
