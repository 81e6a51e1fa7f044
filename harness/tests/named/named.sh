#!/usr/bin/env bash
# What hangs are called: a proven deadlock each, with the name of its pitfall or with none.
# usage: named.sh PITFALL HANGS
set -euo pipefail

pitfall=$1
hangs=$2
failures=0

# called NAME PITFALL-ID|null
called() {
    local seen status=0
    seen=$("$pitfall" run --deadline 20s --json -- "$hangs" "$1" 2>/dev/null </dev/null) || status=$?
    if [ "$status" -ne 1 ] || ! grep -q '"proven": *true' <<<"$seen"; then
        echo "FAILED: $1 is not proven (status $status)"
        echo "$seen"
        failures=$((failures + 1))
    elif ! grep -Eq "\"pitfall\": *\"?$2\"?[,}]?\$" <<<"$seen"; then
        echo "FAILED: $1 is not called $2 but $(grep -Eo '"pitfall": *("[a-z-]*"|null)' <<<"$seen")"
        failures=$((failures + 1))
    else
        echo "ok: $1 is called $2"
    fi
}

called fork-copies-a-mutex fork-with-threads
called child-locks-twice null
called sibling-inherits-an-end inherited-fd
called reader-keeps-the-other-end inherited-fd
called child-inherits-a-lock inherited-fd
called pipeline-without-input null
called worker-dies-with-a-task worker-killed-mid-task
called setter-of-an-event-dies event-never-set
called signaller-of-a-condition-dies event-never-set
called sender-of-the-sentinel-dies log-sentinel-lost
called grandchild-keeps-the-pipe nested-child-join
called nobody-stops-the-innermost nested-child-join

[ "$failures" -eq 0 ]
