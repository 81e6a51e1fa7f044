#!/usr/bin/env bash
# kill -9 of the harness at any moment leaves no process of the tree.
# usage: kill_nine.sh PITFALL [ROUNDS]
set -euo pipefail

pitfall=$1
rounds=${2:-40}
share=${PITFALL_TEST_SHARE:-}

# The processes whose command line holds the mark; it appears nowhere else on the machine.
survivors() {
    grep -lsaF -- "$1" /proc/[0-9]*/cmdline || true
}

# A tree of three levels: a shell, a background shell of it, and what both start.
tree='sleep "$0" & (sleep "$0" & exec sleep "$0") & wait'

for ((round = 1; round <= rounds; round++)); do
    mark="1000.$$$round$RANDOM"
    # shellcheck disable=SC2086 # the option and its value are two words
    "$pitfall" run ${share:+--share $share} -- sh -c "$tree" "$mark" >/dev/null 2>&1 &
    harness=$!
    # The moment is the point of this test, and it is meant to be any.
    sleep "0.0$((RANDOM % 60 + 10))"
    kill -KILL "$harness" 2>/dev/null || true
    wait "$harness" 2>/dev/null || true
    end=$((SECONDS + 60))
    while [ -n "$(survivors "$mark")" ]; do
        if ((SECONDS > end)); then
            echo "round $round: left behind:"
            survivors "$mark"
            exit 1
        fi
    done
done
echo "$rounds rounds: nothing left behind"
