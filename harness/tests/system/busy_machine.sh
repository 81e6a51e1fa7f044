#!/usr/bin/env bash
# What is stuck says where it stands, also where it gets the processor only now and then. usage: busy_machine.sh PITFALL
set -euo pipefail

pitfall=$(realpath "$1")
work=$(mktemp -d)
hog=
cleanup() {
    kill -KILL "$hog" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

processor=$(taskset -cp $$ | sed 's/.*[^0-9]\([0-9]*\)$/\1/')
taskset -c "$processor" sh -c 'while :; do :; done' &
hog=$!
disown # no word about its end
for ((round = 0; round < 3; round++)); do
    "$pitfall" run --json -- taskset -c "$processor" chrt --idle 0 \
        perl -e 'pipe(my $out, my $in); sysread($out, my $byte, 1)' >"$work/result.json" || [ $? -eq 1 ]
    # The place is a function of perl, or of the C library.
    grep -q '"where": "[^"]' "$work/result.json" || {
        cat "$work/result.json"
        echo "FAILED: nobody looked at its stack"
        exit 1
    }
done
