#!/usr/bin/env bash
# ci/sweep-examples: two examples, swept; one that loses what it reads and says nothing is found out; and a name that
# no example has is told.
#
# usage: examples.sh SWEEP-EXAMPLES BUILD-FOLDER
set -euo pipefail
sweep=$1 built=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "FAIL: $*" >&2
    cat "$scratch/output" >&2
    exit 1
}

# expect STATUS OPTION…
expect() {
    local r=0
    "$sweep" -j 2 -b 4s "${@:2}" >"$scratch/output" 2>&1 || r=$?
    [ "$r" -eq "$1" ] || fail "status $r, not $1, of ${*:2}"
}

# line VERDICT EXAMPLE
line() {
    grep -qE "^$1 +$2 +[0-9]+ trials: " "$scratch/output" || fail "no line '$1 $2'"
}

expect 0 -B "$built" thread limits
line ok thread
line ok limits

mkdir -p "$scratch/harness" "$scratch/lib"
ln -s "$built/harness/pitfall" "$scratch/harness/pitfall"
printf '#!/bin/sh\ncat /etc/passwd\nexit 0\n' >"$scratch/lib/example_event"
chmod +x "$scratch/lib/example_event"
expect 1 -B "$scratch" event
line FAILED event
[ -s "$scratch/sweep-examples/event.json" ] || fail "no report"

expect 2 -B "$built" thread nothing
grep -qF "no example 'nothing'" "$scratch/output" || fail "not a word of nothing"
