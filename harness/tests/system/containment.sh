#!/usr/bin/env bash
# The same verdicts whatever containment can be had, and the report says which one was; and clear words where it
# cannot be done.
# usage: PITFALL_TEST_REFUSE=refuse containment.sh PITFALL
set -euo pipefail

pitfall=$1
refuse=${PITFALL_TEST_REFUSE:?the program that refuses a call}
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

# checked ID…: `pitfall check` of scenarios where there are no namespaces; the result as JSON.
checked() {
    # shellcheck disable=SC2016
    unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set=-all --inh-caps=-all "$0" check --variant broken --json "$@"' "$pitfall" "$@"
}

# What shows only in namespaces is skipped there, for everybody to see, and leaves nothing behind.
if unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces' 2>/dev/null; then
    status=0
    json=$(checked process-limit handler-overridden finalizer-order) || status=$?
    for words in '"skip": 3' "a limit of processes takes a user of its own, and user namespaces cannot be had here" \
        "what a program leaves behind is seen" "would be met by the next"; do
        if [ "$status" -ne 77 ] || [[ $json != *"$words"* ]]; then
            echo "FAILED: without namespaces (status $status): no $words"
            failures=$((failures + 1))
        fi
    done
    status=0
    json=$(checked join-before-drain) || status=$?
    [ "$status" -eq 0 ] || {
        echo "FAILED: without namespaces, join-before-drain: status $status: $json"
        failures=$((failures + 1))
    }
fi

# The profiles of containers refuse clone3, so that what asks for it falls back to clone.
json=$("$pitfall" run --json -- true)
level=$(sed -n 's/.*"containment": "\(.*\)".*/\1/p;T;q' <<<"$json")
expect "$level" "$refuse" clone3 38 "$pitfall" run --json -- sh -c "$orphan"
expect subreaper "$refuse" mount 1 "$pitfall" run --json -- sh -c "$orphan"

# impossible CALL WORDS: without that call it cannot be done: status 3, and a message with the words in it.
impossible() {
    local status=0 message
    # AddressSanitizer, where the harness is built with it, would need ptrace itself to look for leaks.
    message=$(ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 "$refuse" "$1" 1 "$pitfall" run -- true 2>&1) || status=$?
    if [ "$status" -ne 3 ] || [[ $message != *"$2"* ]]; then
        echo "FAILED: without $1 (status $status): $message"
        failures=$((failures + 1))
    else
        echo "ok: without $1"
    fi
}

impossible ptrace "may not trace or filter its own children (Operation not permitted)"
impossible pidfd_getfd "may not trace or filter its own children (Operation not permitted)"
impossible seccomp "seccomp(2) is refused here, or it is older than Linux 5.0"

[ "$failures" -eq 0 ]
