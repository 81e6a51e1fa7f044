#!/usr/bin/env bash
# The same verdicts whatever containment can be had, and the report says which one was.
# usage: containment.sh PITFALL
set -euo pipefail

pitfall=$1
orphan='sleep 1000 & exit 0'
failures=0

# expect LEVEL COMMAND…: the command runs `pitfall run --json`; it finds the orphan, at this level.
expect() {
    local level=$1 status=0 json
    shift
    json=$("$@" 2>/dev/null </dev/null) || status=$?
    if [ "$status" -ne 1 ] || [[ $json != *'"kind": "orphan"'* ]] || [[ $json != *"\"containment\": \"$level\""* ]]; then
        echo "FAILED: $level (status $status)"
        echo "$json"
        failures=$((failures + 1))
    else
        echo "ok: $level"
    fi
}

expect subreaper "$pitfall" run --share pid --json -- sh -c "$orphan"

if [ "$(id -u)" -eq 0 ]; then
    expect namespaces "$pitfall" run --json -- sh -c "$orphan"
    expect user-namespaces setpriv --reuid 65534 --regid 65534 --clear-groups "$pitfall" run --json -- sh -c "$orphan"
elif unshare -Ur true 2>/dev/null; then
    expect user-namespaces "$pitfall" run --json -- sh -c "$orphan"
else
    echo "skipped: user namespaces are refused on this machine"
fi

# A machine that refuses them, made by a user namespace that allows no further one and a process without privileges in it.
if unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces' 2>/dev/null; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect subreaper unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set=-all --inh-caps=-all "$0" run --json -- sh -c "$1"' "$pitfall" "$orphan"
else
    echo "skipped: user.max_user_namespaces cannot be set here"
fi

[ "$failures" -eq 0 ]
