#!/usr/bin/env bash
# `pitfall sweep` of a program with threads: what each of them does is counted by itself, and so in the same way in every
# run, whichever of them comes first.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
cd "$scratch"
mkdir work
cd work

record() {
    "$pitfall" sweep --all --syscalls openat,write,fsync,close --faults errno,kill --record "$scratch/plan-$1.json" -- \
        "$FOUR_THREADS" >"$scratch/said-$1" 2>&1
}

echo "- twenty recordings, ten at a time, make one plan"
for first in 1 11; do
    recordings=()
    for i in $(seq "$first" $((first + 9))); do
        record "$i" &
        recordings+=($!)
    done
    for recording in "${recordings[@]}"; do
        run wait "$recording"
        expect_status 0
    done
done
# How long a run takes is in the plan as well.
same='{key: it[key] for key in it if key != "run_ms"}'
for i in $(seq 2 20); do
    expect_json "$scratch/plan-$i.json" "$same == (lambda it: $same)(json.load(open('$scratch/plan-1.json')))"
done

echo "- in which each thread has its own writes"
writes='{(p["process"], p["occurrence"]) for p in it["points"] if p.get("call") == "write"}'
expect_json "$scratch/plan-1.json" "$writes == {('0/t%d' % t, n) for t in range(1, 5) for n in range(1, t + 2)}"

echo "- and every fault of it strikes"
run "$pitfall" sweep --plan "$scratch/plan-1.json" --json
[ "$status" -le 1 ] || fail "status 0 or 1 expected"
expect_json "$scratch/stdout" 'len(planned(it)) == it["plan"]["trials"]'
expect_json "$scratch/stdout" 'all(t["faults"][0]["fired"] == 1 for t in it["trials"] if "+" not in t["faults"][0]["spec"])'
expect_json "$scratch/stdout" 'all(t["verdict"] != "skip" for t in it["trials"])'
