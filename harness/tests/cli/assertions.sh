# Sourced by the tests of the command line. usage of each test: TEST PITFALL [SCENARIOS]
#
# `run COMMAND…` runs and keeps its status, stdout and stderr; the expectations look at them. The first one
# that fails ends the test and shows everything.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

pitfall=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
traces=$here/traces
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset PITFALL_SCENARIOS COLUMNS NO_COLOR
export TERM=dumb

run() {
    ran=$*
    status=0
    "$@" >"$scratch/stdout" 2>"$scratch/stderr" || status=$?
}

fail() {
    echo "FAILED: $1"
    echo "after: $ran"
    echo "status: $status"
    echo "--- stdout"
    cat "$scratch/stdout"
    echo "--- stderr"
    cat "$scratch/stderr"
    exit 1
}

expect_status() {
    [ "$status" -eq "$1" ] || fail "status $1 expected"
}

# expect_line FILE TEXT: the text is in it.
expect_in() {
    grep -qF -- "$2" "$scratch/$1" || fail "\"$2\" expected in $1"
}

expect_not_in() {
    ! grep -qF -- "$2" "$scratch/$1" || fail "\"$2\" not expected in $1"
}

expect_empty() {
    [ ! -s "$scratch/$1" ] || fail "$1 should be empty"
}

# expect_exactly FILE TEXT
expect_exactly() {
    [ "$(cat "$scratch/$1")" = "$2" ] || fail "exactly \"$2\" expected in $1"
}

# A mistake of the user's: one message on stderr that begins with the command's name, nothing on stdout.
expect_usage_error() {
    expect_status 2
    expect_empty stdout
    expect_in stderr "$1"
    head -n 1 "$scratch/stderr" | grep -q '^pitfall' || fail "a message that says who speaks was expected"
}

# Is the file, or stdout, JSON for which the Python expression about `it` holds?
expect_json() {
    /usr/bin/python3 -c 'import json, sys
def planned(it): return [t["id"] for t in it["trials"] if t["id"] <= it["plan"]["trials"]]
it = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$1" "$2" || fail "$1: $2"
}

# No file is left beside a report.
expect_only() {
    local directory=$1
    shift
    [ "$(ls -A "$directory")" = "$(printf '%s\n' "$@" | sort)" ] || fail "$directory: $(ls -A "$directory")"
}

# Is there a process with this text on its command line? A process that vanishes meanwhile makes grep's status
# an error, so what it prints counts.
lives() {
    grep -lsaF -- "$1" /proc/[0-9]*/cmdline >"$scratch/living" || true
    [ -s "$scratch/living" ]
}
