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
