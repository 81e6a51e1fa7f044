# shellcheck shell=bash
# Sourced by named.sh and python.sh. called PITFALL-ID|null WORDS COMMAND…: the command hangs, which is proven, is
# called by that name or by none, and the diagnosis says those words (an extended regular expression; "" for any).

failures=0
pitfall=${pitfall:?the command, set by who sources this}

called() {
    local id=$1 words=$2 seen status=0 text
    shift 2
    seen=$("$pitfall" run --deadline 20s --json -- "$@" 2>/dev/null </dev/null) || status=$?
    text=$(tr '\n' ' ' <<<"$seen")
    if [ "$status" -ne 1 ] || ! grep -q '"proven": *true' <<<"$text"; then
        echo "FAILED: ${*: -1} is not proven (status $status)"
        echo "$seen"
    elif ! grep -Eq "\"pitfall\": *\"?$id\"?[,}]" <<<"$text"; then
        echo "FAILED: ${*: -1} is not called $id but $(grep -Eo '"pitfall": *("[a-z-]*"|null)' <<<"$text")"
    elif ! grep -Eq "$words" <<<"$text"; then
        echo "FAILED: of ${*: -1} it is not told: $words"
        echo "$seen"
    else
        echo "ok: ${*: -1} is called $id"
        return
    fi
    failures=$((failures + 1))
}

# unproven WORDS COMMAND…: the command runs until its deadline, nothing is proven of it, and those words are told.
unproven() {
    local words=$1 seen text
    shift
    seen=$("$pitfall" run --deadline 1s --json -- "$@" 2>/dev/null </dev/null) || true
    text=$(tr '\n' ' ' <<<"$seen")
    if grep -q '"kind": *"hang"' <<<"$text" && ! grep -q '"proven": *true' <<<"$text" && grep -Eq "$words" <<<"$text"; then
        echo "ok: ${*: -1} is not proven"
        return
    fi
    echo "FAILED: ${*: -1} is no hang of which is told: $words"
    echo "$seen"
    failures=$((failures + 1))
}
