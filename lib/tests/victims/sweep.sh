#!/usr/bin/env bash
# A kill at instructions of a put and of a get: the queue that everybody writes first hangs its survivors, so does
# Boost's, and libmproc's does not. A part of the instructions, spread over all of the call, so that it takes seconds; all of
# them with VICTIM_SHARES=1.
#
# usage: sweep.sh PITFALL PLAIN_QUEUE MPROC_QUEUE [BOOST_QUEUE]
set -euo pipefail
pitfall=$1 plain=$2 mproc=$3 boost=${4-}
shares=${VICTIM_SHARES:-16}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "FAIL: $*" >&2
    cat "$scratch/result" "$scratch/errors" >&2
    exit 1
}

# sweep STATUS FUNCTION PROGRAM put|get
sweep() {
    local expected=$1 status=0
    "$pitfall" sweep --step "$2" --proc 0.2 --shard "$((shares / 2 + 1))/$shares" --report "json:$scratch/result" \
        -- "$3" "$4" 2>"$scratch/errors" || status=$?
    ((status == expected)) || fail "$2: status $status, not $expected"
}

# expect PYTHON-EXPRESSION about the result
expect() {
    python3 - "$scratch/result" "$1" <<'PYTHON' || fail "$1"
import json, sys
it = json.load(open(sys.argv[1]))
trials = it["trials"]
of = lambda outcome: [t["instruction"] for t in trials if t.get("outcome") == outcome and "instruction" in t]
sys.exit(not eval(sys.argv[2]))
PYTHON
}

# What has become of the kills: "96 of 242 instructions tried: 14 coped, 82 hung".
tell() {
    python3 - "$scratch/result" <<'PYTHON'
import collections, json, sys
tried = [t for t in json.load(open(sys.argv[1]))["trials"] if "instruction" in t]
words = {"clean": "coped", "hang": "hung", "graceful": "ended with an error"}
outcomes = collections.Counter(words.get(t["outcome"], t["outcome"]) for t in tried)
print(f"{len(tried)} of {tried[0]['instructions']} instructions tried:", ", ".join(f"{n} {o}" for o, n in outcomes.items()))
PYTHON
}

if ! command -v python3 >/dev/null; then
    echo "skipped: no python3 here"
    exit 77
fi
for way in put get; do
    sweep 1 "${way}_message" "$plain" "$way"
    expect 'it["totals"]["error"] == 0 and of("hang") and of("clean")'
    # The lock is held for a while in the middle of the call, and neither at its beginning nor at its end.
    expect 'min(of("clean")) < min(of("hang")) and max(of("hang")) < trials[0]["instructions"]'
    expect 'all(f["outcome"] == "hang" for f in it["sweep"]["failures"])'
    # Where the victim has just woken a survivor, it is a race what that one waits for next.
    expect 'sum(f["replayed"] for f in it["sweep"]["failures"]) > 0.7 * sum(f["replays"] for f in it["sweep"]["failures"])'
    expect 'all("step=" in f["replay"] for f in it["sweep"]["failures"])'
    echo "plain $way: $(tell)"
done
for way in put get; do
    if [ -z "$boost" ]; then
        echo "boost $way: skipped: not installed"
        continue
    fi
    sweep 1 "boost_$way" "$boost" "$way"
    expect 'it["totals"]["error"] == 0 and of("hang") and of("clean")'
    echo "boost $way: $(tell)"
done
for way in put get; do
    function=mproc_queue_put
    [[ $way == get ]] && function=mproc_queue_get_into
    sweep 0 "$function" "$mproc" "$way"
    expect 'it["totals"]["error"] == 0 and it["totals"]["fail"] == 0 and len(of("clean")) > 10'
    echo "mproc $way: $(tell)"
done
